package sqspoll_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/sqspoll"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
)

var draws = flag.Int("sqspoll.draws", 20, "how many draws TestFaultsLoseNothing makes of each kind of queue")

// chance draws from several goroutines.
type chance struct {
	mu sync.Mutex
	r  *rand.Rand
}

func (c *chance) n(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.r.IntN(n)
}

func (c *chance) upTo(d time.Duration) time.Duration { return time.Duration(c.n(int(d))) }

// claims knows until when received messages are invisible, if nothing but renewals has changed that. No handler may start
// later than that, by its own message or one before it in its group. Handlers of a group overlap only if it has passed for
// one of them, so that SQS has redelivered a message while the first handler runs.
type claims struct {
	sqspoll.Client
	t       *testing.T
	began   time.Time
	overlap *atomic.Int32

	mu      *sync.Mutex
	until   map[string]time.Duration // by receipt
	group   map[string][]string      // by receipt: those of its group in its batch, up to its own
	running map[string]string        // group by receipt
}

func (c claims) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, o ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	began := time.Since(c.began)
	out, err := c.Client.ReceiveMessage(ctx, in, o...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		before := make(map[string][]string)
		for _, m := range out.Messages {
			group := m.Attributes["MessageGroupId"]
			if group == "" {
				group = *m.ReceiptHandle
			}
			before[group] = append(before[group], *m.ReceiptHandle)
			c.until[*m.ReceiptHandle] = began + seconds(in.VisibilityTimeout)
			c.group[*m.ReceiptHandle] = before[group][:len(before[group]):len(before[group])]
		}
	}
	return out, err
}

func (c claims) ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, o ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	began := time.Since(c.began)
	out, err := c.Client.ChangeMessageVisibilityBatch(ctx, in, o...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		for _, done := range out.Successful {
			for _, e := range in.Entries {
				if *e.Id == *done.Id && e.VisibilityTimeout > 0 {
					c.until[*e.ReceiptHandle] = began + seconds(e.VisibilityTimeout)
				}
			}
		}
	}
	return out, err
}

// lasts returns until when all messages are invisible that must be for a handler to start. (mu)
func (c claims) lasts(receipt string) time.Duration {
	until := c.until[receipt]
	for _, r := range c.group[receipt] {
		until = min(until, c.until[r])
	}
	return until
}

func (c claims) watch(handle func(context.Context, events.SQSMessage) error) func(context.Context, events.SQSMessage) error {
	return func(ctx context.Context, m events.SQSMessage) error {
		c.mu.Lock()
		group, now := m.Attributes["MessageGroupId"], time.Since(c.began)
		assert.Greaterf(c.t, c.lasts(m.ReceiptHandle), now, "a message of group %q may be visible at %v, when a handler starts", group, now)
		for receipt, other := range c.running {
			if group != "" && other == group {
				c.overlap.Add(1)
				assert.LessOrEqualf(c.t, c.lasts(receipt), now, "two handlers of group %q run at %v, and no message of the first batch can be visible yet", group, now)
			}
		}
		c.running[m.ReceiptHandle] = group
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.running, m.ReceiptHandle)
		}()
		return handle(ctx, m)
	}
}

