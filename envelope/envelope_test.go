package envelope_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/envelope"
	"github.com/troupe-go/troupe/observe/oteltroupe"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/typed"
)

// notice is a notification as SNS writes it into a queue (AWS: "Fanout Amazon SNS notifications to Amazon SQS
// queues"; the sequence number is there for FIFO topics).
const notice = `{
  "Type" : "Notification",
  "MessageId" : "63a3f6b6-d533-4a47-aef9-fcf5cf758c76",
  "SequenceNumber" : "10000000000000003000",
  "TopicArn" : "arn:aws:sns:us-west-2:123456789012:orders.fifo",
  "Subject" : "An order",
  "Message" : "{\"id\":\"o-1\"}",
  "Timestamp" : "2012-03-29T05:12:16.901Z",
  "SignatureVersion" : "1",
  "Signature" : "EXAMPLE",
  "SigningCertURL" : "https://sns.us-west-2.amazonaws.com/cert.pem",
  "UnsubscribeURL" : "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
  "MessageAttributes" : {
    "kind" : {"Type":"String","Value":"order"},
    "weight" : {"Type":"Number","Value":"1.5"},
    "stores" : {"Type":"String.Array","Value":"[\"a\",\"b\"]"},
    "raw" : {"Type":"Binary","Value":"YWI="}
  }
}`

// event is an event of EventBridge (AWS: "AWS service event metadata").
const event = `{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"Order placed","source":"shop.orders","account":"111122223333","time":"2017-12-22T18:43:48Z","region":"us-west-1","resources":["arn:aws:ec2:us-west-1:123456789012:instance/i-1"],"detail":{"id":"o-1"}}`

// testEvent is what S3 sends when notifications are set up (AWS: "Event message structure").
const testEvent = `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2014-10-13T15:57:02.089Z","Bucket":"photos","RequestId":"5582815E1AEA5ADF","HostId":"8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR"}`

// object is a record of S3 (AWS: "Event message structure").
func object(key string) string {
	return `{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-west-2","eventTime":"1970-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put","userIdentity":{"principalId":"p"},"requestParameters":{"sourceIPAddress":"127.0.0.1"},"responseElements":{"x-amz-request-id":"r"},"s3":{"s3SchemaVersion":"1.0","configurationId":"c","bucket":{"name":"photos","ownerIdentity":{"principalId":"o"},"arn":"arn:aws:s3:::photos"},"object":{"key":"` + key + `","size":1024,"eTag":"e","versionId":"v","sequencer":"0055AED6DCD90281E5"}}}`
}

func s3(records ...string) string { return `{"Records":[` + strings.Join(records, ",") + `]}` }

// notified puts a message into a notification.
func notified(message string) string {
	quoted, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	return `{"Type":"Notification","MessageId":"n-1","TopicArn":"arn:aws:sns:us-west-2:123456789012:orders","Message":` + string(quoted) + `}`
}

// messageHandler takes messages that are decoded when they are asked for.
type messageHandler = troupe.Handler[troupe.Lazy[events.SQSMessage]]

// whole makes a handler of whole messages one of Lazy ones.
func whole(handler troupe.Handler[events.SQSMessage]) messageHandler {
	return func(ctx context.Context, lazy troupe.Lazy[events.SQSMessage]) error {
		msg, err := lazy.Open()
		if err != nil {
			return err
		}
		return handler(ctx, msg)
	}
}

// lazy makes a Lazy message of one that is there.
func lazy(msg events.SQSMessage) troupe.Lazy[events.SQSMessage] {
	return sources.LazyOf(
		func() ([]byte, error) { return []byte(msg.Body), nil },
		func() (events.SQSMessage, error) { return msg, nil })
}

