package redelivery_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/redelivery"
)

// always is a delay that the jitter leaves alone up to a second.
func always(d time.Duration) func(int, error) time.Duration {
	return func(int, error) time.Duration { return d }
}

// directed is what the handler does with a message, by its identifier: "fail", "hang" until long after the deadline.
func directed(does map[string]string) troupe.Handler[events.SQSMessage] {
	return func(ctx context.Context, msg events.SQSMessage) error {
		switch does[msg.MessageId] {
		case "fail":
			return errHandler
		case "panic":
			panic(errHandler)
		case "hang":
			<-ctx.Done()
			time.Sleep(time.Hour)
		}
		return nil
	}
}

// SPEC V1: which messages get a timeout.
func TestMessagesWhoseHandlerFailedGetATimeout(t *testing.T) {
	for name, c := range map[string]struct {
		arn     string
		ids     string
		does    map[string]string
		options []troupe.Option
		want    string // whose timeouts are changed, a word a call
	}{
		"nothing failed":                        {standard, "a1 a2", nil, nil, ""},
		"an empty batch":                        {standard, "", nil, nil, ""},
		"one failed":                            {standard, "a1 a2 a3", map[string]string{"a2": "fail"}, nil, "a2"},
		"a panic is a failure":                  {standard, "a1 a2 a3", map[string]string{"a2": "panic"}, nil, "a2"},
		"all failed":                            {standard, "a1 a2", map[string]string{"a1": "fail", "a2": "fail"}, nil, "a1,a2"},
		"never started, of a standard queue":    {standard, "a1 a2 a3", map[string]string{"a1": "fail"}, []troupe.Option{troupe.WithPolicy(troupe.StopBatch)}, "a1"},
		"abandoned, of a standard queue":        {standard, "a1 a2 a3", map[string]string{"a1": "hang", "a2": "fail"}, nil, "a2"},
		"a group stops behind its first failed": {fifo, "a1 a2 a3 a4", map[string]string{"a2": "fail"}, nil, "a2,a3,a4"},
		"a group without a failure":             {fifo, "a1 b1 a2 b2", map[string]string{"a1": "fail"}, []troupe.Option{troupe.WithPolicy(troupe.StopBatch)}, "a1,a2"},
		"two groups in one call":                {fifo, "a1 b1 a2 b2", map[string]string{"a1": "fail", "b1": "fail"}, []troupe.Option{troupe.WithPolicy(troupe.StopGroup), troupe.WithConcurrency(4)}, "a1,a2,b1,b2"},
		"a group with an abandoned message":     {fifo, "a1 a2 a3 b1", map[string]string{"a1": "fail", "a2": "hang", "b1": "fail"}, []troupe.Option{troupe.WithPolicy(troupe.Continue), troupe.WithConcurrency(4)}, "b1"},
		"abandoned first":                       {fifo, "a1 a2 b1", map[string]string{"a1": "hang", "b1": "fail"}, []troupe.Option{troupe.WithPolicy(troupe.StopGroup), troupe.WithConcurrency(4)}, "b1"},
		"the queue's groups count":              {fifo, "a1 a2 b1", map[string]string{"a1": "hang", "a2": "fail", "b1": "fail"}, []troupe.Option{troupe.WithoutOrder(), troupe.WithPolicy(troupe.Continue), troupe.WithConcurrency(4)}, "b1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &visibility{}
				options := append([]troupe.Option{troupe.WithConcurrency(1), redelivery.Backoff(v, always(time.Second)), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever)}, c.options...)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if strings.Contains(fmt.Sprint(c.does), "hang") && len(c.options) == 0 {
					options = append(options, troupe.WithConcurrency(3))
				}
				event := messages(c.arn, 1, strings.Fields(c.ids)...)
				if event.Records == nil {
					event.Records = []events.SQSMessage{}
				}
				response, err := troupe.SQS(directed(c.does), options...).Process(ctx, event)
				require.NoError(t, err)
				var calls []string
				for i, call := range v.calls {
					var ids []string
					for _, change := range call {
						ids = append(ids, change.ID)
						assert.Equal(t, "receipt of "+change.ID, change.Receipt)
						assert.True(t, slices.ContainsFunc(response.BatchItemFailures, func(f events.SQSBatchItemFailure) bool { return f.ItemIdentifier == change.ID }), "it is reported as before")
					}
					calls = append(calls, strings.Join(ids, ","))
					assert.Equal(t, c.arn, v.queues[i])
				}
				assert.Equal(t, c.want, strings.Join(calls, " "))
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

var quiet = troupe.WithLogger(slog.New(slog.DiscardHandler))

// SPEC D7: after a deadline that has passed on arrival no queue is called.
func TestNothingIsCalledAfterTheDeadline(t *testing.T) {
	for _, arn := range []string{standard, fifo} {
		v := &visibility{}
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		_, report, err := troupe.SQS(directed(nil), redelivery.Backoff(v, always(0)), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever)).ProcessReport(ctx, messages(arn, 1, "a1", "a2"))
		cancel()
		require.NoError(t, err)
		assert.Equal(t, 2, report.NotStarted)
		var passed *batch.DeadlinePassedError
		assert.ErrorAs(t, report.Records[0].Err, &passed)
		assert.Empty(t, v.calls)
	}
}

// SPEC V1: calls are made once no handler of the batch runs.
func TestCallsWaitForTheHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		v := &visibility{answer: func(int, []redelivery.Change) ([]error, error) {
			assert.Equal(t, 10*time.Second, time.Since(began))
			return nil, nil
		}}
		p := troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
			if msg.MessageId == "a1" {
				return errHandler
			}
			time.Sleep(10 * time.Second)
			return nil
		}, redelivery.Backoff(v, always(0)), quiet)
		_, err := p.Process(t.Context(), messages(standard, 1, "a1", "a2"))
		require.NoError(t, err)
		assert.Len(t, v.calls, 1)
	})
}

