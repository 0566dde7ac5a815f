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
	Lost         Kind = "lost"          // a record was released without a success, or is not accounted for
	Overlapped   Kind = "overlapped"    // two handlers of a group ran at once
	Disordered   Kind = "disordered"    // a record of a group overtook an earlier one
	BadResponse  Kind = "bad response"  // Lambda interprets the response differently, or as a failure of the whole batch
	Late         Kind = "late"          // an invocation had no response before its deadline
	NeverBeside  Kind = "never beside"  // no two groups were ever handled at the same time
	Stray        Kind = "stray"         // a handler ran outside an invocation, or on a record that was not in the batch
	Redone       Kind = "redone"        // work was done more often than crashes and lost leases explain
	Undone       Kind = "undone"        // a record succeeded although its work was never done
	Unobserved   Kind = "unobserved"    // records were released and no handler was ever recorded
	Incoherent   Kind = "incoherent"    // the history contradicts itself
	Incomplete   Kind = "incomplete"    // the history lacks its beginning, its end, or the end of something
	Repeated     Kind = "repeated"      // a record was handled again in the same delivery after a success, or too often
	Garbled      Kind = "garbled"       // a handler received a payload other than the record's, or provides none
	OverReported Kind = "over-reported" // a record was reported, or a function error returned, without a failure to justify it
)

// Violation is a rule that was broken.
type Violation struct {
	Kind Kind
	// At is the time at which it was found, since the beginning of the run.
	At time.Duration
	// Record, Group and Invocation are its subject; zero if it has none.
	Record     string
	Group      string
	Invocation int
	// Text describes it.
	Text string
}

// String returns the kind and the text.
func (v Violation) String() string { return string(v.Kind) + ": " + v.Text }

// Totals counts the events of a run.
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

	// Keys is the number of keys of work, Effects the number of times that work was done, and Excused the number of
	// times that it may have been repeated: after a crash, a lost lease, a completion that was not recorded, or an
	// expiry.
	Keys, Effects, Excused int

	Deleted      int
	Checkpointed int
	DeadLettered int // by the queue
	Forwarded    int // records that the function dead-lettered itself
	Discarded    int
	Expired      int
	Filtered     int
	Dropped      int
	Remaining    int // records not accounted for when the history ended

	FunctionErrors int
	Crashes        int
	TimedOut       int

	// Concurrent and ConcurrentGroups are the maximum numbers of running handlers, and of groups with one, at the same
	// time.
	Concurrent       int
	ConcurrentGroups int
	// Elapsed is the time of the last event.
	Elapsed time.Duration
}

// Verdict is the result of a checker.
type Verdict struct {
	// Violations are the first ones of each kind, in the order in which they were found; Count is the total, and Kinds
	// the total per kind.
	Violations []Violation
	Count      int
	Kinds      map[Kind]int
	// Drained reports whether the run continued until the source was empty.
	Drained bool
	Totals  Totals
}

// OK reports whether no rule was broken.
func (v Verdict) OK() bool { return v.Count == 0 }

// Err returns nil if no rule was broken, and otherwise an error with the text of the verdict.
func (v Verdict) Err() error {
	if v.OK() {
		return nil
	}
	return errors.New(v.String())
}

// String returns a line of totals, and the text of the violations.
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
