package actors

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

var errHandler = errors.New("the handler's own error")

// owner is who the actors of these tests work for.
type owner struct {
	handle func(*messages.Attempt) error
	late   bool // the record was given up before
	booked []error

	err     error // of the attempt
	failure *messages.AttemptFailed
}

func (o *owner) Handle(a *messages.Attempt) error      { o.err = nil; return o.handle(a) }
func (o *owner) Failed(_ *messages.Attempt, err error) { o.err = err }
func (o *owner) End(a *messages.Attempt) *messages.AttemptFailed {
	o.booked = append(o.booked, o.err)
	if o.err == nil || o.late {
		return nil
	}
	o.failure = &messages.AttemptFailed{Attempt: a, Err: o.err}
	return o.failure
}

// failure is what a supervisor receives.
type failure struct{ reason, message any }

// parent is a supervisor that takes down its children's failures, and resumes them.
type parent struct{ failures chan failure }

func (p *parent) Receive(actor.Context) {}
func (p *parent) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	s.ResumeChildren(child)
	p.failures <- failure{reason, message}
}

// SPEC 4, S1: a handler's error, panic or Goexit is booked once, and is its actor's failure; success is not,
// and neither is what comes late. The actor is there for the next record all the same.
func TestAHandlersFailureIsItsActors(t *testing.T) {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	for kind, propsOf := range map[string]func() *actor.Props{"record": RecordProps, "group": GroupProps} {
		for _, c := range []struct {
			name   string
			handle func(*messages.Attempt) error
			late   bool
			fails  bool
			check  func(*testing.T, error)
		}{
			{"success", func(*messages.Attempt) error { return nil }, false, false, func(t *testing.T, err error) { assert.NoError(t, err) }},
			{"error", func(*messages.Attempt) error { return errHandler }, false, true, func(t *testing.T, err error) { assert.Equal(t, errHandler, err) }},
			{"late error", func(*messages.Attempt) error { return errHandler }, true, false, func(t *testing.T, err error) { assert.Equal(t, errHandler, err) }},
			{"panic", func(*messages.Attempt) error { panic("v") }, false, true, func(t *testing.T, err error) {
				var p *batch.PanicError
				require.ErrorAs(t, err, &p)
				assert.Equal(t, "v", p.Value)
				assert.Contains(t, string(p.Stack), "TestAHandlersFailureIsItsActors")
			}},
			{"panic with nil", func(*messages.Attempt) error { panic(nil) }, false, true, func(t *testing.T, err error) {
				assert.ErrorIs(t, err, batch.ErrPanic)
			}},
			{"late panic", func(*messages.Attempt) error { panic("v") }, true, false, func(t *testing.T, err error) { assert.ErrorIs(t, err, batch.ErrPanic) }},
			{"Goexit", func(*messages.Attempt) error { runtime.Goexit(); return nil }, false, true, func(t *testing.T, err error) {
				assert.ErrorIs(t, err, batch.ErrGoexit)
			}},
			{"panic in a deferred call of Goexit", func(*messages.Attempt) error {
				defer func() { panic("v") }()
				runtime.Goexit()
				return nil
			}, false, true, func(t *testing.T, err error) { assert.ErrorIs(t, err, batch.ErrPanic) }},
			{"late Goexit", func(*messages.Attempt) error { runtime.Goexit(); return nil }, true, false, func(t *testing.T, err error) {
				assert.ErrorIs(t, err, batch.ErrGoexit)
			}},
		} {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				p := &parent{make(chan failure, 3)}
				spawned := make(chan *actor.PID, 1)
				o := &owner{handle: c.handle, late: c.late}
				top := system.Root.Spawn(actor.PropsFromFunc(func(ac actor.Context) {
					if _, ok := ac.Message().(*actor.Started); ok {
						spawned <- ac.Spawn(propsOf())
					}
				}, actor.WithSupervisor(p)))
				child := <-spawned
				first := &messages.Attempt{Shared: &messages.Shared{Context: context.Background(), Owner: o}, Index: 1, Number: 1}
				on(func() { system.Root.Send(child, first) })
				require.Len(t, o.booked, 1)
				c.check(t, o.booked[0])
				if c.fails {
					assert.Equal(t, failure{o.booked[0], o.failure}, <-p.failures)
				}

				o.handle = func(*messages.Attempt) error { return nil }
				on(func() { system.Root.Send(child, "what is not an attempt is ignored") })
				on(func() {
					system.Root.Send(child, &messages.Attempt{Shared: &messages.Shared{Context: context.Background(), Owner: o}, Index: 2, Number: 1})
				})
				assert.Len(t, o.booked, 2)
				assert.Empty(t, p.failures)
				system.Root.Stop(top)
			})
		}
	}
}
