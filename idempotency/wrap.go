package idempotency

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// ErrPayload is the permanent error of a record whose key was completed with another payload; see
// WithValidation.
var ErrPayload = errors.New("troupe: idempotency: the key was completed with another payload")

// Wrap returns a handler that calls handler for the first record of each key and succeeds without a call for
// those that follow.
//
// key returns the identifier of the work, such as an order number. Use an identifier from the sender, not that of
// the message, which differs if the sender sends twice. name distinguishes the handlers of a function; see
// WithRawKey.
//
// A record whose key is in progress in another process fails with ErrInProgress if it is from a queue, and waits
// up to the cutoff if it is from a stream or topic. A record whose key is in progress in this process waits in
// its slot, but fails if one Wrap is called within the handler of another.
//
// If handler returns an error, troupe.Drop included, panics or calls runtime.Goexit, the claim is released. If the
// store cannot be reached the record fails, and handler is not called.
//
// Wrap panics if name is empty, store, key or handler is nil, an option is invalid, or store has a handler of
// this name already. The handler is as safe for concurrent use as handler and key are. It is for single records:
// in the handlers of packages bulk and window it fails.
func Wrap[T any](name string, store Store, key func(ctx context.Context, record T) string, handler troupe.Handler[T], options ...Option) troupe.Handler[T] {
	if handler == nil {
		panic(errors.New("troupe: idempotency: the handler is nil: must be a function"))
	}
	g := guardOf(name, store, key, options)
	return func(ctx context.Context, record T) error {
		_, err := g.handle(ctx, record, func(ctx context.Context) (any, error) { return nil, handler(ctx, record) }, false)
		return err
	}
}

// Returning is like Wrap, and keeps the handler's value: in the store, as JSON, and in the report, like
// troupe.Returning. A duplicate has the stored value, so V must marshal to JSON and back. A duplicate whose stored
// value is not of type V fails permanently, with an error that matches ErrValue. A value that cannot be marshaled or
// stored is omitted from the store and logged; its duplicates succeed without a value.
func Returning[T, V any](name string, store Store, key func(ctx context.Context, record T) string, handler func(ctx context.Context, record T) (V, error), options ...Option) troupe.Handler[T] {
	if handler == nil {
		panic(errors.New("troupe: idempotency: the handler is nil: must be a function"))
	}
	g := guardOf(name, store, key, options)
	return func(ctx context.Context, record T) error {
		var value V
		done, err := g.handle(ctx, record, func(ctx context.Context) (any, error) {
			v, err := handler(ctx, record)
			value = v
			return v, err
		}, true)
		if err != nil || done != nil && done.Value == nil {
			return err
		}
		if done != nil && json.Unmarshal(done.Value, &value) != nil { // what the error says may be the value
			return troupe.Permanent(ValueErrorf("the stored value is no %T", value))
		}
		if turn, ok := batch.TurnFrom(ctx); ok {
			turn.Keep(value)
		}
		return nil
	}
}

// Hash returns the SHA-256 of text in hexadecimal, for WithValidation.
func Hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// guard is what the calls of one wrapped handler have in common.
type guard[T any] struct {
	*settings
	*shared
	store  Store
	name   string
	prefix string
	keyOf  func(context.Context, T) string
	hashOf func(context.Context, T) string
}

func guardOf[T any](name string, store Store, key func(context.Context, T) string, options []Option) *guard[T] {
	g, err := makeGuard(name, store, key, options)
	if err != nil {
		panic(fmt.Errorf("troupe: idempotency: %w", err))
	}
	return g
}

