package supervisor

import (
	"strconv"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/messages"
)

// slot is a goroutine that runs one attempt after the other.
type slot struct {
	*supervisor
	props   actor.Props   // the supervisor's; for record actors with the slot's mailbox
	mailbox actor.Mailbox // of the slot's record actors, one after the other
	waiting bool          // not at work
}

func newSlot(s *supervisor) *slot {
	t := &slot{supervisor: s, props: *s.props}
	if !s.batch.Ordered {
		actor.WithMailbox(func() actor.Mailbox {
			if t.mailbox == nil {
				t.mailbox = actors.NewMailbox()
			}
			return t.mailbox
		})(&t.props)
	}
	return t
}

// work makes attempts until there is nothing left to do. An attempt that fails leaves the slot to the
// supervisor, which puts it, or another one, back to work when it has decided.
func (t *slot) work() { t.workOn(job{}) }

// workOn is work after the attempt of a job.
func (t *slot) workOn(j job) {
	returned := false
	defer func() {
		if !returned && j.attempt != nil && j.attempt.Ended == messages.Done {
			// The handler called runtime.Goexit and the last resort dropped its record: the goroutine ends, and
			// the slot continues on another one.
			if !t.batch.Ordered {
				t.mailbox = nil
				t.process.system.Root.Stop(j.actor)
			}
			go t.workOn(j)
			return
		}
		if j.attempt != nil && j.attempt.Ended == messages.Late {
			t.process.system.Root.Stop(j.actor)
		}
		if !t.waiting {
			t.slotExited(j.attempt)
		}
	}()
	t.loop(&j)
	returned = true
}

func (t *slot) loop(j *job) {
	for {
		next, retired := t.next(j.attempt)
		if retired != nil {
			t.process.system.Root.Stop(retired)
		}
		if *j = next; j.attempt == nil {
			return
		}
		t.attempt(j)
		if j.attempt.More { // the actor did not take the attempt
			j.attempt.More = false
			t.startSlot()
		}
		switch j.attempt.Ended {
		case messages.Late:
			return
		case messages.Broken:
			*j = job{}
			if !t.reserveReplacement() && !t.waitForVerdict() {
				return
			}
		}
	}
}

// attempt has the actor of a job make its attempt. A record actor whose record has its outcome is stopped.
func (t *slot) attempt(j *job) {
	root := t.process.system.Root
	fresh := j.actor == nil
	if fresh {
		// DefaultSpawner takes the parent's name and nothing else from the supervisor, so slots may spawn side
		// by side; the ledger knows the children.
		j.actor, _ = actor.DefaultSpawner(t.process.system, t.nameOf(j.attempt), &t.props, t.self)
		t.spawned(j.attempt, j.actor)
	} else if j.attempt.Number > 1 {
		t.children.RestartChildren(j.actor)
	}
	if !fresh || t.batch.Ordered {
		root.Send(j.actor, j.attempt)
		if !t.batch.Ordered && !j.failed() {
			root.Stop(j.actor)
		}
		return
	}
	// As Send and Stop do, but without looking the actor up in the registry: its mailbox is at hand.
	mailbox := t.mailbox
	mailbox.PostUserMessage(j.attempt)
	if j.attempt.Ended != messages.Done {
		t.mailbox = nil // still the actor's, or not as good as new
	}
	if !j.failed() {
		mailbox.PostSystemMessage(stopMessage)
	}
}

var stopMessage = &actor.Stop{}

// failed reports whether the actor of the job is left to the supervisor.
func (j *job) failed() bool {
	return j.attempt.Ended == messages.Broken || j.attempt.Ended == messages.Late
}

// wait has the slot wait to be put back to work. It reports false if the batch is over.
func (t *slot) waitForVerdict() bool {
	t.slotExited(nil)
	t.waiting = true
	select {
	case <-t.resume:
		t.waiting = false
		return true
	case <-t.done:
		return false
	}
}

// nameOf names the actor that begins with an attempt.
func (s *supervisor) nameOf(a *messages.Attempt) string {
	var room [32]byte
	return string(strconv.AppendInt(append(append(room[:0], s.name...), '/'), int64(a.Index), 10))
}
