package semantics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/response"
	reading "github.com/troupe-go/troupe/sources"
)

// phrase is a source of words that cannot honor every option.
type phrase struct {
	words
	limits reading.Limits
}

func (p phrase) Limits() reading.Limits { return p.limits }

// sentence handles all words of a batch in one call. The words that are bad fail with what the call failed with.
type sentence struct {
	plan   *reading.Plan[string]
	handle func(text string) error
}

func (s *sentence) Admit(p *reading.Plan[string]) func(context.Context) error {
	s.plan = p
	return func(context.Context) error { return s.handle(strings.Join(p.IDs, " ")) }
}

func (s *sentence) Spread(report *batch.Report) {
	one := report.Records[0]
	report.Records = nil
	for _, word := range s.plan.IDs {
		r := batch.Result{ID: word, Attempts: 1, Outcome: batch.Succeeded}
		if word == "bad" {
			r.Outcome, r.Err = batch.Failed, one.Err
		}
		report.Records = append(report.Records, r)
	}
}

// A batch that is handled as a whole is reported by its records: the response, the report and the hooks are
// about them, and about nothing else (SPEC 2).
func TestABatchThatIsHandledAsAWholeIsReportedByItsRecords(t *testing.T) {
	var (
		made    *sentence
		handled []string
		hooked  []troupe.Record
		report  *troupe.Report
	)
	answer := response.AnswerOf(func(ids []string) []string { return ids }, nil)
	whole := func() reading.Whole[string] {
		made = &sentence{handle: func(text string) error {
			handled = append(handled, text)
			return errHandler
		}}
		return made
	}
	options := []troupe.Option{
		troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithPolicy(troupe.StopGroup),
		troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }),
	}
	hook := troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
		assert.ErrorIs(t, err, errHandler)
		hooked = append(hooked, rec)
	})
	for name, more := range map[string][]troupe.Option{"hooked": {hook}, "not hooked": nil} {
		t.Run(name, func(t *testing.T) {
			handled, hooked, report = nil, nil, nil
			p, err := troupe.NewWhole(words{}, answer, whole, append(options, more...)...)
			require.NoError(t, err)
			ids, err := p.Process(t.Context(), []string{"a", "bad", "c"})
			require.NoError(t, err)
			assert.Equal(t, []string{"bad"}, ids)
			assert.Equal(t, []string{"a bad c"}, handled, "one call for all")
			assert.Equal(t, batch.StopGroup, made.plan.Policy)
			assert.Equal(t, []int{2, 1, 3}, []int{report.Succeeded, report.Failed, len(report.Records)})
			if more == nil {
				assert.Empty(t, hooked)
				return
			}
			assert.Equal(t, []troupe.Record{{ID: "bad", Source: "words", Index: 1, Attempt: 1}}, hooked)
		})
	}
}

