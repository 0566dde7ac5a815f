package supervisor

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/guard"
	"github.com/troupe-go/troupe/internal/serial"
	"github.com/troupe-go/troupe/messages"
)

// inbox is the supervisor's mailbox. The goroutine that spawns the supervisor handles Started, so that a batch begins
// without a change of goroutine, and the last slot handles SlotsDrained. Other messages are handled on a goroutine that the
// supervisor keeps until it has stopped. The notice of each child's end is left out, since the ledger has it already.
type inbox struct {
	failed  func(reason any, stack []byte) // called if the supervisor panics
	invoker actor.MessageInvoker
	queue   serial.Queue[any]
}

func newInbox(failed func(reason any, stack []byte)) actor.Mailbox {
	m := &inbox{failed: failed}
	m.queue.Call, m.queue.Stays = m.handle, true
	return m
}

func (m *inbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// UserMessageCount implements actor.Mailbox. Not covered: protoactor calls it only for its metrics, which are off.
func (m *inbox) UserMessageCount() int { return 0 }

func (m *inbox) PostUserMessage(message any) {
	if _, ok := message.(*messages.SlotsDrained); ok {
		m.queue.AddHere(message)
	} else {
		m.queue.Add(message)
	}
}

func (m *inbox) PostSystemMessage(message any) {
	switch message.(type) {
	case *actor.Terminated:
	case *actor.Started: // see Start
	default:
		m.queue.Add(message)
	}
}

var started = new(actor.Started)

// Start makes the supervisor handle Started. The supervisor is not ready for it when protoactor-go
// posts it.
func (m *inbox) Start() { m.queue.First(started) }

// handle passes a message to the supervisor. If it panics its guardian stops it, so there is no need to suspend it.
func (m *inbox) handle(message any) {
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
		m.queue.Close()
	case actor.SystemMessage:
		m.invoker.InvokeSystemMessage(message)
	default:
		m.invoker.InvokeUserMessage(message)
	}
}