// invoke has a processor handle messages with these bodies, of a standard queue, and returns the report.
func invoke[M troupe.SQSRecord](t testing.TB, handler troupe.Handler[M], bodies ...string) (report *troupe.Report) {
	t.Helper()
	sqs := events.SQSEvent{}
	for i, body := range bodies {
		sqs.Records = append(sqs.Records, events.SQSMessage{MessageId: fmt.Sprint("m", i), Body: body, EventSource: "aws:sqs", Attributes: map[string]string{"ApproximateReceiveCount": "3"}})
	}
	document, err := json.Marshal(sqs)
	require.NoError(t, err)
	p := troupe.SQS(handler, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithConcurrency(1),
		troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
	_, err = p.Invoke(t.Context(), document)
	require.NoError(t, err)
	return report
}

type order struct {
	ID string `json:"id"`
}

// SPEC 9: a notification is unwrapped, its attributes are carried over, and it is in reach.
func TestANotificationIsUnwrapped(t *testing.T) {
	called := false
	report := invoke(t, envelope.SNS(func(ctx context.Context, msg events.SQSMessage) error {
		called = true
		assert.Equal(t, `{"id":"o-1"}`, msg.Body)
		assert.Equal(t, "m0", msg.MessageId)
		assert.Equal(t, "3", msg.Attributes["ApproximateReceiveCount"])
		text := func(s string) *string { return &s }
		assert.Equal(t, map[string]events.SQSMessageAttribute{
			"kind":   {DataType: "String", StringValue: text("order")},
			"weight": {DataType: "Number", StringValue: text("1.5")},
			"stores": {DataType: "String.Array", StringValue: text(`["a","b"]`)},
			"raw":    {DataType: "Binary", BinaryValue: []byte("ab")},
		}, msg.MessageAttributes)

		n, ok := envelope.NotificationFrom(ctx)
		require.True(t, ok)
		assert.Equal(t, "10000000000000003000", n.SequenceNumber)
		assert.Equal(t, "An order", n.Subject)
		assert.Equal(t, "arn:aws:sns:us-west-2:123456789012:orders.fifo", n.TopicArn)
		assert.Equal(t, "63a3f6b6-d533-4a47-aef9-fcf5cf758c76", n.MessageID)
		assert.Equal(t, time.Date(2012, 3, 29, 5, 12, 16, 901e6, time.UTC), n.Timestamp)
		assert.Equal(t, map[string]any{"Type": "Number", "Value": "1.5"}, n.MessageAttributes["weight"])
		outer, err := troupe.MessageFrom[events.SQSMessage](ctx)
		assert.NoError(t, err)
		assert.Equal(t, notice, outer.Body)
		rec, ok := troupe.RecordFrom(ctx)
		assert.True(t, ok)
		assert.Equal(t, "m0", rec.ID)
		return nil
	}), notice)
	assert.True(t, called)
	assert.Equal(t, 1, report.Succeeded)
}

// A handler of Lazy messages gets what a handler of whole ones does, and the message is decoded if it asks for it.
func TestALazyNotificationIsUnwrapped(t *testing.T) {
	called, opened := 0, 0
	own := "own"
	msg := events.SQSMessage{MessageId: "m0", Body: notice, Attributes: map[string]string{"a": "b"}, MessageAttributes: map[string]events.SQSMessageAttribute{"trace": {StringValue: &own}}}
	var errOpen error
	record := sources.LazyOf(
		func() ([]byte, error) { return []byte(msg.Body), nil },
		func() (events.SQSMessage, error) { opened++; return msg, errOpen })
	var published events.SQSMessage
	require.NoError(t, envelope.SNS(func(_ context.Context, got events.SQSMessage) error { published = got; return nil })(t.Context(), msg))

	handler := envelope.SNS(func(ctx context.Context, got troupe.Lazy[events.SQSMessage]) error {
		called++
		n, ok := envelope.NotificationFrom(ctx)
		require.True(t, ok)
		assert.Equal(t, "An order", n.Subject)
		payload, err := got.Payload()
		require.NoError(t, err)
		assert.Equal(t, `{"id":"o-1"}`, string(payload))
		payload[0] = 'x' // it is the caller's own
		again, err := got.Payload()
		require.NoError(t, err)
		assert.Equal(t, `{"id":"o-1"}`, string(again))
		assert.Equal(t, called-1, opened)

		whole, err := got.Open()
		if errOpen != nil {
			return err
		}
		require.NoError(t, err)
		assert.Equal(t, published, whole)
		assert.Len(t, whole.MessageAttributes, 5)
		return nil
	})
	require.NoError(t, handler(t.Context(), record))
	assert.Len(t, msg.MessageAttributes, 1, "the message is as it was")
	errOpen = errors.New("cannot be opened")
	require.ErrorIs(t, handler(t.Context(), record), errOpen)
	assert.Equal(t, 2, called)

	errPayload := errors.New("no payload")
	unreadable := sources.LazyOf(func() ([]byte, error) { return nil, errPayload }, func() (events.SQSMessage, error) { return msg, nil })
	assert.Equal(t, errPayload, handler(t.Context(), unreadable))
	assert.Equal(t, 2, called)
}

// SPEC 9: what came by raw delivery is passed on as it is, and so is everything else that SNS did not wrap.
func TestWhatIsNoNotificationIsPassedOnAsItIs(t *testing.T) {
	for _, body := range []string{
		"", "plain text", `"TopicArn" "MessageId"`, `{"id":"o-1"}`, `[` + notice + `]`, notice[:len(notice)-3], notice + "x",
		strings.Replace(notice, `"Notification"`, `"Other"`, 1),
		strings.Replace(notice, `"Type" : "Notification"`, `"type" : "Notification"`, 1),
		strings.Replace(notice, `"MessageId" : "63a3f6b6-d533-4a47-aef9-fcf5cf758c76"`, `"MessageId" : 7`, 1),
		strings.Replace(notice, `"TopicArn" : "arn:aws:sns:us-west-2:123456789012:orders.fifo"`, `"TopicArn" : ""`, 1),
		`{"type":"Notification","messageId":"1","topicArn":"a","message":"no","has":["TopicArn","MessageId"],"a":{"TopicArn":"","MessageId":""}}`,
		`{"Records":[{"Sns":` + notice + `}]}`,
	} {
		attribute := "own"
		msg := events.SQSMessage{MessageId: "m", Body: body, MessageAttributes: map[string]events.SQSMessageAttribute{"a": {StringValue: &attribute}}}
		called := false
		require.NoError(t, envelope.SNS(func(ctx context.Context, got events.SQSMessage) error {
			called = true
			assert.Equal(t, msg, got)
			_, ok := envelope.NotificationFrom(ctx)
			assert.False(t, ok)
			return nil
		})(t.Context(), msg))
		assert.True(t, called, body)

		called = false
		require.NoError(t, envelope.SNS(func(ctx context.Context, got troupe.Lazy[events.SQSMessage]) error {
			called = true
			payload, err := got.Payload()
			require.NoError(t, err)
			assert.Equal(t, body, string(payload))
			whole, err := got.Open()
			require.NoError(t, err)
			assert.Equal(t, msg, whole)
			_, ok := envelope.NotificationFrom(ctx)
			assert.False(t, ok)
			return nil
		})(t.Context(), lazy(msg)))
		assert.True(t, called, body)
	}
}

// The record may be handled again, so what it consists of stays as it was.
func TestUnwrappingLeavesTheMessageAsItWas(t *testing.T) {
	own := "own"
	msg := events.SQSMessage{Body: notice, MessageAttributes: map[string]events.SQSMessageAttribute{"kind": {StringValue: &own}, "trace": {StringValue: &own}}}
	handler := envelope.SNS(func(_ context.Context, got events.SQSMessage) error {
		assert.Len(t, got.MessageAttributes, 5)
		assert.Equal(t, "order", *got.MessageAttributes["kind"].StringValue)
		assert.Equal(t, "own", *got.MessageAttributes["trace"].StringValue)
		return nil
	})
	for range 2 {
		require.NoError(t, handler(t.Context(), msg))
		assert.Len(t, msg.MessageAttributes, 2)
		assert.Equal(t, "own", *msg.MessageAttributes["kind"].StringValue)
	}
}

// SPEC 9: envelopes go into each other and around typed handlers.
func TestEnvelopesCompose(t *testing.T) {
	var got []string
	note := func(ctx context.Context, text string) error {
		_, sns := envelope.NotificationFrom(ctx)
		msg, err := troupe.MessageFrom[events.SQSMessage](ctx)
		got = append(got, fmt.Sprint(text, " ", sns, " ", msg.MessageId))
		return err
	}
	byOrder := typed.SQS(func(ctx context.Context, o order) error { return note(ctx, o.ID) })
	byMessage := func(ctx context.Context, msg events.SQSMessage) error { return note(ctx, msg.Body) }
	byEvent := envelope.EventBridge(func(ctx context.Context, e events.EventBridgeEvent) error { return note(ctx, e.DetailType) })
	byDetail := envelope.EventBridge(typed.Detail(func(ctx context.Context, o order) error { return note(ctx, o.ID) }))
	bySource := envelope.EventBridge(typed.From("detail", func(e events.EventBridgeEvent) []byte { return e.Detail },
		func(ctx context.Context, with typed.With[order, events.EventBridgeEvent]) error {
			return note(ctx, with.Record.Source+" "+with.Value.ID)
		}))
	byObject := envelope.S3(func(ctx context.Context, r events.S3EventRecord) error {
		return note(ctx, r.S3.Bucket.Name+" "+r.S3.Object.URLDecodedKey)
	})
	for _, c := range []struct {
		name    string
		handler messageHandler
		body    string
		want    []string
	}{
		{"SNS", envelope.SNS(byOrder), notice, []string{"o-1 true m0"}},
		{"raw SNS", envelope.SNS(byOrder), `{"id":"o-2"}`, []string{"o-2 false m0"}},
		{"SNS, whole messages", whole(envelope.SNS(byMessage)), notified("hello"), []string{"hello true m0"}},
		{"raw SNS, whole messages", whole(envelope.SNS(byMessage)), "hello", []string{"hello false m0"}},
		{"SNS by SNS", envelope.SNS(envelope.SNS(byOrder)), notified(notified(`{"id":"o-3"}`)), []string{"o-3 true m0"}},
		{"SNS by SNS, whole messages", whole(envelope.SNS(envelope.SNS(byMessage))), notified(notified("hello")), []string{"hello true m0"}},
		{"EventBridge", byEvent, event, []string{"Order placed false m0"}},
		{"EventBridge's detail", byDetail, event, []string{"o-1 false m0"}},
		{"EventBridge's detail and the event", bySource, event, []string{"shop.orders o-1 false m0"}},
		{"EventBridge by SNS", envelope.SNS(bySource), notified(event), []string{"shop.orders o-1 true m0"}},
		{"EventBridge's detail by SNS", envelope.SNS(byDetail), notified(event), []string{"o-1 true m0"}},
		{"S3", byObject, s3(object("a+b%2Fc%C3%A4.jpg"), object("x")), []string{"photos a b/cä.jpg false m0", "photos x false m0"}},
		{"S3 by SNS", envelope.SNS(byObject), notified(s3(object("x"))), []string{"photos x true m0"}},
		{"S3 by raw SNS", envelope.SNS(byObject), s3(object("x")), []string{"photos x false m0"}},
		{"S3's test event", byObject, testEvent, nil},
		{"S3's test event by SNS", envelope.SNS(byObject), notified(testEvent), nil},
		{"S3 without records", byObject, s3(), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got = nil
			report := invoke(t, c.handler, c.body)
			require.NoError(t, report.Records[0].Err)
			assert.Equal(t, c.want, got)
		})
	}
}

