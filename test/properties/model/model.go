// Package model is the meaning of SPEC sections 3 to 6 as a program: what a processor does with a batch whose handler
// is known in advance, step by step, one thing after the other, without actors, goroutines or clocks. The property
// tests compare it with the real processor.
//
// Time is the time since the batch arrived. A handler's behaviour is known, so when an attempt starts the
// model knows how and when it will end; what is left is a list of instants to walk through. Things that
// happen at the same instant may come in any order, so a batch has a set of answers: Answers enumerates
// it. Where no two things coincide it has exactly one.
//
// Windows and batches that are handed over as a whole have a few additional rules: Close, Whole.
//
// The model imports nothing of troupe: it could not be wrong in the same way.
package model

import (
	"iter"
	"math"
	"slices"
	"time"
)

// Never is an instant that does not come.
const Never = time.Duration(math.MaxInt64)

const (
	grace       = 100 * time.Millisecond // D4: from a record's timeout to its abandonment
	cancelGrace = 500 * time.Millisecond // D5: from a cancellation to the last call
	maxReserve  = 500 * time.Millisecond // D1: of the default reserve
	minReserve  = 10 * time.Millisecond  // D1: from the cutoff to the deadline
	minLastCall = 5 * time.Millisecond   // D1: from the last call to the deadline
	minToStart  = 20 * time.Millisecond  // D1: left on arrival
)

// Batch is a batch, the options it is processed with, and all that will happen meanwhile.
type Batch struct {
	Records     []Record
	Ordered     bool // false: every record is its own group
	Grouped     bool // a function returns the groups; it is called when the batch arrives
	Concurrency int
	// Directive is the policy, Derive resolved, or the decider.
	Directive func(record int, why Why) Directive

	Retries     int                             // more attempts after the first
	RetryPanics bool                            // panics, too
	Backoff     func(attempt int) time.Duration // after attempt number attempt has failed

	RecordTimeout time.Duration // 0: none
	Reserve       time.Duration // 0: the default
	Left          time.Duration // until the deadline of the invocation; Never: none
	Cancel        time.Duration // when the invocation's context is cancelled; Never: it is not

	Resorts     []Resort // by record: the user's last resort (R4); nil: none
	Letters     *Letters // nil: nothing is dead-lettered (V2)
	Redelivered bool     // an option of package redelivery needs a reserve (V3)
}

// Record is a record and what its handler does at each attempt; the last act repeats.
type Record struct {
	Group     string
	Ungrouped bool // its group cannot be read (D6)
	Acts      []Act
}

// Act is what a handler does at one attempt: it works For so long, then ends as Do says. Its context's
// end makes it return an error Lag later, unless it is Deaf.
type Act struct {
	Do   Do
	For  time.Duration
	Lag  time.Duration
	Deaf bool
	// Within: it is done by the method that decodes the payload, so that the handler is not called.
	Within bool
	// Busy: its error says that the key is in progress elsewhere (I4).
	Busy bool
}

// Do is how an attempt ends that is left to end by itself.
type Do uint8

// The ends of an attempt.
const (
	OK Do = iota
	Fail
	FailForGood // an error marked by Permanent
	Panic
	Goexit
	Hang        // does not end, and does not care for its context
	Undecodable // the handler is not called (D6)
	Drop        // the same, of a record that an option says to leave out then (S1)
	FailJoined  // an error that is joined with a drop and a permanent one: a failure like any other (S1)
	FailNil     // a nil pointer as an error
	FailBadly   // an error whose Error panics, and that is everything that it is asked for
	PanicBadly  // with a value that holds itself
	LeaveOut    // a join of which every branch says to drop the record
	FailMute    // an error whose Error method hangs: the attempt does not end, whatever the handler did
)

// Directive is what a failure means for the other records.
type Directive uint8

// The directives (P1, P3, P2).
const (
	Continue Directive = iota
	StopGroup
	Stop
)

