package semantics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
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
)

// SPEC R4: the last resort is called once for each record that has failed for good, at the end of its last attempt,
// for panics and for records that cannot be decoded too; a dropped record is no failure for the policy.
func TestTheLastResortIsCalledOnceForARecordThatHasFailedForGood(t *testing.T) {
	errOther := errors.New("another error")
	for name, c := range map[string]struct {
		handle   func(attempt int) error
		resolve  func(error) error
		retries  int
		attempts int
		outcome  troupe.Outcome
		is       error // what the record's error matches
		called   int
	}{
		"an error, dropped":         {func(int) error { return errHandler }, func(error) error { return nil }, 0, 1, troupe.Dropped, errHandler, 1},
		"an error, dropped by mark": {func(int) error { return errHandler }, func(error) error { return troupe.Drop(errOther) }, 0, 1, troupe.Dropped, errOther, 1},
		"an error, left":            {func(int) error { return errHandler }, func(err error) error { return err }, 0, 1, troupe.Failed, errHandler, 1},
		"an error, replaced":        {func(int) error { return errHandler }, func(error) error { return errOther }, 0, 1, troupe.Failed, errOther, 1},
		"a panic":                   {func(int) error { panic(errHandler) }, func(error) error { return nil }, 0, 1, troupe.Dropped, troupe.ErrPanic, 1},
		"Goexit":                    {func(int) error { runtime.Goexit(); return nil }, func(error) error { return nil }, 0, 1, troupe.Dropped, troupe.ErrGoexit, 1},
		"the last of three":         {func(int) error { return errHandler }, func(error) error { return nil }, 2, 3, troupe.Dropped, errHandler, 1},
		"a success after a failure": {func(n int) error {
			if n == 1 {
				return errHandler
			}
			return nil
		}, func(error) error { panic("it is called") }, 2, 2, troupe.Succeeded, nil, 0},
		"a permanent error":          {func(int) error { return troupe.Permanent(errHandler) }, func(error) error { return nil }, 2, 1, troupe.Dropped, errHandler, 1},
		"a dropped record":           {func(int) error { return troupe.Drop(errHandler) }, func(error) error { panic("it is called") }, 0, 1, troupe.Dropped, errHandler, 0},
		"a last resort that panics":  {func(int) error { return errHandler }, func(error) error { panic(errOther) }, 0, 1, troupe.Failed, errHandler, 1},
		"a last resort that is gone": {func(int) error { return errHandler }, func(error) error { runtime.Goexit(); return nil }, 0, 1, troupe.Failed, errHandler, 1},
	} {
		for _, source := range []string{standard, fifo} {
			t.Run(name+"/"+source, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					attempts, called := 0, 0
					options := []troupe.Option{
						troupe.WithConcurrency(1), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)),
						troupe.WithLastResort(func(ctx context.Context, rec troupe.Record, err error) error {
							called++
							assert.Equal(t, "1", rec.ID)
							assert.Equal(t, attempts, rec.Attempt)
							assert.NoError(t, ctx.Err())
							from, ok := troupe.RecordFrom(ctx)
							assert.True(t, ok)
							assert.Equal(t, rec, from)
							return c.resolve(err)
						}),
					}
					if c.retries > 0 {
						options = append(options, troupe.WithRetry(troupe.Retry{Times: c.retries}))
					}
					var seen reported
					p := process(source, func(ctx context.Context, _ string) error {
						if index(ctx) > 0 {
							return nil
						}
						attempts++
						return c.handle(attempts)
					}, append(options, troupe.WithObserver(seen.observe))...)
					response, err := p.Invoke(t.Context(), document(source, numbered(3, groups(1))...))
					require.NoError(t, err)
					r := seen.Records[0]
					assert.Equal(t, c.called, called)
					assert.Equal(t, c.attempts, r.Attempts)
					assert.Equal(t, c.outcome, r.Outcome)
					if c.is != nil {
						assert.ErrorIs(t, r.Err, c.is)
					}
					if c.is == errHandler {
						assert.NotErrorIs(t, r.Err, troupe.ErrGoexit, "that of a last resort does not count")
					}
					want := []string{}
					if c.outcome == troupe.Failed {
						if want = []string{"1"}; source == fifo { // StopBatch: nothing behind it starts
							want = []string{"1", "2", "3"}
						}
					}
					assert.Equal(t, want, failures(t, response))
					assert.Equal(t, 3-len(want), seen.Succeeded+seen.Dropped)
				})
			})
		}
	}
}

