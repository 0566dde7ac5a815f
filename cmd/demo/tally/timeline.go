package tally

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/cmd/demo/page"
)

// timeline lays attempts out in rows, in the order in which they begin, until it is full.
type timeline struct {
	byGroup bool
	left    int // room for bars
	omitted int
	list    []page.Row
	rows    map[string]int // in list, by name
	lanes   lanes
}

// place is the position of a bar.
type place struct {
	lane     int // taken until the attempt ends; only if rows are lanes
	row, bar int
	kept     bool
}

// begin adds a bar without an end.
func (t *timeline) begin(group string, b page.Bar) (p place) {
	name := group
	if !t.byGroup {
		p.lane = t.lanes.take()
		name = fmt.Sprint("lane ", p.lane+1)
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
		t.lanes.free(p.lane)
	}
	if p.kept {
		b := &t.list[p.row].Bars[p.bar]
		b.End, b.Outcome = at, outcome
	}
}

// sorted returns the rows by name, so that the order is reproducible.
func (t *timeline) sorted() []page.Row {
	return slices.SortedStableFunc(slices.Values(t.list), func(a, b page.Row) int { return cmp.Or(byNumber(a.Name, b.Name), strings.Compare(a.Name, b.Name)) })
}

// byNumber compares names, with digits as numbers, so that 9 precedes 10.
func byNumber(a, b string) int {
	for a != "" && b != "" {
		text, number := cut(a)
		otherText, otherNumber := cut(b)
		order := cmp.Or(
			strings.Compare(text, otherText),
			cmp.Compare(len(number), len(otherNumber)), // without leading zeros the longer one is larger
			strings.Compare(number, otherNumber),
		)
		if order != 0 {
			return order
		}
		a, b = a[len(text)+leading(a[len(text):]):], b[len(otherText)+leading(b[len(otherText):]):]
	}
	return strings.Compare(a, b)
}

// cut returns the text at the beginning of a name, and the number after it without leading zeros.
func cut(name string) (text, number string) {
	i := strings.IndexAny(name, "0123456789")
	if i < 0 {
		return name, ""
	}
	return name[:i], strings.TrimLeft(name[i:i+leading(name[i:])], "0")
}

// leading returns the number of digits at the beginning of text.
func leading(text string) int { return len(text) - len(strings.TrimLeft(text, "0123456789")) }

// lanes is the set of numbers in use, one bit each.
type lanes []uint64

// take takes the lowest free number.
func (s *lanes) take() int {
	for i, word := range *s {
		if n := bits.TrailingZeros64(^word); n < 64 {
			(*s)[i] |= 1 << n
			return i*64 + n
		}
	}
	*s = append(*s, 1)
	return (len(*s) - 1) * 64
}

func (s lanes) free(n int) { s[n/64] &^= 1 << (n % 64) }
