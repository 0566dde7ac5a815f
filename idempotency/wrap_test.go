package idempotency_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/idempotency"
)

// turn is an attempt as troupe makes them.
type turn struct {
	record   batch.Record
	handling batch.Handling
	times    batch.Times

	mu    sync.Mutex
	kept  any
	marks batch.Marks
}

func (t *turn) Record() batch.Record     { return t.record }
func (t *turn) Handling() batch.Handling { return t.handling }
func (t *turn) Times() batch.Times       { return t.times }
func (t *turn) Message() (any, error)    { return nil, nil }
func (t *turn) Raw() ([]byte, bool)      { return nil, true }
func (t *turn) FailedBefore() bool       { return false }
func (t *turn) Keep(value any)           { t.mu.Lock(); t.kept = value; t.mu.Unlock() }
func (t *turn) Mark(m batch.Marks)       { t.mu.Lock(); t.marks |= m; t.mu.Unlock() }

const (
	timeout = time.Minute
	reserve = time.Second
)

// begin makes an attempt at a record of a source, with a deadline in a minute, the last call a quarter of a second
// before that, and the cutoff a second before.
func begin(t *testing.T, source batch.Source) (context.Context, *turn) {
	deadline := time.Now().Add(timeout)
	a := &turn{
		record: batch.Record{ID: "id-1", Source: source},
		times:  batch.Times{Cutoff: deadline.Add(-reserve), LastCall: deadline.Add(-reserve / 4), Deadline: deadline},
	}
	ctx, cancel := context.WithDeadline(context.WithValue(t.Context(), batch.TurnKey{}, batch.Turn(a)), a.times.Cutoff)
	t.Cleanup(cancel)
	return ctx, a
}

// faulty is a store whose calls can fail, and are written down.
type faulty struct {
	idempotency.Store
	claim, renew, complete, release func(ctx context.Context) error // in place of the call if it returns an error

	mu    sync.Mutex
	calls []string
	last  idempotency.Claim
	done  idempotency.Completion
}

func over(store idempotency.Store) *faulty { return &faulty{Store: store} }

func (f *faulty) note(ctx context.Context, what string, fault func(context.Context) error) error {
	f.mu.Lock()
	f.calls = append(f.calls, what)
	f.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault(ctx)
}

func (f *faulty) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Completion, error) {
	if err := f.note(ctx, "claim", f.claim); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.last = c
	f.mu.Unlock()
	return f.Store.Claim(ctx, c)
}

func (f *faulty) Renew(ctx context.Context, c idempotency.Claim) error {
	if err := f.note(ctx, "renew", f.renew); err != nil {
		return err
	}
	return f.Store.Renew(ctx, c)
}

func (f *faulty) Complete(ctx context.Context, key, token string, done idempotency.Completion) error {
	if err := f.note(ctx, "complete", f.complete); err != nil {
		return err
	}
	f.mu.Lock()
	f.done = done
	f.mu.Unlock()
	return f.Store.Complete(ctx, key, token, done)
}

func (f *faulty) Release(ctx context.Context, key, token string) error {
	if err := f.note(ctx, "release", f.release); err != nil {
		return err
	}
	return f.Store.Release(ctx, key, token)
}

var (
	errHandler = errors.New("the handler's error")
	errDown    = errors.New("connection refused")
)

func itself(_ context.Context, s string) string { return s }

// options makes handlers of function f that log to a buffer.
func options(more ...idempotency.Option) (*bytes.Buffer, []idempotency.Option) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	return &log, append([]idempotency.Option{idempotency.WithFunction("f"), idempotency.WithLogger(logger)}, more...)
}

// counted is a handler that counts its calls.
func counted(calls *atomic.Int32, handler func(context.Context) error) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		calls.Add(1)
		if handler == nil {
			return nil
		}
		return handler(ctx)
	}
}

// elsewhere claims a key as another process would.
func elsewhere(t *testing.T, store idempotency.Store, key string, lease time.Duration) {
	done, err := store.Claim(t.Context(), idempotency.Claim{Key: key, Token: "elsewhere", Lease: time.Now().Add(lease), Expiry: time.Hour})
	require.NoError(t, err)
	require.Nil(t, done)
}

// free checks that a key can be claimed at once.
func free(t *testing.T, store idempotency.Store, key string) {
	t.Helper()
	done, err := store.Claim(t.Context(), idempotency.Claim{Key: key, Token: "test", Lease: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.Nil(t, done)
}

// I1, I2: the first record of a key is handled, those after it succeed without a call and are marked.
func TestADuplicateSucceedsWithoutACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		_, o := options()
		handle := idempotency.Wrap("charge", idempotency.NewMemory(), itself, counted(&calls, nil), o...)
		for i, want := range []batch.Marks{0, batch.Duplicate, batch.Duplicate} {
			ctx, a := begin(t, batch.SQS)
			require.NoError(t, handle(ctx, "o-1"))
			assert.Equal(t, want, a.marks, i)
			assert.EqualValues(t, 1, calls.Load())
			time.Sleep(time.Hour)
		}
		ctx, a := begin(t, batch.SQS)
		require.NoError(t, handle(ctx, "o-2"))
		assert.Zero(t, a.marks, "another key")
		assert.EqualValues(t, 2, calls.Load())
	})
}