// What the innermost handler returns is kept, whatever is around it: spans, envelopes and types; and so is what
// middleware and spans say of each.
func TestWhatTheInnermostHandlerReturnsIsKept(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tracers := oteltroupe.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	type priced struct {
		ID    string
		Topic string
	}
	price := func(ctx context.Context, o order) (priced, error) {
		if o.ID == "bad" {
			return priced{}, errors.New("not for sale")
		}
		n, _ := envelope.NotificationFrom(ctx)
		return priced{o.ID, n.TopicArn}, nil
	}
	p := troupe.SQS(oteltroupe.SQS(envelope.SNS(typed.SQS(troupe.Returning(price))), tracers), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithConcurrency(1))
	queue := events.SQSEvent{}
	for i, body := range []string{notified(`{"id":"o-1"}`), notified(`{"id":"bad"}`), notified(`{"id":7}`), `{"id":"o-2"}`} {
		queue.Records = append(queue.Records, events.SQSMessage{MessageId: fmt.Sprint("m", i), Body: body, EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:orders",
			Attributes: map[string]string{"AWSTraceHeader": fmt.Sprintf("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=%016x;Sampled=1", i+1)}})
	}
	response, report, err := p.ProcessReport(t.Context(), queue)
	require.NoError(t, err)
	assert.Equal(t, []events.SQSBatchItemFailure{{ItemIdentifier: "m1"}, {ItemIdentifier: "m2"}}, response.BatchItemFailures)

	for i, want := range []*priced{{"o-1", "arn:aws:sns:us-west-2:123456789012:orders"}, nil, nil, {"o-2", ""}} {
		got, ok := troupe.Value[priced](report.Records[i])
		assert.Equal(t, want != nil, ok, i)
		if want != nil {
			assert.Equal(t, *want, got)
			assert.Equal(t, troupe.Succeeded, report.Records[i].Outcome)
		}
	}
	assert.EqualError(t, report.Records[1].Err, "not for sale")
	assert.EqualError(t, report.Records[2].Err, `troupe: record "m2", index 2, cannot be decoded: body.id: number where string was expected (at byte 6 of the payload)`)

	ended := spans.Ended()
	require.Len(t, ended, 4)
	for i, s := range ended {
		assert.Equal(t, "process orders", s.Name())
		require.Len(t, s.Links(), 1)
		assert.Equal(t, fmt.Sprintf("%016x", i+1), s.Links()[0].SpanContext.SpanID().String())
		assert.Equal(t, i == 1 || i == 2, s.Status().Code == codes.Error)
	}

	// The bytes of an event are handled alike.
	document, err := json.Marshal(queue)
	require.NoError(t, err)
	answer, err := p.Invoke(t.Context(), document)
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"}]}`, string(answer))
	assert.Len(t, spans.Ended(), 8)
}

