package supervisor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

// ledgerOf is the ledger of a batch whose slots are only counted.
func ledgerOf(cfg *Config, b *messages.Batch) (l *ledger, launched *int) {
	l = newLedger(invocationOf(context.Background(), time.Time{}), cfg, b, theProcess())
	launched = new(int)
	l.startSlot = func() { *launched++ }
	return l, launched
}

// taken is the handoff of a slot that has taken its first record.
func taken(l *ledger) *handoff {
	h := new(handoff)
	l.next(h)
	return h
}

// attempted ends the attempt of a handoff with err.
func attempted(l *ledger, h *handoff, err error) (failed bool) {
	h.err = err
	return l.attemptEnded(h)
}

// SPEC O1: records start in batch order, so slots go to work one after the other, each when the one before has come
// to its first record; and none does that has nothing to start.
func TestASlotIsPutToWorkOnlyIfThereIsSomethingToStart(t *testing.T) {
	for name, c := range map[string]struct {
		records, concurrency int
		before               func(*ledger)
		launched             int
	}{
		"a record":                        {2, 2, func(*ledger) {}, 1},
		"a slot is on its way":            {2, 2, func(l *ledger) { l.startSlotIfUseful() }, 1},
		"the slot has come to its record": {2, 2, func(l *ledger) { l.startSlotIfUseful(); l.slots.starting = false }, 2},
		"no slot is free":                 {2, 1, func(l *ledger) { l.startSlotIfUseful(); l.slots.starting = false }, 1},
		"no record is left":               {1, 2, func(l *ledger) { l.startSlotIfUseful(); taken(l) }, 1},
		"the batch has been stopped":      {2, 2, func(l *ledger) { l.haltBatch(batch.ErrStopped) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l, launched := ledgerOf(&Config{Concurrency: c.concurrency}, batchOf(c.records, 0, nil))
			c.before(l)
			l.startSlotIfUseful()
			assert.Equal(t, c.launched, *launched)
			assert.Equal(t, c.concurrency-c.launched, l.slots.free)
		})
	}
}

// SPEC P2, P3, P5: until there is a verdict on a failure nothing starts that the verdict could keep from starting. The
// slot goes on with another record at once only if no verdict can.
func TestAfterAFailureASlotGoesOnAtOnceOnlyIfNoVerdictCanStopARecord(t *testing.T) {
	decider := func(batch.Record, error) batch.Policy { return batch.StopBatch }
	for name, c := range map[string]struct {
		policy batch.Policy
		decide func(batch.Record, error) batch.Policy
		change func(*ledger)
		goesOn bool
	}{
		"continue":                      {batch.Continue, nil, func(*ledger) {}, true},
		"stop the group":                {batch.StopGroup, nil, func(*ledger) {}, false},
		"stop the batch":                {batch.StopBatch, nil, func(*ledger) {}, false},
		"continue, but who knows":       {batch.Continue, decider, func(*ledger) {}, false},
		"stop the group, but who knows": {batch.StopGroup, decider, func(*ledger) {}, false},
		"no slot is free":               {batch.Continue, nil, func(l *ledger) { l.slots.free = 0 }, false},
		"the batch has been stopped":    {batch.Continue, nil, func(l *ledger) { l.haltReason = batch.ErrStopped }, false},
		"no record is left":             {batch.Continue, nil, func(l *ledger) { l.schedule.queue.next = l.schedule.queue.end }, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := batchOf(2, 0, nil)
			b.Policy = c.policy
			l, _ := ledgerOf(&Config{Concurrency: 3, Decide: c.decide}, b)
			c.change(l)
			free := l.slots.free
			assert.Equal(t, c.goesOn, l.reserveReplacement())
			if c.goesOn {
				free--
			}
			assert.Equal(t, free, l.slots.free)
		})
	}
}

// SPEC D4: a record timeout is for one attempt. When the attempt has ended so has its context, and the timer that was to
// end it.
func TestTheContextOfAnAttemptWithATimeoutEndsWithIt(t *testing.T) {
	for name, result := range map[string]error{"success": nil, "failure": errHandler} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var first context.Context
				b := batchOf(2, 0, func(a *messages.Attempt) error {
					if a.Index == 0 {
						first = a.Context
						assert.NoError(t, first.Err())
						return result
					}
					assert.ErrorIs(t, first.Err(), context.Canceled)
					return nil
				})
				run(t.Context(), &Config{Concurrency: 1, RecordTimeout: time.Hour}, b)
				require.NotNil(t, first)
				synctest.Wait()
			})
		})
	}
}

