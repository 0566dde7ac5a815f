package semantics_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// SPEC S7: when an invocation is an error.
func TestErrorWhenSaysWhenAnInvocationIsAnError(t *testing.T) {
	const all, any, never = troupe.ErrorWhenAll, troupe.ErrorWhenAny, troupe.ErrorWhenNever
	for _, c := range []struct {
		records, failed int
		want            map[troupe.ErrorWhen]bool
	}{
		{0, 0, map[troupe.ErrorWhen]bool{all: false, any: false, never: false}},
		{1, 0, map[troupe.ErrorWhen]bool{all: false, any: false, never: false}},
		{1, 1, map[troupe.ErrorWhen]bool{all: true, any: true, never: false}},
		{3, 1, map[troupe.ErrorWhen]bool{all: false, any: true, never: false}},
		{3, 2, map[troupe.ErrorWhen]bool{all: false, any: true, never: false}},
		{3, 3, map[troupe.ErrorWhen]bool{all: true, any: true, never: false}},
	} {
		for when, fails := range c.want {
			for _, source := range sources {
				t.Run(fmt.Sprint(source, "/", c.failed, " of ", c.records, "/", when), func(t *testing.T) {
					p := process(source, func(ctx context.Context, _ string) error {
						if index(ctx) < c.failed {
							return errHandler
						}
						return nil
					}, troupe.WithErrorWhen(when), troupe.WithPolicy(troupe.Continue), troupe.WithLogger(slog.New(slog.DiscardHandler)))
					response, err := p.Invoke(context.Background(), document(source, numbered(c.records, groups(2))...))
					if fails {
						assert.ErrorIs(t, err, errHandler)
						assert.Nil(t, response)
						return
					}
					require.NoError(t, err)
					assert.Len(t, failures(t, response), c.failed)
				})
			}
		}
	}
}

type typedError struct{ code int }

func (e *typedError) Error() string { return fmt.Sprint("code ", e.code) }

// SPEC S7, S1: the error of an invocation wraps those of its records, in batch order, each naming its record;
// users reach every reason by errors.Is and errors.As.
func TestTheErrorOfAnInvocationWrapsThoseOfItsRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		p := process(kinesis, func(ctx context.Context, _ string) error {
			switch index(ctx) {
			case 0:
				return fmt.Errorf("outer: %w", &typedError{7})
			case 1:
				panic(errHandler)
			case 2:
				runtime.Goexit()
			case 3:
				<-release
			case 4:
				<-ctx.Done()
				return ctx.Err()
			}
			panic("not to be started")
		}, troupe.WithErrorWhen(troupe.ErrorWhenAny), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithConcurrency(5), troupe.WithPolicy(troupe.StopGroup))
		records := numbered(7, groups(5)) // record 5 follows record 0, and record 6 record 1
		texts := make([]string, len(records))
		for i, r := range records {
			texts[i] = written(kinesis, r)
		}
		texts = append(texts, replace(t, written(kinesis, record{id: "8", group: "g9", body: "b"}), `"data":"Yg=="`, `"data":"%"`))
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := p.Invoke(ctx, event(texts...))
		require.Error(t, err)

		assert.Contains(t, err.Error(), "8 of 8 records failed")
		assert.Contains(t, err.Error(), `record "1": outer: code 7`)
		var batch interface{ Unwrap() []error }
		require.ErrorAs(t, err, &batch)
		inner := batch.Unwrap()
		require.Len(t, inner, 8)
		for i, want := range [][]error{
			{},
			{troupe.ErrPanic, errHandler},
			{troupe.ErrGoexit},
			{troupe.ErrAbandoned, troupe.ErrDeadline},
			{troupe.ErrDeadline, context.DeadlineExceeded},
			{troupe.ErrNotStarted, troupe.ErrGroupStopped},
			{troupe.ErrNotStarted, troupe.ErrGroupStopped},
			{troupe.ErrUndecodable},
		} {
			assert.Contains(t, inner[i].Error(), fmt.Sprintf("record %q", fmt.Sprint(i+1)))
			for _, reason := range want {
				assert.ErrorIs(t, inner[i], reason, "record %d", i)
				assert.ErrorIs(t, err, reason)
			}
		}
		var typed *typedError
		require.ErrorAs(t, err, &typed)
		assert.Equal(t, 7, typed.code)
		var panicked *troupe.PanicError
		require.ErrorAs(t, err, &panicked)
		assert.NotEmpty(t, panicked.Stack)
		var decode *troupe.DecodeError
		require.ErrorAs(t, err, &decode)
		assert.Equal(t, "kinesis.data", decode.Field)
		assert.NotErrorIs(t, err, troupe.ErrEvent)
		assert.NotErrorIs(t, err, troupe.ErrCancelled)
		assert.NotErrorIs(t, err, troupe.ErrStopped)
	})
}