// SPEC V1: the time is that of the first failed message of a group, between half and all, in whole seconds, and bounded.
func TestTheTimeIsThatOfTheFirstFailed(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 200 {
		v := &visibility{}
		event := messages(fifo, 3, "a1", "a2", "a3")
		event.Records[2].Attributes["ApproximateReceiveCount"] = "99"
		p := troupe.SQS(directed(map[string]string{"a1": "fail", "a2": "panic", "a3": "fail"}), redelivery.Backoff(v, func(receives int, err error) time.Duration {
			assert.Equal(t, 3, receives)
			assert.ErrorIs(t, err, errHandler)
			assert.NotErrorIs(t, err, troupe.ErrPanic)
			return 10 * time.Second
		}), troupe.WithPolicy(troupe.Continue), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever))
		_, err := p.Process(t.Context(), event)
		require.NoError(t, err)
		require.Len(t, v.calls, 1)
		first := v.calls[0][0].Timeout
		for _, change := range v.calls[0] {
			assert.Equal(t, first, change.Timeout, "they return together")
		}
		seen[first] = true
	}
	assert.ElementsMatch(t, []time.Duration{5 * time.Second, 6 * time.Second, 7 * time.Second, 8 * time.Second, 9 * time.Second, 10 * time.Second}, slices.Collect(maps.Keys(seen)))

	for _, c := range []struct {
		delay       time.Duration
		options     []redelivery.Option
		least, most time.Duration
	}{
		{-time.Hour, nil, 0, 0},
		{0, nil, 0, 0},
		{1 << 62, nil, 30 * time.Minute, time.Hour},
		{1 << 62, []redelivery.Option{redelivery.WithLongest(11 * time.Hour)}, 11 * time.Hour / 2, 11 * time.Hour},
	} {
		v := &visibility{}
		_, err := troupe.SQS(directed(map[string]string{"a1": "fail"}), redelivery.Backoff(v, always(c.delay), c.options...), quiet).Process(t.Context(), messages(standard, 1, "a1", "a2"))
		require.NoError(t, err)
		require.Len(t, v.calls, 1)
		assert.GreaterOrEqual(t, v.calls[0][0].Timeout, c.least)
		assert.LessOrEqual(t, v.calls[0][0].Timeout, c.most)
		assert.Zero(t, v.calls[0][0].Timeout%time.Second)
	}
}

