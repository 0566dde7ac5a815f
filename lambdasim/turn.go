package lambdasim

import "time"

// turn is the common part of lanes and consumers: one invocation at a time, and none before a given time.
type turn struct {
	busy    bool
	retryAt time.Time // no invocation before it
	timer   *timer    // wakes the engine at the end of a wait
}

// comeBack makes the engine take a turn at an instant.
func (t *turn) comeBack(e *engine, at time.Time) {
	if t.timer != nil && t.timer.index >= 0 && t.timer.at.Equal(at) {
		return
	}
	e.cancel(t.timer)
	t.timer = e.at(at, func() {})
}

// rounds advances all lanes or consumers until that accounts for no more records.
func rounds(take func() error, live func() int, advance func()) error {
	for {
		if err := take(); err != nil {
			return err
		}
		before := live()
		advance()
		if live() == before {
			return nil
		}
	}
}

// segment is a batch that has failed, or a part of one.
type segment struct {
	size     int
	failures int  // count against MaximumRetryAttempts
	invokes  int  // invocations with its records
	erred    bool // the last of them ended with a function error
}

// charge counts a failure of the rest of a batch: size records, after a partial response removed the given number of
// them. It reports whether they must be halved.
func (s *segment) charge(e *engine, size, moved int, whole bool) (halve bool) {
	bisect := e.sim.Mapping.BisectBatchOnFunctionError
	halve = bisect && whole && size > 1 && (s.erred || !e.sim.Unknown.KeepOnBadResponse)
	if e.sim.Pipe != nil && !whole {
		halve = bisect && size > 1 && !e.sim.Unknown.KeepReported
	}
	split := bisect && moved > 0 && !e.sim.Unknown.ChargeSplits
	switch {
	case moved > 0 && e.sim.Unknown.RestartRetries:
		s.failures, s.invokes = 0, 0
	case halve || split:
	default:
		s.failures++
	}
	return halve
}

func (s *segment) delay(e *engine) time.Duration { return e.retryDelay(max(s.invokes, 1)) }

// retryDelay is never 0, so that an endless retry does not happen at one instant.
func (e *engine) retryDelay(failures int) time.Duration {
	return max(e.sim.Unknown.RetryDelay(failures), time.Microsecond)
}
