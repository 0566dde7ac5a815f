package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

// Owner is who an actor works for. Both methods are called on the goroutine that makes the attempt.
type Owner interface {
	// Handle calls the handler, unless the handlers' context has ended, and returns its error.
	Handle(*messages.Attempt) error
	// Failed is called with the error, panic or Goexit of an attempt before End, and returns the error that the
	// attempt ends with. It decides whether the attempt was the record's last.
	Failed(*messages.Attempt, error) error
	// End books how the handler ended. It reports whether the actor has failed by it: not if err is nil, nor
	// if it says to drop the record or that the handler was not called, and not if the record was given up
	// before.
	End(a *messages.Attempt, err error) (failed bool)
}

// Record is the actor of one record: one is spawned for each, and stopped when its record has its outcome.
// What there is to know of the record comes with the attempt, so the actors of a batch share a value.
type Record struct{ owner Owner }

// Receive makes the attempt it is sent and ignores everything else: a record actor has no other life.
func (r *Record) Receive(c actor.Context) {
	if a, ok := c.Message().(*messages.Attempt); ok {
		attempt(c, r.owner, a)
	}
}

// Group is the actor of a message group. It handles the group's records one after the other, in the order
// in which it is sent them; a failure is its own failure at that record.
type Group struct{ owner Owner }

// Receive makes the attempt it is sent.
func (g *Group) Receive(c actor.Context) {
	if a, ok := c.Message().(*messages.Attempt); ok {
		attempt(c, g.owner, a)
	}
}

// RecordProps describes the record actors of one batch. A restarted actor is sent its attempt anew: the
// message in hand is lost in a restart.
func RecordProps(owner Owner, more ...actor.PropsOption) *actor.Props {
	r := &Record{owner}
	return props(func() actor.Actor { return r }, more)
}

// GroupProps describes the group actors of one batch.
func GroupProps(owner Owner, more ...actor.PropsOption) *actor.Props {
	return props(func() actor.Actor { return &Group{owner} }, more)
}

func props(producer actor.Producer, more []actor.PropsOption) *actor.Props {
	return actor.PropsFromProducer(producer, append([]actor.PropsOption{actor.WithMailbox(newMailbox)}, more...)...)
}

// attempt lets the handler have its way: it may return, panic or end the goroutine. The booking is deferred, since the
// last resort is the user's and may end the goroutine, too.
func attempt(c actor.Context, owner Owner, a *messages.Attempt) {
	batch.Try(func() error { return owner.Handle(a) }, func(err error) {
		defer func() {
			if owner.End(a, err) {
				// Fails the actor as a panic would, without one: the mailbox is suspended and the supervisor told.
				c.(actor.Supervisor).EscalateFailure(err, a)
			}
		}()
		if err == batch.ErrGoexit {
			a.Final = true
		}
		if err != nil {
			err = owner.Failed(a, err)
		}
	})
}
