package check

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// kept bounds the violations of a kind that a verdict lists.
const kept = 10

// Checker judges a history event by event. It is not safe for concurrent use.
type Checker struct {
	rules    Rules
	verdict  Verdict
	now      time.Duration
	events   int
	finished bool

	records     map[string]*record
	groups      map[string]*group
	works       map[string]*work    // by key
	invocations map[int]*invocation // with unsettled records
	newest      int                 // number of an invocation
	late        map[span]int        // running handlers whose invocation has ended, without their number

	open       int // handlers at work
	openGroups int // groups with a running handler
}

// New returns a checker. If the history begins with a Began event, its rules replace the given ones.
func New(rules Rules) *Checker {
	return &Checker{
		rules:       rules,
		verdict:     Verdict{Kinds: make(map[Kind]int)},
		records:     make(map[string]*record),
		groups:      make(map[string]*group),
		invocations: make(map[int]*invocation),
		late:        make(map[span]int),
		works:       make(map[string]*work),
	}
}

// Judge reads a history in its text form and returns the verdict. The rules are those in its first event, without which
// the history is incomplete. An error concerns reading only.
func Judge(r io.Reader) (Verdict, error) {
	c := New(Rules{})
	for event, err := range history.Read(r) {
		if err != nil {
			return c.Verdict(), err
		}
		if c.events == 0 && event.Kind != history.Began {
			c.violate(Incomplete, event, "", "the history does not begin with the rules that it is to be judged by: its first event is %.200q", event)
		}
		c.Record(event)
	}
	return c.Verdict(), nil
}

// Verdict returns the verdict on the events so far. A history without its last event is incomplete.
func (c *Checker) Verdict() Verdict {
	v := c.verdict
	v.Violations, v.Kinds = slices.Clone(v.Violations), maps.Clone(v.Kinds)
	v.Totals.Elapsed = c.now
	v.Totals.Remaining = len(c.records)
	if !c.finished {
		v.Kinds[Incomplete]++
		v.Count++
		v.Violations = append(v.Violations, Violation{Kind: Incomplete, At: c.now, Text: "the history is cut short: its last event is not that the run finished"})
	}
	if unseen := v.Kinds[Lost] + v.Kinds[OverReported]; v.Totals.Handled == 0 && unseen > 0 {
		v.Violations = slices.DeleteFunc(v.Violations, func(x Violation) bool { return x.Kind == Lost || x.Kind == OverReported })
		delete(v.Kinds, Lost)
		delete(v.Kinds, OverReported)
		v.Kinds[Unobserved] = 1
		v.Count += 1 - unseen
		v.Violations = append(v.Violations, Violation{Kind: Unobserved, At: c.now, Text: fmt.Sprintf(
			"%d times a record was let go of or reported, and no handler was ever seen: nothing handles them, or lambdasim.Watch is missing around the handler", unseen)})
	}
	return v
}

