package redeliverytest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/redelivery"
	"github.com/troupe-go/troupe/redelivery/redeliverytest"
)

var errHandler = errors.New("the handler's own error")

// SPEC V1, V2: under faults of handlers and of the queue's calls nothing is lost, nothing that was dead-lettered is
// reported, and the order of groups is kept. The checker judges.
func TestQueuesUnderFaults(t *testing.T) {
	var changed atomic.Int64
	dead := 0
	for seed := range uint64(20) {
		for _, suffix := range []string{"", ".fifo"} {
			synctest.Test(t, func(t *testing.T) {
				faults := func(c lambdasim.Call) error {
					if lambdasim.Draw(seed, c.Action, c.Message, c.Number) < 0.2 {
						return &lambdasim.QueueError{Code: "RequestThrottled"}
					}
					return nil
				}
				letters := &lambdasim.Queue{Name: "dead" + suffix, Faults: faults}
				queue := &lambdasim.Queue{
					Name: "orders" + suffix, VisibilityTimeout: 180 * time.Second, Faults: faults,
					RedrivePolicy: lambdasim.RedrivePolicy{DeadLetterQueue: letters, MaxReceiveCount: 6},
				}
				for i := range 60 {
					queue.Send(lambdasim.Message{Group: fmt.Sprint("g", i%7), Body: fmt.Sprint("order ", i)})
				}
				handle := func(ctx context.Context, msg events.SQSMessage) error {
					time.Sleep(time.Second)
					switch p := lambdasim.Draw(seed, "handler", msg.MessageId, lambdasim.Delivery(ctx, msg.MessageId)); {
					case p < 0.05:
						return troupe.Permanent(errHandler)
					case p < 0.3:
						return errHandler
					case p < 0.35:
						panic("boom")
					case p < 0.37:
						time.Sleep(time.Minute)
					}
					return nil
				}
				verdict, err := lambdasim.Simulation{
					Source: queue, Seed: seed, Timeout: 30 * time.Second, Concurrency: 3,
					Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
					Handler: troupe.SQS(lambdasim.Watch(handle), troupe.WithPolicy(troupe.StopGroup), troupe.WithLogger(slog.New(slog.DiscardHandler)),
						redelivery.Backoff(redeliverytest.Visibility(queue), redelivery.Exponential(time.Second, 10*time.Minute),
							redelivery.WithLogger(slog.New(slog.DiscardHandler)), redelivery.WithTotals(func(_ context.Context, t redelivery.Totals) { changed.Add(int64(t.Changed)) })),
						redelivery.DeadLetter(redeliverytest.Sender(letters), 3)),
				}.Run(t.Context())
				require.NoError(t, err)
				assert.True(t, verdict.OK(), "seed %d%s: %v", seed, suffix, verdict)
				dead += verdict.Totals.Forwarded
				time.Sleep(time.Hour)
			})
		}
	}
	assert.Greater(t, changed.Load(), int64(100))
	assert.Greater(t, dead, 100)
}

