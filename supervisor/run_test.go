package supervisor

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

// batchOf is a batch of n records, in as many groups, or without order if there are none.
func batchOf(n, groups int, handle func(*messages.Attempt) error) *messages.Batch {
	b := &messages.Batch{Source: batch.Kinesis, Results: make([]batch.Result, n), Barrier: n, Ordered: groups > 0, Policy: batch.Continue, Handle: handle, Warn: func(string, ...any) {}}
	for i := range b.Results {
		b.Results[i].ID = fmt.Sprint(i)
		if groups > 0 {
			b.Results[i].Group = fmt.Sprint(i % groups)
		}
	}
	return b
}

// starts counts the actors that are started and restarted, by their names.
type starts struct {
	mu               sync.Mutex
	started, stopped map[string]int
	restarting       int
	groups           int // starts of group actors
}

func (s *starts) watch(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(c actor.ReceiverContext, envelope *actor.MessageEnvelope) {
		s.mu.Lock()
		switch envelope.Message.(type) {
		case *actor.Started:
			s.started[c.Self().GetId()]++
			if _, group := c.Actor().(*actors.Group); group {
				s.groups++
			}
		case *actor.Restarting:
			s.restarting++
		case *actor.Stopped:
			s.stopped[c.Self().GetId()]++
		}
		s.mu.Unlock()
		next(c, envelope)
	}
}

// SPEC 4: in an unordered batch each record that is started has an actor of its own, in an ordered one each
// group that is; a record that is tried again keeps its actor, which is restarted; every actor is stopped.
func TestEachRecordOrGroupHasOneActor(t *testing.T) {
	for _, c := range []struct {
		name        string
		n, groups   int
		concurrency int
		policy      batch.Policy
		retry       batch.Retry
		handle      func(*messages.Attempt) error
		actors      int
		restarts    int
		attempts    int
	}{
		{"records", 100, 0, 16, batch.Continue, batch.Retry{}, func(*messages.Attempt) error { return nil }, 100, 0, 100},
		{"records, one at a time", 100, 0, 1, batch.Continue, batch.Retry{}, func(*messages.Attempt) error { return nil }, 100, 0, 100},
		{"records that fail", 100, 0, 16, batch.Continue, batch.Retry{}, func(*messages.Attempt) error { return errHandler }, 100, 0, 100},
		{"records that panic", 100, 0, 16, batch.Continue, batch.Retry{}, func(*messages.Attempt) error { panic(1) }, 100, 0, 100},
		{"records that end the goroutine", 100, 0, 16, batch.Continue, batch.Retry{}, func(*messages.Attempt) error { runtime.Goexit(); return nil }, 100, 0, 100},
		{"records that are tried again", 100, 0, 16, batch.Continue, batch.Retry{Times: 2}, func(*messages.Attempt) error { return errHandler }, 100, 200, 300},
		{"records that are stopped", 100, 0, 1, batch.StopBatch, batch.Retry{}, func(a *messages.Attempt) error { return failAt(a, 29) }, 30, 0, 30},
		{"groups", 100, 7, 16, batch.StopGroup, batch.Retry{}, func(*messages.Attempt) error { return nil }, 7, 0, 100},
		{"groups, one at a time", 100, 7, 1, batch.StopGroup, batch.Retry{}, func(*messages.Attempt) error { return nil }, 7, 0, 100},
		{"groups that fail and go on", 100, 7, 16, batch.Continue, batch.Retry{}, func(*messages.Attempt) error { return errHandler }, 7, 0, 100},
		{"groups that fail and stop", 100, 7, 16, batch.StopGroup, batch.Retry{}, func(*messages.Attempt) error { return errHandler }, 7, 0, 7},
		{"groups that are tried again", 70, 7, 16, batch.Continue, batch.Retry{Times: 2}, func(*messages.Attempt) error { return errHandler }, 7, 140, 210},
		{"groups that are stopped", 100, 7, 1, batch.StopBatch, batch.Retry{}, func(a *messages.Attempt) error { return failAt(a, 3) }, 4, 0, 4},
		{"a group for each record", 100, 100, 16, batch.StopGroup, batch.Retry{}, func(*messages.Attempt) error { return nil }, 100, 0, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &starts{started: map[string]int{}, stopped: map[string]int{}}
				cfg := &Config{Concurrency: c.concurrency, Retry: c.retry, Actors: []actor.PropsOption{actor.WithReceiverMiddleware(s.watch)}}
				var mu sync.Mutex
				attempts := 0
				b := batchOf(c.n, c.groups, func(a *messages.Attempt) error {
					mu.Lock()
					attempts++
					mu.Unlock()
					time.Sleep(time.Millisecond)
					return c.handle(a)
				})
				b.Policy = c.policy
				run(t.Context(), cfg, b)
				synctest.Wait()
				assert.Equal(t, c.attempts, attempts)
				assert.Len(t, s.started, c.actors, "one actor each")
				assert.Equal(t, c.restarts, s.restarting)
				restarted := 0
				for name, times := range s.started {
					assert.Equal(t, 1, s.stopped[name], "%s is stopped, once", name)
					restarted += times - 1
				}
				assert.Equal(t, c.restarts, restarted)
				assert.Len(t, s.stopped, c.actors)
				if c.groups > 0 {
					assert.Equal(t, c.actors+c.restarts, s.groups, "group actors")
				} else {
					assert.Zero(t, s.groups, "group actors")
				}
			})
		})
	}
}

