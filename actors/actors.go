package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/guard"
	"github.com/troupe-go/troupe/messages"
)

// Record is the actor of one record. It is spawned for the record and stopped when the record has its outcome.
// Everything about the record comes with the attempt, so all record actors share one value.
type Record struct{}

// Receive makes the attempt that it receives and ignores all other messages.
func (*Record) Receive(c actor.Context) {
	if a, ok := c.Message().(*messages.Attempt); ok {
		perform(c, a)
	}
}

// Group is the actor of a message group. It handles the records of the group one after the other, in the order in which
// it receives them. A failure is its own failure at that record.
type Group struct{}

// Receive makes the attempt that it receives and ignores all other messages.
func (*Group) Receive(c actor.Context) {
	if a, ok := c.Message().(*messages.Attempt); ok {
		perform(c, a)
	}
}

// RecordProps describes record actors. A restart loses the current message, so a restarted actor needs a new attempt.
func RecordProps() *actor.Props {
	r := new(Record)
	return actor.PropsFromProducer(func() actor.Actor { return r }, actor.WithMailbox(newMailbox))
}

// GroupProps describes group actors.
func GroupProps() *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor { return new(Group) }, actor.WithMailbox(newMailbox))
}

// performance is the work of an actor on an attempt.
type performance struct {
	actor   actor.Context
	attempt *messages.Attempt
	call    guard.End // how the call of the handler ended
	failed  bool      // set before the call of Failed
	ended   bool      // set before the call of End
}

// perform makes an attempt. A handler that fails or panics fails the actor once it has returned, and not within its
// call: protoactor's part is deep, and would make the stack grow in each slot that has a failure.
func perform(c actor.Context, a *messages.Attempt) {
	p := performance{actor: c, attempt: a}
	defer p.exit()
	if err := p.handle(); err != nil {
		p.fail(err)
	} else if p.call.How != guard.Returned {
		p.failCall()
	}
	p.end()
}

// handle calls the handler and returns its error. If the handler panics, handle returns nil.
func (p *performance) handle() error {
	defer guard.Catch(&p.call)
	err := p.attempt.Owner.Handle(p.attempt)
	p.call.How = guard.Returned
	return err
}

func (p *performance) fail(err error) {
	p.failed = true
	p.attempt.Owner.Failed(p.attempt, err)
}

// failCall fails the attempt because its handler has not returned.
func (p *performance) failCall() {
	if p.call.How == guard.Panicked {
		batch.Panicked(p.call.Value, p.call.Stack, p.fail)
	} else {
		p.fail(batch.ErrGoexit)
	}
}

// end records how the attempt ended, and fails the actor if the attempt has failed.
func (p *performance) end() {
	p.ended = true
	if failure := p.attempt.Owner.End(p.attempt); failure != nil {
		// Fails the actor as a panic would, without one: the mailbox is suspended and the supervisor receives the failure.
		p.actor.(actor.Supervisor).EscalateFailure(failure.Err, failure)
	}
}

// exit does the rest if the handler, or the last resort in Failed, has called runtime.Goexit: the goroutine is about to
// end and calls only what is deferred. A deferred function of the handler may have panicked meanwhile.
func (p *performance) exit() {
	if p.ended {
		return
	}
	defer p.end()
	if !p.failed {
		p.failCall()
	}
}