func makeGuard[T any](name string, store Store, key func(context.Context, T) string, options []Option) (*guard[T], error) {
	switch {
	case name == "" || strings.Contains(name, "#"):
		return nil, fmt.Errorf("the name is %q; must not be empty and must not contain '#'", name)
	case store == nil:
		return nil, errors.New("the store is nil")
	case key == nil:
		return nil, errors.New("the key function is nil")
	}
	s, err := settingsOf(options)
	if err != nil {
		return nil, err
	}
	g := &guard[T]{settings: s, store: store, name: name, keyOf: key}
	if s.validation != nil {
		hash, ok := s.validation.(func(context.Context, T) string)
		if !ok {
			return nil, fmt.Errorf("WithValidation: %s: must be %T", s.validatedFor, hash)
		}
		g.hashOf = hash
	}
	if !s.rawKey {
		if s.function == "" {
			return nil, fmt.Errorf("%s is not set: set it or use WithFunction, since the name is the first part of every key", functionVariable)
		}
		g.prefix = s.function + "." + name + "#"
	}
	g.shared, err = sharedBy(store, name)
	return g, err
}

// inside is the key of contexts of wrapped handlers.
type inside struct{}

// handle does one record: it calls call if the key can be claimed, and returns the completion that is in the way if
// there is one.
func (g *guard[T]) handle(ctx context.Context, record T, call func(context.Context) (any, error), keep bool) (*Completion, error) {
	a, err := g.attempt(ctx)
	if err != nil {
		return nil, err
	}
	key := g.keyOf(ctx, record)
	if key == "" {
		if g.emptyKeys {
			_, err := call(ctx)
			return nil, err
		}
		return nil, troupe.Permanent(KeyErrorf("it is empty; WithEmptyKeys would handle such records without idempotency"))
	}
	a.claim = Claim{Key: g.prefix + key, Token: rand.Text(), Expiry: g.expiry}
	if g.hashOf != nil {
		a.claim.Payload = g.hashOf(ctx, record)
	}

	mine, err := a.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer g.leave(a.claim.Key, mine)

	done, err := a.claimed(ctx)
	switch {
	case err != nil:
		return nil, err
	case done != nil:
		if done.Payload != "" && a.claim.Payload != "" && done.Payload != a.claim.Payload {
			return nil, troupe.Permanent(ErrPayload)
		}
		if !a.nested {
			a.mark(batch.Duplicate)
		}
		return done, nil
	}
	return nil, a.work(ctx, call, keep)
}

// attempt is the handling of one record.
type attempt struct {
	*settings
	*shared
	store Store
	name  string

	turn  batch.Turn // nil outside troupe
	times batch.Times
	// nested: the call came from within another wrapped handler.
	nested bool
	claim  Claim
}

func (g *guard[T]) attempt(ctx context.Context) (*attempt, error) {
	a := &attempt{settings: g.settings, shared: g.shared, store: g.store, name: g.name, nested: ctx.Value(inside{}) != nil}
	if turn, ok := batch.TurnFrom(ctx); ok {
		a.turn, a.times = turn, turn.Times()
		if h := turn.Handling(); h != batch.EachRecord {
			return nil, troupe.Permanent(errors.New("troupe: idempotency: a handler of records was called for a whole batch or window, of which a key can tell nothing; wrap what it does for a record"))
		}
	}
	if a.times.Deadline.IsZero() && g.lease == 0 {
		return nil, troupe.Permanent(errors.New("troupe: idempotency: the context has no deadline at which a lease could end: use WithLease"))
	}
	return a, nil
}

// leaseEnd is when a claim that is made now ends.
func (a *attempt) leaseEnd() time.Time {
	if d := a.times.Deadline; !d.IsZero() {
		return d.Add(a.skew)
	}
	return time.Now().Add(a.lease + a.skew)
}

// waits reports whether a key that is in progress elsewhere is waited for.
func (a *attempt) waits() bool {
	return !a.nested && !a.failFast && a.turn != nil && a.turn.Record().Source != batch.SQS
}

func (a *attempt) mark(m batch.Marks) {
	if a.turn != nil {
		a.turn.Mark(m)
	}
}

// enter waits until nobody else in this process is at work on the key.
func (a *attempt) enter(ctx context.Context) (*holder, error) {
	for {
		mine, other := a.shared.enter(ctx, a.claim.Key)
		switch {
		case mine != nil:
			return mine, nil
		case a.nested: // who waits for whom could be a circle
			return nil, &InProgressError{}
		}
		select {
		case <-other.ended:
		case <-other.ctx.Done():
		case <-ctx.Done():
			return nil, &InProgressError{}
		}
	}
}