// SPEC V3: ten entries a call, sixteen calls at once, and a FIFO group in one call where it fits.
func TestCallsHaveTenEntriesAndSixteenAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &visibility{delay: time.Second}
		ids := numbered("a", 345)
		does := map[string]string{}
		for _, id := range ids {
			does[id] = "fail"
		}
		var totals redelivery.Totals
		_, err := troupe.SQS(directed(does), redelivery.Backoff(v, always(0), redelivery.WithTotals(func(_ context.Context, t redelivery.Totals) { totals = t })), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever)).
			Process(t.Context(), messages(standard, 1, ids...))
		require.NoError(t, err)
		assert.Len(t, v.calls, 35)
		for _, call := range v.calls {
			assert.LessOrEqual(t, len(call), 10)
		}
		assert.Equal(t, 16, v.top)
		assert.Equal(t, redelivery.Totals{Changed: 345}, totals)
	})

	v := &visibility{}
	ids := slices.Concat(numbered("a", 7), numbered("b", 7), numbered("c", 2))
	_, err := troupe.SQS(directed(map[string]string{"a001": "fail", "b001": "fail", "c001": "fail"}), redelivery.Backoff(v, always(0)), quiet, troupe.WithPolicy(troupe.StopGroup), troupe.WithErrorWhen(troupe.ErrorWhenNever)).
		Process(t.Context(), messages(fifo, 1, ids...))
	require.NoError(t, err)
	require.Len(t, v.calls, 2, "a group is not spread over calls")
}

