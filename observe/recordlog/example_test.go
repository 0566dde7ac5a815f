package recordlog_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/observe/emf"
	"github.com/troupe-go/troupe/observe/recordlog"
)

// In a Lambda function, recordlog.Failures(nil) and a default logger that writes JSON are enough.
func ExampleFailures() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{} // to have the same output each time
			}
			return a
		},
	}))
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if msg.Body == "bad" {
			return errors.New("no such order")
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)), recordlog.Failures(logger))

	_, _ = processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: "good"}, {MessageId: "m2", Body: "bad"},
	}})
	// Output:
	// level=WARN msg="troupe: record failed" source=sqs id=m2 index=1 attempt=1 reason=error error="no such order"
}

// Lines with the identifiers of records that were handled before, and of those whose success could not be recorded.
func ExampleDuplicates() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{} // to have the same output each time
			}
			return a
		},
	}))
	charge := idempotency.Wrap("charge", idempotency.NewMemory(),
		func(_ context.Context, msg events.SQSMessage) string { return msg.Body },
		func(context.Context, events.SQSMessage) error { return nil },
		idempotency.WithFunction("payments"))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // as Lambda does
	defer cancel()
	_, _ = troupe.SQS(charge, troupe.WithConcurrency(1), recordlog.Duplicates(logger)).Process(ctx, events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: "order-1"}, {MessageId: "m2", Body: "order-1"},
	}})
	// Output:
	// level=INFO msg="troupe: record is a duplicate" source=sqs id=m2 index=1
}

// Observers can be combined. Nothing fails here, so only the observers write lines.
func Example() {
	charge := func(ctx context.Context, msg events.SQSMessage) error { return nil }
	processor := troupe.SQS(charge, emf.Observe("Orders", emf.WithWriter(io.Discard)), recordlog.Failures(nil),
		troupe.WithObserver(func(ctx context.Context, report *troupe.Report) {
			slog.InfoContext(ctx, report.String())
		}))

	response, err := processor.Invoke(context.Background(), []byte(`{"Records": []}`))
	fmt.Println(string(response), err)
	// Output: {"batchItemFailures":[]} <nil>
}
