package troupe

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// What packages that bring a source, and observers, may get wrong: none of it loses a record (S2).

var noLog = WithLogger(slog.New(slog.DiscardHandler))

// secondFails fails record 1 of each batch of a careless Reader.
func secondFails(_ context.Context, i int) error {
	if i == 1 {
		return errors.New("no")
	}
	return nil
}

func ofThree() *careless {
	return &careless{&sources.Batch[int]{IDs: []string{"1", "2", "3"}, Open: func(i int) (int, error) { return i, nil }}}
}

func failedOnly() response.Answer[[]string] {
	return response.AnswerOf(func(ids []string) []string { return ids }, nil)
}

// Observers receive the report when the response has been made. One that changes it changes nothing for Lambda, nor for
// the caller of ProcessReport.
func TestAnObserverThatChangesTheReportChangesNothingElse(t *testing.T) {
	succeeded := WithObserver(func(_ context.Context, r *Report) {
		done := r.Records[:0]
		for _, x := range r.Records {
			if x.Outcome == Succeeded {
				done = append(done, x)
			}
		}
		clear(r.Records[len(done):])
		r.Records, r.Failed = done, 0
	})
	handle := func(_ context.Context, m events.SQSMessage) error {
		if m.MessageId == "2" {
			return errors.New("no")
		}
		return nil
	}
	event := events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1"}, {MessageId: "2"}, {MessageId: "3"}}}
	payload, err := json.Marshal(event)
	require.NoError(t, err)

	answer, err := SQS(handle, noLog, succeeded).Invoke(t.Context(), payload)
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":"2"}]}`, string(answer))

	got, report, err := SQS(handle, noLog, succeeded, WithErrorWhen(ErrorWhenAny)).ProcessReport(t.Context(), event)
	require.Error(t, err)
	assert.Equal(t, response.SQS([]string{"2"}), got)
	assert.Equal(t, 1, report.Failed)
	require.Len(t, report.Records, 3)
	assert.Equal(t, Failed, report.Records[1].Outcome)
	var failed *BatchError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "2", failed.Failed[0].ID)
}

// then is a Then of two functions.
type then struct {
	admit  func(*Report) func(context.Context) error
	spread func(*Report, Result)
}

func (x then) Admit(_ *sources.Plan[int], r *Report) func(context.Context) error { return x.admit(r) }
func (x then) Spread(r *Report, one Result)                                      { x.spread(r, one) }

func TestACarelessThenLosesNothing(t *testing.T) {
	lost := errors.New("the write failed")
	write := func(*Report) func(context.Context) error { return func(context.Context) error { return lost } }
	written := func(*Report) func(context.Context) error { return func(context.Context) error { return nil } }
	for name, c := range map[string]struct {
		then then
		want []string
	}{
		"Spread does nothing":         {then{write, func(*Report, Result) {}}, []string{"1", "2", "3"}},
		"Spread leaves out all":       {then{write, func(r *Report, _ Result) { r.Records = nil }}, []string{"1", "2", "3"}},
		"Spread leaves out one":       {then{written, func(r *Report, _ Result) { r.Records = r.Records[1:] }}, []string{"1", "2", "3"}},
		"Spread changes a name":       {then{written, func(r *Report, _ Result) { r.Records[2].ID = "4" }}, []string{"2", "3"}},
		"Spread takes a failure back": {then{written, func(r *Report, _ Result) { r.Records[1].Outcome = Succeeded }}, []string{"2"}},
		"Admit leaves out a failure": {then{func(r *Report) func(context.Context) error {
			r.Records = slices.DeleteFunc(r.Records, func(x Result) bool { return x.Outcome == Failed })
			return nil
		}, nil}, []string{"1", "2", "3"}},
		"as it should be": {then{write, func(r *Report, one Result) { r.Records[0].Outcome, r.Records[0].Err = Failed, one.Err }}, []string{"1", "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := NewThen(ofThree(), failedOnly(), secondFails, func() sources.Then[int] { return c.then }, noLog, WithErrorWhen(ErrorWhenNever))
			require.NoError(t, err)
			ids, report, err := p.ProcessReport(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, c.want, ids)
			require.Len(t, report.Records, 3)
			for _, r := range report.Records {
				assert.Equal(t, r.Outcome == Failed, r.Err != nil, "%+v", r)
			}
		})
	}
}

// whole is a Whole of two functions.
type whole struct {
	handle func(context.Context) error
	spread func(*Report)
}

func (x whole) Admit(*sources.Plan[int]) func(context.Context) error { return x.handle }
func (x whole) Spread(r *Report)                                     { x.spread(r) }

