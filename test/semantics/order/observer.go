package order

import (
	"context"
	"sync"
	"time"

	"github.com/troupe-go/troupe"
)

// Event is the start or the end of one call of the handler.
type Event struct {
	Record, Attempt int
	At              time.Duration // since the batch began
	End             bool
	Failed          bool // of an End: the handler returned an error, panicked or ended its goroutine
}

// Observer takes down what happens to one batch. Its zero value is not ready; see Observe. It is safe for
// concurrent use.
type Observer struct {
	began   time.Time
	mu      sync.Mutex
	history []Event
}

// Observe returns an observer of a batch that begins now.
func Observe() *Observer { return &Observer{began: time.Now()} }

// Watch is a troupe.Middleware. It belongs outside of any other.
func (o *Observer) Watch(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
	return func(ctx context.Context, rec troupe.Record) (err error) {
		o.note(Event{Record: rec.Index, Attempt: rec.Attempt})
		returned := false
		defer func() {
			o.note(Event{Record: rec.Index, Attempt: rec.Attempt, End: true, Failed: !returned || err != nil})
		}()
		err = next(ctx, rec)
		returned = true
		return err
	}
}

func (o *Observer) note(e Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e.At = time.Since(o.began)
	o.history = append(o.history, e)
}

// History returns what has happened so far, in the order in which it happened.
func (o *Observer) History() []Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Event(nil), o.history...)
}
