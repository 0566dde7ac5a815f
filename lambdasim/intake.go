package lambdasim

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Feed supplies records that are created when there is room for them, so the records of a run need not fit into memory.
type Feed[T any] struct {
	// Count is the number of records.
	Count int
	// Record returns record i, from 0. It is called once for each, in order, on the goroutine of Run.
	Record func(i int) T
	// At returns the earliest time at which record i is sent, since the beginning of the run; it must not decrease.
	// Default: as soon as there is room.
	At func(i int) time.Duration
	// Backlog bounds the number of records in the source: further ones are created only below it. Default 10,000.
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

// owner is the user of a source: the engine of a run, or a Direct.
type owner interface {
	// wake makes the owner look at the source soon. It never blocks.
	wake()
	// call runs do and returns when it has returned. It returns an error if ctx ends before that or no more calls are
	// accepted.
	call(ctx context.Context, do func()) error
}

var (
	errUnclaimed = errors.New("lambdasim: nothing uses the queue, so there is no message that was received")
	errOver      = errors.New("lambdasim: the run that used the queue is over")
)

// intake receives the records of a source. Users add records from any goroutine; the engine removes them.
type intake[T any] struct {
	mu     sync.Mutex
	owner  owner // the user of the source; nil before that
	inbox  []sent[T]
	feeds  []*supply[T]
	serial uint64
}

// supply is a feed and its progress.
type supply[T any] struct {
	Feed[T]
	next  int
	timer *timer
}

// send adds a record; name makes its identifier from a number that is unique in the source. name is called for one
// record at a time.
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

// take passes all sent records to accept and, while there is room, the due records of feeds. live returns the number
// of records in the source.
func (in *intake[T]) take(began time.Time, c *clock, name func(T, uint64) string, live func() int, accept func(sent[T]) error) error {
	in.mu.Lock()
	inbox, feeds := in.inbox, in.feeds
	in.inbox = nil
	in.mu.Unlock()
	for _, s := range inbox {
		if s.at.Before(began) || s.at.After(c.now) { // the second if it was sent outside the bubble of a test
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

// due reports whether the next record is due, and otherwise sets a timer for it.
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

// exhausted reports whether nothing is left to take.
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

// waiting returns the records that have been sent and not taken.
func (in *intake[T]) waiting() []sent[T] {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]sent[T](nil), in.inbox...)
}
