package troupe

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// What a context does not have is an error or false, never a panic.
func TestContextsThatAreNotAHandlersSaySo(t *testing.T) {
	ctx := t.Context()
	_, err := MessageFrom[events.SQSMessage](ctx)
	assert.EqualError(t, err, "troupe: MessageFrom: the context is not that of a handler")
	_, err = MessageAt[events.SQSMessage](ctx, 0)
	assert.EqualError(t, err, "troupe: MessageAt: the context is not that of an observer")
	_, ok := DeadlineFrom(ctx)
	assert.False(t, ok)
	_, ok = RecordFrom(ctx)
	assert.False(t, ok)
	assert.PanicsWithError(t, "troupe: Returning(nil): must be a function", func() { Returning[int, int](nil) })
	value, err := Returning(func(context.Context, int) (int, error) { return 1, nil }), error(nil)
	require.NoError(t, err)
	assert.NoError(t, value(ctx, 1), "outside a batch there is nobody to keep it")
}

func TestAMessageOfAnotherTypeIsAnError(t *testing.T) {
	var seen error
	deadline := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	p := SQS(func(ctx context.Context, _ events.SQSMessage) error {
		_, seen = MessageFrom[events.KinesisEventRecord](ctx)
		return nil
	}, WithObserver(func(ctx context.Context, _ *Report) {
		_, err := MessageAt[int](ctx, 0)
		assert.ErrorContains(t, err, "a int was asked for, but the source's record is a events.SQSMessage")
		got, ok := DeadlineFrom(ctx)
		assert.True(t, ok)
		assert.Equal(t, deadline, got)
	}))
	_, err := p.Process(ctx, events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1"}}})
	require.NoError(t, err)
	assert.EqualError(t, seen, "troupe: a events.KinesisEventRecord was asked for, but the source's record is a events.SQSMessage")

	undecodable := SQS(func(context.Context, events.SQSMessage) error { return nil }, WithLogger(slog.New(slog.DiscardHandler)),
		WithLastResort(func(ctx context.Context, _ Record, err error) error {
			_, seen = MessageFrom[events.SQSMessage](ctx)
			return nil
		}))
	_, err = undecodable.Invoke(t.Context(), []byte(`{"Records":[{"messageId":"1","body":5}]}`))
	require.NoError(t, err)
	assert.ErrorIs(t, seen, ErrUndecodable)
}

// Of several last resorts each receives the error of the one before, until one drops the record.
func TestLastResortsAreAskedOneAfterTheOther(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	var asked []error
	resort := func(result error) Option {
		return WithLastResort(func(_ context.Context, _ Record, err error) error {
			asked = append(asked, err)
			return result
		})
	}
	fail := func(context.Context, events.SQSMessage) error { return first }
	silent := WithLogger(slog.New(slog.DiscardHandler))
	event := events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1"}}}
	_, report, err := SQS(fail, silent, resort(second), resort(nil), resort(first)).ProcessReport(t.Context(), event)
	require.NoError(t, err)
	assert.Equal(t, 1, report.Dropped)
	assert.Equal(t, []error{first, second}, asked)

	asked = nil
	_, report, err = SQS(fail, silent, resort(second), resort(second), WithErrorWhen(ErrorWhenNever)).ProcessReport(t.Context(), event)
	require.NoError(t, err)
	assert.Equal(t, 1, report.Failed)
	assert.ErrorIs(t, report.Records[0].Err, second)
	assert.Equal(t, []error{first, second}, asked)
}

// The constructors that return errors say what they were given.
func TestNewProcessorReturnsWhatTheConstructorsPanicWith(t *testing.T) {
	_, err := NewProcessor[events.SQSEvent, events.SQSEventResponse, events.SQSMessage, events.SQSMessage](sources.SQS(), response.ForSQS(), nil)
	assert.EqualError(t, err, "troupe: the sqs handler is nil; must be a function")
	whole := func() sources.Whole[events.SQSMessage] { return nil }
	_, err = NewWhole(sources.SQS(), response.ForSQS(), whole, WithConcurrency(0))
	assert.EqualError(t, err, "troupe: WithConcurrency(0): must be at least 1")
	_, err = NewProcessor(&careless{}, response.AnswerOf(func(ids []string) []string { return ids }, nil), func(context.Context, int) error { return nil })
	require.NoError(t, err)
}

// careless is the least Reader that compiles.
type careless struct{ batch *sources.Batch[int] }

func (*careless) Kind() Source                                 { return "careless" }
func (*careless) Limits() (none sources.Limits)                { return none }
func (c *careless) Decode([]byte) (*sources.Batch[int], error) { return c.batch, nil }
func (c *careless) Read([]int) (*sources.Batch[int], error)    { return c.batch, nil }

// SPEC S2: the most careless Reader loses nothing and ignores no option.
func TestTheMostCarelessReaderLosesNothing(t *testing.T) {
	reader := &careless{&sources.Batch[int]{IDs: []string{"1", "2", "3"}, Open: func(i int) (int, error) { return i, nil }}}
	answer := response.AnswerOf(func(ids []string) []string { return ids }, nil)
	var handled []int
	p, err := NewProcessor(reader, answer, func(_ context.Context, i int) error {
		if handled = append(handled, i); i == 0 {
			return errors.New("no")
		}
		return nil
	}, WithConcurrency(1), WithLogger(slog.New(slog.DiscardHandler)), WithGroup(func(i int) string { return []string{"a", "b", "a"}[i] }), WithPolicy(StopGroup))
	require.NoError(t, err)
	ids, report, err := p.ProcessReport(t.Context(), []int{})
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "3"}, ids, "the group is stopped, as the options say")
	assert.Equal(t, []int{0, 1}, handled)
	assert.Equal(t, []string{"a", "b", "a"}, []string{report.Records[0].Group, report.Records[1].Group, report.Records[2].Group})

	lost := &careless{&sources.Batch[int]{IDs: []string{"1"}}}
	p, err = NewProcessor(lost, answer, func(context.Context, int) error { return nil })
	require.NoError(t, err)
	_, err = p.Process(t.Context(), nil)
	assert.ErrorIs(t, err, ErrEvent)
	assert.ErrorContains(t, err, "without Open")
}