// SPEC 9, S9: what is no such envelope fails alone with an error that names the message and the field; by
// option it is dropped.
func TestWhatIsNoSuchEnvelopeCannotBeDecoded(t *testing.T) {
	sns := func(o ...typed.Option) messageHandler {
		return whole(envelope.SNS(func(context.Context, events.SQSMessage) error { return nil }, o...))
	}
	snsLazy := func(o ...typed.Option) messageHandler {
		return envelope.SNS(func(context.Context, troupe.Lazy[events.SQSMessage]) error { return nil }, o...)
	}
	bridge := func(o ...typed.Option) messageHandler {
		return envelope.EventBridge(func(context.Context, events.EventBridgeEvent) error { return nil }, o...)
	}
	bucket := func(o ...typed.Option) messageHandler {
		return envelope.S3(func(context.Context, events.S3EventRecord) error { return nil }, o...)
	}
	without := func(body, part string) string {
		require.Contains(t, body, part)
		return strings.Replace(body, part, "", 1)
	}
	instead := func(body, part, by string) string {
		require.Contains(t, body, part)
		return strings.Replace(body, part, by, 1)
	}
	for _, c := range []struct {
		name    string
		handler func(...typed.Option) messageHandler
		body    string
		says    string
		lazily  func(...typed.Option) messageHandler // the same for Lazy messages
	}{
		{"no message", sns, without(notice, `"Message" : "{\"id\":\"o-1\"}",`), "body.Message: missing or empty where the message of an SNS notification was expected", snsLazy},
		{"null as the message", sns, instead(notice, `"{\"id\":\"o-1\"}"`, `null`), "body.Message: missing or empty where the message of an SNS notification was expected", snsLazy},
		{"a message of no text", sns, instead(notice, `"{\"id\":\"o-1\"}"`, `{"id":"o-1"}`), "body.Message: not what SNS writes there", snsLazy},
		{"a bad timestamp", sns, instead(notice, "2012-03-29", "someday"), "body.Timestamp: not what SNS writes there", snsLazy},
		{"bad attributes", sns, instead(notice, `"1.5"`, `1.5`), "body.MessageAttributes: not what SNS writes there", snsLazy},
		{"a bad binary", sns, instead(notice, `YWI=`, `?`), "body.MessageAttributes: not what SNS writes there", snsLazy},
		{"a request to confirm", sns, instead(notice, "Notification", "SubscriptionConfirmation"), "body.Type: SubscriptionConfirmation where an SNS Notification was expected", snsLazy},
		{"another request", sns, instead(notice, "Notification", "UnsubscribeConfirmation"), "body.Type: UnsubscribeConfirmation where an SNS Notification was expected", snsLazy},
		{"plain text", bridge, "hello", "body: not JSON (at byte 0 of the payload)", nil},
		{"nothing", bridge, "", "body: empty where JSON was expected (at byte 0 of the payload)", nil},
		{"another kind", bridge, "[]", "body: array where events.CloudWatchEvent was expected (at byte 0 of the payload)", nil},
		{"null", bridge, "null", "body.id: missing or empty where an EventBridge event's id was expected", nil},
		{"no detail-type", bridge, without(event, `"detail-type":"Order placed",`), "body.detail-type: missing or empty where an EventBridge event's detail-type was expected", nil},
		{"no source", bridge, without(event, `"source":"shop.orders",`), "body.source: missing or empty where an EventBridge event's source was expected", nil},
		{"no detail", bridge, without(event, `,"detail":{"id":"o-1"}`), "body.detail: missing or empty where an EventBridge event's detail was expected", nil},
		{"a source of no text", bridge, instead(event, `"shop.orders"`, `7`), "body.source: number where string was expected (at byte 97 of the payload)", nil},
		{"a notification", bridge, notice, "body.id: missing or empty where an EventBridge event's id was expected", nil},
		{"plain text", bucket, "hello", "body: not JSON (at byte 0 of the payload)", nil},
		{"no records", bucket, "{}", "body.Records: missing or empty where an S3 event's list of records was expected", nil},
		{"null as records", bucket, `{"Records":null}`, "body.Records: missing or empty where an S3 event's list of records was expected", nil},
		{"records of no list", bucket, `{"Records":"x"}`, "body.Records: string where []json.RawMessage was expected (at byte 11 of the payload)", nil},
		{"null as a record", bucket, s3("null"), "body.Records.eventSource: another source where aws:s3 was expected", nil},
		{"another source", bucket, s3(instead(object("x"), "aws:s3", "aws:ses")), "body.Records.eventSource: another source where aws:s3 was expected", nil},
		{"no bucket", bucket, s3(instead(object("x"), `"name":"photos"`, `"name":""`)), "body.Records.s3.bucket.name: missing or empty where a bucket was expected", nil},
		{"no key", bucket, s3(object("")), "body.Records.s3.object.key: missing or empty where an object's key was expected", nil},
		{"a key that is not encoded", bucket, s3(object("100%")), "body.Records.s3.object: object that its UnmarshalJSON refuses where events.S3Object was expected (at byte 423 of the payload)", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.lazily != nil {
				err := invoke(t, c.lazily(), c.body).Records[0].Err
				assert.EqualError(t, err, `troupe: record "m0", index 0, cannot be decoded: `+c.says)
				report := invoke(t, c.lazily(typed.WithDropUndecodable()), c.body)
				assert.Equal(t, 1, report.Dropped)
				assert.EqualError(t, report.Records[0].Err, err.Error())
				var failed, dropped *typed.Error
				require.ErrorAs(t, err, &failed)
				require.ErrorAs(t, report.Records[0].Err, &dropped)
				assert.Equal(t, failed, dropped)
			}
			report := invoke(t, c.handler(), c.body)
			err := report.Records[0].Err
			require.ErrorIs(t, err, troupe.ErrUndecodable)
			assert.EqualError(t, err, `troupe: record "m0", index 0, cannot be decoded: `+c.says)
			report = invoke(t, c.handler(typed.WithDropUndecodable()), c.body)
			assert.Equal(t, 1, report.Dropped)
			assert.EqualError(t, report.Records[0].Err, err.Error())
			var failed, dropped *typed.Error
			require.ErrorAs(t, err, &failed)
			require.ErrorAs(t, report.Records[0].Err, &dropped)
			assert.Equal(t, failed, dropped)
		})
	}
}

