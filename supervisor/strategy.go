package supervisor

import (
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

// The policies as supervision strategies. Each is a small value that answers a failure with a directive of
// protoactor-go; the verdict applies the directive to the batch.

// continuePolicy is P1, continue on failure.
type continuePolicy struct{}

func (continuePolicy) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	s.ResumeChildren(child)
}

// stopBatchPolicy is P2, stop on first failure: the failure is that of the whole batch.
type stopBatchPolicy struct{}

func (stopBatchPolicy) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, _ *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	s.EscalateFailure(reason, message)
}

// stopGroupPolicy is P3, stop the group: the failed actor ends, and the rest of its group with it.
type stopGroupPolicy struct{}

func (stopGroupPolicy) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	s.StopChildren(child)
}

// deciderPolicy calls the user's decider (P5). If it panics or returns no directive, the strategy of the batch's policy
// decides.
type deciderPolicy struct {
	decider func(batch.Record, error) batch.Policy
	policy  actor.SupervisorStrategy
}

func (d deciderPolicy) HandleFailure(system *actor.ActorSystem, s actor.Supervisor, child *actor.PID, rs *actor.RestartStatistics, reason, message any) {
	strategy := d.policy
	if failure, ok := message.(*messages.AttemptFailed); ok {
		if decided := strategyOf(d.ask(failure.Attempt)); decided != nil {
			strategy = decided
		}
	}
	strategy.HandleFailure(system, s, child, rs, reason, message)
}

func (d deciderPolicy) ask(a *messages.Attempt) (directive batch.Policy) {
	rec, err := a.Record(), a.Batch.Results[a.Index].Err
	if failure := runIsolated(func() { directive = d.decider(rec, err) }); failure != nil {
		a.Batch.Warn("troupe: the decider failed; the policy decides", "record", rec.ID, "error", failure)
		return batch.Derive
	}
	return directive
}

// runIsolated calls f, which is user code, on a goroutine of its own, so that nothing in f can end the caller's
// goroutine. It returns a panic of f, or batch.ErrGoexit, as an error.
func runIsolated(f func()) error {
	return batch.TryWithin(nil, func() error { f(); return nil })
}

const (
	defaultBase = 100 * time.Millisecond
	defaultMax  = 5 * time.Second
)

// retryPolicy restarts the failed actor, so that the record is tried again, unless the attempt was its last; then the
// failure is the next strategy's. A nil child is an abandoned handler's, which is never restarted.
type retryPolicy struct{ next actor.SupervisorStrategy }

// retrier is a supervisor that can wait before it restarts a child for another attempt.
type retrier interface {
	RetryAfter(backoff time.Duration) bool
}

func (r retryPolicy) HandleFailure(system *actor.ActorSystem, s actor.Supervisor, child *actor.PID, rs *actor.RestartStatistics, reason, message any) {
	failure, ok := message.(*messages.AttemptFailed)
	if ok && child != nil && !failure.Final && s.(retrier).RetryAfter(failure.Backoff) {
		return
	}
	r.next.HandleFailure(system, s, child, rs, reason, message)
}

// wanted reports whether a failed attempt is to be followed by another.
func wanted(r batch.Retry, a *messages.Attempt, err error) bool {
	if int(a.Number) > r.Times {
		return false
	}
	_, panicked := err.(*batch.PanicError)
	return r.Panics || !panicked
}

// backoffOf is the pause after the given attempt: exponential, and drawn from its upper half so that records
// that failed together are not retried together.
func backoffOf(r batch.Retry, attempt int) time.Duration {
	if r.Backoff != nil {
		var pause time.Duration
		if runIsolated(func() { pause = r.Backoff(attempt) }) == nil {
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
func strategyFor(cfg *Config, policy batch.Policy) actor.SupervisorStrategy {
	strategy := strategyOf(policy)
	if cfg.Decide != nil {
		strategy = deciderPolicy{cfg.Decide, strategy}
	}
	if cfg.Retry.Times > 0 {
		strategy = retryPolicy{strategy}
	}
	return strategy
}

func strategyOf(d batch.Policy) actor.SupervisorStrategy {
	switch d {
	case batch.Continue:
		return continuePolicy{}
	case batch.StopGroup:
		return stopGroupPolicy{}
	case batch.StopBatch:
		return stopBatchPolicy{}
	default:
		return nil
	}
}
