package typed_test

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

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/kpl"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/typed"
)

// A handler of payloads decodes them and nothing else: the rest of its record may be of any kind.
func TestOnlyThePayloadIsDecoded(t *testing.T) {
	var got []string
	sqsHandler := typed.SQS(func(_ context.Context, o order) error { got = append(got, o.ID); return nil })
	_, report := run(t, sqs(sqsHandler), []byte(`{"Records":[{"messageId":"m1","body":"{\"id\":\"a\"}","attributes":7,"messageAttributes":"none","eventSource":"aws:sqs"}]}`))
	require.NoError(t, report.Records[0].Err)

	kinesisHandler := typed.Kinesis(func(_ context.Context, o order) error { got = append(got, o.ID); return nil })
	_, report = run(t, kinesis(kinesisHandler), []byte(`{"Records":[{"kinesis":{"sequenceNumber":"1","partitionKey":"p","data":"eyJpZCI6ImIifQ==","encryptionType":7}}]}`))
	require.NoError(t, report.Records[0].Err)

	kafkaHandler := typed.Kafka(func(_ context.Context, o order) error { got = append(got, o.ID); return nil })
	_, report = run(t, func(options ...troupe.Option) lambda.Handler { return kafka.New(kafkaHandler, options...) },
		[]byte(`{"records":{"t-0":[{"topic":"t","partition":0,"offset":1,"key":7,"headers":7,"value":"eyJpZCI6ImMifQ=="}]}}`))
	require.NoError(t, report.Records[0].Err)
	assert.Equal(t, []string{"a", "b", "c"}, got)
}

// SPEC D6: a record whose payload cannot even be read has failed before there is anything to decode, so the handler
// is not called, and WithDropUndecodable, which is about payloads, does not drop it.
func TestAPayloadThatCannotBeReadFails(t *testing.T) {
	handle := func(context.Context, any) error { t.Error("called"); return nil }
	drop := typed.WithDropUndecodable()
	for name, c := range map[string]struct {
		make  func(...troupe.Option) lambda.Handler
		event string
		field string
	}{
		"sqs":     {sqs(typed.SQS(handle, drop)), `{"Records":[{"messageId":"m1","body":7}]}`, "body"},
		"kinesis": {kinesis(typed.Kinesis(handle, drop)), `{"Records":[{"kinesis":{"sequenceNumber":"1","data":"!"}}]}`, "kinesis.data"},
		"kafka": {func(options ...troupe.Option) lambda.Handler { return kafka.New(typed.Kafka(handle, drop), options...) },
			`{"records":{"t-0":[{"topic":"t","partition":0,"offset":1,"value":"!"}]}}`, "value"},
		"kpl": {func(options ...troupe.Option) lambda.Handler {
			return kpl.Kinesis(typed.Payload[kpl.UserRecord]("kinesis.data", handle, drop), options...)
		}, `{"Records":[{"kinesis":{"sequenceNumber":"1","data":"!"}}]}`, "kinesis.data"},
		"dynamodb": {dynamodb(typed.DynamoDB(func(context.Context, typed.Change[any]) error { t.Error("called"); return nil }, drop)),
			`{"Records":[{"dynamodb":{"SequenceNumber":"1","NewImage":7}}]}`, "dynamodb.NewImage"},
	} {
		t.Run(name, func(t *testing.T) {
			_, report := run(t, c.make, []byte(c.event), troupe.WithRetry(troupe.Retry{Times: 3, Base: 1}))
			result := report.Records[0]
			assert.Equal(t, troupe.Failed, result.Outcome)
			assert.Equal(t, 1, result.Attempts, "it is not tried again in place")
			require.ErrorIs(t, result.Err, troupe.ErrUndecodable)
			cause, ok := errors.AsType[*troupe.DecodeError](result.Err)
			require.True(t, ok)
			assert.Equal(t, c.field, cause.Field)
		})
	}
}

