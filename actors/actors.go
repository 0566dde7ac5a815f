package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/guard"
	"github.com/troupe-go/troupe/messages"
)

// Record is the actor of one record. It is spawned for the record and stopped when the record has its outcome.
// Everything about the record comes with the attempt, so the actors of a batch share one value.
type Record struct{}

// Receive makes the attempt that it receives and ignores all other messages.
func (*Record) Receive(c actor.Context) { receive(c) }

// Group is the actor of a message group. It handles the records of the group one after the other, in the order in which
// it receives them. A failure is its own failure at that record.
type Group struct{}

// Receive makes the attempt that it receives.
func (*Group) Receive(c actor.Context) { receive(c) }

// RecordProps describes the record actors of one batch. A restart loses the current message, so a restarted actor needs
// a new attempt.
func RecordProps(more ...actor.PropsOption) *actor.Props {
	r := new(Record)
	return props(func() actor.Actor { return r }, more)
}

// GroupProps describes group actors.
func GroupProps(more ...actor.PropsOption) *actor.Props {
	return props(func() actor.Actor { return new(Group) }, more)
}

func props(producer actor.Producer, more []actor.PropsOption) *actor.Props {
	return actor.PropsFromProducer(producer, append([]actor.PropsOption{actor.WithMailbox(newMailbox)}, more...)...)
}

// receive makes the attempt that c has received and ignores other messages. It fails the actor once the attempt has
// ended, and not within it: protoactor's part is deep, and would make the stack grow in each slot that has a failure.
func receive(c actor.Context) {
	a, ok := c.Message().(*messages.Attempt)
	if !ok {
		return
	}
	var o outcome
	defer func() { // the attempt may end the goroutine
		if o.failure != nil {
			// Fails the actor as a panic would, without one: the mailbox is suspended and the supervisor receives the failure.
			c.(actor.Supervisor).EscalateFailure(o.failure.Err, o.failure)
		}
	}()
	o.attempt(a)
}

// outcome is how an attempt ended.
type outcome struct {
	err     error                   // that the handler returned
	failure *messages.AttemptFailed // of the actor; nil if it has not failed
}

// attempt calls the handler, which may return, panic or end the goroutine. It does what batch.Try does, without the
// closures, since every record passes here.
func (o *outcome) attempt(a *messages.Attempt) {
	var end guard.End
	defer func() {
		switch {
		case end.How == guard.Exited:
			o.fail(a, batch.ErrGoexit)
		case end.How == guard.Panicked:
			batch.Panicked(end.Value, end.Stack, func(err error) { o.fail(a, err) })
		case o.err != nil:
			o.fail(a, o.err)
		default:
			o.failure = a.Owner.End(a)
		}
	}()
	defer guard.Catch(&end)
	if err := a.Owner.Handle(a); err != nil {
		o.err = batch.Tell(err)
	}
	end.How = guard.Returned
}

// fail ends a failed attempt. End is deferred, since the last resort is the user's and may end the goroutine, too.
func (o *outcome) fail(a *messages.Attempt, err error) {
	defer func() { o.failure = a.Owner.End(a) }()
	a.Owner.Failed(a, err)
}
