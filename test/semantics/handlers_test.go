package semantics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// brokenError is an error that cannot even be printed.
type brokenError struct{}

func (brokenError) Error() string { panic("Error panics too") }

// goneError is an error whose method ends the goroutine that calls it.
type goneError struct{}

func (goneError) Error() string { runtime.Goexit(); return "" }

// curiousError is an error whose As panics.
type curiousError struct{}

func (curiousError) Error() string { return "curious" }
func (curiousError) As(any) bool   { panic("As panics") }

// incomparableError cannot be compared with ==.
type incomparableError struct{ all []string }

func (incomparableError) Error() string { return "incomparable" }

// SPEC S1: whatever a handler does instead of returning nil, its record has failed for that reason, and the
// others have not noticed.
func TestEveryWayToFailIsTheRecordsOwn(t *testing.T) {
	for _, c := range []struct {
		name   string
		handle func() error
		is     []error
		check  func(*testing.T, error)
	}{
		{"error", func() error { return errHandler }, []error{errHandler}, func(t *testing.T, err error) { assert.Equal(t, errHandler, err) }},
		{"typed nil error", func() error { return (*troupe.PanicError)(nil) }, nil, nil},
		{"incomparable error", func() error { return incomparableError{[]string{"a"}} }, nil, nil},
		{"error whose Error panics", func() error { return brokenError{} }, []error{brokenError{}}, nil},
		{"error whose As panics", func() error { return curiousError{} }, []error{curiousError{}}, nil},
		{"permanent error", func() error { return troupe.Permanent(errHandler) }, []error{errHandler}, func(t *testing.T, err error) {
			assert.EqualError(t, err, errHandler.Error())
		}},
		{"panic with an error", func() error { panic(errHandler) }, []error{troupe.ErrPanic, errHandler}, func(t *testing.T, err error) {
			var p *troupe.PanicError
			require.ErrorAs(t, err, &p)
			assert.Equal(t, errHandler, p.Value)
			assert.Contains(t, string(p.Stack), "TestEveryWayToFailIsTheRecordsOwn")
		}},
		{"panic with a value", func() error { panic(42) }, []error{troupe.ErrPanic}, func(t *testing.T, err error) {
			var p *troupe.PanicError
			require.ErrorAs(t, err, &p)
			assert.Equal(t, 42, p.Value)
			assert.Contains(t, err.Error(), "42")
		}},
		{"panic with nil", func() error { panic(nil) }, []error{troupe.ErrPanic}, func(t *testing.T, err error) {
			var none *runtime.PanicNilError
			assert.ErrorAs(t, err, &none)
		}},
		{"panic with an error whose Error panics", func() error { panic(brokenError{}) }, []error{troupe.ErrPanic}, nil},
		{"runtime error", func() error { none := []error{}; return none[len(none)] }, []error{troupe.ErrPanic}, func(t *testing.T, err error) {
			var r runtime.Error
			assert.ErrorAs(t, err, &r)
		}},
		{"Goexit", func() error { runtime.Goexit(); return nil }, []error{troupe.ErrGoexit}, func(t *testing.T, err error) {
			assert.NotErrorIs(t, err, troupe.ErrPanic)
		}},
		{"Goexit in a deferred call of a panic", func() error { defer runtime.Goexit(); panic(errHandler) }, []error{troupe.ErrGoexit}, nil},
		{"panic in a deferred call of Goexit", func() error { defer panic(errHandler); runtime.Goexit(); return nil }, []error{troupe.ErrPanic}, nil},
	} {
		for _, source := range sources {
			for _, concurrency := range []int{1, 4} {
				t.Run(fmt.Sprint(c.name, "/", source, "/", concurrency), func(t *testing.T) {
					var seen reported
					logger, _ := logged()
					var hooked []error
					p := process(source, func(ctx context.Context, _ string) error {
						if index(ctx) == 2 {
							return c.handle()
						}
						return nil
					}, troupe.WithPolicy(troupe.Continue), troupe.WithConcurrency(concurrency), troupe.WithLogger(logger), troupe.WithObserver(seen.observe),
						troupe.WithFailureHook(func(_ context.Context, _ troupe.Record, err error) { hooked = append(hooked, err) }))
					response, err := p.Invoke(context.Background(), document(source, numbered(6, groups(2))...))
					require.NoError(t, err)
					assert.Equal(t, []string{"3"}, failures(t, response))
					assert.Equal(t, 5, seen.Succeeded)
					got := seen.Records[2].Err
					require.NotNil(t, got)
					for _, want := range c.is {
						assert.ErrorIs(t, got, want)
					}
					if c.check != nil {
						c.check(t, got)
					}
					if assert.Len(t, hooked, 1) {
						assert.True(t, sameError(got, hooked[0]))
					}
				})
			}
		}
	}
}

