package troupe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
)

// A report prints as one line and marshals to JSON. The times are set here so that the output does not vary.
func ExampleReport() {
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if msg.Body == "bad" {
			return errors.New("no such order")
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(func(ctx context.Context, report *troupe.Report) {
		r := *report
		r.Duration, r.Running = 1500*time.Microsecond, 0 // what was abandoned elsewhere may still run
		fmt.Println(r)

		failed := r.Records[1]
		failed.Queued, failed.Duration = 0, 250*time.Microsecond
		text, err := json.Marshal(failed)
		fmt.Println(string(text), err)
	}))
	_, _ = processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: "good"}, {MessageId: "m2", Body: "bad"},
	}})
	// Output:
	// sqs: 2 records in 1.5ms: 1 succeeded, 1 failed; failed: m2
	// {"id":"m2","outcome":"failed","reasons":["error"],"error":"no such order","attempts":1,"queued_ms":0,"duration_ms":0.25} <nil>
}
