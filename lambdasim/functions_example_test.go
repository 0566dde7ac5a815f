package lambdasim_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// Watch makes the handler visible to the checker, which sees here that the failed order was redelivered.
func ExampleWatch() {
	queue := &lambdasim.Queue{VisibilityTimeout: 50 * time.Millisecond}
	queue.Send(lambdasim.Message{Body: "order"})

	charge := func(ctx context.Context, msg events.SQSMessage) error {
		if lambdasim.Delivery(ctx, msg.MessageId) == 1 {
			return errors.New("the bank is closed")
		}
		return nil
	}
	verdict, err := lambdasim.Simulation{
		Source:  queue,
		Handler: troupe.SQS(lambdasim.Watch(charge), troupe.WithLogger(slog.New(slog.DiscardHandler))),
		Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
		Timeout: 50 * time.Millisecond,
	}.Run(context.Background())
	fmt.Println(verdict.OK(), verdict.Totals.Handled, "handled", verdict.Totals.Deleted, "deleted", err)
	// Output: true 2 handled 1 deleted <nil>
}

// Begin is for handlers that Watch cannot wrap, such as a loop. This one reports messages as done that it has not
// handled.
func ExampleBegin() {
	queue := &lambdasim.Queue{}
	queue.Send(lambdasim.Message{Body: "first"})
	queue.Send(lambdasim.Message{Body: "second"})

	verdict, err := lambdasim.Simulation{
		Source: queue,
		Handler: lambda.NewHandler(func(ctx context.Context, event events.SQSEvent) error {
			end := lambdasim.Begin(ctx, event.Records[0].MessageId)
			end(history.OK)
			return nil
		}),
	}.Run(context.Background())
	fmt.Println(verdict.OK(), verdict.Violations[0].Kind, err)
	// Output: false lost <nil>
}

// A record that is dropped on purpose does not count as lost.
func ExampleDrop() {
	queue := &lambdasim.Queue{}
	queue.Send(lambdasim.Message{Body: "not for us"})

	verdict, err := lambdasim.Simulation{
		Source: queue,
		Handler: lambda.NewHandler(func(ctx context.Context, event events.SQSEvent) error {
			for _, msg := range event.Records {
				lambdasim.Drop(ctx, msg.MessageId)
			}
			return nil
		}),
	}.Run(context.Background())
	fmt.Println(verdict.OK(), verdict.Totals.Dropped, "dropped", err)
	// Output: true 1 dropped <nil>
}

// Delivery returns the number of a delivery for every source, even if its records have no count.
func ExampleDelivery() {
	stream := &lambdasim.KinesisStream{}
	stream.Put(lambdasim.KinesisRecord{PartitionKey: "van-7", Data: []byte("here")})

	move := func(ctx context.Context, rec events.KinesisEventRecord) error {
		n := lambdasim.Delivery(ctx, rec.Kinesis.SequenceNumber)
		fmt.Println("delivery", n)
		if n < 3 {
			return errors.New("no map")
		}
		return nil
	}
	_, err := lambdasim.Simulation{
		Source:  stream,
		Handler: troupe.Kinesis(lambdasim.Watch(move), troupe.WithLogger(slog.New(slog.DiscardHandler))),
		Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
		Unknown: lambdasim.Unknown{RetryDelay: func(int) time.Duration { return time.Millisecond }},
	}.Run(context.Background())
	fmt.Println(err)
	// Output:
	// delivery 1
	// delivery 2
	// delivery 3
	// <nil>
}

// With the same seed, the same records fail in the same way, in whatever order they are handled.
func ExampleDraw() {
	failing := func(seed uint64, orders ...string) (failed []string) {
		for _, id := range orders {
			if lambdasim.Draw(seed, "bank", id, 1) < 0.5 {
				failed = append(failed, id)
			}
		}
		slices.Sort(failed)
		return failed
	}
	first := failing(7, "a", "b", "c", "d", "e", "f", "g", "h")
	again := failing(7, "h", "g", "f", "e", "d", "c", "b", "a")
	fmt.Println(slices.Equal(first, again), len(first) > 0)
	// Output: true true
}
