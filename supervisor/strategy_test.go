package supervisor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

// fake is a supervisor that takes down what a strategy has it do.
type fake struct {
	noTime bool // RetryAfter says no
	did    []string
	pauses []time.Duration
	failed []any
}

func (f *fake) Children() []*actor.PID { return nil }
func (f *fake) EscalateFailure(reason, message any) {
	f.did, f.failed = append(f.did, "escalate"), append(f.failed, reason, message)
}
func (f *fake) RestartChildren(pids ...*actor.PID) { f.note("restart", pids) }
func (f *fake) StopChildren(pids ...*actor.PID)    { f.note("stop", pids) }
func (f *fake) ResumeChildren(pids ...*actor.PID)  { f.note("resume", pids) }
func (f *fake) RetryAfter(pause time.Duration) bool {
	f.pauses = append(f.pauses, pause)
	if f.noTime {
		f.did = append(f.did, "no time")
		return false
	}
	f.did = append(f.did, "restart")
	return true
}

func (f *fake) note(what string, pids []*actor.PID) {
	for _, pid := range pids {
		f.did = append(f.did, fmt.Sprint(what, " ", pid.GetId()))
	}
}

var errHandler = errors.New("the handler's own error")

// failedAttempt is attempt number of record 1 of a batch, after it has failed with err.
func failedAttempt(number int, err error) *messages.Attempt {
	b := &messages.Batch{Source: batch.Kinesis, Warn: func(string, ...any) {}, Results: []batch.Result{{ID: "0"}, {ID: "1", Group: "g", Attempts: number, Err: err}}}
	return &messages.Attempt{Shared: &messages.Shared{Batch: b}, Index: 1, Number: int32(number)}
}

var child = actor.NewPID("nonhost", "child")

// answer has a strategy handle a failure, and returns what it had the supervisor do.
func answer(s actor.SupervisorStrategy, f *fake, failure *messages.AttemptFailed, reason any) string {
	s.HandleFailure(nil, f, child, nil, reason, failure)
	return strings.Join(f.did, ", ")
}

// SPEC 4, P1 to P3: each policy is a strategy, and answers every failure with one directive, whatever failed.
func TestEachPolicyIsADirectiveOfItsStrategy(t *testing.T) {
	for directive, want := range map[batch.Policy]string{
		batch.Continue:  "resume child",
		batch.StopGroup: "stop child",
		batch.StopBatch: "escalate",
	} {
		strategy := strategyFor(&Config{}, directive)
		for _, reason := range []error{errHandler, &batch.PanicError{Value: 1}, batch.ErrGoexit, batch.Because(batch.ErrAbandoned, batch.ErrRecordTimeout)} {
			f := &fake{}
			failure := &messages.AttemptFailed{Attempt: failedAttempt(1, reason)}
			assert.Equal(t, want, answer(strategy, f, failure, reason), "%v: %v", directive, reason)
			if directive == batch.StopBatch {
				assert.Equal(t, []any{reason, failure}, f.failed)
			}
		}
	}
	assert.Nil(t, strategyOf(0))
	assert.Nil(t, strategyOf(77))
}