// Answer is what became of a batch.
type Answer struct {
	Results  []Result  // in batch order
	Attempts []Attempt // in the order in which they started
	Resorted []Call    // of the user's last resort, in the order in which they started
	Sent     []Call    // of letters, the same
	End      time.Duration
}

// Result is what became of a record. Why is 0 if it succeeded.
type Result struct {
	Why      Why
	Dropped  bool // for Why, and has not failed
	Maybe    Why  // further reasons, of which the rules do not say whether they are reported
	Attempts int
	Queued   time.Duration // when it first started; if it never did, the end of the batch
	Duration time.Duration // from there to the end of the last attempt
	Settled  time.Duration // when its outcome was certain
}

// Failed reports whether the record has failed.
func (r Result) Failed() bool { return r.Why != 0 && !r.Dropped }

// Attempt is one call of the handler.
type Attempt struct {
	Record, Number int
	Start, End     time.Duration // End is when the processor saw it end: it returned, or was abandoned
	Returns        time.Duration // when the handler returns if nobody releases it
	Limit          time.Duration // the deadline of its context
	Abandoned      bool
	Within         bool // the handler is not called, the payload's method is
}

// phase is where a record is.
type phase uint8

const (
	unstarted phase = iota
	running
	resting // in back-off
	rested  // its back-off is over, a slot is not free yet
	settled
)

// run is a batch on its way to an answer.
type run struct {
	Batch
	Answer
	now       time.Duration
	planned   time.Duration // the cutoff, as far as the deadline determines it
	cutoff    time.Duration // the cutoff with the cancellation that nobody knows of beforehand
	lastCall  time.Duration
	cutoffWhy Why
	// deadlineCall is the last call as far as the deadline determines it
	deadlineCall time.Duration
	shut         bool // after a stop or the cutoff: nothing starts
	phases       []phase
	at           []time.Duration // when the attempt (running) or the back-off (resting) ends
	ending       []Why           // of the last attempt; 0: it succeeds
	stages       []stage         // of a running attempt
	failures     []failure       // of those that a last resort is at work for
}

// Answers are the answers that the rules allow for b. Their number is exponential in that of things that
// happen at the same instant.
func Answers(b Batch) iter.Seq[Answer] {
	return func(yield func(Answer) bool) {
		type choice struct{ taken, of int }
		var path []choice
		for {
			depth := 0
			answer := Run(b, func(n int) int {
				if depth == len(path) {
					path = append(path, choice{0, n})
				}
				depth++
				return path[depth-1].taken
			})
			if !yield(answer) {
				return
			}
			for len(path) > 0 && path[len(path)-1].taken == path[len(path)-1].of-1 {
				path = path[:len(path)-1]
			}
			if len(path) == 0 {
				return
			}
			path[len(path)-1].taken++
		}
	}
}

// Run walks through b. Where n > 1 things may come next at the same instant, pick chooses one.
func Run(b Batch, pick func(n int) int) Answer {
	n := len(b.Records)
	r := &run{Batch: b, Answer: Answer{Results: make([]Result, n)}, phases: make([]phase, n), at: make([]time.Duration, n), ending: make([]Why, n), stages: make([]stage, n), failures: make([]failure, n)}
	r.limits()
	r.bar()
	for r.step(pick) {
	}
	for i := range r.Results {
		r.End = max(r.End, r.Results[i].Settled)
	}
	for i := range r.Results {
		if r.Results[i].Attempts == 0 {
			r.Results[i].Queued = r.End
		}
	}
	return r.Answer
}

