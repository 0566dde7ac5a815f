// Package guard calls functions that are not troupe's own: handlers, group functions, observers, and the methods of
// types that come with them. Such a call may return, panic, end its goroutine with runtime.Goexit, or never end. The
// caller learns which, and continues.
//
// Call makes the call on the caller's goroutine, which is cheap; a call that hangs keeps that goroutine. Within makes it
// on another goroutine and leaves that behind when the time is up.
//
// What nothing in Go can contain: a stack that grows until it overflows, as that of a String method that prints its own
// receiver does, unsynchronized use of a map, and running out of memory. Each of these ends the process.
package guard

// How is the way in which a call ended.
type How uint8

const (
	// Exited: it called runtime.Goexit. It is the zero value, since nothing sets another one then.
	Exited How = iota
	// Returned: it returned.
	Returned
	// Panicked: it panicked, with Value.
	Panicked
	// Left: it had not ended in time. It may still run.
	Left
)

// End is how a call ended.
type End struct {
	How How
	// Value is what it panicked with. A panic with nil has a *runtime.PanicNilError.
	Value any
	// Stack is the stack of the panic, as runtime/debug.Stack prints it, in at most MaxStack bytes. It must not be
	// changed: panics of one place share it.
	Stack []byte
}

// Call calls f and then ended, once, with how f ended. Both run on the caller's goroutine. After runtime.Goexit in f
// the goroutine is about to end when ended is called, and Call does not return. ended itself must return.
func Call(f func(), ended func(End)) {
	var end End
	defer func() { ended(end) }()
	defer Catch(&end)
	f()
	end.How = Returned
}

// Catch is Call for a function that is deferred around the call itself: it sets end if there was a panic. The caller
// sets end.How to Returned after the call, and reads end in a function that it has deferred before.
func Catch(end *End) {
	if end.How == Returned {
		return
	}
	if v := recover(); v != nil {
		*end = End{Panicked, v, stack()}
	}
}

// Within calls f on another goroutine and returns how it ended. It waits until done is closed, if that is not nil.
// A call that has not ended by then is Left: it continues, and f must not touch anything that the caller uses. Pass
// values through a buffered channel, or guard them with a lock.
func Within(done <-chan struct{}, f func()) End {
	ended := make(chan End, 1)
	go Call(f, func(end End) { ended <- end })
	select {
	case end := <-ended:
		return end
	case <-done:
	}
	select {
	case end := <-ended: // at the same time
		return end
	default:
		return End{How: Left}
	}
}