func TestACarelessWholeLosesNothing(t *testing.T) {
	all := []string{"1", "2", "3"}
	succeeded := func(ids ...string) func(r *Report) {
		return func(r *Report) {
			r.Records = nil
			for _, id := range ids {
				r.Records = append(r.Records, Result{ID: id, Outcome: Succeeded})
			}
		}
	}
	for name, c := range map[string]struct {
		err    error
		spread func(*Report)
		want   []string
	}{
		"nothing in the report":     {nil, succeeded(), all},
		"one record is missing":     {nil, succeeded("1", "3"), all},
		"one record too many":       {nil, succeeded("1", "2", "3", "4"), all},
		"one has another's name":    {nil, succeeded("1", "3", "3"), []string{"2"}},
		"failed, and nothing is":    {errors.New("no"), succeeded("1", "2", "3"), all},
		"Spread does nothing":       {nil, func(*Report) {}, all},
		"all succeeded, and it did": {nil, succeeded("1", "2", "3"), []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			made := func() sources.Whole[int] {
				return whole{func(context.Context) error { return c.err }, c.spread}
			}
			p, err := NewWhole(ofThree(), failedOnly(), made, noLog, WithErrorWhen(ErrorWhenNever))
			require.NoError(t, err)
			ids, report, err := p.ProcessReport(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, c.want, ids)
			assert.Len(t, report.Records, 3)
		})
	}
}

// An event in which a Reader finds no list of records is refused, as Lambda's own events without Records are (S6). An
// empty list is a success.
func TestAReaderThatFindsNoRecordsRefusesTheEvent(t *testing.T) {
	for name, b := range map[string]*sources.Batch[int]{"no Batch": nil, "no IDs": {Open: func(int) (int, error) { return 0, nil }}} {
		t.Run(name, func(t *testing.T) {
			p, err := NewProcessor(&careless{b}, failedOnly(), secondFails)
			require.NoError(t, err)
			_, err = p.Invoke(t.Context(), []byte(`{}`))
			assert.IsType(t, &EventError{}, err)
			assert.ErrorContains(t, err, "no list of records")
		})
	}
	p, err := NewProcessor(&careless{&sources.Batch[int]{IDs: []string{}}}, failedOnly(), secondFails)
	require.NoError(t, err)
	_, err = p.Invoke(t.Context(), []byte(`{}`))
	assert.NoError(t, err)
}

// refusing is a Reader that refuses every event with an error of its own.
type refusing struct {
	*careless
	limits sources.Limits
}

var errNotMine = errors.New("not mine")

func (refusing) Decode([]byte) (*sources.Batch[int], error) { return nil, errNotMine }
func (r refusing) Limits() sources.Limits                   { return r.limits }

// WithIgnore is asked about payloads of which the Reader says that they are no events, and needs a Reader that does. Its
// response is that of the source. A Reader's own error refuses the event like any other.
func TestWithIgnoreNeedsAReaderThatKnowsItsEvents(t *testing.T) {
	always := WithIgnore(func([]byte) bool { return true })
	_, err := NewProcessor(ofThree(), failedOnly(), secondFails, always)
	assert.EqualError(t, err, "troupe: WithIgnore is not allowed: this source does not say which payloads are no events of its own")

	warm := func(payload []byte) bool { return string(payload) == "warm" }
	answer := response.Answer[[]string]{
		Typed: func(_ *Report, ids []string) []string { return ids },
		JSON: func(r *Report, ids []string) []byte {
			text, _ := json.Marshal(map[string]any{"failed": ids})
			return text
		},
	}
	p, err := NewProcessor(refusing{limits: sources.Limits{NotAnEvent: warm}}, answer, secondFails, always, noLog)
	require.NoError(t, err)
	ignored, err := p.Invoke(t.Context(), []byte("warm"))
	require.NoError(t, err)
	assert.Equal(t, `{"failed":[]}`, string(ignored))
	_, err = p.Invoke(t.Context(), []byte("an event with a record that cannot be read"))
	assert.IsType(t, &EventError{}, err)
	assert.ErrorIs(t, err, errNotMine)
}

// A Reader that wraps another one has its Limits.
func TestAWrapperKeepsTheLimits(t *testing.T) {
	type wrapper struct{ sources.Reader[[]int, int] }
	never := refusing{limits: sources.Limits{NoRetry: "it is no use"}}
	_, err := NewProcessor(wrapper{never}, failedOnly(), secondFails, WithRetry(Retry{Times: 1}))
	assert.EqualError(t, err, "troupe: WithRetry is not allowed: it is no use")
}