// Payload is for sources that have no function here. A record without a payload has an empty one.
func TestPayloadIsForAnyLazyRecord(t *testing.T) {
	var got []string
	handler := typed.Payload[kpl.UserRecord]("kinesis.data", func(ctx context.Context, o order) error {
		record, err := troupe.MessageFrom[kpl.UserRecord](ctx)
		require.NoError(t, err)
		got = append(got, record.Kinesis.PartitionKey+" "+o.ID)
		return nil
	})
	response, report := run(t, func(options ...troupe.Option) lambda.Handler { return kpl.Kinesis(handler, options...) },
		written(t, events.KinesisEvent{Records: []events.KinesisEventRecord{
			{Kinesis: events.KinesisRecord{SequenceNumber: "1", PartitionKey: "p", Data: []byte(`{"id":"a"}`)}},
			{Kinesis: events.KinesisRecord{SequenceNumber: "2", PartitionKey: "q", Data: []byte(`{"id":7}`)}},
			{Kinesis: events.KinesisRecord{SequenceNumber: "3", PartitionKey: "r", Data: []byte{}}},
		}}), troupe.WithConcurrency(1))
	assert.Equal(t, []string{"p a"}, got)
	assert.Equal(t, `{"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`, response)
	assert.EqualError(t, report.Records[1].Err, `troupe: record "2", index 1, cannot be decoded: kinesis.data.id: number where string was expected (at byte 6 of the payload)`)
	assert.EqualError(t, report.Records[2].Err, `troupe: record "3", index 2, cannot be decoded: kinesis.data: empty where JSON was expected (at byte 0 of the payload)`)

	type own struct{}
	one := typed.Payload[own]("text", func(_ context.Context, n int) error { return fmt.Errorf("number %d", n) })
	assert.EqualError(t, one(t.Context(), lazily(own{}, []byte("7"))), "number 7")
	assert.EqualError(t, one(t.Context(), lazily(own{}, nil)), "troupe: record cannot be decoded: text: empty where JSON was expected (at byte 0 of the payload)")
	dropping := typed.Payload[own]("text", func(context.Context, int) error { return nil }, typed.WithDropUndecodable())
	err := dropping(t.Context(), lazily(own{}, []byte("x")))
	assert.EqualError(t, err, "troupe: record cannot be decoded: text: not JSON (at byte 0 of the payload)")
	assert.NotEqual(t, err, errors.Unwrap(err), "it is marked")

	refused := &troupe.DecodeError{Field: "text", Offset: 3, Problem: "not base64"}
	unreadable := sources.LazyOf(func() ([]byte, error) { return nil, refused }, func() (own, error) { return own{}, refused })
	assert.Same(t, refused, one(t.Context(), unreadable))
}

// FromLazy passes on the record as well, which is decoded when the handler asks for it.
func TestFromLazyPassesOnTheRecordUndecoded(t *testing.T) {
	opened := 0
	errOpen := errors.New("cannot be opened")
	record := func(payload []byte, err error) troupe.Lazy[events.SQSMessage] {
		return sources.LazyOf(func() ([]byte, error) { return payload, nil }, func() (events.SQSMessage, error) {
			opened++
			return events.SQSMessage{MessageId: "m1", Body: string(payload)}, err
		})
	}
	var got []string
	open := false
	handler := typed.FromLazy("body", func(_ context.Context, with typed.With[order, troupe.Lazy[events.SQSMessage]]) error {
		text := with.Value.ID
		if open {
			msg, err := with.Record.Open()
			if err != nil {
				return err
			}
			text += " " + msg.MessageId
		}
		payload, err := with.Record.Payload()
		got = append(got, text+" "+string(payload))
		return err
	})
	require.NoError(t, handler(t.Context(), record([]byte(`{"id":"a"}`), errOpen)))
	assert.Zero(t, opened)
	open = true
	require.NoError(t, handler(t.Context(), record([]byte(`{"id":"b"}`), nil)))
	assert.Equal(t, 1, opened)
	require.ErrorIs(t, handler(t.Context(), record([]byte(`{"id":"c"}`), errOpen)), errOpen)
	assert.Equal(t, []string{`a {"id":"a"}`, `b m1 {"id":"b"}`}, got)

	assert.EqualError(t, handler(t.Context(), record(nil, nil)), "troupe: record cannot be decoded: body: empty where JSON was expected (at byte 0 of the payload)")
	assert.EqualError(t, handler(t.Context(), record([]byte("{"), nil)), "troupe: record cannot be decoded: body: JSON is cut short (at byte 1 of the payload)")
	unreadable := sources.LazyOf(func() ([]byte, error) { return nil, errOpen }, func() (events.SQSMessage, error) { return events.SQSMessage{}, nil })
	assert.Equal(t, errOpen, handler(t.Context(), unreadable))
	assert.Len(t, got, 2)

	// With a processor, and a decoder.
	upper := typed.WithDecoder(func(b []byte) (string, error) { return strings.ToUpper(string(b)), nil })
	var seen string
	_, report := run(t, sqs(typed.FromLazy("body", func(_ context.Context, with typed.With[string, troupe.Lazy[events.SQSMessage]]) error {
		msg, err := with.Record.Open()
		seen = with.Value + " " + msg.MessageId
		return err
	}, upper)), messages(t, "abc"))
	require.NoError(t, report.Records[0].Err)
	assert.Equal(t, "ABC m0", seen)
}

