package sources

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unsafe"

	"github.com/troupe-go/troupe/messages"
)

// index is an event split into records, whose values are yet to be read.
type index struct {
	layout *layout
	pieces []string // with the texts of several records each
	shapes []shape
	places []place // len(layout.names) for each shape
	pairs  []pair
}

// record returns record i, ready to be read.
func (x *index) record(i int) fields {
	r, n := &x.shapes[i], len(x.layout.names)
	piece := x.pieces[r.piece]
	return fields{
		scanner:   scanner{text: piece[r.start:r.middle]},
		unescaped: piece[r.middle:r.end],
		shape:     r, places: x.places[i*n : (i+1)*n], pairs: x.pairs[r.from:r.to],
	}
}

// splitter makes an index.
type splitter struct {
	*index
	scanner
	base int // where the record starts
	// unescaped is made of the values of the record's fields that have escapes: finding where they end is most
	// of the work of unescaping them.
	unescaped []byte
	piece     strings.Builder // the last of index.pieces

	// admit is asked about a record while its text is still in the processor's cache.
	admit   func(i int, f fields) (id string, err error)
	results []messages.Result // with the identifiers
	ids     strings.Builder

	found bool  // Records
	flaw  error // the first thing that is JSON but no event
}

// split scans an event and finds its records and their fields. It asks admit about each record, for its
// identifier. Nothing that it returns refers to payload.
func split(payload []byte, l *layout, admit func(i int, f fields) (id string, err error)) (*index, []messages.Result, error) {
	if len(payload) > math.MaxInt32 {
		return nil, nil, fmt.Errorf("%d bytes where 2 GiB are the limit", len(payload))
	}
	// The scan needs a string, and a copy of the whole would be a large block of memory for every invocation,
	// which costs more than the scan. So it is a view of payload, which stays as it is for that long, and each
	// record is copied as soon as it has been scanned.
	s := splitter{index: &index{layout: l}, scanner: scanner{text: unsafe.String(unsafe.SliceData(payload), len(payload))}, admit: admit}
	if s.event(s.space(0)) < 0 {
		return nil, nil, s.err()
	}
	if !s.found {
		s.mark(errors.New(`"Records" is missing`))
	}
	return s.index, s.results, s.flaw
}

func (s *splitter) mark(flaw error) {
	if s.flaw == nil {
		s.flaw = flaw
	}
}

// event scans the whole text.
func (s *splitter) event(i int) int {
	if s.is(i, '{') {
		i = s.members(i)
	} else {
		start := i
		if i = s.value(i, 0); i >= 0 {
			s.mark(errors.New("the event is " + article(kindOf(s.text[start:])) + ` where an object with "Records" was expected`))
		}
	}
	if i < 0 {
		return i
	}
	if i = s.space(i); i < len(s.text) {
		return s.fail(i)
	}
	return i
}

func (s *splitter) members(i int) int {
	i, more := s.first(i, '}', 0)
	for more {
		start := i
		if i, _ = s.quote(i); i < 0 {
			return i
		}
		key := s.unquote(start, i)
		if i = s.colon(i); i < 0 {
			return i
		}
		// encoding/json takes records for Records too.
		if strings.EqualFold(key, "Records") {
			i = s.records(i)
		} else {
			i = s.value(i, 1)
		}
		if i < 0 {
			return i
		}
		i, more = s.next(i, '}')
	}
	return i
}

func (s *splitter) records(i int) int {
	start := i
	if s.found {
		s.mark(errors.New(`"Records" comes twice`))
		return s.value(i, 1)
	}
	s.found = true
	if !s.is(i, '[') {
		if i = s.value(i, 1); i >= 0 {
			s.mark(errors.New(`"Records" is ` + article(kindOf(s.text[start:])) + " where an array was expected"))
		}
		return i
	}
	i, more := s.first(i, ']', 1)
	for n := 0; more; n++ {
		start := i
		if i = s.element(i, n); i < 0 {
			return i
		}
		if n == 0 {
			s.reserve((len(s.text)-i)/(i-start+1) + 1)
		}
		i, more = s.next(i, ']')
	}
	return i
}

// reserve makes room for n more records like the first. Batches have 10,000 at the most, and their records
// are much alike.
func (s *splitter) reserve(n int) {
	n = min(n, 10000)
	s.shapes = slices.Grow(s.shapes, n)
	s.places = slices.Grow(s.places, n*len(s.places))
	s.pairs = slices.Grow(s.pairs, n*len(s.pairs))
	s.results = slices.Grow(s.results, n)
	s.ids.Grow(n * s.ids.Len())
}

// element scans record n.
func (s *splitter) element(i, n int) int {
	var r shape
	start := i
	s.base, s.unescaped = start, s.unescaped[:0]
	if !s.is(i, '{') {
		if i = s.value(i, 2); i >= 0 {
			s.mark(recordError(n, article(kindOf(s.text[start:]))+" where an object was expected"))
		}
		return i
	}
	s.places = append(s.places, make([]place, len(s.layout.names))...)
	if i = s.object(i, 2, 0, &r); i < 0 {
		return i
	}
	s.keep(&r, s.text[start:i])
	s.shapes = append(s.shapes, r)
	if s.flaw == nil {
		id, err := s.admit(n, s.record(n))
		s.flaw = err
		s.results = append(s.results, messages.Result{ID: keep(&s.ids, id)})
	}
	return i
}

