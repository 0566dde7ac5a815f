package supervisor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

// state is where a record stands.
type state uint8

const (
	unstarted state = iota // not started
	running                // its handler may be at work; a slot is taken
	failing                // its handler failed; the supervisor has not decided yet; the slot is still taken
	waiting                // in back-off
	due                    // the back-off is over; in the queue again
	settled                // has its outcome
)

// ledger holds the fate of every record of one batch. All of it happens under one lock: what starts next,
// what an attempt came to, what is given up. So a handler that ends while its record is being given up
// has either been in time or not, and nothing is decided twice.
//
// The books are closed when every record has its outcome; nothing changes the results after that.
type ledger struct {
	batch   *messages.Batch
	cfg     *Config
	caller  context.Context // the invocation's
	ctx     context.Context // the handlers': the caller's until the cutoff
	cutoff  time.Time       // zero if there is none
	began   time.Time
	passed  *batch.DeadlinePassedError // nil unless the deadline had passed on arrival
	process *process

	// done is closed when the books are.
	done chan struct{}
	// startSlot puts another slot to work, which reserveSlot has counted.
	startSlot func()

	_          [64]byte // what changes all the time is on other cache lines than what everybody reads
	mu         sync.Mutex
	states     []state
	attempts   []messages.Attempt    // the first attempt of each record
	timers     map[int32]func() bool // by record: stops its record timeout or its back-off
	pids       map[int32]*actor.PID  // by record: its actor while in back-off, in an unordered batch
	groups     groups
	queue      queue
	free       int          // slots not at work
	open       int          // records that have been taken and have no outcome
	working    int          // slots at work, those of abandoned handlers included
	starting   bool         // one of them has not come to its first record
	haltReason batch.Reason // why nothing more starts; 0 if something may
	closed     bool
	failed     int32 // the first record that has failed for good; the number of records if none has

	retried, abandoned int
	supervisor         *actor.PID // nil until it has started
}

func newLedger(in *Invocation, cfg *Config, b *messages.Batch, p *process) *ledger {
	n := len(b.Results)
	l := &ledger{
		batch: b, cfg: cfg, caller: in.caller, ctx: in.handlers, cutoff: in.Times.Cutoff, began: in.began, passed: in.passed, process: p,
		done:     make(chan struct{}),
		states:   make([]state, n),
		attempts: make([]messages.Attempt, n),
		free:     cfg.Concurrency,
		failed:   int32(n),
	}
	b.FailedBefore = l.failedBefore
	if b.Ordered {
		l.groups = groupsOf(b.Results, b.Barrier)
		l.queue = queue{firsts: l.groups.firsts, end: int32(len(l.groups.firsts))}
	} else {
		l.queue = queue{end: int32(n)}
	}
	return l
}

// supervisorStarted makes the supervisor known.
func (l *ledger) supervisorStarted(pid *actor.PID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.supervisor = pid
}

// job is an attempt that is due and the actor to make it.
type job struct {
	attempt *messages.Attempt // nil: there is nothing to do
	actor   *actor.PID        // nil: to be spawned
}

// startSlotIfUseful puts a free slot to work, if there is something to start.
func (l *ledger) startSlotIfUseful() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reserveSlot() {
		l.startSlot()
	}
}

// reserveSlot reports whether another slot could be put to work, and counts it as working if so. It waits for the
// last one to come to its first record, which asks again then: while handlers return before that, more
// slots are of no use.
func (l *ledger) reserveSlot() bool {
	if l.starting || l.free == 0 || l.haltReason != 0 || l.queue.empty() {
		return false
	}
	l.free--
	l.working++
	l.starting = true
	return true
}

// takeLocked marks the earliest record that may start as running. The caller accounts for the slot.
func (l *ledger) takeLocked(now time.Duration) (j job) {
	if l.haltIfContextDone() || l.haltReason != 0 || l.queue.empty() {
		return j
	}
	i := l.queue.pop()
	r := &l.batch.Results[i]
	j.attempt = &l.attempts[i]
	if l.states[i] == due {
		j.attempt = new(messages.Attempt) // what still holds on to an earlier attempt sees that one
		j.actor = l.pids[i]
		delete(l.pids, i)
		l.retried++
	} else {
		l.open++
		r.Queued = now
	}
	if l.batch.Ordered {
		j.actor = l.groups.list[l.groups.of[i]].pid
	}
	l.states[i] = running
	r.Attempts++
	*j.attempt = messages.Attempt{Context: l.ctx, Batch: l.batch, Index: i, Number: int32(r.Attempts), More: l.reserveSlot()}
	if l.cfg.RecordTimeout > 0 {
		l.limitTime(j.attempt)
	}
	return j
}

