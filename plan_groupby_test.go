package troupe

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
)

type noText struct{}

func (*noText) Error() string { panic("a nil pointer") }

// SPEC O3, D6: however the group function ends, it ends nothing else. The records that it has named have their groups;
// the first that it has not named is the barrier and has its failure.
func TestAGroupFunctionThatFailsIsTheBarrier(t *testing.T) {
	release := make(chan struct{})
	for name, c := range map[string]struct {
		misbehave func()
		is        error
		barrier   int
	}{
		"panics":                  {func() { panic("p") }, batch.ErrPanic, 2},
		"panics with nil pointer": {func() { panic((*noText)(nil)) }, batch.ErrPanic, 2},
		"Goexit":                  {func() { runtime.Goexit() }, batch.ErrGoexit, 2},
		"hangs":                   {func() { <-release }, errNoGroup, 5}, // the time is over, for all of them
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release = make(chan struct{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				calls := []int{}
				b := &sources.Plan[int]{IDs: make([]string, 5), Results: make([]batch.Result, 5), Barrier: 5, Open: func(i int) (int, error) { return i, nil }}
				groupBy(ctx, b, func(i int) string {
					calls = append(calls, i)
					if i == 2 {
						c.misbehave()
					}
					return "g"
				})
				assert.Equal(t, c.barrier, b.Barrier)
				for i, r := range b.Results {
					record, err := b.Open(i)
					if i < 2 {
						assert.Equal(t, "g", r.Group)
						require.NoError(t, err)
						assert.Equal(t, i, record)
						continue
					}
					assert.Empty(t, r.Group)
					require.ErrorIs(t, err, c.is)
					assert.NotEmpty(t, err.Error())
				}
				close(release)
				synctest.Wait()
				assert.Equal(t, []int{0, 1, 2}, calls, "behind it there is nothing to ask")
			})
		})
	}
}

// Without time nothing is asked, and nothing is said of the records.
func TestAGroupFunctionIsNotAskedWhenTheTimeIsOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := &sources.Plan[int]{IDs: make([]string, 3), Results: make([]batch.Result, 3), Barrier: 3, Open: func(i int) (int, error) { return i, nil }}
	groupBy(ctx, b, func(int) string { panic("not to be asked") })
	assert.Equal(t, 3, b.Barrier)
	_, err := b.Open(0)
	assert.NoError(t, err, "nothing starts")

}

// SPEC P6: the first attempt gets the very value that the function saw, another one a value of its own.
func TestAnotherAttemptAtAGroupedRecordGetsItDecodedAnew(t *testing.T) {
	decoded := 0
	p := &sources.Plan[*int]{IDs: make([]string, 2), Results: make([]batch.Result, 2), Barrier: 2, Open: func(i int) (*int, error) { decoded++; return new(int), nil }}
	var seen []*int
	groupBy(t.Context(), p, func(record *int) string { seen = append(seen, record); return "g" })
	first, err := p.Open(0)
	require.NoError(t, err)
	assert.Same(t, seen[0], first)
	*first = 7
	for range 2 {
		again, err := p.Open(0)
		require.NoError(t, err)
		assert.NotSame(t, first, again)
		assert.Zero(t, *again)
	}
	second, _ := p.Open(1)
	assert.Same(t, seen[1], second)
	assert.Equal(t, 4, decoded)
}
