package semantics_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
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
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/window"
)

var errHandler = errors.New("the handler's own error")

// logged is a logger and what it was given.
func logged() (*slog.Logger, *bytes.Buffer) {
	var text bytes.Buffer
	return slog.New(slog.NewTextHandler(&text, nil)), &text
}

// invoked is how an invocation went.
type invoked struct {
	report   *troupe.Report
	response []byte
	err      error
	took     time.Duration
}

// lasting invokes a processor for records, with a deadline that is left away, or none if it is 0.
func lasting(t *testing.T, left time.Duration, source string, records []record, handle func(context.Context, string) error, options ...troupe.Option) invoked {
	t.Helper()
	ctx := context.Background()
	if left > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	return invoking(ctx, source, records, handle, options...)
}

func invoking(ctx context.Context, source string, records []record, handle func(context.Context, string) error, options ...troupe.Option) invoked {
	var seen atomic.Pointer[troupe.Report] // an observer may be left behind
	observe := troupe.WithObserver(func(_ context.Context, report *troupe.Report) { seen.Store(report) })
	options = append([]troupe.Option{troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever), observe}, options...)
	p := process(source, handle, options...)
	began := time.Now()
	response, err := p.Invoke(ctx, document(source, records...))
	return invoked{seen.Load(), response, err, time.Since(began)}
}

// index tells a handler which record it has.
func index(ctx context.Context) int {
	rec, _ := troupe.RecordFrom(ctx)
	return rec.Index
}

// SPEC D1: the cutoff is the handlers' deadline, the last call is when those that do not care are given up;
// both follow from the reserve.
func TestTheReserveSetsCutoffAndLastCall(t *testing.T) {
	for _, c := range []struct {
		name             string
		left, reserve    time.Duration
		cutoff, lastCall time.Duration
		cut              bool
	}{
		{"default of a long invocation: 500 ms", 10 * time.Second, 0, 9500 * time.Millisecond, 9875 * time.Millisecond, false},
		{"default of a short invocation: 20 %", time.Second, 0, 800 * time.Millisecond, 950 * time.Millisecond, false},
		{"default at the border of both", 2500 * time.Millisecond, 0, 2 * time.Second, 2375 * time.Millisecond, false},
		{"given", 10 * time.Second, 2 * time.Second, 8 * time.Second, 9500 * time.Millisecond, false},
		{"given, half of the time", 10 * time.Second, 5 * time.Second, 5 * time.Second, 8750 * time.Millisecond, false},
		{"given, more than half of the time", 10 * time.Second, 8 * time.Second, 5 * time.Second, 8750 * time.Millisecond, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				began := time.Now()
				var deadline, ended time.Duration
				var cause error
				logger, text := logged()
				options := []troupe.Option{troupe.WithConcurrency(2), troupe.WithLogger(logger)}
				if c.reserve > 0 {
					options = append(options, troupe.WithReserve(c.reserve))
				}
				came := lasting(t, c.left, standard, numbered(3, nil), func(ctx context.Context, _ string) error {
					if index(ctx) == 1 {
						<-release
						return nil
					}
					at, ok := ctx.Deadline()
					require.True(t, ok)
					deadline = at.Sub(began)
					<-ctx.Done()
					ended, cause = time.Since(began), context.Cause(ctx)
					return ctx.Err()
				}, options...)
				require.NoError(t, came.err)
				assert.Equal(t, c.cutoff, deadline)
				assert.Equal(t, c.cutoff, ended)
				assert.ErrorIs(t, cause, troupe.ErrDeadline)
				assert.Equal(t, c.lastCall, came.took)
				assert.Equal(t, []string{"1", "2", "3"}, failures(t, came.response))
				assert.Equal(t, c.cut, strings.Contains(text.String(), "reserve"), "%s", text)
			})
		})
	}
}

