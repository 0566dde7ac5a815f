package troupe

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/serial"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/supervisor"
)

// callbacks calls what users register for a batch, observers and failure hooks, and writes the log line: one after
// the other on a goroutine of their own, which the invocation leaves behind when it cannot wait longer.
type callbacks struct {
	settings *settings
	ctx      context.Context
	queue    serial.Queue[task]
	used     atomic.Bool // there has been something to call
	left     atomic.Bool // the invocation did not wait for the end
}

func newCallbacks(s *settings, ctx context.Context) *callbacks {
	c := &callbacks{settings: s, ctx: ctx}
	c.queue.Call = c.run
	return c
}

// task is something to call, and what to call it in a log.
type task struct {
	what string
	call func()
}

// failed has the failure hooks called. It does not block.
func (c *callbacks) failed(rec batch.Record, err error) {
	for _, hook := range c.settings.hooks {
		c.do("failure hook", func() { hook(c.ctx, rec, err) })
	}
}

// failedOf has the failure hooks called for every failed record of a report.
func (c *callbacks) failedOf(report *batch.Report) {
	if len(c.settings.hooks) == 0 {
		return
	}
	for i, r := range report.Records {
		if r.Outcome == batch.Failed {
			c.failed(batch.Record{ID: r.ID, Group: r.Group, Source: report.Source, Index: i, Attempt: r.Attempts}, r.Err)
		}
	}
}

// warn writes a line to the log. It does not block.
func (c *callbacks) warn(text string, args ...any) {
	c.do("logger", func() { c.settings.log().Warn(text, args...) })
}

// cancelGrace is how long a cancelled invocation waits for observers and hooks, and one whose deadline had passed
// when it began.
const cancelGrace = 125 * time.Millisecond

// finish writes the log line and calls the observers, and waits for them and the hooks: until Times.Leave, if that
// is not zero, and not much longer than until the invocation is cancelled. If the deadline had passed when the
// invocation began, that they are not done in time is nothing to blame them for (SPEC D7).
func (c *callbacks) finish(report *batch.Report, in *supervisor.Invocation) {
	s := c.settings
	if report.Failed > 0 {
		c.do("logger", func() { warnOfFailures(s.log(), report) })
	}
	if report.Dropped > 0 {
		c.do("logger", func() { warnOfDropped(s.log(), report) })
	}
	for _, observe := range s.observers {
		c.do("observer", func() { observe(c.ctx, report) })
	}
	if !c.used.Load() {
		return
	}
	done := make(chan struct{})
	c.do("logger", func() { c.end(done) })

	var up <-chan time.Time
	leave := in.Times.Leave
	if in.Passed() {
		leave = time.Now().Add(cancelGrace)
	}
	if !leave.IsZero() {
		timer := time.NewTimer(time.Until(leave))
		defer timer.Stop()
		up = timer.C
	}
	select {
	case <-done:
		return
	case <-up:
	case <-c.ctx.Done():
		timer := time.NewTimer(cancelGrace)
		defer timer.Stop()
		select {
		case <-done:
			return
		case <-up:
		case <-timer.C:
		}
	}
	c.left.Store(!in.Passed())
}

// end comes after everything else.
func (c *callbacks) end(done chan<- struct{}) {
	close(done)
	if c.left.Load() {
		c.settings.log().Warn("troupe: observers or failure hooks outlived the invocation's deadline; the response did not wait for them")
	}
}

func (c *callbacks) do(what string, call func()) {
	c.used.Store(true)
	c.queue.Add(task{what, call})
}

// run makes a call, and logs if it does not return. The logger itself may be what fails.
func (c *callbacks) run(t task) {
	batch.Try(func() error { t.call(); return nil }, func(err error) {
		if err == nil {
			return
		}
		args := []any{"call", t.what, "error", err.Error()}
		if panicked, ok := err.(*batch.PanicError); ok && c.settings.firstOf(panicked.Stack) {
			args = append(args, "stack", string(panicked.Stack))
		}
		batch.Try(func() error {
			c.settings.log().Error("troupe: a call of the user's failed and was ignored", args...)
			return nil
		}, func(error) {})
	})
}

// firstOf reports whether it is the first panic with this stack that the processor logs: what panics does so in every
// batch, and its stack is kilobytes. Panics at the same place share the stack.
func (s *settings) firstOf(stack []byte) bool {
	if len(stack) == 0 {
		return false
	}
	_, again := s.stacks.LoadOrStore(&stack[0], struct{}{})
	return !again
}

// maxLogged bounds the identifiers in the log line.
const maxLogged = 10

// warnOfFailures writes the one line about a batch's failures. It holds identifiers and, of the first failure,
// the group as a hash and the error; never a payload (SPEC S9).
func warnOfFailures(logger *slog.Logger, report *batch.Report) {
	ids, first := firstOf(report, batch.Failed)
	attrs := []any{
		"source", string(report.Source),
		"records", len(report.Records),
		"failed", report.Failed,
		"not_started", report.NotStarted,
		"abandoned", report.Abandoned,
		"first_ids", ids,
		"first_error", response.Text(first.Err),
	}
	if first.Group != "" {
		attrs = append(attrs, "first_group_hash", batch.GroupHash(first.Group))
	}
	logger.Warn("troupe: records failed", attrs...)
}

// warnOfDropped writes the one line about the records that a batch dropped.
func warnOfDropped(logger *slog.Logger, report *batch.Report) {
	ids, first := firstOf(report, batch.Dropped)
	attrs := []any{
		"source", string(report.Source),
		"records", len(report.Records),
		"dropped", report.Dropped,
		"first_ids", ids,
		"first_error", response.Text(first.Err),
	}
	if report.DeadLettered > 0 {
		attrs = append(attrs, "dead_lettered", report.DeadLettered)
	}
	logger.Warn("troupe: records dropped", attrs...)
}

// firstOf returns the first records that ended in outcome, of which there has to be one: their identifiers,
// and the very first.
func firstOf(report *batch.Report, outcome batch.Outcome) (ids []string, first *batch.Result) {
	ids = make([]string, 0, maxLogged)
	for i := range report.Records {
		if report.Records[i].Outcome != outcome {
			continue
		}
		if first == nil {
			first = &report.Records[i]
		}
		if ids = append(ids, report.Records[i].ID); len(ids) == maxLogged {
			break
		}
	}
	return ids, first
}