// SPEC R4: the next of a group starts only when the last resort has returned, and while it runs the record keeps its
// slot.
func TestALastResortHoldsItsSlotAndItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []string
		began := time.Now()
		note := func(what string) { events = append(events, fmt.Sprint(what, "@", time.Since(began))) }
		p := process(kinesis, func(ctx context.Context, body string) error {
			note(body)
			if index(ctx) == 0 {
				return errHandler
			}
			return nil
		}, troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler)),
			troupe.WithLastResort(func(context.Context, troupe.Record, error) error {
				time.Sleep(time.Second)
				note("resolved")
				return nil
			}))
		_, err := p.Invoke(t.Context(), document(kinesis, numbered(2, groups(1))...))
		require.NoError(t, err)
		assert.Equal(t, "body of 1@0s resolved@1s body of 2@1s", strings.Join(events, " "))
	})
}

// SPEC R4: it is not called for a handler that was abandoned, nor after the cutoff; one that hangs costs its record.
func TestALastResortIsNotCalledWhenItIsTooLate(t *testing.T) {
	for name, c := range map[string]struct {
		lasts   time.Duration // the handler
		hangs   bool          // the last resort
		called  int32
		reasons []error
	}{
		"in time":          {time.Second, false, 1, nil},
		"after the cutoff": {9700 * time.Millisecond, false, 0, []error{troupe.ErrDeadline, errHandler}},
		"abandoned":        {time.Minute, false, 0, []error{troupe.ErrAbandoned, troupe.ErrDeadline}},
		"it hangs itself":  {time.Second, true, 1, []error{troupe.ErrAbandoned, troupe.ErrDeadline}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				var called atomic.Int32
				var seen reported
				release := make(chan struct{})
				p := process(standard, func(context.Context, string) error { time.Sleep(c.lasts); return errHandler },
					troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(seen.observe),
					troupe.WithLastResort(func(context.Context, troupe.Record, error) error {
						if called.Add(1); c.hangs {
							<-release
						}
						return nil
					}))
				_, err := p.Invoke(ctx, document(standard, numbered(1, nil)...))
				require.NoError(t, err)
				assert.NoError(t, ctx.Err(), "the response is late")
				assert.Equal(t, c.called, called.Load())
				r := seen.Records[0]
				if c.reasons == nil {
					assert.Equal(t, troupe.Dropped, r.Outcome)
				}
				for _, is := range c.reasons {
					assert.ErrorIs(t, r.Err, is)
				}
				close(release)
				time.Sleep(time.Hour) // what was abandoned ends
				assert.Equal(t, c.called, called.Load(), "it is called late")
			})
		})
	}
}

// SPEC R4: a record that cannot be decoded reaches no handler, and the last resort all the same.
func TestTheLastResortIsCalledForARecordThatCannotBeDecoded(t *testing.T) {
	var resolved []string
	p := process(standard, func(context.Context, string) error { return nil }, troupe.WithLogger(slog.New(slog.DiscardHandler)),
		troupe.WithLastResort(func(_ context.Context, rec troupe.Record, err error) error {
			assert.ErrorIs(t, err, troupe.ErrUndecodable)
			resolved = append(resolved, rec.ID)
			return nil
		}))
	response, err := p.Invoke(t.Context(), []byte(`{"Records":[{"messageId":"1","body":5},{"messageId":"2","body":"b"}]}`))
	require.NoError(t, err)
	assert.Empty(t, failures(t, response))
	assert.Equal(t, []string{"1"}, resolved)
}