// spawned notes the actor of the attempt's group. The slot calls it while the group is its own, so that
// no lock is needed.
func (l *ledger) spawned(a *messages.Attempt, pid *actor.PID) {
	if l.batch.Ordered {
		l.groups.list[l.groups.of[a.Index]].pid = pid
	}
}

// limitTime puts the record timeout on an attempt.
func (l *ledger) limitTime(a *messages.Attempt) {
	ctx, cancel := context.WithTimeoutCause(l.ctx, l.cfg.RecordTimeout, batch.ErrRecordTimeout)
	a.Context = ctx
	timer := time.AfterFunc(plus(l.cfg.RecordTimeout, timeoutGrace), func() { l.post(&messages.Expired{Attempt: a}) })
	l.setTimer(a.Index, func() bool { cancel(); return timer.Stop() })
}

func (l *ledger) setTimer(i int32, stop func() bool) {
	if l.timers == nil {
		l.timers = make(map[int32]func() bool)
	}
	l.timers[i] = stop
}

func (l *ledger) stopTimer(i int32) {
	if stop, ok := l.timers[i]; ok {
		stop()
		delete(l.timers, i)
	}
}

// post sends the supervisor something that only matters while the books are open. The supervisor outlives
// them, so the message finds it.
func (l *ledger) post(m messages.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.process.system.Root.Send(l.supervisor, m)
	}
}

// Handle calls the handler, unless the time for that has passed since the record was taken: a goroutine may
// be kept waiting anywhere, even until the response has left. A stop is not looked at again: a record that
// was taken counts as started, since one behind it in the batch may have been by now.
//
// Slots go to work one after the other, each as the handler of the one before is called: started all at
// once they would reach their handlers in any order, and records would not start in batch order.
func (l *ledger) Handle(a *messages.Attempt) error {
	if a.Err() != nil {
		if l.ctx.Err() != nil {
			return errNotBegun
		}
		return errTooLate // its record timeout has passed; its record may have been given up
	}
	if l.batch.Start != nil {
		if a.Refused = l.batch.Start(int(a.Index)); a.Refused != nil {
			return errNotBegun
		}
	}
	if a.More {
		a.More = false
		l.startSlot()
	}
	err := l.batch.Handle(a)
	if err != nil {
		// Looks into the handler's error, so it belongs where a panic or a hang is the handler's.
		err = batch.Tell(err)
		a.Final, a.Drop = batch.IsPermanent(err), batch.IsDrop(err)
	}
	return err
}

// Failed decides, on the goroutine of a failed attempt, whether it was the record's last, and if so calls the
// last resort (SPEC R4). It returns the error that the attempt ends with.
func (l *ledger) Failed(a *messages.Attempt, err error) error {
	if a.Drop || err == errNotBegun {
		return err
	}
	if context.Cause(a.Context) == batch.ErrRecordTimeout {
		err, a.Final = batch.Because(batch.ErrRecordTimeout, err), true
	}
	if wanted(l.cfg.Retry, a, err) {
		a.Backoff = backoffOf(l.cfg.Retry, int(a.Number))
		a.Final = !l.mayRetry(a.Backoff)
	} else {
		a.Final = true
	}
	if !a.Final || l.batch.LastResort == nil || !l.mayResort(a) {
		return err
	}
	return l.resort(a, err)
}

// mayRetry reports whether there is time for another attempt after a back-off, and nothing has stopped the batch.
func (l *ledger) mayRetry(backoff time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mayRetryLocked(backoff)
}

func (l *ledger) mayRetryLocked(backoff time.Duration) bool {
	if l.closed || l.haltReason != 0 || l.ctx.Err() != nil {
		return false
	}
	return l.cutoff.IsZero() || backoff < time.Until(l.cutoff)
}

// mayResort reports whether the last resort may be called for an attempt: not after the cutoff, and not if the
// record has been reported already. The record timeout is for the handler, which has ended.
func (l *ledger) mayResort(a *messages.Attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil || !l.isRunning(a) {
		return false
	}
	l.stopTimer(a.Index)
	return true
}

// isRunning reports whether an attempt is the one that its record is running in.
func (l *ledger) isRunning(a *messages.Attempt) bool {
	return !l.closed && l.states[a.Index] == running && l.batch.Results[a.Index].Attempts == int(a.Number)
}