// How often a key that is in progress elsewhere is asked for: at the end of its lease, and until then after
// times that double.
const (
	firstPoll = 100 * time.Millisecond
	maxPoll   = 2 * time.Second
)

// claimed claims the key, or returns its completion.
func (a *attempt) claimed(ctx context.Context) (*Completion, error) {
	for pause := firstPoll; ; pause = min(2*pause, maxPoll) {
		a.claim.Lease = a.leaseEnd()
		done, err := a.store.Claim(ctx, a.claim)
		var busy *InProgressError
		switch {
		case err == nil && done == nil && ctx.Err() != nil:
			a.release(ctx) // too late to begin
			return nil, context.Cause(ctx)
		case err == nil:
			return done, nil
		case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
			a.release(ctx) // the store may have claimed it all the same
			return nil, err
		case errors.Is(err, ErrKey):
			return nil, troupe.Permanent(err)
		case !errors.As(err, &busy) || !a.waits():
			return nil, err
		}
		wait := pause
		if left := time.Until(busy.Lease) + time.Millisecond; left > 0 {
			wait = min(wait, left)
		}
		if !sleep(ctx, wait) {
			return nil, err
		}
	}
}

// work calls the handler, whose claim holds, and completes or releases it.
func (a *attempt) work(ctx context.Context, call func(context.Context) (any, error), keep bool) (err error) {
	succeeded := false
	handlers, renewed := context.WithValue(ctx, inside{}, true), func() {}
	if a.times.Deadline.IsZero() {
		handlers, renewed = a.renew(handlers)
	}
	defer func() {
		if !succeeded { // an error, a panic, or Goexit
			renewed()
			a.release(ctx)
		}
	}()
	value, err := call(handlers)
	if err != nil {
		return err
	}
	succeeded = true
	renewed()
	return a.complete(ctx, value, keep)
}

// renew renews the lease every third of it until the function that it returns has returned, or ctx has ended. The
// context that it returns ends when the lease is lost.
func (a *attempt) renew(ctx context.Context) (handlers context.Context, stop func()) {
	handlers, lost := context.WithCancelCause(ctx)
	calls, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		third := a.lease / 3
		for sleep(calls, third) {
			claim := a.claim // of this call alone, which may be left behind while it reads it
			claim.Lease = time.Now().Add(a.lease + a.skew)
			once, free := context.WithTimeout(calls, third)
			err := contained(once, func() error { return a.store.Renew(once, claim) })
			free()
			switch {
			case errors.Is(err, ErrLeaseLost):
				lost(ErrLeaseLost)
				return
			case err != nil && calls.Err() == nil:
				a.warn("troupe: idempotency: a lease could not be renewed; it is tried again", err)
			}
		}
	}()
	return handlers, func() {
		cancel()
		<-ended
		lost(nil)
	}
}

// complete records that the work is done. If it cannot, the record has succeeded all the same, since its failure
// would do the work again for certain.
func (a *attempt) complete(ctx context.Context, value any, keep bool) error {
	done := Completion{Payload: a.claim.Payload, Expires: time.Now().Add(a.expiry)}
	call, cancel := a.detached(ctx)
	defer cancel()
	if keep {
		text, err := a.marshal(call, value)
		if err != nil {
			a.warn("troupe: idempotency: a value has no JSON, so that its duplicates will have none", err)
		}
		done.Value = text
	}
	complete := func(done Completion) error {
		return a.repeat(call, -1, func(ctx context.Context) error { return a.store.Complete(ctx, a.claim.Key, a.claim.Token, done) })
	}
	err := complete(done)
	if done.Value != nil && errors.Is(err, ErrValue) {
		a.warn("troupe: idempotency: a value cannot be stored, so that its duplicates will have none", err)
		done.Value = nil
		err = complete(done)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrLeaseLost):
		return err
	case a.unrecorded:
		return fmt.Errorf("troupe: idempotency: the work is done, but its completion could not be stored: %w", err)
	}
	a.mark(batch.Unrecorded)
	a.warn("troupe: idempotency: a completion could not be stored; if the record is delivered again after the lease, its work is done again", err)
	return nil
}