// SPEC D1: with less than 20 ms left on arrival nothing starts, and every record is reported. With more there is
// always some reserve.
func TestWithLessThan20MillisecondsNothingStarts(t *testing.T) {
	for _, c := range []struct {
		left    time.Duration
		started bool
		took    time.Duration
	}{
		{time.Nanosecond, false, 0},
		{time.Millisecond, false, 0},
		{10 * time.Millisecond, false, 0},
		{20*time.Millisecond - 1, false, 0},
		{20 * time.Millisecond, true, 15 * time.Millisecond},
		{30 * time.Millisecond, true, 25 * time.Millisecond},
	} {
		for _, source := range sources {
			t.Run(fmt.Sprint(c.left, "/", source), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					release := make(chan struct{})
					var started atomic.Bool
					came := lasting(t, c.left, source, numbered(2, groups(1)), func(context.Context, string) error {
						started.Store(true)
						<-release
						return nil
					}, troupe.WithConcurrency(1), troupe.WithErrorWhen(troupe.ErrorWhenAll))
					var failed *troupe.BatchError
					require.ErrorAs(t, came.err, &failed)
					assert.Equal(t, c.started, started.Load())
					assert.Equal(t, c.took, came.took)
					require.Len(t, failed.Failed, 2)
					require.ErrorIs(t, failed.Failed[0], troupe.ErrDeadline)
					assert.Equal(t, c.started, !errors.Is(failed.Failed[0], troupe.ErrNotStarted))
					close(release)
				})
			})
		}
	}
}

// SPEC D1 on the machine's own clock: however little time there is, a handler that hangs does not make the response
// late.
func TestShortInvocationsAreAnsweredInTime(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	p := process(standard, func(context.Context, string) error { <-release; return nil }, troupe.WithLogger(nil), troupe.WithErrorWhen(troupe.ErrorWhenNever))
	payload := document(standard, numbered(2, nil)...)
	late, of := 0, 0
	for _, left := range []time.Duration{2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond} {
		for range 20 {
			ctx, cancel := context.WithTimeout(context.Background(), left)
			deadline, _ := ctx.Deadline()
			response, err := p.Invoke(ctx, payload)
			answered := time.Now()
			cancel()
			require.NoError(t, err)
			require.Len(t, failures(t, response), 2)
			if of++; answered.After(deadline) {
				late++
			}
		}
	}
	// A machine that is busy with other things answers some of them late. Without the floors all those with 10 ms or
	// less are.
	assert.Less(t, late, of/4, "of %d", of)
}

// SPEC D1, S1: what a handler returns after the cutoff counts until the last call.
func TestHandlersThatReturnByTheLastCallCountAsWhatTheyReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const left = 10 * time.Second // cutoff at 9.5 s, last call at 9.875 s
		release := make(chan struct{})
		came := lasting(t, left, standard, numbered(7, nil), func(ctx context.Context, _ string) error {
			switch index(ctx) {
			case 0: // in time, after the cutoff
				time.Sleep(9800 * time.Millisecond)
				return nil
			case 1:
				time.Sleep(9800 * time.Millisecond)
				return errHandler
			case 2:
				time.Sleep(9800 * time.Millisecond)
				panic(errHandler)
			case 3:
				time.Sleep(9800 * time.Millisecond)
				runtime.Goexit()
			case 4: // too late
				<-release
				return nil
			case 5: // before the cutoff
				time.Sleep(9400 * time.Millisecond)
				return errHandler
			}
			panic("not to be started")
		}, troupe.WithConcurrency(6), troupe.WithPolicy(troupe.StopBatch))
		defer close(release)

		r := came.report.Records
		assert.Equal(t, troupe.Succeeded, r[0].Outcome)
		for i, want := range map[int][]error{
			1: {errHandler, troupe.ErrDeadline},
			2: {errHandler, troupe.ErrDeadline, troupe.ErrPanic},
			3: {troupe.ErrGoexit, troupe.ErrDeadline},
			4: {troupe.ErrAbandoned, troupe.ErrDeadline},
			5: {errHandler},
			6: {troupe.ErrNotStarted, troupe.ErrStopped},
		} {
			assert.Equal(t, troupe.Failed, r[i].Outcome, "record %d", i)
			for _, err := range want {
				assert.ErrorIs(t, r[i].Err, err, "record %d", i)
			}
		}
		assert.NotErrorIs(t, r[5].Err, troupe.ErrDeadline)
		assert.NotErrorIs(t, r[1].Err, troupe.ErrAbandoned)
		assert.NotErrorIs(t, r[6].Err, troupe.ErrDeadline, "what stopped it came first")
		assert.Equal(t, 1, came.report.Abandoned)
		assert.Equal(t, []string{"2", "3", "4", "5", "6", "7"}, failures(t, came.response))
	})
}

