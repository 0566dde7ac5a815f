package sqspoll_test

import (
	"context"
	"flag"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/sqspoll"
	"github.com/troupe-go/troupe/lambdasim"
)

var (
	compared = flag.Int("sqspoll.compare", 0, "how many messages each rival of TestThroughput has in a round; a few, once, if 0")
	latency  = flag.Duration("sqspoll.latency", 0, "how long the server takes for each call of the comparison")
	soak     = flag.Duration("sqspoll.soak", 2*time.Second, "how long TestGoroutinesAndHeapStayFlat runs")
)

// handled is what each rival does with a message.
func handledIn(d time.Duration, done *atomic.Int32) func(string) error {
	return func(string) error { time.Sleep(d); done.Add(1); return nil }
}

// receiveBatch and deleteBatch are the calls of the hand-written loops.
func receiveBatch(ctx context.Context, client *sqs.Client, url string) []types.Message {
	out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
	if err != nil {
		return nil
	}
	return out.Messages
}

func deleteBatch(ctx context.Context, client *sqs.Client, url string, list []types.Message) {
	var entries []types.DeleteMessageBatchRequestEntry
	for i, m := range list {
		entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: ptr(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
	}
	_, _ = client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: entries})
}

// The rivals, each with what it does for n messages until it has handled them: none of the loops renews a visibility
// timeout, contains a panic, keeps an order or stops in an orderly way.
var rivals = []struct {
	name string
	run  func(ctx context.Context, client *sqs.Client, url string, handle func(string) error)
}{
	{"sequential loop", func(ctx context.Context, client *sqs.Client, url string, handle func(string) error) {
		for ctx.Err() == nil {
			list := receiveBatch(ctx, client, url)
			for _, m := range list {
				_ = handle(*m.Body)
			}
			if len(list) > 0 {
				deleteBatch(ctx, client, url, list)
			}
		}
	}},
	{"errgroup, 5 loops", func(ctx context.Context, client *sqs.Client, url string, handle func(string) error) {
		var loops errgroup.Group
		for range 5 {
			loops.Go(func() error {
				for ctx.Err() == nil {
					list := receiveBatch(ctx, client, url)
					var group errgroup.Group
					for _, m := range list {
						group.Go(func() error { return handle(*m.Body) })
					}
					if group.Wait() == nil && len(list) > 0 {
						deleteBatch(ctx, client, url, list)
					}
				}
				return nil
			})
		}
		_ = loops.Wait()
	}},
	{"sqspoll, 5 batches", func(ctx context.Context, client *sqs.Client, url string, handle func(string) error) {
		_ = sqspoll.Run(ctx, client, url, troupe.SQS(func(_ context.Context, m events.SQSMessage) error { return handle(m.Body) }), sqspoll.WithWait(time.Second))
	}},
}

// TestThroughput compares Run with hand-written loops on one server, in turns. Without its flag (make bench) it only holds
// that all of them handle what was sent.
func TestThroughput(t *testing.T) {
	messages, rounds := *compared, 5
	if messages == 0 {
		messages, rounds = 100, 1
	}
	for _, work := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond} {
		rates := make([][]float64, len(rivals))
		for round := range rounds {
			for k := range rivals {
				i := (k + round) % len(rivals)
				n := messages
				if i == 0 && work > time.Millisecond {
					n /= 10 // it takes that long
				}
				s := simulated(t, false)
				s.messages = n
				s.send(t, newJournal(t, s.rules(false)), 0, n, false)
				s.queue.Faults = func(c lambdasim.Call) error {
					if c.Message == "" { // the call, not an entry of it
						time.Sleep(*latency)
					}
					return nil
				}
				var done atomic.Int32
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				runtime.GC()
				began := time.Now()
				go func() { rivals[i].run(ctx, clientOf(s.endpoint), s.url, handledIn(work, &done)); close(ended) }()
				for int(done.Load()) < n {
					require.Lessf(t, time.Since(began), 10*time.Minute, "%s has handled %d of %d", rivals[i].name, done.Load(), n)
					time.Sleep(time.Millisecond)
				}
				rates[i] = append(rates[i], float64(n)/time.Since(began).Seconds())
				cancel()
				<-ended
			}
		}
		for i, r := range rivals {
			slices.Sort(rates[i])
			t.Logf("%6v  %-20s %7.0f messages/s (%.0f to %.0f)", work, r.name, rates[i][len(rates[i])/2], rates[i][0], rates[i][len(rates[i])-1])
		}
	}
}

// TestGoroutinesAndHeapStayFlat polls for a while, ten minutes in .ci/run, and compares goroutines and heap at a tenth of
// the time with those at the end.
func TestGoroutinesAndHeapStayFlat(t *testing.T) {
	s := simulated(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var handled atomic.Int64
	done := make(chan error)
	go func() {
		done <- sqspoll.Run(ctx, clientOf(s.endpoint), s.url, troupe.SQS(func(context.Context, events.SQSMessage) error {
			time.Sleep(time.Millisecond)
			handled.Add(1)
			return nil
		}), sqspoll.WithWait(time.Second))
	}()
	measure := func() (goroutines int, heap uint64) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), m.HeapAlloc
	}
	began, sent := time.Now(), 0
	fill := func(until time.Duration) {
		for time.Since(began) < until {
			if int(handled.Load()) < sent-100 {
				time.Sleep(time.Millisecond)
				continue
			}
			input := &sqs.SendMessageBatchInput{QueueUrl: &s.url}
			for i := range 10 {
				input.Entries = append(input.Entries, types.SendMessageBatchRequestEntry{Id: ptr(strconv.Itoa(i)), MessageBody: ptr("order")})
			}
			_, err := s.admin.SendMessageBatch(ctx, input)
			require.NoError(t, err)
			sent += 10
		}
	}
	fill(*soak / 10)
	goroutines, heap := measure()
	fill(*soak)
	goroutinesAfter, heapAfter := measure()
	t.Logf("%v: %d messages; goroutines %d, then %d; heap %d KB, then %d KB", *soak, handled.Load(), goroutines, goroutinesAfter, heap>>10, heapAfter>>10)
	assert.LessOrEqual(t, goroutinesAfter, goroutines+50)
	assert.LessOrEqual(t, heapAfter, heap+heap/2+4<<20)
	cancel()
	require.NoError(t, <-done)
}