func failAt(a *messages.Attempt, i int32) error {
	if a.Index == i {
		return errHandler
	}
	return nil
}

// registered counts the processes that the actor system knows.
func registered() int { return registeredIn(theProcess().system) }

func registeredIn(system *actor.ActorSystem) (n int) {
	for _, bucket := range system.ProcessRegistry.LocalPIDs.LocalPIDs {
		n += bucket.Count() / cmap.SHARD_COUNT // all shards are the same one
	}
	return n
}

// firstBatch is for tests that count processes: the guardian is registered with the first batch of the process.
func firstBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run(t.Context(), &Config{Concurrency: 1}, batchOf(1, 0, func(*messages.Attempt) error { return nil }))
	})
}

// SPEC 2: nothing of a batch stays in the actor system, which is the process's.
func TestNothingOfABatchStaysInTheActorSystem(t *testing.T) {
	firstBatch(t)
	for _, groups := range []int{0, 5} {
		for name, c := range map[string]struct {
			policy batch.Policy
			retry  batch.Retry
			limit  time.Duration
			left   time.Duration
			handle func(*messages.Attempt, <-chan struct{}) error
		}{
			"success":        {batch.Continue, batch.Retry{}, 0, 0, func(*messages.Attempt, <-chan struct{}) error { return nil }},
			"failure":        {batch.Continue, batch.Retry{}, 0, 0, func(*messages.Attempt, <-chan struct{}) error { return errHandler }},
			"stopped groups": {batch.StopGroup, batch.Retry{}, 0, 0, func(*messages.Attempt, <-chan struct{}) error { return errHandler }},
			"stop":           {batch.StopBatch, batch.Retry{}, 0, 0, func(*messages.Attempt, <-chan struct{}) error { return errHandler }},
			"panics":         {batch.Continue, batch.Retry{}, 0, 0, func(*messages.Attempt, <-chan struct{}) error { panic(1) }},
			"Goexit":         {batch.Continue, batch.Retry{}, 0, 0, func(*messages.Attempt, <-chan struct{}) error { runtime.Goexit(); return nil }},
			"retries":        {batch.Continue, batch.Retry{Times: 2, Panics: true}, 0, 0, func(*messages.Attempt, <-chan struct{}) error { panic(1) }},
			"retries that succeed": {batch.Continue, batch.Retry{Times: 2}, 0, 0, func(a *messages.Attempt, _ <-chan struct{}) error {
				if a.Number == 1 {
					return errHandler
				}
				return nil
			}},
			"cut in back-off": {batch.Continue, batch.Retry{Times: 1, Base: time.Hour, Max: time.Hour}, 0, time.Minute, func(a *messages.Attempt, _ <-chan struct{}) error {
				return errHandler
			}},
			"stopped in back-off": {batch.StopBatch, batch.Retry{Times: 1, Base: time.Hour, Max: time.Hour}, 0, 0, func(a *messages.Attempt, _ <-chan struct{}) error {
				if a.Index == 3 {
					time.Sleep(time.Second)
					return batch.Permanent(errHandler)
				}
				return errHandler
			}},
			"stopped in back-off, and a handler abandoned": {batch.StopBatch, batch.Retry{Times: 1, Base: 30 * time.Second, Max: 30 * time.Second}, 0, time.Minute, func(a *messages.Attempt, release <-chan struct{}) error {
				switch a.Index {
				case 0:
					<-release
				case 3:
					time.Sleep(time.Second)
					return batch.Permanent(errHandler)
				}
				return errHandler
			}},
			"abandoned by the record timeout": {batch.Continue, batch.Retry{}, time.Second, 0, func(a *messages.Attempt, release <-chan struct{}) error {
				if a.Index%7 == 0 {
					<-release
				}
				return nil
			}},
			"abandoned at the last call": {batch.Continue, batch.Retry{}, 0, time.Second, func(a *messages.Attempt, release <-chan struct{}) error {
				if a.Index%7 == 0 {
					<-release
				}
				return nil
			}},
			"abandoned, then ended all ways": {batch.Continue, batch.Retry{}, 0, time.Second, func(a *messages.Attempt, release <-chan struct{}) error {
				<-release
				switch a.Index % 3 {
				case 0:
					panic(1)
				case 1:
					runtime.Goexit()
				}
				return errHandler
			}},
			"cut": {batch.Continue, batch.Retry{}, 0, time.Second, func(a *messages.Attempt, _ <-chan struct{}) error { <-a.Done(); return a.Err() }},
		} {
			t.Run(fmt.Sprint(name, "/", groups), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					before, running := registered(), theProcess().abandoned.Load()
					ctx := context.Background()
					if c.left > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, c.left)
						defer cancel()
					}
					release := make(chan struct{})
					b := batchOf(40, groups, func(a *messages.Attempt) error { return c.handle(a, release) })
					b.Policy = c.policy
					report := run(ctx, &Config{Concurrency: 8, Retry: c.retry, RecordTimeout: c.limit}, b)
					assert.Equal(t, 40, report.Succeeded+report.Failed)
					close(release)
					synctest.Wait()
					assert.Equal(t, before, registered(), "processes in the actor system")
					assert.Equal(t, running, theProcess().abandoned.Load(), "abandoned handlers still counted")
				})
			})
		}
	}
}

