package supervisor

import (
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/guard"
	"github.com/troupe-go/troupe/messages"
)

// supervisor is the actor at the top of one batch: the parent of its record and group actors. It never runs a
// handler. It receives failures, passes them to its strategy, and wakes slots.
type supervisor struct {
	ledger   *ledger
	strategy actor.SupervisorStrategy
	props    *actor.Props  // of record or group actors
	prefix   string        // of the names of its actors: "b7/", and then the index of the record that they began with
	wake     chan struct{} // wakes a parked slot
	self     actor.Context
	children actor.Supervisor // self, which stops, resumes and restarts children
}

// spawn starts the supervisor of a batch.
func spawn(l *ledger) {
	prefix := "b" + strconv.FormatUint(l.process.batches.Add(1), 10) + "/" // short: the registry hashes names several times
	s := &supervisor{ledger: l, strategy: strategyFor(l.cfg, l.batch.Policy), wake: make(chan struct{}), prefix: prefix}
	l.startSlot = func() {
		select {
		case s.wake <- struct{}{}:
		default:
			go newSlot(s).work()
		}
	}
	s.props = l.process.records
	if l.batch.Ordered {
		s.props = l.process.groups
	}
	if more := l.cfg.Actors; len(more) > 0 {
		own := *s.props
		s.props = own.Configure(more...)
	}
	props := actor.PropsFromProducer(func() actor.Actor { return s }, actor.WithMailbox(func() actor.Mailbox { return newInbox(s.failed) }))
	// The name is new, so there is no error; and nothing reads the PID before Started has.
	_, _ = l.process.system.Root.SpawnNamed(props, prefix[:len(prefix)-1])
}

// Receive handles all messages except failures.
func (s *supervisor) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		s.self, s.children = c, c.(actor.Supervisor)
		s.ledger.supervisorStarted(c.Self())
		s.ledger.startSlotIfUseful()
		s.stopIfDrained() // the batch may have been closed before it came to this
	case *messages.Expired:
		if s.ledger.abandon(m.Attempt) {
			failure := &messages.AttemptFailed{Attempt: m.Attempt, Final: true}
			s.judge(&verdict{supervisor: s, failure: failure}, s.ledger.batch.Results[m.Attempt.Index].Err)
		}
	case *messages.BackoffOver:
		s.ledger.backOffOver(m.Attempt)
		s.ledger.startSlotIfUseful()
	case *messages.BatchClosed:
		s.children.StopChildren(s.ledger.leftover()...)
		s.stopIfDrained()
	case *messages.SlotsDrained:
		s.stop()
	case *actor.Stopped:
		s.ledger.closeNow() // if it was stopped by its guardian: nobody may wait forever
	}
}

// failed logs a panic in the supervisor, which no handler, option or event can bring about. Its guardian
// stops it then, and the records without an outcome are reported.
func (s *supervisor) failed(reason any, stack []byte) {
	s.ledger.batch.Warn("troupe: the batch supervisor failed, which is a fault of troupe's; the records without an outcome are reported",
		"reason", guard.Show(reason), "stack", string(stack))
}

// stopIfDrained stops the supervisor if nothing is under it, unless the last slot is about to.
func (s *supervisor) stopIfDrained() {
	if s.ledger.end() {
		s.stop()
	}
}

func (s *supervisor) stop() { s.self.Stop(s.self.Self()) }

// HandleFailure makes the supervisor its children's SupervisorStrategy: it hands the failure to the
// strategy of the batch.
func (s *supervisor) HandleFailure(_ *actor.ActorSystem, _ actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	failure, ok := message.(*messages.AttemptFailed)
	if !ok { // not a handler's failure; whatever the actor was to do stays undone, so failed
		s.children.StopChildren(child)
		return
	}
	s.judge(&verdict{supervisor: s, failure: failure, child: child}, reason)
}

func (s *supervisor) judge(v *verdict, reason any) {
	s.strategy.HandleFailure(s.ledger.process.system, v, v.child, nil, reason, v.failure)
	if !v.given { // a strategy without a decision stops the batch, which loses and reorders nothing
		v.give(batch.StopBatch)
	}
	s.ledger.startSlotIfUseful()
}

// verdict is what a strategy sees as its Supervisor: protoactor's directives, about one failure.
//
//	Resume    Continue: the record has failed. A group's actor continues with its next record, a record's is stopped.
//	Stop      StopGroup: the record has failed, and nothing more of its group starts.
//	Escalate  StopBatch: the record has failed, and nothing more of the batch starts.
//	Restart   no policy: the record is put into back-off, and the actor is restarted for another attempt.
type verdict struct {
	supervisor *supervisor
	failure    *messages.AttemptFailed
	child      *actor.PID // nil if the handler was abandoned: the actor is the handler's then
	given      bool
}

func (v *verdict) Children() []*actor.PID        { return []*actor.PID{v.child} }
func (v *verdict) ResumeChildren(...*actor.PID)  { v.give(batch.Continue) }
func (v *verdict) StopChildren(...*actor.PID)    { v.give(batch.StopGroup) }
func (v *verdict) EscalateFailure(_, _ any)      { v.give(batch.StopBatch) }
func (v *verdict) RestartChildren(...*actor.PID) { v.RetryAfter(0) }

// RetryAfter puts the record into back-off; the slot that takes it then restarts the actor. It reports false if the
// batch has been stopped or closed; the record still needs a verdict then.
func (v *verdict) RetryAfter(backoff time.Duration) bool {
	if v.given || v.child == nil || !v.supervisor.ledger.backOff(v.failure.Attempt, v.child, backoff) {
		return false
	}
	v.given = true
	return true
}

func (v *verdict) give(d batch.Policy) {
	if v.given {
		return
	}
	v.given = true
	if d == batch.Continue && v.child != nil && v.supervisor.ledger.batch.Ordered && !v.supervisor.ledger.isClosed() {
		// Before the group is free: another slot may send the actor its next record at once. While the batch
		// is open its actor is alive.
		v.supervisor.children.ResumeChildren(v.child)
	}
	if retired := v.supervisor.ledger.decided(v.failure.Attempt, d); retired && v.child != nil {
		v.supervisor.children.StopChildren(v.child)
	}
}
