// Package once has the code that docs/guides/migrating.md shows for handling a record once, so that it is tested. It is to
// be copied, with a store to match.
package once

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Store remembers what has been handled. Its methods are safe for concurrent use.
type Store interface {
	// Begin claims key until the given time, and returns false. If key is done it returns true, and
	// ErrInProgress if another claim on it has not run out.
	Begin(ctx context.Context, key string, until time.Time) (done bool, err error)
	// Done remembers for the time given that key is done.
	Done(ctx context.Context, key string, keep time.Duration) error
	// Release gives up the claim that ends at until, if it still holds.
	Release(ctx context.Context, key string, until time.Time) error
}

// ErrInProgress is Begin's answer for a key that somebody is at work on.
var ErrInProgress = errors.New("in progress elsewhere")

// Once makes a handler that handles one record of each key. lease is longer than the function's timeout, and shorter
// than the queue's visibility timeout: what a process that died had claimed is free when the record comes again.
func Once[R any](store Store, lease time.Duration, key func(R) string, handle func(context.Context, R) error) func(context.Context, R) error {
	return func(ctx context.Context, rec R) (err error) {
		k, until := key(rec), time.Now().Add(lease)
		if done, err := store.Begin(ctx, k, until); err != nil || done {
			return err // nil if it is done, and Lambda forgets the record
		}
		failed := true
		defer func() { // after a panic, too
			if failed {
				tell, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // ctx may be why it failed
				defer cancel()
				err = errors.Join(err, store.Release(tell, k, until))
			}
		}()
		if err := handle(ctx, rec); err != nil {
			return err
		}
		failed = false
		tell, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return store.Done(tell, k, 24*time.Hour)
	}
}

// chargeOnce is a handler for troupe.SQS that charges each order once. orderID reads the order's number from the message.
func chargeOnce(store Store, orderID func(events.SQSMessage) string, charge func(context.Context, events.SQSMessage) error) func(context.Context, events.SQSMessage) error {
	return Once(store, 60*time.Second, orderID, charge)
}
