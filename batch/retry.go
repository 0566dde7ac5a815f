package batch

import "time"

// Retry configures how often and after which back-off a failed record is retried within the same invocation
// (SPEC P6). Each attempt receives its own record, decoded anew, except with Process, where each receives the
// event's record.
type Retry struct {
	// Times is how many more attempts a record gets after the first. At least 1.
	Times int
	// Base is the back-off before the second attempt; it doubles with each further one. Default 100 ms.
	Base time.Duration
	// Max bounds the back-off. Default 5 s.
	Max time.Duration
	// Panics retries attempts that panicked, too. Default: a panic is final.
	Panics bool
	// Backoff, if not nil, returns the back-off before the next attempt in place of Base and Max; attempt is
	// the number of the failed one, from 1. A negative result counts as 0; if Backoff panics, Base and Max
	// apply. Without it the back-off is uniform in the upper half of what Base and Max allow. It is called by
	// several goroutines at once, and the record keeps its slot while it runs.
	Backoff func(attempt int) time.Duration
}
