package window_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/window"
)

var errFold = errors.New("no")

// counts is a state that folds change in place.
type counts map[string]int

// document writes an event of a window. The records are numbered from 1, and their data are given.
func document(state string, final bool, data ...string) []byte {
	records := make([]string, len(data))
	for i, d := range data {
		records[i] = fmt.Sprintf(`{"kinesis":{"partitionKey":"key","sequenceNumber":"%d","data":%q},"eventSource":"aws:kinesis"}`,
			i+1, base64.StdEncoding.EncodeToString([]byte(d)))
	}
	if state != "" {
		state = `"state":` + state + `,`
	}
	return fmt.Appendf(nil, `{"Records":[%s],"window":{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:02:00Z"},%s`+
		`"shardId":"shardId-000000000006","eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/orders",`+
		`"isFinalInvokeForWindow":%t,"isWindowTerminatedEarly":false}`, strings.Join(records, ","), state, final)
}

// tally counts data in place, and then does what the data says.
func tally(ctx context.Context, state counts, rec events.KinesisEventRecord) (counts, error) {
	data := string(rec.Kinesis.Data)
	state[data]++
	switch {
	case strings.HasPrefix(data, "fail"):
		return state, errFold
	case strings.HasPrefix(data, "panic"):
		panic("fold")
	case strings.HasPrefix(data, "exit"):
		runtime.Goexit()
	case strings.HasPrefix(data, "wait"):
		<-ctx.Done()
		return state, ctx.Err()
	case strings.HasPrefix(data, "nil"):
		return nil, nil
	case strings.HasPrefix(data, "late"):
		time.Sleep(3 * time.Second)
	case strings.HasPrefix(data, "hang"):
		time.Sleep(time.Hour)
	case strings.HasPrefix(data, "once"):
		if rec, _ := troupe.RecordFrom(ctx); rec.Attempt == 1 {
			return state, errFold
		}
	}
	if ctx.Err() == context.Canceled {
		return state, ctx.Err()
	}
	return state, nil
}