// sameError compares errors that cannot be compared, too.
func sameError(a, b error) bool { return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b) }

// SPEC S7: the error of an invocation can be printed, whatever the handlers' errors do.
func TestTheErrorOfAnInvocationCanAlwaysBePrinted(t *testing.T) {
	for name, handle := range map[string]func() error{
		"error":                  func() error { return brokenError{} },
		"panic":                  func() error { panic(brokenError{}) },
		"after the cutoff":       func() error { return fmt.Errorf("wrapped: %w", brokenError{}) },
		"a very long one":        func() error { return errors.New(strings.Repeat("€", 1<<20)) },
		"a very long panic":      func() error { panic(strings.Repeat("€", 1<<20)) },
		"one that is not UTF-8":  func() error { return errors.New(strings.Repeat("\xff\x80", 1<<10)) },
		"only runes' later part": func() error { return errors.New(strings.Repeat("\x80", 1<<10)) },
	} {
		t.Run(name, func(t *testing.T) {
			logger, text := logged()
			p := process(standard, func(context.Context, string) error { return handle() }, troupe.WithLogger(logger))
			_, err := p.Invoke(context.Background(), document(standard, numbered(3, nil)...))
			require.Error(t, err)
			assert.Less(t, len(fmt.Sprint(err)), 1000, "SPEC S7: bounded text")
			assert.Contains(t, fmt.Sprint(err), "3 of 3")
			assert.Less(t, text.Len(), 8000, "the log line is bounded too")
			assert.Contains(t, text.String(), "records failed")
		})
	}
}

// SPEC D3, S2: what a handler does to its record is its own affair.
func TestAHandlerMayChangeWhatItWasGiven(t *testing.T) {
	var bodies sync.Map
	p := troupe.SQS(func(ctx context.Context, m events.SQSMessage) error {
		rec, _ := troupe.RecordFrom(ctx)
		key := fmt.Sprint(rec.ID, " ", rec.Attempt)
		bodies.Store(key, fmt.Sprint(m.Body, m.Attributes))
		m.Attributes["MessageGroupId"] = "another"
		clear(m.Attributes)
		m.MessageId = "another"
		if rec.Attempt == 1 {
			return errHandler
		}
		return nil
	}, troupe.WithRetry(troupe.Retry{Times: 1, Base: 1}), troupe.WithLogger(slog.New(slog.DiscardHandler)))
	response, err := p.Invoke(context.Background(), document(fifo, numbered(20, groups(3))...))
	require.NoError(t, err)
	assert.Empty(t, failures(t, response))
	for i := range 20 {
		first, _ := bodies.Load(fmt.Sprint(i+1, " 1"))
		second, ok := bodies.Load(fmt.Sprint(i+1, " 2"))
		require.True(t, ok)
		assert.Contains(t, first, fmt.Sprint("body of ", i+1))
		assert.Equal(t, first, second, "another attempt sees the record anew")
	}
}

