package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox runs its actor on the goroutine of the sender: that of the slot that spawns the actor and sends it an
// attempt. So an actor needs no goroutine and, unlike with the mailbox of protoactor-go, runtime.Goexit leaves only a
// mutex to unlock.
//
// An actor works on one message at a time, and holds the mutex while it works. The ledger keeps the order of a group:
// it hands out the next record when the previous one is recorded. Sending waits for an attempt in progress, so nothing
// may be sent to an actor whose handler may hang, except suspend and resume, which the actor sends to itself while it
// works.
type mailbox struct {
	working   sync.Mutex
	suspended atomic.Bool
	invoker   actor.MessageInvoker
}

func newMailbox() actor.Mailbox { return new(mailbox) }

// NewMailbox returns a mailbox that a slot can reuse: it may serve another actor once its actor has made its attempt
// without a failure and has been stopped.
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
	case *actor.Started: // Start passes it on
	default:
		defer m.leave(message)
		m.working.Lock()
		m.invoker.InvokeSystemMessage(message)
	}
}

// PostUserMessage lets the actor work on message. A failed actor waits for its supervisor and receives nothing; a
// record that is sent to it stays unhandled and therefore failed.
func (m *mailbox) PostUserMessage(message any) {
	defer m.leave(message)
	m.working.Lock()
	if !m.suspended.Load() {
		m.invoker.InvokeUserMessage(message)
	}
}

var started = new(actor.Started)

// Start lets the actor work on Started. The actor is not ready for it when protoactor-go posts it.
func (m *mailbox) Start() {
	defer m.leave(started)
	m.working.Lock()
	m.invoker.InvokeSystemMessage(started)
}

func (m *mailbox) UserMessageCount() int { return 0 }

// leave ends the work on message, however it ended. A panic, which can only come from outside a handler, is the actor's
// failure.
func (m *mailbox) leave(message any) {
	m.working.Unlock()
	if reason := recover(); reason != nil {
		m.invoker.EscalateFailure(reason, message)
	}
}
