package sources

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/messages"
)

// index is an event split into records, whose values are yet to be read.
type index struct {
	scanner
	layout *layout
	shapes []shape
	places []place // len(layout.names) for each shape
	pairs  []pair

	// results are the beginnings of the records' results, by admit, which is called for a record while its
	// text is still in the processor's cache.
	results []messages.Result
	admit   func(i int, f fields) (id string, err error)
	ids     strings.Builder

	found bool  // Records
	flaw  error // the first thing that is JSON but no event
}

// split scans an event and finds its records and their fields.
func split(text string, l *layout, admit func(i int, f fields) (id string, err error)) (*index, error) {
	if len(text) > math.MaxInt32 {
		return nil, fmt.Errorf("%d bytes where 2 GiB are the limit", len(text))
	}
	x := &index{scanner: scanner{text: text}, layout: l, admit: admit}
	if x.event(x.space(0)) < 0 {
		return nil, x.err()
	}
	if !x.found {
		x.mark(errors.New(`"Records" is missing`))
	}
	return x, x.flaw
}

// record returns record i, ready to be read.
func (x *index) record(i int) fields {
	n, r := len(x.layout.names), &x.shapes[i]
	return fields{
		scanner: scanner{text: x.text},
		shape:   *r,
		places:  x.places[i*n : (i+1)*n],
		pairs:   x.pairs[r.from:r.to],
	}
}

func (x *index) mark(flaw error) {
	if x.flaw == nil {
		x.flaw = flaw
	}
}

// event scans the whole text.
func (x *index) event(i int) int {
	if x.is(i, '{') {
		i = x.members(i)
	} else {
		start := i
		if i = x.value(i, 0); i >= 0 {
			x.mark(errors.New("the event is " + article(kindOf(x.text[start:])) + ` where an object with "Records" was expected`))
		}
	}
	if i < 0 {
		return i
	}
	if i = x.space(i); i < len(x.text) {
		return x.fail(i)
	}
	return i
}

func (x *index) members(i int) int {
	i, more := x.first(i, '}', 0)
	for more {
		start := i
		if i, _ = x.quote(i); i < 0 {
			return i
		}
		key := unquote(x.text[start+1 : i-1])
		if i = x.colon(i); i < 0 {
			return i
		}
		// encoding/json takes records for Records too.
		if strings.EqualFold(key, "Records") {
			i = x.records(i)
		} else {
			i = x.value(i, 1)
		}
		if i < 0 {
			return i
		}
		i, more = x.next(i, '}')
	}
	return i
}

func (x *index) records(i int) int {
	start := i
	if x.found {
		x.mark(errors.New(`"Records" comes twice`))
		return x.value(i, 1)
	}
	x.found = true
	if !x.is(i, '[') {
		if i = x.value(i, 1); i >= 0 {
			x.mark(errors.New(`"Records" is ` + article(kindOf(x.text[start:])) + " where an array was expected"))
		}
		return i
	}
	i, more := x.first(i, ']', 1)
	for n := 0; more; n++ {
		start := i
		if i = x.element(i, n); i < 0 {
			return i
		}
		if n == 0 {
			x.reserve((len(x.text)-i)/(i-start+1) + 1)
		}
		i, more = x.next(i, ']')
	}
	return i
}

// reserve makes room for n more records like the first. Batches have 10,000 at the most, and their records
// are much alike.
func (x *index) reserve(n int) {
	n = min(n, 10000)
	x.shapes = slices.Grow(x.shapes, n)
	x.places = slices.Grow(x.places, n*len(x.places))
	x.pairs = slices.Grow(x.pairs, n*len(x.pairs))
	x.results = slices.Grow(x.results, n)
	x.ids.Grow(n * x.ids.Len())
}

var noPlaces [16]place

