package window

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/troupe-go/troupe"
)

// snapshot is the state after some record.
type snapshot[S any] struct {
	state S
	used  bool // a fold has had state, and may have changed it
	// text is the state's JSON; nil if S is plain, so that no fold can change it.
	text json.RawMessage
}

// take returns a function for the state, for a fold or for the final function. Decoding it may call an UnmarshalJSON of
// the user's, so the function is to be called without a lock, where the user's code is contained.
func (s *snapshot[S]) take() func() (S, error) {
	if s.text == nil || !s.used {
		s.used = true
		state := s.state
		return func() (S, error) { return state, nil }
	}
	text := s.text
	return func() (S, error) {
		state, _, err := initial[S](text)
		return state, err
	}
}

// json returns what is carried.
func (s *snapshot[S]) json() (json.RawMessage, error) {
	if s.text == nil {
		return encode(s.state)
	}
	return s.text, nil
}

// folding is a batch in progress. Its records come one at a time in batch order, since there is one group and
// the first failure stops it. What cannot be known while a fold runs is whether its end will be in time; so
// the states on both sides of the last record are kept until the batch is over.
type folding[S, T any] struct {
	fold  func(context.Context, S, T) (S, error)
	plain bool

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
	after := &snapshot[S]{state: state}
	if !f.plain {
		if after.text, err = encode(state); err != nil {
			return err
		}
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
	return f.before.take(), f.turn
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
