// Package once has the code that docs/guides/migrating.md shows for handling a record once, so that it is tested. It is to
// be copied, with a store to match.
package once

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Store remembers what has been handled. Its methods are safe for concurrent use, and each is atomic.
type Store interface {
	// Begin claims key for token until the given time, and returns false. If key is done it returns true, and
	// ErrInProgress if the claim of another token has not run out.
	Begin(ctx context.Context, key, token string, until time.Time) (done bool, err error)
	// Done records for the given time that key is done. If another token has claimed key since, it changes nothing and
	// returns ErrSuperseded.
	Done(ctx context.Context, key, token string, keep time.Duration) error
	// Release gives up the claim of token, if that still holds key.
	Release(ctx context.Context, key, token string) error
}

// ErrInProgress is returned for a key that another handler works on.
var ErrInProgress = errors.New("in progress elsewhere")

// ErrSuperseded is returned for a key that another handler has claimed because the work took longer than the lease. The
// work may have been done twice.
var ErrSuperseded = errors.New("claimed by another handler in the meantime")

// Once returns a handler that handles one record of each key. lease is longer than the function's timeout, and shorter
// than the queue's visibility timeout: the claims of a process that died have run out when the record is redelivered.
func Once[R any](store Store, lease time.Duration, key func(R) string, handle func(context.Context, R) error) func(context.Context, R) error {
	return func(ctx context.Context, rec R) (err error) {
		k, token := key(rec), rand.Text()
		if done, err := store.Begin(ctx, k, token, time.Now().Add(lease)); err != nil || done {
			return err // nil if it is done, and Lambda deletes the message
		}
		failed := true
		defer func() { // after a panic, too
			if failed {
				after, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // ctx may be why it failed
				defer cancel()
				err = errors.Join(err, store.Release(after, k, token))
			}
		}()
		if err := handle(ctx, rec); err != nil {
			return err
		}
		failed = false
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return store.Done(after, k, token, 24*time.Hour)
	}
}

// chargeOnce is a handler for troupe.SQS that charges each order once. orderID reads the order's number from the message.
func chargeOnce(store Store, orderID func(events.SQSMessage) string, charge func(context.Context, events.SQSMessage) error) func(context.Context, events.SQSMessage) error {
	return Once(store, 60*time.Second, orderID, charge)
}
