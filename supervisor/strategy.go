package supervisor

import (
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/messages"
)

// The policies as supervision strategies. Each is a small value that answers a failure with one of
// protoactor's directives; what a directive does to a batch is the verdict's business.

// resume is P1, continue on failure.
type resume struct{}

func (resume) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	s.ResumeChildren(child)
}

// escalate is P2, stop on first failure: the failure is the whole batch's.
type escalate struct{}

func (escalate) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, _ *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	s.EscalateFailure(reason, message)
}

// stop is P3, stop the group: the failed actor ends, and the rest of its group with it.
type stop struct{}

func (stop) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	s.StopChildren(child)
}

// decide asks the user's decider (P5). A decider that panics, or answers with no directive, leaves the
// failure to the strategy of the batch's policy.
type decide struct {
	decider func(messages.Record, error) messages.Directive
	policy  actor.SupervisorStrategy
}

func (d decide) HandleFailure(system *actor.ActorSystem, s actor.Supervisor, child *actor.PID, rs *actor.RestartStatistics, reason, message any) {
	strategy := d.policy
	if a, ok := message.(*messages.Attempt); ok {
		if decided := strategyOf(d.ask(a)); decided != nil {
			strategy = decided
		}
	}
	strategy.HandleFailure(system, s, child, rs, reason, message)
}

func (d decide) ask(a *messages.Attempt) (directive messages.Directive) {
	rec, err := a.Record(), a.Batch.Results[a.Index].Err
	if failure := apart(func() { directive = d.decider(rec, err) }); failure != nil {
		a.Batch.Warn("troupe: the decider failed; the policy decides", "record", rec.ID, "error", failure)
		return 0
	}
	return directive
}

// apart calls f, which is the user's, so that nothing f does ends the supervisor's goroutine. It returns
// f's panic, or messages.ErrGoexit, as an error.
func apart(f func()) error {
	ended := make(chan error)
	go func() {
		failure := error(messages.ErrGoexit)
		defer func() {
			if v := recover(); v != nil {
				failure = &messages.PanicError{Value: v, Stack: debug.Stack()}
			}
			ended <- failure
		}()
		f()
		failure = nil
	}()
	return <-ended
}

// Retry says how often and when an attempt is made again (SPEC P6).
type Retry struct {
	Times     int
	Base, Max time.Duration // 0 for the defaults
	Panics    bool
	Backoff   func(attempt int) time.Duration
}

const (
	defaultBase = 100 * time.Millisecond
	defaultMax  = 5 * time.Second
)

// retry restarts the failed actor, so that the record is tried again, for as long as it may; after that the
// failure is the next strategy's. A nil child is an abandoned handler's, which is never restarted.
type retry struct {
	Retry
	next actor.SupervisorStrategy
}

// restarter is a supervisor that can wait before it restarts a child.
type restarter interface {
	RestartAfter(time.Duration) bool
}

func (r retry) HandleFailure(system *actor.ActorSystem, s actor.Supervisor, child *actor.PID, rs *actor.RestartStatistics, reason, message any) {
	a, ok := message.(*messages.Attempt)
	if ok && child != nil && r.wanted(a, reason) && s.(restarter).RestartAfter(r.backoff(int(a.Number))) {
		return
	}
	r.next.HandleFailure(system, s, child, rs, reason, message)
}

func (r retry) wanted(a *messages.Attempt, reason any) bool {
	if a.Final || int(a.Number) > r.Times {
		return false
	}
	_, panicked := reason.(*messages.PanicError)
	return r.Panics || !panicked
}

// backoff is the pause after the given attempt: exponential, and drawn from its upper half so that records
// that failed together do not come back together.
func (r retry) backoff(attempt int) time.Duration {
	if r.Backoff != nil {
		var pause time.Duration
		if apart(func() { pause = r.Backoff(attempt) }) == nil {
			return max(pause, 0)
		}
	}
	base, limit := r.Base, r.Max
	if base == 0 {
		base = defaultBase
	}
	if limit == 0 {
		limit = defaultMax
	}
	pause := min(base, limit)
	for ; attempt > 1 && pause < limit; attempt-- {
		pause = min(plus(pause, pause), limit)
	}
	return pause - rand.N(pause/2+1)
}

// strategyFor puts together the strategy of a batch.
func strategyFor(cfg *Config, policy messages.Directive) actor.SupervisorStrategy {
	strategy := strategyOf(policy)
	if cfg.Decide != nil {
		strategy = decide{cfg.Decide, strategy}
	}
	if cfg.Retry.Times > 0 {
		strategy = retry{cfg.Retry, strategy}
	}
	return strategy
}

func strategyOf(d messages.Directive) actor.SupervisorStrategy {
	switch d {
	case messages.Continue:
		return resume{}
	case messages.StopGroup:
		return stop{}
	case messages.StopBatch:
		return escalate{}
	default:
		return nil
	}
}
