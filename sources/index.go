package sources

import (
	"slices"

	"github.com/troupe-go/troupe/internal/jsonscan"
)

// index is an event split into records, whose values are not read yet.
type index struct {
	layout *layout
	parts  []*part // in batch order
	firsts []int   // by part: its first record
}

func newIndex(l *layout, parts []*part) *index {
	x := &index{layout: l, parts: parts, firsts: make([]int, len(parts))}
	n := 0
	for k, p := range parts {
		x.firsts[k] = n
		n += len(p.shapes)
	}
	return x
}

// part is an index of neighbouring records.
type part struct {
	pieces []string // with the texts of several records each
	shapes []shape
	places []place // len(layout.names) for each shape
	pairs  []pair
	ids    []string
	fifo   bool // one of them is from a FIFO queue
}

// record returns record i of the event, ready to be read.
func (x *index) record(i int) fields {
	k, first := slices.BinarySearch(x.firsts, i)
	if !first {
		k--
	}
	return x.parts[k].record(i-x.firsts[k], x.layout)
}

func (p *part) record(i int, l *layout) fields {
	r, n := &p.shapes[i], len(l.names)
	piece := p.pieces[r.piece]
	return fields{
		Scanner:   jsonscan.Scanner{Text: piece[r.start:r.middle]},
		unescaped: piece[r.middle:r.end],
		shape:     r, places: p.places[i*n : (i+1)*n], pairs: p.pairs[r.from:r.to],
		fallback: r.irregular,
	}
}

// len returns the number of records.
func (x *index) len() (n int) {
	for _, p := range x.parts {
		n += len(p.shapes)
	}
	return n
}

// ids has the identifiers of the records.
func (x *index) ids() []string {
	if len(x.parts) == 1 {
		return x.parts[0].ids
	}
	ids := make([]string, 0, x.len())
	for _, p := range x.parts {
		ids = append(ids, p.ids...)
	}
	return ids
}

// fifo reports whether a record is from a FIFO queue.
func (x *index) fifo() bool {
	return slices.ContainsFunc(x.parts, func(p *part) bool { return p.fifo })
}
