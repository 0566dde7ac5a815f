package sources

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/troupe-go/troupe/internal/jsonscan"
)

// indexer makes indexes of neighbouring records, one share of them after the other.
type indexer struct {
	jsonscan.Scanner // of the whole event
	layout           *layout
	depth            int // of the records
	// admit is called for a record while its text is still in the processor's cache.
	admit admission

	share *share // that it scans now
	part  *part  // of the share: its results

	base int // where the record starts
	// unescaped consists of the unescaped values of the record's fields with escapes: finding their ends is
	// most of the work of unescaping them.
	unescaped []byte
	piece     strings.Builder // the last of part.pieces
	arena     strings.Builder // of part.ids
}

// admission is called for record i of a share: for its identifier, and whether it is from a FIFO queue. Several
// goroutines may call it at once.
type admission func(i int, f fields) (id string, fifo bool, err error)

// share is the records that begin at one place of an event and before another.
type share struct {
	start, limit int
	// The results.
	part part
	end  int   // where the next record begins, or the array ends; −1 if it is not JSON
	flaw error // the first thing that is JSON but no record
}

// worklist contains the shares to scan, for whichever goroutine is free.
type worklist struct {
	shares []share
	taken  atomic.Int32
}

// scanShares scans shares until all are taken, or one does not end where the next begins, in which case all results are
// useless.
func (x *indexer) scanShares(w *worklist) {
	for {
		k := int(w.taken.Add(1))
		if k > len(w.shares) {
			return
		}
		x.scanShare(&w.shares[k-1])
		if x.share.end != x.share.limit {
			w.taken.Store(int32(len(w.shares)))
		}
	}
}

func (x *indexer) scanShare(s *share) {
	x.share, x.part = s, &s.part
	x.piece.Reset()
	x.arena.Reset()
	i, more := x.one(s.start)
	if more {
		x.reserve(i - s.start)
	}
	for more && i < s.limit {
		i, more = x.one(i)
	}
	s.end = i
}

// one scans a record and returns where the next one starts, or where the array ends.
func (x *indexer) one(i int) (_ int, more bool) {
	if i = x.element(i); i < 0 {
		return i, false
	}
	return x.Next(i, ']')
}

// reserve makes room for records like the first one, which took that many bytes, up to the limit. Batches have at
// most 10,000 records, which are usually alike.
func (x *indexer) reserve(size int) {
	n := min((x.share.limit-x.base)/size+1, 10000)
	x.part.shapes = slices.Grow(x.part.shapes, n)
	x.part.places = slices.Grow(x.part.places, n*len(x.part.places))
	x.part.pairs = slices.Grow(x.part.pairs, n*len(x.part.pairs))
	x.part.ids = slices.Grow(x.part.ids, n)
	x.arena.Grow(n * x.arena.Len())
}

// element scans the record at i.
func (x *indexer) element(i int) int {
	var r shape
	start, n := i, len(x.part.shapes)
	x.base, x.unescaped = start, x.unescaped[:0]
	if !x.Is(i, '{') {
		if i = x.Value(i, x.depth); i >= 0 && x.share.flaw == nil {
			x.share.flaw = recordError(n, jsonscan.Article(jsonscan.Kind(x.Text[start:]))+" where an object was expected")
		}
		return i
	}
	x.part.places = append(x.part.places, make([]place, len(x.layout.names))...)
	if i = x.object(i, x.depth, 0, &r); i < 0 {
		return i
	}
	x.keep(&r, x.Text[start:i])
	x.part.shapes = append(x.part.shapes, r)
	if x.share.flaw == nil {
		id, fifo, err := x.admit(n, x.part.record(n, x.layout))
		x.part.ids = append(x.part.ids, keep(&x.arena, id))
		x.part.fifo = x.part.fifo || fifo
		x.share.flaw = err
	}
	return i
}

// pieceSize is how much text is copied to one place. A string of a handler's keeps that much alive, or its
// record, if that is larger.
const pieceSize = 64 << 10

// keep copies the text of a record and its unescaped values.
func (x *indexer) keep(r *shape, text string) {
	size := len(text) + len(x.unescaped)
	if x.piece.Cap()-x.piece.Len() < size {
		x.piece.Reset()
		x.piece.Grow(max(size, min(pieceSize, x.share.limit-x.base)))
		x.part.pieces = append(x.part.pieces, "")
	}
	r.start = uint32(x.piece.Len())
	x.piece.WriteString(text)
	r.middle = uint32(x.piece.Len())
	x.piece.Write(x.unescaped)
	r.end = uint32(x.piece.Len())
	r.piece = uint32(len(x.part.pieces) - 1)
	x.part.pieces[r.piece] = x.piece.String()
}