// SPEC 2: the context tells handlers and middleware which record it is, and which attempt.
func TestTheContextKnowsTheRecord(t *testing.T) {
	type key struct{}
	for _, source := range sources {
		t.Run(source, func(t *testing.T) {
			names := map[string]troupe.Record{}
			var mu sync.Mutex
			note := func(what string, rec troupe.Record) {
				mu.Lock()
				defer mu.Unlock()
				names[fmt.Sprint(what, rec.Index, rec.Attempt)] = rec
			}
			var middle troupe.Middleware = func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
				return func(ctx context.Context, rec troupe.Record) error {
					note("middleware", rec)
					from, ok := troupe.RecordFrom(ctx)
					assert.True(t, ok)
					assert.Equal(t, rec, from)
					return next(context.WithValue(ctx, key{}, rec.Index), rec)
				}
			}
			p := process(source, func(ctx context.Context, _ string) error {
				rec, ok := troupe.RecordFrom(ctx)
				assert.True(t, ok)
				note("handler", rec)
				assert.Equal(t, rec.Index, ctx.Value(key{}))
				child, cancel := context.WithCancel(ctx)
				defer cancel()
				again, ok := troupe.RecordFrom(child)
				assert.True(t, ok)
				assert.Equal(t, rec, again)
				assert.Equal(t, "the caller's", ctx.Value(callersKey{}))
				if rec.Attempt == 1 {
					return errHandler
				}
				return nil
			}, troupe.WithMiddleware(middle), troupe.WithRetry(troupe.Retry{Times: 1, Base: 1}), troupe.WithLogger(slog.New(slog.DiscardHandler)))
			_, err := p.Invoke(context.WithValue(context.Background(), callersKey{}, "the caller's"), document(source, numbered(3, groups(2))...))
			require.NoError(t, err)
			assert.Len(t, names, 12)
			name := troupe.Record{}.Source
			switch source {
			case standard, fifo:
				name = "sqs"
			case kinesis:
				name = "kinesis"
			case dynamodb:
				name = "dynamodb"
			}
			for i := range 3 {
				for attempt := 1; attempt <= 2; attempt++ {
					rec := names[fmt.Sprint("handler", i, attempt)]
					assert.Equal(t, fmt.Sprint(i+1), rec.ID)
					assert.Equal(t, name, rec.Source)
					assert.Equal(t, attempt, rec.Attempt)
					assert.Equal(t, source == standard, rec.Group == "", "%+v", rec)
					assert.Equal(t, rec, names[fmt.Sprint("middleware", i, attempt)])
				}
			}
		})
	}
	_, ok := troupe.RecordFrom(context.Background())
	assert.False(t, ok)
}

type callersKey struct{}

// SPEC 2: middleware is put around the handler in the order in which it is given, built once, and what it
// returns is what counts.
func TestMiddlewareWrapsTheHandler(t *testing.T) {
	var trace []string
	built := 0
	layer := func(name string) troupe.Middleware {
		return func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
			built++
			return func(ctx context.Context, rec troupe.Record) error {
				trace = append(trace, name+" in")
				err := next(ctx, rec)
				trace = append(trace, fmt.Sprint(name, " out: ", err))
				if name == "b" {
					return nil // forgives
				}
				return err
			}
		}
	}
	p := process(standard, func(context.Context, string) error { trace = append(trace, "handler"); return errHandler },
		troupe.WithMiddleware(layer("a"), layer("b")), troupe.WithMiddleware(layer("c")), troupe.WithConcurrency(1))
	for range 2 {
		trace = nil
		response, err := p.Invoke(context.Background(), document(standard, numbered(1, nil)...))
		require.NoError(t, err)
		assert.Empty(t, failures(t, response))
		assert.Equal(t, []string{"a in", "b in", "c in", "handler", "c out: " + errHandler.Error(), "b out: " + errHandler.Error(), "a out: <nil>"}, trace)
	}
	assert.Equal(t, 3, built)
}

