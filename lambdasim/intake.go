package lambdasim

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Feed is a supply of records that are made when there is room for them, so that a run may be longer than
// memory.
type Feed[T any] struct {
	// Count is how many records there are.
	Count int
	// Record makes record i, from 0. It is called once for each, in order, on the goroutine of Run.
	Record func(i int) T
	// At is when record i is sent, since the beginning of the run, at the earliest; it must not decrease.
	// Default: as soon as there is room.
	At func(i int) time.Duration
	// Backlog is how many records the source may hold for another one to be made. Default 10,000.
	Backlog int
}

const defaultBacklog = 10_000

var errUsed = errors.New("lambdasim: the source has been used by a run before; each run needs a new one")

// sent is a record with the time at which it was sent.
type sent[T any] struct {
	record T
	id     string
	at     time.Time
}

// owner is whoever uses a source: the engine of a run, or a Direct.
type owner interface {
	// wake has it look at the source soon. It never blocks.
	wake()
	// call has it do something, and returns when that is done, or with an error when ctx ends before or nothing can
	// be done any more.
	call(ctx context.Context, do func()) error
}

var (
	errUnclaimed = errors.New("lambdasim: nothing uses the queue, so there is no message that was received")
	errOver      = errors.New("lambdasim: the run that used the queue is over")
)

// intake is where a source takes records in. Users put them in from any goroutine; the engine takes them
// out.
type intake[T any] struct {
	mu     sync.Mutex
	owner  owner // whoever uses the source, nil before that
	inbox  []sent[T]
	feeds  []*supply[T]
	serial uint64
}

// supply is a feed and how far it has come.
type supply[T any] struct {
	Feed[T]
	next  int
	timer *timer
}

// send puts a record in; name makes its identifier from a number that no other record of the source has. It
// is called for one record at a time.
func (in *intake[T]) send(record T, name func(record T, serial uint64) string) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.stamp(record, name)
	in.inbox = append(in.inbox, s)
	if in.owner != nil {
		in.owner.wake()
	}
	return s.id
}

func (in *intake[T]) stamp(record T, name func(T, uint64) string) sent[T] {
	in.serial++
	return sent[T]{record, name(record, in.serial), time.Now()}
}

func (in *intake[T]) feed(f Feed[T]) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if f.Backlog == 0 {
		f.Backlog = defaultBacklog
	}
	in.feeds = append(in.feeds, &supply[T]{Feed: f})
	if in.owner != nil {
		in.owner.wake()
	}
}

func (in *intake[T]) claim(o owner) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.owner != nil {
		return errUsed
	}
	in.owner = o
	return nil
}

// take gives accept everything that has been sent, and from the feeds what is due while there is room. live
// tells how many records the source holds.
func (in *intake[T]) take(began time.Time, c *clock, name func(T, uint64) string, live func() int, accept func(sent[T]) error) error {
	in.mu.Lock()
	inbox, feeds := in.inbox, in.feeds
	in.inbox = nil
	in.mu.Unlock()
	for _, s := range inbox {
		if s.at.Before(began) || s.at.After(c.now) { // the second when it was sent outside the bubble of a test
			s.at = began
		}
		if err := accept(s); err != nil {
			return err
		}
	}
	for _, f := range feeds {
		for f.next < f.Count && live() < f.Backlog && f.due(began, c) {
			record := f.Record(f.next)
			f.next++
			in.mu.Lock()
			s := in.stamp(record, name)
			in.mu.Unlock()
			if err := accept(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// due reports whether it is time for the next record, and sets a timer for when it is.
func (f *supply[T]) due(began time.Time, c *clock) bool {
	if f.At == nil {
		return true
	}
	at := began.Add(f.At(f.next))
	if !at.After(c.now) {
		return true
	}
	if f.timer == nil || f.timer.index < 0 {
		f.timer = c.at(at, func() {})
	}
	return false
}

// exhausted reports whether nothing is waiting to be taken.
func (in *intake[T]) exhausted() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, f := range in.feeds {
		if f.next < f.Count {
			return false
		}
	}
	return len(in.inbox) == 0
}

// waiting returns what has been sent and not taken.
func (in *intake[T]) waiting() []sent[T] {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]sent[T](nil), in.inbox...)
}
