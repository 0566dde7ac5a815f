package messages

import "time"

// Message is what troupe's actors are sent. The set is closed: all of it is in this file. Failures and
// terminations travel as protoactor's own system messages.
type Message interface{ message() }

// AttemptFailed is what an actor fails with, and what its supervisor receives in protoactor's Failure.
type AttemptFailed struct {
	Attempt *Attempt
	// Final: no attempt at the record may follow. Otherwise one follows after Backoff, if the strategy restarts the
	// actor.
	Final   bool
	Backoff time.Duration
}

// Expired tells the supervisor that an attempt has used up the record timeout and its grace.
type Expired struct{ Attempt *Attempt }

// BackoffOver tells the supervisor that the record of a failed attempt may be tried again.
type BackoffOver struct{ Attempt *Attempt }

// BatchClosed tells the supervisor that every record has its outcome.
type BatchClosed struct{}

// SlotsDrained tells the supervisor of a closed batch that the last handler, abandoned ones included, has ended.
type SlotsDrained struct{}

func (*Attempt) message()       {} // to a record or group actor: hand this record to the handler
func (*AttemptFailed) message() {}
func (*Expired) message()       {}
func (*BackoffOver) message()   {}
func (*BatchClosed) message()   {}
func (*SlotsDrained) message()  {}
