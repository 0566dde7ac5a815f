package lambdasim

import (
	"container/heap"
	"time"
)

// clock is the time of a source, and the events that are due later. It belongs to one goroutine, or to goroutines that
// hold the same lock.
type clock struct {
	now    time.Time
	timers timers
	serial uint64
}

// timer is an action at an instant.
type timer struct {
	at     time.Time
	serial uint64
	index  int // in the heap; −1 after its removal
	do     func()
}

// at schedules do for the first firing of the clock at or after t.
func (c *clock) at(t time.Time, do func()) *timer {
	c.serial++
	x := &timer{at: t, serial: c.serial, do: do}
	heap.Push(&c.timers, x)
	return x
}

// cancel removes a timer that has not fired.
func (c *clock) cancel(t *timer) {
	if t != nil && t.index >= 0 {
		heap.Remove(&c.timers, t.index)
	}
}

// fire runs the due timers.
func (c *clock) fire() {
	for len(c.timers) > 0 && !c.timers[0].at.After(c.now) {
		heap.Pop(&c.timers).(*timer).do()
	}
}

// timers is a heap ordered by instant, then by the order in which the timers were set.
type timers []*timer

func (t timers) Len() int { return len(t) }

func (t timers) Less(i, j int) bool {
	if c := t[i].at.Compare(t[j].at); c != 0 {
		return c < 0
	}
	return t[i].serial < t[j].serial
}

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

func (t *timers) Push(x any) {
	x.(*timer).index = len(*t)
	*t = append(*t, x.(*timer))
}

func (t *timers) Pop() any {
	old := *t
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	last.index = -1
	return last
}