type receipt struct {
	Number int
	Note   string `json:",omitempty"`
}

// I2: what a handler returns is kept, and a duplicate has what was stored.
func TestADuplicateHasTheStoredValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, n := over(idempotency.NewMemory()), 0
		_, o := options()
		handle := idempotency.Returning("charge", store, itself, func(context.Context, string) (receipt, error) { n++; return receipt{Number: n}, nil }, o...)
		for range 2 {
			ctx, a := begin(t, batch.SQS)
			require.NoError(t, handle(ctx, "o-1"))
			assert.Equal(t, receipt{Number: 1}, a.kept)
		}
		assert.Equal(t, `{"Number":1}`, string(store.done.Value))
	})
}

// I1: the key that is stored names function and handler; WithRawKey stores what it is given.
func TestKeysNameFunctionAndHandler(t *testing.T) {
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "orders")
	key := func(name string, options ...idempotency.Option) string {
		store := over(idempotency.NewMemory())
		ctx, _ := begin(t, batch.SQS)
		require.NoError(t, idempotency.Wrap(name, store, itself, counted(new(atomic.Int32), nil), options...)(ctx, "o#1"))
		return store.last.Key
	}
	assert.Equal(t, "orders.charge#o#1", key("charge"))
	assert.Equal(t, "worker.charge.v2#o#1", key("charge.v2", idempotency.WithFunction("worker")))
	assert.Equal(t, "o#1", key("charge", idempotency.WithRawKey()))
}

func TestTokensDiffer(t *testing.T) {
	store, tokens := over(idempotency.NewMemory()), map[string]bool{}
	_, o := options()
	handle := idempotency.Wrap("charge", store, itself, counted(new(atomic.Int32), func(context.Context) error { return errHandler }), o...)
	for range 100 {
		ctx, _ := begin(t, batch.SQS)
		require.ErrorIs(t, handle(ctx, "o-1"), errHandler)
		tokens[store.last.Token] = true
	}
	assert.Len(t, tokens, 100)
}

// I1: a record without a key fails, unless an option says otherwise.
func TestAnEmptyKey(t *testing.T) {
	var calls atomic.Int32
	_, o := options()
	ctx, _ := begin(t, batch.SQS)
	err := idempotency.Wrap("a", idempotency.NewMemory(), itself, counted(&calls, nil), o...)(ctx, "")
	require.EqualError(t, err, "troupe: idempotency: bad key: it is empty; WithEmptyKeys would handle such records without idempotency")
	assert.ErrorIs(t, err, idempotency.ErrKey)
	assert.True(t, batch.IsPermanent(err))
	assert.Zero(t, calls.Load())

	store := over(idempotency.NewMemory())
	_, o = options(idempotency.WithEmptyKeys())
	handle := idempotency.Returning("b", store, itself, func(ctx context.Context, s string) (int, error) { return 7, counted(&calls, nil)(ctx, s) }, o...)
	for want := range 2 {
		ctx, a := begin(t, batch.SQS)
		require.NoError(t, handle(ctx, ""))
		assert.EqualValues(t, want+1, calls.Load())
		assert.Equal(t, 7, a.kept)
	}
	assert.Empty(t, store.calls)
}

// I1: in handlers of whole batches and windows a key can tell nothing.
func TestHandlersOfBatchesAreRefused(t *testing.T) {
	var calls atomic.Int32
	_, o := options()
	handle := idempotency.Wrap("a", idempotency.NewMemory(), itself, counted(&calls, nil), o...)
	for _, h := range []batch.Handling{batch.WholeBatch, batch.Fold} {
		ctx, a := begin(t, batch.SQS)
		a.handling = h
		err := handle(ctx, "o-1")
		require.EqualError(t, err, "troupe: idempotency: a handler of records was called for a whole batch or window, of which a key can tell nothing; wrap what it does for a record")
		assert.True(t, batch.IsPermanent(err))
	}
	assert.Zero(t, calls.Load())
}

// I2, I5: a handler that fails, drops its record, panics or calls Goexit releases the claim, also when its
// context has ended.
func TestAFailedHandlerReleasesItsClaim(t *testing.T) {
	for name, fail := range map[string]func(context.Context) error{
		"an error":                  func(context.Context) error { return errHandler },
		"a dropped record":          func(context.Context) error { return batch.Drop(errHandler) },
		"a panic":                   func(context.Context) error { panic(errHandler) },
		"Goexit":                    func(context.Context) error { runtime.Goexit(); return nil },
		"an error after the cutoff": func(ctx context.Context) error { <-ctx.Done(); return errHandler },
		"an error after the last call": func(context.Context) error {
			time.Sleep(timeout - reserve/8)
			return errHandler
		},
		"an error after the lease": func(context.Context) error { time.Sleep(2 * timeout); return errHandler },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := idempotency.NewMemory()
				log, o := options()
				handle := idempotency.Wrap("charge", store, itself, counted(new(atomic.Int32), fail), o...)
				done := make(chan any)
				ctx, a := begin(t, batch.SQS)
				go func() {
					defer close(done)
					defer func() { _ = recover() }()
					assert.ErrorIs(t, handle(ctx, "o-1"), errHandler)
				}()
				<-done
				free(t, store, "f.charge#o-1")
				assert.Zero(t, a.marks)
				assert.Empty(t, log.String())
			})
		})
	}
}

