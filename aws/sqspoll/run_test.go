package sqspoll_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/sqspoll"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/lambdasim"
)

func TestMain(m *testing.M) {
	if config := os.Getenv(childEnv); config != "" {
		os.Exit(child(config))
	}
	if config := os.Getenv(serverEnv); config != "" {
		os.Exit(serve(config))
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
}

var errHandler = errors.New("the handler's own error")

// running is a Run in a bubble, on one worker unless an option says otherwise.
type running struct {
	*fake
	t      *testing.T
	cancel context.CancelFunc
	done   chan error
	log    bytes.Buffer

	mu      sync.Mutex
	batches []sqspoll.Batch
}

// run starts a Run for the messages and the handler.
func run(t *testing.T, f *fake, processor *troupe.SQSProcessor, options ...sqspoll.Option) *running {
	r := &running{fake: f, t: t, done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	t.Cleanup(func() { cancel(); time.Sleep(time.Hour) }) // handlers that were left behind end in the bubble
	options = append([]sqspoll.Option{
		sqspoll.WithBatches(1),
		sqspoll.WithLogger(slog.New(slog.NewTextHandler(&r.log, nil))),
		sqspoll.WithObserver(func(_ context.Context, b sqspoll.Batch) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.batches = append(r.batches, b)
		}),
	}, options...)
	go func() { r.done <- sqspoll.Run(ctx, f, "https://sqs/q", processor, options...) }()
	return r
}

// stop cancels the Run and returns how long it took to return.
func (r *running) stop() time.Duration {
	began := time.Now()
	r.cancel()
	require.NoError(r.t, <-r.done)
	return time.Since(began)
}

// noted is a processor whose handler notes the messages that it is called for.
func (r *noting) processor(handle func(context.Context, events.SQSMessage) error, options ...troupe.Option) *troupe.SQSProcessor {
	options = append([]troupe.Option{troupe.WithLogger(slog.New(slog.DiscardHandler))}, options...)
	return troupe.SQS(func(ctx context.Context, m events.SQSMessage) error {
		r.mu.Lock()
		r.handled = append(r.handled, fmt.Sprintf("%s@%d", m.Body, int(time.Since(r.start).Seconds())))
		r.mu.Unlock()
		return handle(ctx, m)
	}, options...)
}

type noting struct {
	start   time.Time
	mu      sync.Mutex
	handled []string
}

func (r *noting) seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.handled)
}

func standard() *lambdasim.Queue { return &lambdasim.Queue{Name: "q"} }
func fifo() *lambdasim.Queue     { return &lambdasim.Queue{Name: "q.fifo"} }

func takes(d time.Duration) func(context.Context, events.SQSMessage) error {
	return func(context.Context, events.SQSMessage) error { time.Sleep(d); return nil }
}

// failing fails for the bodies, and takes a second.
func failing(bodies ...string) func(context.Context, events.SQSMessage) error {
	return func(_ context.Context, m events.SQSMessage) error {
		time.Sleep(time.Second)
		if slices.Contains(bodies, m.Body) {
			return errHandler
		}
		return nil
	}
}

// SPEC Q1.
func TestSucceededMessagesAreDeletedAndFailedOnesRedelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a", "b", "c")...)
		r := run(t, f, n.processor(failing("b")))
		time.Sleep(40 * time.Second)
		assert.ElementsMatch(t, []string{"a@0", "b@0", "c@0", "b@30"}, n.seen())
		assert.Equal(t, 1, f.left(t))
		r.stop()
		assert.Equal(t, 3, r.batches[0].Received)
		assert.Equal(t, 2, r.batches[0].Deleted)
		assert.Equal(t, 1, r.batches[0].Report.Failed)
	})
}

// SPEC Q1: ErrorWhen makes the processor return an error; what is deleted goes by the report.
func TestDeletionGoesByTheReportAndNotByTheError(t *testing.T) {
	for _, when := range []troupe.ErrorWhen{troupe.ErrorWhenAny, troupe.ErrorWhenAll, troupe.ErrorWhenNever} {
		synctest.Test(t, func(t *testing.T) {
			f, n := newFake(t, standard()), &noting{start: time.Now()}
			f.send(t, bodies("a", "b", "c")...)
			r := run(t, f, n.processor(failing("b"), troupe.WithErrorWhen(when)))
			time.Sleep(2 * time.Second)
			assert.Equal(t, 1, f.left(t))
			r.stop()
		})
	}
}

// SPEC Q1.
func TestDroppedMessagesAreDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a")...)
		r := run(t, f, n.processor(func(context.Context, events.SQSMessage) error { return troupe.Drop(errHandler) }))
		time.Sleep(time.Second)
		assert.Zero(t, f.left(t))
		r.stop()
		assert.Equal(t, 1, r.batches[0].Deleted)
	})
}