// SPEC D1: a batch whose handlers are done at the cutoff is answered at once, and the rest is reported.
func TestNothingStartsAfterTheCutoff(t *testing.T) {
	for _, source := range sources {
		t.Run(source, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				came := lasting(t, 10*time.Second, source, numbered(100, groups(100)), func(ctx context.Context, _ string) error {
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(time.Second):
						return nil
					}
				}, troupe.WithConcurrency(3))
				assert.Equal(t, 9500*time.Millisecond, came.took)
				assert.Equal(t, 27, came.report.Succeeded)
				assert.Equal(t, 70, came.report.NotStarted)
				assert.Len(t, failures(t, came.response), 73)
				for i, r := range came.report.Records[27:] {
					assert.ErrorIs(t, r.Err, troupe.ErrDeadline, "record %d", 27+i)
					assert.Equal(t, i >= 3, errors.Is(r.Err, troupe.ErrNotStarted), "record %d", 27+i)
				}
			})
		})
	}
}

// SPEC D1, D2: the response leaves before the deadline though some handlers never return; the others are
// not held back, neither is the next batch, and what comes late is of no account.
func TestHandlersThatNeverReturnHoldNothingBack(t *testing.T) {
	hanging := []int{3, 200, 500, 501, 998}
	for _, source := range sources {
		for _, late := range []string{"ok", "error", "panic", "exit"} {
			t.Run(source+"/late "+late, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					release := make(chan struct{})
					var batch, hooked atomic.Int32
					var reports []*troupe.Report
					p := process(source, func(ctx context.Context, _ string) error {
						if batch.Load() == 0 && slices.Contains(hanging, index(ctx)) {
							<-release
							switch late {
							case "error":
								return errHandler
							case "panic":
								panic(errHandler)
							case "exit":
								runtime.Goexit()
							}
							return nil
						}
						time.Sleep(time.Millisecond)
						return nil
					}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithRetry(troupe.Retry{Times: 1, Panics: true, Base: time.Millisecond}),
						troupe.WithObserver(func(_ context.Context, r *troupe.Report) { reports = append(reports, r) }),
						troupe.WithFailureHook(func(context.Context, troupe.Record, error) { hooked.Add(1) }))
					invoke := func() []string {
						ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
						defer cancel()
						response, err := p.Invoke(ctx, document(source, numbered(1000, groups(1000))...))
						require.NoError(t, err)
						require.NoError(t, ctx.Err(), "the response left too late")
						return failures(t, response)
					}

					assert.Equal(t, []string{"4", "201", "501", "502", "999"}, invoke())
					first := reports[0]
					assert.Equal(t, 995, first.Succeeded)
					assert.Equal(t, 5, first.Abandoned)
					assert.Equal(t, 5, first.Running)
					assert.EqualValues(t, 5, hooked.Load())
					before := slices.Clone(first.Records)
					totals := *first

					batch.Add(1)
					began := time.Now()
					assert.Empty(t, invoke(), "the next batch, while the handlers hang")
					assert.Less(t, time.Since(began), time.Second)
					assert.Equal(t, 5, reports[1].Running)
					assert.Zero(t, reports[1].Abandoned)

					close(release)
					synctest.Wait()
					assert.Equal(t, before, first.Records, "late results change nothing")
					assert.Equal(t, totals, *first)
					assert.EqualValues(t, 5, hooked.Load())
					assert.Empty(t, invoke(), "the next batch, after they have returned")
					assert.Zero(t, reports[2].Running)
				})
			})
		}
	}
}

