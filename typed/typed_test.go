package typed_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kpl"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/typed"
)

type order struct {
	ID     string    `json:"id"`
	Amount int8      `json:"amount"`
	At     time.Time `json:"at"`
	Lines  []line    `json:"lines"`
	Prices map[string]int
}

type line struct {
	SKU string `json:"sku"`
}

// messages writes an event of SQS with these bodies and the identifiers m0, m1, …
func messages(t testing.TB, bodies ...string) []byte {
	t.Helper()
	event := events.SQSEvent{Records: []events.SQSMessage{}}
	for i, body := range bodies {
		event.Records = append(event.Records, events.SQSMessage{MessageId: fmt.Sprint("m", i), Body: body, EventSource: "aws:sqs"})
	}
	return written(t, event)
}

func written(t testing.TB, event any) []byte {
	t.Helper()
	document, err := json.Marshal(event)
	require.NoError(t, err)
	return document
}

// run invokes a processor that observe was given to, and returns the response, if there is one, and its report.
func run(t testing.TB, make func(...troupe.Option) lambda.Handler, event []byte, options ...troupe.Option) (response string, report *troupe.Report) {
	t.Helper()
	observe := troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r })
	answer, err := make(append(options, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever), observe)...).Invoke(t.Context(), event)
	require.NoError(t, err)
	return string(answer), report
}

func sqs[M troupe.SQSRecord](handler troupe.Handler[M]) func(...troupe.Option) lambda.Handler {
	return func(options ...troupe.Option) lambda.Handler { return troupe.SQS(handler, options...) }
}

func kinesis[M troupe.KinesisRecord](handler troupe.Handler[M]) func(...troupe.Option) lambda.Handler {
	return func(options ...troupe.Option) lambda.Handler { return troupe.Kinesis(handler, options...) }
}

// lazily makes a Lazy record of one that is there, with its payload, for calls of a handler without a processor.
func lazily[T any](record T, payload []byte) troupe.Lazy[T] {
	return sources.LazyOf(func() ([]byte, error) { return payload, nil }, func() (T, error) { return record, nil })
}

// withBody makes a Lazy message with that body.
func withBody(body string) troupe.Lazy[events.SQSMessage] {
	return lazily(events.SQSMessage{Body: body}, []byte(body))
}

// SPEC 9: the handler gets the payload decoded, and the record is in reach.
func TestAHandlerGetsThePayloadAndItsRecord(t *testing.T) {
	var got []string
	_, report := run(t, sqs(typed.SQS(func(ctx context.Context, o order) error {
		msg, err := troupe.MessageFrom[events.SQSMessage](ctx)
		require.NoError(t, err)
		got = append(got, fmt.Sprint(msg.MessageId, " ", o.ID, " ", o.Amount, " ", o.Lines))
		return nil
	})), messages(t, `{"id":"o-1","amount":5,"lines":[{"sku":"a"}],"unknown":true}`, ` {"ID":"o-2"} `), troupe.WithConcurrency(1))
	assert.Equal(t, []string{"m0 o-1 5 [{a}]", "m1 o-2 0 []"}, got)
	assert.Equal(t, 2, report.Succeeded)

	got = nil
	event := events.KinesisEvent{Records: []events.KinesisEventRecord{{Kinesis: events.KinesisRecord{SequenceNumber: "1", PartitionKey: "p", Data: []byte(`{"id":"o-3"}`)}}}}
	_, report = run(t, kinesis(typed.Kinesis(func(ctx context.Context, o *order) error {
		rec, err := troupe.MessageFrom[events.KinesisEventRecord](ctx)
		require.NoError(t, err)
		got = append(got, rec.Kinesis.PartitionKey+" "+o.ID)
		return nil
	})), written(t, event))
	assert.Equal(t, []string{"p o-3"}, got)
	assert.Equal(t, 1, report.Succeeded)
}

// decodeError decodes one body into a T and returns the error of its record.
func decodeError[T any](t *testing.T, body string, options ...typed.Option) error {
	t.Helper()
	_, report := run(t, sqs(typed.SQS(func(context.Context, T) error { return nil }, options...)), messages(t, body))
	return report.Records[0].Err
}