// SPEC Q7: what Lambda passes on and what Run passes on are the same, for every kind of message.
func TestMessagesAreThoseOfLambda(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, fifo())
		f.send(t, lambdasim.Message{
			Body: `{"order":1}`, Group: "g", Deduplication: "d", TraceHeader: "Root=1-6920f0c0-5f84aa4b3d1c7e0912ab34cd",
			Attributes: map[string]events.SQSMessageAttribute{
				"text":   {DataType: "String", StringValue: ptr("an anvil")},
				"number": {DataType: "Number.int", StringValue: ptr("7")},
				"bytes":  {DataType: "Binary.png", BinaryValue: []byte{0, 1, 254, 255}},
			},
		}, lambdasim.Message{Body: "bare", Group: "g", Deduplication: "e"})
		var mu sync.Mutex
		var got []events.SQSMessage
		r := run(t, f, troupe.SQS(func(_ context.Context, m events.SQSMessage) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, m)
			return nil
		}))
		time.Sleep(time.Second)
		r.stop()
		require.Len(t, got, 2)
		text, err := json.Marshal(got[0])
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(text, &fields))
		assert.Equal(t, map[string]any{
			"text":   map[string]any{"dataType": "String", "stringValue": "an anvil", "stringListValues": []any{}, "binaryListValues": []any{}},
			"number": map[string]any{"dataType": "Number.int", "stringValue": "7", "stringListValues": []any{}, "binaryListValues": []any{}},
			"bytes":  map[string]any{"dataType": "Binary.png", "binaryValue": "AAH+/w==", "stringListValues": []any{}, "binaryListValues": []any{}},
		}, fields["messageAttributes"])
		assert.Equal(t, "aws:sqs", fields["eventSource"])
		assert.Equal(t, f.queue.ARN(), fields["eventSourceARN"])
		assert.Equal(t, "us-east-1", fields["awsRegion"])
		assert.Equal(t, `{"order":1}`, fields["body"])
		for _, name := range []string{"messageId", "receiptHandle", "md5OfBody"} {
			assert.NotEmpty(t, fields[name], name)
		}
		for _, name := range []string{"ApproximateReceiveCount", "SentTimestamp", "ApproximateFirstReceiveTimestamp", "SequenceNumber", "MessageGroupId", "MessageDeduplicationId", "AWSTraceHeader"} {
			assert.NotEmpty(t, fields["attributes"].(map[string]any)[name], name)
		}
		assert.Equal(t, map[string]events.SQSMessageAttribute{}, got[1].MessageAttributes)
	})
}

// SPEC Q1: a receive of a standard queue may contain a message twice.
func TestCopiesAreDeletedOnlyIfAllSucceeded(t *testing.T) {
	for _, fails := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f, n := newFake(t, standard()), &noting{start: time.Now()}
			f.received = func(list []types.Message) []types.Message {
				if len(list) < 2 {
					return list
				}
				return append(list, copyOf(list[0]))
			}
			f.send(t, bodies("a", "b")...)
			calls := atomic.Int32{}
			r := run(t, f, n.processor(func(_ context.Context, m events.SQSMessage) error {
				if m.Body == "a" && calls.Add(1) == 1 && fails {
					return errHandler
				}
				return nil
			}, troupe.WithConcurrency(1)))
			time.Sleep(time.Second)
			r.stop()
			deletes := f.of("delete")
			require.Len(t, deletes, 1)
			if fails {
				assert.Len(t, deletes[0].ids, 1)
				assert.Equal(t, 1, f.left(t))
			} else {
				assert.Len(t, deletes[0].ids, 3)
				assert.Zero(t, f.left(t))
			}
			assert.Equal(t, 3, r.batches[0].Received)
		})
	}
}

// SPEC Q2: ten messages, one at a time, each for ten minutes, with a visibility timeout of 30 s: nobody else receives
// one.
func TestAllMessagesStayInvisibleAsLongAsTheBatchTakes(t *testing.T) {
	for _, queue := range []*lambdasim.Queue{standard(), fifo()} {
		synctest.Test(t, func(t *testing.T) {
			f, n := newFake(t, queue), &noting{start: time.Now()}
			for i := range 10 {
				f.send(t, lambdasim.Message{Body: fmt.Sprint(i), Group: "g", Deduplication: map[bool]string{true: fmt.Sprint(i)}[queue.Name == "q.fifo"]})
			}
			r := run(t, f, n.processor(takes(10*time.Minute), troupe.WithConcurrency(1)), sqspoll.WithBatchTimeout(2*time.Hour), sqspoll.WithBatches(3))
			time.Sleep(101 * time.Minute)
			want := []string{}
			for i := range 10 {
				want = append(want, fmt.Sprintf("%d@%d", i, i*600))
			}
			assert.Equal(t, want, n.seen())
			assert.Zero(t, f.left(t))
			r.stop()
		})
	}
}

// SPEC Q7.
func TestTheBatchTimeoutIsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a")...)
		deadlines := make(chan time.Time, 10)
		r := run(t, f, n.processor(func(ctx context.Context, _ events.SQSMessage) error {
			deadline, _ := troupe.DeadlineFrom(ctx)
			deadlines <- deadline
			time.Sleep(90 * time.Second) // it ignores its context
			return nil
		}), sqspoll.WithBatchTimeout(time.Minute))
		time.Sleep(61 * time.Second)
		assert.Equal(t, n.start.Add(time.Minute), <-deadlines)
		assert.Equal(t, 1, f.left(t))
		r.mu.Lock()
		require.Len(t, r.batches, 1)
		assert.ErrorIs(t, r.batches[0].Report.Records[0].Err, troupe.ErrAbandoned)
		r.mu.Unlock()
		r.stop()
		time.Sleep(90 * time.Second)
	})
}

var errNetwork = errors.New("the network is down")

// down fails the calls of an action from a time on.
func down(f *fake, from time.Duration, actions ...string) {
	f.before = func(_ context.Context, c *call) error {
		if c.began >= from && slices.Contains(actions, c.action) {
			return errNetwork
		}
		return nil
	}
}

// SPEC Q3: the visibility cannot be renewed from the 20th second on: what has not started by the time it may have
// ended, never does. The first renewal was at 15 s, so that is at 45 s.
func TestAMessageThatMayBeVisibleIsNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, fifo()), &noting{start: time.Now()}
		down(f, 20*time.Second, "change")
		f.send(t, bodies("g/1", "g/2", "g/3", "g/4", "h/5", "h/6")...)
		r := run(t, f, n.processor(takes(20*time.Second), troupe.WithConcurrency(1)))
		time.Sleep(61 * time.Second)
		r.cancel()
		assert.Equal(t, []string{"1@0", "2@20", "3@40"}, n.seen()[:3])
		r.stop()
		first := r.batches[0]
		assert.Equal(t, 3, first.Report.NotStarted)
		assert.ErrorIs(t, first.Report.Records[3].Err, sqspoll.ErrExpired)
		assert.ErrorIs(t, first.Report.Records[4].Err, sqspoll.ErrExpired)
		assert.ErrorIs(t, first.Report.Records[5].Err, troupe.ErrGroupStopped)
	})
}

