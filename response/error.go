package response

import (
	"fmt"
	"strconv"

	"github.com/troupe-go/troupe/messages"
)

// When says for which batches an invocation returns an error (SPEC S7).
type When uint8

const (
	// All: when there were records and every one failed.
	All When = iota + 1
	// Any: when a record failed.
	Any
	// Never: the response alone tells of failures.
	Never
)

// BatchError is the error of an invocation whose records failed. errors.Is and errors.As look through it
// at the records' errors.
type BatchError struct {
	total  int
	errors []error
}

// Error says how many records failed and why the first one did, in bounded text.
func (e *BatchError) Error() string {
	return fmt.Sprintf("troupe: %d of %d records failed; the first: %s", len(e.errors), e.total, Text(e.errors[0]))
}

// Unwrap returns the error of each failed record in batch order.
func (e *BatchError) Unwrap() []error { return e.errors }

// recordError names the record that an error belongs to.
type recordError struct {
	id  string
	err error
}

func (e *recordError) Error() string {
	return "record " + strconv.Quote(e.id) + ": " + fmt.Sprint(e.err)
}
func (e *recordError) Unwrap() error { return e.err }

// Error returns the error that the invocation is to end with, nil if it has not failed.
func Error(results []messages.Result, when When) error {
	failed := 0
	for i := range results {
		if results[i].Outcome == messages.Failed {
			failed++
		}
	}
	if failed == 0 || when == Never || when == All && failed < len(results) {
		return nil
	}
	e := &BatchError{total: len(results), errors: make([]error, 0, failed)}
	for i := range results {
		if results[i].Outcome == messages.Failed {
			e.errors = append(e.errors, &recordError{results[i].ID, results[i].Err})
		}
	}
	return e
}

// Text is an error in at most a few hundred bytes. It survives an Error method that panics.
func Text(err error) string { return messages.Text(err) }