// SPEC D2: an abandoned handler ends while another batch of the same processor is at work, on the same
// identifiers and groups.
func TestALateResultIsNeverBookedToAnotherBatch(t *testing.T) {
	for _, source := range sources {
		t.Run(source, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				var batch atomic.Int32
				p := process(source, func(ctx context.Context, _ string) error {
					if batch.Load() == 0 {
						<-release
						return nil
					}
					if index(ctx) == 0 {
						close(release) // the first batch's handlers succeed now
					}
					time.Sleep(time.Second)
					return errHandler
				}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithPolicy(troupe.Continue))
				invoke := func() []string {
					ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
					defer cancel()
					response, err := p.Invoke(ctx, document(source, numbered(4, groups(2))...))
					require.NoError(t, err)
					return failures(t, response)
				}
				all := []string{"1", "2", "3", "4"}
				assert.Equal(t, all, invoke())
				batch.Add(1)
				assert.Equal(t, all, invoke())
			})
		})
	}
}

// SPEC D5: without a deadline there is no limit, and handlers see none.
func TestWithoutADeadlineThereIsNoLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		came := lasting(t, 0, kinesis, numbered(3, groups(1)), func(ctx context.Context, _ string) error {
			_, limited := ctx.Deadline()
			assert.False(t, limited)
			time.Sleep(24 * time.Hour)
			return ctx.Err()
		})
		assert.Equal(t, 72*time.Hour, came.took)
		assert.Equal(t, 3, came.report.Succeeded)
	})
}

// SPEC D5: a cancelled invocation has its cutoff at once and its last call 500 ms later, or when its deadline
// says so, if that is earlier.
func TestCancellationIsACutoff(t *testing.T) {
	errCause := errors.New("SIGTERM")
	for _, c := range []struct {
		name           string
		left, lastCall time.Duration
	}{
		{"no deadline", 0, 1500 * time.Millisecond},
		{"a deadline far away", time.Minute, 1500 * time.Millisecond},
		{"a deadline that is near", 1300 * time.Millisecond, 1235 * time.Millisecond}, // reserve 260 ms, last call 65 ms before
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				ctx := context.Background()
				if c.left > 0 {
					var stop context.CancelFunc
					ctx, stop = context.WithTimeout(ctx, c.left)
					defer stop()
				}
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(time.Second, func() { cancel(errCause) })
				var cause error
				came := invoking(ctx, kinesis, numbered(8, groups(8)), func(ctx context.Context, _ string) error {
					switch index(ctx) {
					case 0: // done before
						return nil
					case 1: // obeys its context
						<-ctx.Done()
						cause = context.Cause(ctx)
						return ctx.Err()
					case 2: // is done shortly after
						time.Sleep(1100 * time.Millisecond)
						return nil
					case 3: // never
						<-release
						return nil
					}
					panic("not to be started")
				}, troupe.WithConcurrency(3))
				require.NoError(t, came.err)
				assert.Equal(t, c.lastCall, came.took)
				assert.Equal(t, errCause, cause)
				assert.Equal(t, []string{"2", "4", "5", "6", "7", "8"}, failures(t, came.response))
				for i, r := range came.report.Records {
					if i != 0 && i != 2 {
						assert.ErrorIs(t, r.Err, troupe.ErrCancelled, "record %d", i)
						assert.NotErrorIs(t, r.Err, troupe.ErrDeadline, "record %d", i)
					}
					assert.Equal(t, i == 3, errors.Is(r.Err, troupe.ErrAbandoned), "record %d", i)
					assert.Equal(t, i > 3, errors.Is(r.Err, troupe.ErrNotStarted), "record %d", i)
				}
			})
		})
	}
}

// SPEC D5, S2: an invocation that comes too late starts nothing and loses nothing.
func TestWhatIsOverBeforeItBeginsStartsNothing(t *testing.T) {
	expired, cancelled := context.WithTimeout(context.Background(), -time.Minute)
	defer cancelled()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		why  error
	}{{"expired", expired, troupe.ErrDeadline}, {"cancelled", gone, troupe.ErrCancelled}} {
		for _, source := range sources {
			t.Run(c.name+"/"+source, func(t *testing.T) {
				var reports int
				var errs []error
				p := process(source, func(context.Context, string) error { panic("not to be started") },
					troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever),
					troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
						reports++
						errs = append(errs, err)
						assert.Zero(t, rec.Attempt)
					}), troupe.WithObserver(func(context.Context, *troupe.Report) {}))
				response, err := p.Invoke(c.ctx, document(source, numbered(5, groups(2))...))
				require.NoError(t, err)
				assert.Equal(t, []string{"1", "2", "3", "4", "5"}, failures(t, response))

				p = process(source, func(context.Context, string) error { panic("not to be started") }, troupe.WithLogger(slog.New(slog.DiscardHandler)))
				_, err = p.Invoke(c.ctx, document(source, numbered(5, groups(2))...))
				assert.ErrorIs(t, err, troupe.ErrNotStarted)
				assert.ErrorIs(t, err, c.why)
			})
		}
	}
}