// No actor is left of a record whose handler ended the goroutine and that the last resort dropped.
func TestADroppedRecordThatEndedItsGoroutineLeavesNoActor(t *testing.T) {
	firstBatch(t)
	for _, groups := range []int{0, 5} {
		synctest.Test(t, func(t *testing.T) {
			before := registered()
			b := batchOf(40, groups, func(*messages.Attempt) error { runtime.Goexit(); return nil })
			b.Policy = batch.Continue
			b.LastResort = func(context.Context, batch.Record, error) error { return nil }
			report := run(t.Context(), &Config{Concurrency: 8}, b)
			assert.Equal(t, 40, report.Dropped)
			synctest.Wait()
			assert.Equal(t, before, registered(), "processes in the actor system")
		})
	}
}

// SPEC S2, S1: were the batch supervisor itself to fail, nobody would wait for ever, and no record would go
// unreported.
func TestABatchWhoseSupervisorFailsIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := batchOf(20, 0, func(a *messages.Attempt) error {
			time.Sleep(time.Duration(a.Index+1) * time.Second)
			return failAt(a, 4)
		})
		cfg := &Config{Concurrency: 8}
		done := make(chan *batch.Report)
		go func() {
			report := run(context.Background(), cfg, b)
			done <- report
		}()
		time.Sleep(1500 * time.Millisecond) // the first record has succeeded, eight are running
		// A message that no supervisor understands is ignored; an Expired without its attempt makes this one
		// panic.
		theProcess().system.Root.Send(supervisorOf(t), &messages.Expired{})
		select {
		case report := <-done:
			assert.Equal(t, 1, report.Succeeded)
			assert.Equal(t, 19, report.Failed)
			for _, r := range report.Records[1:] {
				assert.Error(t, r.Err)
			}
		case <-time.After(time.Hour):
			require.Fail(t, "the batch never ended")
		}
		time.Sleep(time.Hour) // its handlers have returned
	})
}

// supervisorOf finds the supervisor of the only batch there is.
func supervisorOf(t *testing.T) *actor.PID {
	t.Helper()
	name := fmt.Sprint("b", theProcess().batches.Load())
	pid := actor.NewPID(theProcess().system.Address(), name)
	_, there := theProcess().system.ProcessRegistry.Get(pid)
	require.True(t, there, name)
	return pid
}

