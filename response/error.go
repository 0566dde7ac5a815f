package response

import "github.com/troupe-go/troupe/messages"

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

// Error returns the error that the invocation is to end with, a *messages.BatchError; nil if it has not failed.
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
	e := &messages.BatchError{Total: len(results), Failed: make([]*messages.RecordError, 0, failed)}
	errs := make([]messages.RecordError, failed)
	for i := range results {
		if results[i].Outcome == messages.Failed {
			r := &errs[len(e.Failed)]
			*r = messages.RecordError{ID: results[i].ID, Index: i, Err: results[i].Err}
			e.Failed = append(e.Failed, r)
		}
	}
	return e
}

// Text is an error in at most a few hundred bytes. It survives an Error method that panics.
func Text(err error) string { return messages.Text(err) }
