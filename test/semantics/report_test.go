package semantics_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// SPEC 2: a report has every record, in batch order, what became of it and how long it took.
func TestAReportTellsOfEveryRecord(t *testing.T) {
	const second = time.Second
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		// Two slots. Groups by turn: a has records 0 and 3, b has 1 and 4, c has 2 and 5.
		came := lasting(t, 100*second, dynamodb, numbered(6, groups(3)), func(ctx context.Context, _ string) error {
			rec, _ := troupe.RecordFrom(ctx)
			switch rec.Index {
			case 0: // 0 to 10 s
				time.Sleep(10 * second)
				return nil
			case 1: // 0 to 3 s, and from 5 to 8 s
				time.Sleep(3 * second)
				if rec.Attempt == 1 {
					return errHandler
				}
				return nil
			case 2: // 3 to 4 s, and from 6 s, when record 1 is at work again, on when a slot is free: 8 to 9 s
				time.Sleep(1 * second)
				return errHandler
			case 3: // 10 s on
				<-release
			case 4: // from 9 s, when record 2 has failed for good
				time.Sleep(2 * second)
				panic("gone")
			}
			panic("not to be started")
		}, troupe.WithConcurrency(2), troupe.WithPolicy(troupe.StopGroup), troupe.WithRetry(troupe.Retry{Times: 1, Backoff: func(int) time.Duration { return 2 * second }}))
		require.NoError(t, came.err)

		// Record 1 is due at 5 s; record 2 fails at 4 s, is due at 6 s, and has to wait until 8 s, where it is
		// ahead of record 4. Cutoff at 99.5 s, last call at 99.875 s.
		type line struct {
			outcome          troupe.Outcome
			attempts         int
			queued, duration time.Duration
		}
		want := []line{
			{troupe.Succeeded, 1, 0, 10 * second},
			{troupe.Succeeded, 2, 0, 8 * second},
			{troupe.Failed, 2, 3 * second, 6 * second},
			{troupe.Failed, 1, 10 * second, 99_875*time.Millisecond - 10*second},
			{troupe.Failed, 1, 9 * second, 2 * second},
			{troupe.Failed, 0, 99_875 * time.Millisecond, 0},
		}
		var got []line
		for i, r := range came.report.Records {
			got = append(got, line{r.Outcome, r.Attempts, r.Queued, r.Duration})
			assert.Equal(t, fmt.Sprint(i+1), r.ID)
			assert.Equal(t, fmt.Sprintf(`{"pk":{"S":"g%d"},"sk":{"N":"1"}}`, i%3), r.Group)
			assert.Equal(t, r.Outcome == troupe.Failed, r.Err != nil)
		}
		assert.Equal(t, want, got)
		totals := *came.report
		totals.Records = nil
		running := totals.Running
		totals.Running = 0
		assert.Equal(t, troupe.Report{Source: "dynamodb", Succeeded: 2, Failed: 4, NotStarted: 1, Retried: 2, Abandoned: 1, Duration: 99_875 * time.Millisecond}, totals)
		assert.GreaterOrEqual(t, running, 1)
		assert.ErrorIs(t, came.report.Records[4].Err, troupe.ErrPanic)
		assert.ErrorIs(t, came.report.Records[5].Err, troupe.ErrGroupStopped)
	})
}

// SPEC 2: without order a report has no groups; where there are, they are what the records are ordered by.
func TestAReportNamesGroupsWhereTheyCount(t *testing.T) {
	for _, c := range []struct {
		source  string
		options []troupe.Option
		want    string
	}{
		{standard, nil, ""},
		{fifo, nil, "g0"},
		{fifo, []troupe.Option{troupe.WithoutOrder()}, ""},
		{kinesis, nil, "g0"},
		{kinesis, []troupe.Option{troupe.WithoutOrder()}, ""},
		{dynamodb, nil, `{"pk":{"S":"g0"},"sk":{"N":"1"}}`},
		{dynamodb, []troupe.Option{troupe.WithoutOrder()}, ""},
	} {
		var seen reported
		p := process(c.source, func(context.Context, string) error { return nil }, append(c.options, troupe.WithObserver(seen.observe))...)
		_, err := p.Invoke(context.Background(), document(c.source, numbered(1, groups(1))...))
		require.NoError(t, err)
		assert.Equal(t, c.want, seen.Records[0].Group, c.source)
	}
}