// SPEC D7: where the deadline had passed on arrival, every record is reported, and error and log say by how much it had,
// and what to check. Nothing of the user's is called but observers and hooks, and those are not blamed.
func TestADeadlineThatHasPassedOnArrivalIsWhatIsBlamed(t *testing.T) {
	never := func(what string) func(context.Context, string) error {
		return func(context.Context, string) error { t.Error(what + " was called"); return nil }
	}
	const says = "the invocation's deadline had passed 3h0m0s before the batch arrived; check the clock of the machine, or the emulator"
	for _, source := range sources {
		for _, hangs := range []bool{false, true} {
			t.Run(fmt.Sprint(source, "/", hangs), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var (
						log   bytes.Buffer
						seen  reported
						hooks int
					)
					ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-3*time.Hour))
					defer cancel()
					p := process(source, never("the handler"),
						troupe.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
						troupe.WithDecider(func(troupe.Record, error) troupe.Policy { t.Error("the decider was called"); return troupe.Derive }),
						troupe.WithLastResort(func(_ context.Context, _ troupe.Record, err error) error {
							t.Error("the last resort was called")
							return err
						}),
						troupe.WithRetry(troupe.Retry{Times: 3}),
						troupe.WithFailureHook(func(context.Context, troupe.Record, error) { hooks++ }),
						troupe.WithObserver(func(ctx context.Context, report *troupe.Report) {
							seen.observe(ctx, report)
							if hangs {
								time.Sleep(time.Minute)
							}
						}))
					began := time.Now()
					_, err := p.Invoke(ctx, document(source, numbered(5, groups(2))...))
					assert.LessOrEqual(t, time.Since(began), 125*time.Millisecond)
					if !hangs {
						assert.NotNil(t, seen.Report, "there is time for the log line and the observers")
						assert.NotZero(t, log.Len())
					}
					assert.ErrorContains(t, err, says)
					assert.ErrorIs(t, err, troupe.ErrNotStarted)
					assert.ErrorIs(t, err, troupe.ErrDeadline)
					var passed *batch.DeadlinePassedError
					require.ErrorAs(t, err, &passed)
					assert.Equal(t, 3*time.Hour, passed.By)
					time.Sleep(2 * time.Minute)
					synctest.Wait()
					assert.Equal(t, 5, hooks)
					require.Len(t, seen.Records, 5)
					for _, r := range seen.Records {
						assert.Equal(t, troupe.Failed, r.Outcome)
						assert.Zero(t, r.Attempts)
						assert.ErrorContains(t, r.Err, says)
					}
					assert.Equal(t, 1, strings.Count(log.String(), "\n"), "one line alone: %s", &log)
					assert.Contains(t, log.String(), says)
				})
			})
		}
	}
}

// SPEC D7: nor is a handler of whole batches called, nor the end of a window, which is where those write.
func TestNothingIsWrittenAfterADeadlineThatHadPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Hour))
		defer cancel()
		quiet := troupe.WithLogger(slog.New(slog.DiscardHandler))
		_, err := bulk.SQS(func(context.Context, []events.SQSMessage) error { t.Error("the batch handler was called"); return nil }, quiet).
			Invoke(ctx, document(standard, numbered(3, nil)...))
		assert.ErrorContains(t, err, "had passed 1h0m0s before")
		end := window.Kinesis(func(_ context.Context, n int, _ events.KinesisEventRecord) (int, error) {
			t.Error("the fold was called")
			return n, nil
		},
			func(context.Context, int) error { t.Error("the end was called"); return nil }, quiet)
		for _, records := range []string{``, `{"kinesis":{"sequenceNumber":"1","partitionKey":"k","data":"AA=="},"eventSource":"aws:kinesis"}`} {
			_, err = end.Invoke(ctx, []byte(`{"window":{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:01:00Z"},"shardId":"s","isFinalInvokeForWindow":true,"state":{},"Records":[`+records+`]}`))
			assert.ErrorContains(t, err, "had passed 1h0m0s before")
		}
	})
}

