package model

import (
	"slices"
	"time"
)

const (
	leastReserve = time.Second            // V3
	maxTimeout   = time.Hour              // V1: the longest, unless given
	freely       = 30 * time.Second       // how long calls may take where there is no deadline
	sendGrace    = 400 * time.Millisecond // from a cancellation to the end of a send
	changeGrace  = 100 * time.Millisecond // and to the end of the changes of visibility timeouts
)

// Resort is what a last resort of the user's does with a record (R4): it works For so long, whatever its context says, and
// ends as Do says.
type Resort struct {
	Do  ResortDo
	For time.Duration
}

// ResortDo is how a last resort ends.
type ResortDo uint8

// The ends of a last resort.
const (
	Leave     ResortDo = iota // it returns the error that it is given
	Replace                   // it returns another error
	Condemn                   // it returns the error, marked by Permanent
	LeaveNil                  // it returns nil
	LeaveDrop                 // it returns the error, marked by Drop
	ResortPanic
	ResortExit
	ResortHang
)

// Letters is what V2 needs to know: when messages are dead-lettered, and how the sends end.
type Letters struct {
	Stream   bool  // of records that are redelivered from the first failed one
	After    int   // receives; 0: however many
	Receives []int // by record; 0 where there is no such thing
	Sends    []Act // by record: OK, Fail, Panic, Goexit or Hang
}

// Call is a call of a last resort, or a send of a letter.
type Call struct {
	Record     int
	Start, End time.Duration // End is when the processor saw it end
	Returns    time.Duration
	Abandoned  bool
	OK         bool // the letter has been sent
}

// stage is what the attempt at a record is at.
type stage uint8

const (
	handling stage = iota
	resorting
	sending
)

// resort lets the attempt at record i, which was the last, go on with what is to be tried before it has failed: the user's
// last resort (R4), and then the letter (V2). It reports whether there is something. Not after the cutoff, and not
// for a handler that was abandoned.
func (r *run) resort(i int, why Why) bool {
	if r.now >= r.cutoff || why.Has(Abandoned) || r.Resorts == nil && r.Letters == nil {
		return false
	}
	acts := r.Records[i].Acts
	act := acts[min(r.Results[i].Attempts, len(acts))-1]
	f := &r.failures[i]
	*f = failure{first: why, permanent: why.OneOf(ErredForGood | Unread), busy: act.Busy}
	if r.Resorts == nil {
		return r.send(i, why)
	}
	resort := r.Resorts[i]
	end, then := plus(r.now, resort.For), why
	switch resort.Do {
	case Replace:
		then, f.permanent, f.busy = Erred, false, false
	case Condemn:
		f.permanent = true
	case LeaveNil, LeaveDrop:
		f.dropped = true
	case ResortPanic:
		then, f.over = why|Panicked, true
	case ResortExit:
		f.over = true
	case ResortHang:
		end = Never
	}
	r.Resorted = append(r.Resorted, r.goOn(i, resorting, end, then))
	return true
}

// failure is what is known of the failure of a record for which a last resort is at work.
type failure struct {
	first     Why  // of the handler
	permanent bool // marked so, or undecodable
	busy      bool // it matches ErrInProgress
	dropped   bool
	over      bool // no other last resort is asked
}

// resorted books the end of a stage. It reports whether another one follows, or the record is dropped.
func (r *run) resorted(i int) bool {
	f, why := &r.failures[i], r.ending[i]
	was := r.stages[i]
	r.stages[i] = handling
	switch {
	case why.Has(Abandoned):
	case f.dropped:
		r.Results[i].Dropped = true
		r.settle(i, why)
		return true
	case was == resorting && !f.over && r.now < r.cutoff && r.send(i, why):
		return true
	case r.now >= r.cutoff:
		r.ending[i] |= r.cutoffWhy
	}
	return false
}

