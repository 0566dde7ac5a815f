package lambdasim_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// The checker distinguishes a handler that remembers what it has done from one that does its work twice. LeaseLost,
// Unrecorded and Lapsed record why work may be done again.
func Example() {
	queue := &lambdasim.Queue{VisibilityTimeout: time.Minute}
	queue.Send(lambdasim.Message{Body: "o-1"})
	queue.Send(lambdasim.Message{Body: "o-1"}) // the same order once more

	done := map[string]bool{}
	charge := lambdasim.WatchKey(func(msg events.SQSMessage) string { return msg.Body }, func(ctx context.Context, msg events.SQSMessage) error {
		switch {
		case !done[msg.Body]:
			lambdasim.Work(ctx, msg.MessageId, msg.Body)
			done[msg.Body] = true
		case lambdasim.Digest(msg) == "": // never: a store that has forgotten the key, or was lost, is noted
			lambdasim.Lapsed(ctx, msg.Body)
			lambdasim.LeaseLost(ctx, msg.Body)
			lambdasim.Unrecorded(ctx, msg.Body)
		}
		return nil
	})
	verdict, err := lambdasim.Simulation{
		Source: queue, Handler: troupe.SQS(charge, troupe.WithConcurrency(1)),
		Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
	}.Run(context.Background())
	fmt.Println(verdict.OK(), verdict.Totals.Keys, verdict.Totals.Effects, err)
	// Output: true 1 1 <nil>
}

// The function gives up on a message: it sends the message to a dead-letter queue and reports a success.
func ExampleDeadLetter() {
	dead := &lambdasim.Queue{Name: "dead"}
	queue := &lambdasim.Queue{}
	queue.Send(lambdasim.Message{Body: "poison"})

	verdict, err := lambdasim.Simulation{
		Source: queue,
		Handler: troupe.SQS(lambdasim.Watch(func(context.Context, events.SQSMessage) error { return errors.New("poison") }),
			troupe.WithLogger(slog.New(slog.DiscardHandler)),
			troupe.WithLastResort(func(ctx context.Context, rec troupe.Record, err error) error {
				msg, opened := troupe.MessageFrom[events.SQSMessage](ctx)
				if opened != nil {
					return err
				}
				return lambdasim.DeadLetter(ctx, rec.ID, dead, lambdasim.Message{Body: msg.Body})
			})),
		Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
	}.Run(context.Background())
	fmt.Println(verdict.OK(), verdict.Totals.Forwarded, err)
	// Output: true 1 <nil>
}

// A handler with another signature records the digest of its argument.
func ExampleBeginDigest() {
	msg := events.SQSMessage{MessageId: "m1", Body: "o-1"}
	end := lambdasim.BeginDigest(context.Background(), msg.MessageId, lambdasim.Digest(msg)) // outside a simulation it does nothing
	end(history.OK)
	fmt.Println(lambdasim.Digest(msg) == lambdasim.Digest(events.SQSMessage{MessageId: "m2", Body: "o-1"}))
	// Output: true
}