// SPEC S1: middleware that misbehaves is its record's failure.
func TestMiddlewareThatMisbehavesFailsItsRecord(t *testing.T) {
	type call = func(next func(context.Context, troupe.Record) error, ctx context.Context, rec troupe.Record) error
	for name, c := range map[string]struct {
		do call
		is error
	}{
		"panics": {func(func(context.Context, troupe.Record) error, context.Context, troupe.Record) error { panic("m") }, troupe.ErrPanic},
		"exits": {func(func(context.Context, troupe.Record) error, context.Context, troupe.Record) error {
			runtime.Goexit()
			return nil
		}, troupe.ErrGoexit},
		"fails by itself": {func(func(context.Context, troupe.Record) error, context.Context, troupe.Record) error {
			return errHandler
		}, errHandler},
		"hangs": {func(_ func(context.Context, troupe.Record) error, ctx context.Context, _ troupe.Record) error {
			time.Sleep(time.Hour)
			return nil
		}, troupe.ErrAbandoned},
		"has no context": {func(next func(context.Context, troupe.Record) error, _ context.Context, rec troupe.Record) error {
			return next(context.Background(), rec)
		}, nil},
		"ends its context": {func(next func(context.Context, troupe.Record) error, ctx context.Context, rec troupe.Record) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return next(ctx, rec)
		}, context.Canceled},
		"panics after next": {func(next func(context.Context, troupe.Record) error, ctx context.Context, rec troupe.Record) error {
			_ = next(ctx, rec)
			panic("m")
		}, troupe.ErrPanic},
		"is without a record": {func(next func(context.Context, troupe.Record) error, ctx context.Context, _ troupe.Record) error {
			_ = next(ctx, troupe.Record{})
			return errHandler
		}, errHandler},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var bad troupe.Middleware = func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
					return func(ctx context.Context, rec troupe.Record) error {
						if rec.Index == 1 {
							return c.do(next, ctx, rec)
						}
						return next(ctx, rec)
					}
				}
				came := lasting(t, time.Minute, kinesis, numbered(4, groups(4)), func(ctx context.Context, _ string) error { return ctx.Err() }, troupe.WithMiddleware(bad))
				assert.Equal(t, []string{"2"}, failures(t, came.response))
				err := came.report.Records[1].Err
				require.Error(t, err)
				if c.is != nil {
					assert.ErrorIs(t, err, c.is)
				}
				time.Sleep(2 * time.Hour) // what hangs has returned then
			})
		})
	}
}

// SPEC S2: middleware that mixes up contexts must not make a record succeed that was never handed to the
// handler.
func TestAContextOfAnotherRecordIsNotTakenForTheRecords(t *testing.T) {
	var first context.Context
	var mixed troupe.Middleware = func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
		return func(ctx context.Context, rec troupe.Record) error {
			if first == nil {
				first = ctx
			}
			return next(first, rec)
		}
	}
	var handled []string
	var seen reported
	p := process(standard, func(_ context.Context, body string) error {
		handled = append(handled, body)
		return nil
	}, troupe.WithMiddleware(mixed), troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(seen.observe))
	_, err := p.Invoke(context.Background(), document(standard, numbered(3, nil)...))
	require.NoError(t, err)
	for i, r := range seen.Records {
		if r.Outcome == troupe.Succeeded {
			assert.Contains(t, handled, fmt.Sprint("body of ", i+1), "succeeded without having been handled")
		}
	}
}

// ways are how a function of the user's can misbehave.
func ways(release <-chan struct{}) map[string]func() {
	return map[string]func(){
		"panics":           func() { panic("misbehaves") },
		"panics with nil":  func() { panic(nil) },
		"panics unfairly":  func() { panic(brokenError{}) },
		"ends a goroutine": runtime.Goexit,
		"hangs":            func() { <-release },
	}
}

// SPEC 2, D1: observers and hooks that panic, end their goroutine or hang change nothing: not the response,
// not what the others of them see, and not when the response leaves.
func TestObserversAndHooksThatMisbehaveChangeNothing(t *testing.T) {
	for name := range ways(nil) {
		for _, who := range []string{"observer", "hook"} {
			t.Run(who+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					release := make(chan struct{})
					defer close(release)
					misbehave := ways(release)[name]
					var seen []*troupe.Report
					hooked := 0
					logger, text := logged()
					options := []troupe.Option{troupe.WithLogger(logger)}
					if who == "observer" {
						options = append(options, troupe.WithObserver(func(context.Context, *troupe.Report) { misbehave() }))
					} else {
						options = append(options, troupe.WithFailureHook(func(context.Context, troupe.Record, error) { misbehave() }))
					}
					options = append(options,
						troupe.WithObserver(func(_ context.Context, r *troupe.Report) { seen = append(seen, r) }),
						troupe.WithFailureHook(func(context.Context, troupe.Record, error) { hooked++ }))
					p := process(fifo, func(ctx context.Context, _ string) error {
						if index(ctx) == 1 {
							return errHandler
						}
						return nil
					}, append(options, troupe.WithPolicy(troupe.StopGroup))...)
					ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
					defer cancel()
					response, err := p.Invoke(ctx, document(fifo, numbered(4, groups(2))...))
					require.NoError(t, err)
					require.NoError(t, ctx.Err(), "the response left too late")
					assert.Equal(t, []string{"2", "4"}, failures(t, response))
					if name != "hangs" {
						assert.Len(t, seen, 1)
						assert.Equal(t, 2, hooked)
						assert.Contains(t, text.String(), "level=ERROR")
					}
				})
			})
		}
	}
}