// send starts to send the letter of record i, if there is to be one.
func (r *run) send(i int, why Why) bool {
	l := r.Letters
	f := &r.failures[i]
	if l == nil || f.busy || !f.permanent && (l.After == 0 || l.Receives[i] < l.After) || l.Stream && r.failedBefore(i) {
		return false
	}
	act := l.Sends[i]
	end, limit := plus(r.now, act.For), r.sendsEnd()
	switch {
	case act.Do == Hang:
		end = Never
	case !act.Deaf && end > limit:
		end, act.Do = limit, Fail
	}
	switch act.Do {
	case OK:
		why, f.dropped = why|DeadLettered, true
	case Panic:
		why = f.first | Panicked
	case Goexit:
		why = f.first
	}
	c := r.goOn(i, sending, end, why)
	c.OK = act.Do == OK && !c.Abandoned
	r.Sent = append(r.Sent, c)
	return true
}

// goOn has the attempt at record i go on until an instant, or until the last call if that is earlier.
func (r *run) goOn(i int, s stage, end time.Duration, why Why) Call {
	c := Call{Record: i, Start: r.now, End: end, Returns: end, Abandoned: end > r.lastCall}
	if c.Abandoned {
		c.End, why = r.lastCall, Abandoned|r.cutoffWhy
		r.Results[i].Maybe |= r.failures[i].first & TimedOut
		r.failures[i].dropped = false
	}
	r.stages[i], r.phases[i] = s, running
	r.at[i], r.ending[i] = c.End, why
	return c
}

// sendsEnd is when a send that begins now has to end.
func (r *run) sendsEnd() time.Duration {
	end := plus(r.now, freely)
	if r.Left != Never {
		end = r.deadlineCall - (r.Left-r.deadlineCall)/4
	}
	if r.cutoffWhy == Cancelled {
		end = min(end, plus(max(r.now, r.Cancel), sendGrace))
	}
	return end
}

// failedBefore reports whether a record before record i has failed by now, as one has that will not be started any more.
func (r *run) failedBefore(i int) bool {
	for j := range i {
		if r.phases[j] == settled && r.Results[j].Failed() {
			return true
		}
	}
	return false
}

// Queue is what V1 needs to know of the queue that a batch comes from.
type Queue struct {
	FIFO       bool
	Groups     []string // by record: the group that the queue has its message in
	Unreadable []bool   // by record: it cannot be decoded
}

// Hidden is messages that get the same visibility timeout at the end of a batch, and the one whose receives and error decide
// on it.
type Hidden struct {
	Members []int
	Of      int
}

// Hide returns what gets a new visibility timeout after a batch (V1), in batch order, and how many messages failed that
// cannot be decoded.
func (q Queue) Hide(results []Result) (hidden []Hidden, unreadable int) {
	at := map[string]int{}
	var abandoned, failed []bool
	for i, r := range results {
		switch {
		case !r.Failed():
			continue
		case q.Unreadable[i]:
			if r.Attempts > 0 {
				unreadable++
			}
			continue
		}
		k, known := at[q.Groups[i]]
		if !q.FIFO || !known {
			k = len(hidden)
			at[q.Groups[i]] = k
			hidden, abandoned, failed = append(hidden, Hidden{}), append(abandoned, false), append(failed, false)
		}
		h := &hidden[k]
		h.Members = append(h.Members, i)
		switch {
		case r.Why.Has(Abandoned):
			abandoned[k] = true
		case r.Attempts > 0 && !failed[k]:
			failed[k], h.Of = true, i
		}
	}
	var left []Hidden
	for k, h := range hidden {
		if failed[k] && !abandoned[k] {
			left = append(left, h)
		}
	}
	return slices.Clip(left), unreadable
}

// ChangesEnd is when changes of visibility timeouts have to end that begin at the end of the batch.
func (b Batch) ChangesEnd(end time.Duration) time.Duration {
	r := run{Batch: b}
	r.limits()
	limit := plus(end, freely)
	if b.Left != Never {
		leave := b.Left - (b.Left-r.deadlineCall)/2
		limit = leave - (b.Left-leave)/8
	}
	return min(limit, plus(max(end, b.Cancel), changeGrace))
}

// TimeoutBounds are the bounds of the visibility timeout for a delay: half of it and all of it, in whole seconds, and at
// most longest, or an hour if that is 0.
func TimeoutBounds(delay, longest time.Duration) (least, most time.Duration) {
	if longest == 0 {
		longest = maxTimeout
	}
	most = min(max(delay, 0), longest)
	return (most / 2).Round(time.Second), most.Round(time.Second)
}
