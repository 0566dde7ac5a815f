package model

import (
	"slices"
	"time"
)

// Covered is how many records the state in the response to a batch of a window covers: all those before the
// first that is reported, from which Lambda starts again.
func (a Answer) Covered() int {
	if i := slices.IndexFunc(a.Results, Result.Failed); i >= 0 {
		return i
	}
	return len(a.Results)
}

// Close returns the outcome of the end of a window that arrived with b, after the records have ended as in a. The end
// is handled like a record of its own, in the remaining time, without b's options. ok is false if a record has failed:
// then the end is redelivered, and nothing happens now.
func Close(b Batch, a Answer, end Act) (answer Answer, ok bool) {
	if a.Count(0) > 0 {
		return answer, false
	}
	return Run(Batch{
		Records:     []Record{{Acts: []Act{end}}},
		Concurrency: 1,
		Directive:   func(int, Why) Directive { return Stop },
		Left:        left(b.Left, a),
		Cancel:      max(0, left(b.Cancel, a)),
	}, nil), true
}

// left is the time until an instant when the records are done.
func left(until time.Duration, a Answer) time.Duration {
	if until == Never {
		return Never
	}
	return until - a.End
}