// SPEC 4: the actor of a group ends when the group has nothing left to do, not with the batch.
func TestTheActorOfAGroupEndsWithItsGroup(t *testing.T) {
	for name, c := range map[string]struct {
		policy batch.Policy
		result error
	}{
		"succeeded":            {batch.Continue, nil},
		"failed and went on":   {batch.Continue, errHandler},
		"failed and was ended": {batch.StopGroup, errHandler},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &starts{started: map[string]int{}, stopped: map[string]int{}}
				var ended []int // actors that had been stopped when record 3, 4 and 5 began
				b := batchOf(6, 0, func(a *messages.Attempt) error {
					if a.Index >= 3 {
						time.Sleep(time.Second)
						s.mu.Lock()
						ended = append(ended, len(s.stopped))
						s.mu.Unlock()
					}
					return c.result
				})
				b.Ordered, b.Policy = true, c.policy
				for i := range b.Results {
					b.Results[i].Group = []string{"a", "b", "c", "a", "b", "c"}[i]
				}
				if c.policy == batch.StopGroup { // six groups of one, or records 3 to 5 would not start
					for i := range b.Results {
						b.Results[i].Group = fmt.Sprint(i)
					}
				}
				run(t.Context(), &Config{Concurrency: 1, Actors: []actor.PropsOption{actor.WithReceiverMiddleware(s.watch)}}, b)
				synctest.Wait()
				if c.policy == batch.StopGroup {
					assert.Equal(t, []int{3, 4, 5}, ended)
				} else {
					assert.Equal(t, []int{0, 1, 2}, ended)
				}
			})
		})
	}
}

// SPEC P6: a record is tried again only if there will be time, and only while the batch goes on.
func TestARecordGoesIntoBackoffOnlyIfThereWillBeAnotherAttempt(t *testing.T) {
	const backoff = time.Second
	for name, c := range map[string]struct {
		left   time.Duration // until the cutoff; 0 for none
		change func(l *ledger, cancel func())
		again  bool
	}{
		"no cutoff":                  {0, func(*ledger, func()) {}, true},
		"time enough":                {backoff + 1, func(*ledger, func()) {}, true},
		"it would end at the cutoff": {backoff, func(*ledger, func()) {}, false},
		"it would pass the cutoff":   {backoff - 1, func(*ledger, func()) {}, false},
		"the batch has been stopped": {0, func(l *ledger, _ func()) { l.haltReason = batch.ErrStopped }, false},
		"it is being cancelled":      {0, func(_ *ledger, cancel func()) { cancel() }, false},
		"the batch is closed":        {0, func(l *ledger, _ func()) { l.closed = true }, false},
		"it has its outcome":         {0, func(l *ledger, _ func()) { l.states[0] = settled }, false},
	} {
		for _, concurrency := range []int{1, 2} {
			t.Run(fmt.Sprint(name, "/", concurrency), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					var cutoff time.Time
					if c.left > 0 {
						cutoff = time.Now().Add(c.left)
					}
					l := newLedger(invocationOf(ctx, cutoff), &Config{Concurrency: concurrency}, batchOf(2, 0, nil), theProcess())
					l.startSlot = func() {}
					l.startSlotIfUseful()
					h := taken(l)
					require.True(t, attempted(l, h, errHandler))
					free := l.slots.free
					c.change(l, cancel)

					assert.Equal(t, c.again, l.backOff(h.job.attempt, actor.NewPID("", "0"), backoff))
					switch {
					case !c.again:
						assert.NotEqual(t, waiting, l.states[0])
						assert.Equal(t, free, l.slots.free)
					case concurrency == 1:
						assert.Equal(t, free, l.slots.free, "it keeps the slot")
					default:
						assert.Equal(t, free+1, l.slots.free, "it holds no slot")
					}
					l.stopTimer(0)
				})
			})
		}
	}
}

