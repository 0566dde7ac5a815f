package oteltroupe_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/observe/oteltroupe"
	"github.com/troupe-go/troupe/typed"
)

// Everything combined. If the SDK is set up by otel.SetTracerProvider and otel.SetMeterProvider, no options are
// needed. A Lambda function ends with lambda.Start(function).
func Example() {
	spans := tracetest.NewSpanRecorder()
	tracers := oteltroupe.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))

	charge := func(ctx context.Context, msg events.SQSMessage) error { return nil }
	function := oteltroupe.Handler(troupe.SQS(oteltroupe.SQS(charge, tracers), oteltroupe.Observe()), tracers)

	response, err := function.Invoke(context.Background(), []byte(`{"Records": [{
		"messageId": "m1",
		"body": "hello",
		"attributes": {"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"},
		"eventSource": "aws:sqs",
		"eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders"
	}]}`))
	fmt.Println(string(response), err)
	message, batch := spans.Ended()[0], spans.Ended()[1]
	fmt.Println(message.Name(), message.Parent().SpanID() == batch.SpanContext().SpanID())
	fmt.Println("sent in trace", message.Links()[0].SpanContext.TraceID())
	// Output:
	// {"batchItemFailures":[]} <nil>
	// process orders true
	// sent in trace 5759e988bd862e3fe1be46a994272793
}

func ExampleHandler() {
	spans := tracetest.NewSpanRecorder()
	tracers := oteltroupe.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))

	processor := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil })
	function := oteltroupe.Handler(processor, tracers)

	_, err := function.Invoke(context.Background(), []byte(`{"no": "event"}`))
	fmt.Println(errors.Is(err, troupe.ErrEvent), spans.Ended()[0].Name(), spans.Ended()[0].Status().Code)
	// Output: true process Error
}

// The handler's context has the span of the attempt. Spans of what the handler calls are its children.
func ExampleSQS() {
	spans := tracetest.NewSpanRecorder()
	tracers := oteltroupe.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))

	processor := troupe.SQS(oteltroupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		trace.SpanFromContext(ctx).AddEvent("charged")
		return nil
	}, tracers))

	_, _ = processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:orders"},
	}})
	fmt.Println(spans.Ended()[0].Name(), spans.Ended()[0].Events()[0].Name)
	// Output: process orders charged
}

// The span of a record of a stream has the name of the stream.
func ExampleKinesis() {
	spans := tracetest.NewSpanRecorder()
	tracers := oteltroupe.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))

	move := func(context.Context, events.KinesisEventRecord) error { return nil }
	processor := troupe.Kinesis(oteltroupe.Kinesis(move, tracers))

	_, _ = processor.Process(context.Background(), events.KinesisEvent{Records: []events.KinesisEventRecord{{
		EventSourceArn: "arn:aws:kinesis:eu-west-1:123456789012:stream/vans",
		Kinesis:        events.KinesisRecord{SequenceNumber: "101", PartitionKey: "ann"},
	}}})
	fmt.Println(spans.Ended()[0].Name())
	// Output: process vans
}

func ExampleDynamoDB() {
	spans := tracetest.NewSpanRecorder()
	tracers := oteltroupe.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))

	type Order struct{ ID string }
	index := func(ctx context.Context, change typed.Change[Order]) error { return nil }
	processor := troupe.DynamoDB(oteltroupe.DynamoDB(typed.DynamoDB(index), tracers))

	_, _ = processor.Process(context.Background(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{{
		EventSourceArn: "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2024-06-10T19:26:16.525",
		Change:         events.DynamoDBStreamRecord{SequenceNumber: "101"},
	}}})
	fmt.Println(spans.Ended()[0].Name())
	// Output: process Orders
}

// The span of a Kafka record links to the span that sent the record.
func ExampleKafka() {
	spans := tracetest.NewSpanRecorder()
	tracers := oteltroupe.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))

	show := func(context.Context, kafka.Record) error { return nil }
	processor := kafka.New(oteltroupe.Kafka(show, tracers))

	_, _ = processor.Process(context.Background(), kafka.Event{Records: map[string][]kafka.Record{"stock-0": {{
		Topic: "stock", Offset: 7,
		Headers: []kafka.Header{{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}},
	}}}})
	fmt.Println(spans.Ended()[0].Name(), "sent by", spans.Ended()[0].Links()[0].SpanContext.SpanID())
	// Output: process stock sent by b7ad6b7169203331
}

