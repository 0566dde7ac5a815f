package semantics_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/response"
	reading "github.com/troupe-go/troupe/sources"
)

// SPEC S1: a dropped record is not reported and is no failure for any policy, is named in the report and in
// the log, and is not tried again.
func TestADroppedRecordIsToldButNotReported(t *testing.T) {
	for _, source := range sources {
		t.Run(source, func(t *testing.T) {
			var (
				report reported
				text   bytes.Buffer
				hooked []string
			)
			p := process(source, func(ctx context.Context, _ string) error {
				switch rec, _ := troupe.RecordFrom(ctx); rec.Index {
				case 1:
					return fmt.Errorf("as middleware would: %w", batch.Drop(errHandler))
				case 3:
					return errHandler
				}
				return nil
			}, troupe.WithConcurrency(1), troupe.WithRetry(troupe.Retry{Times: 2, Backoff: func(int) time.Duration { return 0 }}), troupe.WithObserver(report.observe),
				troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, _ error) { hooked = append(hooked, rec.ID) }),
				troupe.WithLogger(slog.New(slog.NewTextHandler(&text, nil))))
			answer, err := p.Invoke(t.Context(), document(source, numbered(4, groups(1))...))
			require.NoError(t, err)
			ids := failures(t, answer)
			assert.Len(t, ids, 1)
			assert.Equal(t, hooked, ids)
			assert.Equal(t, []int{2, 1, 1}, []int{report.Succeeded, report.Dropped, report.Failed})
			assert.Equal(t, troupe.Dropped, report.Records[1].Outcome)
			assert.Equal(t, 1, report.Records[1].Attempts)
			require.ErrorIs(t, report.Records[1].Err, errHandler)
			assert.Contains(t, text.String(), "dropped=1")
			assert.Contains(t, text.String(), report.Records[1].ID)
		})
	}
}

// SPEC S1, S2: a mark in one branch of an error never hides the failure in another branch. A handler that
// returns errors.Join(audit(ctx, m), charge(ctx, m)), where audit drops what it cannot decode, has failed if
// charge has, and Lambda must not delete the message.
func TestADropNeverHidesAFailure(t *testing.T) {
	dropped := batch.Drop(errors.New("audit cannot decode it"))
	for name, c := range map[string]struct {
		err     error
		dropped bool
	}{
		"joined":              {errors.Join(dropped, errHandler), false},
		"joined, other order": {errors.Join(errHandler, dropped), false},
		"two %w":              {fmt.Errorf("%w; %w", dropped, errHandler), false},
		"a wrapped join":      {fmt.Errorf("m: %w", errors.Join(dropped, errHandler)), false},
		"each is dropped":     {errors.Join(dropped, batch.Drop(errHandler)), true},
		"wrapped":             {fmt.Errorf("m: %w", dropped), true},
	} {
		for _, source := range sources {
			t.Run(name+"/"+source, func(t *testing.T) {
				var report reported
				p := process(source, func(context.Context, string) error { return c.err }, troupe.WithErrorWhen(troupe.ErrorWhenNever),
					troupe.WithObserver(report.observe), troupe.WithLogger(nil))
				answer, err := p.Invoke(t.Context(), document(source, numbered(1, groups(1))...))
				require.NoError(t, err)
				want := troupe.Failed
				if c.dropped {
					want = troupe.Dropped
				}
				assert.Equal(t, want, report.Records[0].Outcome)
				assert.Len(t, failures(t, answer), report.Failed, "what has failed is reported")
				assert.Equal(t, !c.dropped, report.Failed == 1)
			})
		}
	}
}

// SPEC P6: so it is with Permanent. Of two calls that failed one is worth another attempt.
func TestOnePermanentErrorOfSeveralIsNotTheLastWord(t *testing.T) {
	attempts := 0
	p := process(standard, func(context.Context, string) error {
		if attempts++; attempts == 2 {
			return nil
		}
		return errors.Join(troupe.Permanent(errHandler), errHandler)
	}, troupe.WithRetry(troupe.Retry{Times: 1, Backoff: func(int) time.Duration { return 0 }}))
	_, err := p.Invoke(t.Context(), document(standard, numbered(1, groups(1))...))
	require.NoError(t, err)
	assert.Equal(t, 2, attempts)
}

