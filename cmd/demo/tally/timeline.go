package tally

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/troupe-go/troupe/cmd/demo/page"
)

// timeline lays attempts out in rows, in the order in which they begin, until it is full.
type timeline struct {
	byGroup bool
	left    int // bars there is room for
	omitted int
	list    []page.Row
	rows    map[string]int // in list, by name
	slots   slots
}

// place is where a bar is.
type place struct {
	slot     int // taken until the attempt ends; only if rows are slots
	row, bar int
	kept     bool
}

// begin adds a bar without an end.
func (t *timeline) begin(group string, b page.Bar) (p place) {
	name := group
	if !t.byGroup {
		p.slot = t.slots.take()
		name = fmt.Sprint("slot ", p.slot+1)
	}
	if t.left == 0 {
		t.omitted++
		return p
	}
	t.left--
	row, ok := t.rows[name]
	if !ok {
		row = len(t.list)
		t.rows[name] = row
		t.list = append(t.list, page.Row{Name: name})
	}
	p.row, p.bar, p.kept = row, len(t.list[row].Bars), true
	t.list[row].Bars = append(t.list[row].Bars, b)
	return p
}

func (t *timeline) end(p place, at time.Duration, outcome string) {
	if !t.byGroup {
		t.slots.free(p.slot)
	}
	if p.kept {
		b := &t.list[p.row].Bars[p.bar]
		b.End, b.Outcome = at, outcome
	}
}

// slots are the numbers that are taken, a bit each.
type slots []uint64

// take takes the lowest free number.
func (s *slots) take() int {
	for i, word := range *s {
		if n := bits.TrailingZeros64(^word); n < 64 {
			(*s)[i] |= 1 << n
			return i*64 + n
		}
	}
	*s = append(*s, 1)
	return (len(*s) - 1) * 64
}

func (s slots) free(n int) { s[n/64] &^= 1 << (n % 64) }