// limits computes cutoff and last call (D1, D5).
func (r *run) limits() {
	r.planned, r.lastCall, r.cutoffWhy = Never, Never, Deadline
	if r.Left != Never {
		reserve := r.Reserve
		if reserve == 0 {
			reserve = min(maxReserve, r.Left/5)
		}
		if r.Redelivered {
			reserve = max(reserve, leastReserve)
		}
		reserve = max(min(reserve, r.Left/2), minReserve)
		r.planned, r.lastCall = r.Left-reserve, r.Left-max(reserve/4, minLastCall)
		if r.Left < minToStart {
			r.planned = 0
		}
	}
	r.deadlineCall = r.lastCall
	r.cutoff = r.planned
	if r.Cancel < r.cutoff || r.Cancel <= 0 && r.Left >= 0 {
		r.cutoff, r.cutoffWhy = r.Cancel, Cancelled
	}
	r.lastCall = min(r.lastCall, plus(r.Cancel, cancelGrace))
}

// bar keeps what is behind a record whose group cannot be read from starting: it may be of that group (D6).
func (r *run) bar() {
	i := slices.IndexFunc(r.Records, func(record Record) bool { return record.Ungrouped })
	if i < 0 || !r.Ordered || r.Grouped && r.cutoff <= 0 { // then there is no time to ask it
		return
	}
	if r.Left <= 0 && r.cutoffWhy == Deadline { // the deadline alone is blamed (D7)
		return
	}
	for j := i + 1; j < len(r.Records); j++ {
		r.settle(j, NotStarted|GroupStopped)
	}
}

// step does the next thing. What may come next at an instant: a free slot takes a record, or the end of
// an attempt or of a back-off is noticed. Time passes only when nothing is left to do.
func (r *run) step(pick func(n int) int) bool {
	if r.now >= r.cutoff && !r.shut {
		r.shutDown(NotStarted | r.cutoffWhy)
	}
	var next []func()
	if i, ok := r.startable(); ok {
		next = append(next, func() { r.start(i) })
	}
	later := Never
	for i, p := range r.phases {
		switch {
		case p != running && p != resting:
		case r.at[i] > r.now:
			later = min(later, r.at[i])
		case p == running:
			next = append(next, func() { r.finish(i) })
		default:
			next = append(next, func() { r.phases[i] = rested })
		}
	}
	switch len(next) {
	case 0:
		if later == Never {
			return false
		}
		r.now = later
		if !r.shut {
			r.now = min(later, r.cutoff)
		}
	case 1:
		next[0]()
	default:
		next[pick(len(next))]()
	}
	return true
}

// startable is the record that a free slot takes (O1). At concurrency 1 a record in back-off has the slot.
func (r *run) startable() (int, bool) {
	slots := r.Concurrency
	for _, p := range r.phases {
		if p == running || p == resting && r.Concurrency == 1 {
			slots--
		}
	}
	for i, p := range r.phases {
		if slots > 0 && (p == rested || p == unstarted && r.idle(i)) {
			return i, true
		}
	}
	return 0, false
}

// idle reports whether no other record of i's group is being handled or in back-off (O2, O3).
func (r *run) idle(i int) bool {
	for j, p := range r.phases {
		if r.sameGroup(i, j) && (p == running || p == resting || p == rested) {
			return false
		}
	}
	return true
}

func (r *run) sameGroup(i, j int) bool {
	a, b := r.Records[i], r.Records[j]
	return i == j || r.Ordered && !a.Ungrouped && !b.Ungrouped && a.Group == b.Group
}