// I5: a store that does not answer when a claim is released costs time, and no more than that.
func TestAReleaseThatFailsIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := over(idempotency.NewMemory())
		store.release = func(context.Context) error { return errDown }
		log, o := options()
		handle := idempotency.Wrap("charge", store, itself, counted(new(atomic.Int32), func(context.Context) error { return errHandler }), o...)
		ctx, _ := begin(t, batch.SQS)
		require.ErrorIs(t, handle(ctx, "o-1"), errHandler)
		assert.Equal(t, []string{"claim", "release", "release", "release"}, store.calls)
		assert.Contains(t, log.String(), `msg="troupe: idempotency: a claim could not be released; its key is free when the lease ends" name=charge error="connection refused" record=id-1`)
		store.release = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		before := time.Now()
		ctx, _ = begin(t, batch.SQS)
		require.ErrorIs(t, handle(ctx, "o-2"), errHandler)
		assert.Less(t, time.Since(before), 16*time.Second)
	})
}

// I3: a lease ends at the deadline, plus what clocks may differ by.
func TestALeaseEndsWithTheInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			options []idempotency.Option
			skew    time.Duration
		}{
			{nil, 5 * time.Second},
			{[]idempotency.Option{idempotency.WithSkew(0)}, 0},
			{[]idempotency.Option{idempotency.WithSkew(time.Minute), idempotency.WithLease(time.Second)}, time.Minute},
		} {
			store := over(idempotency.NewMemory())
			_, o := options(c.options...)
			ctx, a := begin(t, batch.SQS)
			require.NoError(t, idempotency.Wrap("charge", store, itself, counted(new(atomic.Int32), func(context.Context) error { time.Sleep(30 * time.Second); return nil }), o...)(ctx, "o-1"))
			assert.Equal(t, a.times.Deadline.Add(c.skew), store.last.Lease)
			assert.Equal(t, 24*time.Hour, store.last.Expiry)
			assert.Equal(t, time.Now().Add(24*time.Hour), store.done.Expires)
			assert.Equal(t, []string{"claim", "complete"}, store.calls, "no renewals")
		}
	})
}

// I3: who is late completes nevertheless if nobody has claimed the key since.
func TestALateHandlerCompletesIfNobodyHasClaimedItsKey(t *testing.T) {
	for name, late := range map[string]time.Duration{
		"after the cutoff": timeout - reserve/2, "after the last call": timeout - reserve/8, "after the lease": 2 * timeout,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int32
				_, o := options()
				handle := idempotency.Wrap("charge", idempotency.NewMemory(), itself, counted(&calls, func(context.Context) error { time.Sleep(late); return nil }), o...)
				for _, want := range []batch.Marks{0, batch.Duplicate} {
					ctx, a := begin(t, batch.SQS)
					require.NoError(t, handle(ctx, "o-1"))
					assert.Equal(t, want, a.marks)
				}
				assert.EqualValues(t, 1, calls.Load())
			})
		})
	}
}

// I3: a superseded handler changes nothing and gets ErrLeaseLost, whether it succeeds or fails.
func TestASupersededHandlerChangesNothing(t *testing.T) {
	for name, result := range map[string]error{"success": nil, "failure": errHandler} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := idempotency.NewMemory()
				log, o := options()
				handle := idempotency.Wrap("charge", store, itself, counted(new(atomic.Int32), func(context.Context) error { time.Sleep(2 * timeout); return result }), o...)
				ctx, a := begin(t, batch.SQS)
				go func() {
					time.Sleep(timeout + 6*time.Second)
					elsewhere(t, store, "f.charge#o-1", time.Hour)
				}()
				err := handle(ctx, "o-1")
				if result == nil {
					require.ErrorIs(t, err, idempotency.ErrLeaseLost)
				} else {
					require.Equal(t, result, err)
					assert.Contains(t, log.String(), "a failed handler had lost its lease")
				}
				assert.Zero(t, a.marks)
				_, err = store.Claim(t.Context(), idempotency.Claim{Key: "f.charge#o-1", Token: "third", Lease: time.Now()})
				require.ErrorIs(t, err, idempotency.ErrInProgress, "the claim of the other holds")
				require.NoError(t, store.Complete(t.Context(), "f.charge#o-1", "elsewhere", idempotency.Completion{}))
			})
		})
	}
}

