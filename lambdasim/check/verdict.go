package check

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is the kind of a violation.
type Kind string

// The kinds of violations.
const (
	Lost         Kind = "lost"          // a record was let go of without a success, or is not accounted for
	Overlapped   Kind = "overlapped"    // two handlers of a group ran at once
	Disordered   Kind = "disordered"    // a record of a group overtook an earlier one
	BadResponse  Kind = "bad response"  // Lambda takes the response as something else than was meant, or all of it as failed
	Late         Kind = "late"          // an invocation was not answered before its deadline
	NeverBeside  Kind = "never beside"  // no two groups were ever handled at the same time
	Stray        Kind = "stray"         // a handler ran outside an invocation, or on a record that was not in the batch
	Redone       Kind = "redone"        // work was done more often than crashes and lost leases explain
	Undone       Kind = "undone"        // a record succeeded although its work was never done
	Unobserved   Kind = "unobserved"    // records were let go of and no handler was ever seen
	Incoherent   Kind = "incoherent"    // the history contradicts itself
	Incomplete   Kind = "incomplete"    // the history leaves out its beginning, its end, or what became of something
	Repeated     Kind = "repeated"      // a record was handled again in the same delivery after a success, or too often
	Garbled      Kind = "garbled"       // a handler was given another payload than the record has, or shows none
	OverReported Kind = "over-reported" // a record was reported, or a function error returned, without a failure to justify it
)

// Violation is a rule that was broken.
type Violation struct {
	Kind Kind
	// At is when it showed, since the run began.
	At time.Duration
	// Record, Group and Invocation are what it is about; zero if it is not about one.
	Record     string
	Group      string
	Invocation int
	// Text says in words what happened.
	Text string
}

// String returns the kind and the words.
func (v Violation) String() string { return string(v.Kind) + ": " + v.Text }

// Totals count what happened in a run.
type Totals struct {
	Sent       int // records that the source accepted
	Duplicated int // deliveries that the source added
	Received   int // records in batches, every delivery counted
	// Redelivered counts the records in batches that had been delivered before.
	Redelivered int
	Invocations int
	Handled     int // handlers started
	Retried     int // of these, attempts in place after the first one
	Succeeded   int // records with at least one success

	// Keys are those of work that was done, Effects how often work was done, and Excused how often it may have been
	// done again: after a crash, a lost lease, a completion that was not recorded, or an expiry.
	Keys, Effects, Excused int

	Deleted      int
	Checkpointed int
	DeadLettered int // by the queue
	Forwarded    int // records that the function has dead-lettered by itself
	Discarded    int
	Expired      int
	Filtered     int
	Dropped      int
	Remaining    int // records not accounted for when the history ended

	FunctionErrors int
	Crashes        int
	TimedOut       int

	// Concurrent and ConcurrentGroups are the most handlers, and the most groups with a handler, at once.
	Concurrent       int
	ConcurrentGroups int
	// Elapsed is the time of the last event.
	Elapsed time.Duration
}

// Verdict is what a checker thinks of a run.
type Verdict struct {
	// Violations are the first ones found of each kind, in the order they were found; Count is how many
	// there were, and Kinds how many of each kind.
	Violations []Violation
	Count      int
	Kinds      map[Kind]int
	// Drained tells whether the run went on until the source was empty.
	Drained bool
	Totals  Totals
}

// OK reports whether no rule was broken.
func (v Verdict) OK() bool { return v.Count == 0 }

// Err returns nil if no rule was broken, and an error with the verdict's text otherwise.
func (v Verdict) Err() error {
	if v.OK() {
		return nil
	}
	return errors.New(v.String())
}

// String returns a line of totals, and the violations in words.
func (v Verdict) String() string {
	var text strings.Builder
	t := v.Totals
	if v.OK() {
		text.WriteString("pass: ")
	} else {
		fmt.Fprintf(&text, "FAIL, %d violations: ", v.Count)
	}
	fmt.Fprintf(&text, "%d records, %d invocations, %d handled, %d redelivered, %d dead-lettered, %d discarded, %d expired, %d left, %v",
		t.Sent, t.Invocations, t.Handled, t.Redelivered, t.DeadLettered, t.Discarded, t.Expired, t.Remaining, t.Elapsed.Round(time.Millisecond))
	if t.Forwarded > 0 {
		fmt.Fprintf(&text, ", %d dead-lettered by the function", t.Forwarded)
	}
	for _, violation := range v.Violations {
		fmt.Fprintf(&text, "\n  %v", violation)
	}
	if more := v.Count - len(v.Violations); more > 0 {
		fmt.Fprintf(&text, "\n  and %d more", more)
	}
	return text.String()
}