// start starts an attempt at record i, and foresees its end.
func (r *run) start(i int) {
	result := &r.Results[i]
	if result.Attempts == 0 {
		result.Queued = r.now
	}
	result.Attempts++
	acts := r.Records[i].Acts
	act := acts[min(result.Attempts, len(acts))-1]
	if act.Do == Undecodable || act.Do == Drop {
		r.phases[i], r.at[i], r.ending[i], result.Dropped = running, r.now, Unread, act.Do == Drop
		return
	}

	timeout := Never
	if r.RecordTimeout > 0 {
		timeout = plus(r.now, r.RecordTimeout)
	}
	returns, why := plus(r.now, act.For), Ending(act.Do)
	switch contextEnd := min(timeout, r.cutoff); {
	case act.Do == Hang:
		returns = Never
	case !act.Deaf && returns > contextEnd:
		returns, why, act.Do = contextEnd+act.Lag, Erred, Fail
	case act.Do == FailMute:
		returns = Never
	}
	end, abandoned := returns, false
	if patience := min(plus(timeout, grace), r.lastCall); returns > patience {
		end, why, abandoned = patience, Abandoned, true
	}
	result.Dropped = act.Do == LeaveOut && !abandoned
	if why != 0 && !result.Dropped { // what is dropped in time has met no limit
		why, result.Maybe = r.limitsPassed(why, end, timeout, abandoned)
	}
	r.phases[i], r.at[i], r.ending[i] = running, end, why
	r.Attempts = append(r.Attempts, Attempt{i, result.Attempts, r.now, end, returns, min(timeout, r.planned), abandoned, act.Within})
}

// limitsPassed adds to the reasons of a failed attempt the limits that it passed. If there are two limits, the one
// that ended the attempt is reported, or that ended its context if the handler returned; the rules leave open whether
// the other one is (D1, D4). An error after the cutoff shows that in any case.
func (r *run) limitsPassed(why Why, end, timeout time.Duration, abandoned bool) (all, maybe Why) {
	overstayed := abandoned && end < r.lastCall // the record timeout, and not the last call, ended it
	if end >= timeout {
		if overstayed || !abandoned && timeout < r.cutoff {
			why |= TimedOut
		} else {
			maybe |= TimedOut
		}
	}
	if end >= r.cutoff {
		if overstayed {
			maybe |= r.cutoffWhy
		} else {
			why |= r.cutoffWhy
		}
	}
	return why, maybe
}

// finish books the end of the running attempt at record i, and decides what it means for the others.
func (r *run) finish(i int) {
	result := &r.Results[i]
	result.Duration = r.now - result.Queued
	if r.stages[i] != handling {
		if !r.resorted(i) {
			r.fail(i, r.ending[i])
		}
		return
	}
	why := r.ending[i]
	if why == 0 || result.Dropped {
		r.settle(i, why)
		return
	}
	if r.retriable(why) && result.Attempts <= r.Retries && !r.shut {
		if due := plus(r.now, r.Backoff(result.Attempts)); due < r.planned {
			r.phases[i], r.at[i] = resting, due
			return
		}
	}
	if !r.resort(i, why) {
		r.fail(i, why)
	}
}

// fail decides what the failure of record i means for the others.
func (r *run) fail(i int, why Why) {
	r.settle(i, why)
	if why.Has(Abandoned | TimedOut) {
		r.stopGroup(i)
	}
	switch r.Directive(i, why) {
	case StopGroup:
		r.stopGroup(i)
	case Stop:
		r.shutDown(NotStarted | Stopped)
	}
}

// retriable reports whether an attempt that ended so may be followed by another one (P6, D4).
func (r *run) retriable(why Why) bool { return why == Erred || why == Panicked && r.RetryPanics }

func (r *run) settle(i int, why Why) {
	r.phases[i] = settled
	r.Results[i].Why, r.Results[i].Settled = why, r.now
}

// stopGroup: nothing more of i's group starts (P3).
func (r *run) stopGroup(i int) {
	for j, p := range r.phases {
		if p == unstarted && r.sameGroup(i, j) {
			r.settle(j, NotStarted|GroupStopped)
		}
	}
}

// shutDown: nothing more starts (P2, D1). A record in back-off fails with its last error (P6).
func (r *run) shutDown(why Why) {
	r.shut = true
	for j, p := range r.phases {
		switch p {
		case unstarted:
			r.settle(j, why)
		case resting, rested:
			r.settle(j, r.ending[j])
		}
	}
}

// plus adds without overflow.
func plus(t, d time.Duration) time.Duration {
	if t > Never-d {
		return Never
	}
	return t + d
}
