package troupe_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
)

// The handler receives one message at a time; only failed messages are reported. A Lambda function ends with
// lambda.Start(processor).
func Example() {
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if msg.Body == "bad" {
			return errors.New("no such order")
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Invoke(context.Background(), []byte(`{"Records": [
		{"messageId": "m1", "eventSource": "aws:sqs", "body": "good"},
		{"messageId": "m2", "eventSource": "aws:sqs", "body": "bad"},
		{"messageId": "m3", "eventSource": "aws:sqs", "body": "good"}
	]}`))
	fmt.Println(string(response), err)
	// Output: {"batchItemFailures":[{"itemIdentifier":"m2"}]} <nil>
}

// A FIFO queue is recognized by its ARN. After the first failure no more messages start, and those that have not
// started are reported too, which preserves their order.
func ExampleSQS() {
	const queue = "arn:aws:sqs:eu-west-1:123456789012:orders.fifo"
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		fmt.Println("handling", msg.MessageId)
		if msg.MessageId == "m2" {
			return errors.New("no such order")
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", EventSourceARN: queue, Attributes: map[string]string{"MessageGroupId": "ann"}},
		{MessageId: "m2", EventSourceARN: queue, Attributes: map[string]string{"MessageGroupId": "ann"}},
		{MessageId: "m3", EventSourceARN: queue, Attributes: map[string]string{"MessageGroupId": "ann"}},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// handling m1
	// handling m2
	// [{m2} {m3}] <nil>
}

// Records of a partition key are handled in order. A failure stops its key; other keys continue.
func ExampleKinesis() {
	processor := troupe.Kinesis(func(ctx context.Context, rec events.KinesisEventRecord) error {
		if string(rec.Kinesis.Data) == "bad" {
			return errors.New("cannot be booked")
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(func(_ context.Context, report *troupe.Report) {
		for _, r := range report.Records {
			fmt.Println(r.ID, r.Group, r.Outcome, r.Attempts)
		}
	}))

	response, err := processor.Process(context.Background(), events.KinesisEvent{Records: []events.KinesisEventRecord{
		{Kinesis: events.KinesisRecord{SequenceNumber: "101", PartitionKey: "ann", Data: []byte("bad")}},
		{Kinesis: events.KinesisRecord{SequenceNumber: "102", PartitionKey: "bob", Data: []byte("good")}},
		{Kinesis: events.KinesisRecord{SequenceNumber: "103", PartitionKey: "ann", Data: []byte("good")}},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// 101 ann failed 1
	// 102 bob succeeded 1
	// 103 ann failed 0
	// [{101} {103}] <nil>
}

// Changes of an item are handled in order. All key attributes identify an item.
func ExampleDynamoDB() {
	item := func(id string) map[string]events.DynamoDBAttributeValue {
		return map[string]events.DynamoDBAttributeValue{"Id": events.NewNumberAttribute(id)}
	}
	processor := troupe.DynamoDB(func(ctx context.Context, rec events.DynamoDBEventRecord) error {
		if rec.EventName == "REMOVE" {
			return errors.New("still referred to")
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Process(context.Background(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{
		{EventName: "INSERT", Change: events.DynamoDBStreamRecord{SequenceNumber: "7", Keys: item("1")}},
		{EventName: "REMOVE", Change: events.DynamoDBStreamRecord{SequenceNumber: "8", Keys: item("1")}},
		{EventName: "INSERT", Change: events.DynamoDBStreamRecord{SequenceNumber: "9", Keys: item("2")}},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output: [{8}] <nil>
}

// Call Process from your own Lambda handler. If every record has failed it returns an error, and the full response.
func ExampleProcessor_Process() {
	errGone := errors.New("the shop is closed")
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error { return errGone },
		troupe.WithLogger(slog.New(slog.DiscardHandler)))

	handler := func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		return processor.Process(ctx, event)
	}
	response, err := handler(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}, {MessageId: "m2"}}})
	fmt.Println(response.BatchItemFailures)
	fmt.Println(err)
	fmt.Println(errors.Is(err, errGone))
	// Output:
	// [{m1} {m2}]
	// troupe: 2 of 2 records failed; the first: record "m1": the shop is closed
	// true
}

// If an event as a whole cannot be processed, the error matches ErrEvent, and no handler runs.
func ExampleProcessor_Invoke() {
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error { return nil })

	_, err := processor.Invoke(context.Background(), []byte(`{"Records": [{"messageId": null, "body": "hello"}]}`))
	fmt.Println(err)
	fmt.Println(errors.Is(err, troupe.ErrEvent))
	// Output:
	// troupe: event cannot be processed: record 0: "messageId" is null, so that its failure could not be reported
	// true
}

// Under StopGroup a message that keeps failing holds up only its message group.
func ExamplePolicy() {
	const queue = "arn:aws:sqs:eu-west-1:123456789012:orders.fifo"
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if msg.MessageId == "m1" {
			return errors.New("no such order")
		}
		return nil
	}, troupe.WithPolicy(troupe.StopGroup), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", EventSourceARN: queue, Attributes: map[string]string{"MessageGroupId": "ann"}},
		{MessageId: "m2", EventSourceARN: queue, Attributes: map[string]string{"MessageGroupId": "ann"}},
		{MessageId: "m3", EventSourceARN: queue, Attributes: map[string]string{"MessageGroupId": "bob"}},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output: [{m1} {m2}] <nil>
}

// A decider chooses for each failure what happens to the other records.
func ExampleWithDecider() {
	errDown := errors.New("the database is down")
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		switch msg.MessageId {
		case "m1":
			return errors.New("no such order")
		case "m2":
			return errDown
		}
		return nil
	}, troupe.WithDecider(func(rec troupe.Record, err error) troupe.Policy {
		if errors.Is(err, errDown) {
			return troupe.StopBatch // no use trying the rest
		}
		return troupe.Derive
	}), troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m0"}, {MessageId: "m1"}, {MessageId: "m2"}, {MessageId: "m3"},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output: [{m1} {m2} {m3}] <nil>
}

// ErrorWhenAny is for event source mappings without ReportBatchItemFailures: Lambda ignores the response there, so
// only an error of the invocation makes it redeliver.
func ExampleErrorWhen() {
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if msg.MessageId == "m2" {
			return errors.New("no such order")
		}
		return nil
	}, troupe.WithErrorWhen(troupe.ErrorWhenAny), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	_, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}, {MessageId: "m2"}}})
	fmt.Println(err)
	// Output: troupe: 1 of 2 records failed; the first: record "m2": no such order
}