// resort calls the last resort. If it panics, the record has failed with both errors; if it ends the goroutine,
// with the one that it had.
func (l *ledger) resort(a *messages.Attempt, err error) (resolved error) {
	returned := false
	batch.Try(func() error {
		result := l.batch.LastResort(resortContext{l.ctx, a}, a.Record(), err)
		returned = true
		return result
	}, func(result error) {
		switch {
		case !returned:
			resolved = errors.Join(err, result)
		case result == nil:
			a.Drop, resolved = true, err
		default:
			a.Drop, resolved = batch.IsDrop(result), result
		}
	})
	return resolved
}

// resortContext is the handlers' context, without the record timeout of an attempt, that answers for the attempt.
type resortContext struct {
	context.Context
	attempt *messages.Attempt
}

func (c resortContext) Value(key any) any { return c.attempt.Value(key) }

// End books how an attempt ended, on the goroutine that made it. It reports whether the attempt has
// failed, so that the supervisor has to decide.
func (l *ledger) End(a *messages.Attempt, err error) (failed bool) {
	now := time.Since(l.began) // before the lock, which everybody wants
	l.mu.Lock()
	defer l.mu.Unlock()
	i := a.Index
	if !l.isRunning(a) {
		a.Ended = messages.Late
		return false
	}
	l.stopTimer(i)
	r := &l.batch.Results[i]
	switch {
	case err == nil || a.Drop:
		a.Ended = messages.Done
		l.states[i] = settled
		if r.Outcome, r.Err = batch.Succeeded, err; a.Drop {
			r.Outcome = batch.Dropped
		} else {
			r.Value = a.Kept
		}
		r.Duplicate, r.Unrecorded = a.Marks&batch.Duplicate != 0, a.Marks&batch.Unrecorded != 0
		r.Duration = now - r.Queued
		if l.cfg.Retry.Times == 0 && !l.last(i) {
			l.takeNextLocked(a, now)
		}
		return false
	case err == errNotBegun:
		a.Ended = messages.NotBegun
		r.Attempts--
		if r.Attempts > 0 { // another attempt was due; the last one's error stands
			l.retried--
			l.markFailed(i)
		} else {
			l.states[i] = unstarted
			l.open--
			r.Queued = 0
			r.Err = a.Refused
		}
		if a.Refused != nil {
			l.stopGroup(i)
		}
		return false
	}
	a.Ended = messages.Broken
	l.states[i] = failing
	r.Duration = now - r.Queued
	if l.ctx.Err() != nil {
		err, a.Final = batch.Because(l.reason(), err), true
	}
	r.Err = err
	if a.Final {
		l.failed = min(l.failed, i)
	}
	return true
}

// takeNextLocked does what next would do next, while the lock is held anyway. It is not for batches with retries,
// whose next attempt may not be the record's first, nor for the last of a group, whose actor retires.
func (l *ledger) takeNextLocked(a *messages.Attempt, now time.Duration) {
	l.open--
	l.release(a.Index)
	a.Next = none
	if next := l.takeLocked(now).attempt; next != nil {
		a.Next = next.Index
	}
}

// next takes the next record for a slot: a new one, if a is nil, or one whose attempt a succeeded or was
// not made. retired is the actor of a group that has nothing left to do.
func (l *ledger) next(a *messages.Attempt) (next job, retired *actor.PID) {
	if a != nil && a.Next > 0 {
		next.attempt = &l.attempts[a.Next]
		if l.batch.Ordered {
			next.actor = l.groups.list[l.groups.of[a.Next]].pid // the group is the slot's
		}
		return next, nil
	}
	now := time.Since(l.began)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return next, nil
	}
	if a == nil {
		l.starting = false
	} else {
		switch {
		case a.Ended == messages.Done && a.Next == 0:
			l.open--
			retired = l.release(a.Index)
		case l.states[a.Index] == running: // the actor did not take the attempt: it has died
			l.batch.Results[a.Index].Err = errNoActor
			l.markFailed(a.Index)
			l.stopGroup(a.Index)
			retired = l.release(a.Index)
		}
	}
	if next = l.takeLocked(now); next.attempt == nil {
		l.free++
		l.closeIfComplete()
	}
	return next, retired
}

// last reports whether the group of record i has nothing left to do when the record is done.
func (l *ledger) last(i int32) bool {
	return l.batch.Ordered && (l.groups.after[i] == none || l.groups.list[l.groups.of[i]].stopped)
}