// all handles the messages of a batch in one call.
type all struct {
	plan   *sources.Plan[events.SQSMessage]
	handle func(context.Context) error
}

func (a *all) Admit(p *sources.Plan[events.SQSMessage]) func(context.Context) error {
	a.plan = p
	return a.handle
}

func (a *all) Spread(report *Report) {
	report.Records = make([]Result, len(a.plan.IDs))
	for i, id := range a.plan.IDs {
		report.Records[i] = Result{ID: id, Outcome: Succeeded}
	}
}

// A handler of a whole batch has no single message, and observers have all of them.
func TestAWholeBatchHasNoSingleMessage(t *testing.T) {
	var seen error
	event := events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1"}, {MessageId: "2"}}}
	observer := WithObserver(func(ctx context.Context, r *Report) {
		msg, err := MessageAt[events.SQSMessage](ctx, 1)
		assert.NoError(t, err)
		assert.Equal(t, "2", msg.MessageId)
	})
	for _, handle := range []func(context.Context) error{nil, func(ctx context.Context) error {
		_, seen = MessageFrom[events.SQSMessage](ctx)
		turn, ok := batch.TurnFrom(ctx)
		assert.True(t, ok)
		assert.Equal(t, batch.WholeBatch, turn.Handling())
		assert.Equal(t, batch.Times{}, turn.Times())
		raw, whole := turn.Raw()
		assert.Nil(t, raw)
		assert.True(t, whole)
		return nil
	}} {
		p, err := NewWhole(sources.SQS(), response.ForSQS(), func() sources.Whole[events.SQSMessage] { return &all{handle: handle} }, observer)
		require.NoError(t, err)
		_, report, err := p.ProcessReport(t.Context(), event)
		require.NoError(t, err)
		assert.Equal(t, 2, report.Succeeded)
	}
	assert.EqualError(t, seen, "troupe: a batch handler has no single message")
}
