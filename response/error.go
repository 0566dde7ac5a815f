package response

import "github.com/troupe-go/troupe/batch"

// When determines for which batches an invocation returns an error (SPEC S7). Lambda retries the whole batch
// of an invocation that returns an error.
type When uint8

const (
	// All: when there were records and every one failed.
	All When = iota + 1
	// Any: when a record failed.
	Any
	// Never: failures are reported in the response only.
	Never
)

// Error returns the error of the invocation, a *batch.BatchError, or nil if it has not failed.
func Error(results []batch.Result, when When) error {
	failed := countFailed(results)
	if failed == 0 || when == Never || when == All && failed < len(results) {
		return nil
	}
	return batch.BatchErrorOf(results)
}

// Text is an error in at most a few hundred bytes. It is batch.Text.
func Text(err error) string { return batch.Text(err) }
