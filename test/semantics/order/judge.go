package order

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe"
)

// Rules are what a batch had to keep to.
type Rules struct {
	// Groups has the group of each record; nil if the batch is handled without order.
	Groups []string
	// Concurrency bounds the handlers at work, abandoned ones aside (SPEC O1).
	Concurrency int
	// Policy is Continue, StopGroup or Stop.
	Policy troupe.Policy
	// Retry says whether the record of a failed attempt may be tried again, and after what time. Nil: no.
	Retry func(Event) (backoff time.Duration, again bool)
	// Cutoff is when nothing starts any more; 0 for never.
	Cutoff time.Duration
	// Exact: the instants in the history are exact, as they are in virtual time. Only then can it be judged
	// whether a free slot took the earliest record at once, and what came after a stop.
	Exact bool
}

// maxViolations is how many are listed.
const maxViolations = 10

// Judge returns in words what in the history of a batch with these results was against the rules.
func (r Rules) Judge(history []Event, results []troupe.Result) []string {
	j := &judge{Rules: r, results: results, records: make([]record, len(results)), groups: make(map[string]*group)}
	j.prepare(history)
	for len(j.events) > 0 && len(j.violations) < maxViolations {
		now := j.events[0].At
		n := 0
		for n < len(j.events) && j.events[n].At == now {
			j.event(j.events[n])
			n++
		}
		j.events = j.events[n:]
		if r.Exact {
			j.instant(now)
		}
	}
	j.finish()
	return j.violations
}

// Overlap returns the largest number of handlers that were at work at once: of groups, in an ordered batch.
func Overlap(history []Event) int {
	working, most := 0, 0
	for _, e := range history {
		if e.End {
			working--
			continue
		}
		working++
		most = max(most, working)
	}
	return most
}

type judge struct {
	Rules
	results    []troupe.Result
	records    []record
	groups     map[string]*group
	events     []event
	violations []string

	slots   int           // taken
	stopped time.Duration // when a failure stopped the batch
	halted  bool
	started []int   // at this instant
	fresh   []int   // became ready at this instant
	ready   indexes // could have started before this instant
}

// event is an Event, or something that follows from the results or the rules.
type event struct {
	Event
	abandoned bool // the handler was given up
	due       bool // the back-off is over
	first     bool // of what happens at its instant: others may follow from it
}

type record struct {
	group    *group
	attempts int
	running  bool
	gone     bool // abandoned
	failed   bool // at its last attempt
	waiting  bool // in back-off
	ready    bool
}

type group struct {
	records []int
	at      int // place in records of the one at work, or of the last one that was
	begun   bool
	running bool
	stopped bool
}

func (j *judge) say(e Event, format string, args ...any) {
	if len(j.violations) < maxViolations {
		j.violations = append(j.violations, fmt.Sprintf("%v: record %d, attempt %d: ", e.At, e.Record, e.Attempt)+fmt.Sprintf(format, args...))
	}
}

// prepare adds what cannot be seen from within the handlers, and finds the groups.
func (j *judge) prepare(history []Event) {
	for _, e := range history {
		j.events = append(j.events, event{Event: e})
		if e.End && e.Failed && j.Retry != nil && j.Exact {
			if backoff, again := j.Retry(e); again {
				due := Event{Record: e.Record, Attempt: e.Attempt + 1, At: e.At + backoff}
				j.events = append(j.events, event{due: true, first: backoff > 0, Event: due})
			}
		}
	}
	for i, result := range j.results {
		if errors.Is(result.Err, troupe.ErrAbandoned) && result.Attempts > 0 {
			at := result.Queued + result.Duration
			j.events = append(j.events, event{abandoned: true, first: true, Event: Event{Record: i, Attempt: result.Attempts, At: at}})
		}
		name := fmt.Sprint("record ", i)
		if j.Groups != nil {
			name = "group " + j.Groups[i]
		}
		g := j.groups[name]
		if g == nil {
			g = &group{}
			j.groups[name] = g
			j.fresh = append(j.fresh, i)
			j.records[i].ready = true
		}
		g.records = append(g.records, i)
		j.records[i].group = g
	}
	if j.Exact {
		slices.SortStableFunc(j.events, func(a, b event) int {
			if a.At == b.At && a.first != b.first {
				if a.first {
					return -1
				}
				return 1
			}
			return cmp.Compare(a.At, b.At)
		})
		j.settleReady()
	}
}