// SPEC D1: what follows from a reserve, in numbers.
func TestTheTimetableFollowsFromTheReserve(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const ms = time.Millisecond
	for _, c := range []struct {
		name                    string
		left, reserve           time.Duration
		cutoff, lastCall, leave time.Duration // before the deadline
		logs                    bool
	}{
		{"long, default", 15 * time.Minute, 0, 500 * ms, 125 * ms, 62500 * time.Microsecond, false},
		{"short, default", 100 * ms, 0, 20 * ms, 5 * ms, 2500 * time.Microsecond, false},
		{"given", time.Minute, 8 * time.Second, 8 * time.Second, 2 * time.Second, time.Second, false},
		{"half", 16 * time.Second, 8 * time.Second, 8 * time.Second, 2 * time.Second, time.Second, false},
		{"too much", 8 * time.Second, time.Hour, 4 * time.Second, time.Second, 500 * ms, true},
		{"given, the least", time.Minute, 10 * ms, 10 * ms, 5 * ms, 2500 * time.Microsecond, false},
		{"given, less than the least", time.Minute, time.Microsecond, 10 * ms, 5 * ms, 2500 * time.Microsecond, false},
		{"given, the longest there is", time.Minute, math.MaxInt64, 30 * time.Second, 7500 * ms, 3750 * ms, true},
		{"a default below the floor", 49 * ms, 0, 10 * ms, 5 * ms, 2500 * time.Microsecond, false},
		{"just enough to start", 20 * ms, 0, 10 * ms, 5 * ms, 2500 * time.Microsecond, false},
		{"just enough to start, given", 20 * ms, time.Second, 10 * ms, 5 * ms, 2500 * time.Microsecond, true},
		{"too little to start", 20*ms - 1, 0, 20*ms - 1, 5 * ms, 2500 * time.Microsecond, false},
		{"too little to start, given", 20*ms - 1, time.Second, 20*ms - 1, 5 * ms, 2500 * time.Microsecond, false},
		{"no time left", 0, time.Hour, 0, 5 * ms, 2500 * time.Microsecond, false},
		{"the deadline has passed", -time.Hour, 0, -time.Hour, 5 * ms, 2500 * time.Microsecond, false},
		{"decades", 90 * 365 * 24 * time.Hour, 0, 500 * ms, 125 * ms, 62500 * time.Microsecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			deadline := now.Add(c.left)
			times, cut := timesOf(deadline, &Config{Reserve: c.reserve}, now)
			assert.Equal(t, batch.Times{Cutoff: deadline.Add(-c.cutoff), LastCall: deadline.Add(-c.lastCall), Leave: deadline.Add(-c.leave), Deadline: deadline}, times)
			assert.Equal(t, c.logs, len(cut) > 0, "%v", cut)
		})
	}
	for _, c := range []struct {
		left, reserve, least, want time.Duration
		logs                       bool
	}{
		{time.Minute, 0, time.Second, time.Second, false},
		{time.Minute, 200 * ms, time.Second, time.Second, false},
		{time.Minute, 3 * time.Second, time.Second, 3 * time.Second, false},
		{2 * time.Second, 0, time.Second, time.Second, false},
		{1500 * ms, 0, time.Second, 750 * ms, true},
		{10 * ms, 0, time.Second, 10 * ms, false},
	} {
		times, cut := timesOf(now.Add(c.left), &Config{Reserve: c.reserve, LeastReserve: c.least}, now)
		assert.Equal(t, c.want, times.Deadline.Sub(times.Cutoff), "SPEC V3: %v", c)
		assert.Equal(t, c.logs, len(cut) > 0, "SPEC V3: %v", cut)
	}
	in := Begin(context.Background(), &Config{})
	defer in.End()
	assert.Equal(t, batch.Times{}, in.Times, "SPEC D5")
	assert.Empty(t, in.cutLog)
}

// SPEC S10: the sender's limit counts from arrival, and where the function's deadline is later or missing.
func TestTheEarlierOfTwoDeadlinesCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for left, want := range map[time.Duration]time.Duration{0: 5 * time.Minute, time.Minute: time.Minute, 5 * time.Minute: 5 * time.Minute, 15 * time.Minute: 5 * time.Minute} {
			ctx, cancel := context.WithCancel(context.Background())
			if left > 0 {
				ctx, cancel = context.WithDeadline(context.Background(), now.Add(left))
			}
			in := Begin(ctx, &Config{})
			in.Within(&Config{}, 5*time.Minute)
			assert.Equal(t, now.Add(want), in.Times.Deadline, left)
			cutoff, ok := in.Handlers().Deadline()
			assert.True(t, ok)
			assert.Equal(t, now.Add(want-500*time.Millisecond), cutoff, left)
			in.End()
			cancel()
		}
	})
}

