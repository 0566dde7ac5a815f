// Package serial runs calls one after the other.
package serial

import "sync"

// Queue passes values to a function, one after the other, in the order in which they were added. The calls run on one
// goroutine. A call that ends its goroutine by runtime.Goexit takes no other call with it; a call must not panic.
//
// A Queue with a Call is ready for use, and safe for concurrent use.
type Queue[T any] struct {
	// Call receives the values.
	Call func(T)
	// Stays makes the goroutine wait for more values until Close. Otherwise it ends when there is nothing left to do. It
	// is for calls that come one by one and need a large stack, which each new goroutine would have to grow.
	Stays bool

	mu      sync.Mutex
	added   sync.Cond // if Stays: something was added, or the queue was closed
	waiting []T
	running bool // a goroutine makes the calls, or waits for more
	closed  bool
}

// Add appends a value and starts a goroutine if none is running. It does not block. After Close it does nothing.
func (q *Queue[T]) Add(value T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.waiting = append(q.waiting, value)
	if q.running {
		q.added.Signal()
		return
	}
	q.running = true
	go q.run()
}

// First makes the first call on the goroutine of the caller. Values that are added meanwhile wait for its end. It must
// come before any Add.
func (q *Queue[T]) First(value T) {
	q.mu.Lock()
	q.running = true
	q.mu.Unlock()
	defer q.ended()
	q.Call(value)
}

// AddHere is Add, but if no goroutine makes calls, that of the caller does, until nothing is waiting.
func (q *Queue[T]) AddHere(value T) {
	q.mu.Lock()
	if q.running || q.closed {
		q.mu.Unlock()
		q.Add(value)
		return
	}
	q.running = true
	q.mu.Unlock()
	defer q.ended()
	q.Call(value)
	for {
		value, ok := q.take(false)
		if !ok {
			return
		}
		q.Call(value)
	}
}

// Close drops the waiting values, and those that are added later. The goroutine ends with the call that it makes.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting, q.closed = nil, true
	q.added.Signal()
}

func (q *Queue[T]) run() {
	defer q.ended()
	for {
		value, ok := q.take(q.Stays)
		if !ok {
			return
		}
		q.Call(value)
	}
}

// take returns the next value. It waits for one until Close if stay is true.
func (q *Queue[T]) take(stay bool) (value T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 {
		if !stay || q.closed {
			return value, false
		}
		q.added.L = &q.mu
		q.added.Wait()
	}
	value = q.waiting[0]
	q.waiting = q.waiting[1:]
	return value, true
}

// ended notes that the goroutine no longer makes calls, and starts another one if values are waiting.
func (q *Queue[T]) ended() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = len(q.waiting) > 0
	if q.running {
		go q.run()
	}
}