// SPEC V1: what a queue answers, and what becomes of it. More than ten messages of a group go in calls one after the
// other in batch order, up to the first that fails.
func TestWhatTheQueueAnswers(t *testing.T) {
	boom := fmt.Errorf("boom")
	refuse := func(id string, err error) func(int, []redelivery.Change) ([]error, error) {
		return func(_ int, changes []redelivery.Change) ([]error, error) {
			failed := make([]error, len(changes))
			for i, c := range changes {
				if c.ID == id {
					failed[i] = err
				}
			}
			return failed, nil
		}
	}
	tooLong := func(changes []redelivery.Change) []error {
		failed := make([]error, len(changes))
		for i, c := range changes {
			if c.Timeout >= 100*time.Second && c.ID == "a002" {
				failed[i] = fmt.Errorf("SQS says: %w", redelivery.ErrTimeout)
			}
		}
		return failed
	}
	for name, c := range map[string]struct {
		arn    string
		n      int
		answer func(int, []redelivery.Change) ([]error, error)
		calls  string // the number of entries of each
		want   redelivery.Totals
	}{
		"all changed":              {fifo, 25, nil, "10 10 5", redelivery.Totals{Changed: 25}},
		"the second call fails":    {fifo, 25, func(n int, _ []redelivery.Change) ([]error, error) { return nil, map[int]error{2: boom}[n] }, "10 10", redelivery.Totals{Changed: 10, Refused: 15, Err: boom}},
		"an entry of it fails":     {fifo, 25, refuse("a012", boom), "10 10", redelivery.Totals{Changed: 19, Refused: 6, Err: boom}},
		"an entry of the only one": {standard, 5, refuse("a002", boom), "5", redelivery.Totals{Changed: 4, Refused: 1, Err: boom}},
		"a time is rejected":       {fifo, 5, func(_ int, changes []redelivery.Change) ([]error, error) { return tooLong(changes), nil }, "5 5", redelivery.Totals{Changed: 5}},
		"a time, of one message":   {standard, 5, func(_ int, changes []redelivery.Change) ([]error, error) { return tooLong(changes), nil }, "5 1", redelivery.Totals{Changed: 5}},
		"a time, of many":          {fifo, 15, func(_ int, changes []redelivery.Change) ([]error, error) { return tooLong(changes), nil }, "10 10 5", redelivery.Totals{Changed: 15}},
		"half is rejected later": {fifo, 15, func(_ int, changes []redelivery.Change) ([]error, error) {
			failed := tooLong(changes)
			if changes[0].ID == "a011" {
				failed[0] = redelivery.ErrTimeout
			}
			return failed, nil
		}, "10 10 5", redelivery.Totals{Changed: 14, Refused: 1, Err: redelivery.ErrTimeout}},
		"half is rejected, too": {standard, 2, refuse("a002", redelivery.ErrTimeout), "2 1", redelivery.Totals{Changed: 1, Refused: 1, Err: redelivery.ErrTimeout}},
		"too few results":       {standard, 3, func(int, []redelivery.Change) ([]error, error) { return make([]error, 2), nil }, "3", redelivery.Totals{Refused: 3, Err: fmt.Errorf("returned 2 results for 3 changes")}},
		"a panic":               {standard, 3, func(int, []redelivery.Change) ([]error, error) { panic("boom") }, "3", redelivery.Totals{Refused: 3, Err: boom}},
		"Goexit":                {standard, 3, func(int, []redelivery.Change) ([]error, error) { runtime.Goexit(); return nil, nil }, "3", redelivery.Totals{Refused: 3, Err: troupe.ErrGoexit}},
	} {
		t.Run(name, func(t *testing.T) {
			v := &visibility{answer: c.answer}
			does := map[string]string{}
			for _, id := range numbered("a", c.n) {
				does[id] = "fail"
			}
			var (
				text   bytes.Buffer
				totals redelivery.Totals
			)
			logger := slog.New(slog.NewTextHandler(&text, nil))
			_, err := troupe.SQS(directed(does), redelivery.Backoff(v, always(199*time.Second), redelivery.WithLogger(logger), redelivery.WithTotals(func(_ context.Context, t redelivery.Totals) { totals = t })),
				quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever)).Process(t.Context(), messages(c.arn, 1, numbered("a", c.n)...))
			require.NoError(t, err)
			var sizes []string
			var ids []string
			for _, call := range v.calls {
				sizes = append(sizes, fmt.Sprint(len(call)))
				for _, change := range call {
					ids = append(ids, change.ID)
				}
			}
			assert.Equal(t, c.calls, strings.Join(sizes, " "))
			if c.arn == fifo && c.calls == "10 10 5" && c.n == 25 {
				assert.True(t, slices.IsSorted(ids))
			}
			if c.want.Err == nil {
				assert.NoError(t, totals.Err)
				assert.Empty(t, text.String())
			} else {
				assert.ErrorContains(t, totals.Err, c.want.Err.Error())
				assert.Contains(t, text.String(), fmt.Sprintf("changed=%d refused=%d late=%d", c.want.Changed, c.want.Refused, c.want.Late))
				assert.NotContains(t, text.String(), "body of")
			}
			totals.Err, c.want.Err = nil, nil
			assert.Equal(t, c.want, totals)
			if name == "a time, of many" {
				assert.Equal(t, v.calls[1][0].Timeout, v.calls[2][0].Timeout, "they return together")
			}
			if name == "a time is rejected" {
				for _, change := range v.calls[1] {
					assert.Equal(t, v.calls[0][0].Timeout/2/time.Second*time.Second, change.Timeout, "all of the group")
				}
			}
		})
	}
}

// SPEC V3: a call ends before the response leaves, and what there was no time for is counted.
func TestCallsEndBeforeTheResponseLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		arn   string
		delay time.Duration // of a call
		takes time.Duration // the handler
		n     int
		want  redelivery.Totals
	}{
		"in time":            {standard, 100 * time.Millisecond, 0, 3, redelivery.Totals{Changed: 3}},
		"a slow queue":       {standard, time.Hour, 0, 3, redelivery.Totals{Refused: 3}}, // ten seconds a call
		"near the deadline":  {standard, time.Second, 58 * time.Second, 3, redelivery.Totals{Changed: 3}},
		"too near":           {standard, time.Second, 59*time.Second + 500*time.Millisecond, 3, redelivery.Totals{Late: 3}},
		"no time for more":   {standard, time.Hour, 59*time.Second - time.Millisecond, 345, redelivery.Totals{Late: 345}},
		"the second is late": {fifo, 400 * time.Millisecond, 59*time.Second + 200*time.Millisecond, 15, redelivery.Totals{Changed: 10, Late: 5}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &visibility{delay: c.delay}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var totals *redelivery.Totals
				p := troupe.SQS(func(context.Context, events.SQSMessage) error { time.Sleep(c.takes); return errHandler },
					redelivery.Backoff(v, always(0), redelivery.WithLogger(slog.New(slog.DiscardHandler)), redelivery.WithTotals(func(_ context.Context, t redelivery.Totals) { totals = &t })), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithConcurrency(400))
				_, err := p.Process(ctx, messages(c.arn, 1, numbered("a", c.n)...))
				require.NoError(t, err)
				require.NotNil(t, totals, "the observer was not left behind")
				if c.want.Late+c.want.Refused > 0 {
					assert.Error(t, totals.Err)
				}
				totals.Err = nil
				assert.Equal(t, c.want, *totals)
				assert.NoError(t, ctx.Err())
				assert.LessOrEqual(t, v.count(), 16, "nothing is called when there is no time")
			})
		})
	}
}

