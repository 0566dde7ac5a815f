package supervisor

import (
	"strconv"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/messages"
)

// slot is a goroutine that makes one attempt after the other. All of it belongs to that goroutine.
type slot struct {
	supervisor *supervisor
	ledger     *ledger
	props      actor.Props     // those of the supervisor; for record actors with the slot's mailbox
	mailbox    actor.Mailbox   // of the slot's record actors, one after the other
	handoff    handoff         // of the attempt that it makes
	names      strings.Builder // of its actors, many in a piece of memory
	named      int             // of them so far
	shared     messages.Shared // among its attempts, except those with a record timeout
	parked     bool            // until another record is due for it; counted as inactive
}

func newSlot(s *supervisor) *slot {
	t := &slot{supervisor: s, ledger: s.ledger, props: *s.props}
	t.shared = messages.Shared{Context: s.ledger.in.handlersCtx, Batch: s.ledger.batch, Owner: t}
	if !s.ledger.batch.Ordered {
		actor.WithMailbox(func() actor.Mailbox {
			if t.mailbox == nil {
				t.mailbox = actors.NewMailbox()
			}
			return t.mailbox
		})(&t.props)
	}
	return t
}

// work makes attempts until there is no more work. After a failed attempt it continues on another free place or parks.
func (t *slot) work() {
	reserve(0)
	returned := false
	defer func() {
		h := &t.handoff
		if !returned && h.job.attempt != nil && h.ended == done {
			// The handler called runtime.Goexit and the last resort dropped its record: the goroutine ends, and
			// the slot continues on another one.
			if !t.ledger.batch.Ordered {
				t.mailbox = nil
				t.root().Stop(h.job.actor)
			}
			go t.work()
			return
		}
		isLate := h.job.attempt != nil && h.ended == late
		if isLate {
			t.root().Stop(h.job.actor)
		}
		if !t.parked {
			t.inactive(isLate)
		}
	}()
	t.loop()
	returned = true
}

func (t *slot) root() *actor.RootContext { return t.ledger.process.system.Root }

func (t *slot) loop() {
	h := &t.handoff
	for {
		if retired := t.ledger.next(h); retired != nil {
			t.root().Stop(retired)
		}
		if h.job.attempt == nil {
			return
		}
		t.attempt()
		t.startReserved() // if the handler was not called
		switch h.ended {
		case late:
			return
		case broken:
			*h = handoff{}
			if !t.ledger.reserveReplacement() && !t.waitForVerdict() {
				return
			}
		}
	}
}

// attempt lets the actor of the job make its attempt. It stops a record actor whose record has its outcome.
func (t *slot) attempt() {
	h := &t.handoff
	a := h.job.attempt
	if a.Shared == nil {
		a.Shared = &t.shared
	} else {
		a.Owner = t
	}
	ordered := t.ledger.batch.Ordered
	fresh := h.job.actor == nil
	if fresh {
		// DefaultSpawner uses only the parent's name of the supervisor, so slots may spawn concurrently; the ledger
		// keeps the children.
		h.job.actor, _ = actor.DefaultSpawner(t.ledger.process.system, t.nameOf(a), &t.props, t.supervisor.self)
		t.ledger.schedule.spawned(a.Index, h.job.actor)
	} else if a.Number > 1 {
		t.supervisor.children.RestartChildren(h.job.actor)
	}
	if !fresh || ordered {
		t.root().Send(h.job.actor, a)
		if !ordered && !h.leavesActor() {
			t.root().Stop(h.job.actor)
		}
		return
	}
	// This does what Send and Stop do, without looking up the actor in the registry: the slot has its mailbox.
	mailbox := t.mailbox
	mailbox.PostUserMessage(a)
	if h.ended != done {
		t.mailbox = nil // in use by the actor, or not reusable
	}
	if !h.leavesActor() {
		mailbox.PostSystemMessage(stopMessage)
	}
}

var stopMessage = &actor.Stop{}

// leavesActor reports whether somebody else stops the actor of the job: the supervisor, or the slot itself as it ends.
func (h *handoff) leavesActor() bool { return h.ended == broken || h.ended == late }

// waitForVerdict blocks until the slot is put back to work. It reports false if the batch is over.
func (t *slot) waitForVerdict() bool {
	t.inactive(false)
	t.parked = true
	select {
	case <-t.supervisor.wake:
		t.parked = false
		return true
	case <-t.ledger.done:
		return false
	}
}

// inactive records that the slot has ended or parked. If it was the last one, its goroutine does what is left for the
// supervisor: its stack has the size for that.
func (t *slot) inactive(late bool) {
	if t.ledger.slotInactive(late) {
		t.root().Send(t.supervisor.self.Self(), &messages.SlotsDrained{})
	}
}

// nameOf returns the name of the actor that begins with an attempt.
func (t *slot) nameOf(a *messages.Attempt) string {
	var room [10]byte
	index := strconv.AppendInt(room[:0], int64(a.Index), 10)
	size := len(t.supervisor.prefix) + len(index)
	if t.names.Cap()-t.names.Len() < size {
		t.names.Reset()
		t.names.Grow(min(max(4, 2*t.named), 32) * size)
	}
	t.named++
	start := t.names.Len()
	t.names.WriteString(t.supervisor.prefix)
	t.names.Write(index)
	return t.names.String()[start:]
}
