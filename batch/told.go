package batch

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/troupe-go/troupe/internal/guard"
)

// Tell returns a handler's error in the form that reports, hooks, logs and the error of the invocation use. The
// methods of a handler's error are user code, and later readers, such as the runtime client, must neither wait
// nor panic. So Tell calls them once, on the goroutine of the attempt, where a panic or a hang counts as the
// handler's. The returned error keeps their results, and wraps err: errors.Is, errors.As and errors.AsType find
// the same as in err.
//
// Errors of the standard library and of troupe are returned unchanged. A nil pointer in an error, which is an error
// since err != nil, is replaced by an error that contains its type. errors.Is finds the nil pointer in it by
// comparison.
func Tell(err error) error {
	if err == nil {
		return nil
	}
	left := maxLinks
	if harmless(err, &left) {
		return err
	}
	if v := reflect.ValueOf(err); v.Kind() == reflect.Pointer && v.IsNil() {
		return &nilError{err}
	}
	return &told{err: err, text: guard.Bounded(guard.Text(err), maxTold), marks: marksOf(err)}
}

// maxTold bounds the text of an error, in bytes.
const maxTold = 4 << 10

// told is a user's error with the results of its methods.
type told struct {
	err   error
	text  string
	marks marks
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.err }

// nilError stands for a nil pointer that a handler returned as its error.
type nilError struct{ pointer error }

func (e *nilError) Error() string {
	return fmt.Sprintf("troupe: the handler returned a nil %T as its error, which is an error and not nil", e.pointer)
}

// Is reports whether target is the same nil pointer, which may serve as a value to compare with.
func (e *nilError) Is(target error) bool { return target == e.pointer }

var (
	plainError  = reflect.TypeOf(errors.New(""))
	wrapError   = reflect.TypeOf(fmt.Errorf("%w", context.Canceled))
	wrapErrors  = reflect.TypeOf(fmt.Errorf("%w%w", context.Canceled, context.Canceled))
	joinError   = reflect.TypeOf(errors.Join(context.Canceled))
	deadlineErr = reflect.TypeOf(context.DeadlineExceeded)
)

// harmless reports whether the methods of err and of all that it wraps are known: they return, and always the same.
func harmless(err error, left *int) bool {
	for ; *left > 0; *left-- {
		switch e := err.(type) {
		case nil, Reason, *told, *nilError:
			return true
		case *DecodeError:
			return e != nil
		case *PanicError:
			return e != nil && e.text != ""
		case *because:
			err = e.cause
			continue
		case *RecordError:
			if e == nil {
				return false
			}
			err = e.Err
			continue
		case *EventError:
			if e == nil {
				return false
			}
			err = e.Cause
			continue
		case permanent:
			err = e.error
			continue
		case dropped:
			err = e.error
			continue
		}
		switch reflect.TypeOf(err) {
		case plainError, deadlineErr:
			return true
		case wrapError:
			err = errors.Unwrap(err)
		case wrapErrors, joinError:
			for _, branch := range err.(interface{ Unwrap() []error }).Unwrap() {
				if !harmless(branch, left) {
					return false
				}
			}
			return true
		default:
			return false
		}
	}
	return false
}

// TypeName returns the Go type of an error, ignoring wrappers without a type of their own.
func TypeName(err error) string {
	for {
		switch e := err.(type) {
		case *told:
			err = e.err
			continue
		case *nilError:
			return fmt.Sprintf("%T", e.pointer)
		case permanent:
			err = e.error
			continue
		case dropped:
			err = e.error
			continue
		}
		inner := error(nil)
		if reflect.TypeOf(err) == wrapError {
			inner = errors.Unwrap(err)
		}
		if inner == nil {
			return fmt.Sprintf("%T", err)
		}
		err = inner
	}
}