func (j *judge) event(e event) {
	if e.Record < 0 || e.Record >= len(j.records) {
		j.say(e.Event, "there is no such record")
		return
	}
	switch r := &j.records[e.Record]; {
	case e.due:
		if r.waiting { // else it was stopped meanwhile
			r.waiting = false
			j.makeReady(e.Record)
		}
	case e.abandoned:
		if r.running {
			r.running, r.gone, r.failed = false, true, true
			r.group.stopped = true
			j.slots--
			j.failure(e.Event)
		}
	case e.End:
		j.end(e.Event, r)
	default:
		j.start(e.Event, r)
	}
}

func (j *judge) start(e Event, r *record) {
	g := r.group
	switch {
	case g.running:
		j.say(e, "started while record %d of its group was at work", g.records[g.at])
	case g.stopped:
		j.say(e, "started though its group had been stopped at record %d", g.records[g.at])
	case g.begun && g.records[g.at] == e.Record:
		switch {
		case !r.failed:
			j.say(e, "started again though it had succeeded")
		case j.Retry == nil:
			j.say(e, "started again though there is no retry")
		case j.Exact && r.waiting:
			j.say(e, "started again before its back-off was over")
		case j.Exact && !r.ready:
			j.say(e, "started again though its failure was final")
		}
	default:
		next := 0
		if g.begun {
			next = g.at + 1
		}
		if next >= len(g.records) || g.records[next] != e.Record {
			j.say(e, "started out of the order of its group; record %d was due", g.records[min(next, len(g.records)-1)])
			break
		}
		if g.begun {
			switch last := j.records[g.records[g.at]]; {
			case last.waiting:
				j.say(e, "started while record %d of its group was in back-off", g.records[g.at])
			case last.failed && j.Policy == troupe.StopGroup:
				j.say(e, "started though record %d of its group had failed", g.records[g.at])
			}
		}
		g.at = next
	}
	if e.Attempt != r.attempts+1 {
		j.say(e, "is called attempt %d but is number %d", e.Attempt, r.attempts+1)
	}
	if j.Exact && j.halted && e.At > j.stopped {
		j.say(e, "started though the batch had been stopped at %v", j.stopped)
	}
	if j.Cutoff > 0 && e.At > j.Cutoff {
		j.say(e, "started after the cutoff at %v", j.Cutoff)
	}
	waited := r.ready && r.attempts > 0 && j.Concurrency == 1 && j.Exact // kept its slot in back-off
	r.attempts++
	r.running, r.ready, r.failed = true, false, false
	g.begun, g.running = true, true
	j.started = append(j.started, e.Record)
	if !waited {
		j.slots++
	}
	if j.slots > j.Concurrency {
		j.say(e, "started as the %dth handler at once where %d are allowed", j.slots, j.Concurrency)
	}
}

func (j *judge) end(e Event, r *record) {
	if r.gone {
		return // too late to matter
	}
	if !r.running || e.Attempt != r.attempts {
		j.say(e, "ended without having started")
		return
	}
	g := r.group
	r.running, r.failed = false, e.Failed
	g.running = false
	if !e.Failed {
		j.slots--
		j.next(g)
		return
	}
	if j.Exact && j.Retry != nil && !j.halted {
		if _, again := j.Retry(e); again {
			r.waiting = true
			if j.Concurrency > 1 {
				j.slots--
			}
			return
		}
	}
	j.slots--
	if j.Exact || j.Retry == nil {
		j.failure(e)
	}
}