// An option of another package about redelivery is asked after the user's last resorts, whatever the order of the
// options, and is refused where the batch is redelivered as a whole or where it is for another source.
func TestRedeliveryIsDecidedAfterTheLastResorts(t *testing.T) {
	var asked []string
	resort := func(name string) func(context.Context, troupe.Record, error) error {
		return func(_ context.Context, _ troupe.Record, err error) error {
			asked = append(asked, name)
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	p := process(standard, func(context.Context, string) error { return errHandler },
		troupe.WithRedelivery(batch.Redelivery{Sources: []troupe.Source{"sqs"}, LastResort: resort("redelivery")}),
		troupe.WithRedelivery(batch.Redelivery{Reserve: time.Second}),
		troupe.WithLastResort(resort("first")), troupe.WithLastResort(resort("second")),
		troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)),
		troupe.WithObserver(func(_ context.Context, r *troupe.Report) {
			assert.EqualError(t, r.Records[0].Err, "redelivery: second: first: "+errHandler.Error())
		}))
	_, err := p.Invoke(t.Context(), document(standard, numbered(1, groups(1))...))
	require.NoError(t, err)
	assert.Equal(t, []string{"first", "second", "redelivery"}, asked)

	never := func(context.Context, events.SQSMessage) error { return nil }
	for name, redelivery := range map[string]troupe.Option{
		"WithRedelivery": troupe.WithRedelivery(batch.Redelivery{}),
		"pkg.Backoff":    troupe.Named("pkg.Backoff", troupe.WithRedelivery(batch.Redelivery{})),
	} {
		for _, options := range [][]troupe.Option{{redelivery, troupe.WithErrorWhen(troupe.ErrorWhenAny)}, {troupe.WithErrorWhen(troupe.ErrorWhenAny), redelivery}} {
			assert.PanicsWithError(t, "troupe: "+name+" is not allowed with ErrorWhenAny: after an error Lambda redelivers the whole batch", func() { troupe.SQS(never, options...) })
		}
	}
	assert.PanicsWithError(t, "troupe: WithRedelivery is for kinesis or dynamodb, not for sqs", func() {
		troupe.SQS(never, troupe.WithRedelivery(batch.Redelivery{Sources: []troupe.Source{"kinesis", "dynamodb"}}))
	})
}

// The reserve that redelivery needs counts unless a longer one is given.
func TestRedeliveryHasALeastReserve(t *testing.T) {
	for _, c := range []struct{ given, least, want time.Duration }{
		{0, time.Second, time.Second}, {3 * time.Second, time.Second, 3 * time.Second}, {20 * time.Millisecond, time.Second, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			options := []troupe.Option{troupe.WithRedelivery(batch.Redelivery{Reserve: time.Millisecond}), troupe.WithRedelivery(batch.Redelivery{Reserve: c.least})}
			if c.given > 0 {
				options = append(options, troupe.WithReserve(c.given))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := process(standard, func(ctx context.Context, _ string) error {
				cutoff, _ := ctx.Deadline()
				deadline, _ := troupe.DeadlineFrom(ctx)
				assert.Equal(t, c.want, deadline.Sub(cutoff))
				return nil
			}, options...).Invoke(ctx, document(standard, numbered(1, groups(1))...))
			require.NoError(t, err)
		})
	}
}

// A last resort can ask whether a record before its own has failed for good: a stream is redelivered from there.
func TestALastResortKnowsWhetherARecordBeforeHasFailed(t *testing.T) {
	for name, c := range map[string]struct {
		options []troupe.Option
		dropped bool // what the last resort does with the first failed record
		want    []bool
	}{
		"the first one fails":  {nil, false, []bool{false, true, true}},
		"the first is dropped": {nil, true, []bool{false, false, false}},
		"with retries":         {[]troupe.Option{troupe.WithRetry(troupe.Retry{Times: 1})}, false, []bool{false, true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []bool
				p := process(standard, func(ctx context.Context, _ string) error { return errHandler }, append(c.options,
					troupe.WithConcurrency(1), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)),
					troupe.WithLastResort(func(ctx context.Context, _ troupe.Record, err error) error {
						turn, _ := batch.TurnFrom(ctx)
						if got = append(got, turn.FailedBefore()); c.dropped {
							return nil
						}
						return err
					}))...)
				_, err := p.Invoke(t.Context(), document(standard, numbered(3, groups(1))...))
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
			})
		})
	}
}

