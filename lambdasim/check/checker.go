package check

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// kept bounds the violations of a kind that a verdict lists.
const kept = 10

// Checker judges a history while it happens. It must not be used by several goroutines at once.
type Checker struct {
	rules    Rules
	verdict  Verdict
	now      time.Duration
	finished bool

	records     map[string]*record
	groups      map[string]*group
	invocations map[int]*invocation

	open       int // handlers at work
	openGroups int // groups with a handler at work
}

// record is what is known of a record that the source has not let go of.
type record struct {
	id      string
	group   *group
	copies  int    // how often the source still has it
	settled bool   // has succeeded, or is not going to: nothing waits for it
	success bool   // a handler has succeeded
	dropped bool   // left out on purpose
	last    string // what its last handler ended with; empty if none was started

	before, after *record // among the group's unsettled ones, in the order they were sent
}

// group is a group that has live records or a handler at work.
type group struct {
	name        string
	first, last *record // the unsettled records
	live        int
	open        []span
}

// span is a handler at work.
type span struct {
	record     string
	invocation int
}

// invocation is one that is not over.
type invocation struct {
	until   time.Duration
	records map[string]*entry
	size    int
	reached map[*group]*entry // by group: the last record that was started
}

// entry is a record in a batch.
type entry struct {
	record *record
	index  int
	open   int
}

// New returns a checker. If the history begins with a Began event, its rules replace the given ones.
func New(rules Rules) *Checker {
	return &Checker{
		rules:       rules,
		verdict:     Verdict{Kinds: make(map[Kind]int)},
		records:     make(map[string]*record),
		groups:      make(map[string]*group),
		invocations: make(map[int]*invocation),
	}
}

// Judge reads a history in its text form and returns the verdict on it. The rules are those in its first
// event. The error is about reading.
func Judge(r io.Reader) (Verdict, error) {
	c := New(Rules{})
	for event, err := range history.Read(r) {
		if err != nil {
			return c.Verdict(), err
		}
		c.Record(event)
	}
	return c.Verdict(), nil
}

// Verdict returns the verdict on what has happened so far.
func (c *Checker) Verdict() Verdict {
	v := c.verdict
	v.Violations, v.Kinds = slices.Clone(v.Violations), maps.Clone(v.Kinds)
	v.Totals.Elapsed = c.now
	v.Totals.Remaining = len(c.records)
	if lost := v.Kinds[Lost]; v.Totals.Handled == 0 && lost > 0 {
		v.Violations = slices.DeleteFunc(v.Violations, func(x Violation) bool { return x.Kind == Lost })
		delete(v.Kinds, Lost)
		v.Kinds[Unobserved] = 1
		v.Count += 1 - lost
		v.Violations = append(v.Violations, Violation{Kind: Unobserved, At: c.now, Text: fmt.Sprintf(
			"%d records were let go of and no handler was ever seen: nothing handles them, or lambdasim.Watch is missing around the handler", lost)})
	}
	return v
}

// Record takes note of the next event.
func (c *Checker) Record(e history.Event) {
	c.now = e.At
	if c.finished {
		c.incoherent(e, "came after the end of the history")
		return
	}
	switch e.Kind {
	case history.Began:
		rules, err := ParseRules(e.Detail)
		if err != nil {
			c.incoherent(e, err.Error())
			return
		}
		c.rules = rules
	case history.Sent, history.Duplicated:
		c.sent(e)
	case history.Received:
		c.received(e)
	case history.Invoked:
		c.verdict.Totals.Invocations++
		c.invocation(e.Invocation).until = e.Until
	case history.Started:
		c.started(e)
	case history.Ended:
		c.ended(e)
	case history.Answered, history.Failed, history.Crashed, history.TimedOut:
		c.over(e)
	case history.Deleted, history.Checkpointed, history.DeadLettered, history.Discarded, history.Expired, history.Filtered:
		c.letGo(e)
	case history.Returned:
		c.live(e)
	case history.Finished:
		c.finish(e)
	default:
		c.incoherent(e, "is of no kind that is known")
	}
}

func (c *Checker) violate(kind Kind, e history.Event, group, format string, args ...any) {
	c.verdict.Count++
	c.verdict.Kinds[kind]++
	if c.verdict.Kinds[kind] <= kept {
		c.verdict.Violations = append(c.verdict.Violations, Violation{
			Kind: kind, At: e.At, Record: e.Record, Group: group, Invocation: e.Invocation, Text: fmt.Sprintf(format, args...),
		})
	}
}

