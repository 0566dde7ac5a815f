package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox runs its actor on the goroutine of whoever posts: the goroutine of the concurrency slot that
// spawns the actor and sends it an attempt. That costs no goroutine per actor and, unlike protoactor's
// own mailbox, survives runtime.Goexit: nothing but a mutex has to be left behind.
//
// An actor works on one message at a time, so the mutex is held while it works; that a group's records come in
// order is the ledger's doing, which hands out the next when the one before is booked. Posting therefore waits for an attempt in progress; whoever owns actors must not post to
// one whose handler may hang. The exception is suspending and resuming, which the actor does to itself
// while it works.
type mailbox struct {
	working   sync.Mutex
	suspended atomic.Bool
	invoker   actor.MessageInvoker
}

func newMailbox() actor.Mailbox { return new(mailbox) }

// NewMailbox returns a mailbox for a slot to keep at hand. When its actor has made its attempt without
// trouble and has been stopped, it may serve the next.
func NewMailbox() actor.Mailbox { return new(mailbox) }

func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

func (m *mailbox) PostSystemMessage(message any) {
	switch message.(type) {
	case *actor.SuspendMailbox:
		m.suspended.Store(true)
	case *actor.ResumeMailbox:
		m.suspended.Store(false)
	case *actor.Started: // Start tells the actor
	default:
		defer m.leave(message)
		m.working.Lock()
		m.invoker.InvokeSystemMessage(message)
	}
}

// PostUserMessage has the actor work on message. A failed actor waits for its supervisor and takes none;
// a record sent to it all the same stays unhandled, so failed.
func (m *mailbox) PostUserMessage(message any) {
	defer m.leave(message)
	m.working.Lock()
	if !m.suspended.Load() {
		m.invoker.InvokeUserMessage(message)
	}
}

var started = new(actor.Started)

// Start has the actor work on Started, for which it is not ready when that is posted.
func (m *mailbox) Start() {
	defer m.leave(started)
	m.working.Lock()
	m.invoker.InvokeSystemMessage(started)
}

func (m *mailbox) UserMessageCount() int { return 0 }

// leave ends the work on message however it ended; a panic, which can only come from outside a handler,
// is the actor's failure.
func (m *mailbox) leave(message any) {
	m.working.Unlock()
	if reason := recover(); reason != nil {
		m.invoker.EscalateFailure(reason, message)
	}
}