// The end of a back-off arrives as a message, which may come when the record has its outcome (SPEC S1, P6).
func TestABackoffThatEndsLateChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := ledgerOf(&Config{Concurrency: 1}, batchOf(1, 0, nil))
		l.startSlotIfUseful()
		h := taken(l)
		require.True(t, attempted(l, h, errHandler))
		require.True(t, l.backOff(h.job.attempt, actor.NewPID("", "0"), time.Hour))
		l.haltBatch(batch.ErrStopped)
		require.Equal(t, settled, l.states[0])
		assert.Empty(t, l.timers, "the timer does not keep the batch until then")
		free := l.slots.free

		l.backOffOver(h.job.attempt)
		assert.Equal(t, settled, l.states[0])
		assert.True(t, l.schedule.empty())
		assert.Equal(t, free, l.slots.free)
	})
}

// SPEC D1, D4: a handler that is given up for the record timeout after the cutoff had both to end for.
func TestAHandlerGivenUpAfterTheCutoffMatchesTheDeadlineToo(t *testing.T) {
	for timeout, late := range map[time.Duration]bool{
		9300 * time.Millisecond: false, // given up 100 ms later, and the cutoff is after 9.5 s
		9450 * time.Millisecond: true,
	} {
		t.Run(timeout.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				b := batchOf(1, 0, func(*messages.Attempt) error { time.Sleep(time.Minute); return nil })
				report := run(ctx, &Config{Concurrency: 1, RecordTimeout: timeout}, b)
				assert.Equal(t, timeout+timeoutGrace, report.Duration)
				require.ErrorIs(t, report.Records[0].Err, batch.ErrAbandoned)
				require.ErrorIs(t, report.Records[0].Err, batch.ErrRecordTimeout)
				assert.Equal(t, late, errors.Is(report.Records[0].Err, batch.ErrDeadline))
				time.Sleep(time.Hour) // the handler has returned
			})
		})
	}
}

// SPEC S1, 2: a hook is called for each failed record once, of one too whose failure the supervisor has not come to by the
// last call.
func TestAFailureWithoutAVerdictAtTheLastCallIsToldOnce(t *testing.T) {
	b := batchOf(1, 0, nil)
	var told []error
	b.Failed = func(_ batch.Record, err error) { told = append(told, err) }
	l, _ := ledgerOf(&Config{Concurrency: 1}, b)
	l.startSlotIfUseful()
	h := taken(l)
	require.True(t, attempted(l, h, errHandler))
	l.slots.active = 0
	l.closeNow()
	assert.Equal(t, []error{errHandler}, told)

	(&supervisor{ledger: l, strategy: continuePolicy{}}).judge(&verdict{supervisor: &supervisor{ledger: l}, failure: &messages.AttemptFailed{Attempt: h.job.attempt}}, errHandler)
	assert.Len(t, told, 1, "the verdict comes too late")
	assert.Equal(t, batch.Result{ID: "0", Attempts: 1, Err: errHandler, Duration: b.Results[0].Duration, Queued: b.Results[0].Queued}, b.Results[0])
}

// SPEC O1, P1: a failure costs no slot, whether the slot goes on at once or waits for the verdict.
func TestAFailureCostsNoSlot(t *testing.T) {
	for range 100 { // it is a matter of scheduling how many slots are at work by then
		synctest.Test(t, func(t *testing.T) {
			b := batchOf(1+3*4, 0, func(a *messages.Attempt) error {
				if a.Index > 0 {
					time.Sleep(time.Second)
				}
				return errHandler
			})
			report := run(t.Context(), &Config{Concurrency: 3}, b)
			assert.Equal(t, 4*time.Second, report.Duration, "three at once")
			synctest.Wait()
		})
	}
}

// SPEC 2: a supervisor that comes to its start when the batch is over already has nothing to stay for.
func TestASupervisorThatStartsTooLateEndsAtOnce(t *testing.T) {
	firstBatch(t)
	synctest.Test(t, func(t *testing.T) {
		before := registered()
		l := newLedger(invocationOf(t.Context(), time.Time{}), &Config{Concurrency: 1}, batchOf(3, 0, nil), theProcess())
		l.closeNow()
		spawn(l)
		synctest.Wait()
		assert.Equal(t, before, registered(), "processes in the actor system")
	})
}