// At concurrency 1 the records of any source are handled one by one in batch order.
func ExampleWithConcurrency() {
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		fmt.Println(msg.MessageId)
		return nil
	}, troupe.WithConcurrency(1))

	_, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1"}, {MessageId: "m2"}, {MessageId: "m3"},
	}})
	fmt.Println(err)
	// Output:
	// m1
	// m2
	// m3
	// <nil>
}

// A standard queue has no order. WithGroup handles the messages of a customer one after the other anyway, and
// StopGroup holds back the rest of them after a failure.
func ExampleWithGroup() {
	customer := func(msg events.SQSMessage) string {
		return *msg.MessageAttributes["customer"].StringValue
	}
	message := func(id, customer string) events.SQSMessage {
		return events.SQSMessage{MessageId: id, MessageAttributes: map[string]events.SQSMessageAttribute{
			"customer": {DataType: "String", StringValue: &customer},
		}}
	}
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if msg.MessageId == "m1" {
			return errors.New("no such order")
		}
		return nil
	}, troupe.WithGroup(customer), troupe.WithPolicy(troupe.StopGroup), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		message("m1", "ann"), message("m2", "bob"), message("m3", "ann"),
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output: [{m1} {m3}] <nil>
}

// Without order records are independent: the failure of one holds up no other.
func ExampleWithoutOrder() {
	processor := troupe.Kinesis(func(ctx context.Context, rec events.KinesisEventRecord) error {
		if rec.Kinesis.SequenceNumber == "101" {
			return errors.New("cannot be booked")
		}
		return nil
	}, troupe.WithoutOrder(), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Process(context.Background(), events.KinesisEvent{Records: []events.KinesisEventRecord{
		{Kinesis: events.KinesisRecord{SequenceNumber: "101", PartitionKey: "ann"}},
		{Kinesis: events.KinesisRecord{SequenceNumber: "102", PartitionKey: "ann"}},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output: [{101}] <nil>
}

// Lambda restarts a stream at the lowest reported sequence number, so it is enough to report that one.
func ExampleWithLowestOnly() {
	processor := troupe.Kinesis(func(ctx context.Context, rec events.KinesisEventRecord) error {
		if rec.Kinesis.PartitionKey == "ann" {
			return errors.New("cannot be booked")
		}
		return nil
	}, troupe.WithLowestOnly(), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Process(context.Background(), events.KinesisEvent{Records: []events.KinesisEventRecord{
		{Kinesis: events.KinesisRecord{SequenceNumber: "99", PartitionKey: "bob"}},
		{Kinesis: events.KinesisRecord{SequenceNumber: "100", PartitionKey: "ann"}},
		{Kinesis: events.KinesisRecord{SequenceNumber: "101", PartitionKey: "ann"}},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output: [{100}] <nil>
}

// Shortly before the invocation would time out, the handlers' contexts end and no more records start. Records that
// are not done are reported; the others are not redelivered.
func ExampleWithReserve() {
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if msg.MessageId == "m2" {
			<-ctx.Done() // slow work that minds its context
			return ctx.Err()
		}
		return nil
	}, troupe.WithReserve(400*time.Millisecond), troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	// In a Lambda function this deadline is the function's.
	ctx, cancel := context.WithTimeout(context.Background(), 900*time.Millisecond)
	defer cancel()
	response, err := processor.Process(ctx, events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1"}, {MessageId: "m2"}, {MessageId: "m3"},
	}})
	fmt.Println(response.BatchItemFailures, err, ctx.Err())
	// Output: [{m2} {m3}] <nil> <nil>
}

// WithRecordTimeout prevents a slow record from using up the time of the others.
func ExampleWithRecordTimeout() {
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if msg.MessageId == "m1" {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}, troupe.WithRecordTimeout(10*time.Millisecond), troupe.WithLogger(slog.New(slog.DiscardHandler)),
		troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
			fmt.Println(rec.ID, errors.Is(err, troupe.ErrRecordTimeout))
		}))

	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}, {MessageId: "m2"}}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// m1 true
	// [{m1}] <nil>
}