// Record adds the next event.
func (c *Checker) Record(e history.Event) {
	c.events++
	if e.At < c.now {
		c.incoherent(e, fmt.Sprintf("comes %v after another event and happened before it", c.now-e.At))
	}
	c.now = max(c.now, e.At)
	if c.finished {
		c.incoherent(e, "came after the end of the history")
		return
	}
	if what := misshapen(e); what != "" {
		c.incoherent(e, what)
		return
	}
	if slices.Contains(foreign[c.streams()], e.Kind) {
		c.incoherent(e, "is nothing that such a source does")
	}
	switch e.Kind {
	case history.Began:
		c.began(e)
	case history.Sent:
		c.sent(e)
	case history.Duplicated:
		c.duplicate(e)
	case history.Received:
		c.received(e)
	case history.Invoked:
		c.invoked(e)
	case history.Started:
		c.started(e)
	case history.Worked:
		c.worked(e)
	case history.LeaseLost, history.Unrecorded, history.Lapsed:
		c.excused(e)
	case history.Changed:
		c.changed(e)
	case history.Forwarded:
		c.forwarded(e)
	case history.Ended:
		c.ended(e)
	case history.Answered, history.Failed, history.Crashed, history.TimedOut:
		c.over(e)
	case history.Deleted, history.Checkpointed, history.Returned, history.Stale:
		c.settled(e)
	case history.DeadLettered, history.Discarded, history.Expired, history.Filtered:
		c.givenUp(e)
	case history.Finished:
		c.finish(e)
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

func (c *Checker) began(e history.Event) {
	rules, err := ParseRules(e.Detail)
	switch {
	case c.events > 1:
		c.incoherent(e, "is not the first one")
	case err != nil:
		c.incoherent(e, err.Error())
	default:
		c.rules = rules
	}
}

// live returns the record of an event. An event for a record that the source does not have is a contradiction.
func (c *Checker) live(e history.Event) *record {
	r := c.records[e.Record]
	switch {
	case r == nil:
		c.incoherent(e, "is about a record that was never sent or is accounted for already")
	case e.Group != "" && e.Group != r.group.name:
		c.incoherent(e, fmt.Sprintf("has another group than %.100q, which the record was sent in", r.group.name))
	}
	return r
}

func (c *Checker) sent(e history.Event) {
	switch {
	case c.records[e.Record] != nil:
		c.incoherent(e, "sends a record that is there already")
		return
	case c.rules.Payloads && e.Digest == "":
		c.incoherent(e, "does not show the payload")
	}
	c.verdict.Totals.Sent++
	g := c.groups[e.Group]
	if g == nil {
		g = &group{name: e.Group}
		c.groups[e.Group] = g
	}
	c.records[e.Record] = newRecord(e, g, c.verdict.Totals.Sent)
}

func (c *Checker) duplicate(e history.Event) {
	if r := c.live(e); r != nil {
		r.copies++
		r.duplicated = true
		c.verdict.Totals.Duplicated++
	}
}

// batch returns the invocation that a record is received for.
func (c *Checker) batch(e history.Event) *invocation {
	inv := c.invocations[e.Invocation]
	switch {
	case inv != nil:
		return inv
	case e.Invocation != c.newest+1:
		c.incoherent(e, fmt.Sprintf("begins another invocation than the next one, %d", c.newest+1))
	}
	c.newest = max(c.newest, e.Invocation)
	inv = newInvocation(e.Invocation)
	c.invocations[e.Invocation] = inv
	return inv
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
	r.deliveries++
	if e.Number != r.deliveries && !(r.duplicated && e.Number > 0 && e.Number < r.deliveries) {
		c.incoherent(e, fmt.Sprintf("is delivery %d of the record", r.deliveries))
	}
	inv := c.batch(e)
	if inv.invoked {
		c.incoherent(e, "adds a record to an invocation that has begun")
		return
	}
	if c.streams() && r.pending > 0 {
		c.incoherent(e, "delivers a record that an invocation has and that is not settled")
	}
	if what := inv.add(r, e.Number, c.rules); what != "" {
		c.incoherent(e, what)
	}
}

func (c *Checker) invoked(e history.Event) {
	c.verdict.Totals.Invocations++
	inv := c.batch(e)
	switch {
	case inv.invoked:
		c.incoherent(e, "begins an invocation that has begun")
		return
	case e.Number != inv.size:
		c.incoherent(e, fmt.Sprintf("begins an invocation that has received %d records", inv.size))
	case e.Until <= e.At:
		c.incoherent(e, "has a deadline that is over already")
	}
	inv.invoked, inv.began, inv.until = true, e.At, e.Until
}

func (c *Checker) started(e history.Event) {
	c.verdict.Totals.Handled++
	inv := c.invocations[e.Invocation]
	if inv == nil || inv.over || !inv.invoked {
		c.violate(Stray, e, "", "a handler was started on record %s for invocation %d, which was over or never began", e.Record, e.Invocation)
		c.late[span{record: e.Record, invocation: e.Invocation}]++
		return
	}
	at := inv.records[e.Record]
	if at == nil {
		c.violate(Stray, e, "", "a handler was started on record %s, which is not in the batch of invocation %d", e.Record, e.Invocation)
		c.late[span{record: e.Record, invocation: e.Invocation}]++
		return
	}
	g := at.record.group
	c.checkGroup(e, g)
	c.checkStart(e, at)
	if c.rules.Order != NoOrder {
		if len(g.open) > 0 && len(at.open) == 0 {
			c.violate(Overlapped, e, g.name, "two handlers of group %q ran at once: record %s of invocation %d was started while %s of invocation %d was being handled",
				g.name, e.Record, e.Invocation, g.open[0].record, g.open[0].invocation)
		}
		switch before := inv.reached[g]; {
		case before != nil && before.index > at.index:
			c.violate(Disordered, e, g.name, "in invocation %d record %s of group %q was started after %s, which comes later in the batch",
				e.Invocation, e.Record, g.name, before.record.id)
		case c.rules.Order == Strict && before != nil && before != at && before.gaveUp():
			at.disordered = true
			c.violate(Disordered, e, g.name, "in invocation %d record %s of group %q was started after %s, which is before it in the batch and %s",
				e.Invocation, e.Record, g.name, before.record.id, story(before.last))
			fallthrough
		default:
			inv.reached[g] = at
		}
	}
	at.starts++
	if e.Detail != "" {
		at.key = e.Detail
	}
	at.open = append(at.open, at.starts)
	at.last = history.Abandoned // until its end event
	at.record.last = at.last
	g.open = append(g.open, span{e.Record, e.Invocation, at.starts})
	c.open++
	if len(g.open) == 1 {
		c.openGroups++
	}
	c.verdict.Totals.Concurrent = max(c.verdict.Totals.Concurrent, c.open)
	c.verdict.Totals.ConcurrentGroups = max(c.verdict.Totals.ConcurrentGroups, c.openGroups)
}

// underHand returns the entry of a record that a function acts on, if its invocation has not ended.
func (c *Checker) underHand(e history.Event) *entry {
	inv := c.invocations[e.Invocation]
	if inv == nil || inv.over || !inv.invoked || inv.records[e.Record] == nil {
		c.violate(Stray, e, "", "invocation %d, which was over, never began or has no such record, did something about record %s: %s", e.Invocation, e.Record, e.Kind)
		return nil
	}
	at := inv.records[e.Record]
	c.checkGroup(e, at.record.group)
	return at
}

// changed records a change of visibility. Its effect shows in the deliveries.
func (c *Checker) changed(e history.Event) {
	if at := c.underHand(e); at != nil && e.Until < e.At {
		c.incoherent(e, "hides a record until an instant that has passed")
	}
}

// forwarded records that the function has dead-lettered a record.
func (c *Checker) forwarded(e history.Event) {
	at := c.underHand(e)
	if at == nil {
		return
	}
	r, g := at.record, at.record.group.name
	switch {
	case at.forwarded:
		c.violate(Repeated, e, g, "record %s of group %q was dead-lettered twice by invocation %d", e.Record, g, e.Invocation)
	case at.done() && !at.late:
		c.violate(OverReported, e, g, "record %s of group %q was dead-lettered by invocation %d, in which it had been handled successfully", e.Record, g, e.Invocation)
	case len(at.open) > 0:
		c.violate(OverReported, e, g, "record %s of group %q was dead-lettered by invocation %d while it was being handled", e.Record, g, e.Invocation)
	case !strings.HasPrefix(r.digest, e.Digest):
		c.violate(Garbled, e, g, "the dead letter of record %s of group %q, which invocation %d has sent, has another body than the record", e.Record, g, e.Invocation)
	}
	at.forwarded, at.oks, at.late = true, at.copies, false
	if !r.forwarded {
		r.forwarded = true
		c.verdict.Totals.Forwarded++
	}
	r.settle()
}

// checkStart checks a single start: the record is not handled too often, and the handler received its payload.
func (c *Checker) checkStart(e history.Event, at *entry) {
	g, number := at.record.group.name, at.starts+1
	if e.Number != 0 && e.Number != number {
		c.incoherent(e, fmt.Sprintf("is start %d of the record in its invocation", number))
	}
	retry := number - at.copies
	if retry > 0 {
		c.verdict.Totals.Retried++
	}
	switch {
	case len(at.open) >= at.copies:
		c.violate(Repeated, e, g, "a handler was started on record %s of group %q in invocation %d while another one was handling it", e.Record, g, e.Invocation)
	case at.oks >= at.copies:
		c.violate(Repeated, e, g, "record %s of group %q was handled again in invocation %d, after it had been handled successfully there", e.Record, g, e.Invocation)
	case c.rules.Attempts > 0 && number > c.rules.Attempts*at.copies:
		c.violate(Repeated, e, g, "record %s of group %q was handled %d times in invocation %d; allowed are %d", e.Record, g, number, e.Invocation, c.rules.Attempts)
	}
	switch digest := at.record.digest; {
	case e.Digest == "" && c.rules.Payloads:
		c.violate(Garbled, e, g, "the handler of record %s of group %q in invocation %d does not show the payload that it was given", e.Record, g, e.Invocation)
	case e.Digest != "" && e.Digest != digest:
		c.violate(Garbled, e, g, "in invocation %d the handler of record %s of group %q was given another payload than was sent", e.Invocation, e.Record, g)
	}
}

func (c *Checker) checkGroup(e history.Event, g *group) {
	if e.Group != "" && e.Group != g.name {
		c.incoherent(e, fmt.Sprintf("has another group than %.100q, which the record was sent in", g.name))
	}
}

// outcomes are the possible outcomes of a handler.
var outcomes = []string{history.OK, history.Late, history.Fail, history.Panic, history.Exit, history.Abandoned, history.Dropped}

// ended records the end of a handler. An end after that of its invocation has no meaning.
func (c *Checker) ended(e history.Event) {
	if !slices.Contains(outcomes, e.Detail) {
		c.incoherent(e, fmt.Sprintf("ends a handler with something else than one of %q", outcomes))
		return
	}
	inv := c.invocations[e.Invocation]
	if inv == nil || inv.over || !inv.invoked || inv.records[e.Record] == nil {
		c.endedLate(e)
		return
	}
	at := inv.records[e.Record]
	r := at.record
	c.checkGroup(e, r.group)
	if !c.closed(e, at) {
		return
	}
	r.last, at.last = e.Detail, e.Detail
	switch e.Detail {
	case history.Dropped:
		at.oks++
		if !r.dropped {
			r.dropped = true
			c.verdict.Totals.Dropped++
		}
		r.settle()
	case history.OK, history.Late:
		at.oks++
		at.late = at.late || e.Detail == history.Late
		c.mustHaveWorked(e, at)
		at.recorded()
		if r.success {
			return
		}
		r.success = true
		c.verdict.Totals.Succeeded++
		if first := r.group.first; c.rules.Order == Strict && !r.settled && first != r && !at.disordered {
			c.violate(Disordered, e, r.group.name, "record %s of group %q succeeded in invocation %d before %s, which was sent earlier and %s",
				e.Record, r.group.name, e.Invocation, first.id, story(first.last))
		}
		r.settle()
	}
}

// closed closes the interval of the handler that has ended. A drop needs no handler. It reports false if there was
// none.
func (c *Checker) closed(e history.Event, at *entry) bool {
	i := slices.Index(at.open, e.Number)
	if e.Number == 0 && len(at.open) > 0 && e.Detail != history.Dropped {
		i = 0
	}
	switch {
	case i >= 0:
		c.close(at.record.group, span{e.Record, e.Invocation, at.open[i]})
		at.open = slices.Delete(at.open, i, i+1)
	case e.Detail == history.Dropped && e.Number == 0 && at.oks < at.copies:
	default:
		c.incoherent(e, "ends a handler that was not started, or had ended")
		return false
	}
	return true
}

// endedLate records the end of a handler whose invocation has ended, or that should not have been started.
func (c *Checker) endedLate(e history.Event) {
	s := span{record: e.Record, invocation: e.Invocation}
	if r := c.records[e.Record]; r != nil {
		c.checkGroup(e, r.group)
	}
	switch {
	case c.late[s] > 1:
		c.late[s]--
	case c.late[s] == 1:
		delete(c.late, s)
	case e.Detail == history.Dropped && e.Invocation <= c.newest && !c.underWay(e.Invocation):
	default:
		c.incoherent(e, "ends a handler that was not at work when its invocation ended")
	}
}

// underWay reports whether an invocation has not ended.
func (c *Checker) underWay(number int) bool {
	inv := c.invocations[number]
	return inv != nil && !inv.over
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

// forget removes a group without records and handlers.
func (c *Checker) forget(g *group) {
	if g.live == 0 && len(g.open) == 0 {
		delete(c.groups, g.name)
	}
}

// over ends an invocation, and with it the intervals of its handlers.
func (c *Checker) over(e history.Event) {
	inv := c.invocations[e.Invocation]
	if inv == nil || inv.over || !inv.invoked {
		c.incoherent(e, "ends an invocation that was over or never began")
		return
	}
	var answer response
	switch e.Kind {
	case history.Answered:
		if c.rules.Reports || c.rules.Windows {
			answer = readResponse(e.Detail, c.rules.Composite, func(id string) bool { return inv.records[id] != nil })
		}
		if !c.rules.Reports {
			answer = response{state: answer.state}
		}
	case history.Failed:
		c.verdict.Totals.FunctionErrors++
	case history.Crashed:
		c.verdict.Totals.Crashes++
	case history.TimedOut:
		c.verdict.Totals.TimedOut++
	}
	inv.end(e.Kind, answer)
	c.judgeWork(inv)
	c.judgeTime(inv, e)
	switch {
	case answer.fault != "":
		c.violate(BadResponse, e, "", "the response of invocation %d is not what it should be: %s", e.Invocation, answer.fault)
	case e.Kind == history.Answered:
		c.judgeReport(inv, e)
	case e.Kind == history.Failed:
		c.judgeError(inv, e)
	}
	for _, at := range inv.order {
		for _, number := range at.open {
			c.close(at.record.group, span{at.record.id, e.Invocation, number})
			if e.Kind == history.Answered || e.Kind == history.Failed { // otherwise no more events of them follow
				c.late[span{record: at.record.id, invocation: e.Invocation}]++
			}
		}
	}
	c.forgetInvocation(inv)
}

// judgeTime compares the end of an invocation with its deadline.
func (c *Checker) judgeTime(inv *invocation, e history.Event) {
	switch {
	case e.Kind == history.TimedOut && e.At < inv.until:
		c.incoherent(e, fmt.Sprintf("is %v before the deadline", inv.until-e.At))
	case e.Kind == history.TimedOut:
		c.violate(Late, e, "", "invocation %d had not been answered by its deadline", e.Invocation)
	case e.At >= inv.until:
		c.violate(Late, e, "", "invocation %d was %s %v after its deadline", e.Invocation, e.Kind, e.At-inv.until)
	}
}

// settled records the effect of the source on a record of an ended invocation.
func (c *Checker) settled(e history.Event) {
	inv := c.invocations[e.Invocation]
	if inv == nil || !inv.over {
		c.incoherent(e, "is about an invocation that is not over, never was, or has been settled")
		return
	}
	at := inv.records[e.Record]
	if at == nil || at.unsettled == 0 {
		c.incoherent(e, "is about a record that is not in the batch of the invocation, or has been settled")
		return
	}
	at.unsettled--
	at.record.pending--
	inv.unsettled--
	c.checkGroup(e, at.record.group)
	c.judgeSettlement(inv, at, e)
	c.forgetInvocation(inv)
	if e.Kind == history.Stale {
		return
	}
	r := c.live(e)
	switch e.Kind {
	case history.Deleted:
		c.verdict.Totals.Deleted++
	case history.Checkpointed:
		c.verdict.Totals.Checkpointed++
	default:
		return
	}
	if r != nil {
		c.letGo(r)
	}
}

// streams reports whether the source is a stream or a topic.
func (c *Checker) streams() bool { return c.rules.Replays || c.rules.Composite || c.rules.Pipe }

// foreign lists the kinds of events that a queue does not have, and those that a stream or a topic does not have.
var foreign = map[bool][]history.Kind{
	false: {history.Checkpointed, history.Discarded},
	true:  {history.Deleted, history.Stale, history.DeadLettered, history.Duplicated},
}

// forgetInvocation removes an invocation without further events.
func (c *Checker) forgetInvocation(inv *invocation) {
	if inv.over && inv.unsettled == 0 {
		delete(c.invocations, inv.number)
	}
}

// conditions are the reasons for which a mapping discards records.
var conditions = []string{"RetryAttemptsExhausted", "RecordAgeExceeded"}

// givenUp records that the source has released a record, or a copy of it, without an invocation.
func (c *Checker) givenUp(e history.Event) {
	r := c.live(e)
	if r == nil {
		return
	}
	if c.streams() && r.pending > 0 {
		c.incoherent(e, "gives up on a record that an invocation has and that is not settled")
	}
	switch t := &c.verdict.Totals; e.Kind {
	case history.DeadLettered:
		t.DeadLettered++
		if e.Number != r.deliveries && !r.duplicated {
			c.incoherent(e, fmt.Sprintf("is about a record that has been delivered %d times", r.deliveries))
		}
	case history.Discarded:
		t.Discarded++
		if !slices.Contains(conditions, e.Detail) {
			c.incoherent(e, fmt.Sprintf("has something else than one of %q", conditions))
		}
	case history.Expired:
		t.Expired++
	case history.Filtered:
		t.Filtered++
	}
	c.letGo(r)
}

// letGo removes a copy of a record.
func (c *Checker) letGo(r *record) {
	if r.copies--; r.copies > 0 {
		return
	}
	r.settle()
	r.group.live--
	delete(c.records, r.id)
	c.forget(r.group)
}

func (c *Checker) finish(e history.Event) {
	c.finished = true
	c.verdict.Drained = e.Detail == history.Drained
	if e.Detail != history.Drained && e.Detail != history.Stopped {
		c.incoherent(e, fmt.Sprintf("ends the history with something else than %q or %q", history.Drained, history.Stopped))
	}
	c.finishInvocations(e)
	c.finishWork(e)
	if c.verdict.Drained {
		for _, id := range slices.Sorted(maps.Keys(c.records)) {
			r := c.records[id]
			e := history.Event{At: e.At, Record: id}
			c.violate(Lost, e, r.group.name, "record %s of group %q is lost: it was sent, it %s, and nothing is known of what became of it", id, r.group.name, story(r.last))
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

// finishInvocations finds invocations with missing events. A run that is cut short may leave a batch that was never
// delivered.
func (c *Checker) finishInvocations(e history.Event) {
	for _, number := range slices.Sorted(maps.Keys(c.invocations)) {
		inv := c.invocations[number]
		e := history.Event{At: e.At, Invocation: number}
		switch {
		case !inv.invoked && c.verdict.Drained:
			c.violate(Incomplete, e, "", "invocation %d has received %d records and never began", number, inv.size)
		case !inv.invoked:
		case !inv.over:
			c.violate(Incomplete, e, "", "invocation %d never ended: there is neither a response nor an error", number)
		default:
			for _, at := range inv.order {
				if at.unsettled > 0 {
					e.Record = at.record.id
					c.violate(Incomplete, e, at.record.group.name, "what became of record %s of group %q after invocation %d is left out", e.Record, at.record.group.name, number)
				}
			}
		}
	}
}
