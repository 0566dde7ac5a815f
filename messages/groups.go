package messages

import (
	"strings"

	"github.com/troupe-go/troupe/batch"
)

// NumberGroups numbers the groups of an ordered batch in the order in which they first appear, and returns the numbers
// of the records up to the barrier. The record at the barrier, whose group is not known, has a group to itself.
//
// It replaces the names in results by copies, one for each group, so that a kept report does not keep the event.
func NumberGroups(results []batch.Result, barrier int) []int32 {
	var (
		numbers = make([]int32, min(barrier+1, len(results)))
		byName  = make(map[string]int32)
		names   []string // by number
		piece   copies
		last    int32
	)
	for i := range results {
		r := &results[i]
		number, known := last, i > 0 && same(r.Group, names[last]) // after the barrier only the name counts
		switch {
		case i == barrier:
			known = false
		case !known:
			number, known = byName[r.Group]
		}
		if !known {
			number = int32(len(names))
			name := piece.copy(r.Group, len(results)-i)
			names = append(names, name)
			if i != barrier {
				byName[name] = number
			}
		}
		r.Group, last = names[number], number
		if i < len(numbers) {
			numbers[i] = number
		}
	}
	return numbers
}

// same reports whether two names are equal. Names that differ mostly differ at their end.
func same(a, b string) bool {
	n := len(a)
	return n == len(b) && (n == 0 || a[n-1] == b[n-1]) && a == b
}

// copies makes copies of short strings, which share pieces of memory.
type copies struct{ piece strings.Builder }

const maxPiece = 4 << 10

// copy returns a copy of s. There are more strings to copy, about as long as s: at most as many as are left, s included.
func (c *copies) copy(s string, left int) string {
	if c.piece.Cap()-c.piece.Len() < len(s) {
		c.piece.Reset()
		c.piece.Grow(max(len(s), min(left*len(s), maxPiece)))
	}
	start := c.piece.Len()
	c.piece.WriteString(s)
	return c.piece.String()[start:]
}
