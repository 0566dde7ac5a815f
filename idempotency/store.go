package idempotency

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Store keeps claims and completions by key. Its methods are safe for concurrent use, by any number of
// processes, and each of them is atomic.
//
// A claim belongs to its token. The holder of a token may renew, complete and release its claim until somebody
// else claims the key, even after the lease has ended. A method that is called again with the token and the
// arguments of a call that succeeded succeeds again, since clients repeat requests whose answer was lost.
//
// Package storetest tests an implementation.
type Store interface {
	// Claim claims a key until the claim's lease ends. It claims a key that nobody has claimed or completed, one
	// whose claim's lease has ended, and one whose completion has expired. In these cases it returns nil; for a
	// completed key it returns the completion. A key that is claimed by another token gives an *InProgressError.
	Claim(ctx context.Context, claim Claim) (*Completion, error)
	// Renew sets the end of the lease of a claim. It returns ErrLeaseLost if another token has claimed the
	// key, or the key is completed.
	Renew(ctx context.Context, claim Claim) error
	// Complete records that the work of a key is done. It returns ErrLeaseLost, and changes nothing, if
	// another token has claimed or completed the key. A key that nobody holds any more is completed. An error
	// that matches ErrValue means that the store cannot keep the value, however often that is tried.
	Complete(ctx context.Context, key, token string, done Completion) error
	// Release gives up a claim. It returns ErrLeaseLost, and changes nothing, if another token has claimed the key,
	// or the key is completed. A key that nobody holds is not an error.
	Release(ctx context.Context, key, token string) error
}

// Claim reserves a key for a handler.
type Claim struct {
	// Key is the key, as it is stored.
	Key string
	// Token identifies the claim among all others. It is not empty.
	Token string
	// Lease is when the key can be claimed by another token.
	Lease time.Time
	// Expiry is how long a completion is kept. Stores that delete entries themselves keep a claim at least as
	// long as its lease, whatever Expiry is.
	Expiry time.Duration
	// Payload is a hash of what the work is about, or empty. See Completion.Payload.
	Payload string
}

// Completion records completed work.
type Completion struct {
	// Value is what the handler returned, as JSON; nil if there is none, or it could not be stored.
	Value []byte
	// Payload is a hash of what the work was about, or empty if that is not checked.
	Payload string
	// Expires is when the key may be claimed again. Stores may round it up to a second.
	Expires time.Time
}

// ErrInProgress is the error of a record whose key is claimed by another handler, which is still working on
// it or has died: the record is redelivered. errors.As finds the *InProgressError, which has the end of the
// lease.
var ErrInProgress = errors.New("troupe: idempotency: the key is in progress elsewhere")

// ErrLeaseLost is the error of a record whose key another handler claimed while the record's own handler
// did the work, which may have been done twice.
var ErrLeaseLost = errors.New("troupe: idempotency: the lease was lost: another handler claimed the key")

// ErrKey is matched by the errors of keys that are empty or that a store cannot hold.
var ErrKey = errors.New("troupe: idempotency: bad key")

// ErrValue is matched by the errors of values that a store cannot hold, and of stored values that are not of
// the type that the handler returns.
var ErrValue = errors.New("troupe: idempotency: bad value")

// InProgressError is ErrInProgress with what is known of the other claim.
type InProgressError struct {
	// Lease is when the key can be claimed; zero if that is not known.
	Lease time.Time
}

// Error states that the key is in progress, and until when.
func (e *InProgressError) Error() string {
	if e.Lease.IsZero() {
		return ErrInProgress.Error()
	}
	return ErrInProgress.Error() + " until " + e.Lease.UTC().Format(time.RFC3339Nano)
}

// Is reports whether target is ErrInProgress.
func (e *InProgressError) Is(target error) bool { return target == ErrInProgress }

// matching is an error that matches a sentinel.
type matching struct {
	sentinel error
	problem  string
}

func (m *matching) Error() string        { return m.sentinel.Error() + ": " + m.problem }
func (m *matching) Is(target error) bool { return target == m.sentinel }

// KeyErrorf returns an error that matches ErrKey, for stores. The text must not hold any part of the key, which
// may be part of a payload.
func KeyErrorf(format string, args ...any) error {
	return &matching{ErrKey, fmt.Sprintf(format, args...)}
}

// ValueErrorf returns an error that matches ErrValue, for stores. The text must not hold any part of the value.
func ValueErrorf(format string, args ...any) error {
	return &matching{ErrValue, fmt.Sprintf(format, args...)}
}
