package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/batch"
)

// call is the one call of a handler for many records, and its result.
type call[T any] struct {
	handler  func(context.Context, []T) error
	given    []T   // the input of the handler
	returned error // the error of the handler for all; nil if failed has the failures
	failed   []error
}

// errReturned is the error that the supervisor receives for an error of the handler. The results of the records are
// in the handler's error, not here.
var errReturned = errors.New("troupe: the batch handler returned an error")

// run calls the handler and reads its error once, here: the methods of the error are user code like the handler, and
// the map of Failures may change later.
func (c *call[T]) run(ctx context.Context) error {
	err := c.handler(ctx, c.given)
	if err == nil {
		return nil
	}
	failures, ok := failuresIn(err)
	if !ok {
		c.returned = batch.Tell(err)
		return errReturned
	}
	failed, any := make([]error, len(c.given)), false
	for _, i := range failures.sorted() {
		switch {
		case failures[i] == nil:
			continue
		case i < 0 || i >= len(failed):
			c.returned = batch.Tell(fmt.Errorf("troupe: Failures has index %d of %d records, so all of them have failed: %w", i, len(c.given), err))
			return errReturned
		}
		failed[i], any = batch.Tell(failures[i]), true
	}
	if !any {
		return nil
	}
	c.failed = failed
	return errReturned
}

// failure returns a function that returns the error of each record passed to the handler, or nil.
func (c *call[T]) failure(one batch.Result) func(k int) error {
	all := func(err error) func(int) error { return func(int) error { return err } }
	// Not errors.Is, which calls the error's own Is method: the error of a panic could match errReturned, although
	// nothing was returned.
	reasons, cause := batch.Cause(one.Err)
	if one.Outcome == batch.Succeeded || cause != errReturned {
		return all(one.Err)
	}
	// The handler returned in time, so c.returned and c.failed no longer change.
	late := func(err error) error {
		for _, why := range slices.Backward(reasons) {
			err = batch.Because(why, err)
		}
		return err
	}
	if c.returned != nil {
		return all(late(c.returned))
	}
	return func(k int) error {
		if err := c.failed[k]; err != nil {
			return late(err)
		}
		return nil
	}
}