// element scans record n.
func (x *index) element(i, n int) int {
	r := shape{start: uint32(i)}
	if !x.is(i, '{') {
		if i = x.value(i, 2); i >= 0 {
			x.mark(recordError(n, article(kindOf(x.text[r.start:]))+" where an object was expected"))
		}
		return i
	}
	x.places = append(x.places, noPlaces[:len(x.layout.names)]...)
	if i = x.object(i, 2, 0, &r); i < 0 {
		return i
	}
	r.end = uint32(i)
	x.shapes = append(x.shapes, r)
	if x.flaw == nil {
		id, err := x.admit(n, x.record(n))
		x.flaw = err
		x.results = append(x.results, messages.Result{ID: keep(&x.ids, id)})
	}
	return i
}

// keep copies s to the end of arena. Small strings kept like this share memory with each other, and not with
// the event.
func keep(arena *strings.Builder, s string) string {
	start := arena.Len()
	arena.WriteString(s)
	return arena.String()[start:]
}

// object scans a record, or the object nested in it; base is the first of its fields.
func (x *index) object(i, depth, base int, r *shape) int {
	names := x.layout.names[base:]
	if base == 0 {
		names = names[:x.layout.outer]
	}
	likely := 0
	i, more := x.first(i, '}', depth)
	for more {
		k, end := x.known(i, names, likely)
		if k < 0 {
			var special bool
			if end, special = x.quote(i); end < 0 {
				return end
			}
			r.odd = r.odd || special || folds(x.text[i+1:end-1], names)
		}
		if i = x.colon(end); i < 0 {
			return i
		}
		if k < 0 {
			i = x.value(i, depth+1)
		} else {
			i = x.field(i, depth+1, base+k, r)
			likely = k + 1
		}
		if i < 0 {
			return i
		}
		i, more = x.next(i, '}')
	}
	return i
}

// field scans the value of field k.
func (x *index) field(i, depth, k int, r *shape) int {
	bit := uint32(1) << k
	r.odd = r.odd || r.seen&bit != 0
	r.seen |= bit
	start := i
	switch {
	case x.is(i, '"'):
		var special bool
		i, special = x.str(i)
		r.strings |= bit
		if special {
			r.specials |= bit
		}
	case k == x.layout.nest && x.is(i, '{'):
		i = x.object(i, depth, x.layout.outer, r)
	case k == x.layout.dict && x.is(i, '{'):
		i = x.dict(i, depth, r)
	default:
		i = x.value(i, depth)
	}
	x.places[len(x.places)-len(x.layout.names)+k] = placed(start, i)
	return i
}

// known returns which of names the key at i is, and where it ends, or −1. AWS always writes fields in the
// same order, so that the first guess is mostly right.
func (x *index) known(i int, names []string, likely int) (k, end int) {
	if !x.is(i, '"') {
		return -1, 0
	}
	k = likely
	for range names {
		if k == len(names) {
			k = 0
		}
		if end := i + 1 + len(names[k]); x.is(end, '"') && x.text[i+1:end] == names[k] {
			return k, end + 1
		}
		k++
	}
	return -1, 0
}

// folds reports whether encoding/json would take key for one of names.
func folds(key string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, key) })
}

// dict scans an object whose values are strings.
func (x *index) dict(i, depth int, r *shape) int {
	r.from = uint32(len(x.pairs))
	i, more := x.first(i, '}', depth)
	for more {
		var (
			p       pair
			special bool
			start   = i
		)
		if i, special = x.quote(i); i < 0 {
			return i
		}
		r.odd = r.odd || special
		p.key = placed(start+1, i-1)
		if i = x.colon(i); i < 0 {
			return i
		}
		start = i
		if x.is(i, '"') {
			i, p.special = x.str(i)
		} else {
			i = x.value(i, depth+1)
			r.odd = true
		}
		if i < 0 {
			return i
		}
		p.value = placed(start+1, i-1)
		x.pairs = append(x.pairs, p)
		i, more = x.next(i, '}')
	}
	r.to = uint32(len(x.pairs))
	return i
}
