package batch

import (
	"fmt"
	"reflect"
)

// Returned is the error that a handler returned, as troupe keeps it. A nil pointer in an error stands for an
// error, since err != nil; but its methods may well dereference it, now or when somebody prints the error. So it
// is replaced by an error that names its type. errors.Is finds the nil pointer in that, by comparison.
func Returned(err error) error {
	if v := reflect.ValueOf(err); v.Kind() == reflect.Pointer && v.IsNil() {
		return &nilError{err}
	}
	return err
}

// nilError stands for a nil pointer that a handler returned as its error.
type nilError struct{ pointer error }

func (e *nilError) Error() string {
	return fmt.Sprintf("troupe: the handler returned a nil %T as its error, which is an error and not nil", e.pointer)
}

// Is reports whether target is the same nil pointer, which may serve as a value to compare with.
func (e *nilError) Is(target error) bool { return target == e.pointer }