// SPEC D4, P2: a record timeout that comes when its attempt has ended is no failure, or it would stop a batch in which
// nothing has failed.
func TestATimeoutThatComesLateIsNoFailure(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*ledger, *handoff)
		abandon bool
	}{
		"it is in time":             {func(*ledger, *handoff) {}, true},
		"the attempt has succeeded": {func(l *ledger, h *handoff) { attempted(l, h, nil) }, false},
		"the attempt has failed":    {func(l *ledger, h *handoff) { attempted(l, h, errHandler) }, false},
		"another attempt is made":   {func(l *ledger, h *handoff) { l.batch.Results[h.job.attempt.Index].Attempts++ }, false},
		"the batch is closed":       {func(l *ledger, _ *handoff) { l.closed = true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := &process{}
			l := newLedger(invocationOf(t.Context(), time.Time{}), &Config{Concurrency: 1, Retry: batch.Retry{Times: 1}}, batchOf(2, 0, nil), p)
			l.startSlot = func() {}
			l.startSlotIfUseful()
			h := taken(l)
			c.change(l, h)
			assert.Equal(t, c.abandon, l.abandon(h.job.attempt))
			assert.Equal(t, c.abandon, p.abandoned.Load() == 1)
		})
	}
}

// SPEC D2, D4: what a handler returns after its record was given up is not booked, while the batch goes on as when it is
// over.
func TestALateResultIsNotBooked(t *testing.T) {
	for name, after := range map[string]func(*ledger){
		"the batch goes on": func(*ledger) {},
		"it is over":        (*ledger).closeNow,
	} {
		for _, err := range []error{nil, errHandler, errNotBegun} {
			t.Run(fmt.Sprint(name, "/", err), func(t *testing.T) {
				p := theProcess()
				defer p.abandoned.Store(p.abandoned.Load()) // there are no handlers that end
				b := batchOf(3, 0, nil)
				l, _ := ledgerOf(&Config{Concurrency: 2}, b)
				l.supervisorStarted(p.system.NewLocalPID("nobody"))
				l.startSlotIfUseful()
				first := taken(l)
				l.startSlotIfUseful()
				taken(l)
				require.True(t, l.abandon(first.job.attempt))
				after(l)
				was, free, open := b.Results[0], l.slots.free, l.open
				assert.False(t, attempted(l, first, err))
				assert.Equal(t, late, first.ended)
				assert.Equal(t, was, b.Results[0])
				assert.Equal(t, []int{free, open}, []int{l.slots.free, l.open})
				assert.False(t, l.abandon(first.job.attempt), "it is given up once")
			})
		}
	}
}

// One ends the supervisor: either the last slot, for whose message the supervisor waits, or the supervisor itself, if
// no slot is active when the batch is closed. A message to a supervisor that has stopped would be a dead letter, and
// protoactor starts a goroutine for that.
func TestOneEndsTheSupervisor(t *testing.T) {
	open := func() *ledger {
		l, _ := ledgerOf(&Config{Concurrency: 2}, batchOf(3, 0, nil))
		l.supervisorStarted(theProcess().system.NewLocalPID("nobody"))
		l.slots.active = 2
		return l
	}
	l := open()
	assert.False(t, l.slotInactive(false), "another slot is active")
	assert.False(t, l.end())
	l.closeNow()
	assert.False(t, l.end(), "a slot is active")
	assert.True(t, l.slotInactive(false))
	assert.False(t, l.end(), "the slot's message is on its way")

	l = open()
	assert.False(t, l.slotInactive(false))
	assert.False(t, l.slotInactive(false), "the batch is open")
	l.closeNow()
	assert.True(t, l.end())
	assert.False(t, l.end(), "once")
}

// SPEC I2: what a handler marks is in the result of its record, and counted.
func TestMarksAreInTheResults(t *testing.T) {
	for name, c := range map[string]struct {
		marks                  batch.Marks
		duplicates, unrecorded int
	}{
		"none":       {0, 0, 0},
		"duplicate":  {batch.Duplicate, 2, 0},
		"unrecorded": {batch.Unrecorded, 0, 2},
		"both":       {batch.Duplicate | batch.Unrecorded, 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t.Context(), &Config{Concurrency: 1}, batchOf(2, 0, func(a *messages.Attempt) error {
				a.Mark(c.marks)
				return nil
			}))
			assert.Equal(t, []int{2, c.duplicates, c.unrecorded}, []int{r.Succeeded, r.Duplicates, r.Unrecorded})
			assert.Equal(t, c.duplicates > 0, r.Records[1].Duplicate)
			assert.Equal(t, c.unrecorded > 0, r.Records[1].Unrecorded)
		})
	}
}