func (c *Checker) incoherent(e history.Event, what string) {
	c.violate(Incoherent, e, e.Group, "the event %.200q %s", e, what)
}

// live returns the record of an event. A record that the source does not have is a contradiction.
func (c *Checker) live(e history.Event) *record {
	r := c.records[e.Record]
	if r == nil {
		c.incoherent(e, "is about a record that was never sent or is accounted for already")
	}
	return r
}

func (c *Checker) invocation(number int) *invocation {
	inv := c.invocations[number]
	if inv == nil {
		inv = &invocation{records: make(map[string]*entry), reached: make(map[*group]*entry)}
		c.invocations[number] = inv
	}
	return inv
}

func (c *Checker) sent(e history.Event) {
	if e.Kind == history.Duplicated {
		if r := c.live(e); r != nil {
			r.copies++
			c.verdict.Totals.Duplicated++
		}
		return
	}
	if c.records[e.Record] != nil {
		c.incoherent(e, "sends a record that is there already")
		return
	}
	c.verdict.Totals.Sent++
	g := c.groups[e.Group]
	if g == nil {
		g = &group{name: e.Group}
		c.groups[e.Group] = g
	}
	r := &record{id: e.Record, group: g, copies: 1, before: g.last}
	if g.last == nil {
		g.first = r
	} else {
		g.last.after = r
	}
	g.last = r
	g.live++
	c.records[e.Record] = r
}

// settle takes the record out of the way of the later ones of its group.
func (r *record) settle() {
	if r.settled {
		return
	}
	r.settled = true
	if r.before == nil {
		r.group.first = r.after
	} else {
		r.before.after = r.after
	}
	if r.after == nil {
		r.group.last = r.before
	} else {
		r.after.before = r.before
	}
	r.before, r.after = nil, nil
}

func (c *Checker) received(e history.Event) {
	r := c.live(e)
	if r == nil {
		return
	}
	c.verdict.Totals.Received++
	if e.Number > 1 {
		c.verdict.Totals.Redelivered++
	}
	inv := c.invocation(e.Invocation)
	if inv.records[e.Record] == nil {
		inv.records[e.Record] = &entry{record: r, index: inv.size}
	}
	inv.size++
}

// entry finds the record of an event in its invocation's batch.
func (c *Checker) entry(e history.Event) (*invocation, *entry) {
	inv := c.invocations[e.Invocation]
	if inv == nil {
		return nil, nil
	}
	return inv, inv.records[e.Record]
}

func (c *Checker) started(e history.Event) {
	c.verdict.Totals.Handled++
	inv, at := c.entry(e)
	switch {
	case inv == nil:
		c.violate(Stray, e, "", "a handler was started on record %s for invocation %d, which was over or never began", e.Record, e.Invocation)
		return
	case at == nil:
		c.violate(Stray, e, "", "a handler was started on record %s, which is not in the batch of invocation %d", e.Record, e.Invocation)
		return
	}
	g := at.record.group
	if c.rules.Order != NoOrder {
		if len(g.open) > 0 {
			c.violate(Overlapped, e, g.name, "two handlers of group %q ran at once: record %s of invocation %d was started while %s of invocation %d was being handled",
				g.name, e.Record, e.Invocation, g.open[0].record, g.open[0].invocation)
		}
		if before := inv.reached[g]; before != nil && before.index > at.index {
			c.violate(Disordered, e, g.name, "in invocation %d record %s of group %q was started after %s, which comes later in the batch",
				e.Invocation, e.Record, g.name, before.record.id)
		} else {
			inv.reached[g] = at
		}
	}
	at.open++
	at.record.last = history.Abandoned // until it ends
	g.open = append(g.open, span{e.Record, e.Invocation})
	c.open++
	if len(g.open) == 1 {
		c.openGroups++
	}
	c.verdict.Totals.Concurrent = max(c.verdict.Totals.Concurrent, c.open)
	c.verdict.Totals.ConcurrentGroups = max(c.verdict.Totals.ConcurrentGroups, c.openGroups)
}

// ended books the end of a handler. One that comes after its invocation was over says nothing any more.
func (c *Checker) ended(e history.Event) {
	_, at := c.entry(e)
	if at == nil {
		return
	}
	r := at.record
	if at.open > 0 {
		at.open--
		c.close(r.group, span{e.Record, e.Invocation})
	}
	r.last = e.Detail
	switch {
	case e.Detail == history.Dropped && !r.dropped:
		r.dropped = true
		c.verdict.Totals.Dropped++
		r.settle()
	case e.Detail == history.OK && !r.success:
		r.success = true
		c.verdict.Totals.Succeeded++
		if first := r.group.first; c.rules.Order == Strict && !r.settled && first != r {
			c.violate(Disordered, e, r.group.name, "record %s of group %q succeeded in invocation %d before %s, which was sent earlier and %s",
				e.Record, r.group.name, e.Invocation, first.id, first.story())
		}
		r.settle()
	}
}