// pieceSize is how much text is copied to one place. A string of a handler's keeps that much alive, or its
// record, if that is larger.
const pieceSize = 64 << 10

// keep copies the text of a record and what was unescaped of it.
func (s *splitter) keep(r *shape, text string) {
	size := len(text) + len(s.unescaped)
	if s.piece.Cap()-s.piece.Len() < size {
		s.piece.Reset()
		s.piece.Grow(max(size, min(pieceSize, len(s.text)-s.base)))
		s.pieces = append(s.pieces, "")
	}
	r.start = uint32(s.piece.Len())
	s.piece.WriteString(text)
	r.middle = uint32(s.piece.Len())
	s.piece.Write(s.unescaped)
	r.end = uint32(s.piece.Len())
	r.piece = uint32(len(s.pieces) - 1)
	s.pieces[r.piece] = s.piece.String()
}

// keep copies s to the end of arena. Small strings kept like this share memory with each other, and not with
// the event.
func keep(arena *strings.Builder, s string) string {
	start := arena.Len()
	arena.WriteString(s)
	return arena.String()[start:]
}

// object scans a record, or the object nested in it; base is the first of its fields.
func (s *splitter) object(i, depth, base int, r *shape) int {
	names := s.layout.from(base)
	likely := 0
	i, more := s.first(i, '}', depth)
	for more {
		k, end := s.known(i, names, likely)
		if k < 0 {
			var special bool
			if end, special = s.quote(i); end < 0 {
				return end
			}
			r.odd = r.odd || special || s.layout.fold(base, s.text[i+1:end-1]) >= 0
		}
		if i = s.colon(end); i < 0 {
			return i
		}
		if k < 0 {
			i = s.value(i, depth+1)
		} else {
			i = s.field(i, depth+1, base+k, r)
			likely = k + 1
		}
		if i < 0 {
			return i
		}
		i, more = s.next(i, '}')
	}
	return i
}

// field scans the value of field k.
func (s *splitter) field(i, depth, k int, r *shape) int {
	bit := uint32(1) << k
	r.odd = r.odd || r.seen&bit != 0
	r.seen |= bit
	start := i
	switch {
	case s.is(i, '"'):
		return s.stringField(i, k, r)
	case k == s.layout.nest && s.is(i, '{'):
		i = s.object(i, depth, s.layout.outer, r)
	case k == s.layout.dict && s.is(i, '{'):
		i = s.dict(i, depth, r)
	default:
		i = s.value(i, depth)
	}
	s.place(k, start-s.base, i-s.base)
	return i
}

func (s *splitter) place(k, start, end int) {
	s.places[len(s.places)-len(s.layout.names)+k] = placed(start, end)
}

// stringField scans the string that is field k.
func (s *splitter) stringField(i, k int, r *shape) int {
	bit := uint32(1) << k
	r.strings |= bit
	start := i
	if i = s.run(i); s.is(i, '"') {
		s.place(k, start-s.base, i+1-s.base)
		return i + 1
	}
	if s.is(i, '\\') {
		from := len(s.unescaped)
		var valid bool
		if s.unescaped, i, valid = s.unescape(start, s.unescaped); valid {
			r.escaped |= bit
			s.place(k, from, len(s.unescaped))
			return i
		}
	} else {
		i = s.special(i)
	}
	r.specials |= bit
	s.place(k, start-s.base, i-s.base)
	return i
}

// known returns which of names the key at i is, and where it ends, or −1. AWS always writes fields in the
// same order, so that the first guess is mostly right.
func (s *splitter) known(i int, names []string, likely int) (k, end int) {
	if !s.is(i, '"') {
		return -1, 0
	}
	k = likely
	for range names {
		if k == len(names) {
			k = 0
		}
		if end := i + 1 + len(names[k]); s.is(end, '"') && s.text[i+1:end] == names[k] {
			return k, end + 1
		}
		k++
	}
	return -1, 0
}

// dict scans an object whose values are strings.
func (s *splitter) dict(i, depth int, r *shape) int {
	r.from = uint32(len(s.pairs))
	i, more := s.first(i, '}', depth)
	for more {
		var (
			p       pair
			special bool
			start   = i
		)
		if i, special = s.quote(i); i < 0 {
			return i
		}
		r.odd = r.odd || special
		p.key = placed(start+1-s.base, i-1-s.base)
		if i = s.colon(i); i < 0 {
			return i
		}
		start = i
		if s.is(i, '"') {
			i, p.special = s.str(i)
		} else {
			i = s.value(i, depth+1)
			r.odd = true
		}
		if i < 0 {
			return i
		}
		p.value = placed(start+1-s.base, i-1-s.base)
		s.pairs = append(s.pairs, p)
		i, more = s.next(i, '}')
	}
	r.to = uint32(len(s.pairs))
	return i
}