type lenient struct{ null bool }

func (l *lenient) UnmarshalJSON(b []byte) error {
	l.null = string(b) == "null"
	return nil
}

// SPEC S9, D6, STYLE of errors: what came, what was expected, where; and JSON's defaults as the package says.
func TestWhatIsDecodedAndWhatIsNot(t *testing.T) {
	strict := []typed.Option{typed.WithDisallowUnknownFields()}
	for _, c := range []struct {
		name, body string
		decode     func(*testing.T, string, ...typed.Option) error
		options    []typed.Option
		field      string
		offset     int64
		problem    string // none: it is decoded
	}{
		{name: "an object", body: `{"id":"1"}`, decode: decodeError[order]},
		{name: "blanks around", body: " \t\r\n{}\n", decode: decodeError[order]},
		{name: "unknown fields", body: `{"what":1}`, decode: decodeError[order]},
		{name: "a name in another case", body: `{"AMOUNT":1}`, decode: decodeError[order]},
		{name: "null for a field", body: `{"amount":null}`, decode: decodeError[order]},
		{name: "null for a pointer", body: `null`, decode: decodeError[*order]},
		{name: "null for a map", body: `null`, decode: decodeError[map[string]int]},
		{name: "null for a slice", body: `null`, decode: decodeError[[]int]},
		{name: "null for an any", body: ` null `, decode: decodeError[any]},
		{name: "null for a type that takes it", body: `null`, decode: decodeError[lenient]},
		{name: "null for a struct", body: `null`, decode: decodeError[order], field: "body", problem: "null where typed_test.order was expected"},
		{name: "null and blanks for a struct", body: " null\n", decode: decodeError[order], field: "body", problem: "null where typed_test.order was expected"},
		{name: "null for a string", body: `null`, decode: decodeError[string], field: "body", problem: "null where string was expected"},
		{name: "nothing", body: ``, decode: decodeError[order], field: "body", problem: "empty where JSON was expected"},
		{name: "nothing for an any", body: ``, decode: decodeError[any], field: "body", problem: "empty where JSON was expected"},
		{name: "blanks", body: " \n\t", decode: decodeError[order], field: "body", problem: "empty where JSON was expected"},
		{name: "plain text", body: `hello`, decode: decodeError[order], field: "body", problem: "not JSON"},
		{name: "bad in the middle", body: `{"id":"1",}`, decode: decodeError[order], field: "body", offset: 10, problem: "not JSON"},
		{name: "more after the value", body: `{"id":"1"} x`, decode: decodeError[order], field: "body", offset: 11, problem: "more after the JSON value"},
		{name: "two values", body: `{}{}`, decode: decodeError[order], field: "body", offset: 2, problem: "more after the JSON value"},
		{name: "cut short", body: `{"id":"1"`, decode: decodeError[order], field: "body", offset: 9, problem: "JSON is cut short"},
		{name: "another kind of value", body: `[1]`, decode: decodeError[order], field: "body", problem: "array where typed_test.order was expected"},
		{name: "another kind of field", body: `{"amount":"five"}`, decode: decodeError[order], field: "body.amount", offset: 10, problem: "string where int8 was expected"},
		{name: "a number out of range", body: `{"amount":4711}`, decode: decodeError[order], field: "body.amount", offset: 10, problem: "number out of range where int8 was expected"},
		{name: "deep inside", body: `{"lines":[{"sku":"a"},{"sku":7}]}`, decode: decodeError[order], field: "body.lines[1].sku", offset: 29, problem: "number where string was expected"},
		{name: "in a map", body: `{"Prices":{"secret":"7"}}`, decode: decodeError[order], field: "body.Prices.*", offset: 20, problem: "string where int was expected"},
		{name: "an error of an unmarshaler", body: `{"at":"yesterday"}`, decode: decodeError[order], field: "body.at", offset: 6, problem: "string that its UnmarshalJSON refuses where time.Time was expected"},
		{name: "strictly, an object", body: ` {"id":"1"} `, decode: decodeError[order], options: strict},
		{name: "strictly, an unknown field", body: `{"what":1}`, decode: decodeError[order], options: strict, field: "body", offset: 1, problem: "a field that typed_test.order does not have"},
		{name: "strictly, more after the value", body: `{} x`, decode: decodeError[order], options: strict, field: "body", offset: 3, problem: "more after the JSON value"},
		{name: "strictly, cut short", body: `{"id"`, decode: decodeError[order], options: strict, field: "body", offset: 5, problem: "JSON is cut short"},
		{name: "strictly, nothing", body: ` `, decode: decodeError[order], options: strict, field: "body", offset: 0, problem: "empty where JSON was expected"},
		{name: "strictly, null", body: `null`, decode: decodeError[order], options: strict, field: "body", problem: "null where typed_test.order was expected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.decode(t, c.body, c.options...)
			if c.problem == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, troupe.ErrUndecodable)
			var cause *troupe.DecodeError
			require.ErrorAs(t, err, &cause)
			assert.Equal(t, troupe.DecodeError{Field: c.field, Offset: c.offset, Problem: c.problem}, *cause)
			assert.Contains(t, err.Error(), c.field+": "+c.problem)
		})
	}
}