// What may go wrong with the queues, one fault at a time. Nothing is lost, nothing that was dead-lettered is reported, and
// the order of groups is kept: the checker judges. What is deleted was handled, or is in the dead-letter queue.
func TestEachFaultLosesNothing(t *testing.T) {
	code := func(code string) error { return &lambdasim.QueueError{Code: code} }
	always := func(action string, err error) func(lambdasim.Call) error {
		return func(c lambdasim.Call) error {
			if c.Action != action {
				return nil
			}
			return err
		}
	}
	for name, c := range map[string]struct {
		faults                    func(lambdasim.Call) error
		hide                      time.Duration // the handler of a failing message changes its own visibility timeout to that first
		crashes                   bool          // once after each letter
		changed, refused, letters bool          // what there is of it; handles of standard queues do not expire
	}{
		"none": {nil, 0, false, true, false, true},
		"throttled calls": {func(c lambdasim.Call) error {
			if c.Message == "" && c.Number%2 == 1 {
				return code("RequestThrottled")
			}
			return nil
		}, 0, false, true, true, true},
		"entries that fail": {func(c lambdasim.Call) error {
			if c.Action == "ChangeMessageVisibility" && c.Message != "" && c.Number%2 == 1 {
				return code("InternalError")
			}
			return nil
		}, 0, false, true, true, true},
		"expired receipt handles":        {nil, time.Second, false, true, true, true},
		"no such queue, for timeouts":    {always("ChangeMessageVisibility", code("AWS.SimpleQueueService.NonExistentQueue")), 0, false, false, true, true},
		"no such dead-letter queue":      {always("SendMessage", code("AWS.SimpleQueueService.NonExistentQueue")), 0, false, true, false, false},
		"access denied, to timeouts":     {always("ChangeMessageVisibility", code("AccessDenied")), 0, false, false, true, true},
		"access denied, to dead letters": {always("SendMessage", code("AccessDenied")), 0, false, true, false, false},
		"a slow endpoint at the deadline, for timeouts": {func(c lambdasim.Call) error {
			if c.Action == "ChangeMessageVisibility" && c.Message == "" {
				time.Sleep(25 * time.Second)
				return code("RequestTimeout")
			}
			return nil
		}, 0, false, false, true, true},
		"a slow endpoint at the deadline, for letters": {func(c lambdasim.Call) error {
			if c.Action == "SendMessage" && c.Message == "" && c.Number%2 == 1 {
				time.Sleep(25 * time.Second)
				return code("RequestTimeout")
			}
			return nil
		}, 0, false, true, false, true},
		"a crash after the send": {nil, 0, true, true, false, true},
	} {
		for _, suffix := range []string{"", ".fifo"} {
			t.Run(name+suffix, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					letters := &lambdasim.Queue{Name: "dead" + suffix, Faults: c.faults}
					redrive := &lambdasim.Queue{Name: "redrive" + suffix}
					queue := &lambdasim.Queue{
						Name: "orders" + suffix, VisibilityTimeout: 180 * time.Second, Faults: c.faults,
						RedrivePolicy: lambdasim.RedrivePolicy{DeadLetterQueue: redrive, MaxReceiveCount: 10},
					}
					sent := 30
					for i := range sent {
						queue.Send(lambdasim.Message{Group: fmt.Sprint("g", i%4), Body: fmt.Sprint("order ", i)})
					}
					var mu sync.Mutex
					handled := map[string]bool{}
					var changed, refused int
					handler := troupe.SQS(lambdasim.Watch(func(ctx context.Context, msg events.SQSMessage) error {
						var i int
						_, _ = fmt.Sscanf(msg.Body, "order %d", &i)
						failure := map[int]error{0: troupe.Permanent(errHandler), 1: errHandler}[i%5]
						if i%5 == 1 && lambdasim.Delivery(ctx, msg.MessageId) > 2 {
							failure = nil
						}
						if failure != nil && c.hide > 0 {
							if err := queue.ChangeVisibility(ctx, msg.ReceiptHandle, c.hide); err != nil {
								t.Error(err)
							}
							time.Sleep(2 * c.hide)
						}
						if failure == nil {
							mu.Lock()
							defer mu.Unlock()
							handled[msg.Body] = true
						}
						return failure
					}), troupe.WithPolicy(troupe.StopGroup), troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler)),
						redelivery.Backoff(redeliverytest.Visibility(queue), redelivery.Exponential(time.Second, time.Minute), redelivery.WithLogger(slog.New(slog.DiscardHandler)),
							redelivery.WithTotals(func(_ context.Context, t redelivery.Totals) {
								mu.Lock()
								defer mu.Unlock()
								changed, refused = changed+t.Changed, refused+t.Refused+t.Late
							})),
						redelivery.DeadLetter(redeliverytest.Sender(letters), 0))
					crashed := map[int]bool{}
					verdict, err := lambdasim.Simulation{
						Source: queue, Timeout: 20 * time.Second, Concurrency: 1,
						Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
						Handler: invoke(func(ctx context.Context, payload []byte) ([]byte, error) {
							before := len(letters.Messages())
							response, err := handler.Invoke(ctx, payload)
							if n := len(letters.Messages()); c.crashes && n > before && !crashed[before] {
								crashed[before] = true
								if len(crashed)%2 == 1 {
									panic("between the send and the response")
								}
							}
							return response, err
						}),
					}.Run(t.Context())
					require.NoError(t, err)
					assert.True(t, verdict.OK(), "%v", verdict)
					assert.Equal(t, sent, verdict.Totals.Deleted+verdict.Totals.DeadLettered, "%v", verdict)
					dead := map[string]bool{}
					for _, m := range append(letters.Messages(), redrive.Messages()...) {
						dead[m.Body] = true
					}
					for i := range sent {
						body := fmt.Sprint("order ", i)
						assert.True(t, handled[body] || dead[body], "%q is gone", body)
						assert.False(t, handled[body] && dead[body] && i%5 == 0, "%q was handled and dead-lettered", body)
					}
					assert.Equal(t, []bool{c.changed, c.refused && (c.hide == 0 || suffix != ""), c.letters}, []bool{changed > 0, refused > 0, len(letters.Messages()) > 0}, "changed %d, refused %d, %d letters", changed, refused, len(letters.Messages()))
					if c.crashes {
						assert.Greater(t, len(letters.Messages()), verdict.Totals.Forwarded, "a letter is sent again")
					}
					time.Sleep(time.Hour)
				})
			})
		}
	}
}