// SPEC 2, D1: also where there is nothing to handle, or no time for it.
func TestAHangingObserverIsLeftBehindWhateverTheBatch(t *testing.T) {
	for _, c := range []struct {
		name    string
		records int
		ctx     func() (context.Context, context.CancelFunc)
	}{
		{"an empty batch", 0, func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), 10*time.Second)
		}},
		{"a batch that succeeds", 1, func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), 10*time.Second)
		}},
		{"a batch that comes too late", 1, func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), -time.Second)
		}},
		{"a cancelled batch without a deadline", 1, func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return ctx, cancel
		}},
		{"a batch without a deadline that is cancelled as the observer hangs", 1, func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(5*time.Second, cancel)
			return ctx, cancel
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				p := process(standard, func(context.Context, string) error { return nil }, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever),
					troupe.WithObserver(func(context.Context, *troupe.Report) { <-release }))
				ctx, cancel := c.ctx()
				defer cancel()
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _ = p.Invoke(ctx, document(standard, numbered(c.records, nil)...))
				}()
				select {
				case <-done:
				case <-time.After(10 * time.Second):
					assert.Fail(t, "the response did not leave within 10 s")
				}
			})
		})
	}
}

// SPEC P5, D1: a decider that misbehaves leaves the failure to the policy; one that hangs does not hold back
// the response.
func TestADeciderThatMisbehavesLeavesItToThePolicy(t *testing.T) {
	for name := range ways(nil) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				misbehave := ways(release)[name]
				logger, text := logged()
				came := lasting(t, 10*time.Second, kinesis, numbered(6, groups(2)), func(ctx context.Context, _ string) error {
					if index(ctx) == 0 {
						return errHandler
					}
					return nil
				}, troupe.WithLogger(logger), troupe.WithDecider(func(troupe.Record, error) troupe.Policy { misbehave(); return troupe.StopBatch }))
				assert.Less(t, came.took, 10*time.Second)
				assert.Equal(t, []string{"1", "3", "5"}, failures(t, came.response))
				assert.Equal(t, errHandler, came.report.Records[0].Err)
				if name != "hangs" {
					assert.Less(t, came.took, time.Second)
					assert.Contains(t, text.String(), "decider")
				}
			})
		})
	}
}

// SPEC P6: a back-off function that misbehaves is replaced by the default.
func TestABackoffFunctionThatMisbehavesIsReplaced(t *testing.T) {
	for name := range ways(nil) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				misbehave := ways(release)[name]
				came := lasting(t, 10*time.Second, kinesis, numbered(2, groups(2)), func(ctx context.Context, _ string) error {
					if rec, _ := troupe.RecordFrom(ctx); rec.Attempt == 1 {
						return errHandler
					}
					return nil
				}, troupe.WithRetry(troupe.Retry{Times: 1, Backoff: func(int) time.Duration { misbehave(); return 0 }}))
				assert.Less(t, came.took, 10*time.Second)
				if name != "hangs" {
					assert.Equal(t, 2, came.report.Succeeded)
					assert.GreaterOrEqual(t, came.took, 50*time.Millisecond)
					assert.LessOrEqual(t, came.took, 100*time.Millisecond)
				}
			})
		})
	}
}

// badHandler is a slog.Handler that misbehaves.
type badHandler struct {
	slog.Handler
	misbehave func()
}

