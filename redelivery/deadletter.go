package redelivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/idempotency"
)

// Sender sends dead letters. It must be safe for concurrent use.
type Sender interface {
	// Send sends a letter to the dead-letter queue. It returns nil only if the queue has accepted the letter, and
	// returns soon after ctx ends. The same letter may be sent again.
	Send(ctx context.Context, letter Letter) error
}

// DeadLetter returns an option that sends a record to a dead-letter queue at the end of its last attempt and drops it
// from the batch (SPEC V2): a record that failed with an error marked by troupe.Permanent, a record that cannot be
// decoded, and an SQS message whose receive count is at least after. If after is 0, receives do not count. It never
// sends a record that failed with idempotency.ErrInProgress, was abandoned or never started. A record of a stream or
// topic is sent only if no earlier record of the batch has failed, since Lambda would redeliver it too.
//
// The record waits in its slot, and its group with it, until the letter is sent, at most until the last call. The
// record's outcome is then troupe.Dropped with an error that matches troupe.ErrDeadLettered, and Report.DeadLettered
// counts it. If the send fails, the record fails with both errors, and the policy applies. Functions given to
// troupe.WithLastResort are called first; so is typed.WithDropUndecodable, whose records are not sent.
//
// DeadLetter panics if sender is nil or after is negative. The constructor of the processor refuses it together
// with ErrorWhenAny, and those of packages window and bulk always. It raises the reserve to at least 1 s.
func DeadLetter(sender Sender, after int) troupe.Option {
	switch {
	case sender == nil:
		panic(errors.New("troupe: redelivery: DeadLetter: the sender is nil"))
	case after < 0:
		panic(fmt.Errorf("troupe: redelivery: DeadLetter: after %d receives: must be at least 1, or 0 to leave that to the queue", after))
	}
	d := &deadLetters{sender, after}
	return troupe.Named("redelivery.DeadLetter", troupe.WithRedelivery(batch.Redelivery{Reserve: leastReserve, LastResort: d.resolve}))
}

type deadLetters struct {
	sender Sender
	after  int
}

// resolve is the last resort.
func (d *deadLetters) resolve(ctx context.Context, rec troupe.Record, failure error) error {
	turn, ok := batch.TurnFrom(ctx)
	if !ok || inProgress(failure) {
		return failure
	}
	record := opened(turn)
	if !batch.IsPermanent(failure) && !d.received(record) {
		return failure
	}
	if rec.Source != batch.SQS && turn.FailedBefore() {
		return failure
	}
	letter, err := letterOf(turn, record, failure)
	if err == nil {
		calls, cancel := bounded(ctx, lastCallOf(turn), resortGrace)
		defer cancel()
		err = d.sender.Send(calls, letter)
	}
	if err != nil {
		return fmt.Errorf("%w; troupe: redelivery: the record was not dead-lettered: %w", failure, err)
	}
	return batch.Drop(batch.Because(batch.ErrDeadLettered, failure))
}

// maxLinks bounds the errors of a tree that inProgress looks at. Unwrap methods are the user's.
const maxLinks = 1000

// inProgress reports whether idempotency.ErrInProgress is in the tree of an error. It calls the Unwrap methods of the
// error's types and nothing else of theirs: an Is method may report anything (SPEC S1).
func inProgress(err error) (is bool) {
	defer func() {
		if recover() != nil {
			is = false
		}
	}()
	left := maxLinks
	return hasInProgress(err, &left)
}

func hasInProgress(err error, left *int) bool {
	for ; err != nil && *left > 0; *left-- {
		if _, ok := err.(*idempotency.InProgressError); ok || err == idempotency.ErrInProgress {
			return true
		}
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			return slices.ContainsFunc(e.Unwrap(), func(branch error) bool { return hasInProgress(branch, left) })
		default:
			return false
		}
	}
	return false
}

// received reports whether a message has been received too often.
func (d *deadLetters) received(record any) bool {
	msg, ok := record.(events.SQSMessage)
	return ok && d.after > 0 && receivesOf(msg) >= d.after
}

// opened returns the source's record; nil if it cannot be decoded.
func opened(turn batch.Turn) any {
	record, err := turn.Message()
	if err != nil {
		return nil
	}
	return record
}

// lastCallOf is when a send ends: shortly before the last call, so that the record can still have its outcome.
func lastCallOf(turn batch.Turn) (end time.Time) {
	if t := turn.Times(); !t.LastCall.IsZero() {
		end = t.LastCall.Add(-t.Deadline.Sub(t.LastCall) / 4)
	}
	return end
}
