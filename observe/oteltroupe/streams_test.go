package oteltroupe_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/observe/oteltroupe"
	"github.com/troupe-go/troupe/typed"
)

// bytesOf writes the value of a header as Lambda does.
func bytesOf(text string) string {
	return strings.ReplaceAll(fmt.Sprint(signed(text)), " ", ",")
}

func signed(text string) (all []int8) {
	for _, b := range []byte(text) {
		all = append(all, int8(b))
	}
	return all
}

// The span of a stream's record has the name of the stream, the table or the topic, for handlers of whole records, of
// Lazy ones and of payloads alike. Kafka alone has room for the sender's span.
func TestSpansOfStreamsHaveTheirDestination(t *testing.T) {
	c := collect()
	to := c.to()
	// see is the end of each handler: it is called within the span.
	see := func(ctx context.Context, err error) error {
		assert.True(t, trace.SpanFromContext(ctx).IsRecording())
		assert.NoError(t, err)
		rec, ok := troupe.RecordFrom(ctx)
		assert.True(t, ok)
		if rec.Index == 1 {
			return &ownError{}
		}
		return nil
	}
	payload := func(ctx context.Context, _ map[string]any) error { return see(ctx, nil) }
	kinesisEvent := `{"Records":[{"kinesis":{"partitionKey":"s3cr3t","sequenceNumber":"1","data":"e30="},"eventSource":"aws:kinesis","eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/vans"},
		{"kinesis":{"partitionKey":"s3cr3t","sequenceNumber":"2","data":"e30="},"eventSource":"aws:kinesis","eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/vans"}]}`
	tableEvent := `{"Records":[{"dynamodb":{"Keys":{"k":{"S":"s3cr3t"}},"SequenceNumber":"1"},"eventSource":"aws:dynamodb","eventSourceARN":"arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2024-06-10T19:26:16.525"},
		{"dynamodb":{"Keys":{"k":{"S":"s3cr3t"}},"SequenceNumber":"2"},"eventSource":"aws:dynamodb","eventSourceARN":"arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2024-06-10T19:26:16.525"}]}`
	topicEvent := `{"records":{"stock-3":[{"topic":"stock","partition":3,"offset":1,"key":"czNjcjN0","value":"e30=","headers":[{"traceparent":` + bytesOf(traceparent) + `}]},
		{"topic":"stock","partition":3,"offset":2,"key":"czNjcjN0","value":"e30=","headers":[]}]}}`
	for name, p := range map[string]struct {
		processor   lambda.Handler
		event       string
		system      string
		trigger     string
		destination string
		ids         [2]string
		links       []string // of the first record
	}{
		"kinesis": {troupe.Kinesis(oteltroupe.Kinesis(func(ctx context.Context, _ events.KinesisEventRecord) error { return see(ctx, nil) }, to...), troupe.WithLogger(slog.New(slog.DiscardHandler))),
			kinesisEvent, "aws.kinesis", "pubsub", "vans", [2]string{"1", "2"}, nil},
		"kinesis, lazily": {troupe.Kinesis(oteltroupe.Kinesis(func(ctx context.Context, r troupe.Lazy[events.KinesisEventRecord]) error {
			_, err := r.Payload()
			return see(ctx, err)
		}, to...), troupe.WithLogger(slog.New(slog.DiscardHandler))), kinesisEvent, "aws.kinesis", "pubsub", "vans", [2]string{"1", "2"}, nil},
		"kinesis, typed": {troupe.Kinesis(oteltroupe.Kinesis(typed.Kinesis(payload), to...), troupe.WithLogger(slog.New(slog.DiscardHandler))),
			kinesisEvent, "aws.kinesis", "pubsub", "vans", [2]string{"1", "2"}, nil},
		"dynamodb": {troupe.DynamoDB(oteltroupe.DynamoDB(func(ctx context.Context, _ events.DynamoDBEventRecord) error { return see(ctx, nil) }, to...), troupe.WithLogger(slog.New(slog.DiscardHandler))),
			tableEvent, "aws.dynamodb", "datasource", "Orders", [2]string{"1", "2"}, nil},
		"dynamodb, lazily": {troupe.DynamoDB(oteltroupe.DynamoDB(func(ctx context.Context, r troupe.Lazy[events.DynamoDBEventRecord]) error {
			_, err := r.Open()
			return see(ctx, err)
		}, to...), troupe.WithLogger(slog.New(slog.DiscardHandler))), tableEvent, "aws.dynamodb", "datasource", "Orders", [2]string{"1", "2"}, nil},
		"dynamodb, typed": {troupe.DynamoDB(oteltroupe.DynamoDB(typed.DynamoDB(func(ctx context.Context, _ typed.Change[map[string]any]) error { return see(ctx, nil) }), to...), troupe.WithLogger(slog.New(slog.DiscardHandler))),
			tableEvent, "aws.dynamodb", "datasource", "Orders", [2]string{"1", "2"}, nil},
		"kafka": {kafka.New(oteltroupe.Kafka(func(ctx context.Context, _ kafka.Record) error { return see(ctx, nil) }, to...), troupe.WithLogger(slog.New(slog.DiscardHandler))),
			topicEvent, "kafka", "pubsub", "stock", [2]string{"stock-3@1", "stock-3@2"}, []string{w3cSpan}},
		"kafka, lazily": {kafka.New(oteltroupe.Kafka(func(ctx context.Context, r troupe.Lazy[kafka.Record]) error {
			_, err := r.Payload()
			return see(ctx, err)
		}, to...), troupe.WithLogger(slog.New(slog.DiscardHandler))), topicEvent, "kafka", "pubsub", "stock", [2]string{"stock-3@1", "stock-3@2"}, []string{w3cSpan}},
		"kafka, typed": {kafka.New(oteltroupe.Kafka(typed.Kafka(payload), to...), troupe.WithLogger(slog.New(slog.DiscardHandler))),
			topicEvent, "kafka", "pubsub", "stock", [2]string{"stock-3@1", "stock-3@2"}, []string{w3cSpan}},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(c.spans.Ended())
			_, err := p.processor.Invoke(t.Context(), []byte(p.event))
			require.NoError(t, err)
			ended := c.spans.Ended()[before:]
			require.Len(t, ended, 2)
			for i, s := range ended {
				want := map[string]any{
					"messaging.system": p.system, "messaging.operation.name": "process", "messaging.operation.type": "process", "faas.trigger": p.trigger,
					"messaging.destination.name": p.destination, "messaging.message.id": p.ids[i], "troupe.record.index": int64(i), "troupe.record.attempt": int64(1),
				}
				status, links := codes.Unset, p.links
				if i == 1 {
					want["error.type"] = "*oteltroupe_test.ownError"
					status, links = codes.Error, nil
				}
				assert.Equal(t, "process "+p.destination, s.Name())
				assert.Equal(t, trace.SpanKindConsumer, s.SpanKind())
				assert.Equal(t, want, attributes(s))
				assert.Equal(t, status, s.Status().Code)
				assert.Equal(t, links, senders(s))
				assert.NotContains(t, fmt.Sprint(tracetest.SpanStubFromReadOnlySpan(s)), "s3cr3t")
			}
		})
	}
}