// SPEC Q3: the clock jumps while the first message is handled: timers have not fired, and nothing that waits starts.
func TestAClockThatJumpsStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		var jump atomic.Int64
		f.send(t, bodies("a", "b")...)
		r := run(t, f, n.processor(func(_ context.Context, m events.SQSMessage) error {
			time.Sleep(time.Second)
			if m.Body == "a" {
				jump.Add(int64(time.Hour))
			}
			return nil
		}, troupe.WithConcurrency(1)), sqspoll.WithClock(func() time.Duration { return time.Since(n.start) + time.Duration(jump.Load()) }))
		time.Sleep(2 * time.Second)
		assert.Equal(t, []string{"a@0"}, n.seen())
		r.stop()
		assert.Equal(t, 1, r.batches[0].Expired)
		assert.Equal(t, 1, r.batches[0].Deleted)
		assert.ErrorIs(t, r.batches[0].Report.Records[1].Err, sqspoll.ErrExpired)
	})
}

// SPEC Q3: a receive that waits may have taken its messages long before it answers.
func TestVisibilityCountsFromTheStartOfTheReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.after = func(_ context.Context, c *call) error {
			if c.action == "receive" && c.began == 0 {
				time.Sleep(9 * time.Second) // the answer is slow
			}
			return nil
		}
		down(f, 0, "change")
		f.send(t, bodies("a", "b")...)
		r := run(t, f, n.processor(takes(2*time.Second), troupe.WithConcurrency(1)), sqspoll.WithWait(5*time.Second), sqspoll.WithVisibility(10*time.Second))
		time.Sleep(9*time.Second + 2500*time.Millisecond)
		r.stop()
		assert.Equal(t, "a@9", n.seen()[0])
		assert.Equal(t, 1, r.batches[0].Expired)
	})
}

// SPEC Q3: the call that renews is slow: what SQS saw of it came when the message may have been visible.
func TestARenewalThatCameLateIsNotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.after = func(_ context.Context, c *call) error {
			if c.action == "change" && c.began == 15*time.Second {
				time.Sleep(16 * time.Second)
			}
			return nil
		}
		f.send(t, bodies("a", "b")...)
		r := run(t, f, n.processor(takes(32*time.Second), troupe.WithConcurrency(1)))
		time.Sleep(33 * time.Second)
		assert.Equal(t, []string{"a@0"}, n.seen()[:1])
		r.stop()
		assert.Equal(t, 1, r.batches[0].Expired)
	})
}

// SPEC Q3: the renewal at 15 s is answered at 25 s, and no later one succeeds: the messages may be visible from 45 s on.
func TestVisibilityCountsFromTheStartOfTheRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		down(f, 16*time.Second, "change")
		f.after = func(_ context.Context, c *call) error {
			if c.action == "change" {
				time.Sleep(10 * time.Second)
			}
			return nil
		}
		f.send(t, bodies("a", "b")...)
		r := run(t, f, n.processor(takes(50*time.Second), troupe.WithConcurrency(1)))
		time.Sleep(51 * time.Second)
		assert.Equal(t, "a@0", n.seen()[0])
		r.stop()
		assert.Equal(t, 1, r.batches[0].Expired)
	})
}

// SPEC Q3: SQS refuses to renew one message: it is another's, and what is behind it in its group waits for it.
func TestARefusedRenewalStopsTheGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, fifo()), &noting{start: time.Now()}
		f.send(t, bodies("g/1", "g/2", "g/3", "h/4")...)
		refused := ""
		f.received = func(list []types.Message) []types.Message {
			if refused == "" && len(list) > 1 {
				refused = *list[1].MessageId
			}
			return list
		}
		f.entry = func(c *call, id string) *types.BatchResultErrorEntry {
			if c.action == "change" && id == refused {
				return &types.BatchResultErrorEntry{Code: ptr("ReceiptHandleIsInvalid"), SenderFault: true}
			}
			return nil
		}
		r := run(t, f, n.processor(takes(20*time.Second), troupe.WithConcurrency(1)))
		time.Sleep(41 * time.Second)
		assert.Equal(t, []string{"1@0", "4@20"}, n.seen()[:2])
		r.stop()
		assert.Equal(t, 1, r.batches[0].Expired)
		assert.ErrorIs(t, r.batches[0].Report.Records[2].Err, troupe.ErrGroupStopped)
	})
}

// SPEC Q3: message 1 was handled and waits for its delete, and its visibility can no longer be renewed. Once it may
// be visible, another consumer may handle its group, so message 3 is not started.
func TestAHandledMessageThatMayBeVisibleStopsItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, fifo()), &noting{start: time.Now()}
		f.send(t, bodies("g/1", "g/2", "g/3", "h/4")...)
		first := ""
		f.received = func(list []types.Message) []types.Message {
			if first == "" {
				first = *list[0].MessageId
			}
			return list
		}
		f.entry = func(c *call, id string) *types.BatchResultErrorEntry {
			if c.action == "change" && id == first {
				return &types.BatchResultErrorEntry{Code: ptr("InternalError")}
			}
			return nil
		}
		r := run(t, f, n.processor(takes(20*time.Second), troupe.WithConcurrency(1)))
		time.Sleep(61 * time.Second)
		assert.Equal(t, []string{"1@0", "2@20", "4@40"}, n.seen()[:3])
		r.stop()
		assert.Equal(t, 1, r.batches[0].Expired)
		assert.ErrorIs(t, r.batches[0].Report.Records[2].Err, sqspoll.ErrExpired)
	})
}