// SPEC D4: the record timeout ends an attempt's context, and 100 ms later gives the attempt up.
func TestTheRecordTimeoutBoundsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		causes := make([]error, 5)
		came := lasting(t, time.Minute, standard, numbered(6, nil), func(ctx context.Context, _ string) error {
			at, _ := ctx.Deadline()
			assert.Equal(t, time.Second, time.Until(at))
			i := index(ctx)
			switch i {
			case 0:
				time.Sleep(900 * time.Millisecond)
				return nil
			case 5:
				time.Sleep(900 * time.Millisecond)
				return errHandler
			}
			<-ctx.Done()
			causes[i] = context.Cause(ctx)
			switch i {
			case 1:
				return ctx.Err()
			case 2:
				time.Sleep(99 * time.Millisecond)
				return nil
			case 3:
				time.Sleep(99 * time.Millisecond)
				return errHandler
			default:
				<-release
				return nil
			}
		}, troupe.WithRecordTimeout(time.Second), troupe.WithPolicy(troupe.Continue))
		require.NoError(t, came.err)
		assert.Equal(t, 1100*time.Millisecond, came.took)
		assert.Equal(t, []string{"2", "4", "5", "6"}, failures(t, came.response))
		r := came.report.Records
		for _, i := range []int{1, 3, 4} {
			assert.ErrorIs(t, r[i].Err, troupe.ErrRecordTimeout, "record %d", i)
			assert.NotErrorIs(t, r[i].Err, troupe.ErrDeadline, "record %d", i)
		}
		for i, cause := range causes[1:4] { // the one that was given up may still be at it
			assert.ErrorIs(t, cause, troupe.ErrRecordTimeout, "record %d", i+1)
		}
		assert.ErrorIs(t, r[1].Err, context.DeadlineExceeded)
		assert.ErrorIs(t, r[3].Err, errHandler)
		assert.NotErrorIs(t, r[3].Err, troupe.ErrAbandoned)
		assert.ErrorIs(t, r[4].Err, troupe.ErrAbandoned)
		assert.Equal(t, 1100*time.Millisecond, r[4].Duration)
		assert.NotErrorIs(t, r[5].Err, troupe.ErrRecordTimeout)
		assert.Equal(t, 1, came.report.Abandoned)
	})
}

// SPEC D2, D4: an abandoned attempt gives up its slot, is never tried again, and its group stops there,
// whatever the policy; the others go on.
func TestAnAbandonedRecordFreesItsSlotAndStopsItsGroup(t *testing.T) {
	for _, policy := range []troupe.Policy{troupe.Continue, troupe.StopGroup, troupe.StopBatch} {
		for _, source := range []string{fifo, kinesis, dynamodb} {
			t.Run(fmt.Sprint(source, "/", policy), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					release := make(chan struct{})
					var attempts atomic.Int32
					came := lasting(t, 0, source, numbered(9, groups(3)), func(ctx context.Context, _ string) error {
						if index(ctx) == 1 {
							attempts.Add(1)
							<-release
						}
						return nil
					}, troupe.WithPolicy(policy), troupe.WithConcurrency(1), troupe.WithRecordTimeout(time.Second),
						troupe.WithRetry(troupe.Retry{Times: 3, Panics: true}))
					close(release)

					assert.EqualValues(t, 1, attempts.Load(), "never retried")
					assert.Equal(t, 1100*time.Millisecond, came.took)
					want := []string{"2", "5", "8"}
					if policy == troupe.StopBatch {
						want = []string{"2", "3", "4", "5", "6", "7", "8", "9"}
					}
					assert.Equal(t, want, failures(t, came.response))
					for _, i := range []int{4, 7} {
						assert.ErrorIs(t, came.report.Records[i].Err, troupe.ErrNotStarted)
						assert.ErrorIs(t, came.report.Records[i].Err, troupe.ErrGroupStopped)
					}
				})
			})
		}
	}
}

