package batch

import (
	"fmt"
	"strconv"

	"github.com/troupe-go/troupe/internal/guard"
)

// BatchError is the error of an invocation with failed records (SPEC S7). errors.Is and errors.As find the
// records' errors in it. Lambda shows its type name as the error type of the invocation.
//
// To distinguish a refused event from a failed batch, look at the outermost type, *EventError or *BatchError:
// errors.Is(err, ErrEvent) also finds an ErrEvent in a handler's own error.
type BatchError struct {
	// Total is the number of records in the batch, and Failed has those that failed, in batch order; there is at
	// least one.
	Total  int
	Failed []*RecordError

	text string
}

// BatchErrorOf returns the error of a batch with these results, or nil if no record has failed. It reads the
// texts of the handlers' errors now, so that Error calls none of their methods later.
func BatchErrorOf(results []Result) *BatchError {
	failed := 0
	for i := range results {
		if results[i].Outcome == Failed {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	e := &BatchError{Total: len(results), Failed: make([]*RecordError, 0, failed)}
	errs := make([]RecordError, failed)
	for i := range results {
		if results[i].Outcome == Failed {
			r := &errs[len(e.Failed)]
			*r = RecordError{ID: results[i].ID, Index: i, Err: results[i].Err}
			e.Failed = append(e.Failed, r)
		}
	}
	e.text = e.describe()
	return e
}

// Error returns the number of failed records and the first record's error, in bounded text.
func (e *BatchError) Error() string {
	if e.text == "" { // not made by BatchErrorOf
		return e.describe()
	}
	return e.text
}

func (e *BatchError) describe() string {
	first := "none is named"
	if len(e.Failed) > 0 {
		first = Text(e.Failed[0])
	}
	return fmt.Sprintf("troupe: %d of %d records failed; the first: %s", len(e.Failed), e.Total, first)
}

// Unwrap returns the *RecordError of each failed record in batch order.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, len(e.Failed))
	for i, failed := range e.Failed {
		errs[i] = failed
	}
	return errs
}

// RecordError is the error of one failed record of a batch.
type RecordError struct {
	// ID is the identifier that Lambda uses for the record, and Index the record's place in the batch, from 0.
	ID    string
	Index int
	// Err is the error of the record's Result.
	Err error
}

// Error returns the record's identifier and its error.
func (e *RecordError) Error() string {
	return "record " + strconv.Quote(e.ID) + ": " + guard.Text(e.Err)
}

// Unwrap returns Err.
func (e *RecordError) Unwrap() error { return e.Err }
