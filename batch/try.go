package batch

import (
	"fmt"

	"github.com/troupe-go/troupe/internal/guard"
)

// Try calls the user's function f and then, once, ended with the error of f as Tell returns it. A panic in f is a
// *PanicError and runtime.Goexit is ErrGoexit. Both calls are made on the caller's goroutine. If f ends that goroutine,
// ended is called as it ends, and Try does not return.
//
// The methods of f's error or panic value are called within Try as well, so that they count as part of f and need not
// be called later.
func Try(f func() error, ended func(error)) {
	var (
		err error
		end guard.End
	)
	defer func() {
		switch end.How {
		case guard.Returned:
			ended(err)
		case guard.Panicked:
			Panicked(end.Value, end.Stack, ended)
		default:
			ended(ErrGoexit)
		}
	}()
	defer guard.Catch(&end)
	err = Tell(f())
	end.How = guard.Returned
}

// Panicked calls ended, once, with the *PanicError of a panic with value, as Try does. The methods of value are the user's,
// and may end the goroutine.
func Panicked(value any, stack []byte, ended func(error)) {
	e := &PanicError{Value: value, Stack: stack}
	guard.Call(func() {
		e.text = guard.Show(e.Value)
		if inner, ok := e.Value.(error); ok {
			e.marks = marksOf(inner) & markPermanent
		}
	}, func(shown guard.End) {
		if shown.How != guard.Returned {
			e.text = fmt.Sprintf("a %T that cannot be printed", e.Value)
		}
		ended(e)
	})
}

// TryWithin is Try on a separate goroutine, for an f that must not hold up its caller. It waits until done is closed,
// if done is not nil, and then returns ErrAbandoned: f continues, and must not touch what the caller uses.
func TryWithin(done <-chan struct{}, f func() error) (err error) {
	var result error
	end := guard.Within(done, func() { Try(f, func(err error) { result = err }) })
	if end.How == guard.Left {
		return ErrAbandoned
	}
	return result
}