// Middleware is the same for all sources, so it has no link to the sender of a record.
func ExampleSpans() {
	spans := tracetest.NewSpanRecorder()
	tracers := oteltroupe.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))

	processor := troupe.Kinesis(func(context.Context, events.KinesisEventRecord) error { return nil },
		oteltroupe.Spans(tracers))

	_, _ = processor.Process(context.Background(), events.KinesisEvent{Records: []events.KinesisEventRecord{
		{Kinesis: events.KinesisRecord{SequenceNumber: "101", PartitionKey: "ann"}},
	}})
	fmt.Println(spans.Ended()[0].Name(), spans.Ended()[0].SpanKind())
	// Output: process consumer
}

// For messages of a custom type, the handler states where they come from.
func ExampleWrap() {
	spans := tracetest.NewSpanRecorder()
	tracers := oteltroupe.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))

	type order struct {
		Number int
		From   events.SQSMessage
	}
	handle := oteltroupe.Wrap(func(ctx context.Context, o order) error { return nil },
		func(o order) oteltroupe.Origin { return oteltroupe.FromSQS(o.From) }, tracers)

	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		return handle(ctx, order{Number: len(msg.Body), From: msg})
	})
	_, _ = processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:orders"},
	}})
	fmt.Println(spans.Ended()[0].Name())
	// Output: process orders
}

func ExampleFromSQS() {
	parent := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	from := oteltroupe.FromSQS(events.SQSMessage{
		EventSourceARN:    "arn:aws:sqs:eu-west-1:123456789012:orders",
		MessageAttributes: map[string]events.SQSMessageAttribute{"traceparent": {DataType: "String", StringValue: &parent}},
	})
	fmt.Println(from.Destination, from.Senders[0].SpanID())
	// Output: orders b7ad6b7169203331
}

func ExampleObserve() {
	reader := sdkmetric.NewManualReader()
	meters := oteltroupe.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))

	processor := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if msg.Body == "bad" {
			panic("no such order")
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)), oteltroupe.Observe(meters))
	_, _ = processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: "good"}, {MessageId: "m2", Body: "bad"}, {MessageId: "m3", Body: "good"},
	}})

	var recorded metricdata.ResourceMetrics
	_ = reader.Collect(context.Background(), &recorded)
	for _, m := range recorded.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok {
			for _, p := range sum.DataPoints {
				why, _ := p.Attributes.Value("error.type")
				fmt.Printf("%s %d %q\n", m.Name, p.Value, why.AsString())
			}
		}
	}
	// Unordered output:
	// messaging.client.consumed.messages 2 ""
	// messaging.client.consumed.messages 1 "panic"
}

// WithTracerProvider and WithMeterProvider are for providers that are not the global ones.
func ExampleWithTracerProvider() {
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))

	handle := oteltroupe.SQS(func(context.Context, events.SQSMessage) error { return nil }, oteltroupe.WithTracerProvider(provider))
	_, _ = troupe.SQS(handle).Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}}})
	fmt.Println(len(spans.Ended()))
	// Output: 1
}

func ExampleWithMeterProvider() {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))

	processor := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil },
		oteltroupe.Observe(oteltroupe.WithMeterProvider(provider)))
	_, _ = processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1"}}})

	var recorded metricdata.ResourceMetrics
	fmt.Println(reader.Collect(context.Background(), &recorded), recorded.ScopeMetrics[0].Metrics[0].Name)
	// Output: <nil> messaging.process.duration
}

// The headers of a Kafka record have the span that sent it.
func ExampleFromKafka() {
	origin := oteltroupe.FromKafka(kafka.Record{Topic: "orders", Headers: []kafka.Header{
		{Key: "traceparent", Value: []byte("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
	}})
	fmt.Println(origin.Destination, origin.Senders[0].SpanID())
	// Output: orders 00f067aa0ba902b7
}