// I3: without a deadline a lease is needed, which is renewed every third of it while the handler is at work.
func TestWithoutADeadlineTheLeaseIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, o := options()
		ctx, a := begin(t, batch.SQS)
		a.times = batch.Times{}
		var calls atomic.Int32
		for _, ctx := range []context.Context{ctx, t.Context()} {
			err := idempotency.Wrap("charge", idempotency.NewMemory(), itself, counted(&calls, nil), o...)(ctx, "o-1")
			require.EqualError(t, err, "troupe: idempotency: the context has no deadline at which a lease could end: use WithLease")
		}
		assert.Zero(t, calls.Load())

		store := over(idempotency.NewMemory())
		_, o = options(idempotency.WithLease(time.Minute), idempotency.WithSkew(0))
		handle := idempotency.Wrap("charge", store, itself, counted(&calls, func(ctx context.Context) error {
			for range 35 {
				time.Sleep(10 * time.Second)
				_, err := store.Store.Claim(ctx, idempotency.Claim{Key: "f.charge#o-1", Token: "other", Lease: time.Now()})
				assert.ErrorIs(t, err, idempotency.ErrInProgress)
			}
			return nil
		}), o...)
		require.NoError(t, handle(t.Context(), "o-1"))
		assert.Equal(t, "claim"+strings.Repeat(" renew", 17)+" complete", strings.Join(store.calls, " "), "350 s, every 20 s")
		time.Sleep(time.Hour)
		assert.Len(t, store.calls, 19, "and none after it")
		require.NoError(t, handle(t.Context(), "o-1"))
		assert.EqualValues(t, 1, calls.Load())
	})
}

// I3: when a renewal finds the lease lost the handler's context ends; when the store is down it is tried again.
func TestARenewalThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := over(idempotency.NewMemory())
		var down atomic.Bool
		store.renew = func(context.Context) error {
			if down.Load() {
				return errDown
			}
			return nil
		}
		log, o := options(idempotency.WithLease(time.Minute), idempotency.WithSkew(0))
		handle := idempotency.Wrap("charge", store, itself, func(ctx context.Context, _ string) error {
			time.Sleep(50 * time.Second)
			down.Store(true)
			time.Sleep(65 * time.Second)
			elsewhere(t, store.Store, "f.charge#o-1", time.Hour) // the lease ended at 100 s
			down.Store(false)
			<-ctx.Done()
			assert.ErrorIs(t, context.Cause(ctx), idempotency.ErrLeaseLost)
			return nil
		}, o...)
		before := time.Now()
		require.ErrorIs(t, handle(t.Context(), "o-1"), idempotency.ErrLeaseLost)
		assert.Equal(t, 2*time.Minute, time.Since(before))
		assert.Contains(t, log.String(), `msg="troupe: idempotency: a lease could not be renewed; it is tried again" name=charge error="connection refused"`)
	})
}

// An abandoned handler that hangs does not hold its key for good.
func TestRenewalsEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, stuck := over(idempotency.NewMemory()), make(chan struct{})
		_, o := options(idempotency.WithLease(time.Minute), idempotency.WithSkew(0))
		handle := idempotency.Wrap("charge", store, itself, func(context.Context, string) error { <-stuck; return errHandler }, o...)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = handle(ctx, "o-1") }()
		time.Sleep(30 * time.Second)
		cancel()
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"claim", "renew"}, store.calls)
		elsewhere(t, store.Store, "f.charge#o-1", time.Hour)
		close(stuck)
	})
}

// I4: in progress elsewhere, a record of a queue fails at once, with the end of the lease.
func TestInProgressElsewhereAQueuesRecordFails(t *testing.T) {
	for name, c := range map[string]struct {
		source  batch.Source
		options []idempotency.Option
	}{
		"SQS":               {batch.SQS, nil},
		"Kinesis, failfast": {batch.Kinesis, []idempotency.Option{idempotency.WithFailFast()}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := idempotency.NewMemory()
				var calls atomic.Int32
				_, o := options(c.options...)
				handle := idempotency.Wrap("charge", store, itself, counted(&calls, nil), o...)
				elsewhere(t, store, "f.charge#o-1", time.Hour)
				before := time.Now()
				ctx, _ := begin(t, c.source)
				err := handle(ctx, "o-1")
				var busy *idempotency.InProgressError
				require.ErrorAs(t, err, &busy)
				assert.Equal(t, time.Now().Add(time.Hour), busy.Lease)
				assert.Equal(t, before, time.Now())
				assert.Zero(t, calls.Load())
			})
		})
	}
}

// I4: a record of a stream waits, until the other has ended or the lease has, at most up to the cutoff.
func TestInProgressElsewhereAStreamsRecordWaits(t *testing.T) {
	for name, c := range map[string]struct {
		lease time.Duration
		other func(t *testing.T, store idempotency.Store)
		calls int32
		marks batch.Marks
		err   error
		after time.Duration
		slack time.Duration
	}{
		"until it is completed": {
			lease: time.Hour, marks: batch.Duplicate, after: 10 * time.Second, slack: 2 * time.Second,
			other: func(t *testing.T, store idempotency.Store) {
				assert.NoError(t, store.Complete(t.Context(), "f.charge#o-1", "elsewhere", idempotency.Completion{Expires: time.Now().Add(time.Hour)}))
			},
		},
		"until it is released": {
			lease: time.Hour, calls: 1, after: 10 * time.Second, slack: 2 * time.Second,
			other: func(t *testing.T, store idempotency.Store) {
				assert.NoError(t, store.Release(t.Context(), "f.charge#o-1", "elsewhere"))
			},
		},
		"until the lease ends":  {lease: 7 * time.Second, calls: 1, after: 7 * time.Second, slack: 5 * time.Millisecond},
		"up to the cutoff only": {lease: time.Hour, err: idempotency.ErrInProgress, after: timeout - reserve},
	} {
		for _, source := range []batch.Source{batch.Kinesis, batch.DynamoDB, batch.Kafka} {
			t.Run(name+", "+string(source), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := over(idempotency.NewMemory())
					var calls atomic.Int32
					_, o := options()
					handle := idempotency.Wrap("charge", store, itself, counted(&calls, nil), o...)
					elsewhere(t, store.Store, "f.charge#o-1", c.lease)
					before := time.Now()
					if c.other != nil {
						time.AfterFunc(10*time.Second, func() { c.other(t, store.Store) })
					}
					ctx, a := begin(t, source)
					require.ErrorIs(t, handle(ctx, "o-1"), c.err)
					assert.Equal(t, c.calls, calls.Load())
					assert.Equal(t, c.marks, a.marks)
					assert.GreaterOrEqual(t, time.Since(before), c.after)
					assert.LessOrEqual(t, time.Since(before), c.after+c.slack)
					assert.Less(t, len(store.calls), 40, "it does not ask all the time")
				})
			})
		}
	}
}