// SPEC S7: its text is bounded, however many records there are and whatever their errors say.
func TestTheTextOfAnInvocationsErrorIsBounded(t *testing.T) {
	for name, handlers := range map[string]error{
		"short": errors.New("x"),
		"long":  errors.New(strings.Repeat("long ", 1<<18)),
	} {
		t.Run(name, func(t *testing.T) {
			p := process(standard, func(context.Context, string) error { return handlers }, troupe.WithLogger(slog.New(slog.DiscardHandler)))
			_, err := p.Invoke(context.Background(), document(standard, numbered(5000, nil)...))
			require.Error(t, err)
			assert.Less(t, len(err.Error()), 512)
			assert.Contains(t, err.Error(), "5000 of 5000")
			assert.Contains(t, err.Error(), `"1"`)
			assert.ErrorIs(t, err, handlers)
		})
	}
}

// SPEC S7: the typed method returns the full response with the error.
func TestProcessReturnsTheResponseWithTheError(t *testing.T) {
	ctx := context.Background()
	text := func(r any) string { b, _ := json.Marshal(r); return string(b) }
	const want = `{"batchItemFailures":[{"itemIdentifier":"1"},{"itemIdentifier":"2"}]}`
	{
		p := troupe.SQS(func(context.Context, events.SQSMessage) error { return errHandler }, troupe.WithLogger(slog.New(slog.DiscardHandler)))
		r, err := p.Process(ctx, events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1"}, {MessageId: "2"}}})
		assert.ErrorIs(t, err, errHandler)
		assert.Equal(t, want, text(r))
	}
	{
		p := troupe.Kinesis(func(context.Context, events.KinesisEventRecord) error { return errHandler }, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithPolicy(troupe.Continue))
		one, two := events.KinesisEventRecord{}, events.KinesisEventRecord{}
		one.Kinesis.SequenceNumber, two.Kinesis.SequenceNumber = "1", "2"
		r, err := p.Process(ctx, events.KinesisEvent{Records: []events.KinesisEventRecord{one, two}})
		assert.ErrorIs(t, err, errHandler)
		assert.Equal(t, want, text(r))
	}
	{
		p := troupe.DynamoDB(func(context.Context, events.DynamoDBEventRecord) error { return errHandler }, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithPolicy(troupe.StopBatch))
		one, two := events.DynamoDBEventRecord{}, events.DynamoDBEventRecord{}
		one.Change.SequenceNumber, two.Change.SequenceNumber = "1", "2"
		r, err := p.Process(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{one, two}})
		assert.ErrorIs(t, err, errHandler)
		assert.ErrorIs(t, err, troupe.ErrStopped)
		assert.Equal(t, want, text(r))
	}
}

// SPEC S3: failures come in batch order, whatever the order in which they happened.
func TestFailuresComeInBatchOrder(t *testing.T) {
	const n = 200
	for _, source := range sources {
		t.Run(source, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var want []string
				for i := range n {
					if i%3 != 0 {
						want = append(want, fmt.Sprint(i+1))
					}
				}
				var completed []int
				p := process(source, func(ctx context.Context, _ string) error {
					i := index(ctx)
					time.Sleep(time.Duration(n-i) * time.Millisecond) // the last is the first to end
					if i%3 != 0 {
						return errHandler
					}
					return nil
				}, troupe.WithConcurrency(n), troupe.WithPolicy(troupe.Continue), troupe.WithLogger(slog.New(slog.DiscardHandler)),
					troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, _ error) { completed = append(completed, rec.Index) }))
				response, err := p.Invoke(context.Background(), document(source, numbered(n, groups(n))...))
				require.NoError(t, err)
				assert.Equal(t, want, failures(t, response))
				assert.Equal(t, 199, completed[0], "the test tests what it says")
			})
		})
	}
}

// SPEC S1: a group that is stopped and a batch that is stopped are different reasons.
func TestNotStartedSaysWhy(t *testing.T) {
	handle := func(ctx context.Context, _ string) error {
		if index(ctx) == 0 {
			return errHandler
		}
		return nil
	}
	for policy, reason := range map[troupe.Policy]error{troupe.StopBatch: troupe.ErrStopped, troupe.StopGroup: troupe.ErrGroupStopped} {
		came := lasting(t, 0, fifo, numbered(3, groups(2)), handle, troupe.WithPolicy(policy), troupe.WithConcurrency(1))
		err := came.report.Records[2].Err
		assert.ErrorIs(t, err, troupe.ErrNotStarted)
		assert.ErrorIs(t, err, reason)
		for _, other := range []error{troupe.ErrStopped, troupe.ErrGroupStopped, troupe.ErrDeadline, troupe.ErrCancelled, troupe.ErrAbandoned} {
			if other != reason {
				assert.NotErrorIs(t, err, other)
			}
		}
		assert.Regexp(t, "^troupe: not started: ", err.Error())
	}
}