// A last resort has what there is of a record that cannot be decoded.
func TestALastResortHasTheRecordAsItArrived(t *testing.T) {
	for name, c := range map[string]struct {
		record, want string
		whole        bool
	}{
		"decodable":              {`{"messageId":"1","body":"b\n"}`, "b\n", false},
		"one field is not":       {`{"messageId":"1","body":"b","messageAttributes":7}`, "b", false},
		"neither is the body":    {`{"messageId":"1","body":7}`, `{"messageId":"1","body":7}`, true},
		"there is no body":       {`{"messageId":"1"}`, `{"messageId":"1"}`, true},
		"a field occurs twice":   {`{"messageId":"1","body":"a","body":"b","md5OfBody":""}`, "b", false},
		"nothing can be trusted": {`{"messageId":"1","body":"a","body":"b","attributes":{"a":1}}`, `{"messageId":"1","body":"a","body":"b","attributes":{"a":1}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			called := false
			p := troupe.SQS(func(context.Context, events.SQSMessage) error { return errHandler },
				troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)),
				troupe.WithLastResort(func(ctx context.Context, _ troupe.Record, err error) error {
					turn, _ := batch.TurnFrom(ctx)
					raw, whole := turn.Raw()
					assert.Equal(t, c.want, string(raw))
					assert.Equal(t, c.whole, whole)
					called = true
					return err
				}))
			_, err := p.Invoke(t.Context(), []byte(`{"Records":[`+c.record+`]}`))
			require.NoError(t, err)
			assert.True(t, called)
		})
	}
}

// A record has failed for good once it is known that no other attempt follows, not only when the policy has been asked.
func TestARecordHasFailedBeforeTheDeciderIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deciding, asked := make(chan struct{}), make(chan struct{})
		failed := false
		p := process(standard, func(ctx context.Context, _ string) error {
			if index(ctx) == 1 {
				<-deciding
			}
			return errHandler
		},
			troupe.WithDecider(func(rec troupe.Record, _ error) troupe.Policy {
				if rec.Index == 0 {
					close(deciding)
					<-asked
				}
				return troupe.Derive
			}),
			troupe.WithLastResort(func(ctx context.Context, rec troupe.Record, err error) error {
				if rec.Index == 1 {
					turn, _ := batch.TurnFrom(ctx)
					failed = turn.FailedBefore()
					close(asked)
				}
				return err
			}),
			troupe.WithConcurrency(2), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)))
		_, err := p.Invoke(t.Context(), document(standard, numbered(2, groups(1))...))
		require.NoError(t, err)
		assert.True(t, failed)
	})
}

// An abandoned record has failed for good, too.
func TestARecordHasFailedBeforeWhenItIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		defer close(hung)
		var failed []bool
		p := process(standard, func(ctx context.Context, _ string) error {
			if index(ctx) == 0 {
				<-hung
				return nil
			}
			time.Sleep(3 * time.Second) // record 1 fails before record 0 is abandoned, record 2 after it
			return errHandler
		},
			troupe.WithRecordTimeout(4*time.Second), troupe.WithConcurrency(2),
			troupe.WithLastResort(func(ctx context.Context, rec troupe.Record, err error) error {
				turn, _ := batch.TurnFrom(ctx)
				failed = append(failed, turn.FailedBefore())
				return nil
			}),
			troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)))
		_, err := p.Invoke(t.Context(), document(standard, numbered(3, groups(1))...))
		require.NoError(t, err)
		assert.Equal(t, []bool{false, true}, failed)
	})
}

// Where the event was decoded already, the JSON of a record is that of its Go type.
func TestALastResortHasTheRecordOfADecodedEvent(t *testing.T) {
	for _, c := range []struct{ body, want string }{{"b", "b"}, {"", `{"messageId":"1",`}} {
		p := troupe.SQS(func(context.Context, events.SQSMessage) error { return errHandler },
			troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)),
			troupe.WithLastResort(func(ctx context.Context, _ troupe.Record, err error) error {
				turn, _ := batch.TurnFrom(ctx)
				raw, whole := turn.Raw()
				assert.True(t, strings.HasPrefix(string(raw), c.want), string(raw))
				assert.Equal(t, c.body == "", whole)
				return nil
			}))
		_, report, err := p.ProcessReport(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", Body: c.body}}})
		require.NoError(t, err)
		assert.Equal(t, 1, report.Dropped)
	}
}

// SPEC R4: the error that a record had stands if the last resort ends the goroutine, with the reason that troupe added.
func TestALastResortThatEndsItsGoroutineLeavesTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen reported
		p := process(standard, func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return errHandler
		}, troupe.WithRecordTimeout(time.Second), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)),
			troupe.WithObserver(seen.observe),
			troupe.WithLastResort(func(context.Context, troupe.Record, error) error { runtime.Goexit(); return nil }))
		_, err := p.Invoke(t.Context(), document(standard, numbered(1, nil)...))
		require.NoError(t, err)
		assert.ErrorIs(t, seen.Records[0].Err, errHandler)
		assert.ErrorIs(t, seen.Records[0].Err, troupe.ErrRecordTimeout)
	})
}

// SPEC R4: of several last resorts none is called after the cutoff, when the record may have been reported.
func TestNoLastResortFollowsAnotherAfterTheCutoff(t *testing.T) {
	for name, c := range map[string]struct {
		first time.Duration // how long the first takes
		want  int32
	}{
		"in time":             {time.Second, 1},
		"after the cutoff":    {9700 * time.Millisecond, 0},
		"after the last call": {time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				var called atomic.Int32
				p := process(standard, func(context.Context, string) error { return errHandler },
					troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)),
					troupe.WithLastResort(func(_ context.Context, _ troupe.Record, err error) error { time.Sleep(c.first); return err }),
					troupe.WithRedelivery(batch.Redelivery{LastResort: func(_ context.Context, _ troupe.Record, err error) error { called.Add(1); return err }}))
				_, err := p.Invoke(ctx, document(standard, numbered(1, nil)...))
				require.NoError(t, err)
				time.Sleep(time.Hour)
				assert.Equal(t, c.want, called.Load())
			})
		})
	}
}

// The context of a last resort ends at the cutoff and because of that, whatever the record timeout has done to the
// handler's.
func TestTheContextOfALastResortIsNotTheHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var during, after error
		p := process(standard, func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return errHandler
		}, troupe.WithRecordTimeout(time.Second), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)),
			troupe.WithLastResort(func(ctx context.Context, _ troupe.Record, err error) error {
				during = context.Cause(ctx)
				<-ctx.Done()
				after = context.Cause(ctx)
				return err
			}))
		_, err := p.Invoke(ctx, document(standard, numbered(1, nil)...))
		require.NoError(t, err)
		assert.NoError(t, during)
		assert.Equal(t, troupe.ErrDeadline, after)
	})
}

// A last resort and an observer can decode a record that has no group, and those behind it that were never started.
func TestRecordsWithoutAGroupCanBeDecoded(t *testing.T) {
	var resolved, observed []string
	p := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil },
		troupe.WithGroup(func(m events.SQSMessage) string {
			if m.MessageId == "2" {
				panic("no group")
			}
			return "g"
		}),
		troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)),
		troupe.WithLastResort(func(ctx context.Context, _ troupe.Record, err error) error {
			msg, failure := troupe.MessageFrom[events.SQSMessage](ctx)
			assert.NoError(t, failure)
			resolved = append(resolved, msg.Body)
			return err
		}),
		troupe.WithObserver(func(ctx context.Context, r *troupe.Report) {
			for i := range r.Records {
				msg, err := troupe.MessageAt[events.SQSMessage](ctx, i)
				assert.NoError(t, err)
				observed = append(observed, msg.Body)
			}
		}))
	_, err := p.Invoke(t.Context(), []byte(`{"Records":[{"messageId":"1","body":"a"},{"messageId":"2","body":"b"},{"messageId":"3","body":"c"}]}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"b"}, resolved)
	assert.Equal(t, []string{"a", "b", "c"}, observed)
}