// story tells how it stands with a record that has not succeeded.
func (r *record) story() string {
	switch r.last {
	case "":
		return "had not been handled"
	case history.Abandoned:
		return "had a handler that never came to an end"
	default:
		return "had a handler that ended with " + r.last
	}
}

func (c *Checker) close(g *group, s span) {
	if i := slices.Index(g.open, s); i >= 0 {
		g.open = slices.Delete(g.open, i, i+1)
		c.open--
		if len(g.open) == 0 {
			c.openGroups--
			c.forget(g)
		}
	}
}

// forget drops a group that nothing is left of.
func (c *Checker) forget(g *group) {
	if g.live == 0 && len(g.open) == 0 {
		delete(c.groups, g.name)
	}
}

// over ends an invocation, and with it the intervals of its handlers.
func (c *Checker) over(e history.Event) {
	inv := c.invocations[e.Invocation]
	if inv == nil {
		c.incoherent(e, "ends an invocation that was over or never began")
		return
	}
	switch e.Kind {
	case history.Answered:
		if e.At >= inv.until {
			c.violate(Late, e, "", "invocation %d was answered %v after its deadline", e.Invocation, e.At-inv.until)
		}
		if c.rules.Reports {
			if fault := unsound(e.Detail, c.rules.Composite, func(id string) bool { return inv.records[id] != nil }); fault != "" {
				c.violate(BadResponse, e, "", "the response of invocation %d is not what it should be: %s", e.Invocation, fault)
			}
		}
	case history.Failed:
		c.verdict.Totals.FunctionErrors++
	case history.Crashed:
		c.verdict.Totals.Crashes++
	case history.TimedOut:
		c.verdict.Totals.TimedOut++
		c.violate(Late, e, "", "invocation %d had not been answered by its deadline", e.Invocation)
	}
	for id, at := range inv.records {
		for ; at.open > 0; at.open-- {
			c.close(at.record.group, span{id, e.Invocation})
		}
	}
	delete(c.invocations, e.Invocation)
}

// letGo books that the source is done with a record, or with a copy of it.
func (c *Checker) letGo(e history.Event) {
	r := c.live(e)
	if r == nil {
		return
	}
	t := &c.verdict.Totals
	switch e.Kind {
	case history.Deleted:
		t.Deleted++
		c.mustHaveSucceeded(e, r, "the queue deleted it")
	case history.Checkpointed:
		t.Checkpointed++
		c.mustHaveSucceeded(e, r, "the checkpoint moved past it")
	case history.DeadLettered:
		t.DeadLettered++
	case history.Discarded:
		t.Discarded++
	case history.Expired:
		t.Expired++
	case history.Filtered:
		t.Filtered++
	}
	if r.copies--; r.copies > 0 {
		return
	}
	r.settle()
	r.group.live--
	delete(c.records, r.id)
	c.forget(r.group)
}

func (c *Checker) mustHaveSucceeded(e history.Event, r *record, how string) {
	if r.success || r.dropped {
		return
	}
	c.violate(Lost, e, r.group.name, "record %s of group %q is lost: %s after invocation %d, and it %s",
		e.Record, r.group.name, how, e.Invocation, r.story())
	r.success = true // of its copies one is enough to tell
}

func (c *Checker) finish(e history.Event) {
	c.finished = true
	c.verdict.Drained = e.Detail == history.Drained
	if c.verdict.Drained {
		for _, id := range slices.Sorted(maps.Keys(c.records)) {
			r := c.records[id]
			e := history.Event{At: e.At, Record: id}
			c.violate(Lost, e, r.group.name, "record %s of group %q is lost: it was sent, it %s, and nothing is known of what became of it", id, r.group.name, r.story())
		}
	}
	beside, what := c.verdict.Totals.ConcurrentGroups, "groups"
	if c.rules.Order == NoOrder {
		beside, what = c.verdict.Totals.Concurrent, "records"
	}
	if c.rules.Overlap && beside < 2 {
		c.violate(NeverBeside, e, "", "no two %s were ever handled at the same time", what)
	}
}
