package check

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// invocation is an invocation with records that have not been settled.
type invocation struct {
	number    int
	invoked   bool
	began     time.Duration
	until     time.Duration
	records   map[string]*entry
	order     []*entry           // of the batch
	size      int                // records in the batch, duplicates counted twice
	reached   map[*group]*entry  // by group: the last record that was started
	newest    map[*group]*record // by group: the last one in the batch
	unsettled int

	over   bool
	ended  history.Kind
	answer response // of an invocation that has responded
	lowest int      // index of the first record that was reported
}

// entry is a record in a batch.
type entry struct {
	record     *record
	index      int
	copies     int // how often it is in the batch
	starts     int
	oks        int     // handlers that succeeded, and drops
	key        string  // of its work
	worked     []*work // done by handlers that have not succeeded
	workedIn   int     // the number of the last start with work
	forwarded  bool    // dead-lettered by the function
	late       bool    // a handler may have succeeded or not
	last       string  // the outcome of its last handler; empty if none was started
	delivery   int     // number of the delivery, of the last of its copies
	open       []int   // numbers of the handlers at work
	disordered bool    // it overtook another record
	unsettled  int     // copies without a result yet
}

func newInvocation(number int) *invocation {
	return &invocation{number: number, records: make(map[string]*entry), reached: make(map[*group]*entry), newest: make(map[*group]*record)}
}

// add adds a record and returns an error text if its place in the batch is wrong: an ordered source delivers records in
// order.
func (inv *invocation) add(r *record, delivery int, rules Rules) (what string) {
	ordered := r.group // the scope of the order
	switch {
	case rules.Replays && !rules.Composite:
		ordered = nil // all of the shard
	case !rules.Replays && rules.Order == NoOrder:
		inv.put(r, delivery)
		return ""
	}
	if before := inv.newest[ordered]; before != nil && before.serial > r.serial {
		what = fmt.Sprintf("puts the record behind %.100q, which was sent later", before.id)
	}
	inv.newest[ordered] = r
	inv.put(r, delivery)
	return what
}

func (inv *invocation) put(r *record, delivery int) {
	at := inv.records[r.id]
	if at == nil {
		at = &entry{record: r, index: len(inv.order)}
		inv.records[r.id] = at
		inv.order = append(inv.order, at)
	}
	at.copies++
	at.delivery = delivery
	at.unsettled++
	r.pending++
	inv.size++
	inv.unsettled++
}

// done reports whether the record has been handled successfully in this invocation.
func (at *entry) done() bool { return at.oks >= at.copies && len(at.open) == 0 }

// gaveUp reports whether the record's handlers have ended and none of them may have succeeded.
func (at *entry) gaveUp() bool { return at.starts > 0 && len(at.open) == 0 && at.oks == 0 }

// failed reports whether a handler was started and the record may count as failed.
func (at *entry) failed() bool { return at.starts > 0 && (!at.done() || at.late) }

// end records the end of an invocation.
func (inv *invocation) end(kind history.Kind, answer response) {
	inv.over, inv.ended, inv.answer = true, kind, answer
	for inv.lowest < len(inv.order) && !answer.reported[inv.order[inv.lowest].record.id] {
		inv.lowest++
	}
}

// shortOfTime reports whether half of the invocation's time was over: records that have not started by then may be
// reported.
func (inv *invocation) shortOfTime(at time.Duration) bool {
	return at >= inv.began+(inv.until-inv.began)/2
}

