//go:build unix

package hostile

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
)

// SPEC 2, D1, D2: a process that AWS_LAMBDA_MAX_CONCURRENCY gives 64 invocations at once, each with a deadline of its
// own, with handlers that hang, that obey their context, that fail and that panic. Each invocation gets its
// own answer before its own deadline, as far as the machine's load allows: the virtual time of other tests is where that is exact.
func TestSixtyFourLoopsAnswerEachBeforeItsOwnDeadline(t *testing.T) {
	t.Parallel()
	const loops, records = 64, 20
	deeds := []string{"ok", "ok", "ok", "ok", "fail", "panic", "obey", "hang", "hang exit"}
	f, said := function(t, runtimeapi.Config{MaxConcurrency: loops})
	answered(t, f, patience, message{"start", "ok"})
	var late, cut atomic.Int32
	var all sync.WaitGroup
	for loop := range loops {
		all.Go(func() {
			draw := rand.New(rand.NewPCG(64, uint64(loop)))
			batch := make([]message, records)
			for i := range batch {
				batch[i] = message{fmt.Sprintf("%d-%d", loop, i), deeds[draw.IntN(len(deeds))]}
			}
			deadline := time.Now().Add(1500*time.Millisecond + time.Duration(draw.IntN(1500))*time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			failed := idsOf(batch, "fail", "panic", "obey", "hang", "hang exit")
			got := answer(t, f, telling{ctx, deadline}, batch...)
			// Nothing is missing and nothing is out of order. On a machine under load there may be more: records
			// that were to succeed and were not reached before the cutoff.
			assert.Subset(t, got, failed)
			assert.Subset(t, idsOf(batch, deeds...), got)
			assert.IsIncreasing(t, positions(batch, got))
			cut.Add(int32(len(got) - len(failed)))
			if time.Now().After(deadline) {
				late.Add(1)
			}
			for i := range batch { // and now beside handlers that hang
				batch[i].do = deeds[draw.IntN(6)]
			}
			assert.Equal(t, idsOf(batch, "fail", "panic"), answered(t, f, patience, batch...))
		})
	}
	all.Wait()
	t.Logf("%d of %d answers came after their deadline, and %d records were not reached before it; on an idle machine none", late.Load(), loops, cut.Load())
	assert.Equal(t, 1, f.Started())
	assert.Len(t, said.reports(), 1+2*loops)
}

// positions are the places in a batch of the messages with these identifiers.
func positions(batch []message, ids []string) []int {
	at := make([]int, len(ids))
	for i, id := range ids {
		at[i] = slices.IndexFunc(batch, func(m message) bool { return m.id == id })
	}
	return at
}

// What the runtime client of aws-lambda-go does when one of its loops is late: it asks for no more events, has the
// invocations under way come to their end, and then ends the process. So nothing else is lost by it.
func TestALateAnswerInOneLoopLetsTheOthersFinish(t *testing.T) {
	t.Parallel()
	f, said := function(t, runtimeapi.Config{MaxConcurrency: 2})
	answered(t, f, patience, message{"start", "ok"})
	beside := make(chan []string, 1)
	go func() { beside <- answered(t, f, patience, message{"1", "work 400ms"}, message{"2", "fail"}) }()
	said.await("at work")

	late := &overdue{t.Context(), time.Now().Add(time.Minute), time.Now()}
	_, err := f.Invoke(late, event(message{"3", "ok"}))
	assert.ErrorIs(t, err, lambdasim.ErrCrashed)
	assert.Equal(t, []string{"2"}, <-beside)
	said.await("unexpected status code: 410")
	assert.Equal(t, []string{"4"}, answered(t, f, patience, message{"4", "fail"}))
	assert.Equal(t, 2, f.Started())
}

// SPEC S2: the same under a simulated queue, with deadlines that pass while handlers hang, and a process that
// ends in the middle.
func TestSixtyFourLoopsLoseNothing(t *testing.T) {
	t.Parallel()
	f, _ := function(t, runtimeapi.Config{MaxConcurrency: 64, Env: []string{timeout + "=1s"}})
	deeds := make([]string, 600)
	draw := rand.New(rand.NewPCG(6, 4))
	for i := range deeds {
		deeds[i] = []string{"ok", "ok", "ok", "ok", "ok", "fail", "panic", "obey", "hang"}[draw.IntN(9)]
	}
	deeds[300] = "exit"
	assert.NotEmpty(t, drained(t, f, lambdasim.Simulation{Timeout: 6 * time.Second}, "queue", deeds))
}