// SPEC 9: the state out covers exactly the records before the lowest reported one, whatever a failed fold did
// to the state in place.
func TestTheStateCoversTheRecordsBeforeTheFirstFailure(t *testing.T) {
	quick := troupe.Retry{Times: 1, Backoff: func(int) time.Duration { return 0 }}
	for name, c := range map[string]struct {
		state   string
		data    []string
		options []troupe.Option
		want    string
	}{
		"all folded":                      {`{"a":2}`, []string{"a", "b"}, nil, `{"state":{"a":3,"b":1},"batchItemFailures":[]}`},
		"no state yet":                    {``, []string{"a"}, nil, `{"state":{"a":1},"batchItemFailures":[]}`},
		"a state of null":                 {`null`, []string{"a"}, nil, `{"state":{"a":1},"batchItemFailures":[]}`},
		"an empty state":                  {` { } `, []string{"a"}, nil, `{"state":{"a":1},"batchItemFailures":[]}`},
		"no records":                      {`{"a":2}`, nil, nil, `{"state":{"a":2},"batchItemFailures":[]}`},
		"no records and no state":         {``, nil, nil, `{"state":{},"batchItemFailures":[]}`},
		"an error":                        {`{"a":2}`, []string{"a", "fail", "a"}, nil, `{"state":{"a":3},"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`},
		"a panic":                         {``, []string{"a", "b", "panic"}, nil, `{"state":{"a":1,"b":1},"batchItemFailures":[{"itemIdentifier":"3"}]}`},
		"Goexit":                          {``, []string{"a", "exit"}, nil, `{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"2"}]}`},
		"an error after the cutoff":       {``, []string{"a", "wait", "a"}, nil, `{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`},
		"a fold that hangs":               {``, []string{"a", "hang", "a"}, nil, `{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`},
		"a record timeout":                {``, []string{"a", "hang", "a"}, []troupe.Option{troupe.WithRecordTimeout(time.Second)}, `{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`},
		"the lowest only":                 {``, []string{"a", "fail", "a"}, []troupe.Option{troupe.WithLowestOnly()}, `{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"2"}]}`},
		"a retry that helps":              {``, []string{"a", "once", "a"}, []troupe.Option{troupe.WithRetry(quick)}, `{"state":{"a":2,"once":1},"batchItemFailures":[]}`},
		"a retry that does not":           {``, []string{"a", "fail", "a"}, []troupe.Option{troupe.WithRetry(quick)}, `{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`},
		"all failed, and no error":        {`{"a":2}`, []string{"fail", "a"}, []troupe.Option{troupe.WithErrorWhen(troupe.ErrorWhenNever)}, `{"state":{"a":2},"batchItemFailures":[{"itemIdentifier":"1"},{"itemIdentifier":"2"}]}`},
		"a policy that is derived":        {``, []string{"a", "fail", "a"}, []troupe.Option{troupe.WithPolicy(troupe.Derive)}, `{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`},
		"a middleware that hides a panic": {``, []string{"a", "panic", "a"}, []troupe.Option{troupe.WithMiddleware(hide)}, `{"state":{"a":2},"batchItemFailures":[]}`},
		"a fold that is turned down":      {``, []string{"a", "b", "a"}, []troupe.Option{troupe.WithMiddleware(turnDown)}, `{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`},
		"turned down, retried, hidden":    {``, []string{"a", "b", "a"}, []troupe.Option{troupe.WithMiddleware(turnDown), troupe.WithRetry(quick)}, `{"state":{"a":2},"batchItemFailures":[]}`},
		"a fold that clears the state":    {`{"a":2}`, []string{"a", "nil"}, nil, `{"state":{},"batchItemFailures":[]}`},
		"a fold that ends too late":       {``, []string{"a", "late", "a"}, []troupe.Option{troupe.WithRecordTimeout(time.Second), troupe.WithObserver(pause)}, `{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`},
		"a middleware that calls twice":   {``, []string{"a", "b"}, []troupe.Option{troupe.WithMiddleware(twice)}, `{"state":{"a":1,"b":1},"batchItemFailures":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				p := window.Kinesis(tally, nil, append(c.options, troupe.WithLogger(slog.New(slog.DiscardHandler)))...)
				answer, err := p.Invoke(ctx, document(c.state, false, c.data...))
				require.NoError(t, err)
				assert.JSONEq(t, c.want, string(answer))

				var event window.Event[events.KinesisEventRecord]
				require.NoError(t, json.Unmarshal(document(c.state, false, c.data...), &event))
				ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				typed, err := p.Process(ctx, event)
				require.NoError(t, err)
				written, err := json.Marshal(typed)
				require.NoError(t, err)
				assert.JSONEq(t, c.want, string(written), "Process answers as Invoke does")
				time.Sleep(2 * time.Hour) // for what hangs
			})
		})
	}
}

func hide(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
	return func(ctx context.Context, rec troupe.Record) (err error) {
		defer func() { _ = recover() }()
		return next(ctx, rec)
	}
}

// turnDown lets the second record's fold succeed and fails it all the same; at another attempt it passes the
// record without a fold that has succeeded.
func turnDown(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
	return func(ctx context.Context, rec troupe.Record) error {
		switch {
		case rec.Index != 1:
			return next(ctx, rec)
		case rec.Attempt == 1:
			_ = next(ctx, rec)
			return errFold
		default:
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			_ = next(ctx, rec)
			return nil
		}
	}
}

// pause has the invocation wait while an abandoned fold returns.
func pause(context.Context, *troupe.Report) { time.Sleep(5 * time.Second) }

func twice(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
	return func(ctx context.Context, rec troupe.Record) error {
		_ = next(ctx, rec)
		return next(ctx, rec)
	}
}

// A middleware that gives up on a fold and lets the record pass: what the fold returns later is not taken for
// the state of the records behind it.
func TestAFoldThatNobodyWaitedForChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		impatient := func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
			return func(ctx context.Context, rec troupe.Record) error {
				go func() { _ = next(ctx, rec) }()
				time.Sleep(time.Second)
				return nil
			}
		}
		slow := func(ctx context.Context, n int, rec events.KinesisEventRecord) (int, error) {
			if string(rec.Kinesis.Data) == "slow" {
				time.Sleep(1500 * time.Millisecond)
				return n + 100, nil
			}
			return n + 1, nil
		}
		answer, err := window.Kinesis(slow, nil, troupe.WithMiddleware(impatient)).Invoke(t.Context(), document("", false, "a", "slow", "a", "a"))
		require.NoError(t, err)
		assert.JSONEq(t, `{"state":3,"batchItemFailures":[]}`, string(answer))
	})
}

// A state that holds nothing but numbers is copied, and the same holds for it.
func TestAPlainStateIsCopied(t *testing.T) {
	type total struct{ Records, Bytes int64 }
	add := func(ctx context.Context, s total, rec events.KinesisEventRecord) (total, error) {
		s.Records++
		s.Bytes += int64(len(rec.Kinesis.Data))
		if rec, _ := troupe.RecordFrom(ctx); rec.Index == 1 && rec.Attempt < 3 {
			return s, errFold
		}
		return s, nil
	}
	again := troupe.Retry{Times: 2, Backoff: func(int) time.Duration { return 0 }}
	for _, c := range []struct {
		options []troupe.Option
		want    string
	}{
		{nil, `{"state":{"Records":3,"Bytes":12},"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`},
		{[]troupe.Option{troupe.WithRetry(again)}, `{"state":{"Records":5,"Bytes":18},"batchItemFailures":[]}`},
	} {
		answer, err := window.Kinesis(add, nil, append(c.options, troupe.WithLogger(slog.New(slog.DiscardHandler)))...).Invoke(t.Context(), document(`{"Records":2,"Bytes":10}`, false, "ab", "abc", "abc"))
		require.NoError(t, err)
		assert.JSONEq(t, c.want, string(answer))
	}
}

// SPEC S7: when every record of a batch has failed the invocation is an error, so that Lambda starts again
// with the state it had. Process returns the response beside it.
func TestABatchThatFailsAltogetherIsAnError(t *testing.T) {
	p := window.Kinesis(tally, nil, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	answer, err := p.Invoke(t.Context(), document(`{"a":1}`, false, "fail", "a"))
	require.ErrorIs(t, err, errFold)
	assert.Nil(t, answer)

	var event window.Event[events.KinesisEventRecord]
	require.NoError(t, json.Unmarshal(document(`{"a":1}`, false, "fail", "a"), &event))
	typed, err := p.Process(t.Context(), event)
	require.ErrorIs(t, err, errFold)
	assert.Equal(t, window.Response{State: json.RawMessage(`{"a":1}`), BatchItemFailures: []window.Failure{{"1"}, {"2"}}}, typed)
}

// AWS, "Implementing stateful Kinesis Data Streams processing in Lambda": the flag for the end of a window,
// after which the state is gone.
func TestTheEndOfAWindow(t *testing.T) {
	for name, c := range map[string]struct {
		data  []string
		final func(context.Context, counts) error
		want  string
		err   error // what the invocation's error matches
		given string
	}{
		"without records":       {nil, nil, `{"state":{},"batchItemFailures":[]}`, nil, `{"a":2}`},
		"with records":          {[]string{"a"}, nil, `{"state":{},"batchItemFailures":[]}`, nil, `{"a":3}`},
		"with a failed record":  {[]string{"a", "fail"}, nil, `{"state":{"a":3},"batchItemFailures":[{"itemIdentifier":"2"}]}`, nil, ""},
		"with nothing but one":  {[]string{"fail"}, nil, "", errFold, ""},
		"final fails":           {[]string{"a"}, func(context.Context, counts) error { return errFold }, "", errFold, `{"a":3}`},
		"final panics":          {nil, func(context.Context, counts) error { panic("end") }, "", troupe.ErrPanic, `{"a":2}`},
		"final calls Goexit":    {nil, func(context.Context, counts) error { runtime.Goexit(); return nil }, "", troupe.ErrGoexit, `{"a":2}`},
		"final hangs":           {nil, func(context.Context, counts) error { time.Sleep(time.Hour); return nil }, "", troupe.ErrAbandoned, `{"a":2}`},
		"final waits for ever":  {nil, func(ctx context.Context, _ counts) error { <-ctx.Done(); return ctx.Err() }, "", troupe.ErrDeadline, `{"a":2}`},
		"final changes a state": {nil, func(_ context.Context, s counts) error { clear(s); return nil }, `{"state":{},"batchItemFailures":[]}`, nil, `{"a":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				given := make(chan string, 10)
				final := func(ctx context.Context, state counts) error {
					text, err := json.Marshal(state)
					require.NoError(t, err)
					given <- string(text)
					properties, ok := window.From(ctx)
					assert.True(t, ok && properties.IsFinalInvokeForWindow)
					if c.final != nil {
						return c.final(ctx, state)
					}
					return nil
				}
				answer, err := window.Kinesis(tally, final, troupe.WithLogger(slog.New(slog.DiscardHandler))).Invoke(ctx, document(`{"a":2}`, true, c.data...))
				require.NoError(t, ctx.Err(), "the answer is in time")
				require.ErrorIs(t, err, c.err)
				if c.err == nil {
					assert.JSONEq(t, c.want, string(answer))
				}
				if assert.Len(t, given, min(len(c.given), 1)) && c.given != "" {
					assert.Equal(t, c.given, <-given)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
	t.Run("without a function", func(t *testing.T) {
		answer, err := window.Kinesis(tally, nil).Invoke(t.Context(), document(`{"a":2}`, true))
		require.NoError(t, err)
		assert.JSONEq(t, `{"state":{},"batchItemFailures":[]}`, string(answer))
	})
	t.Run("of a state that is too large", func(t *testing.T) {
		size := 0
		final := func(_ context.Context, state counts) error { size = len(state); return nil }
		large := counts{}
		for i := range 100_000 {
			large[fmt.Sprint("a key of some length ", i)] = i
		}
		text, err := json.Marshal(large)
		require.NoError(t, err)
		require.Greater(t, len(text), window.MaxState)
		_, err = window.Kinesis(tally, final).Invoke(t.Context(), document(string(text), true))
		require.NoError(t, err)
		assert.Equal(t, 100_000, size, "Lambda has ended the window because of it")
	})
}

// All that the event says of its window is in reach of folds, middleware and observers.
func TestTheWindowIsInReach(t *testing.T) {
	want := window.Properties{
		Window:                  window.Bounds{Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 1, 1, 0, 2, 0, 0, time.UTC)},
		State:                   json.RawMessage(`{"a":2}`),
		ShardID:                 "shardId-000000000006",
		EventSourceARN:          "arn:aws:kinesis:eu-west-1:123456789012:stream/orders",
		IsFinalInvokeForWindow:  true,
		IsWindowTerminatedEarly: true,
	}
	seen := 0
	look := func(ctx context.Context) {
		properties, ok := window.From(ctx)
		assert.True(t, ok)
		assert.Equal(t, want, properties)
		seen++
	}
	p := window.Kinesis(func(ctx context.Context, s counts, _ events.KinesisEventRecord) (counts, error) {
		look(ctx)
		rec, ok := troupe.RecordFrom(ctx)
		assert.True(t, ok)
		assert.Equal(t, troupe.Record{ID: "1", Group: "shardId-000000000006", Source: "kinesis", Attempt: 1}, rec)
		return s, nil
	}, func(ctx context.Context, _ counts) error { look(ctx); return nil },
		troupe.WithObserver(func(ctx context.Context, _ *troupe.Report) { look(ctx) }),
		troupe.WithMiddleware(func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
			return func(ctx context.Context, rec troupe.Record) error { look(ctx); return next(ctx, rec) }
		}))
	payload := strings.Replace(string(document(`{"a":2}`, true, "a")), `TerminatedEarly":false`, `TerminatedEarly":true`, 1)
	_, err := p.Invoke(t.Context(), []byte(payload))
	require.NoError(t, err)
	assert.Equal(t, 4, seen)

	_, ok := window.From(t.Context())
	assert.False(t, ok)
}

// A state that AWS would not carry is the failure of the record that made it: what came before is kept.
func TestAStateThatCannotBeCarriedFailsItsRecord(t *testing.T) {
	type state struct {
		Text   string
		Number float64
		Any    any `json:",omitempty"`
	}
	grow := func(ctx context.Context, s state, rec events.KinesisEventRecord) (state, error) {
		switch data := string(rec.Kinesis.Data); data {
		case "large":
			s.Text += strings.Repeat("x", window.MaxState)
		case "nan":
			s.Number = math.NaN()
		case "func":
			s.Any = func() {}
		default:
			s.Text += data
		}
		return s, nil
	}
	for data, says := range map[string]string{
		"large": "bytes; must be at most 1048576",
		"func":  "troupe: the state, a window_test.state, cannot be encoded: JSON has nothing for a func()",
		"nan":   "troupe: the state, a window_test.state, cannot be encoded: a number in it is not finite, or a value in it contains itself",
	} {
		var attempts int
		var failure error
		p := window.Kinesis(grow, nil, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithRetry(troupe.Retry{Times: 3}), troupe.WithObserver(func(_ context.Context, r *troupe.Report) {
			attempts, failure = r.Records[len(r.Records)-1].Attempts, r.Records[len(r.Records)-1].Err
		}))
		answer, err := p.Invoke(t.Context(), document("", false, "a", "b", data))
		require.NoError(t, err)
		assert.JSONEq(t, `{"state":{"Text":"ab","Number":0},"batchItemFailures":[{"itemIdentifier":"3"}]}`, string(answer))
		assert.Equal(t, 1, attempts, "another attempt would make the same state")
		require.ErrorContains(t, failure, says)

		_, err = p.Invoke(t.Context(), document("", false, data))
		require.ErrorContains(t, err, says, "the invocation says so once nothing else is left")
	}
	p := window.Kinesis(grow, nil, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	_, err := p.Invoke(t.Context(), document("", false, "large"))
	require.ErrorContains(t, err, "the JSON of the state has 1048598 bytes; must be at most 1048576")
}

// SPEC S6, S9: an event that is not what a window's has to be is refused before any fold, without a word of
// what it holds.
func TestEventsThatAreRefused(t *testing.T) {
	whole := string(document(`{"a":1}`, false, "a"))
	for name, c := range map[string]struct{ payload, says string }{
		"not JSON":                   {`{"Records":[`, "cut short"},
		"something behind":           {whole + "x", "not JSON at byte"},
		"an array":                   {`[]`, "an array, as a pipe of EventBridge sends, where an object was expected"},
		"nothing":                    {``, "empty"},
		"no window":                  {`{"Records":[]}`, "TumblingWindowInSeconds"},
		"a null window":              {`{"Records":[],"window":null}`, "TumblingWindowInSeconds"},
		"a window of text":           {`{"Records":[],"window":"secret"}`, `"window" cannot be decoded: string where window.Bounds was expected`},
		"a window that is no time":   {`{"Records":[],"window":{"start":"secret"}}`, `"window.start" cannot be decoded: string that its UnmarshalJSON refuses where time.Time was expected`},
		"a shard that is a number":   {strings.Replace(whole, `"shardId-000000000006"`, "6", 1), `"shardId" cannot be decoded`},
		"no records":                 {strings.Replace(whole, "Records", "Rows", 1), `"Records" is missing`},
		"records of another source":  {strings.Replace(whole, "aws:kinesis\"", "aws:dynamodb\"", 1), "aws:kinesis was expected"},
		"a state of another type":    {string(document(`"secret"`, false, "a")), `"state" cannot be decoded into a window_test.counts: string where window_test.counts was expected (at byte 0)`},
		"a state of another element": {string(document(`{"secret":"secret"}`, false, "a")), `"state" cannot be decoded into a window_test.counts: *: string where int was expected (at byte 10)`},
		"a state of a large number":  {string(document(`{"a":1e400}`, false, "a")), `"state" cannot be decoded into a window_test.counts: *: number of another form where int was expected (at byte 5)`},
	} {
		t.Run(name, func(t *testing.T) {
			p := window.Kinesis(func(context.Context, counts, events.KinesisEventRecord) (counts, error) {
				t.Error("a fold was called")
				return nil, nil
			}, nil)
			_, err := p.Invoke(t.Context(), []byte(c.payload))
			require.ErrorIs(t, err, troupe.ErrEvent)
			require.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "secret")
			assert.NotContains(t, err.Error(), "1e400")
		})
	}
	_, err := window.Kinesis(tally, nil).Process(t.Context(), window.Event[events.KinesisEventRecord]{Records: []events.KinesisEventRecord{}})
	require.ErrorIs(t, err, troupe.ErrEvent, "no window")
	event := window.Event[events.KinesisEventRecord]{}
	event.Window.Start = time.Unix(1, 0)
	answer, err := window.Kinesis(tally, nil).Process(t.Context(), event)
	require.ErrorIs(t, err, troupe.ErrEvent, "nil Records")
	assert.Zero(t, answer)
}

// SPEC 9, D6: a record that cannot be decoded stops the window as a failed fold does.
func TestAnUndecodableRecordStopsTheWindow(t *testing.T) {
	payload := string(document(``, false, "a", "b", "c"))
	payload = strings.Replace(payload, base64.StdEncoding.EncodeToString([]byte("b")), "!", 1)
	answer, err := window.Kinesis(tally, nil, troupe.WithLogger(slog.New(slog.DiscardHandler))).Invoke(t.Context(), []byte(payload))
	require.NoError(t, err)
	assert.JSONEq(t, `{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`, string(answer))
}

// SPEC 9, P2, P4: what is derived for a window is Stop, also if Derive is asked for.
func TestAWindowStopsAtTheFirstFailureWhetherAskedToOrNot(t *testing.T) {
	for _, options := range [][]troupe.Option{nil, {troupe.WithPolicy(troupe.StopBatch)}, {troupe.WithPolicy(troupe.Derive)}, {troupe.WithPolicy(troupe.StopBatch), troupe.WithPolicy(troupe.Derive)}} {
		var report *troupe.Report
		observe := troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r })
		_, err := window.Kinesis(tally, nil, append(options, troupe.WithLogger(slog.New(slog.DiscardHandler)), observe)...).Invoke(t.Context(), document("", false, "a", "fail", "a"))
		require.NoError(t, err)
		require.ErrorIs(t, report.Records[2].Err, troupe.ErrStopped)
	}
}

// SPEC 9: one group per shard and stop on first, and no other policy.
func TestOptionsThatWouldMiscountAreRefused(t *testing.T) {
	t.Setenv("POWERTOOLS_BATCH_ERROR_HANDLING_POLICY", "ContinueOnBatchItemFailure") // is for the whole function, and loses
	for says, option := range map[string]troupe.Option{
		"WithPolicy(continue): must be stop-batch, which is the default: the state": troupe.WithPolicy(troupe.Continue),
		"WithPolicy(stop-group): must be stop-batch":                                troupe.WithPolicy(troupe.StopGroup),
		"WithDecider is not allowed: ":                                              troupe.WithDecider(func(troupe.Record, error) troupe.Policy { return troupe.Continue }),
		"WithoutOrder is not allowed: ":                                             troupe.WithoutOrder(),
		"WithGroup is not allowed: the shard":                                       troupe.WithGroup(func(events.KinesisEventRecord) string { return "" }),
	} {
		assert.Contains(t, refusal(t, func() { window.Kinesis(tally, nil, option) }), "troupe: "+says)
	}
	assert.Contains(t, refusal(t, func() { window.Kinesis[counts](nil, nil) }), "troupe: the kinesis fold is nil")
	assert.Contains(t, refusal(t, func() { window.DynamoDB[counts](nil, nil) }), "troupe: the dynamodb fold is nil")

	p := window.Kinesis(tally, nil, troupe.WithPolicy(troupe.StopBatch), troupe.WithConcurrency(8), troupe.WithLogger(slog.New(slog.DiscardHandler)))
	answer, err := p.Invoke(t.Context(), document("", false, "a", "fail", "a"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}`, string(answer))
}

func refusal(t *testing.T, construct func()) (text string) {
	t.Helper()
	defer func() {
		err, ok := recover().(error)
		require.True(t, ok, "it panics with an error")
		text = err.Error()
	}()
	construct()
	return ""
}

// SPEC D3: nothing that a fold or a state holds refers to the payload.
func TestNothingRefersToThePayload(t *testing.T) {
	var kept []string
	var state counts
	p := window.Kinesis(func(ctx context.Context, s counts, rec events.KinesisEventRecord) (counts, error) {
		properties, _ := window.From(ctx)
		kept = append(kept, rec.Kinesis.PartitionKey, rec.Kinesis.SequenceNumber, properties.ShardID, string(properties.State))
		state = s
		return s, nil
	}, nil)
	payload := document(`{"first":1}`, false, "a")
	_, err := p.Invoke(t.Context(), payload)
	require.NoError(t, err)
	clear(payload)
	assert.Equal(t, []string{"key", "1", "shardId-000000000006", `{"first":1}`}, kept)
	assert.Equal(t, counts{"first": 1}, state)
}

// spilling quotes what it reads and what it writes.
type spilling struct{ Text string }

func (s *spilling) UnmarshalJSON(b []byte) error {
	if !strings.Contains(string(b), "write") {
		return fmt.Errorf("what is %s?", b)
	}
	return json.Unmarshal(b, &s.Text)
}

func (s spilling) MarshalJSON() ([]byte, error) { return nil, fmt.Errorf("what is %s?", s.Text) }

// spelled is a key that quotes what it reads and writes.
type spelled struct{ text string }

func (s *spelled) UnmarshalText(b []byte) error {
	if !strings.HasPrefix(string(b), "write") {
		return fmt.Errorf("what is %s?", b)
	}
	s.text = string(b)
	return nil
}

func (s spelled) MarshalText() ([]byte, error) { return nil, fmt.Errorf("what is %s?", s.text) }

// customers is a state whose keys and values are the customers' own.
type customers struct {
	By     map[string]int                       `json:"by"`
	Deep   map[string]map[string]map[string]int `json:"deep"`
	Own    *spilling                            `json:"own,omitempty"`
	Keys   map[spelled]int                      `json:"keys,omitempty"`
	Quoted int                                  `json:"quoted,string"`
	Any    any                                  `json:"any"`
	embedded
}

type embedded struct {
	Inner map[string]bool `json:"inner"`
}

// SPEC S9: nothing of a state gets into the error of an invocation, not the keys of its maps either, and the error is
// the same for every version of Go.
func TestNothingOfAStateIsInAnError(t *testing.T) {
	const who = "customer-4711-jane"
	for state, says := range map[string]string{
		`{"by":{"` + who + `":"` + who + `"}}`:                                       `by.*: string where int was expected (at byte 28)`,
		`{"deep":{"` + who + `":{"` + who + `":"` + who + `"}}}`:                     `deep.*.*: string where map[string]int was expected (at byte 52)`,
		`{"deep":{"` + who + `":{"` + who + `":{"` + who + `":{"` + who + `":1}}}}}`: `deep.*.*.*: object where int was expected (at byte 74)`,
		`{"inner":{"` + who + `":"` + who + `"}}`:                                    `inner.*: string where bool was expected (at byte 31)`,
		`{"quoted":"` + who + `"}`:                                                   `quoted: string of another form where int was expected (at byte 10)`,
		`{"own":"` + who + `"}`:                                                      `own: string that its UnmarshalJSON refuses where window_test.spilling was expected (at byte 7)`,
		`{"keys":{"` + who + `":1}}`:                                                 `keys.*: key that its UnmarshalText refuses where window_test.spelled was expected (at byte 9)`,
		`{"any":{"` + who + `":1e400}}`:                                              `any.*: number out of range where float64 was expected (at byte 29)`,
		`"` + who + `"`:                                                              `string where window_test.customers was expected (at byte 0)`,
	} {
		var log strings.Builder
		_, err := window.Kinesis(func(_ context.Context, c customers, _ events.KinesisEventRecord) (customers, error) { return c, nil }, nil,
			troupe.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))).Invoke(t.Context(), document(state, false, "a"))
		require.ErrorIs(t, err, troupe.ErrEvent)
		assert.ErrorContains(t, err, `"state" cannot be decoded into a window_test.customers: `+says)
		nothingOf(t, "4711", err, log.String())
	}
	for state, says := range map[string]string{
		`{"own":"write ` + who + `"}`:      `cannot be encoded: a marshaler failed`,
		`{"keys":{"write ` + who + `":1}}`: `cannot be encoded: a marshaler failed`,
	} {
		var log strings.Builder
		_, err := window.Kinesis(func(_ context.Context, c customers, _ events.KinesisEventRecord) (customers, error) { return c, nil }, nil,
			troupe.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))).Invoke(t.Context(), document(state, false, "a"))
		assert.ErrorContains(t, err, says)
		nothingOf(t, "4711", err, log.String())
	}
}

// nothingOf fails the test if a text is in a log, or in an error or one that it wraps.
func nothingOf(t *testing.T, text string, err error, log string) {
	t.Helper()
	assert.NotContains(t, log, text)
	for ; err != nil; err = errors.Unwrap(err) {
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), text)
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				nothingOf(t, text, e, log)
			}
		}
	}
}
