package lambdasim

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// nothing is a handler that is content with everything.
type nothing struct{}

func (nothing) Invoke(context.Context, []byte) ([]byte, error) { return nil, nil }

// What is done with leaves nothing in the queue, whatever groups there were.
func TestQueuesForgetWhatIsDone(t *testing.T) {
	for _, name := range []string{"queue", "q.fifo"} {
		synctest.Test(t, func(t *testing.T) {
			q := &Queue{Name: name}
			for i := range 1000 {
				q.Send(Message{Group: fmt.Sprint(i % 300)})
			}
			s := Simulation{Source: q, Handler: nothing{}, Timeout: time.Second}
			if err := s.check(); err != nil {
				t.Fatal(err)
			}
			e := newEngine(t.Context(), s)
			if err := q.claim(e); err != nil {
				t.Fatal(err)
			}
			_, _ = e.run(t.Context())
			e.cancel(e.poller.(*queuePoller).scaler)
			if q.live+q.inFlight+len(q.groups)+q.idle.len()+q.ready.len()+len(e.timers)+e.running != 0 {
				t.Errorf("%s: %d live, %d in flight, %d groups, %d idle, %d ready, %d timers, %d running",
					name, q.live, q.inFlight, len(q.groups), q.idle.len(), q.ready.len(), len(e.timers), e.running)
			}
		})
	}
}

func TestDequesKeepOrderAndNothingElse(t *testing.T) {
	var d deque[*int]
	next, want := 0, 0
	for round := range 1000 {
		for range round % 7 {
			d.push(new(next))
			next++
		}
		for range min(d.len(), round%5) {
			if *d.front() != want || *d.at(d.len() - 1) != next-1 {
				t.Fatalf("%d to %d, want %d to %d", *d.front(), *d.at(d.len() - 1), want, next-1)
			}
			x := d.pop()
			if round%3 == 0 {
				d.unpop(x)
				x = d.pop()
			}
			if *x != want {
				t.Fatalf("%d, want %d", *x, want)
			}
			want++
		}
		for i, x := range d.items[:cap(d.items)] {
			if used := i >= d.head && i < len(d.items); used != (x != nil) {
				t.Fatalf("place %d of %d to %d holds %v", i, d.head, len(d.items), x)
			}
		}
	}
}