// SPEC Q2: a call that is throttled is made again, a twelfth of the visibility later.
func TestAThrottledRenewalIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a")...)
		f.entry = func(c *call, _ string) *types.BatchResultErrorEntry {
			if c.action == "change" && c.began < 20*time.Second {
				return &types.BatchResultErrorEntry{Code: ptr("RequestThrottled"), SenderFault: true}
			}
			return nil
		}
		r := run(t, f, n.processor(takes(40*time.Second)))
		time.Sleep(41 * time.Second)
		var at []time.Duration
		for _, c := range f.of("change") {
			at = append(at, c.began)
		}
		assert.Equal(t, []time.Duration{15 * time.Second, 17500 * time.Millisecond, 20 * time.Second, 35 * time.Second}, at)
		assert.Len(t, n.seen(), 1)
		r.stop()
	})
}

// SPEC Q4: the heartbeat's call takes a while when the handler ends: the delete, and observers of failed messages,
// wait for it.
func TestTheHeartbeatEndsBeforeDeletesAndObservers(t *testing.T) {
	for _, fails := range []string{"", "a"} {
		synctest.Test(t, func(t *testing.T) {
			f, n := newFake(t, standard()), &noting{start: time.Now()}
			f.send(t, bodies("a", "b")...)
			f.after = func(_ context.Context, c *call) error {
				if c.action == "change" && c.began == 15*time.Second {
					time.Sleep(2 * time.Second)
				}
				return nil
			}
			var observed time.Duration
			r := run(t, f, n.processor(func(ctx context.Context, m events.SQSMessage) error {
				time.Sleep(16 * time.Second)
				if m.Body == fails {
					return errHandler
				}
				return nil
			}, troupe.WithObserver(func(context.Context, *troupe.Report) {
				if observed == 0 {
					observed = time.Since(n.start)
					time.Sleep(50 * time.Second)
				}
			})))
			time.Sleep(70 * time.Second)
			r.stop()
			assert.Equal(t, 17*time.Second, observed)
			deletes := f.of("delete")
			require.NotEmpty(t, deletes)
			assert.Equal(t, 67*time.Second, deletes[0].began)
			for _, c := range f.of("change") {
				if c.began > observed && c.began < deletes[0].began {
					// What succeeded stays invisible until it is deleted, what failed is left alone.
					assert.Len(t, c.ids, map[bool]int{true: 2, false: 1}[fails == ""])
				}
				assert.Truef(t, c.ended <= deletes[0].began || c.began > deletes[0].ended, "a change from %v to %v", c.began, c.ended)
			}
		})
	}
}

// SPEC Q4: an observer is slow, and a renewal of what succeeded is under way when it returns: the delete waits for
// it.
func TestTheHeartbeatEndsBeforeDeletesAfterASlowObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a")...)
		f.after = func(_ context.Context, c *call) error {
			if c.action == "change" {
				time.Sleep(2 * time.Second)
			}
			return nil
		}
		r := run(t, f, n.processor(takes(0), troupe.WithObserver(func(context.Context, *troupe.Report) { time.Sleep(16 * time.Second) })))
		time.Sleep(20 * time.Second)
		r.stop()
		assert.Equal(t, 15*time.Second, f.of("change")[0].began)
		assert.Equal(t, 17*time.Second, f.of("delete")[0].began)
	})
}

// SPEC Q2: SQS keeps a message invisible for 12 h from its receive at most.
func TestVisibilityIsNeverAskedForBeyondTwelveHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a")...)
		r := run(t, f, n.processor(func(ctx context.Context, _ events.SQSMessage) error { <-ctx.Done(); return nil }),
			sqspoll.WithBatchTimeout(12*time.Hour), sqspoll.WithVisibility(time.Hour))
		time.Sleep(12 * time.Hour)
		changes := f.of("change")
		require.NotEmpty(t, changes)
		for _, c := range changes {
			assert.LessOrEqual(t, c.began+seconds(c.timeout), 12*time.Hour)
			assert.Len(t, c.successful, 1)
		}
		assert.Greater(t, changes[len(changes)-1].began+seconds(changes[len(changes)-1].timeout), 12*time.Hour-10*time.Second)
		assert.Zero(t, f.left(t))
		r.stop()
	})
}

// SPEC Q1.
func TestAFIFODeleteAfterTheVisibilityEndedIsCountedAndNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, fifo()), &noting{start: time.Now()}
		down(f, 0, "change")
		f.send(t, bodies("g/1")...)
		r := run(t, f, n.processor(takes(31*time.Second)))
		time.Sleep(32 * time.Second)
		r.stop()
		assert.Equal(t, 1, r.batches[0].Undeleted)
		assert.Zero(t, r.batches[0].Deleted)
		assert.NotEmpty(t, f.of("delete"))
		for _, c := range f.of("delete")[:1] {
			assert.Equal(t, 31*time.Second, c.began)
		}
		assert.Len(t, slices.DeleteFunc(f.of("delete"), func(c *call) bool { return c.began > 40*time.Second }), 1)
		assert.Contains(t, r.log.String(), "cannot be deleted")
		assert.Equal(t, 1, f.left(t))
	})
}