// Where a record does not say where it comes from, its span does not either. Neither is a name made up of an ARN of
// another form.
func TestASpanHasNoDestinationThatIsNotKnown(t *testing.T) {
	for arn, want := range map[string]string{
		"": "process", "vans": "process", "arn:aws:kinesis:eu-west-1:123456789012:stream/": "process",
		"arn:aws:kinesis:eu-west-1:123456789012:table/vans":  "process",
		"arn:aws:kinesis:eu-west-1:123456789012:stream/vans": "process vans",
		// https://docs.aws.amazon.com/streams/latest/dev/controlling-access.html: a consumer with enhanced fan-out
		"arn:aws:kinesis:eu-west-1:123456789012:stream/vans/consumer/map:1558544531": "process vans",
	} {
		c := collect()
		_, err := troupe.Kinesis(oteltroupe.Kinesis(func(context.Context, events.KinesisEventRecord) error { return nil }, c.to()...)).
			Process(t.Context(), events.KinesisEvent{Records: []events.KinesisEventRecord{{EventSourceArn: arn, Kinesis: events.KinesisRecord{SequenceNumber: "1"}}}})
		require.NoError(t, err)
		require.Len(t, c.spans.Ended(), 1)
		assert.Equal(t, want, c.spans.Ended()[0].Name(), arn)
		_, named := attributes(c.spans.Ended()[0])["messaging.destination.name"]
		assert.Equal(t, want != "process", named, arn)
	}
}