// release makes the record's group idle: its next record may start. If it has none, its actor retires.
func (l *ledger) release(i int32) (retired *actor.PID) {
	if !l.batch.Ordered {
		return nil
	}
	g := &l.groups.list[l.groups.of[i]]
	if next := l.groups.after[i]; next != none && !g.stopped {
		l.queue.push(next)
		return nil
	}
	retired, g.pid = g.pid, nil
	return retired
}

// reserveReplacement gives a slot whose attempt has failed another of the free ones, if the verdict on the failure
// cannot keep any record from starting. The one it had is taken until the verdict.
func (l *ledger) reserveReplacement() bool {
	if l.batch.Policy != batch.Continue || l.cfg.Decide != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free == 0 || l.haltReason != 0 || l.queue.empty() {
		return false
	}
	l.free--
	return true
}

// slotExited books the end of a slot's goroutine, whatever ended it. The last one to leave a closed batch tells
// the supervisor, which stays for as long as there are actors under it.
func (l *ledger) slotExited(a *messages.Attempt) {
	if a != nil && a.Ended == messages.Late {
		l.process.abandoned.Add(-1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.working--
	if l.drainedLocked() {
		l.process.system.Root.Send(l.supervisor, &messages.SlotsDrained{})
	}
}

// drainedLocked reports whether the books are closed and every slot has gone.
func (l *ledger) drainedLocked() bool { return l.closed && l.working == 0 }

// markFailed ends record i as failed, with the error that it has.
func (l *ledger) markFailed(i int32) {
	r := &l.batch.Results[i]
	l.states[i] = settled
	l.failed = min(l.failed, i)
	l.open--
	l.stopTimer(i)
	if l.batch.Failed != nil {
		l.batch.Failed(l.batch.Record(int(i), r.Attempts), r.Err)
	}
}

// failedBefore reports whether a record before record i has failed for good.
func (l *ledger) failedBefore(i int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.failed) < i
}

// isClosed reports whether the books are closed.
func (l *ledger) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// decided settles a failed attempt by a directive and returns its slot. It reports whether the actor has
// nothing left to do, so that the caller has to stop it.
func (l *ledger) decided(a *messages.Attempt, directive batch.Policy) (retired bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := a.Index
	if l.closed {
		return !l.batch.Ordered // the actors of groups are among those left
	}
	if l.states[i] == failing { // an abandoned record is settled and its slot free
		l.markFailed(i)
		l.free++
	}
	l.haltIfContextDone()
	switch directive {
	case batch.StopGroup:
		l.stopGroup(i)
	case batch.StopBatch:
		l.haltBatch(batch.ErrStopped)
	}
	retired = true
	if l.batch.Ordered {
		retired = !l.groups.list[l.groups.of[i]].hung && l.release(i) != nil
	}
	l.closeIfComplete()
	return retired
}

// stopGroup lets nothing more start in the record's group. Once the batch has been stopped that is the
// reason why nothing starts.
func (l *ledger) stopGroup(i int32) {
	if l.batch.Ordered && l.haltReason == 0 {
		l.groups.list[l.groups.of[i]].stopped = true
	}
}

// backOff puts a failed attempt's record into back-off, unless there will be no time or no wish for another
// attempt. At concurrency 1 the record keeps the slot.
func (l *ledger) backOff(a *messages.Attempt, pid *actor.PID, backoff time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := a.Index
	if !l.mayRetryLocked(backoff) || l.states[i] != failing {
		return false
	}
	l.states[i] = waiting
	if !l.batch.Ordered {
		if l.pids == nil {
			l.pids = make(map[int32]*actor.PID)
		}
		l.pids[i] = pid
	}
	if l.cfg.Concurrency > 1 {
		l.free++
	}
	timer := time.AfterFunc(backoff, func() { l.post(&messages.BackoffOver{Attempt: a}) })
	l.setTimer(i, timer.Stop)
	return true
}

// backoffOver puts the record of a failed attempt back into the queue.
func (l *ledger) backoffOver(a *messages.Attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.states[a.Index] != waiting {
		return
	}
	delete(l.timers, a.Index)
	l.states[a.Index] = due
	if l.cfg.Concurrency == 1 {
		l.free++
	}
	l.queue.push(a.Index)
}

// abandon gives up an attempt that has outlived the record timeout. Its slot is free, and its group goes
// no further, since of a group at most one record may run. It reports false if the attempt has ended.
func (l *ledger) abandon(a *messages.Attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := a.Index
	if l.closed || l.states[i] != running || l.batch.Results[i].Attempts != int(a.Number) {
		return false
	}
	why := error(batch.ErrRecordTimeout)
	if l.haltIfContextDone() {
		why = batch.Because(l.reason(), why)
	}
	l.stopGroup(i)
	l.markAbandoned(i, why)
	l.free++
	return true
}

// markAbandoned settles a record whose handler has not returned. The handler keeps its actor until it does, so
// its group stays busy.
func (l *ledger) markAbandoned(i int32, why error) {
	r := &l.batch.Results[i]
	r.Duration = time.Since(l.began) - r.Queued
	r.Err = batch.Because(batch.ErrAbandoned, why)
	l.markFailed(i)
	l.abandoned++
	l.process.abandoned.Add(1)
	if l.batch.Ordered {
		l.groups.list[l.groups.of[i]].hung = true
	}
}

// reason says why the handlers' context has ended.
func (l *ledger) reason() batch.Reason {
	if context.Cause(l.ctx) == batch.ErrDeadline || l.caller.Err() == context.DeadlineExceeded {
		return batch.ErrDeadline
	}
	return batch.ErrCancelled
}

// haltIfContextDone reports whether the handlers' context has ended, and if so lets nothing more start: this may come
// ahead of the cutoff's timer, when a handler ends with its context.
func (l *ledger) haltIfContextDone() bool {
	if l.ctx.Err() == nil {
		return false
	}
	l.haltBatch(l.reason())
	return true
}

// onCutoff is the cutoff: nothing more starts, and what waits for another attempt keeps its last error.
func (l *ledger) onCutoff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed && l.haltIfContextDone() {
		l.closeIfComplete()
	}
}

