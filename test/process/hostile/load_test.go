//go:build unix

package hostile

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// large is a batch of ten thousand records of a stream, as large as Lambda makes them.
func large(groups int) (e events.KinesisEvent) {
	e.Records = make([]events.KinesisEventRecord, 10_000)
	for i := range e.Records {
		k := &e.Records[i].Kinesis
		k.SequenceNumber, k.PartitionKey = strconv.Itoa(i), strconv.Itoa(i%groups)
	}
	return e
}

// reported are the identifiers in a response.
func reported(response events.KinesisEventResponse) []string {
	ids := make([]string, len(response.BatchItemFailures))
	for i, f := range response.BatchItemFailures {
		ids[i] = f.ItemIdentifier
	}
	return ids
}

// atMost waits until there are no more goroutines than that. In a bubble one that has ended may still be counted.
func atMost(t *testing.T, goroutines int) {
	t.Helper()
	for range 1_000_000 {
		if runtime.NumGoroutine() <= goroutines {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d goroutines; there should be no more than %d", runtime.NumGoroutine(), goroutines)
}

// SPEC O1, O3: the extremes of concurrency and grouping. The handlers take a millisecond, and the batch takes
// just as long as concurrency and groups leave it.
func TestConcurrencyAndGroupsAtTheirExtremes(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		concurrency, groups int
		took                time.Duration
		most                int // at once
	}{
		{1, 10_000, 10_000 * ms, 1},
		{1, 1, 10_000 * ms, 1},
		{10_000, 10_000, ms, 10_000},
		{10_000, 1, 10_000 * ms, 1},
		{10_000, 100, 100 * ms, 100},
		{3, 10_000, 3334 * ms, 3},
	} {
		t.Run(fmt.Sprintf("concurrency %d, %d groups", c.concurrency, c.groups), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var now, most int
				next := make([]int, c.groups) // the record that its group is to start
				var report *troupe.Report
				p := troupe.Kinesis(func(ctx context.Context, r events.KinesisEventRecord) error {
					rec, _ := troupe.RecordFrom(ctx)
					group, _ := strconv.Atoi(r.Kinesis.PartitionKey)
					mu.Lock()
					now++
					most = max(most, now)
					assert.Equal(t, group+next[group]*c.groups, rec.Index, "out of order")
					next[group]++
					mu.Unlock()
					time.Sleep(ms)
					mu.Lock()
					now--
					mu.Unlock()
					if rec.Index%1000 == 999 {
						return errTold
					}
					return nil
				}, troupe.WithPolicy(troupe.Continue), troupe.WithConcurrency(c.concurrency), troupe.WithLogger(slog.New(slog.DiscardHandler)),
					troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
				began := time.Now()
				response, err := p.Process(context.Background(), large(c.groups))
				require.NoError(t, err)
				assert.Equal(t, c.took, time.Since(began))
				assert.Equal(t, c.most, most)
				assert.Equal(t, 9990, report.Succeeded)
				assert.Equal(t, []string{"999", "1999", "2999", "3999", "4999", "5999", "6999", "7999", "8999", "9999"}, reported(response))
			})
		})
	}
}

// SPEC D1, D2, S2: ten thousand handlers at once, of which every other one hangs and the rest ends in each bad
// way there is. The answer leaves at the last call and has all of them.
func TestTenThousandHandlersThatFailAtOnceAreAllReported(t *testing.T) {
	for _, groups := range []int{1, 10_000} {
		for _, policy := range []troupe.Policy{troupe.Continue, troupe.StopGroup, troupe.StopBatch} {
			t.Run(fmt.Sprint(groups, " groups, ", policy), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					release := make(chan struct{})
					var last *troupe.Report
					idle := runtime.NumGoroutine()
					p := troupe.Kinesis(func(ctx context.Context, r events.KinesisEventRecord) error {
						rec, _ := troupe.RecordFrom(ctx)
						if rec.Index%2 == 1 {
							<-release
						}
						return late([]string{"fail", "panic", "exit"}[rec.Index/2%3])
					}, troupe.WithPolicy(policy), troupe.WithConcurrency(10_000), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever),
						troupe.WithObserver(func(_ context.Context, r *troupe.Report) { last = r }))
					ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
					defer cancel()
					began := time.Now()
					response, err := p.Process(ctx, large(groups))
					require.NoError(t, err)
					assert.Len(t, response.BatchItemFailures, 10_000)
					if last.Abandoned > 0 {
						assert.Equal(t, 9875*time.Millisecond, time.Since(began), "the last call")
					}
					assert.Equal(t, last.Abandoned, last.Running)
					if policy == troupe.Continue {
						assert.Equal(t, min(5_000, groups), last.Abandoned)
					}
					assert.Zero(t, last.Succeeded)

					close(release)
					synctest.Wait()
					_, err = p.Process(context.Background(), events.KinesisEvent{Records: []events.KinesisEventRecord{}})
					require.NoError(t, err)
					assert.Zero(t, last.Running, "all have come to their end")
					atMost(t, idle)
				})
			})
		}
	}
}