// I4: a twin in this process waits for the first, and then claims anew.
func TestATwinWaitsForTheFirst(t *testing.T) {
	for name, c := range map[string]struct {
		first error
		calls int32
		marks batch.Marks
		took  time.Duration
	}{
		"that succeeds": {nil, 1, batch.Duplicate, 10 * time.Second},
		"that fails":    {errHandler, 2, 0, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := over(idempotency.NewMemory())
				var calls atomic.Int32
				_, o := options()
				handle := idempotency.Wrap("charge", store, itself, counted(&calls, func(context.Context) error {
					n := calls.Load()
					time.Sleep(10 * time.Second)
					if n == 1 {
						return c.first
					}
					return nil
				}), o...)
				before := time.Now()
				first := make(chan error, 1)
				ctx, _ := begin(t, batch.SQS)
				go func() { first <- handle(ctx, "o-1") }()
				synctest.Wait()
				ctx, a := begin(t, batch.SQS)
				require.NoError(t, handle(ctx, "o-1"))
				assert.Equal(t, c.first, <-first)
				assert.Equal(t, c.calls, calls.Load())
				assert.Equal(t, c.marks, a.marks)
				assert.Equal(t, c.took, time.Since(before))
				assert.Len(t, store.calls, 3+int(c.calls)-1, "claim, its end, claim: the twin does not ask while it waits")
			})
		})
	}
}

// I4: an abandoned first, whose context has ended, is not waited for.
func TestATwinDoesNotWaitForAnAbandonedHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		_, o := options()
		handle := idempotency.Wrap("charge", idempotency.NewMemory(), itself, func(context.Context, string) error { <-stuck; return nil }, o...)
		first, a := begin(t, batch.SQS)
		first, stop := context.WithTimeout(first, time.Second) // a record timeout
		defer stop()
		ended := make(chan error, 1)
		go func() { ended <- handle(first, "o-1") }()
		synctest.Wait()
		before := time.Now()
		second, _ := begin(t, batch.SQS)
		var busy *idempotency.InProgressError
		require.ErrorAs(t, handle(second, "o-1"), &busy, "the store knows of the claim")
		assert.Equal(t, a.times.Deadline.Add(5*time.Second), busy.Lease)
		assert.Equal(t, time.Second, time.Since(before))
		close(stuck)
		require.NoError(t, <-ended, "by its token it completes nevertheless")
		third, b := begin(t, batch.SQS)
		require.NoError(t, handle(third, "o-1"))
		assert.Equal(t, batch.Duplicate, b.marks)
	})
}

// I4: who waits is ended by its own context.
func TestATwinWaitsUpToItsCutoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		_, o := options(idempotency.WithLease(time.Hour))
		handle := idempotency.Wrap("charge", idempotency.NewMemory(), itself, func(context.Context, string) error { <-stuck; return nil }, o...)
		go func() { _ = handle(t.Context(), "o-1") }()
		synctest.Wait()
		before := time.Now()
		ctx, _ := begin(t, batch.SQS)
		require.ErrorIs(t, handle(ctx, "o-1"), idempotency.ErrInProgress)
		assert.Equal(t, timeout-reserve, time.Since(before))
		close(stuck)
	})
}

// I4: a Wrap inside another never waits, so that two records that need each other's key do not wait in a circle.
func TestANestedWrapNeverWaits(t *testing.T) {
	for _, source := range []batch.Source{batch.SQS, batch.Kinesis} {
		synctest.Test(t, func(t *testing.T) {
			store := idempotency.NewMemory()
			_, o := options()
			inner := idempotency.Wrap("inner", store, itself, func(context.Context, string) error { time.Sleep(10 * time.Second); return nil }, append(o, idempotency.WithRawKey())...)
			outer := idempotency.Wrap("outer", store, func(_ context.Context, s string) string { return s[:1] }, func(ctx context.Context, s string) error {
				time.Sleep(time.Second)
				err := inner(ctx, s[1:])
				time.Sleep(time.Second) // and still holds its own key
				return err
			}, append(o, idempotency.WithRawKey())...)
			before, errs := time.Now(), make(chan error, 2)
			for _, keys := range []string{"ab", "ba"} {
				go func() { ctx, _ := begin(t, source); errs <- outer(ctx, keys) }()
			}
			require.ErrorIs(t, <-errs, idempotency.ErrInProgress)
			require.ErrorIs(t, <-errs, idempotency.ErrInProgress)
			assert.Equal(t, 2*time.Second, time.Since(before))

			elsewhere(t, store, "d", time.Hour)
			ctx, _ := begin(t, source)
			require.ErrorIs(t, outer(ctx, "cd"), idempotency.ErrInProgress, "nor for another process")
			assert.Equal(t, 4*time.Second, time.Since(before))
		})
	}
}

