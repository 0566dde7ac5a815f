package lambdasim

import (
	"container/heap"
	"time"
)

// clock is the time as a source sees it, and what is due later. It belongs to one goroutine, or to those that
// hold the same lock.
type clock struct {
	now    time.Time
	timers timers
	serial uint64
}

// timer is something to do at an instant.
type timer struct {
	at     time.Time
	serial uint64
	index  int // in the heap; −1 once it is out
	do     func()
}

// at schedules do for the first time that the clock fires and is not before t.
func (c *clock) at(t time.Time, do func()) *timer {
	c.serial++
	x := &timer{at: t, serial: c.serial, do: do}
	heap.Push(&c.timers, x)
	return x
}

// cancel takes a timer out, if it is still in.
func (c *clock) cancel(t *timer) {
	if t != nil && t.index >= 0 {
		heap.Remove(&c.timers, t.index)
	}
}

// fire does what is due.
func (c *clock) fire() {
	for len(c.timers) > 0 && !c.timers[0].at.After(c.now) {
		heap.Pop(&c.timers).(*timer).do()
	}
}

// timers is a heap, the earliest first, and of the same instant the one that was set first.
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
