package supervisor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/messages"
)

// watchful is an actor.Supervisor that calls back when a child is resumed.
type watchful struct {
	actor.Supervisor
	resumed func()
}

func (w watchful) ResumeChildren(...*actor.PID) { w.resumed() }

// The moment a group is free another slot may send its actor the next record. An actor that had not been
// resumed by then would not take it, and the record would be lost (O2, S2).
func TestAGroupActorIsResumedBeforeItsGroupIsFree(t *testing.T) {
	cfg := &Config{Concurrency: 1}
	batch := &messages.Batch{
		Results: []messages.Result{{ID: "1", Group: "g"}, {ID: "2", Group: "g"}},
		Ordered: true, Barrier: 2, Policy: messages.Continue,
	}
	l := newLedger(context.Background(), context.Background(), time.Time{}, time.Now(), cfg, batch, theProcess)
	l.launch = func() {}
	l.fill()
	j, _ := l.advance(nil)
	require.NotNil(t, j.attempt)
	require.True(t, l.End(j.attempt, errors.New("no")))

	resumed := false
	s := &supervisor{ledger: l, strategy: resume{}, children: watchful{resumed: func() {
		resumed = true
		assert.True(t, l.queue.empty(), "the group's next record can be taken already")
	}}}
	s.decide(&verdict{supervisor: s, attempt: j.attempt, child: actor.NewPID("", "g")}, errors.New("no"))

	assert.True(t, resumed)
	assert.False(t, l.queue.empty(), "the group's next record cannot be taken")
}