// A decoder may keep the bytes that it receives, and the handler's record is as it was whatever the decoder writes.
func TestADecoderReceivesBytesOfItsOwn(t *testing.T) {
	var kept []byte
	scribble := typed.WithDecoder(func(b []byte) (int, error) {
		kept = b
		for i := range b {
			b[i] = 'x'
		}
		return len(b), nil
	})
	handler := typed.SQS(func(ctx context.Context, n int) error {
		msg, err := troupe.MessageFrom[events.SQSMessage](ctx)
		require.NoError(t, err)
		assert.Equal(t, "body", msg.Body)
		assert.Equal(t, 4, n)
		rec, _ := troupe.RecordFrom(ctx)
		if rec.Attempt == 1 {
			return errors.New("again")
		}
		return nil
	}, scribble)
	_, report := run(t, sqs(handler), messages(t, "body"), troupe.WithRetry(troupe.Retry{Times: 1, Base: 1}))
	require.NoError(t, report.Records[0].Err)
	assert.Equal(t, "xxxx", string(kept))

	data := events.KinesisEvent{Records: []events.KinesisEventRecord{{Kinesis: events.KinesisRecord{SequenceNumber: "1", Data: []byte("data")}}}}
	_, err := troupe.Kinesis(typed.Kinesis(func(context.Context, int) error { return nil }, scribble)).Process(t.Context(), data)
	require.NoError(t, err)
	assert.Equal(t, "data", string(data.Records[0].Kinesis.Data), "the event of the caller")

	topic := kafka.Event{Records: map[string][]kafka.Record{"t-0": {{Topic: "t", Value: []byte("value")}}}}
	_, err = kafka.New(typed.Kafka(func(context.Context, int) error { return nil }, scribble)).Process(t.Context(), topic)
	require.NoError(t, err)
	assert.Equal(t, "value", string(topic.Records["t-0"][0].Value))

	_, err = kpl.Kinesis(typed.Payload[kpl.UserRecord]("kinesis.data", func(context.Context, int) error { return nil }, scribble)).Process(t.Context(), data)
	require.NoError(t, err)
	assert.Equal(t, "data", string(data.Records[0].Kinesis.Data))
}

// What a typed handler returns is kept, whatever is around it.
func TestWhatATypedHandlerReturnsIsKept(t *testing.T) {
	price := func(_ context.Context, o order) (int, error) {
		if o.ID == "free" {
			return 0, errors.New("not for sale")
		}
		return int(o.Amount) * 100, nil
	}
	_, report, err := troupe.SQS(typed.SQS(troupe.Returning(price)), troupe.WithLogger(slog.New(slog.DiscardHandler))).ProcessReport(t.Context(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: `{"id":"o-1","amount":5}`}, {MessageId: "m2", Body: `{"id":"free"}`}, {MessageId: "m3", Body: `?`},
	}})
	require.NoError(t, err)
	cents, ok := troupe.Value[int](report.Records[0])
	assert.True(t, ok)
	assert.Equal(t, 500, cents)
	for _, failed := range report.Records[1:] {
		assert.Equal(t, troupe.Failed, failed.Outcome)
		_, ok = troupe.Value[int](failed)
		assert.False(t, ok)
	}
}