// SPEC Q1.
func TestDeletesThatFailInPartAreRepeatedForTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a", "b", "c", "d")...)
		tries := 0
		f.before = func(_ context.Context, c *call) error {
			if c.action == "delete" {
				if tries++; tries == 1 {
					return errNetwork
				}
			}
			return nil
		}
		f.entry = func(c *call, id string) *types.BatchResultErrorEntry {
			if c.action == "delete" && tries < 4 && slices.Contains(c.ids[:2], id) {
				return &types.BatchResultErrorEntry{Code: ptr("InternalError")}
			}
			return nil
		}
		r := run(t, f, n.processor(takes(0)))
		time.Sleep(5 * time.Second)
		r.stop()
		var sizes []int
		for _, c := range f.of("delete") {
			sizes = append(sizes, len(c.ids))
		}
		assert.Equal(t, []int{4, 4, 2, 2}, sizes)
		assert.Equal(t, 4, r.batches[0].Deleted)
		assert.Zero(t, f.left(t))
		assert.Len(t, n.seen(), 4)
	})
}

// SPEC Q1.
func TestDeletesThatAreDeniedAreNotRepeated(t *testing.T) {
	for _, code := range []string{"AWS.SimpleQueueService.NonExistentQueue", "AccessDeniedException"} {
		synctest.Test(t, func(t *testing.T) {
			f, n := newFake(t, standard()), &noting{start: time.Now()}
			f.before = func(_ context.Context, c *call) error {
				if c.action == "delete" {
					return &smithy.GenericAPIError{Code: code, Message: "no"}
				}
				return nil
			}
			f.send(t, bodies("a")...)
			r := run(t, f, n.processor(takes(0)))
			time.Sleep(10 * time.Second)
			assert.Len(t, f.of("delete"), 1)
			r.stop()
			assert.Equal(t, 1, r.batches[0].Undeleted)
			assert.Contains(t, r.log.String(), code)
		})
	}
}

// SPEC Q1: deletes that keep failing end, as the messages become visible again.
func TestDeletesThatKeepFailingAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		down(f, 0, "delete")
		f.send(t, bodies("a")...)
		r := run(t, f, n.processor(takes(0)))
		time.Sleep(31 * time.Second)
		r.mu.Lock()
		require.Len(t, r.batches, 1)
		assert.Equal(t, 1, r.batches[0].Undeleted)
		r.mu.Unlock()
		r.stop()
	})
}

// SPEC Q7.
func TestBatchesInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		for i := range 100 {
			f.send(t, bodies(fmt.Sprint(i))...)
		}
		var at, most atomic.Int32
		r := run(t, f, n.processor(func(context.Context, events.SQSMessage) error {
			most.Store(max(most.Load(), at.Add(1)))
			time.Sleep(time.Minute)
			at.Add(-1)
			return nil
		}), sqspoll.WithBatches(3), sqspoll.WithBatchSize(4))
		time.Sleep(20 * time.Minute)
		r.stop()
		assert.Equal(t, int32(12), most.Load())
		assert.Zero(t, f.left(t))
		for _, b := range r.batches {
			assert.LessOrEqual(t, b.Received, 4)
		}
	})
}

// slow makes the calls of an action take a while before the queue sees them.
func slow(f *fake, action string, d time.Duration) {
	f.before = func(_ context.Context, c *call) error {
		if c.action == action {
			time.Sleep(d)
		}
		return nil
	}
}

// SPEC Q1: each delete takes 2 s. On a standard queue the next batch is handled meanwhile, and the deletes of one
// batch at most are behind; on a FIFO queue nothing is received before the delete.
func TestDeletesOverlapTheNextBatch(t *testing.T) {
	for _, c := range []struct {
		queue *lambdasim.Queue
		sent  []string
		want  []string
	}{
		{standard(), []string{"1", "2", "3", "4"}, []string{"1@0", "2@0", "3@2", "4@4"}},
		{fifo(), []string{"g/1", "g/2", "g/3", "g/4"}, []string{"1@0", "2@2", "3@4", "4@6"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, n := newFake(t, c.queue), &noting{start: time.Now()}
			f.send(t, bodies(c.sent...)...)
			slow(f, "delete", 2*time.Second)
			r := run(t, f, n.processor(takes(0)), sqspoll.WithBatchSize(1))
			time.Sleep(9 * time.Second)
			assert.Equal(t, c.want, n.seen())
			assert.Zero(t, f.left(t))
			r.stop()
			if c.queue.Name == "q.fifo" {
				for i, receive := range f.of("receive")[1:5] {
					assert.Equal(t, f.of("delete")[i].ended, receive.began)
				}
			}
		})
	}
}

// SPEC Q2: the deletes of the first batch fail for as long as its visibility lasts. Those of the second wait for
// them, and its message is kept invisible.
func TestABatchThatWaitsForDeletesIsKeptInvisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a", "b")...)
		f.before = func(_ context.Context, c *call) error {
			if c.action == "delete" && c.began < 29*time.Second {
				return errNetwork
			}
			return nil
		}
		r := run(t, f, n.processor(takes(time.Second)), sqspoll.WithBatchSize(1))
		time.Sleep(29 * time.Second)
		changes := f.of("change")
		require.Len(t, changes, 1)
		assert.Equal(t, 16*time.Second, changes[0].began) // it was received at 1 s
		time.Sleep(time.Minute)
		assert.Contains(t, n.seen(), "b@1")
		assert.NotContains(t, n.seen(), "b@31")
		assert.Zero(t, f.left(t))
		r.stop()
	})
}

// SPEC Q1: a message whose visibility ended while it was handled is deleted before the next receive, which could
// return it.
func TestALateBatchIsDeletedBeforeTheNextReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a")...)
		f.before = func(_ context.Context, c *call) error {
			switch c.action {
			case "change":
				return errNetwork
			case "delete":
				time.Sleep(time.Second)
			}
			return nil
		}
		r := run(t, f, n.processor(takes(31*time.Second)))
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"a@0"}, n.seen())
		assert.Zero(t, f.left(t))
		r.stop()
	})
}

