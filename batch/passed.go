package batch

import "time"

// DeadlinePassedError is the error of a batch whose deadline had passed when it arrived, so that no record started
// (SPEC D7). It matches ErrDeadline, and as the error of a record also ErrNotStarted.
type DeadlinePassedError struct {
	// By is how long before the batch's arrival the deadline had passed.
	By time.Duration
}

// Error returns by how much the deadline had passed, and what to check.
func (e *DeadlinePassedError) Error() string {
	by := e.By
	if by >= time.Millisecond {
		by = by.Round(time.Millisecond)
	}
	return "troupe: the invocation's deadline had passed " + by.String() + " before the batch arrived; check the clock of the machine, or the emulator that set the deadline"
}

// Unwrap returns ErrDeadline.
func (e *DeadlinePassedError) Unwrap() error { return ErrDeadline }
