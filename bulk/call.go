package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/batch"
)

// call is the one call of a handler for many, and what came of it.
type call[T any] struct {
	handler  func(context.Context, []T) error
	given    []T   // to the handler
	returned error // by the handler: why all have failed; nil if failed says which
	failed   []error
}

// errReturned is what the supervisor learns of an error that the handler returned: it says nothing of the
// other records, and what may be in it is not about the batch.
var errReturned = errors.New("troupe: the batch handler returned an error")

// run calls the handler. What it returns is read here, once: its methods are the user's, as the handler is, and so is
// the map of Failures, which may change later.
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
			c.returned = batch.Tell(fmt.Errorf("troupe: Failures has index %d where the handler was given %d records; so all of them have failed: %w", i, len(c.given), err))
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

// failure returns for each record that the handler was given why it has failed, if it has.
func (c *call[T]) failure(one batch.Result) func(k int) error {
	all := func(err error) func(int) error { return func(int) error { return err } }
	// Not errors.Is, which asks the error's own Is method: one that a handler panicked with could pass for
	// errReturned, and nothing has been returned then.
	reasons, cause := batch.Cause(one.Err)
	if one.Outcome == batch.Succeeded || cause != errReturned {
		return all(one.Err)
	}
	// The handler returned in time, so that nobody writes c.returned and c.failed any more.
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
