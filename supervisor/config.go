package supervisor

import (
	"math"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/batch"
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