// SPEC 9, D6: a record that cannot be decoded fails alone, with an error that names it; it is not tried again
// in place, and its handler is not called.
func TestARecordThatCannotBeDecodedFailsAlone(t *testing.T) {
	var handled []string
	handler := typed.SQS(func(_ context.Context, o order) error {
		handled = append(handled, o.ID)
		return nil
	})
	response, report := run(t, sqs(handler), messages(t, `{"id":"a"}`, `{"id":7}`, `{"id":"c"}`), troupe.WithConcurrency(1), troupe.WithRetry(troupe.Retry{Times: 3, Base: 1}))
	assert.Equal(t, `{"batchItemFailures":[{"itemIdentifier":"m1"}]}`, response)
	assert.Equal(t, []string{"a", "c"}, handled)
	assert.Equal(t, 1, report.Records[1].Attempts)
	err := report.Records[1].Err
	assert.EqualError(t, err, `troupe: record "m1", index 1, cannot be decoded: body.id: number where string was expected (at byte 6 of the payload)`)
	var named *typed.Error
	require.ErrorAs(t, err, &named)
	assert.Equal(t, "m1", named.ID)
	assert.Equal(t, 1, named.Index)

	alone := handler(t.Context(), lazily(events.SQSMessage{MessageId: "m1"}, nil))
	assert.EqualError(t, alone, "troupe: record cannot be decoded: body: empty where JSON was expected (at byte 0 of the payload)")
}

// SPEC S1, 9: by option it is dropped: counted, logged in one line, and not reported to Lambda. Errors of the
// handler stay failures.
func TestByOptionWhatCannotBeDecodedIsDropped(t *testing.T) {
	var text bytes.Buffer
	var report *troupe.Report
	p := troupe.SQS(typed.SQS(func(_ context.Context, o order) error {
		if o.ID == "bad" {
			return errors.New("no such order")
		}
		return nil
	}, typed.WithDropUndecodable()), troupe.WithLogger(slog.New(slog.NewTextHandler(&text, nil))),
		troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
	response, err := p.Invoke(t.Context(), messages(t, `{"id":"a"}`, `oops`, `{"id":"bad"}`, ``))
	require.NoError(t, err)
	assert.Equal(t, `{"batchItemFailures":[{"itemIdentifier":"m2"}]}`, string(response))
	assert.Equal(t, []int{1, 2, 1}, []int{report.Succeeded, report.Dropped, report.Failed})
	assert.Equal(t, troupe.Dropped, report.Records[1].Outcome)
	assert.ErrorIs(t, report.Records[1].Err, troupe.ErrUndecodable)
	assert.Equal(t, 1, strings.Count(text.String(), "dropped=2"), "%s", &text)
	assert.NotContains(t, text.String(), "oops")
}

// point is what a binary format may hold.
type point struct{ x, y uint16 }

func decodePoint(b []byte) (p point, err error) {
	if len(b) != 4 {
		return p, fmt.Errorf("%q is no point", b)
	}
	return point{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])}, nil
}