// A transient failure is retried within the invocation, without waiting for the next delivery.
func ExampleRetry() {
	var calls atomic.Int32
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if calls.Add(1) < 3 {
			return errors.New("connection reset")
		}
		rec, _ := troupe.RecordFrom(ctx)
		fmt.Println("done at attempt", rec.Attempt)
		return nil
	}, troupe.WithRetry(troupe.Retry{Times: 3, Base: time.Millisecond}))

	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// done at attempt 3
	// [] <nil>
}

// Permanent turns off retries in place for an error that a retry cannot fix. Lambda still redelivers the record.
func ExamplePermanent() {
	calls := 0
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		calls++
		return troupe.Permanent(errors.New("not an order"))
	}, troupe.WithRetry(troupe.Retry{Times: 5, Base: time.Millisecond}), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}}})
	fmt.Println(response.BatchItemFailures, err)
	fmt.Println("calls:", calls)
	// Output:
	// [{m1}] <nil>
	// calls: 1
}

// One middleware serves every source: it receives the record's metadata, not its payload.
func ExampleWithMiddleware() {
	trace := func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
		return func(ctx context.Context, rec troupe.Record) error {
			err := next(ctx, rec)
			fmt.Println(rec.Source, rec.ID, "attempt", rec.Attempt, "gave", err)
			return err
		}
	}
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error { return nil },
		troupe.WithMiddleware(trace), troupe.WithConcurrency(1))

	_, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}, {MessageId: "m2"}}})
	fmt.Println(err)
	// Output:
	// sqs m1 attempt 1 gave <nil>
	// sqs m2 attempt 1 gave <nil>
	// <nil>
}