// SPEC P5: a decider's answer takes the place of the policy, and where it has none, or misbehaves, the
// policy decides.
func TestADecidersAnswerTakesThePlaceOfThePolicy(t *testing.T) {
	for name, c := range map[string]struct {
		decide func(batch.Record, error) batch.Policy
		want   string
		logs   bool
	}{
		"continue":       {func(batch.Record, error) batch.Policy { return batch.Continue }, "resume child", false},
		"stop the group": {func(batch.Record, error) batch.Policy { return batch.StopGroup }, "stop child", false},
		"stop the batch": {func(batch.Record, error) batch.Policy { return batch.StopBatch }, "escalate", false},
		"no directive":   {func(batch.Record, error) batch.Policy { return 0 }, "stop child", false},
		"no such thing":  {func(batch.Record, error) batch.Policy { return 99 }, "stop child", false},
		"panic":          {func(batch.Record, error) batch.Policy { panic("decider") }, "stop child", true},
		"panic with nil": {func(batch.Record, error) batch.Policy { panic(nil) }, "stop child", true},
		"Goexit":         {func(batch.Record, error) batch.Policy { runtime.Goexit(); return batch.Continue }, "stop child", true},
	} {
		t.Run(name, func(t *testing.T) {
			var warned []string
			var asked []batch.Record
			a := failedAttempt(3, errHandler)
			a.Batch.Warn = func(text string, _ ...any) { warned = append(warned, text) }
			cfg := &Config{Decide: func(rec batch.Record, err error) batch.Policy {
				asked = append(asked, rec)
				assert.Equal(t, errHandler, err)
				return c.decide(rec, err)
			}}
			assert.Equal(t, c.want, answer(strategyFor(cfg, batch.StopGroup), &fake{}, &messages.AttemptFailed{Attempt: a}, errHandler))
			assert.Equal(t, []batch.Record{{ID: "1", Group: "g", Source: batch.Kinesis, Index: 1, Attempt: 3}}, asked)
			assert.Equal(t, c.logs, len(warned) == 1, "%v", warned)
		})
	}
}

// SPEC P6: what is tried again and what is not; only the failure that is not is the next strategy's.
func TestRetryRestartsWhatMayBeTriedAgain(t *testing.T) {
	panicked := &batch.PanicError{Value: "v"}
	for _, c := range []struct {
		name   string
		retry  batch.Retry
		a      *messages.Attempt
		reason error
		child  *actor.PID
		noTime bool
		want   string
	}{
		{"the first failure", batch.Retry{Times: 2}, failedAttempt(1, errHandler), errHandler, child, false, "restart"},
		{"the last failure that may be", batch.Retry{Times: 2}, failedAttempt(2, errHandler), errHandler, child, false, "restart"},
		{"one too many", batch.Retry{Times: 2}, failedAttempt(3, errHandler), errHandler, child, false, "escalate"},
		{"a final one", batch.Retry{Times: 2}, failedAttempt(1, errHandler), batch.Permanent(errHandler), child, false, "escalate"},
		{"a panic", batch.Retry{Times: 2}, failedAttempt(1, panicked), panicked, child, false, "escalate"},
		{"a panic that is asked for", batch.Retry{Times: 2, Panics: true}, failedAttempt(1, panicked), panicked, child, false, "restart"},
		{"a final panic that is asked for", batch.Retry{Times: 2, Panics: true}, failedAttempt(1, panicked), batch.Permanent(panicked), child, false, "escalate"},
		{"Goexit", batch.Retry{Times: 2}, failedAttempt(1, batch.ErrGoexit), batch.ErrGoexit, child, false, "escalate"},
		{"an abandoned handler", batch.Retry{Times: 2, Panics: true}, failedAttempt(1, batch.ErrAbandoned), batch.ErrAbandoned, nil, false, "escalate"},
		{"no time left", batch.Retry{Times: 2}, failedAttempt(1, errHandler), errHandler, child, true, "no time, escalate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{noTime: c.noTime}
			strategyFor(&Config{Retry: c.retry}, batch.StopBatch).HandleFailure(nil, f, c.child, nil, c.reason, judged(c.retry, c.a, c.reason))
			assert.Equal(t, c.want, strings.Join(f.did, ", "))
		})
	}
}

// SPEC P6: only the final failure triggers the policy, and the decider with it.
func TestADeciderIsAskedAboutFinalFailuresAlone(t *testing.T) {
	asked := 0
	once := batch.Retry{Times: 1}
	strategy := strategyFor(&Config{Retry: once, Decide: func(batch.Record, error) batch.Policy {
		asked++
		return batch.Continue
	}}, batch.StopBatch)
	assert.Equal(t, "restart", answer(strategy, &fake{}, judged(once, failedAttempt(1, errHandler), errHandler), errHandler))
	assert.Zero(t, asked)
	assert.Equal(t, "resume child", answer(strategy, &fake{}, judged(once, failedAttempt(2, errHandler), errHandler), errHandler))
	assert.Equal(t, 1, asked)
}