// keep copies s to the end of arena. Small strings kept like this share memory with each other, and not with
// the event.
func keep(arena *strings.Builder, s string) string {
	start := arena.Len()
	arena.WriteString(s)
	return arena.String()[start:]
}

// object scans a record, or an object nested in it; base is its first field.
func (x *indexer) object(i, depth, base int, r *shape) int {
	names := x.layout.from(base)
	likely := 0
	i, more := x.First(i, '}', depth)
	for more {
		k, end := x.known(i, names, likely)
		if k < 0 {
			var special bool
			if end, special = x.Quote(i); end < 0 {
				return end
			}
			r.irregular = r.irregular || special || x.layout.fold(base, x.Text[i+1:end-1]) >= 0
		}
		if i = x.Colon(end); i < 0 {
			return i
		}
		if k < 0 {
			i = x.Value(i, depth+1)
		} else {
			i = x.field(i, depth+1, base+k, r)
			likely = k + 1
		}
		if i < 0 {
			return i
		}
		i, more = x.Next(i, '}')
	}
	return i
}

// field scans the value of field k.
func (x *indexer) field(i, depth, k int, r *shape) int {
	bit := uint32(1) << k
	r.irregular = r.irregular || r.seen&bit != 0
	r.seen |= bit
	start := i
	switch {
	case x.Is(i, '"'):
		return x.stringField(i, k, r)
	case k == x.layout.nest && x.Is(i, '{'):
		i = x.object(i, depth, x.layout.outer, r)
	case k == x.layout.dict && x.Is(i, '{'):
		i = x.dict(i, depth, r)
	default:
		i = x.Value(i, depth)
	}
	x.place(k, start-x.base, i-x.base)
	return i
}

func (x *indexer) place(k, start, end int) {
	x.part.places[len(x.part.places)-len(x.layout.names)+k] = placed(start, end)
}

// stringField scans the string that is field k.
func (x *indexer) stringField(i, k int, r *shape) int {
	bit := uint32(1) << k
	r.strings |= bit
	start := i
	if i = x.Run(i); x.Is(i, '"') {
		x.place(k, start-x.base, i+1-x.base)
		return i + 1
	}
	if x.Is(i, '\\') {
		from := len(x.unescaped)
		var valid bool
		if x.unescaped, i, valid = x.Unescape(start, x.unescaped); valid {
			r.escaped |= bit
			x.place(k, from, len(x.unescaped))
			return i
		}
	} else {
		i = x.Special(i)
	}
	r.specials |= bit
	x.place(k, start-x.base, i-x.base)
	return i
}

// known returns which of names the key at i is, and where it ends, or −1. AWS always writes fields in the
// same order, so the first guess is usually right.
func (x *indexer) known(i int, names []string, likely int) (k, end int) {
	if !x.Is(i, '"') {
		return -1, 0
	}
	k = likely
	for range names {
		if k == len(names) {
			k = 0
		}
		if end := i + 1 + len(names[k]); x.Is(end, '"') && x.Text[i+1:end] == names[k] {
			return k, end + 1
		}
		k++
	}
	return -1, 0
}

// dict scans an object whose values are strings.
func (x *indexer) dict(i, depth int, r *shape) int {
	r.from = uint32(len(x.part.pairs))
	i, more := x.First(i, '}', depth)
	for more {
		var (
			p       pair
			special bool
			start   = i
		)
		if i, special = x.Quote(i); i < 0 {
			return i
		}
		r.irregular = r.irregular || special
		p.key = placed(start+1-x.base, i-1-x.base)
		if i = x.Colon(i); i < 0 {
			return i
		}
		start = i
		if x.Is(i, '"') {
			i, p.special = x.Str(i)
		} else {
			i = x.Value(i, depth+1)
			r.irregular = true
		}
		if i < 0 {
			return i
		}
		p.value = placed(start+1-x.base, i-1-x.base)
		x.part.pairs = append(x.part.pairs, p)
		i, more = x.Next(i, '}')
	}
	r.to = uint32(len(x.part.pairs))
	return i
}