// The headers of a Kafka record name its sender as the message attributes of SQS do.
func TestFromKafka(t *testing.T) {
	header := func(key, value string) kafka.Header { return kafka.Header{Key: key, Value: []byte(value)} }
	for name, c := range map[string]struct {
		headers []kafka.Header
		senders int
		state   string
	}{
		"none":                        {nil, 0, ""},
		"traceparent":                 {[]kafka.Header{header("other", "x"), header("traceparent", traceparent)}, 1, ""},
		"both":                        {[]kafka.Header{header("tracestate", "vendor=1"), header("traceparent", traceparent)}, 1, "vendor=1"},
		"tracestate alone":            {[]kafka.Header{header("tracestate", "vendor=1")}, 0, ""},
		"one that cannot be read":     {[]kafka.Header{header("traceparent", traceparent[:20])}, 0, ""},
		"one without a value":         {[]kafka.Header{{Key: "traceparent"}}, 0, ""},
		"a state that cannot be read": {[]kafka.Header{header("traceparent", traceparent), header("tracestate", "=,=")}, 1, ""},
		"another name":                {[]kafka.Header{header("traceparents", traceparent)}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			from := oteltroupe.FromKafka(kafka.Record{Topic: "stock", Headers: c.headers})
			assert.Equal(t, "stock", from.Destination)
			require.Len(t, from.Senders, c.senders)
			if c.senders > 0 {
				assert.Equal(t, "b7ad6b7169203331", from.Senders[0].SpanID().String())
				assert.True(t, from.Senders[0].IsRemote())
				assert.Equal(t, c.state, from.Senders[0].TraceState().String())
			}
		})
	}
}

// A Lazy record that cannot be decoded has a span without an origin, and its handler decides what to make of it.
func TestALazyRecordThatCannotBeDecodedHasNoOrigin(t *testing.T) {
	c := collect()
	failed := 0
	p := troupe.SQS(oteltroupe.SQS(func(_ context.Context, m troupe.Lazy[events.SQSMessage]) error {
		_, err := m.Open()
		if errors.Is(err, troupe.ErrUndecodable) {
			failed++
		}
		payload, err := m.Payload()
		assert.Equal(t, "hello", string(payload))
		return err
	}, c.to()...))
	_, err := p.Invoke(t.Context(), []byte(`{"Records":[{"messageId":"m1","body":"hello","attributes":7,"eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:orders"}]}`))
	require.NoError(t, err)
	assert.Equal(t, 1, failed)
	spans := c.ended(t)
	assert.Equal(t, "process", spans["m1/1"].Name())
	assert.Equal(t, codes.Unset, spans["m1/1"].Status().Code)
	assert.Empty(t, spans["m1/1"].Links())

	// A handler of whole messages has no span for it: it is not called.
	c = collect()
	_, err = troupe.SQS(oteltroupe.SQS(charge, c.to()...), troupe.WithLogger(slog.New(slog.DiscardHandler))).Invoke(t.Context(), []byte(`{"Records":[{"messageId":"m1","body":"hello","attributes":7}]}`))
	require.ErrorIs(t, err, troupe.ErrUndecodable)
	assert.Empty(t, c.spans.Ended())
}

// A Lazy message has the same span as a whole one.
func TestALazyMessageHasTheSpanOfAWholeOne(t *testing.T) {
	whole, lazily := collect(), collect()
	document := event(message{id: "m1", xray: xray}, message{id: "m2", body: "fail", traceparent: traceparent}, message{id: "m3", body: "drop"})
	lazy := func(ctx context.Context, m troupe.Lazy[events.SQSMessage]) error {
		body, err := m.Payload()
		assert.NoError(t, err)
		return obey(ctx, string(body))
	}
	_, err := troupe.SQS(oteltroupe.SQS(charge, whole.to()...), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithConcurrency(1)).Invoke(t.Context(), document)
	require.NoError(t, err)
	_, err = troupe.SQS(oteltroupe.SQS(lazy, lazily.to()...), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithConcurrency(1)).Invoke(t.Context(), document)
	require.NoError(t, err)
	want, got := whole.ended(t), lazily.ended(t)
	require.Len(t, got, 3)
	for id := range want {
		require.Contains(t, got, id)
		assert.Equal(t, want[id].Name(), got[id].Name())
		assert.Equal(t, attributes(want[id]), attributes(got[id]))
		assert.Equal(t, want[id].Status(), got[id].Status())
		assert.Equal(t, senders(want[id]), senders(got[id]))
	}
	assert.Equal(t, []string{xraySpan}, senders(got["m1/1"]))
}
