package supervisor

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/guard"
)

// inbox is the supervisor's mailbox. Whoever spawns the supervisor has it handle Started, so that a batch
// begins without a change of goroutine; the first message after that starts a goroutine, which stays until
// the supervisor has stopped. The notice of each child's end is left out, since the ledger has it already.
type inbox struct {
	failed  func(reason any, stack []byte) // told if the supervisor panics
	invoker actor.MessageInvoker
	more    chan struct{} // has an element when there may be more in the queue

	mu      sync.Mutex
	queue   []any
	working bool // a goroutine has the supervisor at work
	stopped bool
}

func newInbox(failed func(reason any, stack []byte)) actor.Mailbox {
	return &inbox{failed: failed, more: make(chan struct{}, 1)}
}

func (m *inbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// UserMessageCount is a part of actor.Mailbox. Not covered: protoactor calls it only for its metrics, which are off.
func (m *inbox) UserMessageCount() int { return 0 }

func (m *inbox) PostUserMessage(message any) { m.post(message) }

func (m *inbox) PostSystemMessage(message any) {
	switch message.(type) {
	case *actor.Terminated:
	case *actor.Started:
		m.queue, m.working = append(m.queue, message), true // nobody else knows the supervisor yet
	default:
		m.post(message)
	}
}

func (m *inbox) post(message any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return
	}
	m.queue = append(m.queue, message)
	if m.working {
		select {
		case m.more <- struct{}{}:
		default:
		}
		return
	}
	m.working = true
	go m.work()
}

func (m *inbox) Start() {
	m.handle(m.take())
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.working = len(m.queue) > 0; m.working {
		go m.work()
	}
}

func (m *inbox) work() {
	for m.handle(m.take()) {
		<-m.more
	}
}

func (m *inbox) take() []any {
	m.mu.Lock()
	defer m.mu.Unlock()
	messages := m.queue
	m.queue = nil
	return messages
}

// handle reports whether the supervisor goes on.
func (m *inbox) handle(messages []any) bool {
	for _, message := range messages {
		if m.one(message); m.stopped {
			return false
		}
	}
	return true
}

// one has the supervisor handle a message. If it panics its guardian stops it, so there is no need to
// suspend it.
func (m *inbox) one(message any) {
	guard.Call(func() { m.invoke(message) }, func(end guard.End) {
		if end.How == guard.Panicked {
			m.failed(end.Value, end.Stack)
			m.invoker.EscalateFailure(end.Value, message)
		}
	})
}

func (m *inbox) invoke(message any) {
	switch message.(type) {
	case *actor.SuspendMailbox, *actor.ResumeMailbox:
	case *actor.Stop:
		m.invoker.InvokeSystemMessage(message)
		m.mu.Lock()
		m.stopped = true
		m.mu.Unlock()
	case actor.SystemMessage:
		m.invoker.InvokeSystemMessage(message)
	default:
		m.invoker.InvokeUserMessage(message)
	}
}
