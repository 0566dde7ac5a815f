package supervisor

import (
	"math"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/batch"
)

// Config holds the settings that all batches of a processor share. The zero value of an optional field turns it off. A
// Config does not change once a batch has run.
type Config struct {
	// Concurrency bounds the handlers that run at once in one batch, from 1.
	Concurrency int
	// Reserve is the time from the cutoff to the deadline, at least MinReserve; 0 means the default (SPEC D1).
	Reserve time.Duration
	// LeastReserve is a lower bound for Reserve and its default, up to half of the time left on arrival (SPEC V3); 0
	// means none.
	LeastReserve time.Duration
	// RecordTimeout bounds an attempt; one that exceeds it is the last. 0 means no bound (SPEC D4).
	RecordTimeout time.Duration
	// Retry configures retries in place; its zero value means none (SPEC P6).
	Retry batch.Retry
	// Decide, if not nil, replaces the policy of the batch; a result that is not a directive leaves the decision to the
	// policy.
	Decide func(batch.Record, error) batch.Policy
	// Actors are further properties of record and group actors, for tests that observe them.
	Actors []actor.PropsOption
}

// The default reserve, the times derived from a reserve, and their minimums (SPEC D1, D4, D5). Timers are late by a
// millisecond or more, and a response takes a moment to be returned: without the minimums a handler that hangs would
// make the response of a short invocation late.
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

// timesOf returns the timetable of a batch that arrives now. cut has the fields of the log line if the reserve was cut.
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

// plus returns a + b, or the longest duration if that is less: the durations come from the user.
func plus(a, b time.Duration) time.Duration {
	if sum := a + b; sum >= a {
		return sum
	}
	return math.MaxInt64
}