func (h badHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (h badHandler) Handle(context.Context, slog.Record) error { h.misbehave(); return nil }

// SPEC 2, D1: a logger that misbehaves costs log lines, never a response.
func TestALoggerThatMisbehavesChangesNothing(t *testing.T) {
	for name := range ways(nil) {
		for _, occasion := range []string{"the line of a failing batch", "a reserve that is cut", "a decider that panics"} {
			t.Run(name+"/"+occasion, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					release := make(chan struct{})
					options := []troupe.Option{troupe.WithLogger(slog.New(badHandler{misbehave: ways(release)[name]}))}
					switch occasion {
					case "a reserve that is cut":
						options = append(options, troupe.WithReserve(time.Minute))
					case "a decider that panics":
						options = append(options, troupe.WithDecider(func(troupe.Record, error) troupe.Policy { panic("decider") }))
					}
					p := process(standard, func(ctx context.Context, _ string) error {
						if index(ctx) == 1 && !strings.HasPrefix(occasion, "a reserve") {
							return errHandler
						}
						return nil
					}, options...)
					done := make(chan []string)
					go func() {
						var ids []string
						defer func() {
							if v := recover(); v != nil {
								ids = []string{"Invoke panicked"}
							}
							done <- ids
						}()
						ids = []string{"Invoke ended its goroutine"}
						ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
						defer cancel()
						response, err := p.Invoke(ctx, document(standard, numbered(3, nil)...))
						if ids = []string{fmt.Sprint("error: ", err)}; err == nil {
							ids = failures(t, response)
						}
					}()
					want := []string{"2"}
					if strings.HasPrefix(occasion, "a reserve") {
						want = []string{}
					}
					select {
					case ids := <-done:
						assert.Equal(t, want, ids)
					case <-time.After(10 * time.Second):
						assert.Fail(t, "the response did not leave before the deadline")
						defer func() { <-done }()
					}
					close(release)
					time.Sleep(time.Minute) // whatever was left behind has ended
				})
			})
		}
	}
}

// A group function that panics is its record's failure, and nothing after that record is started, since any
// of them might be of its group (SPEC D6).
func TestAGroupFunctionThatPanicsIsABarrier(t *testing.T) {
	for _, policy := range []troupe.Policy{troupe.Derive, troupe.Continue, troupe.StopGroup, troupe.StopBatch} {
		t.Run(policy.String(), func(t *testing.T) {
			var handled calls
			var seen reported
			p := process(standard, func(ctx context.Context, _ string) error {
				rec, _ := troupe.RecordFrom(ctx)
				handled.note(rec.ID)
				return nil
			}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithPolicy(policy), troupe.WithObserver(seen.observe),
				// With more at once message 4, whose group is not that of those before it, may stop the batch before they start.
				troupe.WithConcurrency(1),
				troupe.WithGroup(func(m events.SQSMessage) string {
					if m.MessageId == "4" {
						panic(errHandler)
					}
					return "g"
				}))
			response, err := p.Invoke(context.Background(), document(standard, numbered(6, nil)...))
			require.NoError(t, err)
			assert.Equal(t, []string{"4", "5", "6"}, failures(t, response))
			assert.Equal(t, map[string]int{"1": 1, "2": 1, "3": 1}, handled.of)
			assert.ErrorIs(t, seen.Records[3].Err, troupe.ErrPanic)
			assert.ErrorIs(t, seen.Records[3].Err, errHandler)
			for _, r := range seen.Records[4:] {
				assert.ErrorIs(t, r.Err, troupe.ErrNotStarted)
			}
		})
	}
}