// A handler's leftovers: goroutines that outlive it and go on using its context and its record, contexts that
// nobody cancels, functions that wait for the context's end. They see what their handler saw, and nobody else is
// disturbed.
func TestGoroutinesThatOutliveTheirHandlersDisturbNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var mu sync.Mutex
		var left, ended, woken int
		before := runtime.NumGoroutine()
		p := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
			rec, ok := troupe.RecordFrom(ctx)
			assert.True(t, ok)
			assert.Equal(t, msg.Body, rec.ID)
			derived, cancel := context.WithTimeout(ctx, 24*time.Hour)
			_ = cancel // nobody does
			context.AfterFunc(ctx, func() {
				mu.Lock()
				defer mu.Unlock()
				ended++
			})
			go func() {
				for range 3 {
					again, _ := troupe.RecordFrom(derived)
					assert.Equal(t, rec, again, "the record of its own attempt")
					_, limited := derived.Deadline()
					assert.True(t, limited)
					msg.Attributes["mine"] = msg.Body // a map of this record's alone
					runtime.Gosched()
				}
				<-derived.Done() // ends with the batch
				mu.Lock()
				woken++
				mu.Unlock()
				<-release
				again, _ := troupe.RecordFrom(derived)
				assert.Equal(t, rec, again)
				mu.Lock()
				left++
				mu.Unlock()
			}()
			if rec.Attempt == 1 && rec.Index%3 == 0 {
				return errTold
			}
			return nil
		}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithRetry(troupe.Retry{Times: 1, Base: time.Millisecond}))
		for batch := range 3 {
			all := make([]message, 1000)
			for i := range all {
				all[i].id = fmt.Sprint(batch, "/", i)
				all[i].do = all[i].id
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			response, err := p.Invoke(ctx, event(all...))
			require.NoError(t, err)
			assert.Empty(t, failures(t, response))
			cancel()
		}
		synctest.Wait()
		const handlers = 3 * (1000 + 334)
		mu.Lock()
		assert.Equal(t, handlers, woken)
		assert.Equal(t, handlers, ended)
		mu.Unlock()
		atMost(t, before+handlers) // those that were left behind and no other
		close(release)
		synctest.Wait()
		assert.Equal(t, handlers, left)
		atMost(t, before)
	})
}

// A handler may invoke its own processor with another event. The inner batch has its own records, and its
// answer is its own.
func TestAProcessorMayBeInvokedByItsOwnHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var invoke func(context.Context, []byte) ([]byte, error)
		p := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
			rec, _ := troupe.RecordFrom(ctx)
			assert.Equal(t, msg.MessageId, rec.ID)
			depth, err := strconv.Atoi(msg.Body)
			if err != nil {
				return late(msg.Body)
			}
			if depth > 0 {
				response, err := invoke(ctx, event(message{"good", "ok"}, message{"bad", "fail"}, message{"deeper", strconv.Itoa(depth - 1)}))
				assert.NoError(t, err)
				assert.Equal(t, []string{"bad"}, failures(t, response))
			}
			rec, _ = troupe.RecordFrom(ctx)
			assert.Equal(t, msg.MessageId, rec.ID, "after the inner batch")
			return nil
		}, troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler)))
		invoke = p.Invoke
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		response, err := p.Invoke(ctx, event(message{"outer", "100"}, message{"bad", "panic"}))
		require.NoError(t, err)
		assert.Equal(t, []string{"bad"}, failures(t, response))
	})
}