// SPEC 2: handlers that were abandoned and still run are counted, whichever batch they are from.
func TestAReportCountsTheAbandonedHandlersThatStillRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hang := func(ctx context.Context, _ string) error {
			if index(ctx) < 3 {
				<-release
			}
			return nil
		}
		fine := func(context.Context, string) error { return nil }
		first := lasting(t, time.Second, standard, numbered(5, nil), hang)
		second := lasting(t, time.Second, kinesis, numbered(5, groups(5)), hang)
		third := lasting(t, time.Second, fifo, numbered(5, groups(5)), fine)
		close(release)
		synctest.Wait()
		last := lasting(t, time.Second, standard, numbered(5, nil), fine)

		base := last.report.Running // of other tests; 0 unless they leave something
		assert.Zero(t, base)
		assert.Equal(t, []int{3, 6, 6}, []int{first.report.Running, second.report.Running, third.report.Running})
		assert.Equal(t, []int{3, 3, 0, 0}, []int{first.report.Abandoned, second.report.Abandoned, third.report.Abandoned, last.report.Abandoned})
	})
}

// SPEC 2: observers get the report before the response leaves, one after the other, and hooks before that.
func TestObserversAreCalledBeforeTheResponseLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trace []string
		p := process(standard, func(ctx context.Context, _ string) error {
			if index(ctx) == 0 {
				return errHandler
			}
			return nil
		}, troupe.WithLogger(slog.New(slog.DiscardHandler)),
			troupe.WithObserver(func(context.Context, *troupe.Report) { time.Sleep(time.Second); trace = append(trace, "observer 1") }),
			troupe.WithObserver(func(ctx context.Context, _ *troupe.Report) {
				trace = append(trace, "observer 2")
				assert.Equal(t, "the caller's", ctx.Value(callersKey{}))
			}),
			troupe.WithFailureHook(func(ctx context.Context, rec troupe.Record, err error) {
				time.Sleep(time.Second)
				trace = append(trace, fmt.Sprint("hook ", rec.ID, " ", err))
				assert.Equal(t, "the caller's", ctx.Value(callersKey{}))
			}))
		_, err := p.Invoke(context.WithValue(context.Background(), callersKey{}, "the caller's"), document(standard, numbered(2, nil)...))
		require.NoError(t, err)
		trace = append(trace, "response")
		assert.Equal(t, []string{"hook 1 the handler's own error", "observer 1", "observer 2", "response"}, trace)
	})
}

// SPEC 2: a hook sees each failure once, as it happens, whatever kind of failure it is; and nothing else.
func TestAHookSeesEachFailureOnceAsItHappens(t *testing.T) {
	for _, source := range sources {
		t.Run(source, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				type sight struct {
					index, attempt int
					at             time.Duration
				}
				var seen []sight
				errs := map[int]error{}
				began := time.Now()
				came := lasting(t, 100*time.Second, source, numbered(8, groups(8)), func(ctx context.Context, _ string) error {
					rec, _ := troupe.RecordFrom(ctx)
					switch rec.Index {
					case 1:
						time.Sleep(time.Second)
						return errHandler // and again after 1 s
					case 2:
						time.Sleep(5 * time.Second)
						panic("panic")
					case 3:
						time.Sleep(6 * time.Second)
						runtime.Goexit()
					case 4:
						<-release // abandoned after 20.1 s
						return errHandler
					case 5:
						time.Sleep(15 * time.Second)
						return errors.New("stop")
					case 6:
						time.Sleep(16 * time.Second)
						return nil
					}
					return nil
				}, troupe.WithConcurrency(7), troupe.WithRecordTimeout(20*time.Second),
					troupe.WithRetry(troupe.Retry{Times: 1, Backoff: func(int) time.Duration { return time.Second }}),
					troupe.WithDecider(func(rec troupe.Record, err error) troupe.Policy {
						if rec.Index == 4 {
							return troupe.StopBatch
						}
						return troupe.Continue
					}),
					troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
						seen = append(seen, sight{rec.Index, rec.Attempt, time.Since(began)})
						errs[rec.Index] = err
						time.Sleep(time.Millisecond) // a slow hook delays no handler
					}))
				close(release)
				synctest.Wait()
				assert.Equal(t, []sight{
					{1, 2, 3 * time.Second},
					{2, 1, 5 * time.Second},
					{3, 1, 6 * time.Second},
					{4, 1, 20_100 * time.Millisecond},
					{5, 2, 31 * time.Second},
				}, seen)
				for _, s := range seen {
					assert.Equal(t, came.report.Records[s.index].Err, errs[s.index])
				}
				assert.Equal(t, 3, came.report.Succeeded)
			})
		})
	}
}