// A record that did work is no duplicate, although a part of it was.
func TestANestedDuplicateDoesNotMarkTheRecord(t *testing.T) {
	store := idempotency.NewMemory()
	_, o := options()
	inner := idempotency.Wrap("inner", store, func(context.Context, string) string { return "same" }, counted(new(atomic.Int32), nil), o...)
	outer := idempotency.Wrap("outer", store, itself, inner, o...)
	for _, key := range []string{"a", "b"} {
		ctx, a := begin(t, batch.SQS)
		require.NoError(t, outer(ctx, key))
		assert.Zero(t, a.marks)
	}
}

// I6: a store that cannot be reached fails the record, whose handler is not called.
func TestWithoutAClaimNothingIsHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := over(idempotency.NewMemory())
		var calls atomic.Int32
		_, o := options()
		handle := idempotency.Wrap("charge", store, itself, counted(&calls, nil), o...)
		for _, c := range []struct {
			fault     error
			permanent bool
		}{{errDown, false}, {idempotency.KeyErrorf("too long"), true}} {
			store.claim = func(context.Context) error { return c.fault }
			ctx, _ := begin(t, batch.Kinesis)
			err := handle(ctx, "o-1")
			require.ErrorIs(t, err, c.fault)
			assert.Equal(t, c.permanent, batch.IsPermanent(err))
		}
		assert.Zero(t, calls.Load())
	})
}

// late claims what it is given when the context has ended.
type late struct {
	idempotency.Store
	answers bool
}

func (l late) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Completion, error) {
	<-ctx.Done()
	done, err := l.Store.Claim(context.WithoutCancel(ctx), c)
	if l.answers {
		return done, err
	}
	return nil, ctx.Err()
}

// A claim whose answer did not come in time may have been made, and is released.
func TestAClaimThatWasCutOffIsReleased(t *testing.T) {
	for name, answers := range map[string]bool{"without an answer": false, "with one": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := idempotency.NewMemory()
				var calls atomic.Int32
				_, o := options()
				handle := idempotency.Wrap("charge", &late{store, answers}, itself, counted(&calls, nil), o...)
				ctx, _ := begin(t, batch.SQS)
				require.ErrorIs(t, handle(ctx, "o-1"), context.DeadlineExceeded)
				assert.Zero(t, calls.Load())
				free(t, store, "f.charge#o-1")
			})
		})
	}
}

