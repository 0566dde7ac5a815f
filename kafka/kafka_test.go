package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/typed"
)

// A handler of Lazy records gets the value alone, without the rest being decoded: nil for a tombstone, which an empty
// value is not.
func TestLazyRecords(t *testing.T) {
	const document = `{"records":{"t-0":[
		{"topic":"t","partition":0,"offset":1,"key":"YQ==","value":"b25l"},
		{"topic":"t","partition":0,"offset":2,"key":"YQ==","value":""},
		{"topic":"t","partition":0,"offset":3,"key":"YQ==","value":null},
		{"topic":"t","partition":0,"offset":4,"key":"YQ=","value":"dHdv"},
		{"topic":"t","partition":0,"offset":5,"key":"YQ==","value":"?"}]}}`
	var got []string
	handle := func(ctx context.Context, record troupe.Lazy[kafka.Record]) error {
		rec, ok := troupe.RecordFrom(ctx)
		assert.True(t, ok)
		value, err := record.Payload()
		text, isNil := string(value), value == nil
		for i := range value {
			value[i] = '#'
		}
		whole, errOpen := record.Open()
		if errOpen == nil {
			assert.Equal(t, text, string(whole.Value), "the payload is in bytes of its own")
			assert.Equal(t, isNil, whole.Value == nil)
			assert.Equal(t, rec.ID, whole.ID())
			assert.Equal(t, "a", string(whole.Key))
			same, errFrom := troupe.MessageFrom[kafka.Record](ctx)
			assert.NoError(t, errFrom)
			assert.Equal(t, whole, same)
		}
		got = append(got, fmt.Sprintf("%s %q nil: %t, open: %t", rec.ID, text, isNil, errOpen == nil))
		return err
	}
	var report *troupe.Report
	p := kafka.New(handle, troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithPolicy(troupe.Continue))
	response, err := p.Invoke(t.Context(), []byte(document))
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":{"partition":"t-0","offset":5}}]}`, string(response))
	assert.EqualError(t, report.Records[4].Err, "troupe: record cannot be decoded: value: not base64 (at byte 59 of the record)", "its handler is not called")
	want := []string{
		`t-0@1 "one" nil: false, open: true`,
		`t-0@2 "" nil: false, open: true`,
		`t-0@3 "" nil: true, open: true`,
		`t-0@4 "two" nil: false, open: false`,
	}
	assert.Equal(t, want, got)

	got = nil
	typedResponse, err := p.Process(t.Context(), kafka.Event{Records: map[string][]kafka.Record{"t-0": {
		{Topic: "t", Offset: 1, Key: []byte("a"), Value: []byte("one")}, {Topic: "t", Offset: 2, Key: []byte("a"), Value: []byte{}}, {Topic: "t", Offset: 3, Key: []byte("a")},
	}}})
	require.NoError(t, err)
	assert.Empty(t, typedResponse.BatchItemFailures)
	assert.Equal(t, want[:3], got)
}