// SPEC 9: of several S3 records in a message each is handled, in order, and the message fails if any fails.
// A dropped one never hides a failed one.
func TestAMessageFailsIfAnyOfItsObjectsDoes(t *testing.T) {
	errA, errB := errors.New("a is broken"), errors.New("b is broken")
	var got []string
	handler := func(o ...typed.Option) messageHandler {
		return envelope.S3(func(_ context.Context, r events.S3EventRecord) error {
			got = append(got, r.S3.Object.Key)
			return map[string]error{"a": errA, "b": errB, "dropped": batch.Drop(errB)}[r.S3.Object.Key]
		}, o...)
	}
	bad := strings.Replace(object("bad"), "aws:s3", "aws:ses", 1)
	for _, c := range []struct {
		name    string
		options []typed.Option
		records []string
		handled []string
		outcome troupe.Outcome
		is      []error
		isNot   []error
	}{
		{"all are well", nil, []string{object("x"), object("y")}, []string{"x", "y"}, troupe.Succeeded, nil, nil},
		{"the first fails", nil, []string{object("a"), object("y")}, []string{"a", "y"}, troupe.Failed, []error{errA}, nil},
		{"two fail", nil, []string{object("a"), object("y"), object("b")}, []string{"a", "y", "b"}, troupe.Failed, []error{errA, errB}, nil},
		{"one cannot be decoded", nil, []string{bad, object("y")}, []string{"y"}, troupe.Failed, []error{troupe.ErrUndecodable}, nil},
		{"one cannot be decoded, another fails", nil, []string{bad, object("a")}, []string{"a"}, troupe.Failed, []error{troupe.ErrUndecodable, errA}, nil},
		{"one is dropped", []typed.Option{typed.WithDropUndecodable()}, []string{bad, object("y")}, []string{"y"}, troupe.Dropped, []error{troupe.ErrUndecodable}, nil},
		{"one is dropped, another fails", []typed.Option{typed.WithDropUndecodable()}, []string{object("a"), bad}, []string{"a"}, troupe.Failed, []error{errA}, []error{troupe.ErrUndecodable}},
		{"one fails, another is dropped by the handler", nil, []string{object("dropped"), object("a")}, []string{"dropped", "a"}, troupe.Failed, []error{errA}, []error{errB}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got = nil
			report := invoke(t, handler(c.options...), s3(c.records...))
			assert.Equal(t, c.handled, got)
			assert.Equal(t, c.outcome, report.Records[0].Outcome)
			for _, is := range c.is {
				assert.ErrorIs(t, report.Records[0].Err, is)
			}
			for _, is := range c.isNot {
				assert.NotErrorIs(t, report.Records[0].Err, is)
			}
		})
	}
	report := invoke(t, handler(), s3(object("x"), object("a")))
	assert.EqualError(t, report.Records[0].Err, "troupe: S3 record 2 of 2 in the message: a is broken")
}

