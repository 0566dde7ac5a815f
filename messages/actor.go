package messages

import "time"

// Message is a message to one of troupe's actors. The set is closed and defined in this file. Failures and terminations
// are system messages of protoactor-go.
type Message interface{ message() }

// AttemptFailed is the reason of an actor's failure, which its supervisor receives in protoactor's
// Failure.
type AttemptFailed struct {
	Attempt *Attempt
	Err     error // that it ended with
	// Final: no attempt at the record may follow. Otherwise one follows after Backoff, if the strategy restarts the
	// actor.
	Final   bool
	Backoff time.Duration
}

// Expired informs the supervisor that an attempt has used up the record timeout and its grace.
type Expired struct{ Attempt *Attempt }

// BackoffOver informs the supervisor that the record of a failed attempt may be tried again.
type BackoffOver struct{ Attempt *Attempt }

// BatchClosed informs the supervisor that every record has its outcome.
type BatchClosed struct{}

// SlotsDrained informs the supervisor of a closed batch that the last handler has ended, abandoned ones included.
type SlotsDrained struct{}

func (*Attempt) message()       {} // to a record or group actor: call the handler with this record
func (*AttemptFailed) message() {}
func (*Expired) message()       {}
func (*BackoffOver) message()   {}
func (*BatchClosed) message()   {}
func (*SlotsDrained) message()  {}