// SPEC D4: a record that timed out, but whose handler returned, leaves the rest of its group to the policy.
// It is not tried again.
func TestATimedOutRecordThatReturnedIsAFailureLikeAnyOther(t *testing.T) {
	for policy, want := range map[troupe.Policy][]string{
		troupe.Continue: {"1"}, troupe.StopGroup: {"1", "3"}, troupe.StopBatch: {"1", "2", "3", "4"},
	} {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				came := lasting(t, 0, kinesis, numbered(4, groups(2)), func(ctx context.Context, _ string) error {
					if index(ctx) == 0 {
						<-ctx.Done()
						return ctx.Err()
					}
					return nil
				}, troupe.WithPolicy(policy), troupe.WithConcurrency(1), troupe.WithRecordTimeout(time.Second), troupe.WithRetry(troupe.Retry{Times: 2}))
				assert.Equal(t, want, failures(t, came.response))
				assert.Equal(t, 1, came.report.Records[0].Attempts)
				assert.Zero(t, came.report.Abandoned)
			})
		})
	}
}

// SPEC D4: the grace after a record timeout never reaches past the last call.
func TestTheGraceOfARecordTimeoutEndsAtTheLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		// Reserve 200 ms, so cutoff at 800 ms and last call at 950 ms.
		came := lasting(t, time.Second, standard, numbered(1, nil), func(context.Context, string) error {
			<-release
			return nil
		}, troupe.WithRecordTimeout(900*time.Millisecond))
		assert.Equal(t, 950*time.Millisecond, came.took)
		assert.ErrorIs(t, came.report.Records[0].Err, troupe.ErrAbandoned)
	})
}

// SPEC D4: the record timeout is that of one attempt, not of all of them.
func TestEveryAttemptHasItsOwnRecordTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limits []time.Duration
		came := lasting(t, 0, standard, numbered(1, nil), func(ctx context.Context, _ string) error {
			at, _ := ctx.Deadline()
			limits = append(limits, time.Until(at))
			time.Sleep(900 * time.Millisecond)
			if len(limits) < 3 {
				return errHandler
			}
			return nil
		}, troupe.WithRecordTimeout(time.Second), troupe.WithRetry(troupe.Retry{Times: 2}))
		assert.Equal(t, []time.Duration{time.Second, time.Second, time.Second}, limits)
		assert.Equal(t, 1, came.report.Succeeded)
		assert.Equal(t, 2, came.report.Retried)
	})
}

// SPEC P6: a back-off that would outlast the time there is is not begun; the record fails now.
func TestABackoffThatWouldPassTheCutoffFailsTheRecordNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Cutoff at 9.5 s.
		came := lasting(t, 10*time.Second, standard, numbered(2, nil), func(context.Context, string) error { return errHandler },
			troupe.WithRetry(troupe.Retry{Times: 10, Backoff: func(int) time.Duration { return 4 * time.Second }}))
		assert.Equal(t, 8*time.Second, came.took)
		for _, r := range came.report.Records {
			assert.Equal(t, 3, r.Attempts)
			assert.ErrorIs(t, r.Err, errHandler)
			assert.NotErrorIs(t, r.Err, troupe.ErrDeadline)
		}
	})
}

// SPEC P6: after a stop or a cutoff a record in back-off is not tried again, and fails with its last error.
func TestARecordInBackoffFailsWithItsLastErrorWhenTheBatchIsStopped(t *testing.T) {
	errLast := errors.New("the last error")
	for _, concurrency := range []int{1, 2} {
		for _, stopped := range []bool{true, false} {
			if concurrency == 1 && stopped {
				continue // the one slot is the record's, so nothing else can stop the batch
			}
			t.Run(fmt.Sprint(concurrency, stopped), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					if !stopped {
						time.AfterFunc(time.Second, cancel)
					}
					came := invoking(ctx, kinesis, numbered(4, groups(4)), func(ctx context.Context, _ string) error {
						if index(ctx) == 0 {
							return errLast
						}
						time.Sleep(time.Second)
						return troupe.Permanent(errHandler)
					}, troupe.WithPolicy(troupe.StopBatch), troupe.WithConcurrency(concurrency), troupe.WithRetry(troupe.Retry{Times: 2, Base: time.Hour, Max: time.Hour}))
					assert.Equal(t, time.Second, came.took)
					r := came.report.Records
					assert.Equal(t, 1, r[0].Attempts)
					assert.Equal(t, errLast, r[0].Err)
					assert.Zero(t, r[0].Duration, "from the start of the first attempt to the end of the last")
					assert.Equal(t, []string{"1", "2", "3", "4"}, failures(t, came.response))
					assert.ErrorIs(t, r[3].Err, troupe.ErrNotStarted)
				})
			})
		}
	}
}