// SPEC V3: the reserve is at least a second.
func TestTheReserveIsASecond(t *testing.T) {
	for name, option := range map[string]troupe.Option{"Backoff": redelivery.Backoff(&visibility{}, always(0)), "DeadLetter": redelivery.DeadLetter(&sender{}, 1)} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := troupe.SQS(func(ctx context.Context, _ events.SQSMessage) error {
				cutoff, _ := ctx.Deadline()
				deadline, _ := troupe.DeadlineFrom(ctx)
				assert.Equal(t, time.Second, deadline.Sub(cutoff))
				return nil
			}, option).Process(ctx, messages(standard, 1, "a1"))
			require.NoError(t, err)
		})
	}
}

// After a cancellation calls have a moment.
func TestCallsEndSoonAfterACancellation(t *testing.T) {
	for delay, want := range map[time.Duration]redelivery.Totals{50 * time.Millisecond: {Changed: 1}, time.Second: {Late: 1}} {
		synctest.Test(t, func(t *testing.T) {
			v := &visibility{delay: delay}
			ctx, cancel := context.WithCancel(t.Context())
			var totals redelivery.Totals
			_, err := troupe.SQS(func(context.Context, events.SQSMessage) error { cancel(); return errHandler },
				redelivery.Backoff(v, always(0), redelivery.WithLogger(slog.New(slog.DiscardHandler)), redelivery.WithTotals(func(_ context.Context, t redelivery.Totals) { totals = t })), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever)).
				Process(ctx, messages(standard, 1, "a1"))
			require.NoError(t, err)
			totals.Err = nil
			assert.Equal(t, want, totals)
		})
	}
}

// A delay function that fails, or hangs, costs the timeouts of its messages and nothing else.
func TestADelayThatDoesNotReturn(t *testing.T) {
	for name, c := range map[string]struct {
		delay func()
		want  redelivery.Totals
	}{
		"panics": {func() { panic("boom") }, redelivery.Totals{Changed: 1, Refused: 1}},
		"exits":  {runtime.Goexit, redelivery.Totals{Changed: 1, Refused: 1}},
		"hangs":  {func() { time.Sleep(time.Hour) }, redelivery.Totals{Late: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &visibility{}
				var calls atomic.Int32
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var totals redelivery.Totals
				_, err := troupe.SQS(directed(map[string]string{"a1": "fail", "a2": "fail"}), redelivery.Backoff(v, func(int, error) time.Duration {
					if calls.Add(1) == 1 {
						c.delay()
					}
					return 0
				}, redelivery.WithLogger(nil), redelivery.WithTotals(func(_ context.Context, t redelivery.Totals) { totals = t })), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever)).
					Process(ctx, messages(standard, 1, "a1", "a2"))
				require.NoError(t, err)
				assert.Error(t, totals.Err)
				totals.Err = nil
				assert.Equal(t, c.want, totals)
				time.Sleep(time.Hour)
				assert.Equal(t, int32(c.want.Changed+1), calls.Load(), "it is not called when there is no time left")
			})
		})
	}
}

