package supervisor

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/messages"
)

// job is an attempt that the ledger gives to a slot.
type job struct {
	attempt *messages.Attempt // nil: there is nothing to do
	actor   *actor.PID        // makes the attempt; nil: not spawned yet
	// startSlot: another slot has been reserved and starts when the handler is called.
	startSlot bool
}

// handoff is the exchange between a slot and the ledger about one attempt: the job and its result. It belongs to the
// goroutine of the slot; the ledger accesses it only in calls from there.
type handoff struct {
	job job

	// Set before the attempt ends.
	err     error         // why it has failed or its record is dropped; nil if it has succeeded
	refused error         // of Batch.Start
	final   bool          // no attempt may follow
	drop    bool          // the record is dropped
	backoff time.Duration // if not final: the pause before the next attempt

	// Set by the ledger when the attempt has ended.
	ended     ended
	next      job  // what the slot continues with
	accounted bool // next is decided, even if it is nothing, and the record is no longer open
}

// ended is how an attempt ended.
type ended uint8

const (
	notBegun ended = iota // the handler was not called: the context had ended, Batch.Start refused, or the actor has died
	done                  // the record is handled, or dropped
	broken                // the attempt has failed, and the supervisor decides
	late                  // the record was abandoned before the handler ended
)
