package actors

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
)

// invoker is an actor as its mailbox sees it.
type invoker struct {
	actor.MessageInvoker // for what a mailbox does not call
	receive              func(message any)
	seen                 []any
	escalated            []any
}

func (i *invoker) InvokeSystemMessage(message any) { i.InvokeUserMessage(message) }
func (i *invoker) InvokeUserMessage(message any) {
	i.seen = append(i.seen, message)
	if i.receive != nil {
		i.receive(message)
	}
}
func (i *invoker) EscalateFailure(reason, message any) {
	i.escalated = append(i.escalated, reason, message)
}

func mailboxOf(receive func(any)) (actor.Mailbox, *invoker) {
	m, i := newMailbox(), &invoker{receive: receive}
	m.RegisterHandlers(i, nil)
	return m, i
}

var (
	stop    = &actor.Stop{}
	suspend = &actor.SuspendMailbox{}
	resume  = &actor.ResumeMailbox{}
)

// on runs f on a goroutine of its own and returns when that has ended, however it did.
func on(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// An actor works on the goroutine of whoever posts, and starts before anything else.
func TestAnActorWorksWhereItIsPostedTo(t *testing.T) {
	m, i := mailboxOf(nil)
	m.PostSystemMessage(started)
	assert.Empty(t, i.seen, "it does not start before Start")
	m.Start()
	m.PostUserMessage("one")
	m.PostSystemMessage(stop)
	assert.Equal(t, []any{started, "one", stop}, i.seen)
	assert.Empty(t, i.escalated)
	assert.Zero(t, m.UserMessageCount())
}

// SPEC O2: one message at a time, whoever posts.
func TestAnActorWorksOnOneMessageAtATime(t *testing.T) {
	working, most := 0, 0 // no lock: the race detector is to see what a mailbox lets through
	m, i := mailboxOf(func(any) {
		working++
		most = max(most, working)
		runtime.Gosched()
		working--
	})
	var posters sync.WaitGroup
	for n := range 8 {
		posters.Go(func() {
			for range 100 {
				if n%3 == 0 {
					m.PostSystemMessage(stop)
				} else {
					m.PostUserMessage(n)
				}
			}
		})
	}
	posters.Wait()
	assert.Len(t, i.seen, 800)
	assert.Equal(t, 1, most)
}

// SPEC S1: runtime.Goexit takes the poster's goroutine along, and nothing else: the actor is still there for
// the next one.
func TestAMailboxSurvivesGoexit(t *testing.T) {
	m, i := mailboxOf(func(message any) {
		if message == "exit" {
			runtime.Goexit()
		}
	})
	reached := false
	on(func() {
		m.PostUserMessage("exit")
		reached = true
	})
	assert.False(t, reached, "Goexit is Goexit")
	on(func() { m.PostUserMessage("next") })
	assert.Equal(t, []any{"exit", "next"}, i.seen)
	assert.Empty(t, i.escalated, "it is no panic")
}

// A panic that gets as far as the mailbox is the actor's failure, with what it was working on.
func TestAPanicIsTheActorsFailure(t *testing.T) {
	reason := errors.New("reason")
	m, i := mailboxOf(func(message any) {
		if message == "next" {
			return
		}
		panic(reason)
	})
	m.PostSystemMessage(started)
	m.Start()
	m.PostUserMessage("user")
	m.PostSystemMessage(stop)
	assert.Equal(t, []any{reason, started, reason, "user", reason, stop}, i.escalated)
	m.PostUserMessage("next")
	assert.Equal(t, []any{started, "user", stop, "next"}, i.seen)
}

// SPEC 4: an actor that has failed waits for its supervisor; it takes no record meanwhile, but is asked to
// stop or to restart.
func TestAFailedActorTakesNoRecordUntilItIsResumed(t *testing.T) {
	m, i := mailboxOf(nil)
	m.PostSystemMessage(suspend)
	m.PostUserMessage("lost")
	assert.Empty(t, i.seen)
	m.PostSystemMessage(stop)
	assert.Equal(t, []any{stop}, i.seen)
	m.PostSystemMessage(resume)
	m.PostUserMessage("taken")
	assert.Equal(t, []any{stop, "taken"}, i.seen, "and what was not taken is not kept")
}

// It suspends itself while it works, and must not wait for itself.
func TestAnActorSuspendsAndResumesItselfWhileItWorks(t *testing.T) {
	var m actor.Mailbox
	m, i := mailboxOf(func(message any) {
		switch message {
		case "fail":
			m.PostSystemMessage(suspend)
		case stop:
			m.PostSystemMessage(resume)
		}
	})
	on(func() {
		m.PostUserMessage("fail")
		m.PostUserMessage("lost")
		m.PostSystemMessage(stop)
		m.PostUserMessage("taken")
	})
	assert.Equal(t, []any{"fail", stop, "taken"}, i.seen)
}
