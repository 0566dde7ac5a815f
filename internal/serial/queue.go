// Package serial runs calls one after the other.
package serial

import "sync"

// Queue passes values to a function, one after the other, in the order in which they were added. The calls run on a
// goroutine that ends when there is nothing left to do. A call that ends its goroutine by runtime.Goexit takes no other
// call with it; a call must not panic.
//
// A Queue is safe for concurrent use. Create it by New.
type Queue[T any] struct {
	call func(T)

	mu      sync.Mutex
	waiting []T
	running bool // a goroutine makes the calls
	closed  bool
}

// New returns an empty queue for call.
func New[T any](call func(T)) *Queue[T] { return &Queue[T]{call: call} }

// Add appends a value and starts a goroutine if none is running. It does not block. After Close it does nothing.
func (q *Queue[T]) Add(value T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.waiting = append(q.waiting, value)
	if !q.running {
		q.running = true
		go q.run()
	}
}

// First makes the first call on the goroutine of the caller. Values that are added meanwhile wait for its end. It must
// come before any Add.
func (q *Queue[T]) First(value T) {
	q.mu.Lock()
	q.running = true
	q.mu.Unlock()
	defer q.ended()
	q.call(value)
}

// Close drops the waiting values, and those that are added later.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting, q.closed = nil, true
}

func (q *Queue[T]) run() {
	defer q.ended()
	for {
		value, ok := q.take()
		if !ok {
			return
		}
		q.call(value)
	}
}

func (q *Queue[T]) take() (value T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return value, false
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
