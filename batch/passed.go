package batch

import "time"

// DeadlinePassedError is why no record of a batch started whose deadline had passed when the batch arrived (SPEC D7).
// It matches ErrDeadline, and ErrNotStarted as the error of a record.
type DeadlinePassedError struct {
	// By is how long before the batch's arrival the deadline was.
	By time.Duration
}

// Error says by how much the deadline had passed, and what to check.
func (e *DeadlinePassedError) Error() string {
	by := e.By
	if by >= time.Millisecond {
		by = by.Round(time.Millisecond)
	}
	return "troupe: the invocation's deadline had passed " + by.String() + " before the batch arrived; check the clock of the machine, or the emulator that set the deadline"
}

// Unwrap returns ErrDeadline.
func (e *DeadlinePassedError) Unwrap() error { return ErrDeadline }
