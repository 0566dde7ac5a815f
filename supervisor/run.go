package supervisor

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

// Config is what all batches of a processor have in common. The zero value of an optional field turns it
// off; nothing in it changes once a batch has been run.
type Config struct {
	// Concurrency bounds the handlers at work in one batch, from 1.
	Concurrency int
	// Reserve is how long before the deadline the cutoff is, at least MinReserve; 0 for the default (SPEC D1).
	Reserve time.Duration
	// LeastReserve is the least that Reserve, or the default, comes to, unless that is more than half of the time left
	// on arrival (SPEC V3); 0 for none.
	LeastReserve time.Duration
	// RecordTimeout bounds an attempt; 0 for no bound (SPEC D4).
	RecordTimeout time.Duration
	// Retry is the in-place retry; its zero value is none (SPEC P6).
	Retry batch.Retry
	// Decide, if not nil, takes the place of the batch's policy; a result that is no directive leaves it to
	// the policy.
	Decide func(batch.Record, error) batch.Policy
	// Actors are further properties of record and group actors, for tests that watch them.
	Actors []actor.PropsOption
}

// What the default reserve is, what follows from a reserve, and the least there is of each (SPEC D1, D4, D5).
// Timers are late by a millisecond or more, and a response takes a moment to leave: without the floors a handler
// that hangs would make the response of a short invocation late.
const (
	maxDefaultReserve = 500 * time.Millisecond
	defaultShare      = 5 // of the time left on arrival
	lastCallShare     = 4 // of the reserve

	// MinReserve is the least time from the cutoff to the deadline.
	MinReserve  = 10 * time.Millisecond
	minLastCall = 5 * time.Millisecond  // from the last call to the deadline
	minToStart  = 20 * time.Millisecond // left on arrival; with less nothing starts

	timeoutGrace = 100 * time.Millisecond
	cancelGrace  = 500 * time.Millisecond
)

var (
	errNotBegun = errors.New("not begun")
	// errTooLate is the failure of an attempt whose record timeout passed before its handler was called.
	errTooLate = errors.New("troupe: no CPU was free to call the handler in that time")
	// errNoActor is the failure of a record that its actor did not take. No handler can bring that about.
	errNoActor = errors.New("troupe: the record's actor has died")
)

// Invocation is the time that a batch has: its instants, the caller's context, and the handlers' context, which
// ends at the cutoff. Everything that runs for a batch obeys it, from the group function to the end of a window.
type Invocation struct {
	// Times are the instants of the batch; zero without a deadline.
	Times batch.Times

	caller   context.Context // the invocation's
	handlers context.Context // ends at the cutoff
	cancel   context.CancelFunc
	began    time.Time
	cut      []any                      // what to log if the reserve was cut
	passed   *batch.DeadlinePassedError // nil unless the deadline had passed on arrival
}

// Begin starts the clock of an invocation. The caller must call End when the batch is over.
func Begin(ctx context.Context, cfg *Config) *Invocation {
	in := &Invocation{caller: ctx, began: time.Now()}
	if deadline, ok := ctx.Deadline(); ok {
		in.Times, in.cut = timesOf(deadline, cfg, in.began)
	}
	in.start()
	return in
}

// Within brings the deadline forward to limit after the invocation began, if it is later or there is none. It is called
// before anything has been started or has been given the handlers' context.
func (in *Invocation) Within(cfg *Config, limit time.Duration) {
	deadline := in.began.Add(limit)
	if d := in.Times.Deadline; !d.IsZero() && !d.After(deadline) {
		return
	}
	in.cancel()
	in.Times, in.cut = timesOf(deadline, cfg, in.began)
	in.start()
}

// start makes the handlers' context for the timetable.
func (in *Invocation) start() {
	if deadline := in.Times.Deadline; !deadline.IsZero() && !in.began.Before(deadline) {
		in.passed = &batch.DeadlinePassedError{By: in.began.Sub(deadline)}
	}
	if in.Times.Cutoff.IsZero() {
		in.handlers, in.cancel = context.WithCancel(in.caller)
	} else {
		in.handlers, in.cancel = context.WithDeadlineCause(in.caller, in.Times.Cutoff, batch.ErrDeadline)
	}
}

// Handlers returns the context that ends at the cutoff, or when the invocation is cancelled or ends.
func (in *Invocation) Handlers() context.Context { return in.handlers }

