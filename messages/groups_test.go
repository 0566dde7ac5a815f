package messages

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/assert"

	"github.com/troupe-go/troupe/batch"
)

// SPEC O2, D6: a name is a group wherever it appears, but for the record whose group is not known.
func TestGroupsAreNumberedByFirstAppearance(t *testing.T) {
	for _, c := range []struct {
		name    string
		groups  []string
		barrier int
		want    []int32
	}{
		{"neighbors", []string{"a", "a", "b", "b", "a"}, 5, []int32{0, 0, 1, 1, 0}},
		{"apart", []string{"a", "b", "", "b", ""}, 5, []int32{0, 1, 2, 1, 2}},
		{"a barrier of the same name", []string{"a", "a", "a"}, 1, []int32{0, 1}},
		{"a barrier without a name", []string{"", "", ""}, 2, []int32{0, 0, 1}},
		{"a barrier at the start", []string{"a", "a"}, 0, []int32{0}},
		{"no records", nil, 0, []int32{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			results := make([]batch.Result, len(c.groups))
			for i, group := range c.groups {
				results[i].Group = group
			}
			assert.Equal(t, c.want, NumberGroups(results, c.barrier))
			for i, group := range c.groups {
				assert.Equal(t, group, results[i].Group, "also behind the barrier")
			}
		})
	}
}

// Records have the same number if and only if they have the same name, however similar names are.
func TestSimilarNamesAreDifferentGroups(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		results := make([]batch.Result, random.IntN(300))
		barrier := random.IntN(len(results) + 1)
		for i := range results {
			results[i].Group = strings.Repeat("x", random.IntN(3)) + strconv.FormatInt(int64(random.IntN(1+random.IntN(400))), 4)
		}
		names := slices.Clone(results)
		numbers, byName, next := NumberGroups(results, barrier), map[string]int32{}, int32(0)
		assert.Equal(t, names, results)
		for i, number := range numbers {
			want, known := byName[names[i].Group]
			if !known || i == barrier {
				want = next
				next++
			}
			if i != barrier {
				byName[names[i].Group] = want
			}
			if number != want {
				t.Fatalf("record %d of %v, barrier %d: %d, not %d", i, names, barrier, number, want)
			}
		}
	}
}

// Observers may keep reports for long, so results must not refer to the event. Records of a group share a copy of its
// name.
func TestGroupsDoNotKeepTheEvent(t *testing.T) {
	for barrier := range 5 {
		event := string(make([]byte, 1<<10))
		kept := weak.Make(unsafe.StringData(event))
		results := []batch.Result{{Group: event[:4]}, {Group: event[:5]}, {Group: event[:4]}, {Group: event[:5]}}
		NumberGroups(results, barrier)
		runtime.KeepAlive(event)
		event = ""
		runtime.GC()
		assert.Nil(t, kept.Value(), "barrier %d", barrier)
		assert.Equal(t, "\x00\x00\x00\x00", results[2].Group)
	}
	results := []batch.Result{{Group: "a"}, {Group: "b"}, {Group: string([]byte("a"))}}
	NumberGroups(results, 3)
	assert.Same(t, unsafe.StringData(results[0].Group), unsafe.StringData(results[2].Group))
}

// Names are copied into a few pieces of memory that are no larger than needed.
func TestCopiesSharePieces(t *testing.T) {
	const n, size = 10_000, 8
	name := string(make([]byte, size))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var c copies
	for i := range n {
		c.copy(name, n-i)
	}
	runtime.ReadMemStats(&after)
	assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(n*size*5/4))
	assert.LessOrEqual(t, after.Mallocs-before.Mallocs, uint64(2*n*size/maxPiece))
}