// A message that cannot be decoded has no receipt handle to change.
func TestAMessageThatCannotBeDecodedIsLeftAlone(t *testing.T) {
	v := &visibility{}
	var totals redelivery.Totals
	p := troupe.SQS(directed(map[string]string{"a2": "fail"}), redelivery.Backoff(v, always(0), redelivery.WithLogger(slog.New(slog.DiscardHandler)), redelivery.WithTotals(func(_ context.Context, t redelivery.Totals) { totals = t })), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever))
	_, err := p.Invoke(t.Context(), []byte(`{"Records":[{"messageId":"a1","receiptHandle":"r","body":7},{"messageId":"a2","receiptHandle":"r2","body":"b","attributes":{"ApproximateReceiveCount":"many"}}]}`))
	require.NoError(t, err)
	require.Len(t, v.calls, 1)
	assert.Equal(t, []redelivery.Change{{ID: "a2", Receipt: "r2"}}, v.calls[0])
	assert.ErrorIs(t, totals.Err, troupe.ErrUndecodable)
	assert.Equal(t, 1, totals.Refused)
	assert.Equal(t, 1, totals.Changed)

	totals = redelivery.Totals{}
	p = troupe.SQS(directed(map[string]string{"a1": "fail"}), redelivery.Backoff(&visibility{}, always(0), redelivery.WithTotals(func(_ context.Context, t redelivery.Totals) { totals = t })), quiet,
		troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithPolicy(troupe.StopBatch), troupe.WithConcurrency(1))
	_, err = p.Invoke(t.Context(), []byte(`{"Records":[{"messageId":"a1","receiptHandle":"r","body":"b"},{"messageId":"a2","receiptHandle":"r2","body":7}]}`))
	require.NoError(t, err)
	assert.Equal(t, redelivery.Totals{Changed: 1}, totals, "what was never started has not failed")
}

func TestExponential(t *testing.T) {
	f := redelivery.Exponential(30*time.Second, 15*time.Minute)
	for receives, want := range map[int]time.Duration{0: 30 * time.Second, 1: 30 * time.Second, 2: time.Minute, 3: 2 * time.Minute, 5: 8 * time.Minute, 6: 15 * time.Minute, 1 << 40: 15 * time.Minute} {
		assert.Equal(t, want, f(receives, errHandler), "%d receives", receives)
	}
	for receives, want := range map[int]time.Duration{5: 15 * time.Minute, 10: 243 * time.Minute} { // docs/guides/retries.md has these
		sum := time.Duration(0)
		for n := range receives - 1 {
			sum += redelivery.Exponential(time.Minute, time.Hour)(n+1, errHandler)
		}
		assert.Equal(t, want, sum)
	}
	assert.Equal(t, time.Duration(1<<62), redelivery.Exponential(1, 1<<62)(1<<40, nil))
	assert.PanicsWithError(t, "troupe: redelivery: Exponential(2s, 1s): the first must be positive and at most the second", func() { redelivery.Exponential(2*time.Second, time.Second) })
	assert.Panics(t, func() { redelivery.Exponential(0, time.Second) })
}

// SPEC 2: what is wrong is said when the processor is constructed.
func TestWhatBackoffRefuses(t *testing.T) {
	v, f := &visibility{}, always(0)
	for want, construct := range map[string]func(){
		"troupe: redelivery: Backoff: the client is nil":                            func() { redelivery.Backoff(nil, f) },
		"troupe: redelivery: Backoff: the delay is nil: must be a function":         func() { redelivery.Backoff(v, nil) },
		"troupe: redelivery: Backoff: option 1 is nil":                              func() { redelivery.Backoff(v, f, nil) },
		"troupe: redelivery: Backoff: WithLongest(12h0m0s): must be from 1s to 11h": func() { redelivery.Backoff(v, f, redelivery.WithLongest(12*time.Hour)) },
		"troupe: redelivery: Backoff: WithTotals(nil): must be a function":          func() { redelivery.Backoff(v, f, redelivery.WithTotals(nil)) },
		"troupe: redelivery.Backoff is not allowed with ErrorWhenAny: after an error Lambda redelivers the whole batch": func() {
			troupe.SQS(directed(nil), redelivery.Backoff(v, f), troupe.WithErrorWhen(troupe.ErrorWhenAny))
		},
		"troupe: redelivery.Backoff is for sqs, not for kinesis": func() {
			troupe.Kinesis(func(context.Context, events.KinesisEventRecord) error { return nil }, redelivery.Backoff(v, f))
		},
	} {
		assert.PanicsWithError(t, want, construct)
	}
}
