//go:build unix

package hostile

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
)

// inUse is the memory that heap and stacks take after a collection.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// SPEC D2: a thousand batches each leave a handler behind. Each is answered at its last call, and its report
// counts those that still run; a batch without trouble in between takes no longer than its handlers. What a
// handler that is left behind costs is its goroutine and its batch: the event, to which its record refers, and
// what is known of each record.
func TestAThousandAbandonedHandlersHoldNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const batches, padding = 1000, 20_000
		release := make(chan struct{})
		var report *troupe.Report
		var returned atomic.Int32
		p := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
			if strings.HasPrefix(msg.Body, "hang") {
				<-release
				returned.Add(1)
				return errTold
			}
			time.Sleep(time.Millisecond)
			return nil
		}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
		invoke := func(all ...message) (failed []string, took time.Duration) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			began := time.Now()
			response, err := p.Invoke(ctx, event(all...))
			require.NoError(t, err)
			require.NoError(t, ctx.Err(), "answered too late")
			return failures(t, response), time.Since(began)
		}
		invoke(message{"warm", "ok"})
		idle, goroutines := inUse(), runtime.NumGoroutine()
		all := append(numbered("m", 9, "ok"), message{"h", "hang" + strings.Repeat(".", padding)})
		for n := range batches {
			failed, took := invoke(all...)
			require.Equal(t, []string{"h"}, failed)
			require.Equal(t, 9875*time.Millisecond, took)
			require.Equal(t, n+1, report.Running)
			require.Equal(t, 1, report.Abandoned)
			if n%100 == 0 {
				failed, took = invoke(numbered("m", 10, "ok")...)
				require.Empty(t, failed)
				require.Equal(t, time.Millisecond, took)
				require.Equal(t, n+1, report.Running)
				require.Zero(t, report.Abandoned)
			}
		}
		each := (inUse() - idle) / batches
		t.Logf("a handler left behind by a batch of %d bytes takes %d bytes", len(event(all...)), each)
		assert.Less(t, each, int64(3*len(event(all...))+16<<10))
		atMost(t, goroutines+batches)

		close(release)
		synctest.Wait()
		assert.EqualValues(t, batches, returned.Load())
		failed, _ := invoke(message{"last", "ok"})
		assert.Empty(t, failed)
		assert.Zero(t, report.Running)
		atMost(t, goroutines)
		assert.Less(t, inUse()-idle, int64(4<<20), "bytes that are left of them")
	})
}

// SPEC D1, D2: the same in earnest: a process in which a thousand handlers hang answers the next invocation
// at once.
func TestAProcessFullOfAbandonedHandlersAnswers(t *testing.T) {
	t.Parallel()
	f, said := function(t, runtimeapi.Config{Env: []string{timeout + "=4s", "POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM=1000"}})
	answered(t, f, patience, message{"start", "ok"})
	hanging := numbered("h", 1000, "hang")
	assert.Equal(t, idsOf(hanging, "hang"), answered(t, f, patience, hanging...))
	all := append(numbered("ok", 500, "ok"), numbered("fail", 500, "fail")...)
	for range 3 {
		began := time.Now()
		assert.Equal(t, idsOf(all, "fail"), answered(t, f, patience, all...))
		t.Logf("beside 1000 abandoned handlers 1000 records took %v", time.Since(began))
	}
	assert.Empty(t, answered(t, f, patience, message{"free", "release"}))
	assert.Empty(t, answered(t, f, patience, message{"end", "ok"}))
	assert.Equal(t, []told{
		{"start", 1, 0, 0}, {"h0", 0, 1000, 1000}, {"ok0", 500, 0, 1000}, {"ok0", 500, 0, 1000}, {"ok0", 500, 0, 1000},
		{"free", 1, 0, 0}, {"end", 1, 0, 0},
	}, said.reports())
	assert.Equal(t, 1, f.Started())
}

var spin = flag.Bool("hostile.spin", false, "measure a process whose abandoned handlers keep its processors busy")

// Handlers that hang asleep cost memory. Those that hang awake cost time, and this tells how much.
func TestAProcessFullOfSpinningHandlersAnswers(t *testing.T) {
	if !*spin {
		t.Skip("takes all processors for some seconds: -hostile.spin")
	}
	for _, n := range []int{1, 10, 100, 1000} {
		f, said := function(t, runtimeapi.Config{Env: []string{reserve + "=2s", "POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM=1000"}})
		answered(t, f, patience, message{"start", "ok"})
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		began := time.Now()
		response, err := f.Invoke(ctx, event(numbered("s", n, "spin")...))
		cancel()
		text := fmt.Sprintf("%d spinning handlers: their batch %v after its start, due at 4s, error %v", n, time.Since(began), err)
		if err == nil {
			assert.Len(t, failures(t, response), n)
			began = time.Now()
			assert.Empty(t, answered(t, f, 5*time.Minute, numbered("ok", 10, "ok")...))
			text += fmt.Sprintf(", ten records after them %v", time.Since(began))
		}
		t.Log(text, said.reports())
		_ = f.Close()
	}
}

// SPEC 2: an observer that never returns is left behind by each of a thousand batches. All are answered before
// their deadline, and nothing but a goroutine each stays, until it returns.
func TestObserversThatHangHoldNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const batches = 1000
		release := make(chan struct{})
		var seen atomic.Int32
		before := runtime.NumGoroutine()
		p := troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
			if msg.Body == "fail" {
				return errTold
			}
			return nil
		}, troupe.WithLogger(slog.New(slog.DiscardHandler)),
			troupe.WithObserver(func(context.Context, *troupe.Report) { <-release }),
			troupe.WithObserver(func(context.Context, *troupe.Report) { seen.Add(1) }))
		for range batches {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			began := time.Now()
			response, err := p.Invoke(ctx, event(message{"1", "ok"}, message{"2", "fail"}))
			require.NoError(t, err)
			require.Equal(t, []string{"2"}, failures(t, response))
			require.Equal(t, 9937500*time.Microsecond, time.Since(began), "deadline - reserve/8")
			cancel()
		}
		synctest.Wait()
		atMost(t, before+batches)
		assert.Zero(t, seen.Load())
		close(release)
		synctest.Wait()
		assert.EqualValues(t, batches, seen.Load())
		atMost(t, before)
	})
}