// A source that cannot honor an option refuses it when the processor is constructed, by the name that the user
// called, and with the reason; a variable of the environment has no effect.
func TestASourcesLimitsAreKnownAtConstruction(t *testing.T) {
	answer := response.AnswerOf(func(ids []string) []string { return ids }, response.Lowest)
	construct := func(limits reading.Limits, options ...troupe.Option) error {
		_, err := troupe.NewProcessor(phrase{limits: limits}, answer, ignore[string], options...)
		return err
	}
	unchanged := func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
		return next
	}
	for name, c := range map[string]struct {
		limits reading.Limits
		option troupe.Option
	}{
		"WithDecider":       {reading.Limits{NoDecider: "why"}, troupe.WithDecider(func(troupe.Record, error) troupe.Policy { return troupe.StopBatch })},
		"WithoutOrder":      {reading.Limits{NoWithoutOrder: "why"}, troupe.WithoutOrder()},
		"WithGroup":         {reading.Limits{NoGroup: "why"}, troupe.WithGroup(func(string) string { return "" })},
		"pkg.ByKey":         {reading.Limits{NoGroup: "why"}, troupe.Named("pkg.ByKey", troupe.WithGroup(func(string) string { return "" }))},
		"WithRetry":         {reading.Limits{NoRetry: "why"}, troupe.WithRetry(troupe.Retry{Times: 1})},
		"WithRecordTimeout": {reading.Limits{NoRecordTimeout: "why"}, troupe.WithRecordTimeout(time.Second)},
		"WithMiddleware":    {reading.Limits{NoMiddleware: "why"}, troupe.WithMiddleware(unchanged)},
		"WithLastResort":    {reading.Limits{NoLastResort: "why"}, troupe.WithLastResort(func(_ context.Context, _ troupe.Record, err error) error { return err })},
		"pkg.DeadLetter":    {reading.Limits{NoLastResort: "why"}, troupe.Named("pkg.DeadLetter", troupe.WithLastResort(func(_ context.Context, _ troupe.Record, err error) error { return err }))},
		"WithRedelivery":    {reading.Limits{NoRedelivery: "why"}, troupe.WithRedelivery(batch.Redelivery{})},
		"pkg.Backoff":       {reading.Limits{NoRedelivery: "why"}, troupe.Named("pkg.Backoff", troupe.WithRedelivery(batch.Redelivery{}))},
		"WithLowestOnly":    {reading.Limits{NoLowestOnly: "why"}, troupe.WithLowestOnly()},
		"WithIgnore":        {reading.Limits{NoIgnore: "why"}, troupe.WithIgnore(func([]byte) bool { return true })},
	} {
		t.Run(name, func(t *testing.T) {
			assert.EqualError(t, construct(c.limits, c.option), "troupe: "+name+" is not allowed: why")
			assert.NoError(t, construct(reading.Limits{NotAnEvent: reading.WithoutRecords}, c.option))
			assert.NoError(t, construct(c.limits, troupe.WithConcurrency(3)))
		})
	}

	only := reading.Limits{Policy: troupe.StopBatch, Why: "why"}
	assert.EqualError(t, construct(only, troupe.WithPolicy(troupe.Continue)), "troupe: WithPolicy(continue): must be stop-batch, which is the default: why")
	assert.NoError(t, construct(only, troupe.WithPolicy(troupe.StopBatch)))
	assert.NoError(t, construct(only, troupe.WithPolicy(troupe.Derive)))
	t.Setenv(policyVariable, "ContinueOnBatchItemFailure")
	p, err := troupe.NewProcessor(phrase{limits: only}, answer, func(context.Context, string) error { return errHandler },
		troupe.WithConcurrency(1), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	_, report, err := p.ProcessReport(t.Context(), []string{"a", "b"})
	require.NoError(t, err)
	assert.Equal(t, 1, report.NotStarted, "the variable says to continue")

	never := reading.Limits{NoError: "why"}
	assert.EqualError(t, construct(never, troupe.WithErrorWhen(troupe.ErrorWhenAll)), "troupe: WithErrorWhen(ErrorWhenAll): must be ErrorWhenNever, which is the default: why")
	assert.EqualError(t, construct(never, troupe.WithErrorWhen(troupe.ErrorWhenAny)), "troupe: WithErrorWhen(ErrorWhenAny): must be ErrorWhenNever, which is the default: why")
	assert.NoError(t, construct(never, troupe.WithErrorWhen(troupe.ErrorWhenNever)))
	t.Setenv(throwVariable, "true")
	p, err = troupe.NewProcessor(phrase{limits: never}, answer, func(context.Context, string) error { return errHandler }, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	_, err = p.Process(t.Context(), []string{"a", "b"})
	assert.NoError(t, err, "the variable says to return one")
}

// echo is a source whose response repeats something of the event, and has no room for the word "long".
type echo struct{ words }

var errNoRoom = errors.New("no room")

func (e echo) Decode(payload []byte) (*reading.Batch[string], error) {
	return e.reviewed(e.words.Decode(payload))
}
func (e echo) Read(event []string) (*reading.Batch[string], error) {
	return e.reviewed(e.words.Read(event))
}

func (echo) reviewed(b *reading.Batch[string], err error) (*reading.Batch[string], error) {
	if err != nil {
		return nil, err
	}
	b.About = len(b.IDs)
	b.Review = func(report *batch.Report) {
		for i := range report.Records {
			if r := &report.Records[i]; r.ID == "long" && r.Outcome == batch.Succeeded {
				r.Outcome, r.Err = batch.Failed, errNoRoom
			}
		}
	}
	return b, nil
}

// A Reader may fail records whose results do not fit into the response: the report, the hooks and the observers have that,
// and each record reaches the hooks once. The response may repeat what is about the event.
func TestAReaderReviewsTheOutcomes(t *testing.T) {
	answer := response.Answer[[]string]{For: func(about any) response.Answer[[]string] {
		typed := func(_ *batch.Report, ids []string) []string { return append(ids, fmt.Sprint(about)) }
		return response.Answer[[]string]{Typed: typed, JSON: func(r *batch.Report, ids []string) []byte { return fmt.Append(nil, typed(r, ids)) }}
	}}
	var hooked []string
	var counted []int
	p, err := troupe.NewProcessor(echo{}, answer, func(_ context.Context, word string) error {
		if word == "bad" {
			return errHandler
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever),
		troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
			hooked = append(hooked, fmt.Sprint(rec.ID, rec.Index, rec.Attempt, err))
		}),
		troupe.WithObserver(func(_ context.Context, r *troupe.Report) { counted = []int{r.Succeeded, r.Failed, r.NotStarted} }))
	require.NoError(t, err)
	out, err := p.Invoke(t.Context(), []byte("good bad long fine"))
	require.NoError(t, err)
	assert.Equal(t, "[bad long 4]", string(out))
	assert.Equal(t, []string{"bad1 1 " + errHandler.Error(), "long2 1 no room"}, hooked)
	assert.Equal(t, []int{2, 2, 0}, counted)

	ids, report, err := p.ProcessReport(t.Context(), []string{"long"})
	require.NoError(t, err)
	assert.Equal(t, []string{"long", "1"}, ids)
	assert.Equal(t, []int{0, 1}, []int{report.Succeeded, report.Failed})
}
