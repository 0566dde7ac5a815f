package troupe_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/troupe-go/troupe"
)

// A handler's context has Lambda's data about the invocation. Its deadline is the cutoff, which is before that of
// the function.
func ExampleRecordFrom_invocation() {
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		invocation, _ := lambdacontext.FromContext(ctx)
		until, _ := ctx.Deadline()
		fmt.Println(invocation.AwsRequestID, time.Until(until) < 10*time.Second)
		return nil
	})

	// In a Lambda function the context is such a one.
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := processor.Process(ctx, events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}}})
	fmt.Println(err)
	// Output:
	// request-1 true
	// <nil>
}

// When the context of an invocation is cancelled, no more records start. Those that are not done are reported.
func ExampleReason_cancelled() {
	ctx, cancel := context.WithCancel(context.Background())
	processor := troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
		if msg.MessageId == "m2" {
			cancel()
		}
		return nil
	}, troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler)),
		troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
			fmt.Println(rec.ID, errors.Is(err, troupe.ErrCancelled))
		}))

	response, err := processor.Process(ctx, events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1"}, {MessageId: "m2"}, {MessageId: "m3"},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// m3 true
	// [{m3}] <nil>
}

// A handler that ignores its context is abandoned and its record reported. The response does not wait.
func ExampleReason_abandoned() {
	hang := make(chan struct{})
	processor := troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
		if msg.MessageId == "m1" {
			<-hang // whatever the context says
		}
		return nil
	}, troupe.WithRecordTimeout(10*time.Millisecond), troupe.WithLogger(slog.New(slog.DiscardHandler)),
		troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
			fmt.Println(rec.ID, errors.Is(err, troupe.ErrAbandoned))
		}))

	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}, {MessageId: "m2"}}})
	close(hang)
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// m1 true
	// [{m1}] <nil>
}

// The environment variables of Powertools apply unless an option overrides them. They are read when the processor is
// constructed.
func ExampleOption() {
	const variable = "POWERTOOLS_BATCH_ERROR_HANDLING_POLICY"
	_ = os.Setenv(variable, "StopOnFirstBatchItemFailure")
	defer os.Unsetenv(variable)

	fail := func(_ context.Context, msg events.SQSMessage) error {
		if msg.MessageId == "m1" {
			return errors.New("no such order")
		}
		return nil
	}
	event := events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}, {MessageId: "m2"}, {MessageId: "m3"}}}
	byVariable := troupe.SQS(fail, troupe.WithConcurrency(1), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)))
	byOption := troupe.SQS(fail, troupe.WithConcurrency(1), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithPolicy(troupe.Continue))
	for _, processor := range []*troupe.Processor[events.SQSEvent, events.SQSEventResponse]{byVariable, byOption} {
		response, err := processor.Process(context.Background(), event)
		fmt.Println(response.BatchItemFailures, err)
	}
	// Output:
	// [{m1} {m2} {m3}] <nil>
	// [{m1}] <nil>
}
