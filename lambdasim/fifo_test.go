package lambdasim

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/lambdasim/fifocases"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// alone is a queue without a mapping.
type alone struct {
	queue    *Queue
	clock    clock
	received map[string]receipt
}

func newAlone(visibility time.Duration) *alone {
	a := &alone{queue: &Queue{Name: "q.fifo", VisibilityTimeout: visibility}, received: make(map[string]receipt)}
	a.clock.now = time.Unix(1_000_000_000, 0)
	a.queue.open(&a.clock, func(history.Event) {})
	return a
}

func (a *alone) Send(body, group string) error {
	a.queue.serial++
	return a.queue.accept(sent[Message]{Message{Body: body, Group: group}, a.queue.messageID(Message{}, a.queue.serial), a.clock.now})
}

func (a *alone) Receive(most int, visibility time.Duration) (list []fifocases.Message, _ error) {
	if visibility < 0 {
		visibility = a.queue.visibility()
	}
	r := a.queue.receiving()
	defer r.end()
	for m := r.peek(); m != nil && len(list) < most; m = r.peek() {
		a.queue.receive(m, visibility)
		r.skip()
		handle := a.queue.receiptHandle(m)
		a.received[handle] = receipt{m, m.receives, m.until}
		list = append(list, fifocases.Message{Body: m.Body, Receipt: handle})
	}
	return list, nil
}

func (a *alone) Delete(handle string) error {
	if x := a.received[handle]; !a.queue.delete(x.message, x.number) {
		return errors.New("the receipt handle has expired")
	}
	return nil
}

func (a *alone) Change(handle string, timeout time.Duration) error {
	a.queue.change(a.received[handle].message, timeout)
	return nil
}

func (a *alone) pass(d time.Duration) {
	a.clock.now = a.clock.now.Add(d)
	a.clock.fire()
}

// E4: a message that is hidden holds back those behind it, and none before it.
func TestAFIFOQueueDoesWhatIsRecorded(t *testing.T) {
	for _, c := range fifocases.All() {
		t.Run(c.Name, func(t *testing.T) {
			a := newAlone(c.Visibility)
			if err := c.Play(a, a.pass); err != nil {
				t.Error(err)
			}
		})
	}
}

// lenient deletes whatever it is asked to.
type lenient struct{ *alone }

func (l lenient) Delete(handle string) error {
	_ = l.alone.Delete(handle)
	return nil
}

// backwards returns messages in the wrong order.
type backwards struct{ *alone }

func (b backwards) Receive(most int, visibility time.Duration) ([]fifocases.Message, error) {
	list, err := b.alone.Receive(most, visibility)
	slices.Reverse(list)
	return list, err
}

// stingy returns one message at most.
type stingy struct{ *alone }

func (s stingy) Receive(_ int, visibility time.Duration) ([]fifocases.Message, error) {
	return s.alone.Receive(1, visibility)
}

// The cases tell a queue that does something else.
func TestTheCasesFindOtherQueues(t *testing.T) {
	for want, other := range map[string]func(*alone) fifocases.Queue{
		"is deleted, although AWS refuses that":                             func(a *alone) fifocases.Queue { return lenient{a} },
		"received [g1-m2 g1-m1], and AWS returns [g1-m1 g1-m2]":             func(a *alone) fifocases.Queue { return backwards{a} },
		"received [g1-m0], and AWS returns [g1-m0 g1-m1 g1-m2]":             func(a *alone) fifocases.Queue { return stingy{a} },
		"received [g1-m3 g1-m2 g1-m1 g2-m1], and AWS returns [g1-m1 g1-m2 ": func(a *alone) fifocases.Queue { return sideways{a} },
	} {
		var found []string
		for _, c := range fifocases.All() {
			a := newAlone(c.Visibility)
			if err := c.Play(other(a), a.pass); err != nil {
				found = append(found, err.Error())
			}
		}
		if !slices.ContainsFunc(found, func(text string) bool { return strings.Contains(text, want) }) {
			t.Errorf("%q: found %q", want, found)
		}
	}
}

// sideways mixes the messages of a group with those of others.
type sideways struct{ *alone }

func (s sideways) Receive(most int, visibility time.Duration) ([]fifocases.Message, error) {
	list, err := s.alone.Receive(most, visibility)
	if len(list) == 4 {
		list[0], list[2] = list[2], list[0]
	}
	return list, err
}