// SPEC P6: only panics that are asked for, and never Goexit or what was marked, are tried again.
func TestOnlyWhatMayBeRetriedIs(t *testing.T) {
	for _, c := range []struct {
		name   string
		retry  troupe.Retry
		handle func() error
		want   int
	}{
		{"error", troupe.Retry{Times: 3, Base: 1}, func() error { return errHandler }, 4},
		{"permanent error", troupe.Retry{Times: 3, Base: 1}, func() error { return troupe.Permanent(errHandler) }, 1},
		{"wrapped permanent error", troupe.Retry{Times: 3, Base: 1}, func() error { return fmt.Errorf("outer: %w", troupe.Permanent(errHandler)) }, 1},
		{"panic", troupe.Retry{Times: 3, Base: 1}, func() error { panic(errHandler) }, 1},
		{"panic, asked for", troupe.Retry{Times: 3, Base: 1, Panics: true}, func() error { panic(errHandler) }, 4},
		{"Goexit", troupe.Retry{Times: 3, Base: 1, Panics: true}, func() error { runtime.Goexit(); return nil }, 1},
		{"decode error of the user's", troupe.Retry{Times: 3, Base: 1}, func() error { return &troupe.DecodeError{Offset: -1} }, 1},
	} {
		for _, source := range sources {
			t.Run(c.name+"/"+source, func(t *testing.T) {
				var seen reported
				var hooks []troupe.Record
				decided := 0
				p := process(source, func(context.Context, string) error { return c.handle() }, troupe.WithRetry(c.retry), troupe.WithErrorWhen(troupe.ErrorWhenNever),
					troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(seen.observe),
					troupe.WithDecider(func(troupe.Record, error) troupe.Policy { decided++; return troupe.Derive }),
					troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, _ error) { hooks = append(hooks, rec) }))
				_, err := p.Invoke(context.Background(), document(source, numbered(1, groups(1))...))
				require.NoError(t, err)
				assert.Equal(t, c.want, seen.Records[0].Attempts)
				assert.Equal(t, c.want-1, seen.Retried)
				assert.Equal(t, 1, decided, "only the final failure triggers the policy")
				if assert.Len(t, hooks, 1) {
					assert.Equal(t, c.want, hooks[0].Attempt)
				}
			})
		}
	}
}

// SPEC P5: a decider sees each final failure and answers with any policy.
func TestADeciderChoosesForEachFailure(t *testing.T) {
	answers := map[int]troupe.Policy{0: troupe.Continue, 1: troupe.StopGroup, 3: troupe.Continue, 6: troupe.Derive, 11: troupe.StopBatch}
	for name, retry := range map[string][]troupe.Option{"": nil, "after retries": {troupe.WithRetry(troupe.Retry{Times: 2, Base: 1})}} {
		t.Run(name, func(t *testing.T) {
			var asked []int
			came := lasting(t, 0, kinesis, numbered(15, groups(3)), func(ctx context.Context, _ string) error {
				if _, bad := answers[index(ctx)]; bad {
					return errHandler
				}
				return nil
			}, append(retry, troupe.WithConcurrency(1), troupe.WithDecider(func(rec troupe.Record, err error) troupe.Policy {
				asked = append(asked, rec.Index)
				assert.Equal(t, errHandler, err)
				assert.Equal(t, fmt.Sprint(rec.Index+1), rec.ID)
				return answers[rec.Index]
			}))...)
			// Groups by turn: g0 has 0 3 6 9 12, g1 has 1 4 7 10 13, g2 has 2 5 8 11 14. g0 goes on after 0 and 3,
			// and stops at 6 as Kinesis does without a decider; g1 stops at 1; 11 stops what is left.
			assert.Equal(t, []int{0, 1, 3, 6, 11}, asked)
			assert.Equal(t, []string{"1", "2", "4", "5", "7", "8", "10", "11", "12", "13", "14", "15"}, failures(t, came.response))
			assert.ErrorIs(t, came.report.Records[9].Err, troupe.ErrGroupStopped)
			assert.ErrorIs(t, came.report.Records[4].Err, troupe.ErrGroupStopped)
			assert.ErrorIs(t, came.report.Records[14].Err, troupe.ErrStopped)
		})
	}
}

// SPEC 2: an error whose text ends the goroutine that asks for it costs the log line, and nothing else.
func TestAnErrorWhoseTextEndsTheGoroutineCostsTheLogLineAlone(t *testing.T) {
	var seen reported
	p := process(standard, func(ctx context.Context, _ string) error {
		if index(ctx) == 0 {
			return goneError{}
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(seen.observe))
	response, err := p.Invoke(context.Background(), document(standard, numbered(2, nil)...))
	require.NoError(t, err)
	assert.Equal(t, []string{"1"}, failures(t, response))
	assert.Equal(t, 1, seen.Failed)
}
