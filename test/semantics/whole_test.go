package semantics_test

import (
	"context"
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
	} {
		t.Run(name, func(t *testing.T) {
			assert.EqualError(t, construct(c.limits, c.option), "troupe: "+name+" is not allowed: why")
			assert.NoError(t, construct(reading.Limits{}, c.option))
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
}