// SPEC Q5: the delete of the last batch takes 2 s, while the receive after it has ended: Run returns after it.
func TestStoppingWaitsForDeletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a")...)
		slow(f, "delete", 2*time.Second)
		r := run(t, f, n.processor(takes(0)), sqspoll.WithWait(time.Second))
		time.Sleep(500 * time.Millisecond)
		assert.Equal(t, 1500*time.Millisecond, r.stop())
		assert.Zero(t, f.left(t))
		assert.Equal(t, 1, r.batches[0].Deleted)
	})
}

// SPEC Q5: Run is stopped at second 5 of the first batch: what runs ends, the rest is another's at once.
func TestStoppingGivesBackWhatHasNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a", "b", "c", "d")...)
		r := run(t, f, n.processor(takes(12*time.Second), troupe.WithConcurrency(2)))
		time.Sleep(5 * time.Second)
		took := r.stop()
		assert.Equal(t, 7*time.Second, took)
		assert.ElementsMatch(t, []string{"a@0", "b@0"}, n.seen())
		changes := f.of("change")
		require.Len(t, changes, 1)
		assert.Equal(t, 5*time.Second, changes[0].began)
		assert.Zero(t, changes[0].timeout)
		assert.Len(t, changes[0].successful, 2)
		assert.Equal(t, 2, r.batches[0].GivenBack)
		assert.Equal(t, 2, r.batches[0].Deleted)
		again, err := f.direct.Receive(t.Context(), 10, -1, 0)
		require.NoError(t, err)
		assert.Len(t, again, 2)
	})
}

// SPEC Q5: groups g and h run, i waits: i is given back at once, and what is left of g and h when none of it runs.
func TestStoppingGivesAGroupBackWhenNoneOfItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, fifo()), &noting{start: time.Now()}
		f.send(t, bodies("g/1", "g/2", "g/3", "h/4", "h/5", "i/6", "i/7")...)
		r := run(t, f, n.processor(func(_ context.Context, m events.SQSMessage) error {
			if m.Body == "1" {
				time.Sleep(7 * time.Second)
			} else {
				time.Sleep(9 * time.Second)
			}
			return nil
		}, troupe.WithConcurrency(2)))
		time.Sleep(5 * time.Second)
		took := r.stop()
		assert.Equal(t, 4*time.Second, took)
		assert.ElementsMatch(t, []string{"1@0", "4@0"}, n.seen())
		var given []string
		for _, c := range f.of("change") {
			given = append(given, fmt.Sprintf("%d at %v", len(c.successful), c.began))
		}
		assert.Equal(t, []string{"2 at 5s", "2 at 7s", "1 at 9s"}, given)
		assert.Equal(t, 5, r.batches[0].GivenBack)
		assert.ErrorIs(t, r.batches[0].Report.Records[1].Err, sqspoll.ErrStopping)
		assert.ErrorIs(t, r.batches[0].Report.Records[2].Err, troupe.ErrGroupStopped)
		assert.Equal(t, 5, f.left(t))
	})
}

// SPEC Q4: giving back takes a while, and what runs fails meanwhile: observers, which may change the visibility,
// wait.
func TestObserversWaitForWhatIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, fifo()), &noting{start: time.Now()}
		f.send(t, bodies("g/1", "h/2")...)
		f.before = func(_ context.Context, c *call) error {
			switch {
			case c.action != "change":
			case c.began < 6*time.Second:
				return errNetwork // tried again a second later
			default:
				time.Sleep(time.Second)
			}
			return nil
		}
		var observed time.Duration
		r := run(t, f, n.processor(func(context.Context, events.SQSMessage) error {
			time.Sleep(5500 * time.Millisecond)
			return errHandler
		}, troupe.WithConcurrency(1), troupe.WithObserver(func(context.Context, *troupe.Report) { observed = time.Since(n.start) })))
		time.Sleep(5 * time.Second)
		r.stop()
		assert.Equal(t, 7*time.Second, observed)
		assert.Equal(t, 1, r.batches[0].GivenBack)
	})
}

// SPEC Q5: a batch that has ended gives nothing back: what it did not start, a failure stopped.
func TestStoppingAfterTheOutcomesChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, fifo()), &noting{start: time.Now()}
		f.send(t, bodies("g/1", "h/2")...)
		r := run(t, f, n.processor(failing("1"), troupe.WithConcurrency(1), troupe.WithObserver(func(context.Context, *troupe.Report) { time.Sleep(5 * time.Second) })))
		time.Sleep(2 * time.Second)
		r.stop()
		assert.Equal(t, []string{"1@0"}, n.seen())
		assert.Empty(t, f.of("change"))
		assert.Zero(t, r.batches[0].GivenBack)
	})
}

// SPEC Q5: a copy of a message that runs is not given back: the message would be handled twice at once.
func TestStoppingDoesNotGiveBackACopyOfWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.received = func(list []types.Message) []types.Message {
			if len(list) != 1 {
				return list
			}
			return append(list, copyOf(list[0]))
		}
		f.send(t, bodies("a")...)
		r := run(t, f, n.processor(takes(10*time.Second), troupe.WithConcurrency(1)))
		time.Sleep(5 * time.Second)
		r.stop()
		assert.Equal(t, []string{"a@0"}, n.seen())
		assert.Empty(t, f.of("change"))
		assert.Zero(t, r.batches[0].Deleted) // one copy was not handled
	})
}