// Code that the handler calls gets the record's metadata from the context, for a log line or an idempotency key.
func ExampleRecordFrom() {
	save := func(ctx context.Context) {
		if rec, ok := troupe.RecordFrom(ctx); ok {
			fmt.Printf("saving for %s, number %d of its batch\n", rec.ID, rec.Index)
		}
	}
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		save(ctx)
		return nil
	})

	_, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}}})
	fmt.Println(err)
	// Output:
	// saving for m1, number 0 of its batch
	// <nil>
}

// An observer receives the report of each batch before the response is returned. Use it for metrics.
func ExampleWithObserver() {
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if msg.MessageId == "m2" {
			panic("a bug")
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(func(_ context.Context, report *troupe.Report) {
		fmt.Printf("%s: %d succeeded, %d failed\n", report.Source, report.Succeeded, report.Failed)
		for _, r := range report.Records {
			fmt.Println(r.ID, r.Outcome, r.Err)
		}
	}))

	_, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}, {MessageId: "m2"}}})
	fmt.Println(err)
	// Output:
	// sqs: 1 succeeded, 1 failed
	// m1 succeeded <nil>
	// m2 failed troupe: handler panicked: a bug
	// <nil>
}

// A failure hook is called for each record when it fails, including records that were never started.
func ExampleWithFailureHook() {
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		return errors.New("the database is down")
	}, troupe.WithPolicy(troupe.StopBatch), troupe.WithConcurrency(1), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)),
		troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
			fmt.Println(rec.ID, "started:", !errors.Is(err, troupe.ErrNotStarted))
		}))

	_, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}, {MessageId: "m2"}}})
	fmt.Println(err)
	// Output:
	// m1 started: true
	// m2 started: false
	// <nil>
}

// A batch with failures is logged as one line, with identifiers and the first error, without payloads.
func ExampleWithLogger() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{} // it would be another one each time
			}
			return a
		},
	}))
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if msg.MessageId == "m2" {
			return errors.New("no such order")
		}
		return nil
	}, troupe.WithLogger(logger))

	_, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}, {MessageId: "m2"}}})
	fmt.Println(err)
	// Output:
	// level=WARN msg="troupe: records failed" source=sqs records=2 failed=1 not_started=0 abandoned=0 first_ids=[m2] first_error="no such order"
	// <nil>
}

// Compare errors with reasons by errors.Is. The error of a record that was not started has the reason for that.
func ExampleReason() {
	processor := troupe.Kinesis(func(ctx context.Context, rec events.KinesisEventRecord) error {
		return errors.New("cannot be booked")
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))

	_, err := processor.Process(context.Background(), events.KinesisEvent{Records: []events.KinesisEventRecord{
		{Kinesis: events.KinesisRecord{SequenceNumber: "101", PartitionKey: "ann"}},
		{Kinesis: events.KinesisRecord{SequenceNumber: "102", PartitionKey: "ann"}},
	}})
	fmt.Println(errors.Is(err, troupe.ErrNotStarted), errors.Is(err, troupe.ErrGroupStopped), errors.Is(err, troupe.ErrStopped))
	// Output: true true false
}

func book(string) error { return nil }

// A panic fails only its record. The error has its value and stack.
func ExamplePanicError() {
	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		fields := strings.Split(msg.Body, ",")
		return book(fields[1]) // a bug: there may be one field only
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))

	_, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1", Body: "ann"}}})
	var p *troupe.PanicError
	fmt.Println(errors.As(err, &p))
	fmt.Println(p.Value)
	// Output:
	// true
	// runtime error: index out of range [1] with length 1
}

// A record that cannot be decoded fails alone. Its error has the position of the fault, and nothing of the payload.
func ExampleDecodeError() {
	processor := troupe.Kinesis(func(ctx context.Context, rec events.KinesisEventRecord) error { return nil },
		troupe.WithLogger(slog.New(slog.DiscardHandler)))

	_, err := processor.Invoke(context.Background(), []byte(`{"Records": [
		{"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": "101", "partitionKey": "ann", "data": "?"}}
	]}`))
	var d *troupe.DecodeError
	fmt.Println(errors.As(err, &d))
	fmt.Println(d.Field, "is", d.Problem)
	// Output:
	// true
	// kinesis.data is not base64
}