// What a processor cannot work with is an error of the constructor.
func TestAnIncompleteSourceIsRefused(t *testing.T) {
	answer := failedOnly()
	for name, make := range map[string]func() error{
		"troupe: the Reader is nil": func() error {
			_, err := NewProcessor(sources.Reader[[]int, int](nil), answer, secondFails)
			return err
		},
		"troupe: the Answer of careless lacks Typed or JSON; both must be functions, unless it has For": func() error {
			_, err := NewProcessor(ofThree(), response.Answer[[]string]{Typed: answer.Typed}, secondFails)
			return err
		},
		"troupe: NewThen: then is nil; must be a function": func() error {
			_, err := NewThen(ofThree(), answer, secondFails, nil)
			return err
		},
		"troupe: NewWhole: whole is nil; must be a function": func() error {
			_, err := NewWhole(ofThree(), answer, nil)
			return err
		},
	} {
		assert.EqualError(t, make(), name)
	}
	_, err := NewWhole(ofThree(), response.Answer[[]string]{}, func() sources.Whole[int] { return nil })
	assert.ErrorContains(t, err, "lacks Typed or JSON")
}

// An Answer that says nothing, or names no failed record as the lowest, does not make a success of a failure.
func TestACarelessAnswerLosesNothing(t *testing.T) {
	empty := response.Answer[[]string]{Typed: func(*Report, []string) []string { return nil }, JSON: func(*Report, []string) []byte { return nil }}
	p, err := NewProcessor(ofThree(), empty, secondFails, noLog)
	require.NoError(t, err)
	_, err = p.Invoke(t.Context(), nil)
	assert.EqualError(t, err, "troupe: the Answer of careless has written an empty response; this is a fault of its JSON function")

	for name, lowest := range map[string]func([]string) []string{
		"none":    func([]string) []string { return nil },
		"another": func([]string) []string { return []string{"7"} },
		"panics":  func(ids []string) []string { return ids[:1] },
	} {
		p, err := NewProcessor(ofThree(), response.AnswerOf(func(ids []string) []string { return ids }, lowest), secondFails, noLog, WithLowestOnly())
		require.NoError(t, err)
		ids, err := p.Process(t.Context(), nil)
		require.NoError(t, err, name)
		assert.Equal(t, []string{"2"}, ids, name)
	}
	p, err = NewProcessor(ofThree(), response.AnswerOf(func(ids []string) []string { return ids }, func(ids []string) []string { return ids[:1] }),
		func(context.Context, int) error { return nil }, noLog, WithLowestOnly())
	require.NoError(t, err)
	ids, err := p.Process(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, ids, "Lowest is not asked about nothing")
}

// The payload of a record whose source has none is asked for in vain, and that is no fault of the record: an option to
// drop what cannot be decoded does not drop it.
func TestARecordWithoutPayloadIsNotUndecodable(t *testing.T) {
	var err error
	p, wrong := NewProcessor(ofThree(), failedOnly(), func(_ context.Context, l Lazy[int]) error { _, err = l.Payload(); return err }, noLog, WithConcurrency(1), WithErrorWhen(ErrorWhenNever))
	require.NoError(t, wrong)
	ids, wrong := p.Process(t.Context(), nil)
	require.NoError(t, wrong)
	assert.Len(t, ids, 3)
	var undecodable *batch.DecodeError
	assert.False(t, errors.As(err, &undecodable))
	assert.ErrorContains(t, err, "no separate payload")
}

// Errors about an option call it what the user called it: a package that gives it a name of its own stands by that.
func TestOptionsKeepTheirNamesInErrors(t *testing.T) {
	none := sources.Limits{
		NoDecider: "no", NoWithoutOrder: "no", NoGroup: "no", NoRetry: "no", NoRecordTimeout: "no", NoMiddleware: "no", NoLastResort: "no", NoIgnore: "no",
		Policy: StopBatch, Why: "no",
	}
	for option, text := range map[*Option]string{
		of(WithDecider(func(Record, error) Policy { return Derive })): "my.Option is not allowed: no",
		of(WithoutOrder()): "my.Option is not allowed: no",
		of(WithGroup(func(int) string { return "" })): "my.Option is not allowed: no",
		of(WithRetry(Retry{Times: 1})):                "my.Option is not allowed: no",
		of(WithRecordTimeout(1)):                      "my.Option is not allowed: no",
		of(WithMiddleware(func(next func(context.Context, Record) error) func(context.Context, Record) error { return next })): "my.Option is not allowed: no",
		of(WithLastResort(func(_ context.Context, _ Record, err error) error { return err })):                                  "my.Option is not allowed: no",
		of(WithIgnore(func([]byte) bool { return true })):                                                                      "my.Option is not allowed: no",
		of(WithPolicy(Continue)): "my.Option(continue): must be stop-batch, which is the default: no",
		of(WithLowestOnly()):     "my.Option is for streams, where Lambda restarts at the lowest failed record; on careless the failed records left out would be lost",
		of(nil):                  "my.Option: option 1 is nil; must be an Option",
	} {
		_, err := NewProcessor(refusing{careless: ofThree(), limits: none}, failedOnly(), secondFails, Named("my.Option", *option))
		assert.EqualError(t, err, "troupe: "+text)
	}
}

func of(o Option) *Option { return &o }