// SPEC Q5: what a stopped group leaves behind was not kept from starting by the stop, and keeps its timeout.
func TestStoppingLeavesAFailedGroupAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, fifo()), &noting{start: time.Now()}
		f.send(t, bodies("g/1", "g/2")...)
		r := run(t, f, n.processor(failing("1"), troupe.WithPolicy(troupe.StopGroup), troupe.WithErrorWhen(troupe.ErrorWhenNever)))
		time.Sleep(500 * time.Millisecond)
		r.stop()
		assert.Equal(t, []string{"1@0"}, n.seen())
		assert.Empty(t, f.of("change"))
		assert.Zero(t, r.batches[0].GivenBack)
	})
}

// SPEC Q5: a record in back-off has started: it is tried again while Run drains.
func TestDrainingTriesAgainInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a")...)
		r := run(t, f, n.processor(func(ctx context.Context, _ events.SQSMessage) error {
			if rec, _ := troupe.RecordFrom(ctx); rec.Attempt == 1 {
				return errHandler
			}
			return nil
		}, troupe.WithRetry(troupe.Retry{Times: 1, Backoff: func(int) time.Duration { return 4 * time.Second }})))
		time.Sleep(time.Second)
		assert.Equal(t, 3*time.Second, r.stop())
		assert.Equal(t, []string{"a@0", "a@4"}, n.seen())
		assert.Zero(t, f.left(t))
	})
}

// SPEC Q5.
func TestStoppingWaitsForTheReceiveAndGivesItsMessagesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		r := run(t, f, n.processor(takes(0)))
		time.Sleep(5 * time.Second)
		r.cancel()
		time.Sleep(10 * time.Second)
		f.send(t, bodies("a", "b")...)
		assert.Zero(t, r.stop())
		assert.Empty(t, n.seen())
		require.Len(t, r.batches, 2-len(r.batches)%2)
		for _, b := range r.batches {
			assert.Nil(t, b.Report)
			assert.Equal(t, b.Received, b.GivenBack)
		}
		again, err := f.direct.Receive(t.Context(), 10, -1, 0)
		require.NoError(t, err)
		assert.NotEmpty(t, again)
		assert.Equal(t, 2, f.left(t))
	})
}

// SPEC Q5: an idle Run returns when its receive does.
func TestStoppingAnIdleRunTakesAsLongAsAReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		r := run(t, f, n.processor(takes(0)), sqspoll.WithWait(10*time.Second), sqspoll.WithBatches(4))
		time.Sleep(4 * time.Second)
		assert.Equal(t, 6*time.Second, r.stop())
	})
}

// SPEC Q5: a receive that hangs ends with the drain.
func TestStoppingDoesNotWaitForAReceiveThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.before = func(ctx context.Context, c *call) error {
			if c.action != "receive" {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		r := run(t, f, n.processor(takes(0)), sqspoll.WithDrain(3*time.Second))
		time.Sleep(time.Second)
		assert.Equal(t, 3*time.Second, r.stop())
	})
}

// SPEC Q5.
func TestTheDrainEndsWithCancelledHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("obeys", "ignores")...)
		r := run(t, f, n.processor(func(ctx context.Context, m events.SQSMessage) error {
			if m.Body == "obeys" {
				<-ctx.Done()
				return ctx.Err()
			}
			time.Sleep(time.Minute)
			return nil
		}), sqspoll.WithDrain(10*time.Second))
		time.Sleep(time.Second)
		assert.Equal(t, 10500*time.Millisecond, r.stop())
		for _, record := range r.batches[0].Report.Records {
			assert.ErrorIs(t, record.Err, troupe.ErrCancelled)
		}
		assert.Equal(t, 2, f.left(t))
		time.Sleep(time.Minute)
	})
}

// SPEC Q5: deletes have 5 s after the drain, and Run returns whatever SQS does.
func TestStoppingEndsAlthoughSQSDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a", "b")...)
		f.before = func(ctx context.Context, c *call) error {
			if c.action == "receive" && c.began == 0 || c.action == "attributes" {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		r := run(t, f, n.processor(takes(12*time.Second), troupe.WithConcurrency(1)), sqspoll.WithDrain(10*time.Second))
		time.Sleep(5 * time.Second)
		assert.LessOrEqual(t, r.stop(), 15500*time.Millisecond)
		assert.Equal(t, 1, r.batches[0].Undeleted)
	})
}

// SPEC Q5.
func TestGivingBackIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a", "b")...)
		f.before = func(_ context.Context, c *call) error {
			if c.action == "change" && c.began < 6*time.Second {
				return errNetwork
			}
			return nil
		}
		r := run(t, f, n.processor(takes(10*time.Second), troupe.WithConcurrency(1)))
		time.Sleep(5 * time.Second)
		r.stop()
		changes := f.of("change")
		require.Len(t, changes, 2)
		assert.Len(t, changes[1].successful, 1)
	})
}

// SPEC Q6: errors of receives are logged once, tried again with growing pauses, and shown by Health after a minute.
func TestReceivesThatFailAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a")...)
		f.before = func(_ context.Context, c *call) error {
			if c.action == "receive" && c.began < 2*time.Minute {
				return errNetwork
			}
			return nil
		}
		var health sqspoll.Health
		require.ErrorContains(t, health.Err(), "not running")
		r := run(t, f, n.processor(takes(0)), sqspoll.WithHealth(&health))
		time.Sleep(59 * time.Second)
		require.NoError(t, health.Err())
		time.Sleep(time.Minute)
		require.ErrorIs(t, health.Err(), errNetwork)
		time.Sleep(time.Minute)
		require.NoError(t, health.Err())
		assert.Less(t, len(f.of("receive")), 30)
		assert.Len(t, n.seen(), 1)
		r.stop()
		require.Error(t, health.Err())
		assert.Equal(t, 1, bytes.Count(r.log.Bytes(), []byte("receives fail")))
		assert.Equal(t, 1, bytes.Count(r.log.Bytes(), []byte("receives succeed again")))
	})
}

