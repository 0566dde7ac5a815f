package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

// Record is the actor of one record: one is spawned for each, and stopped when its record has its outcome.
// What there is to know of the record comes with the attempt, so the record actors share a value.
type Record struct{}

// Receive makes the attempt it is sent and ignores everything else: a record actor has no other life.
func (*Record) Receive(c actor.Context) { receive(c) }

// Group is the actor of a message group. It handles the group's records one after the other, in the order
// in which it is sent them; a failure is its own failure at that record.
type Group struct{}

// Receive makes the attempt it is sent.
func (*Group) Receive(c actor.Context) { receive(c) }

// RecordProps describes record actors. A restarted actor is sent its attempt anew: the message in hand is lost in a
// restart.
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
	var failure *messages.AttemptFailed
	var why error
	defer func() { // the attempt may end the goroutine
		if failure != nil {
			// Fails the actor as a panic would, without one: the mailbox is suspended and the supervisor told.
			c.(actor.Supervisor).EscalateFailure(why, failure)
		}
	}()
	attempt(a, func(f *messages.AttemptFailed, err error) { failure, why = f, err })
}

// attempt lets the handler have its way: it may return, panic or end the goroutine. End is deferred, since the last
// resort is the user's and may end the goroutine, too.
func attempt(a *messages.Attempt, ended func(*messages.AttemptFailed, error)) {
	batch.Try(func() error { return a.Owner.Handle(a) }, func(err error) {
		defer func() { ended(a.Owner.End(a, err), err) }()
		if err != nil {
			err = a.Owner.Failed(a, err)
		}
	})
}