// The payload of a Lazy record is its body, its data or its value, in bytes of its own; a change of a table has none.
// The record may be kept: it can be decoded when the invocation is over.
func TestTheLazyRecordsOfEachSource(t *testing.T) {
	const text = "caf\u00e9 \"\n"
	sqsEvent := written(t, events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1", Body: text}, {MessageId: "m2", Body: "s3cond"}}})
	kinesisEvent := written(t, events.KinesisEvent{Records: []events.KinesisEventRecord{{Kinesis: events.KinesisRecord{SequenceNumber: "1", Data: []byte(text)}}, {Kinesis: events.KinesisRecord{SequenceNumber: "2", Data: []byte("s3cond")}}}})

	lazilySQS, lazilyKinesis := keep[events.SQSMessage](t), keep[events.KinesisEventRecord](t)
	sqsProcessor, kinesisProcessor := troupe.SQS(lazilySQS.handle, troupe.WithConcurrency(1)), troupe.Kinesis(lazilyKinesis.handle, troupe.WithConcurrency(1))
	for name, invoke := range map[string]func() error{
		"Invoke": func() error {
			_, err := sqsProcessor.Invoke(t.Context(), sqsEvent)
			_, err2 := kinesisProcessor.Invoke(t.Context(), kinesisEvent)
			for _, payload := range [][]byte{sqsEvent, kinesisEvent} { // as Lambda's runtime does
				for i := range payload {
					payload[i] = '#'
				}
			}
			return errors.Join(err, err2)
		},
		"Process": func() error {
			_, err := sqsProcessor.Process(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1", Body: text}, {MessageId: "m2", Body: "s3cond"}}})
			_, err2 := kinesisProcessor.Process(t.Context(), events.KinesisEvent{Records: []events.KinesisEventRecord{{Kinesis: events.KinesisRecord{SequenceNumber: "1", Data: []byte(text)}}, {Kinesis: events.KinesisRecord{SequenceNumber: "2", Data: []byte("s3cond")}}}})
			return errors.Join(err, err2)
		},
	} {
		lazilySQS.kept, lazilyKinesis.kept = nil, nil
		require.NoError(t, invoke(), name)
		require.Len(t, lazilySQS.kept, 2, name)
		require.Len(t, lazilyKinesis.kept, 2, name)
		for i, want := range []string{text, "s3cond"} {
			payload, err := lazilySQS.kept[i].Payload()
			require.NoError(t, err)
			assert.Equal(t, want, string(payload), name)
			clear(payload)
			message, err := lazilySQS.kept[i].Open()
			require.NoError(t, err)
			assert.Equal(t, []string{fmt.Sprint("m", i+1), want}, []string{message.MessageId, message.Body}, name)

			payload, err = lazilyKinesis.kept[i].Payload()
			require.NoError(t, err)
			assert.Equal(t, want, string(payload), name)
			clear(payload)
			record, err := lazilyKinesis.kept[i].Open()
			require.NoError(t, err)
			assert.Equal(t, []string{fmt.Sprint(i + 1), want}, []string{record.Kinesis.SequenceNumber, string(record.Kinesis.Data)}, name)
		}
	}

	lazilyTable := keep[events.DynamoDBEventRecord](t)
	_, err := troupe.DynamoDB(lazilyTable.handle).Invoke(t.Context(), changed(`{"S":{"S":"a"}}`))
	require.NoError(t, err)
	require.Len(t, lazilyTable.kept, 1)
	_, err = lazilyTable.kept[0].Payload()
	assert.ErrorContains(t, err, "no separate payload")
	record, err := lazilyTable.kept[0].Open()
	require.NoError(t, err)
	assert.Equal(t, "a", record.Change.NewImage["S"].String())
}

// keeper keeps the Lazy records that it handles.
type keeper[T any] struct {
	t    *testing.T
	kept []troupe.Lazy[T]
}

func keep[T any](t *testing.T) *keeper[T] { return &keeper[T]{t: t} }

func (k *keeper[T]) handle(ctx context.Context, lazy troupe.Lazy[T]) error {
	same, err := troupe.MessageFrom[T](ctx)
	require.NoError(k.t, err)
	whole, err := lazy.Open()
	require.NoError(k.t, err)
	assert.Equal(k.t, whole, same)
	k.kept = append(k.kept, lazy)
	return nil
}