// maxReleases is how often a release is tried: without it the key is free when the lease ends.
const maxReleases = 3

func (a *attempt) release(ctx context.Context) {
	call, cancel := a.detached(ctx)
	defer cancel()
	err := a.repeat(call, maxReleases, func(ctx context.Context) error {
		return a.store.Release(ctx, a.claim.Key, a.claim.Token)
	})
	switch {
	case errors.Is(err, ErrLeaseLost):
		a.warn("troupe: idempotency: a failed handler had lost its lease, and another may have done the work beside it", err)
	case err != nil:
		a.warn("troupe: idempotency: a claim could not be released; its key is free when the lease ends", err)
	}
}

// detached is the context of completions and releases: it ends shortly before the last call, so that the record
// can still have its outcome. If that is over the handler has been abandoned, and it ends with the lease; a handler that
// is later still has a moment, since nobody may have claimed its key.
func (a *attempt) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	now, end := time.Now(), a.leaseEnd()
	if t := a.times; !t.LastCall.IsZero() {
		end = t.LastCall.Add(-t.Deadline.Sub(t.LastCall) / 4)
	}
	if !now.Before(end) {
		end = a.claim.Lease
		if soonest := now.Add(leastTry); end.Before(soonest) {
			end = soonest
		}
	}
	return context.WithDeadline(context.WithoutCancel(ctx), end)
}

// How long repeat waits between tries, and how long a try takes at most: half of the time that is left, within
// bounds.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
	leastTry   = 2 * time.Second
	mostTry    = 5 * time.Second
)

// repeat calls a method of the store until it succeeds, the lease is lost, the value or key is refused, or ctx
// ends; at most so many times, if that is not negative.
func (a *attempt) repeat(ctx context.Context, times int, call func(context.Context) error) (err error) {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		end, _ := ctx.Deadline()
		once, cancel := context.WithTimeout(ctx, min(max(time.Until(end)/2, leastTry), mostTry))
		err = contained(once, func() error { return call(once) })
		cancel()
		times--
		if err == nil || errors.Is(err, ErrLeaseLost) || errors.Is(err, ErrValue) || errors.Is(err, ErrKey) || times == 0 {
			return err
		}
		if !sleep(ctx, pause) {
			return err
		}
	}
}

// grace is how long a call may outlast its context before it is left behind, and logWithin how long a line of the log
// is waited for.
const (
	grace     = 10 * time.Millisecond
	logWithin = 100 * time.Millisecond
)

// contained calls code of the user's that must not decide about work that is already done: a method of the store or of a
// value. It may panic, call runtime.Goexit, or ignore ctx, which is an error here. call must not touch what its caller
// continues to use.
func contained(ctx context.Context, call func() error) error {
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { close(over) }) })
	defer stop()
	err := batch.TryWithin(over, call)
	if p, ok := err.(*batch.PanicError); ok { // whose value may have methods that misbehave in turn
		return errors.New(p.Error())
	}
	return err
}

// warn logs. The logger is the user's too.
func (a *attempt) warn(text string, err error) {
	attrs := []any{"name", a.name, "error", err}
	if a.turn != nil {
		attrs = append(attrs, "record", a.turn.Record().ID)
	}
	ctx, cancel := context.WithTimeout(context.Background(), logWithin)
	defer cancel()
	_ = contained(ctx, func() error { a.log().Warn(text, attrs...); return nil })
}

// marshal returns a value's JSON. Its error holds no part of the value.
func (a *attempt) marshal(ctx context.Context, value any) ([]byte, error) {
	texts := make(chan []byte, 1)
	err := contained(ctx, func() error {
		text, err := json.Marshal(value)
		if err != nil {
			return ValueErrorf("%T: %T", value, err)
		}
		texts <- text
		return nil
	})
	switch {
	case err == nil:
		return <-texts, nil
	case errors.Is(err, ErrValue):
		return nil, err
	default:
		return nil, ValueErrorf("the MarshalJSON of a %T, or of what is in it, did not return", value)
	}
}

// sleep waits for d and reports whether ctx is still live.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