// SPEC 2, S1: it also sees those that will not be started.
func TestAHookSeesTheRecordsThatAreNotStarted(t *testing.T) {
	for policy, want := range map[troupe.Policy][]int{troupe.StopBatch: {0, 1, 2, 3, 4}, troupe.StopGroup: {0, 2, 4}, troupe.Continue: {0}} {
		var seen []int
		came := lasting(t, 0, fifo, numbered(5, groups(2)), func(ctx context.Context, _ string) error {
			if index(ctx) == 0 {
				return errHandler
			}
			return nil
		}, troupe.WithPolicy(policy), troupe.WithConcurrency(1), troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
			seen = append(seen, rec.Index)
			assert.Equal(t, rec.Index != 0, errors.Is(err, troupe.ErrNotStarted))
			assert.Equal(t, rec.Index == 0, rec.Attempt == 1)
		}))
		assert.Equal(t, want, seen, policy.String())
		assert.Equal(t, len(want), came.report.Failed)
	}
}

// lines reads the JSON lines of a log.
func lines(t *testing.T, text *bytes.Buffer) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text.String()) {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &m))
		delete(m, "time")
		all = append(all, m)
	}
	return all
}

// SPEC 2: one WARN line for a batch with failures, none for one without.
func TestABatchWithFailuresIsOneLineInTheLog(t *testing.T) {
	for _, c := range []struct {
		name    string
		source  string
		failing int
		want    map[string]any
	}{
		{"none", kinesis, 0, nil},
		{"some", kinesis, 2, map[string]any{"source": "kinesis", "records": 30.0, "failed": 2.0, "not_started": 0.0, "abandoned": 0.0, "first_ids": []any{"29", "30"}, "first_error": "the handler's own error", "first_group_hash": "?"}},
		{"many", standard, 25, map[string]any{"source": "sqs", "records": 30.0, "failed": 25.0, "not_started": 0.0, "abandoned": 0.0, "first_ids": []any{"6", "7", "8", "9", "10", "11", "12", "13", "14", "15"}, "first_error": "the handler's own error"}},
		{"a stop", fifo, 25, map[string]any{"source": "sqs", "records": 30.0, "failed": 25.0, "not_started": 24.0, "abandoned": 0.0, "first_ids": []any{"6", "7", "8", "9", "10", "11", "12", "13", "14", "15"}, "first_error": "the handler's own error", "first_group_hash": "?"}},
	} {
		for _, when := range []troupe.ErrorWhen{troupe.ErrorWhenAll, troupe.ErrorWhenAny, troupe.ErrorWhenNever} {
			t.Run(fmt.Sprint(c.name, when), func(t *testing.T) {
				var text bytes.Buffer
				p := process(c.source, func(ctx context.Context, _ string) error {
					if index(ctx) >= 30-c.failing {
						return errHandler
					}
					return nil
				}, troupe.WithErrorWhen(when), troupe.WithLogger(slog.New(slog.NewJSONHandler(&text, nil))), troupe.WithConcurrency(1))
				_, _ = p.Invoke(context.Background(), document(c.source, numbered(30, groups(30))...))
				got := lines(t, &text)
				if c.want == nil {
					assert.Empty(t, got)
					return
				}
				require.Len(t, got, 1)
				if _, ok := got[0]["first_group_hash"]; ok {
					assert.NotContains(t, got[0]["first_group_hash"], "g")
					got[0]["first_group_hash"] = "?"
				}
				assert.Equal(t, "WARN", got[0]["level"])
				assert.Equal(t, "troupe: records failed", got[0]["msg"])
				delete(got[0], "level")
				delete(got[0], "msg")
				assert.Equal(t, c.want, got[0])
			})
		}
	}
}

// SPEC 2: failures are never invisible: without an option the line goes to slog.Default(), the one of the
// moment. Nothing else does, protoactor's own lines least of all.
func TestWithoutALoggerFailuresGoToTheDefaultLogger(t *testing.T) {
	handle := func(_ context.Context, body string) error {
		switch {
		case strings.HasSuffix(body, "1"):
			return errHandler
		case strings.HasSuffix(body, "2"):
			panic(errHandler)
		case strings.HasSuffix(body, "3"):
			runtime.Goexit()
		}
		return nil
	}
	p := process(kinesis, handle, troupe.WithRetry(troupe.Retry{Times: 1, Panics: true, Base: 1}))
	silent := process(kinesis, handle, troupe.WithLogger(slog.New(slog.DiscardHandler)))

	var text bytes.Buffer
	was := slog.Default()
	defer func() {
		slog.SetDefault(was)
		log.SetOutput(os.Stderr)
		log.SetFlags(log.LstdFlags)
	}()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})))

	payload := document(kinesis, numbered(9, groups(9))...)
	_, err := silent.Invoke(context.Background(), payload)
	require.NoError(t, err)
	assert.Empty(t, text.String())
	_, err = p.Invoke(context.Background(), payload)
	require.NoError(t, err)
	assert.Len(t, lines(t, &text), 1, "%s", &text)
}