// SPEC R2: the first of two steps has half of the time to the cutoff, and its last call follows as the batch's does, or
// sooner if time is short. A reserve that was cut is logged once.
func TestTheFirstHalfHasItsOwnCutoffAndLastCall(t *testing.T) {
	const ms = time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			left, reserve, cutoff, lastCall time.Duration
			logs                            bool
		}{
			{10 * time.Second, 0, 4750 * ms, 5125 * ms, false},
			{100 * ms, 0, 40 * ms, 50 * ms, false},
			{10 * time.Second, time.Minute, 2500 * ms, 3125 * ms, true},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), c.left)
			in := Begin(ctx, &Config{Reserve: c.reserve})
			half := in.FirstHalf()
			assert.Equal(t, c.cutoff, half.Times.Cutoff.Sub(in.began), c)
			assert.Equal(t, c.lastCall, half.Times.LastCall.Sub(in.began), c)
			assert.Equal(t, in.Times.Deadline, half.Times.Deadline)
			assert.Empty(t, in.cutLog)
			assert.Equal(t, c.logs, len(half.cutLog) > 0, c)
			if c.logs {
				assert.Equal(t, []any{"reserve", c.reserve, "time_left", c.left, "cut_to", c.left / 2}, half.cutLog)
			}
			ends, ok := half.Handlers().Deadline()
			assert.True(t, ok)
			assert.Equal(t, half.Times.Cutoff, ends)
			half.End()
			in.End()
			cancel()
		}
	})
}

// SPEC S1, S2: a record whose actor dies before it could be handed over has failed, and the batch ends.
func TestARecordWhoseActorCannotStartHasFailed(t *testing.T) {
	firstBatch(t)
	for groups, rest := range map[int]int{0: 0, 20: 0, 5: 3} { // records of the group behind that one
		t.Run(fmt.Sprint(groups, " groups"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before, spawned := registered(), 0
				broken := func(next actor.ReceiverFunc) actor.ReceiverFunc {
					return func(c actor.ReceiverContext, envelope *actor.MessageEnvelope) {
						if _, ok := envelope.Message.(*actor.Started); ok {
							if spawned++; spawned == 3 {
								panic("the actor cannot start")
							}
						}
						next(c, envelope)
					}
				}
				cfg := &Config{Concurrency: 1, Actors: []actor.PropsOption{actor.WithReceiverMiddleware(broken)}}
				b := batchOf(20, groups, func(*messages.Attempt) error { return nil })
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan *batch.Report, 1)
				go func() {
					report := run(ctx, cfg, b)
					done <- report
				}()
				select {
				case report := <-done:
					assert.Equal(t, []int{1 + rest, rest}, []int{report.Failed, report.NotStarted})
					assert.Equal(t, batch.Failed, report.Records[2].Outcome)
					require.ErrorIs(t, report.Records[2].Err, errNoActor)
					for i := 2 + groups; groups > 0 && i < 20; i += groups {
						require.ErrorIs(t, report.Records[i].Err, batch.ErrGroupStopped)
					}
				case <-time.After(time.Hour):
					assert.Fail(t, "the batch never ended")
					cancel()
					<-done
				}
				time.Sleep(time.Minute) // dead letters have been seen to
				assert.Equal(t, before, registered(), "processes in the actor system")
			})
		})
	}
}

// A fault in the supervisor itself must neither hold up the response nor lose a record, nor pass unnoticed
// (SPEC 4).
func TestASupervisorThatFailsIsToldOfAndItsRecordsAreReported(t *testing.T) {
	b := batchOf(3, 0, func(a *messages.Attempt) error {
		if a.Index == 1 {
			return errHandler
		}
		return nil
	})
	b.Policy = 0 // for which there is no strategy
	var warned []string
	b.Warn = func(text string, args ...any) { warned = append(warned, fmt.Sprint(text, args)) }
	report := run(t.Context(), &Config{Concurrency: 1}, b)
	assert.Equal(t, 1, report.Succeeded)
	assert.Equal(t, 2, report.Failed)
	require.Len(t, warned, 1)
	assert.Contains(t, warned[0], "the batch supervisor failed")
	assert.Contains(t, warned[0], "nil pointer")
	assert.Contains(t, warned[0], "supervisor.go")
}

// run runs a batch as an invocation of its own.
func run(ctx context.Context, cfg *Config, b *messages.Batch) *batch.Report {
	in := Begin(ctx, cfg)
	defer in.End()
	return in.Run(cfg, b)
}

// invocationOf is an invocation whose contexts are ctx and that has begun now.
func invocationOf(ctx context.Context, cutoff time.Time) *Invocation {
	return &Invocation{Times: batch.Times{Cutoff: cutoff}, callerCtx: ctx, handlersCtx: ctx, began: time.Now()}
}
