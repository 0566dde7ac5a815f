package supervisor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

// watchful is an actor.Supervisor that calls back when a child is resumed or stopped.
type watchful struct {
	actor.Supervisor
	resumed, stopped func()
}

func (w watchful) ResumeChildren(...*actor.PID) { w.resumed() }
func (w watchful) StopChildren(...*actor.PID)   { w.stopped() }

// The moment a group is free another slot may send its actor the next record. An actor that had not been
// resumed by then would not take it, and the record would be lost (O2, S2).
func TestAGroupActorIsResumedBeforeItsGroupIsFree(t *testing.T) {
	cfg := &Config{Concurrency: 1}
	b := &messages.Batch{
		Results: []batch.Result{{ID: "1", Group: "g"}, {ID: "2", Group: "g"}},
		Ordered: true, Barrier: 2, Policy: batch.Continue,
	}
	l := newLedger(invocationOf(context.Background(), time.Time{}), cfg, b, theProcess())
	l.startSlot = func() {}
	l.startSlotIfUseful()
	h := taken(l)
	require.NotNil(t, h.job.attempt)
	require.True(t, attempted(l, h, errors.New("no")))

	resumed := false
	s := &supervisor{ledger: l, strategy: continuePolicy{}, children: watchful{resumed: func() {
		resumed = true
		assert.True(t, l.schedule.empty(), "the group's next record can be taken already")
	}}}
	s.judge(&verdict{supervisor: s, failure: &messages.AttemptFailed{Attempt: h.job.attempt}, child: actor.NewPID("", "g")}, errors.New("no"))

	assert.True(t, resumed)
	assert.False(t, l.schedule.empty(), "the group's next record cannot be taken")
}

// says is a strategy that gives verdicts: none, or more than one.
type says []batch.Policy

func (d says) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, _ *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	for _, directive := range d {
		s.(*verdict).give(directive)
	}
}

// SPEC S2: a failure has one verdict. A record without one would never have an outcome, and one with two would
// return its slot twice.
func TestEachFailureHasOneVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		strategy says
		halt     batch.Reason
	}{
		"none: the batch stops":     {nil, batch.ErrStopped},
		"the first of two, go on":   {says{batch.Continue, batch.StopBatch}, 0},
		"the first of two, stop":    {says{batch.StopBatch, batch.Continue}, batch.ErrStopped},
		"the same twice counts one": {says{batch.Continue, batch.Continue}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := &messages.Batch{Results: []batch.Result{{ID: "1"}, {ID: "2"}}, Barrier: 2, Policy: batch.Continue}
			l := newLedger(invocationOf(context.Background(), time.Time{}), &Config{Concurrency: 1}, b, theProcess())
			l.startSlot = func() {}
			l.startSlotIfUseful()
			h := taken(l)
			require.True(t, attempted(l, h, errHandler))

			s := &supervisor{ledger: l, strategy: c.strategy}
			v := &verdict{supervisor: s, failure: &messages.AttemptFailed{Attempt: h.job.attempt}}
			s.judge(v, errHandler)

			assert.Equal(t, settled, l.states[0])
			assert.Equal(t, 0, l.open)
			assert.Equal(t, c.halt, l.haltReason)
			assert.Equal(t, 1, l.slots.free+l.slots.active-1, "one slot: free, or at work at the second record")
			assert.False(t, v.RetryAfter(0), "it is over with the record")
		})
	}
}

// SPEC 4: what a strategy of protoactor's has its Supervisor do is a verdict on the one failure.
func TestProtoactorsDirectivesAreVerdicts(t *testing.T) {
	pid := actor.NewPID("", "0")
	for name, c := range map[string]struct {
		tell  func(*verdict)
		state state
		halt  batch.Reason
	}{
		"resume":   {func(v *verdict) { v.ResumeChildren(pid) }, settled, 0},
		"stop":     {func(v *verdict) { v.StopChildren(pid) }, settled, 0},
		"escalate": {func(v *verdict) { v.EscalateFailure(errHandler, nil) }, settled, batch.ErrStopped},
		"restart":  {func(v *verdict) { v.RestartChildren(pid) }, waiting, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := &messages.Batch{Results: []batch.Result{{ID: "1"}, {ID: "2"}}, Barrier: 2, Policy: batch.Continue}
			l, _ := ledgerOf(&Config{Concurrency: 1}, b)
			l.supervisorStarted(actor.NewPID(theProcess().system.Address(), "nobody")) // receives the end of a back-off
			l.startSlotIfUseful()
			h := taken(l)
			require.True(t, attempted(l, h, errHandler))

			s := &supervisor{ledger: l, children: watchful{stopped: func() {}}}
			v := &verdict{supervisor: s, failure: &messages.AttemptFailed{Attempt: h.job.attempt}, child: pid}
			assert.Equal(t, []*actor.PID{pid}, v.Children())
			c.tell(v)
			assert.True(t, v.given)
			assert.Equal(t, c.state, l.states[0])
			assert.Equal(t, c.halt, l.haltReason)
			l.closeNow()
		})
	}
}