// haltBatch lets nothing more start in the batch, so that nobody asks for free slots any more.
func (l *ledger) haltBatch(why batch.Reason) {
	if l.haltReason != 0 {
		return
	}
	l.haltReason = why
	for i := range l.states {
		if l.states[i] == due || l.states[i] == waiting {
			l.markFailed(int32(i))
		}
	}
}

// closeIfComplete closes the books if nothing is at work and nothing can start.
func (l *ledger) closeIfComplete() {
	if !l.closed && l.open == 0 && (l.haltReason != 0 || l.queue.empty()) {
		l.closeLocked()
	}
}

// closeNow closes the books as they are: at the last call (SPEC D1), or if the supervisor should fail.
func (l *ledger) closeNow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	why := batch.ErrStopped
	if l.ctx.Err() != nil {
		why = l.reason()
	}
	l.haltBatch(why)
	for i, s := range l.states {
		switch s {
		case running:
			l.markAbandoned(int32(i), why)
		case failing:
			l.markFailed(int32(i))
		}
	}
	l.closeLocked()
}

// closeLocked gives every record that has none its outcome and lets the caller and the supervisor know.
func (l *ledger) closeLocked() {
	l.closed = true
	took := time.Since(l.began)
	for i, s := range l.states {
		if s != unstarted {
			continue
		}
		r := &l.batch.Results[i]
		r.Queued = took
		why := l.haltReason
		if l.batch.Ordered && (i >= len(l.groups.of) || l.groups.list[l.groups.of[i]].stopped) || why == 0 {
			why = batch.ErrGroupStopped
		}
		refused := r.Err // by Batch.Start
		r.Err = batch.Because(batch.ErrNotStarted, why)
		if l.passed != nil && l.haltReason == batch.ErrDeadline {
			r.Err = batch.Because(batch.ErrNotStarted, l.passed)
		}
		if refused != nil {
			r.Err = batch.Because(batch.ErrNotStarted, refused)
		}
		if l.batch.Failed != nil {
			l.batch.Failed(l.batch.Record(i, 0), r.Err)
		}
	}
	close(l.done)
	if l.supervisor == nil {
		return // it will look when it starts
	}
	// Without anything to clear away the SlotsDrained of the last slot is enough.
	if l.working == 0 || l.batch.Ordered || len(l.pids) > 0 {
		l.process.system.Root.Send(l.supervisor, &messages.BatchClosed{})
	}
}

// leftover are the actors that nobody works with any more once the books are closed: those in back-off, and
// those of groups that stopped short of their end.
func (l *ledger) leftover() []*actor.PID {
	l.mu.Lock()
	defer l.mu.Unlock()
	var pids []*actor.PID
	for _, pid := range l.pids {
		pids = append(pids, pid)
	}
	for i := range l.groups.list {
		if g := &l.groups.list[i]; !g.hung && g.pid != nil {
			pids = append(pids, g.pid)
		}
	}
	return pids
}

// drained reports whether the batch is over and every slot has gone.
func (l *ledger) drained() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.drainedLocked()
}
