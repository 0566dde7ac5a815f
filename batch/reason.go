package batch

import (
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/internal/guard"
)

// Reason is why a record failed, or why an event was refused. Reasons are errors to compare with:
// errors.Is(result.Err, ErrDeadline). An error may match several: a record that never started because
// the time was up matches ErrNotStarted and ErrDeadline.
type Reason uint8

const (
	// ErrEvent: the event as a whole cannot be processed, so the invocation fails and no handler ran
	// (SPEC S5, S6).
	ErrEvent Reason = iota + 1
	// ErrPanic: the handler panicked. errors.As finds the *PanicError with value and stack.
	ErrPanic
	// ErrGoexit: the handler called runtime.Goexit, as testing's FailNow does.
	ErrGoexit
	// ErrUndecodable: the record cannot be decoded; its handler was not called. errors.As finds the
	// *DecodeError.
	ErrUndecodable
	// ErrRecordTimeout: the attempt took longer than WithRecordTimeout allows.
	ErrRecordTimeout
	// ErrDeadline: the invocation was about to time out.
	ErrDeadline
	// ErrCancelled: the invocation's context was cancelled.
	ErrCancelled
	// ErrAbandoned: the handler had not returned in time, and its record was reported. It may still run.
	ErrAbandoned
	// ErrNotStarted: the handler was never called for the record. The same error matches the cause:
	// ErrStopped, ErrGroupStopped, ErrDeadline or ErrCancelled.
	ErrNotStarted
	// ErrStopped: an earlier failure stopped the batch.
	ErrStopped
	// ErrGroupStopped: an earlier failure stopped the record's group.
	ErrGroupStopped
	// ErrDeadLettered: the record was sent to a dead-letter queue and dropped from the batch.
	ErrDeadLettered
)

var reasonTexts = [...]string{
	ErrEvent:         "event cannot be processed",
	ErrPanic:         "handler panicked",
	ErrGoexit:        "handler called runtime.Goexit",
	ErrUndecodable:   "record cannot be decoded",
	ErrRecordTimeout: "record timeout",
	ErrDeadline:      "invocation deadline is near",
	ErrCancelled:     "invocation was cancelled",
	ErrAbandoned:     "handler did not return in time and was abandoned",
	ErrNotStarted:    "not started",
	ErrStopped:       "the batch was stopped by an earlier failure",
	ErrGroupStopped:  "the record's group was stopped by an earlier failure",
	ErrDeadLettered:  "sent to the dead-letter queue",
}

// Error describes the reason.
func (r Reason) Error() string {
	if int(r) < len(reasonTexts) && reasonTexts[r] != "" {
		return "troupe: " + reasonTexts[r]
	}
	return "troupe: reason " + strconv.Itoa(int(r))
}

// because is a reason and its cause, both visible to errors.Is and errors.As.
type because struct {
	reason Reason
	cause  error
}

// EventError is the error of an event that is refused as a whole. It matches ErrEvent. Lambda shows its
// type name as the error type of the invocation.
type EventError struct {
	// Cause describes what was given and what was expected.
	Cause error
}

// Error describes what is wrong with the event.
func (e *EventError) Error() string { return ErrEvent.Error() + ": " + guard.Text(e.Cause) }

// Is reports whether target is ErrEvent.
func (e *EventError) Is(target error) bool { return target == ErrEvent }

// Unwrap returns the cause.
func (e *EventError) Unwrap() error { return e.Cause }

// Because returns an error with the text "troupe: <reason>: <cause>" that matches both. With a nil cause it
// returns only the reason; a cause to which Because has already added the reason is returned unchanged.
func Because(reason Reason, cause error) error {
	if b, ok := cause.(*because); ok && b.reason == reason {
		return cause
	}
	switch {
	case cause == nil:
		return reason
	case reason == ErrEvent:
		return &EventError{cause}
	}
	return &because{reason, cause}
}

func (b *because) Error() string {
	return b.reason.Error() + ": " + strings.TrimPrefix(guard.Text(b.cause), "troupe: ")
}

func (b *because) Unwrap() []error { return []error{b.reason, b.cause} }

// PanicError is the error of a handler that panicked.
type PanicError struct {
	// Value is what panic was called with.
	Value any
	// Stack is the stack of the panicking goroutine, as runtime/debug.Stack prints it, truncated to 8 KB. It must not
	// be changed: panics at the same place share it.
	Stack []byte

	text  string // of Value; made when the panic was recovered
	marks marks  // of Value
}

// Error returns the text of the panic's value, without the stack, truncated to about 1 KB.
func (e *PanicError) Error() string {
	text := e.text
	if text == "" {
		text = guard.Show(e.Value)
	}
	return "troupe: handler panicked: " + text
}

// Is reports whether target is ErrPanic.
func (e *PanicError) Is(target error) bool { return target == ErrPanic }

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// IsDeadLettered reports whether err, of a dropped record, records that it was sent to a dead-letter queue.
func IsDeadLettered(err error) bool { return marksOf(err)&ErrDeadLettered.mark() != 0 }

// DecodeError is the error of a record that cannot be decoded, with the position. It contains no part of the payload
// (SPEC S9).
type DecodeError struct {
	// Field is the path of the value that could not be read, such as "kinesis.data" or "body.lines[1].sku"; empty if
	// unknown. Its names are the names of the Go type's fields; a * stands for the key of a map.
	Field string
	// Offset is the index of the first byte of that value, or of the first byte that is not JSON. It counts from the
	// start of the record's JSON, or of its payload where that is what cannot be decoded; −1 if unknown.
	Offset int64
	// Problem describes what was given and what was expected there: "number where a string was expected".
	Problem string
}

// Error returns field, position and problem.
func (e *DecodeError) Error() string {
	text := "troupe: record cannot be decoded"
	if e.Field != "" {
		text += ": " + e.Field
	}
	if e.Problem != "" {
		text += ": " + e.Problem
	}
	if e.Offset >= 0 {
		text += " (at byte " + strconv.FormatInt(e.Offset, 10) + " of the record)"
	}
	return text
}

// Is reports whether target is ErrUndecodable.
func (e *DecodeError) Is(target error) bool { return target == ErrUndecodable }

// permanent marks an error that is not worth another attempt in this invocation.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks err as not worth another attempt in this invocation. Permanent(nil) is nil. In a join,
// the mark counts only if every error has it.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

type dropped struct{ error }

func (d dropped) Unwrap() error { return d.error }

// Drop marks err so that the record is dropped: the Report and the log contain it, and Lambda does not redeliver
// it. Drop(nil) is nil.
//
// A wrapped error may have the mark. In a join, by errors.Join or several %w, it counts only if every error has
// it; otherwise the record has failed.
func Drop(err error) error {
	if err == nil {
		return nil
	}
	return dropped{err}
}