// SPEC O3, D6: by partition nothing but the partition of a record that cannot be decoded is held up. By key, or by
// another function, the group of such a record might be any, so nothing after it is started; handlers of Lazy records
// make no difference. Without order it fails alone.
func TestARecordThatCannotBeDecodedHoldsUpWhatMayBeOfItsGroup(t *testing.T) {
	const document = `{"records":{
		"t-0":[{"topic":"t","partition":0,"offset":0,"key":"YQ=="},{"topic":"t","partition":0,"offset":1,"key":"YQ=","headers":7,"value":"eA=="},{"topic":"t","partition":0,"offset":2,"key":"Yg=="}],
		"u-0":[{"topic":"u","partition":0,"offset":7,"key":"Yw=="}]}}`
	const (
		first = `{"itemIdentifier":{"partition":"t-0","offset":1}}`
		rest  = `,{"itemIdentifier":{"partition":"t-0","offset":2}}`
		other = `,{"itemIdentifier":{"partition":"u-0","offset":7}}`
	)
	for name, c := range map[string]struct {
		options  []troupe.Option
		handled  []string // by a handler of whole records
		reported string
	}{
		"by partition":      {nil, []string{"t-0@0", "u-0@7"}, first + rest},
		"by key":            {[]troupe.Option{kafka.ByKey()}, []string{"t-0@0"}, first + rest + other},
		"by key, Continue":  {[]troupe.Option{kafka.ByKey(), troupe.WithPolicy(troupe.Continue)}, []string{"t-0@0"}, first + rest + other},
		"by another group":  {[]troupe.Option{troupe.WithGroup(func(r kafka.Record) string { return r.Topic })}, []string{"t-0@0"}, first + rest + other},
		"without order":     {[]troupe.Option{troupe.WithoutOrder()}, []string{"t-0@0", "t-0@2", "u-0@7"}, first},
		"the last one wins": {[]troupe.Option{kafka.ByKey(), troupe.WithoutOrder()}, []string{"t-0@0", "t-0@2", "u-0@7"}, first},
	} {
		t.Run(name, func(t *testing.T) {
			var report *troupe.Report
			options := append(c.options, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithConcurrency(1),
				troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
			var handled []string
			response, err := kafka.New(func(_ context.Context, r kafka.Record) error { handled = append(handled, r.ID()); return nil }, options...).Invoke(t.Context(), []byte(document))
			require.NoError(t, err)
			assert.Equal(t, c.handled, handled)
			assert.JSONEq(t, `{"batchItemFailures":[`+c.reported+`]}`, string(response))
			require.ErrorIs(t, report.Records[1].Err, troupe.ErrUndecodable)
			cause, ok := errors.AsType[*troupe.DecodeError](report.Records[1].Err)
			require.True(t, ok)
			assert.Equal(t, "key", cause.Field)

			handled = nil
			response, err = kafka.New(func(ctx context.Context, r troupe.Lazy[kafka.Record]) error {
				rec, _ := troupe.RecordFrom(ctx)
				handled = append(handled, rec.ID)
				_, err := r.Open()
				return err
			}, options...).Invoke(t.Context(), []byte(document))
			require.NoError(t, err)
			assert.JSONEq(t, `{"batchItemFailures":[`+c.reported+`]}`, string(response))
			assert.Subset(t, handled, c.handled)
			if c.reported == first+rest+other {
				assert.Equal(t, c.handled, handled, "a record whose group is not known is not handled")
			}
		})
	}
}

// By key, handlers get the very values that the function saw.
func TestByKeyOrdersWithinKeysAlone(t *testing.T) {
	records := []kafka.Record{
		{Topic: "t", Offset: 1, Key: []byte("a"), Value: []byte("fail")}, {Topic: "t", Offset: 2, Key: []byte("b")}, {Topic: "t", Offset: 3, Key: []byte("a")},
		{Topic: "t", Offset: 4}, {Topic: "t", Offset: 5, Key: []byte{}},
	}
	fail := func(_ context.Context, r kafka.Record) error {
		if string(r.Value) == "fail" {
			return errors.New("failed")
		}
		return nil
	}
	_, report, err := kafka.New(fail, kafka.ByKey(), troupe.WithLogger(slog.New(slog.DiscardHandler))).ProcessReport(t.Context(), kafka.Event{Records: map[string][]kafka.Record{"t-0": records}})
	require.NoError(t, err)
	var groups []string
	var outcomes []troupe.Outcome
	for _, r := range report.Records {
		groups, outcomes = append(groups, r.Group), append(outcomes, r.Outcome)
	}
	assert.Equal(t, []string{"a", "b", "a", "", ""}, groups)
	assert.Equal(t, []troupe.Outcome{troupe.Failed, troupe.Succeeded, troupe.Failed, troupe.Succeeded, troupe.Succeeded}, outcomes)
	assert.ErrorIs(t, report.Records[2].Err, troupe.ErrGroupStopped)
}

// SPEC 2: what is wrong shows as the function initializes, under the name that the user wrote.
func TestWrongOptionsAreRefused(t *testing.T) {
	handle := func(context.Context, kafka.Record) error { return nil }
	own := fmt.Sprintf("%T", func(kafka.Record) string { return "" })
	for says, construct := range map[string]func(){
		"troupe: kafka.ByKey was given a " + own + "; for sqs it must be a func(events.SQSMessage) string, the record of the source, also where the handler takes another type": func() {
			troupe.SQS(func(context.Context, events.SQSMessage) error { return nil }, kafka.ByKey())
		},
		"troupe: kafka.ByKey was given a " + own + "; for kinesis it must be a func(events.KinesisEventRecord) string, the record of the source, also where the handler takes another type": func() {
			troupe.Kinesis(typed.Kinesis(func(context.Context, int) error { return nil }), kafka.ByKey())
		},
		"troupe: WithGroup was given a func(events.SQSMessage) string; for kafka it must be a " + own + ", the record of the source, also where the handler takes another type": func() {
			kafka.New(handle, kafka.ByKey(), troupe.WithGroup(func(events.SQSMessage) string { return "" }))
		},
		"troupe: WithConcurrency(0): must be at least 1":       func() { kafka.New(handle, kafka.ByKey(), troupe.WithConcurrency(0)) },
		"troupe: the kafka handler is nil; must be a function": func() { kafka.New[kafka.Record](nil) },
		"troupe: WithLowestOnly is for streams, where Lambda restarts at the lowest failed record; on kafka the failed records left out would be lost": func() {
			kafka.New(handle, troupe.WithLowestOnly())
		},
	} {
		t.Run(says, func(t *testing.T) {
			defer func() {
				err, ok := recover().(error)
				require.True(t, ok, "it panics with an error")
				assert.EqualError(t, err, says)
			}()
			construct()
		})
	}
}

// What a typed handler returns is kept.
func TestWhatAHandlerReturnsIsKept(t *testing.T) {
	length := func(_ context.Context, words []string) (int, error) { return len(words), nil }
	_, report, err := kafka.New(typed.Kafka(troupe.Returning(length))).ProcessReport(t.Context(), kafka.Event{Records: map[string][]kafka.Record{"t-0": {
		{Topic: "t", Offset: 1, Value: []byte(`["a","b"]`)}, {Topic: "t", Offset: 2},
	}}})
	require.NoError(t, err)
	for i, want := range []int{2, 0} {
		got, ok := troupe.Value[int](report.Records[i])
		assert.True(t, ok)
		assert.Equal(t, want, got)
	}
}
