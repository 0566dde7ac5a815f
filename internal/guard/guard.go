// Package guard calls functions that are not troupe's own: handlers, group functions, observers, and the methods of
// types that come with them. Such a call may return, panic, end its goroutine with runtime.Goexit, or never end. Whoever
// makes one gets to know which, and goes on.
//
// Call makes the call on the caller's goroutine, which is cheap; a call that hangs keeps that goroutine. Within makes it
// on a goroutine of its own and leaves it behind when the time is up.
//
// What nothing in Go can contain: a stack that grows until it overflows, as that of a String method that prints its own
// receiver does, unsynchronized use of a map, and running out of memory. Each of these ends the process.
package guard

// How tells how a call ended.
type How uint8

const (
	// Exited: it called runtime.Goexit. It is the zero value: so a call has ended of which nothing else is known.
	Exited How = iota
	// Returned: it returned.
	Returned
	// Panicked: it panicked, with Value.
	Panicked
	// Left: it had not ended when the time was up. It may still run.
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
	if v := recover(); v != nil {
		*end = End{Panicked, v, stack()}
	}
}

// Within calls f on a goroutine of its own and returns how it ended. It waits until done is closed, if that is not nil.
// A call that has not ended by then is Left: it goes on, and f must not touch anything that the caller goes on to use.
// Values belong into a channel with room for them, or behind a lock.
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