// SPEC 9: a decoder hook for formats other than JSON. Its error's text is the payload's, for all that is
// known of it, unless it is a DecodeError.
func TestADecoderOfTheUsersOwn(t *testing.T) {
	decoded := func(data string, decode func([]byte) (point, error)) (got *point, err error) {
		event := events.KinesisEvent{Records: []events.KinesisEventRecord{{Kinesis: events.KinesisRecord{SequenceNumber: "1", Data: []byte(data)}}}}
		_, report := run(t, kinesis(typed.Kinesis(func(_ context.Context, p point) error {
			got = &p
			return nil
		}, typed.WithDecoder(decode))), written(t, event))
		return got, report.Records[0].Err
	}
	got, err := decoded("\x00\x01\x00\x02", decodePoint)
	require.NoError(t, err)
	assert.Equal(t, &point{1, 2}, got)

	got, err = decoded("payload", decodePoint)
	assert.Nil(t, got)
	require.ErrorIs(t, err, troupe.ErrUndecodable)
	assert.NotContains(t, err.Error(), "payload is")
	assert.Contains(t, err.Error(), "not a valid typed_test.point: the decoder returned an error of type *errors.errorString")

	_, err = decoded("", decodePoint)
	assert.ErrorContains(t, err, "kinesis.data: empty where typed_test.point was expected")

	_, err = decoded("payload", func([]byte) (point, error) {
		return point{}, fmt.Errorf("wrapped: %w", &troupe.DecodeError{Field: "x", Offset: 2, Problem: "negative"})
	})
	assert.ErrorContains(t, err, "kinesis.data.x: negative (at byte 2 of the payload)")
}

// A record without a payload, as From has it, is not one with an empty payload.
func TestFromHandsOverWhatHasNoPayload(t *testing.T) {
	type record struct{ value []byte }
	var got []*order
	var records []record
	handler := typed.From("value", func(r record) []byte { return r.value }, func(_ context.Context, with typed.With[*order, record]) error {
		got, records = append(got, with.Value), append(records, with.Record)
		return nil
	})
	require.NoError(t, handler(t.Context(), record{nil}))
	require.NoError(t, handler(t.Context(), record{[]byte(`{"id":"a"}`)}))
	require.ErrorContains(t, handler(t.Context(), record{[]byte{}}), "value: empty")
	assert.Equal(t, []*order{nil, {ID: "a"}}, got)
	assert.Equal(t, []record{{nil}, {[]byte(`{"id":"a"}`)}}, records)

	data := typed.Kinesis(func(context.Context, order) error { return nil })
	assert.ErrorContains(t, data(t.Context(), lazily(events.KinesisEventRecord{}, nil)), "kinesis.data: empty")
	detail := typed.Detail(func(context.Context, order) error { return nil })
	assert.ErrorContains(t, detail(t.Context(), events.EventBridgeEvent{}), "detail: empty")
}