// SPEC S7: whether an event was refused or a batch failed is a matter of the outermost type. What a handler's
// error contains is the handler's.
func TestTheOutermostTypeTellsARefusedEventFromAFailedBatch(t *testing.T) {
	p := process(standard, func(context.Context, string) error { return fmt.Errorf("inner: %w", troupe.ErrEvent) }, troupe.WithLogger(nil))
	_, err := p.Invoke(t.Context(), document(standard, numbered(2, groups(1))...))
	batch, ok := err.(*troupe.BatchError)
	require.True(t, ok, "%T", err)
	require.ErrorIs(t, err, troupe.ErrEvent, "in reach, but not what it is")
	assert.Equal(t, 2, batch.Total)
	require.Len(t, batch.Failed, 2)
	assert.Equal(t, 1, batch.Failed[1].Index)
	assert.NotEmpty(t, batch.Failed[1].ID)
	require.ErrorIs(t, batch.Failed[1].Err, troupe.ErrEvent)
	assert.Equal(t, []error{batch.Failed[0], batch.Failed[1]}, batch.Unwrap())
	_, err = p.Invoke(t.Context(), []byte("{}"))
	assert.IsType(t, (*troupe.EventError)(nil), err)
}

// SPEC S7: a batch in which everything was dropped has not failed.
func TestABatchOfDroppedRecordsHasNotFailed(t *testing.T) {
	p := process(standard, func(context.Context, string) error { return batch.Drop(errHandler) }, troupe.WithErrorWhen(troupe.ErrorWhenAny))
	answer, err := p.Invoke(t.Context(), document(standard, numbered(2, groups(1))...))
	require.NoError(t, err)
	assert.Empty(t, failures(t, answer))
	assert.NoError(t, batch.Drop(nil))
	assert.False(t, batch.IsDrop(errHandler))
}

// words is an event of a source of one's own.
type words struct{}

func (words) Kind() batch.Source { return "words" }

func (words) Limits() (none reading.Limits) { return none }

func (words) Decode(payload []byte) (*reading.Batch[string], error) {
	var event []string
	for _, word := range bytes.Fields(payload) {
		event = append(event, string(word))
	}
	return words{}.Read(event)
}

func (words) Read(event []string) (*reading.Batch[string], error) {
	if len(event) == 0 {
		return nil, batch.Because(batch.ErrEvent, errors.New("no words"))
	}
	return &reading.Batch[string]{IDs: event, Open: func(i int) (string, error) { return event[i], nil }}, nil
}

// SPEC 2: a source that is none of troupe's own gets all there is from NewProcessor.
func TestNewProcessorServesASourceOfOnesOwn(t *testing.T) {
	answer := response.Answer[[]string]{
		Typed: func(_ *batch.Report, ids []string) []string { return ids },
		JSON:  func(_ *batch.Report, ids []string) []byte { return fmt.Append(nil, ids) },
	}
	p, err := troupe.NewProcessor(words{}, answer, func(_ context.Context, word string) error {
		if word == "bad" {
			return errHandler
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	out, err := p.Invoke(t.Context(), []byte("good bad fine"))
	require.NoError(t, err)
	assert.Equal(t, "[bad]", string(out))
	ids, err := p.Process(t.Context(), []string{"bad", "worse"})
	require.NoError(t, err)
	assert.Equal(t, []string{"bad"}, ids)
	_, err = p.Invoke(t.Context(), nil)
	require.ErrorIs(t, err, troupe.ErrEvent)

	none := func(context.Context, string) error { return nil }
	_, err = troupe.NewProcessor(words{}, answer, none, troupe.WithLowestOnly())
	assert.ErrorContains(t, err, "WithLowestOnly")
	_, err = troupe.NewProcessor(words{}, answer, none, troupe.WithGroup(func(events.SQSMessage) string { return "" }))
	assert.ErrorContains(t, err, "for words it must be a func(string) string")
	_, err = troupe.NewProcessor(words{}, answer, func(context.Context, int) error { return nil })
	assert.ErrorContains(t, err, "the words handler is a func(context.Context, int) error; it must take a string or a sources.Lazy[string]")
}
