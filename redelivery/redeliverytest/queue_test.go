package redeliverytest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
