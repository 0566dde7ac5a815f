package semantics_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/response"
	reading "github.com/troupe-go/troupe/sources"
)

// phrase is a source of words whose handler gets all of a batch at once, and which cannot bear every option.
type phrase struct {
	words
	accept func(reading.Choices) error
	policy *messages.Directive // what Whole was told
}

func (p phrase) Accept(c reading.Choices) error { return p.accept(c) }

func (p phrase) Decode(payload []byte, g reading.Grouping[string]) (*reading.Batch[string], error) {
	return p.Read(strings.Fields(string(payload)), g)
}

// Read makes a batch of one entry. The words that are bad fail with what that entry failed with.
func (p phrase) Read(event []string, _ reading.Grouping[string]) (*reading.Batch[string], error) {
	return &reading.Batch[string]{
		Results: make([]messages.Result, 1), Barrier: 1,
		Record: func(int) (string, error) { return strings.Join(event, " "), nil },
		Whole: func(policy messages.Directive) func(*messages.Report) {
			*p.policy = policy
			return func(report *messages.Report) {
				one := report.Records[0]
				report.Records, report.Failed, report.Succeeded = nil, 0, 0
				for _, word := range event {
					r := messages.Result{ID: word, Attempts: 1, Outcome: messages.Succeeded}
					if word == "bad" {
						r.Outcome, r.Err = messages.Failed, one.Err
						report.Failed++
					} else {
						report.Succeeded++
					}
					report.Records = append(report.Records, r)
				}
			}
		},
	}, nil
}

// A batch that is handled as a whole is reported by its records: the response, the report and the hooks are
// about them, and about nothing else (SPEC 2).
func TestABatchThatIsHandledAsAWholeIsReportedByItsRecords(t *testing.T) {
	var (
		policy  messages.Directive
		handled []string
		hooked  []troupe.Record
		report  *troupe.Report
	)
	answer := response.Answer[[]string]{Typed: func(ids []string) []string { return ids }}
	take := func(_ context.Context, text string) error {
		handled = append(handled, text)
		return errHandler
	}
	src := phrase{policy: &policy, accept: func(reading.Choices) error { return nil }}
	options := []troupe.Option{
		troupe.WithLogger(nil), troupe.StopGroup,
		troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }),
	}
	hook := troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
		assert.ErrorIs(t, err, errHandler)
		hooked = append(hooked, rec)
	})
	for name, more := range map[string][]troupe.Option{"hooked": {hook}, "not hooked": nil} {
		t.Run(name, func(t *testing.T) {
			handled, hooked, report = nil, nil, nil
			ids, err := troupe.New(src, answer, take, append(options, more...)...).Process(t.Context(), []string{"a", "bad", "c"})
			require.NoError(t, err)
			assert.Equal(t, []string{"bad"}, ids)
			assert.Equal(t, []string{"a bad c"}, handled, "one call for all")
			assert.Equal(t, messages.StopGroup, policy)
			assert.Equal(t, []int{2, 1, 3}, []int{report.Succeeded, report.Failed, len(report.Records)})
			if more == nil {
				assert.Empty(t, hooked)
				return
			}
			assert.Equal(t, []troupe.Record{{ID: "bad", Source: "words", Index: 1, Attempt: 1}}, hooked)
		})
	}
}

// A source that cannot bear an option learns of it when the processor is made, and its error is the panic.
func TestASourceIsAskedAboutTheOptions(t *testing.T) {
	var asked reading.Choices
	construct := func(fault error, options ...troupe.Option) {
		troupe.New(phrase{accept: func(c reading.Choices) error { asked = c; return fault }}, response.Answer[[]string]{}, ignore[string], options...)
	}
	unchanged := func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
		return next
	}
	for name, c := range map[string]struct {
		option troupe.Option
		want   reading.Choices
	}{
		"policy":         {troupe.Stop, reading.Choices{Policy: messages.StopBatch}},
		"decider":        {troupe.WithDecider(func(troupe.Record, error) troupe.Policy { return troupe.Stop }), reading.Choices{Decider: true}},
		"without order":  {troupe.WithoutOrder(), reading.Choices{Unordered: true}},
		"group":          {troupe.WithGroup(func(string) string { return "" }), reading.Choices{Group: true}},
		"retry":          {troupe.Retry{Times: 1}, reading.Choices{Retry: true}},
		"record timeout": {troupe.WithRecordTimeout(time.Second), reading.Choices{RecordTimeout: true}},
		"middleware":     {troupe.WithMiddleware(unchanged), reading.Choices{Middleware: true}},
		"another":        {troupe.WithConcurrency(3), reading.Choices{}},
	} {
		t.Run(name, func(t *testing.T) {
			construct(nil, c.option)
			assert.Equal(t, c.want, asked)
		})
	}
	fault := errors.New("troupe: not with words")
	assert.Equal(t, fault, panicked(t, func() { construct(fault) }))
}
