package window

import (
	"context"
	"encoding/json"
	"reflect"
	"sync"

	"github.com/troupe-go/troupe"
)

// snapshot is the state after some record. The first fold or final function that needs the state receives it and
// may change it; later ones receive a copy made from copy or text, as does the response.
type snapshot[S any] struct {
	state S
	used  bool            // a fold has had state, and may have changed it
	copy  *S              // a private copy; nil if S has no copier
	text  json.RawMessage // the state's JSON; nil if there is a copy, or if S is plain, so that no fold can change it
}

// take returns a function that returns the state, for a fold or for the final function. Decoding it may call the user's
// UnmarshalJSON, so the function must be called without a lock, where user code is contained.
func (s *snapshot[S]) take(k *keeper[S]) func() (S, error) {
	switch {
	case !s.used || s.text == nil && s.copy == nil:
		s.used = true
		state := s.state
		return func() (S, error) { return state, nil }
	case s.copy != nil:
		return func() (S, error) { return *k.copied(s.copy), nil }
	}
	text := s.text
	return func() (S, error) {
		state, _, err := initial[S](text)
		return state, err
	}
}

// json returns the JSON that Lambda carries.
func (s *snapshot[S]) json() (json.RawMessage, error) {
	switch {
	case s.text != nil:
		return s.text, nil
	case s.copy != nil:
		return encode(*s.copy)
	default:
		return encode(s.state)
	}
}

// keeper makes snapshots of states of one type, in the cheapest way that the type allows.
type keeper[S any] struct {
	plain  bool    // no fold can change a state that it was given
	copier *copier // or states can be copied; nil: they are encoded
}

func keeperOf[S any]() *keeper[S] {
	t := reflect.TypeFor[S]()
	k := &keeper[S]{plain: plain(t)}
	if c, ok := copierOf(t); ok && !k.plain {
		if c.copy == nil {
			c.copy = reflect.Value.Set
		}
		k.copier = &c
	}
	return k
}

// keep returns the snapshot of a state that a fold has returned. The error is that the state cannot be encoded, or
// is too large.
func (k *keeper[S]) keep(state S) (s *snapshot[S], err error) {
	s = &snapshot[S]{state: state}
	switch {
	case k.plain:
	case k.copier != nil && k.copier.size(reflect.ValueOf(&state).Elem()) <= MaxState:
		s.copy = k.copied(&state)
	default:
		s.text, err = encode(state)
	}
	return s, err
}

func (k *keeper[S]) copied(state *S) *S {
	to := new(S)
	k.copier.copy(reflect.ValueOf(to).Elem(), reflect.ValueOf(state).Elem())
	return to
}

// folding is a batch in progress. Its records come one at a time in batch order, since there is one group and
// the first failure stops it. What cannot be known while a fold runs is whether its end will be in time; so
// the states on both sides of the last record are kept until the batch is over.
type folding[S, T any] struct {
	fold   func(context.Context, S, T) (S, error)
	keeper *keeper[S]

	mu     sync.Mutex
	turn   int           // counts the calls of fold
	record troupe.Record // of the last one
	before *snapshot[S]  // the state before that record
	after  *snapshot[S]  // and after it; the same one until fold has succeeded
}

type foldingKey struct{}

// handle folds one record into the batch that ctx belongs to.
func handle[S, T any](ctx context.Context, rec T) error {
	f := ctx.Value(foldingKey{}).(*folding[S, T]) // Processor puts it there
	take, turn := f.begin(ctx)
	state, err := take()
	if err != nil {
		return err
	}
	if state, err = f.fold(ctx, state, rec); err != nil {
		return err
	}
	after, err := f.keeper.keep(state)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.turn == turn { // else a middleware did not wait for this fold and has gone on
		f.after = after
	}
	return nil
}

// begin returns the state for a fold: at another attempt the one of the first.
func (f *folding[S, T]) begin(ctx context.Context) (take func() (S, error), turn int) {
	record, _ := troupe.RecordFrom(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.turn == 0 || record.Index != f.record.Index {
		f.record, f.before = record, f.after
	}
	f.turn++
	f.after = f.before
	return f.before.take(f.keeper), f.turn
}

// result returns the state before the first record of failed, or after all records if there is none.
func (f *folding[S, T]) result(failed []string) *snapshot[S] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(failed) > 0 && f.turn > 0 && failed[0] == f.record.ID {
		return f.before
	}
	return f.after
}
