package batch

import (
	"fmt"

	"github.com/troupe-go/troupe/internal/guard"
)

// Try calls f, which is not troupe's own, and then ended, once, with the error of f as Tell returns it. A panic in f is
// a *PanicError and runtime.Goexit is ErrGoexit. Both calls are made on the caller's goroutine. If f ends that
// goroutine, ended is called as it ends, and Try does not return.
//
// The methods of f's error, or of what it panics with, are called within Try as well, so that nobody has to call them
// later: what they do counts as done by f.
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
			tryPanic(end, ended)
		default:
			ended(ErrGoexit)
		}
	}()
	defer guard.Catch(&end)
	err = Tell(f())
	end.How = guard.Returned
}

// tryPanic makes the error of a panic. The methods of what it was called with may end the goroutine, too.
func tryPanic(end guard.End, ended func(error)) {
	e := &PanicError{Value: end.Value, Stack: end.Stack}
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

// TryWithin is Try on a goroutine of its own, for f that must not hold up its caller. It waits until done is closed, if
// that is not nil, and returns ErrAbandoned then: f goes on, and must not touch what the caller goes on to use.
func TryWithin(done <-chan struct{}, f func() error) (err error) {
	var result error
	end := guard.Within(done, func() { Try(f, func(err error) { result = err }) })
	if end.How == guard.Left {
		return ErrAbandoned
	}
	return result
}