// SPEC D1: once the context has ended nothing more is started, and what was not must not be taken for done.
func TestObjectsAreNotStartedOnceTheContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var got []string
	err := envelope.S3(func(_ context.Context, r events.S3EventRecord) error {
		got = append(got, r.S3.Object.Key)
		cancel(troupe.ErrDeadline)
		return nil
	})(ctx, lazy(events.SQSMessage{Body: s3(object("x"), object("y"), object("z"))}))
	assert.Equal(t, []string{"x"}, got)
	require.ErrorIs(t, err, troupe.ErrDeadline)
}

// SPEC 2: bad handlers and options show as the function initialises.
func TestBadHandlersAndOptionsPanic(t *testing.T) {
	next := func(context.Context, events.SQSMessage) error { return nil }
	object := func(context.Context, events.S3EventRecord) error { return nil }
	decoder := typed.WithDecoder(func([]byte) (int, error) { return 0, nil })
	const twice = "typed.WithDecoder: given twice, or for a payload that has a fixed decoder"
	for name, make := range map[string]func(){
		"envelope.SNS(nil): must be a function":          func() { envelope.SNS[events.SQSMessage](nil) },
		"envelope.SNS(nil): must be a function (lazily)": func() { envelope.SNS[troupe.Lazy[events.SQSMessage]](nil) },
		"envelope.EventBridge(nil): must be a function":  func() { envelope.EventBridge(nil) },
		"envelope.S3(nil): must be a function":           func() { envelope.S3(nil) },
		twice:                                            func() { envelope.SNS(next, decoder) },
		twice + " (lazily)":                              func() { envelope.SNS(whole(next), decoder) },
		twice + " (events)": func() {
			envelope.EventBridge(func(context.Context, events.EventBridgeEvent) error { return nil }, decoder)
		},
		twice + " (objects)": func() { envelope.S3(object, decoder) },
		"typed.WithDisallowUnknownFields is not allowed with typed.WithDecoder, nor for a payload with a fixed decoder, such as the envelopes of package envelope: only JSON that is decoded by default has unknown fields": func() { envelope.S3(object, typed.WithDisallowUnknownFields()) },
		"typed: option 1 is nil: must be an Option": func() { envelope.EventBridge(func(context.Context, events.EventBridgeEvent) error { return nil }, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				err, ok := recover().(error)
				require.True(t, ok)
				says, _, _ := strings.Cut(name, " (")
				assert.EqualError(t, err, "troupe: "+says)
			}()
			make()
		})
	}
}

// What is in reach through a handler's context is not in reach through another.
func TestOtherContextsHoldNothing(t *testing.T) {
	_, ok := envelope.NotificationFrom(t.Context())
	assert.False(t, ok)
}