// I6: a completion is tried up to the last call. If it cannot be stored the record succeeds nevertheless, marked.
func TestACompletionThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		down    time.Duration
		fault   func(context.Context) error
		options []idempotency.Option
		marks   batch.Marks
		err     error
		log     string
	}{
		"for a while": {down: 20 * time.Second},
		"for good": {
			down: time.Hour, marks: batch.Unrecorded,
			log: `msg="troupe: idempotency: a completion could not be stored; if the record is delivered again after the lease, its work is done again" name=charge error="connection refused" record=id-1`,
		},
		"for good, WithFailUnrecorded": {down: time.Hour, options: []idempotency.Option{idempotency.WithFailUnrecorded()}, err: errDown},
		"without an answer": {
			down: time.Hour, fault: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			marks: batch.Unrecorded, log: `error="context deadline exceeded"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := over(idempotency.NewMemory())
				up := time.Now().Add(c.down)
				store.complete = func(ctx context.Context) error {
					if time.Now().After(up) {
						return nil
					}
					if c.fault != nil {
						return c.fault(ctx)
					}
					return errDown
				}
				log, o := options(c.options...)
				handle := idempotency.Wrap("charge", store, itself, counted(new(atomic.Int32), nil), o...)
				ctx, a := begin(t, batch.SQS)
				require.ErrorIs(t, handle(ctx, "o-1"), c.err)
				assert.Equal(t, c.marks, a.marks)
				assert.True(t, time.Now().Before(a.times.LastCall), "the record can still have its outcome")
				if c.log == "" {
					assert.Empty(t, log.String())
				} else {
					assert.Contains(t, log.String(), c.log)
				}
				done, err := store.Store.Claim(t.Context(), idempotency.Claim{Key: "f.charge#o-1", Token: "test"})
				if c.down == time.Hour {
					require.ErrorIs(t, err, idempotency.ErrInProgress, "the claim is kept")
					assert.Greater(t, time.Until(a.times.LastCall), -reserve)
				} else {
					require.NotNil(t, done)
				}
			})
		})
	}
}

// I2: a value that cannot be marshaled or stored is left out, and logged; the completion is not.
func TestValuesThatCannotBeStored(t *testing.T) {
	t.Run("no JSON", func(t *testing.T) {
		leftOut(t, math.NaN(), nil, "a value has no JSON, so that its duplicates will have none")
	})
	t.Run("a MarshalJSON that panics", func(t *testing.T) {
		leftOut(t, panics{}, nil, "a value has no JSON, so that its duplicates will have none")
	})
	t.Run("too large", func(t *testing.T) {
		leftOut(t, 1.5, idempotency.ValueErrorf("too large"), "a value cannot be stored, so that its duplicates will have none")
	})
}

type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("secret") }

func leftOut[V any](t *testing.T, value V, fault error, text string) {
	store := over(idempotency.NewMemory())
	if fault != nil {
		store.complete = func(context.Context) error {
			if strings.Count(strings.Join(store.calls, " "), "complete") > 1 {
				return nil
			}
			return fault
		}
	}
	log, o := options()
	handle := idempotency.Returning("charge", store, itself, func(context.Context, string) (V, error) { return value, nil }, o...)
	ctx, a := begin(t, batch.SQS)
	require.NoError(t, handle(ctx, "o-1"))
	assert.NotNil(t, a.kept, "the report has it")
	assert.Zero(t, a.marks)
	assert.Contains(t, log.String(), text)
	assert.NotContains(t, log.String(), "secret")
	assert.Nil(t, store.done.Value)

	ctx, a = begin(t, batch.SQS)
	require.NoError(t, handle(ctx, "o-1"))
	assert.Nil(t, a.kept)
	assert.Equal(t, batch.Duplicate, a.marks)
}

// I1: a stored value of another type is an error of its own, which holds nothing of it.
func TestAStoredValueOfAnotherType(t *testing.T) {
	store := idempotency.NewMemory()
	require.NoError(t, store.Complete(t.Context(), "f.charge#o-1", "a", idempotency.Completion{Value: []byte(`{"Number":"secret"}`), Expires: time.Now().Add(time.Hour)}))
	_, o := options()
	handle := idempotency.Returning("charge", store, itself, func(context.Context, string) (receipt, error) { return receipt{}, nil }, o...)
	ctx, a := begin(t, batch.SQS)
	err := handle(ctx, "o-1")
	require.EqualError(t, err, "troupe: idempotency: bad value: the stored value is no idempotency_test.receipt")
	assert.ErrorIs(t, err, idempotency.ErrValue)
	assert.True(t, batch.IsPermanent(err))
	assert.Nil(t, a.kept)
}

// I7: a key that is completed with another payload is a permanent failure.
func TestThePayloadIsCompared(t *testing.T) {
	store := over(idempotency.NewMemory())
	_, o := options(idempotency.WithValidation(func(_ context.Context, s string) string {
		if strings.HasSuffix(s, "unchecked") {
			return ""
		}
		return idempotency.Hash([]byte(s))
	}))
	var calls atomic.Int32
	handle := idempotency.Wrap("charge", store, func(_ context.Context, s string) string { return s[:1] }, counted(&calls, nil), o...)
	for _, c := range []struct {
		record string
		err    error
	}{{"k 10", nil}, {"k 10", nil}, {"k 11", idempotency.ErrPayload}, {"k unchecked", nil}, {"l unchecked", nil}, {"l 10", nil}} {
		ctx, _ := begin(t, batch.SQS)
		err := handle(ctx, c.record)
		require.ErrorIs(t, err, c.err, c.record)
		assert.Equal(t, c.err != nil, batch.IsPermanent(err))
	}
	assert.EqualValues(t, 2, calls.Load())
	assert.Equal(t, "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882", idempotency.Hash([]byte("0123456789")))
}

// I7: after its expiry a completion is forgotten.
func TestACompletionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		_, o := options(idempotency.WithExpiry(time.Hour))
		handle := idempotency.Wrap("charge", idempotency.NewMemory(), itself, counted(&calls, nil), o...)
		for _, want := range []int32{1, 1, 2} {
			ctx, _ := begin(t, batch.SQS)
			require.NoError(t, handle(ctx, "o-1"))
			assert.Equal(t, want, calls.Load())
			time.Sleep(40 * time.Minute)
		}
	})
}

// Clocks that differ by less than WithSkew let nobody claim what somebody is at work on.
func TestAFastClockDoesNotClaimEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := time.Duration(0)
		store := idempotency.NewMemoryAt(func() time.Time { return time.Now().Add(ahead) })
		for _, c := range []struct {
			ahead time.Duration
			err   error
		}{{4 * time.Second, idempotency.ErrInProgress}, {time.Minute, nil}} {
			_, o := options()
			handle := idempotency.Wrap("charge "+c.ahead.String(), store, itself, counted(new(atomic.Int32), func(context.Context) error {
				time.Sleep(timeout - time.Nanosecond)
				ahead = c.ahead
				_, err := store.Claim(t.Context(), idempotency.Claim{Key: "f.charge " + c.ahead.String() + "#o-1", Token: "other", Lease: time.Now().Add(time.Hour)})
				assert.ErrorIs(t, err, c.err)
				ahead = 0
				return nil
			}), o...)
			ctx, _ := begin(t, batch.SQS)
			err := handle(ctx, "o-1")
			if c.err == nil {
				assert.ErrorIs(t, err, idempotency.ErrLeaseLost, "a clock that is a minute off shows")
			} else {
				assert.NoError(t, err)
			}
		}
	})
}

func TestBadArgumentsPanic(t *testing.T) {
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "")
	f := idempotency.WithFunction("f")
	handler := counted(new(atomic.Int32), nil)
	wrap := func(name string, store idempotency.Store, key func(context.Context, string) string, options ...idempotency.Option) func() {
		return func() { idempotency.Wrap(name, store, key, handler, options...) }
	}
	twice := idempotency.NewMemory()
	wrap("charge", twice, itself, f)()
	wrap("ship", twice, itself, f)()
	for text, make := range map[string]func(){
		`the name is ""; must not be empty and must not contain '#'`:    wrap("", idempotency.NewMemory(), itself, f),
		`the name is "a#b"; must not be empty and must not contain '#'`: wrap("a#b", idempotency.NewMemory(), itself, f),
		"the store is nil":                       wrap("a", nil, itself, f),
		"the key function is nil":                wrap("a", idempotency.NewMemory(), nil, f),
		"the handler is nil: must be a function": func() { idempotency.Wrap("a", idempotency.NewMemory(), itself, nil, f) },
		"AWS_LAMBDA_FUNCTION_NAME is not set: set it or use WithFunction, since the name is the first part of every key": wrap("a", idempotency.NewMemory(), itself),
		"the store is a idempotency_test.uncomparable, which cannot be compared: must be a pointer":                      wrap("a", uncomparable{}, itself, f),
		`"charge" is the name of another handler of this store: they would take each other's records for duplicates`:     wrap("charge", twice, itself, f),
		"option 1 is nil": wrap("a", idempotency.NewMemory(), itself, nil),
		`WithFunction(""): must not be empty and must not contain '.' or '#'`:                             wrap("a", idempotency.NewMemory(), itself, idempotency.WithFunction("")),
		`WithFunction("a.b"): must not be empty and must not contain '.' or '#'`:                          wrap("a", idempotency.NewMemory(), itself, idempotency.WithFunction("a.b")),
		"WithLease(1ms): must be from 100ms to 87600h (ten years)":                                        wrap("a", idempotency.NewMemory(), itself, f, idempotency.WithLease(time.Millisecond)),
		"WithSkew(-1s): must be from 0s to 87600h (ten years)":                                            wrap("a", idempotency.NewMemory(), itself, f, idempotency.WithSkew(-time.Second)),
		"WithExpiry(0s): must be from 1s to 87600h (ten years)":                                           wrap("a", idempotency.NewMemory(), itself, f, idempotency.WithExpiry(0)),
		"WithExpiry(2562047h47m16.854775807s): must be from 1s to 87600h (ten years)":                     wrap("a", idempotency.NewMemory(), itself, f, idempotency.WithExpiry(math.MaxInt64)),
		"WithValidation(nil): must be a function":                                                         wrap("a", idempotency.NewMemory(), itself, f, idempotency.WithValidation[string](nil)),
		"WithValidation: func(context.Context, int) string: must be func(context.Context, string) string": wrap("a", idempotency.NewMemory(), itself, f, idempotency.WithValidation(func(context.Context, int) string { return "" })),
	} {
		assert.PanicsWithError(t, "troupe: idempotency: "+text, make)
	}
	assert.PanicsWithError(t, "troupe: idempotency: the handler is nil: must be a function", func() {
		idempotency.Returning[string, int]("a", idempotency.NewMemory(), itself, nil, f)
	})
	wrap("raw", idempotency.NewMemory(), itself, idempotency.WithRawKey())()
}