// SPEC P6: exponential back-off with jitter, from the upper half of what base and limit allow.
func TestBackoffIsExponentialWithJitter(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		retry   batch.Retry
		attempt int
		most    time.Duration
	}{
		{"default, first", batch.Retry{}, 1, 100 * ms},
		{"default, second", batch.Retry{}, 2, 200 * ms},
		{"default, sixth", batch.Retry{}, 6, 3200 * ms},
		{"default, at the limit", batch.Retry{}, 7, 5 * time.Second},
		{"default, far beyond", batch.Retry{}, 1000, 5 * time.Second},
		{"base", batch.Retry{Base: 3 * ms}, 3, 12 * ms},
		{"base and limit", batch.Retry{Base: 3 * ms, Max: 10 * ms}, 3, 10 * ms},
		{"base beyond the limit", batch.Retry{Base: 20 * ms, Max: 10 * ms}, 1, 10 * ms},
		{"base beyond the default limit", batch.Retry{Base: time.Minute}, 1, 5 * time.Second},
		{"a nanosecond", batch.Retry{Base: 1, Max: 1}, 5, 1},
		{"the longest there is", batch.Retry{Base: math.MaxInt64, Max: math.MaxInt64}, 3, math.MaxInt64},
		{"doubled beyond the longest there is", batch.Retry{Base: 1 << 61, Max: math.MaxInt64}, 70, math.MaxInt64},
	} {
		t.Run(c.name, func(t *testing.T) {
			least, most := time.Duration(math.MaxInt64), time.Duration(0)
			for range 2000 {
				pause := backoffOf(c.retry, c.attempt)
				least, most = min(least, pause), max(most, pause)
			}
			assert.GreaterOrEqual(t, least, c.most/2)
			assert.LessOrEqual(t, most, c.most)
			if c.most > 1000 {
				assert.Less(t, least, c.most/2+c.most/20, "it is drawn from all of it")
				assert.Greater(t, most, c.most-c.most/20, "it is drawn from all of it")
			}
		})
	}
}

// SPEC P6: a back-off function of the user's takes the place of that, unless it misbehaves.
func TestAUsersBackoffFunctionIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		backoff     func(int) time.Duration
		least, most time.Duration
	}{
		"good":     {func(n int) time.Duration { return time.Duration(n) * time.Second }, 3 * time.Second, 3 * time.Second},
		"zero":     {func(int) time.Duration { return 0 }, 0, 0},
		"negative": {func(int) time.Duration { return -time.Hour }, 0, 0},
		"panic":    {func(int) time.Duration { panic("backoff") }, 200 * time.Millisecond, 400 * time.Millisecond},
		"Goexit":   {func(int) time.Duration { runtime.Goexit(); return 0 }, 200 * time.Millisecond, 400 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			retry := batch.Retry{Times: 5, Backoff: c.backoff}
			strategy := strategyFor(&Config{Retry: retry}, batch.Continue)
			require.Equal(t, "restart", answer(strategy, f, judged(retry, failedAttempt(3, errHandler), errHandler), errHandler))
			assert.GreaterOrEqual(t, f.pauses[0], c.least)
			assert.LessOrEqual(t, f.pauses[0], c.most)
		})
	}
}

// A batch supervisor that fails is stopped, not restarted: a restart would start every record again.
func TestTheGuardianStopsWhatFails(t *testing.T) {
	f := &fake{}
	guardian{}.HandleFailure(nil, f, child, nil, "reason", "message")
	assert.Equal(t, []string{"stop child"}, f.did)
}

// judged is the failure of an attempt as its slot leaves it to the strategy: final, or with its back-off.
func judged(retry batch.Retry, a *messages.Attempt, reason error) *messages.AttemptFailed {
	t := &slot{ledger: newLedger(invocationOf(context.Background(), time.Time{}), &Config{Retry: retry}, &messages.Batch{}, theProcess())}
	a.Context = context.Background()
	t.handoff.final = batch.IsPermanent(reason)
	t.Failed(a, reason)
	return &messages.AttemptFailed{Attempt: a, Final: t.handoff.final, Backoff: t.handoff.backoff}
}
