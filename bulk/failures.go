package bulk

import (
	"fmt"
	"maps"
	"slices"
)

// Failures is the error of a handler for which some records have failed, by their index in the handler's slice. A nil
// error in it is not a failure, and Failures without a failure are equivalent to nil. If an index is out of range,
// all records have failed, since the intended record is unknown.
//
// It may be wrapped by %w. Joined with other errors it is one of several reasons, and all records have failed.
type Failures map[int]error

// Error returns the number of failures and the one with the lowest index.
func (f Failures) Error() string {
	for _, i := range f.sorted() {
		if f[i] != nil {
			return fmt.Sprintf("troupe: %d records of the batch failed; the first, at index %d: %v", len(f.Unwrap()), i, f[i])
		}
	}
	return "troupe: no record of the batch failed"
}

// Unwrap returns the errors by ascending index.
func (f Failures) Unwrap() []error {
	errs := make([]error, 0, len(f))
	for _, i := range f.sorted() {
		if f[i] != nil {
			errs = append(errs, f[i])
		}
	}
	return errs
}

func (f Failures) sorted() []int { return slices.Sorted(maps.Keys(f)) }

// failuresIn returns err as Failures, or the Failures that it alone wraps. Errors that wrap each other in a circle, or
// without an end, have none.
func failuresIn(err error) (f Failures, ok bool) {
	for range maxLinks {
		if f, ok = err.(Failures); ok {
			return f, true
		}
		wrapper, ok := err.(interface{ Unwrap() error })
		if !ok {
			break
		}
		err = wrapper.Unwrap()
	}
	return nil, false
}

// maxLinks bounds the errors that failuresIn looks at.
const maxLinks = 1000