// invoke is a lambda.Handler.
type invoke func(context.Context, []byte) ([]byte, error)

func (f invoke) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return f(ctx, payload) }

// A letter can be received from the queue that it was sent to, with what a queue of its kind takes.
func TestLettersCanBeReceived(t *testing.T) {
	for _, c := range []struct{ source, dead, group, deduplication string }{
		{"orders", "dead", "", ""}, {"orders", "dead.fifo", "id", "id"}, {"orders.fifo", "dead", "", ""}, {"orders.fifo", "dead.fifo", "g", "id"},
	} {
		synctest.Test(t, func(t *testing.T) {
			queue, dead := &lambdasim.Queue{Name: c.source}, &lambdasim.Queue{Name: c.dead}
			group := ""
			if strings.HasSuffix(c.source, ".fifo") {
				group = "g"
			}
			queue.Send(lambdasim.Message{Body: "b", Group: group})
			var id string
			_, err := lambdasim.Simulation{
				Source: queue, Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
				Handler: troupe.SQS(lambdasim.Watch(func(_ context.Context, msg events.SQSMessage) error {
					id = msg.MessageId
					return troupe.Permanent(errHandler)
				}), troupe.WithLogger(slog.New(slog.DiscardHandler)), redelivery.DeadLetter(redeliverytest.Sender(dead), 0)),
			}.Run(t.Context())
			require.NoError(t, err)
			direct, err := dead.Direct()
			require.NoError(t, err)
			letters, err := direct.Receive(t.Context(), 10, time.Minute, 0)
			require.NoError(t, err, c.dead)
			require.Len(t, letters, 1)
			assert.Equal(t, "b", letters[0].Body)
			assert.Equal(t, strings.ReplaceAll(c.group, "id", id), letters[0].Attributes["MessageGroupId"])
			assert.Equal(t, strings.ReplaceAll(c.deduplication, "id", id), letters[0].Attributes["MessageDeduplicationId"])
		})
	}
}

// The queue's refusals are those of package redelivery.
func TestRefusalsOfTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := &lambdasim.Queue{Name: "orders"}
		queue.Send(lambdasim.Message{Body: "b"})
		v := redeliverytest.Visibility(queue)
		first := true
		_, err := lambdasim.Simulation{
			Source: queue, Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
			Handler: troupe.SQS(lambdasim.Watch(func(ctx context.Context, msg events.SQSMessage) error {
				if !first {
					return nil
				}
				first = false
				_, err := v.ChangeVisibility(ctx, "arn:aws:sqs:eu-west-1:123456789012:other", []redelivery.Change{{Receipt: msg.ReceiptHandle}})
				assert.ErrorContains(t, err, "must be of "+queue.ARN())
				failed, err := v.ChangeVisibility(ctx, queue.ARN(), []redelivery.Change{{Receipt: msg.ReceiptHandle, Timeout: 13 * time.Hour}, {Receipt: "garbage"}, {Receipt: msg.ReceiptHandle, Timeout: time.Second}})
				require.NoError(t, err)
				assert.ErrorIs(t, failed[0], redelivery.ErrTimeout)
				assert.NotErrorIs(t, failed[1], redelivery.ErrTimeout)
				assert.Error(t, failed[1])
				assert.NoError(t, failed[2])
				return errors.New(strings.TrimSpace(" again "))
			}), troupe.WithLogger(slog.New(slog.DiscardHandler))),
		}.Run(t.Context())
		require.NoError(t, err)
	})
}
