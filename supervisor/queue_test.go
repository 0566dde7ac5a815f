package supervisor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/batch"
)

// drain pops all there is.
func drain(q *queue) (all []int32) {
	for !q.empty() {
		all = append(all, q.pop())
	}
	return all
}

// SPEC O1: the earliest record comes first, be it the first of its group or one that came up since.
func TestTheEarliestRecordComesFirst(t *testing.T) {
	for _, c := range []struct {
		name string
		q    queue
		push []int32
		want []int32
	}{
		{"nothing", queue{}, nil, nil},
		{"unordered", queue{end: 4}, nil, []int32{0, 1, 2, 3}},
		{"firsts of groups", queue{firsts: []int32{0, 3, 4}, end: 3}, nil, []int32{0, 3, 4}},
		{"only what came up", queue{}, []int32{5, 2, 9, 2}, []int32{2, 2, 5, 9}},
		{"between the firsts", queue{firsts: []int32{3, 6, 9}, end: 3}, []int32{7, 1, 8, 10}, []int32{1, 3, 6, 7, 8, 9, 10}},
		{"before all of an unordered batch", queue{next: 3, end: 6}, []int32{2, 0}, []int32{0, 2, 3, 4, 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, i := range c.push {
				c.q.push(i)
			}
			assert.Equal(t, len(c.want) == 0, c.q.empty())
			assert.Equal(t, c.want, drain(&c.q))
			assert.True(t, c.q.empty())
		})
	}
}

// SPEC O1: whatever is pushed and popped in whatever order, what is popped is the least of what is there.
func TestTheQueueIsASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var model []int32
		if rapid.Bool().Draw(t, "ordered") {
			firsts := rapid.SliceOfNDistinct(rapid.Int32Range(0, 200), 0, 30, rapid.ID[int32]).Draw(t, "firsts")
			slices.Sort(firsts)
			q = queue{firsts: firsts, end: int32(len(firsts))}
			model = append(model, firsts...)
		} else {
			q.end = rapid.Int32Range(0, 30).Draw(t, "records")
			for i := range q.end {
				model = append(model, i)
			}
		}
		for _, i := range rapid.SliceOfN(rapid.Int32Range(-1, 200), 0, 200).Draw(t, "steps") {
			if i >= 0 {
				q.push(i)
				model = append(model, i)
				continue
			}
			if len(model) == 0 {
				require.True(t, q.empty())
				continue
			}
			slices.Sort(model)
			require.False(t, q.empty())
			require.Equal(t, model[0], q.pop())
			model = model[1:]
		}
		slices.Sort(model)
		require.True(t, slices.Equal(model, drain(&q)))
	})
}

func TestALargeQueueComesOutSorted(t *testing.T) {
	var q queue
	var want []int32
	for _, i := range rand.Perm(10_000) {
		q.push(int32(i))
		want = append(want, int32(i))
	}
	slices.Sort(want)
	assert.Equal(t, want, drain(&q))
}

// named returns results whose groups are the words of text.
func named(text string) (results []batch.Result) {
	for group := range strings.FieldsSeq(text) {
		results = append(results, batch.Result{Group: strings.Trim(group, `"`)})
	}
	return results
}

// SPEC O2, O3, D6: the groups of a batch, and what a record whose group is unknown does to them.
func TestGroupsAreFoundInBatchOrder(t *testing.T) {
	for _, c := range []struct {
		name    string
		groups  string
		barrier int // -1: none
		of      []int32
		after   []int32
		firsts  []int32
	}{
		{"none", "", -1, []int32{}, []int32{}, nil},
		{"one record", "a", -1, []int32{0}, []int32{none}, []int32{0}},
		{"one group", "a a a", -1, []int32{0, 0, 0}, []int32{1, 2, none}, []int32{0}},
		{"two groups", "a b a b a", -1, []int32{0, 1, 0, 1, 0}, []int32{2, 3, 4, none, none}, []int32{0, 1}},
		{"no key is a group", `"" a ""`, -1, []int32{0, 1, 0}, []int32{2, none, none}, []int32{0, 1}},
		{"groups of one", "a b c", -1, []int32{0, 1, 2}, []int32{none, none, none}, []int32{0, 1, 2}},
		{"barrier in the middle", "a b a a b", 2, []int32{0, 1, 2}, []int32{none, none, none}, []int32{0, 1, 2}},
		{"barrier whose name is a group's", `a "" ""`, 2, []int32{0, 1, 2}, []int32{none, none, none}, []int32{0, 1, 2}},
		{"barrier at the start", "a a", 0, []int32{0}, []int32{none}, []int32{0}},
		{"barrier at the end", "a a b", 2, []int32{0, 0, 1}, []int32{1, none, none}, []int32{0, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			results := named(c.groups)
			barrier := c.barrier
			if barrier < 0 {
				barrier = len(results)
			}
			g := groupsOf(results, barrier)
			assert.Equal(t, c.of, g.of)
			assert.Equal(t, c.after, g.after)
			assert.Equal(t, c.firsts, g.firsts)
			assert.Len(t, g.list, len(c.firsts))
		})
	}
}

// SPEC O2: following a group from its first record leads through all of it, in batch order.
func TestEveryRecordIsReachedOnceThroughItsGroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.IntRange(0, 6), 0, 60).Draw(t, "groups")
		barrier := rapid.IntRange(0, len(names)).Draw(t, "barrier")
		var results []batch.Result
		for _, n := range names {
			results = append(results, batch.Result{Group: fmt.Sprint(n)})
		}
		g := groupsOf(results, barrier)
		seen := make(map[int32]bool)
		for _, i := range g.firsts {
			for ; i != none; i = g.after[i] {
				require.False(t, seen[i])
				seen[i] = true
				if next := g.after[i]; next != none {
					require.Greater(t, next, i)
					require.Equal(t, results[i].Group, results[next].Group)
					require.NotContains(t, []int{int(i), int(next)}, barrier)
				}
			}
		}
		require.Len(t, seen, min(barrier+1, len(names)))
		require.True(t, slices.IsSorted(g.firsts))
	})
}