// failure is what a final failure means for others.
func (j *judge) failure(e Event) {
	g := j.records[e.Record].group
	switch {
	case j.Policy == troupe.StopBatch && !j.halted:
		j.halted, j.stopped = true, e.At
	case j.Policy == troupe.StopGroup:
		g.stopped = true
	case j.Policy == troupe.Continue && !g.stopped:
		j.next(g)
	}
}

// next makes the record ready that follows in a group.
func (j *judge) next(g *group) {
	if g.at+1 < len(g.records) && !g.stopped {
		j.makeReady(g.records[g.at+1])
	}
}

func (j *judge) makeReady(i int) {
	j.records[i].ready = true
	j.fresh = append(j.fresh, i)
}

// instant judges, when everything of an instant has happened, what could have been done instead.
func (j *judge) instant(now time.Duration) {
	defer j.settleReady()
	if j.halted || j.Cutoff > 0 && now >= j.Cutoff {
		j.started = j.started[:0]
		return
	}
	if len(j.started) > 0 {
		last := slices.Max(j.started)
		if first, ok := j.ready.first(j.records); ok && first < last {
			j.say(Event{Record: last, Attempt: j.records[last].attempts, At: now}, "started though record %d, which is earlier, could have", first)
		}
		j.started = j.started[:0]
	}
	if j.slots < j.Concurrency {
		first, ok := j.ready.first(j.records)
		for _, i := range j.fresh {
			if j.records[i].ready {
				first, ok = i, true
			}
		}
		if ok {
			j.say(Event{Record: first, Attempt: j.records[first].attempts + 1, At: now}, "not started though it could have: %d of %d slots are taken", j.slots, j.Concurrency)
		}
	}
}

func (j *judge) settleReady() {
	for _, i := range j.fresh {
		heap.Push(&j.ready, i)
	}
	j.fresh = j.fresh[:0]
}

// finish judges what never happened.
func (j *judge) finish() {
	if len(j.violations) > 0 {
		return
	}
	for i := range j.records {
		switch r := &j.records[i]; {
		case r.running:
			j.say(Event{Record: i, Attempt: r.attempts}, "never ended and was not abandoned")
		case r.attempts != j.results[i].Attempts:
			j.say(Event{Record: i, Attempt: r.attempts}, "the report tells of %d attempts", j.results[i].Attempts)
		case r.attempts > 0 && r.failed != (j.results[i].Outcome == troupe.Failed):
			j.say(Event{Record: i, Attempt: r.attempts}, "the report has it %v", j.results[i].Outcome)
		case r.attempts == 0 && j.results[i].Outcome == troupe.Succeeded:
			j.say(Event{Record: i}, "succeeded without having started")
		case r.attempts == 0 && !j.halted && j.Cutoff == 0 && j.mayStart(i):
			j.say(Event{Record: i}, "never started, and nothing stood in its way")
		}
	}
}

// mayStart reports whether an unstarted record had no failed one of its group before it, or may go past it.
func (j *judge) mayStart(i int) bool {
	g := j.records[i].group
	if g.stopped || j.Policy == troupe.StopBatch {
		return false
	}
	return j.Policy == troupe.Continue || !g.begun || !j.records[g.records[g.at]].failed
}

// indexes is a heap of records that could start, and of some that have.
type indexes []int

// first returns the earliest record that could start.
func (h *indexes) first(records []record) (i int, ok bool) {
	for len(*h) > 0 {
		if i := (*h)[0]; records[i].ready {
			return i, true
		}
		heap.Pop(h)
	}
	return 0, false
}

func (h indexes) Len() int           { return len(h) }
func (h indexes) Less(a, b int) bool { return h[a] < h[b] }
func (h indexes) Swap(a, b int)      { h[a], h[b] = h[b], h[a] }
func (h *indexes) Push(i any)        { *h = append(*h, i.(int)) }
func (h *indexes) Pop() any {
	last := len(*h) - 1
	i := (*h)[last]
	*h = (*h)[:last]
	return i
}
