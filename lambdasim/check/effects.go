package check

import (
	"fmt"
	"maps"
	"slices"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// work is the state of work with a key. It is kept to the end of the history.
type work struct {
	effects int // number of times that it was done
	excused int // number of times that it may have been done again
}

func (c *Checker) work(key string) *work {
	w := c.works[key]
	if w == nil {
		w = new(work)
		c.works[key] = w
	}
	return w
}

// worked records an effect. An effect after the end of its invocation is that of an abandoned handler, which has lost
// its claim, or will.
func (c *Checker) worked(e history.Event) {
	if e.Invocation > c.newest {
		c.incoherent(e, "is about an invocation that never began")
		return
	}
	w := c.work(e.Detail)
	w.effects++
	c.verdict.Totals.Effects++
	if !c.underWay(e.Invocation) {
		c.excuse(w)
		return
	}
	at := c.underHand(e)
	if at == nil {
		return
	}
	g := at.record.group.name
	switch {
	case len(at.open) == 0:
		c.incoherent(e, "is about a record that no handler is at work on")
	case at.key != e.Detail:
		c.incoherent(e, fmt.Sprintf("is about other work than that of the handler, whose key is %.100q", at.key))
	case at.workedIn == at.starts:
		c.violate(Redone, e, g, "the work with the key %q was done twice by one handler of record %s of group %q in invocation %d", e.Detail, e.Record, g, e.Invocation)
	}
	at.workedIn = at.starts
	at.worked = append(at.worked, w)
}

// excused records that work may be done again, for a reason that the handler gives. The end of an invocation has
// excused the effects of its abandoned handlers, so a lease that they lose, or a completion that they cannot store
// later, is no further reason. An expiry always is.
func (c *Checker) excused(e history.Event) {
	w := c.works[e.Detail]
	switch {
	case w == nil:
		c.incoherent(e, "is about work that was not done")
	case e.Kind == history.Lapsed || c.underWay(e.Invocation):
		c.excuse(w)
	}
}

// excuse records that work with a key may be done once more.
func (c *Checker) excuse(w *work) {
	w.excused++
	c.verdict.Totals.Excused++
}

// recorded records that the handlers of a record have succeeded, so that their work is stored as completed, unless
// the history says otherwise.
func (at *entry) recorded() {
	if len(at.open) == 0 {
		at.worked = nil
	}
}

// judgeWork excuses effects after which the function crashed, was late, or abandoned the handler before it succeeded:
// their completion may not have been stored.
func (c *Checker) judgeWork(inv *invocation) {
	for _, at := range inv.order {
		if inv.ended == history.Crashed || inv.ended == history.TimedOut || len(at.open) > 0 {
			for _, w := range at.worked {
				c.excuse(w)
			}
		}
	}
}

// mustHaveWorked checks that a record that succeeded had an effect.
func (c *Checker) mustHaveWorked(e history.Event, at *entry) {
	if w := c.works[at.key]; at.key != "" && (w == nil || w.effects == 0) {
		g := at.record.group.name
		c.violate(Undone, e, g, "record %s of group %q succeeded in invocation %d, although the work with the key %q was never done", e.Record, g, e.Invocation, at.key)
	}
}

// finishWork finds work that was done more often than the history excuses.
func (c *Checker) finishWork(e history.Event) {
	for _, key := range slices.Sorted(maps.Keys(c.works)) {
		w := c.works[key]
		if w.effects > 0 {
			c.verdict.Totals.Keys++
		}
		if w.effects > 1+w.excused {
			c.violate(Redone, e, "", "the work with the key %q was done %d times; crashes, lost leases, completions that were not recorded and expiries explain %d more than one", key, w.effects, w.excused)
		}
	}
}