// judgeReport finds records that were reported without a reason.
func (c *Checker) judgeReport(inv *invocation, e history.Event) {
	anyFailed := false
	for _, at := range inv.order {
		anyFailed = anyFailed || at.failed()
	}
	late := inv.shortOfTime(e.At) || c.rules.Unhandled
	stops := c.rules.stops()
	behind := make(map[*group]bool) // a failed record of the group
	for _, at := range inv.order {
		r := at.record
		failedBefore := behind[r.group]
		behind[r.group] = failedBefore || at.failed() || at.starts == 0 && inv.answer.reported[r.id] && !at.done()
		if !inv.answer.reported[r.id] {
			continue
		}
		about := history.Event{At: e.At, Record: r.id, Invocation: inv.number}
		switch {
		case at.forwarded:
			c.violate(OverReported, about, r.group.name, "record %s of group %q was reported by invocation %d, which had dead-lettered it",
				r.id, r.group.name, inv.number)
		case at.done() && !at.late && (c.rules.Order != Strict || !failedBefore):
			c.violate(OverReported, about, r.group.name, "record %s of group %q was reported by invocation %d, in which it had been handled successfully",
				r.id, r.group.name, inv.number)
		case at.starts > 0 || at.done() || late || stops == StopsBatch && anyFailed || stops == StopsGroup && failedBefore:
		default:
			c.violate(OverReported, about, r.group.name, "record %s of group %q was reported by invocation %d, which had not started a handler on it, had time left, and had no failure that keeps it from being handled",
				r.id, r.group.name, inv.number)
		}
	}
}

// judgeError checks that a function error has a reason.
func (c *Checker) judgeError(inv *invocation, e history.Event) {
	if inv.size == 0 {
		return
	}
	reason, success := inv.shortOfTime(e.At) || c.rules.Unhandled, false
	for _, at := range inv.order {
		reason = reason || at.failed()
		success = success || at.done() && !at.late
	}
	switch {
	case !reason:
		c.violate(OverReported, e, "", "invocation %d returned a function error, although no handler in it had failed and it had time left", inv.number)
	case c.rules.Errors == ErrorsNever:
		c.violate(OverReported, e, "", "invocation %d returned a function error, and its processor promises none", inv.number)
	case c.rules.Errors == ErrorsAll && success:
		c.violate(OverReported, e, "", "invocation %d returned a function error, although records in it had been handled successfully", inv.number)
	}
}

// judgeSettlement compares the effect of the source on a record with the response of the invocation.
func (c *Checker) judgeSettlement(inv *invocation, at *entry, e history.Event) {
	r := at.record
	answered := inv.ended == history.Answered
	if answered && inv.answer.fault != "" {
		if e.Kind == history.Deleted || e.Kind == history.Checkpointed {
			c.mustHaveSucceeded(e, at)
		}
		return // Lambda's interpretation is not certain
	}
	failed := !answered || c.rules.Windows && !inv.answer.state || inv.answer.reported[e.Record]
	follows := c.rules.Replays && at.index >= inv.lowest
	replays := failed || follows && !c.rules.Composite
	switch e.Kind {
	case history.Deleted, history.Checkpointed:
		switch {
		case !answered:
			c.incoherent(e, "lets go of a record of an invocation that failed")
		case replays:
			c.incoherent(e, "lets go of a record that the invocation reported")
		}
		c.mustHaveSucceeded(e, at)
	case history.Returned:
		if !failed && !follows {
			c.incoherent(e, "returns a record that the invocation did not report")
		}
	case history.Stale:
		switch {
		case !failed:
			c.mustHaveSucceeded(e, at)
		case c.records[r.id] == r && !r.duplicated && r.deliveries == at.delivery:
			c.incoherent(e, "is about the last delivery of the record")
		}
	}
}

// lettingGo describes how a source releases a handled record.
var lettingGo = map[history.Kind]string{
	history.Deleted:      "the queue deleted it",
	history.Checkpointed: "the checkpoint moved past it",
	history.Stale:        "it was not reported, and only another delivery kept it in the queue",
}

// mustHaveSucceeded checks that the record succeeded in the invocation whose response releases it. Other deliveries of
// the record do not count.
func (c *Checker) mustHaveSucceeded(e history.Event, at *entry) {
	if at.done() {
		return
	}
	g := at.record.group.name
	c.violate(Lost, e, g, "record %s of group %q is lost: %s after invocation %d, in which it %s", e.Record, g, lettingGo[e.Kind], e.Invocation, story(at.last))
}