// SPEC D1, D2 on the machine's own clock: handlers that never give way, on the only core there is, do not
// keep the response from leaving in time. The handlers never end, so they get a process of their own.
func TestTwoSpinningHandlersOnOneCoreAreAnsweredForInTime(t *testing.T) {
	const child = "TROUPE_TEST_SPIN"
	if os.Getenv(child) == "" {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
		// Binaries built by go test -cover complain if there is nowhere to write to.
		cmd.Env = append(os.Environ(), child+"=1", "GOMAXPROCS=1", "GOCOVERDIR="+t.TempDir())
		began := time.Now()
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), "answered in time")
		assert.Less(t, time.Since(began), 20*time.Second)
		return
	}

	const left = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), left)
	defer cancel()
	p := process(standard, func(ctx context.Context, _ string) error {
		if i := index(ctx); i == 3 || i == 7 {
			for n := 0; ; n++ {
				if n < 0 {
					return nil
				}
			}
		}
		return nil
	})
	began := time.Now()
	response, err := p.Invoke(ctx, document(standard, numbered(1000, nil)...))
	took, late := time.Since(began), ctx.Err()
	require.NoError(t, err)
	require.NoError(t, late, "after %v", took)
	require.Equal(t, []string{"4", "8"}, failures(t, response))
	fmt.Printf("answered in time: after %v of %v\n", took, left)
	os.Exit(0) // nothing else ends the handlers
}

// SPEC D3: the runtime uses the payload's memory again once Invoke has returned, and nothing that a handler,
// an abandoned one or an observer still sees is part of it.
func TestNothingAHandlerSeesIsPartOfThePayload(t *testing.T) {
	for _, source := range sources {
		for _, options := range [][]troupe.Option{nil, {troupe.WithMiddleware(passOn)}, {troupe.WithRecordTimeout(time.Hour)}} {
			t.Run(fmt.Sprint(source, "/", len(options)), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const n = 6
					var kept [n]func() string
					var was, is [n]string
					release := make(chan struct{})
					var seen reported
					all := append([]troupe.Option{troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithObserver(seen.observe)}, options...)
					p := keeping(source, func(ctx context.Context, tell func() string) error {
						rec, _ := troupe.RecordFrom(ctx)
						whole := func() string { again, _ := troupe.RecordFrom(ctx); return fmt.Sprint(again, tell()) }
						kept[rec.Index], was[rec.Index] = whole, strings.Clone(whole())
						if rec.Index%2 == 1 {
							<-release
							is[rec.Index] = whole()
						}
						return nil
					}, all...)

					payload := document(source, numbered(n, groups(n))...)
					before := bytes.Clone(payload)
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					defer cancel()
					response, err := p.Invoke(ctx, payload)
					require.NoError(t, err)
					assert.Equal(t, before, payload, "the payload is the runtime's")
					told, ids := fmt.Sprint(seen.Records), bytes.Clone(response)
					for i := range payload {
						payload[i] = '#'
					}
					close(release)
					synctest.Wait()

					for i := range n {
						assert.Contains(t, was[i], fmt.Sprint("body of ", i+1))
						assert.Equal(t, was[i], kept[i](), "record %d, kept", i)
						if i%2 == 1 {
							assert.Equal(t, was[i], is[i], "record %d, abandoned", i)
						}
					}
					assert.Equal(t, told, fmt.Sprint(seen.Records))
					assert.Equal(t, ids, response)
				})
			})
		}
	}
}

func passOn(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
	return next
}
