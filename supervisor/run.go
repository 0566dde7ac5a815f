package supervisor

import (
	"time"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

// Run handles a batch and returns its report when every record has its outcome, at the last call at the latest.
//
// It is safe for concurrent use with different batches. Abandoned handlers continue after it has returned, but change
// nothing.
func (in *Invocation) Run(cfg *Config, b *messages.Batch) *batch.Report {
	if len(b.Results) == 0 {
		return &batch.Report{Source: b.Source, Records: b.Results, Running: stillRunning()}
	}
	b.Times = in.Times
	if in.cutLog != nil {
		b.Warn("troupe: the reserve is more than half of the time left and was cut", in.cutLog...)
	}
	l := newLedger(in, cfg, b, theProcess())
	if in.handlersCtx.Err() != nil {
		l.closeNow() // too late for anything
	} else {
		spawn(l)
		l.waitUntilClosed(in.Times.LastCall)
	}
	return l.report()
}

// waitUntilClosed blocks until the batch is closed. When the handlers' context ends, it lets nothing more start. It
// closes the batch at the last call, if that is not zero; if the context is cancelled, the last call is no later than
// cancelGrace after that.
func (l *ledger) waitUntilClosed(lastCall time.Time) {
	var lastCallDue <-chan time.Time
	if !lastCall.IsZero() {
		timer := time.NewTimer(time.Until(lastCall))
		defer timer.Stop()
		lastCallDue = timer.C
	}
	ended, cancelled := l.in.handlersCtx.Done(), l.in.callerCtx.Done()
	for {
		select {
		case <-l.done:
			return
		case <-ended:
			ended = nil
			l.onContextDone()
		case <-lastCallDue:
			l.closeNow()
			return
		case <-cancelled:
			cancelled = nil
			soon := time.Now().Add(cancelGrace)
			if lastCall.IsZero() || soon.Before(lastCall) {
				timer := time.NewTimer(cancelGrace)
				defer timer.Stop()
				lastCallDue = timer.C
			}
		}
	}
}