// SPEC 2: what is wrong with handlers and options shows as the function initialises.
func TestBadHandlersAndOptionsPanic(t *testing.T) {
	handle := func(context.Context, order) error { return nil }
	with := func(context.Context, typed.With[order, events.SQSMessage]) error { return nil }
	change := func(context.Context, typed.Change[order]) error { return nil }
	decoder := typed.WithDecoder(func([]byte) (order, error) { return order{}, nil })
	for name, c := range map[string]struct {
		make func()
		says string
	}{
		"no handler":             {func() { typed.SQS[order](nil) }, "typed.SQS(nil): must be a function"},
		"no handler of a shard":  {func() { typed.Kinesis[order](nil) }, "typed.Kinesis(nil): must be a function"},
		"no handler of a stream": {func() { typed.DynamoDB[order](nil) }, "typed.DynamoDB(nil): must be a function"},
		"no handler of details":  {func() { typed.Detail[order](nil) }, "typed.Detail(nil): must be a function"},
		"no handler of payloads": {func() { typed.Payload[kpl.UserRecord, order]("f", nil) }, "typed.Payload(nil): must be a function"},
		"no handler with records": {func() {
			typed.From("f", func(string) []byte { return nil }, (troupe.Handler[typed.With[order, string]])(nil))
		}, "typed.From(nil): must be a function"},
		"no handler of lazy ones": {func() { typed.FromLazy[order, string]("f", nil) }, "typed.FromLazy(nil): must be a function"},
		"no handler of a topic":   {func() { typed.Kafka[order](nil) }, "typed.Kafka(nil): must be a function"},
		"no payload function":     {func() { typed.From("f", nil, with) }, "typed.From(nil): must be a function"},
		"nil option":              {func() { typed.SQS(handle, typed.WithDropUndecodable(), nil) }, "typed: option 2 is nil: must be an Option"},
		"no decoder":              {func() { typed.SQS(handle, typed.WithDecoder[order](nil)) }, "typed.WithDecoder(nil): must be a function"},
		"decoder of another type": {func() { typed.SQS(handle, typed.WithDecoder(decodePoint)) }, "typed.WithDecoder: func([]uint8) (typed_test.point, error): must be func([]uint8) (typed_test.order, error) for this handler"},
		"two decoders":            {func() { typed.SQS(handle, decoder, decoder) }, "typed.WithDecoder: given twice, or for a payload that has a fixed decoder"},
		"decoder, and strict":     {func() { typed.SQS(handle, decoder, typed.WithDisallowUnknownFields()) }, "typed.WithDisallowUnknownFields is not allowed with typed.WithDecoder, nor for a payload with a fixed decoder, such as the envelopes of package envelope: only JSON that is decoded by default has unknown fields"},
		"decoder for attributes":  {func() { typed.DynamoDB(change, decoder) }, "typed.DynamoDB: WithDecoder and WithDisallowUnknownFields are for payloads of bytes; an image has attributes"},
		"strict attributes":       {func() { typed.DynamoDB(change, typed.WithDisallowUnknownFields()) }, "typed.DynamoDB: WithDecoder and WithDisallowUnknownFields are for payloads of bytes; an image has attributes"},
		"an item that is a number": {func() {
			typed.DynamoDB(func(context.Context, typed.Change[int]) error { return nil })
		}, "typed.DynamoDB: handler of int: must be of a struct, a map or an interface"},
		"an item that is a time": {func() {
			typed.DynamoDB(func(context.Context, typed.Change[time.Time]) error { return nil })
		}, "typed.DynamoDB: handler of time.Time: must be of a struct, a map or an interface"},
		"a type that needs the SDK": {func() {
			typed.DynamoDB(func(context.Context, typed.Change[sdkItem]) error { return nil })
		}, "typed.DynamoDB: typed_test.sdkNumber has an UnmarshalDynamoDBAttributeValue, which only the AWS SDK can call; use events.DynamoDBAttributeValue, or a time.Time for a time"},
		"a time type that needs it too": {func() {
			typed.DynamoDB(func(context.Context, typed.Change[map[string]sdkTime]) error { return nil })
		}, "typed.DynamoDB: typed_test.sdkTime has an UnmarshalDynamoDBAttributeValue, which only the AWS SDK can call; use events.DynamoDBAttributeValue, or a time.Time for a time"},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				err, ok := recover().(error)
				require.True(t, ok, "the panic is an error")
				assert.EqualError(t, err, "troupe: "+c.says)
			}()
			c.make()
		})
	}
}

type sdkItem struct{ Lists map[string][]*sdkNumber }

// sdkNumber and sdkTime decode themselves, with the AWS SDK.
type sdkNumber struct{ N int }

func (*sdkNumber) UnmarshalDynamoDBAttributeValue(any) error { return nil }

type sdkTime time.Time

func (*sdkTime) UnmarshalDynamoDBAttributeValue(any) error { return nil }
