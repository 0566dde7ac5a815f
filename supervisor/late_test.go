package supervisor

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

// held keeps attempts from their actors for a while, as a machine without time to spare does.
func held(pause func(*messages.Attempt) time.Duration) actor.PropsOption {
	return actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(c actor.ReceiverContext, envelope *actor.MessageEnvelope) {
			if a, ok := envelope.Message.(*messages.Attempt); ok {
				time.Sleep(pause(a))
			}
			next(c, envelope)
		}
	})
}

// SPEC D1: no handler is called after the cutoff, not even for a record that was taken before it. The record
// counts as not started; if an attempt was made before, that one and its error stand.
func TestARecordTakenBeforeTheCutoffIsNotHandledAfterIt(t *testing.T) {
	for _, groups := range []int{0, 1} {
		for _, c := range []struct {
			name       string
			held       int32 // the number of the attempt that comes too late
			called     int
			notStarted int
			why        error
		}{
			{"the first attempt", 1, 0, 1, batch.ErrNotStarted},
			{"another attempt", 2, 1, 0, errHandler},
		} {
			t.Run(c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // the cutoff is after 9.5 s
					defer cancel()
					called := 0
					b := batchOf(1, groups, func(*messages.Attempt) error { called++; return errHandler })
					late := func(a *messages.Attempt) time.Duration {
						if a.Number != c.held {
							return 0
						}
						return 9600 * time.Millisecond
					}
					report := run(ctx, &Config{
						Concurrency: 1, Actors: []actor.PropsOption{held(late)},
						Retry: batch.Retry{Times: 3, Backoff: func(int) time.Duration { return 0 }},
					}, b)
					assert.Equal(t, c.called, called)
					assert.Equal(t, []int{1, c.notStarted, 0}, []int{report.Failed, report.NotStarted, report.Retried})
					assert.Equal(t, c.called, report.Records[0].Attempts)
					require.ErrorIs(t, report.Records[0].Err, c.why)
					assert.Equal(t, 9600*time.Millisecond, report.Duration, "nothing is left to wait for until the last call")
					synctest.Wait()
				})
			})
		}
	}
}

// SPEC D4: an attempt whose time is used up before its handler was called, for want of a CPU, has failed, and the handler
// is not called: the record may have been given up by then.
func TestAnAttemptWhoseTimeIsUpIsNotHandled(t *testing.T) {
	for _, groups := range []int{0, 1} {
		for _, c := range []struct {
			name      string
			held      time.Duration
			abandoned int
		}{
			{"in its grace", 1050 * time.Millisecond, 0},
			{"given up", 1500 * time.Millisecond, 1},
		} {
			t.Run(c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					called := 0
					b := batchOf(1, groups, func(*messages.Attempt) error { called++; return nil })
					report := run(t.Context(), &Config{
						Concurrency: 1, RecordTimeout: time.Second, Retry: batch.Retry{Times: 3},
						Actors: []actor.PropsOption{held(func(*messages.Attempt) time.Duration { return c.held })},
					}, b)
					synctest.Wait()
					time.Sleep(time.Second)
					assert.Zero(t, called)
					assert.Equal(t, []int{1, c.abandoned, 0}, []int{report.Failed, report.Abandoned, report.Retried})
					require.ErrorIs(t, report.Records[0].Err, batch.ErrRecordTimeout)
					assert.Zero(t, stillRunning())
				})
			})
		}
	}
}

// SPEC D4: durations are the user's. The longest there is does not wrap around to one that is over at once.
func TestTheLongestRecordTimeoutIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := batchOf(3, 0, func(*messages.Attempt) error { time.Sleep(time.Hour); return nil })
		report := run(t.Context(), &Config{Concurrency: 3, RecordTimeout: math.MaxInt64}, b)
		assert.Equal(t, []int{3, 0}, []int{report.Succeeded, report.Abandoned}, "%v", report.Records[0].Err)
		synctest.Wait()
	})
}

// A record timeout arrives as a message, which may come when its attempt has ended: it is not about what has
// come of the record since (SPEC D4).
func TestATimeoutThatComesLateChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made [2]*messages.Attempt // at record 0
		b := batchOf(2, 0, func(a *messages.Attempt) error {
			if a.Index == 0 {
				made[a.Number-1] = a
			}
			if a.Index == 0 && a.Number == 1 {
				return errHandler
			}
			time.Sleep(time.Duration(a.Index+1) * 10 * time.Second) // record 0 ends after 10 s, record 1 after 20
			return nil
		})
		done := make(chan *batch.Report, 1)
		go func() {
			report := run(t.Context(), &Config{Concurrency: 2, Retry: batch.Retry{Times: 1, Backoff: func(int) time.Duration { return 0 }}}, b)
			done <- report
		}()
		for i := range made { // while the next attempt is made, after 7 s, and when the record has succeeded, after 14
			time.Sleep(7 * time.Second)
			synctest.Wait()
			theProcess().system.Root.Send(supervisorOf(t), &messages.Expired{Attempt: made[i]})
		}
		report := <-done
		assert.Equal(t, []int{2, 0, 1}, []int{report.Succeeded, report.Abandoned, report.Retried})
		synctest.Wait()
	})
}

// A slot whose actor dies before the handler is called still hands on to the next slot, or everything behind
// would run one at a time.
func TestAnActorThatCannotStartKeepsNoSlotFromWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(c actor.ReceiverContext, envelope *actor.MessageEnvelope) {
				if _, ok := envelope.Message.(*actor.Started); ok && strings.HasSuffix(c.Self().GetId(), "/0") {
					panic("the actor cannot start")
				}
				next(c, envelope)
			}
		})
		b := batchOf(4, 0, func(*messages.Attempt) error { time.Sleep(time.Second); return nil })
		report := run(t.Context(), &Config{Concurrency: 3, Actors: []actor.PropsOption{broken}}, b)
		assert.Equal(t, []int{3, 1}, []int{report.Succeeded, report.Failed})
		assert.Equal(t, time.Second, report.Duration, "three at once")
		time.Sleep(time.Minute) // dead letters have been seen to
	})
}