// SPEC Q1 to Q5: two Runs poll a queue for minutes of virtual time. Servers and networks fail in every way at once:
// outages of up to a minute, in which answers to calls under way are lost as well, calls that are slow, throttled or
// lose their answer, entries of a batch that fail. Handlers take up to 40 s with a visibility timeout of 10 s, and
// fail. One clock jumps ahead, and a Run is stopped and replaced now and then.
func TestFaultsLoseNothing(t *testing.T) {
	var lost, failed, overlaps, jumps, stops, undeleted, expired atomic.Int32
	for _, queue := range []func() *lambdasim.Queue{standard, fifo} {
		for draw := range *draws {
			t.Run(fmt.Sprintf("%s/%d", queue().Name, draw), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := &chance{r: rand.New(rand.NewPCG(uint64(draw), 1))}
					ordered := queue().Name == "q.fifo"
					rules := check.Rules{Reports: true, Payloads: true, Unhandled: true}
					if ordered {
						rules.Order, rules.Stops = check.Strict, check.StopsGroup
					}
					f, j := newFake(t, queue()), newJournal(t, rules)
					j.overlaps = true
					claims := claims{f, t, f.start, &overlaps, new(sync.Mutex), make(map[string]time.Duration), make(map[string][]string), make(map[string]string)}
					for i := range 60 {
						m := lambdasim.Message{Body: fmt.Sprint("order ", i)}
						if ordered {
							m.Group, m.Deduplication = fmt.Sprint("customer-", c.n(8)), fmt.Sprint(i)
						}
						id, _, err := f.direct.Send(t.Context(), m)
						require.NoError(t, err)
						j.sent(id, m)
					}
					var outages [6][2]time.Duration
					for i := range outages {
						outages[i][0] = c.upTo(5 * time.Minute)
						outages[i][1] = outages[i][0] + c.upTo(time.Minute)
					}
					down := func() bool {
						for _, o := range outages {
							if now := time.Since(f.start); now >= o[0] && now < o[1] {
								return true
							}
						}
						return false
					}
					wait := func(ctx context.Context, d time.Duration) error {
						select {
						case <-time.After(d):
							return nil
						case <-ctx.Done():
							return ctx.Err()
						}
					}
					f.before = func(ctx context.Context, _ *call) error {
						switch {
						case c.n(20) == 0:
							return &smithy.GenericAPIError{Code: "RequestThrottled", Message: "slow down"}
						case c.n(10) == 0:
							if err := wait(ctx, c.upTo(3*time.Second)); err != nil {
								return err
							}
						}
						if down() {
							failed.Add(1)
							return errNetwork
						}
						return nil
					}
					f.after = func(ctx context.Context, _ *call) error {
						if c.n(20) == 0 || down() {
							lost.Add(1)
							return errNetwork
						}
						return wait(ctx, c.upTo(time.Second))
					}
					f.entry = func(*call, string) *types.BatchResultErrorEntry {
						switch c.n(20) {
						case 0:
							return &types.BatchResultErrorEntry{Code: ptr("InternalError")}
						case 1:
							return &types.BatchResultErrorEntry{Code: ptr("RequestThrottled"), SenderFault: true}
						default:
							return nil
						}
					}
					handle := func(context.Context, events.SQSMessage) error {
						takes := c.upTo(2 * time.Second)
						if c.n(10) == 0 {
							takes = c.upTo(40 * time.Second)
						}
						time.Sleep(takes)
						if c.n(8) == 0 {
							return errFirst
						}
						return nil
					}
					quiet := slog.New(slog.DiscardHandler)
					var jump atomic.Int64
					start := func(name string, clock func() time.Duration) (stop func()) {
						ctx, cancel := context.WithCancel(t.Context())
						done := make(chan error, 1)
						consumer := newConsumer(claims, name, j)
						processor := troupe.SQS(consumer.watch(claims.watch(handle)), troupe.WithLogger(quiet), troupe.WithPolicy(troupe.StopGroup), troupe.WithObserver(consumer.answered), troupe.WithConcurrency(3))
						go func() {
							done <- sqspoll.Run(ctx, consumer, "https://sqs/q", processor, sqspoll.WithWait(2*time.Second), sqspoll.WithVisibility(10*time.Second),
								sqspoll.WithBatches(2), sqspoll.WithDrain(time.Minute), sqspoll.WithLogger(quiet), sqspoll.WithClock(clock),
								sqspoll.WithObserver(func(_ context.Context, b sqspoll.Batch) {
									undeleted.Add(int32(b.Undeleted))
									expired.Add(int32(b.Expired))
								}))
						}()
						return func() { cancel(); require.NoError(t, <-done) }
					}
					honest := func() time.Duration { return time.Since(f.start) }
					stopA := start("a", func() time.Duration { return time.Since(f.start) + time.Duration(jump.Load()) })
					stopB := start("b0", honest)
					for i := 1; f.left(t) > 0; i++ {
						require.Less(t, time.Since(f.start), 5*time.Hour)
						time.Sleep(c.upTo(time.Minute))
						switch c.n(3) {
						case 0:
							jumps.Add(1)
							jump.Add(int64(c.upTo(30 * time.Second)))
						case 1:
							stops.Add(1)
							stopB()
							stopB = start(fmt.Sprint("b", i), honest)
						}
					}
					stopA()
					stopB()
					j.finish()
				})
			})
		}
	}
	t.Logf("%d calls failed, %d answers lost, %d jumps, %d stops, %d not deleted, %d not started since they may have been visible, %d overlaps after a visibility ended", failed.Load(), lost.Load(), jumps.Load(), stops.Load(), undeleted.Load(), expired.Load(), overlaps.Load())
	for _, n := range []*atomic.Int32{&lost, &failed, &overlaps, &jumps, &stops, &undeleted, &expired} {
		assert.Positive(t, n.Load())
	}
}