// SPEC Q6: a queue that does not exist, and access that is denied, end Run with the error, when what is under way has
// ended.
func TestRunEndsWithErrorsThatNoRetryHelps(t *testing.T) {
	for _, action := range []string{"attributes", "receive"} {
		for _, code := range []string{"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "AccessDeniedException", "InvalidAddress"} {
			synctest.Test(t, func(t *testing.T) {
				f, n := newFake(t, standard()), &noting{start: time.Now()}
				f.send(t, bodies("a")...)
				f.before = func(_ context.Context, c *call) error {
					if c.action == action && (action == "attributes" || c.began > 0) {
						return &smithy.GenericAPIError{Code: code, Message: "no"}
					}
					return nil
				}
				r := run(t, f, n.processor(takes(10*time.Second)), sqspoll.WithBatches(2))
				err := <-r.done
				require.ErrorContains(t, err, "troupe: sqspoll: https://sqs/q: ")
				require.ErrorContains(t, err, code)
				if action == "receive" {
					assert.Zero(t, f.left(t))
				}
			})
		}
	}
}

// SPEC Q5.
func TestStoppingBeforeTheQueueIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		down(f, 0, "attributes")
		r := run(t, f, n.processor(takes(0)))
		time.Sleep(time.Minute)
		assert.Zero(t, r.stop())
		assert.Empty(t, f.of("receive"))
	})
}

// SPEC Q1: what cannot be an event is not deleted, and Run continues.
func TestWhatIsNoEventIsLeftInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a")...)
		f.received = func(list []types.Message) []types.Message {
			if time.Since(n.start) < 10*time.Second {
				for i := range list {
					list[i].ReceiptHandle = nil
				}
			}
			return list
		}
		r := run(t, f, n.processor(takes(0)))
		time.Sleep(5 * time.Second)
		assert.Empty(t, n.seen())
		assert.Equal(t, 1, f.left(t))
		time.Sleep(time.Minute)
		assert.Len(t, n.seen(), 1)
		r.stop()
		assert.Contains(t, r.log.String(), "without identifier or receipt handle")
	})
}

func TestAnObserverThatFailsIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, standard()), &noting{start: time.Now()}
		f.send(t, bodies("a")...)
		r := run(t, f, n.processor(takes(0)), sqspoll.WithObserver(func(context.Context, sqspoll.Batch) { panic("observer") }))
		time.Sleep(time.Second)
		f.send(t, bodies("b")...)
		time.Sleep(time.Second)
		r.stop()
		assert.Len(t, n.seen(), 2)
		assert.Contains(t, r.log.String(), "an observer failed")
	})
}

// SPEC Q7: a bulk handler's messages start together.
func TestABulkHandlerIsPolledFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, standard())
		f.send(t, bodies("a", "b", "c")...)
		r := run(t, f, bulk.SQS(func(_ context.Context, list []events.SQSMessage) error {
			time.Sleep(2 * time.Minute)
			return bulk.Failures{1: errHandler}
		}, troupe.WithLogger(slog.New(slog.DiscardHandler))))
		time.Sleep(time.Second)
		r.cancel()
		time.Sleep(time.Second)
		assert.Empty(t, f.of("change")) // all have started
		r.stop()
		assert.Equal(t, 3, f.left(t)) // the drain was over
		time.Sleep(2 * time.Minute)
	})
}

func TestOptionsSayWhatIsAllowed(t *testing.T) {
	f := &fake{}
	ok := troupe.SQS(takes(0))
	for _, c := range []struct {
		want string
		err  error
	}{
		{"the client is nil", sqspoll.Run(t.Context(), nil, "u", ok)},
		{"the queue URL is empty", sqspoll.Run(t.Context(), f, "", ok)},
		{"the processor is nil", sqspoll.Run(t.Context(), f, "u", nil)},
		{"option 2 is nil", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithBatches(1), nil)},
		{"WithBatches(0): must be 1 to 1000", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithBatches(0))},
		{"WithBatches(1001): must be 1 to 1000", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithBatches(1001))},
		{"WithBatchSize(0): must be 1 to 10", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithBatchSize(0))},
		{"WithBatchSize(11): must be 1 to 10", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithBatchSize(11))},
		{"WithWait(0s): must be 1s to 20s", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithWait(0))},
		{"WithWait(21s): must be 1s to 20s", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithWait(21*time.Second))},
		{"WithWait(1.5s): must be 1s to 20s in whole seconds", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithWait(1500*time.Millisecond))},
		{"WithVisibility(1s): must be 2s to 12h0m0s", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithVisibility(time.Second))},
		{"WithVisibility(13h0m0s): must be 2s to 12h0m0s", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithVisibility(13*time.Hour))},
		{"WithVisibility(30.5s): must be 2s to 12h0m0s in whole seconds", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithVisibility(30500*time.Millisecond))},
		{"WithVisibility(20s) with WithWait(20s): must be longer", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithVisibility(20*time.Second))},
		{"WithBatchTimeout(0s): must be 1s to 12h0m0s", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithBatchTimeout(0))},
		{"WithBatchTimeout(12h0m1s): must be 1s to 12h0m0s", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithBatchTimeout(12*time.Hour+time.Second))},
		{"WithDrain(-1s): must be 0s to 12h0m0s", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithDrain(-time.Second))},
		{"WithObserver(nil): must be a function", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithObserver(nil))},
		{"WithHealth(nil): must be a *Health", sqspoll.Run(t.Context(), f, "u", ok, sqspoll.WithHealth(nil))},
	} {
		require.ErrorContains(t, c.err, "troupe: sqspoll: ")
		require.ErrorContains(t, c.err, c.want)
	}
}
