package bulk

import (
	"fmt"
	"maps"
	"slices"
)

// Failures is the error of a handler that some records have failed for: by their index in the slice that the
// handler was given. A nil error in it is no failure, and without any failure it means what nil does. An index
// that the slice does not have means that all records have failed, since nobody knows which was meant.
//
// It may be wrapped by %w. Joined with other errors it is one of several reasons, and all records have failed.
type Failures map[int]error

// Error counts the failures and tells the one with the lowest index.
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

// failuresIn returns the Failures that err is, or wraps with nothing beside it. Errors that wrap each other in a circle,
// or without an end, have none.
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