type uncomparable struct {
	idempotency.Store
	_ []int
}

// unruly is a store whose Renew misbehaves at first.
type unruly struct {
	idempotency.Store
	renewals  atomic.Int32
	misbehave func()
}

func (u *unruly) Renew(ctx context.Context, claim idempotency.Claim) error {
	if u.renewals.Add(1) == 1 {
		u.misbehave()
	}
	return u.Store.Renew(ctx, claim)
}

// SPEC I3: the lease is renewed on a goroutine of its own. What a store does there neither ends the process nor the
// renewals.
func TestAStoreThatMisbehavesAtARenewal(t *testing.T) {
	for name, misbehave := range map[string]func(){
		"panics": func() { panic("boom") }, "exits": runtime.Goexit, "hangs": func() { time.Sleep(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &unruly{Store: idempotency.NewMemory(), misbehave: misbehave}
				calls := 0
				handle := idempotency.Wrap("charge", store, func(context.Context, string) string { return "o-1" }, func(context.Context, string) error {
					calls++
					time.Sleep(9 * time.Second)
					return nil
				}, idempotency.WithFunction("f"), idempotency.WithLease(3*time.Second), idempotency.WithLogger(slog.New(slog.DiscardHandler)))
				require.NoError(t, handle(t.Context(), "r"))
				require.NoError(t, handle(t.Context(), "r"))
				assert.Equal(t, 1, calls, "it was completed")
				assert.Greater(t, store.renewals.Load(), int32(3))
				time.Sleep(2 * time.Hour)
			})
		})
	}
}
