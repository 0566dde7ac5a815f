package supervisor

import (
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
)

// taker is the actor behind an inbox: it takes down what it gets.
type taker struct {
	got     []any
	onStart func()
}

func (k *taker) InvokeSystemMessage(message any) {
	k.got = append(k.got, message)
	if _, ok := message.(*actor.Started); ok {
		k.onStart()
	}
}
func (k *taker) InvokeUserMessage(message any)       { k.got = append(k.got, message) }
func (k *taker) EscalateFailure(reason, message any) {}

// What the supervisor is sent while it starts waits for a goroutine; whoever spawns the supervisor does not
// handle it. A batch that is over by then would otherwise keep its supervisor (SPEC 2).
func TestWhatComesDuringTheStartIsHandledAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newInbox(nil)
		k := &taker{onStart: func() { m.PostSystemMessage(&actor.Stop{}) }}
		m.RegisterHandlers(k, nil)
		m.PostSystemMessage(&actor.Started{})
		m.Start()
		synctest.Wait()
		assert.Equal(t, []any{&actor.Started{}, &actor.Stop{}}, k.got)
	})
}

// Nothing brings a supervisor that has stopped back to work, and its inbox keeps nothing (SPEC 2).
func TestAStoppedInboxTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newInbox(nil)
		k := &taker{onStart: func() {}}
		m.RegisterHandlers(k, nil)
		m.PostSystemMessage(&actor.Started{})
		m.Start()
		assert.Equal(t, []any{&actor.Started{}}, k.got, "without a change of goroutine")
		m.PostSystemMessage(&actor.Stop{})
		synctest.Wait()
		m.PostUserMessage("late")
		m.PostSystemMessage(&actor.Stop{})
		synctest.Wait()
		assert.Equal(t, []any{&actor.Started{}, &actor.Stop{}}, k.got)
	})
}