// Passed reports whether the deadline had passed when the batch arrived. Nothing starts then (SPEC D7).
func (in *Invocation) Passed() bool { return in.passed != nil }

// FirstHalf returns an invocation for what comes first of two things: its cutoff is at half of the time to the cutoff
// of in, and its last call follows as in does it, within a quarter of the time that is left then. Deadline and Leave
// stay the same. The caller must call its End.
func (in *Invocation) FirstHalf() *Invocation {
	half := *in
	in.cut = nil // half logs it
	if in.handlers.Err() != nil || in.Times.Cutoff.IsZero() {
		half.handlers, half.cancel = context.WithCancel(in.handlers)
		return &half
	}
	left := in.Times.Cutoff.Sub(in.began) / 2
	half.Times.Cutoff = in.Times.Cutoff.Add(-left)
	half.Times.LastCall = half.Times.Cutoff.Add(min(in.Times.LastCall.Sub(in.Times.Cutoff), left/4))
	half.handlers, half.cancel = context.WithDeadlineCause(in.handlers, half.Times.Cutoff, batch.ErrDeadline)
	return &half
}

// End ends the handlers' context.
func (in *Invocation) End() { in.cancel() }

// Run handles a batch and returns its report when every record has its outcome, at the last call at the latest.
//
// It is safe for concurrent use with different batches. Handlers that were abandoned go on after it has
// returned, but can change nothing.
func (in *Invocation) Run(cfg *Config, b *messages.Batch) *batch.Report {
	if len(b.Results) == 0 {
		return &batch.Report{Source: b.Source, Records: b.Results, Running: stillRunning()}
	}
	b.Times = in.Times
	if in.cut != nil {
		b.Warn("troupe: the reserve is more than half of the time left and was cut", in.cut...)
	}
	l := newLedger(in, cfg, b, theProcess())
	if in.handlers.Err() != nil {
		l.closeNow() // too late for anything
	} else {
		defer context.AfterFunc(in.handlers, l.onCutoff)()
		spawn(l)
		l.wait(in.Times.LastCall)
	}
	return l.report()
}

// timesOf makes the timetable of a batch that has arrived now. cut says by how much the reserve was cut, if it was.
func timesOf(deadline time.Time, cfg *Config, now time.Time) (t batch.Times, cut []any) {
	left := deadline.Sub(now)
	reserve := cfg.Reserve
	if reserve == 0 {
		reserve = min(maxDefaultReserve, left/defaultShare)
	}
	reserve = max(reserve, cfg.LeastReserve)
	switch {
	case left < minToStart:
		reserve = left // the cutoff is now, or has been
	case reserve > left/2:
		cut = []any{"reserve", reserve, "time_left", left, "cut_to", left / 2}
		reserve = left / 2
	}
	if left >= minToStart {
		reserve = max(reserve, MinReserve)
	}
	lastCall := max(reserve/lastCallShare, minLastCall)
	return batch.Times{
		Cutoff:   deadline.Add(-reserve),
		LastCall: deadline.Add(-lastCall),
		Leave:    deadline.Add(-lastCall / 2),
		Deadline: deadline,
	}, cut
}

// plus is a + b, or the longest duration if that is less: durations are the user's.
func plus(a, b time.Duration) time.Duration {
	if sum := a + b; sum >= a {
		return sum
	}
	return math.MaxInt64
}

// wait returns when the books are closed, and closes them at the last call, if that is not zero. A
// cancelled context brings the last call forward.
func (l *ledger) wait(lastCall time.Time) {
	var up <-chan time.Time
	if !lastCall.IsZero() {
		timer := time.NewTimer(time.Until(lastCall))
		defer timer.Stop()
		up = timer.C
	}
	cancelled := l.caller.Done()
	for {
		select {
		case <-l.done:
			return
		case <-up:
			l.closeNow()
			return
		case <-cancelled:
			cancelled = nil
			soon := time.Now().Add(cancelGrace)
			if lastCall.IsZero() || soon.Before(lastCall) {
				timer := time.NewTimer(cancelGrace)
				defer timer.Stop()
				up = timer.C
			}
		}
	}
}

// report tells how the batch went. The books are closed.
func (l *ledger) report() *batch.Report {
	r := &batch.Report{
		Source:    l.batch.Source,
		Records:   l.batch.Results,
		Retried:   l.retried,
		Abandoned: l.abandoned,
		Running:   stillRunning(),
		Duration:  time.Since(l.began),
	}
	r.Count()
	return r
}
