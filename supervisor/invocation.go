package supervisor

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/batch"
)

// Invocation is the timetable of a batch, with the caller's context and the handlers' context, which ends at the
// cutoff. Everything that runs for a batch obeys it, from the group function to the end of a window.
type Invocation struct {
	// Times are the instants of the batch; zero without a deadline.
	Times batch.Times

	callerCtx   context.Context // the invocation's
	handlersCtx context.Context // ends at the cutoff
	cancel      context.CancelFunc
	began       time.Time
	cutLog      []any                      // for the log, if the reserve was cut
	passed      *batch.DeadlinePassedError // nil unless the deadline had passed on arrival
}

// Begin starts the clock of an invocation. The caller must call End when the batch is over.
func Begin(ctx context.Context, cfg *Config) *Invocation {
	in := &Invocation{callerCtx: ctx, began: time.Now()}
	if deadline, ok := ctx.Deadline(); ok {
		in.Times, in.cutLog = timesOf(deadline, cfg, in.began)
	}
	in.start()
	return in
}

// Within moves the deadline forward to limit after the begin of the invocation, if it is later or there is none. It
// must be called before anything has started or received the handlers' context.
func (in *Invocation) Within(cfg *Config, limit time.Duration) {
	deadline := in.began.Add(limit)
	if d := in.Times.Deadline; !d.IsZero() && !d.After(deadline) {
		return
	}
	in.cancel()
	in.Times, in.cutLog = timesOf(deadline, cfg, in.began)
	in.start()
}

// start creates the handlers' context for the timetable.
func (in *Invocation) start() {
	if deadline := in.Times.Deadline; !deadline.IsZero() && !in.began.Before(deadline) {
		in.passed = &batch.DeadlinePassedError{By: in.began.Sub(deadline)}
	}
	if in.Times.Cutoff.IsZero() {
		in.handlersCtx, in.cancel = context.WithCancel(in.callerCtx)
	} else {
		in.handlersCtx, in.cancel = context.WithDeadlineCause(in.callerCtx, in.Times.Cutoff, batch.ErrDeadline)
	}
}

// Handlers returns the context that ends at the cutoff, or when the invocation is cancelled or ends.
func (in *Invocation) Handlers() context.Context { return in.handlersCtx }

// Passed reports whether the deadline had passed when the batch arrived. Nothing starts then (SPEC D7).
func (in *Invocation) Passed() bool { return in.passed != nil }

// FirstHalf returns an invocation for the first of two steps: its cutoff is at half of the time to the cutoff of in.
// Its last call follows after the same time as that of in, but within a quarter of the time that is left then. Deadline
// and Leave stay the same. The caller must call its End.
func (in *Invocation) FirstHalf() *Invocation {
	half := *in
	in.cutLog = nil // half logs it
	if in.handlersCtx.Err() != nil || in.Times.Cutoff.IsZero() {
		half.handlersCtx, half.cancel = context.WithCancel(in.handlersCtx)
		return &half
	}
	left := in.Times.Cutoff.Sub(in.began) / 2
	half.Times.Cutoff = in.Times.Cutoff.Add(-left)
	half.Times.LastCall = half.Times.Cutoff.Add(min(in.Times.LastCall.Sub(in.Times.Cutoff), left/4))
	half.handlersCtx, half.cancel = context.WithDeadlineCause(in.handlersCtx, half.Times.Cutoff, batch.ErrDeadline)
	return &half
}

// End ends the handlers' context.
func (in *Invocation) End() { in.cancel() }
