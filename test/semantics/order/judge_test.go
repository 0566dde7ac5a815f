package order

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// script reads a history such as "0:a+ 5:a- 5:b+ 7:b!": at 0 record a starts, at 5 it ends well, at 7 b
// fails. A second + of a record is its next attempt.
func script(t *testing.T, text string) (history []Event) {
	t.Helper()
	attempts := map[int]int{}
	for word := range strings.FieldsSeq(text) {
		at, what, ok := strings.Cut(word, ":")
		require.True(t, ok && len(what) == 2, word)
		ms, err := time.ParseDuration(at + "ms")
		require.NoError(t, err)
		e := Event{At: ms, Record: int(what[0] - 'a')}
		switch what[1] {
		case '+':
			attempts[e.Record]++
		case '-':
			e.End = true
		case '!':
			e.End, e.Failed = true, true
		default:
			require.Fail(t, "what is "+word)
		}
		e.Attempt = attempts[e.Record]
		history = append(history, e)
	}
	return history
}

// results reads what became of records a, b, c…: "ok", "fail", "fail2" after two attempts, "never", or
// "abandoned@7".
func results(t *testing.T, text string) (results []troupe.Result) {
	t.Helper()
	for word := range strings.FieldsSeq(text) {
		r := troupe.Result{Attempts: 1}
		word, at, _ := strings.Cut(word, "@")
		switch word {
		case "ok":
			r.Outcome = troupe.Succeeded
		case "ok2":
			r.Outcome, r.Attempts = troupe.Succeeded, 2
		case "fail":
			r.Err = errors.New("failed")
		case "fail2":
			r.Err, r.Attempts = errors.New("failed"), 2
		case "never":
			r.Err, r.Attempts = batch.Because(troupe.ErrNotStarted, troupe.ErrStopped), 0
		case "abandoned":
			r.Err = troupe.ErrAbandoned
			ms, err := time.ParseDuration(at + "ms")
			require.NoError(t, err)
			r.Duration = ms
		default:
			require.Fail(t, "what is "+word)
		}
		results = append(results, r)
	}
	return results
}

func twice(e Event) (time.Duration, bool) { return 10 * time.Millisecond, e.Attempt < 2 }

// The judge is what the ordering tests rest on, so it is tried on histories that are good and on bad ones
// (SPEC O1, O2, P1 to P3, P6).
func TestTheJudgeFindsWhatIsWrongWithAHistory(t *testing.T) {
	ms := time.Millisecond
	one := []string{"g", "g", "g"}
	two := []string{"g", "h", "g", "h"}
	for _, c := range []struct {
		name    string
		rules   Rules
		history string
		results string
		want    string // part of the only or the first violation; empty for none
	}{
		{"a group in order", Rules{Groups: one, Concurrency: 2, Policy: troupe.StopGroup, Exact: true}, "0:a+ 1:a- 1:b+ 2:b- 2:c+ 3:c-", "ok ok ok", ""},
		{"two groups overlapping", Rules{Groups: two, Concurrency: 2, Policy: troupe.StopGroup, Exact: true}, "0:a+ 0:b+ 1:a- 1:c+ 2:b- 2:d+ 3:c- 4:d-", "ok ok ok ok", ""},
		{"one at a time", Rules{Groups: two, Concurrency: 1, Policy: troupe.StopGroup, Exact: true}, "0:a+ 1:a- 1:b+ 2:b- 2:c+ 3:c- 3:d+ 4:d-", "ok ok ok ok", ""},
		{"two of a group at once", Rules{Groups: one, Concurrency: 2, Policy: troupe.StopGroup}, "0:a+ 0:b+ 1:a- 1:b- 1:c+ 2:c-", "ok ok ok", "while record 0 of its group was at work"},
		{"a group out of order", Rules{Groups: one, Concurrency: 1, Policy: troupe.StopGroup}, "0:a+ 1:a- 1:c+ 2:c- 2:b+ 3:b-", "ok ok ok", "out of the order of its group; record 1 was due"},
		{"a group begun in the middle", Rules{Groups: one, Concurrency: 1, Policy: troupe.StopGroup}, "0:b+ 1:b- 1:c+ 2:c-", "never ok ok", "record 0 was due"},
		{"a record twice", Rules{Groups: one, Concurrency: 1, Policy: troupe.StopGroup}, "0:a+ 1:a- 1:a+ 2:a- 2:b+ 3:b- 3:c+ 4:c-", "ok ok ok", "again though it had succeeded"},
		{"a retry where there is none", Rules{Groups: one, Concurrency: 1, Policy: troupe.Continue}, "0:a+ 1:a! 1:a+ 2:a- 2:b+ 3:b- 3:c+ 4:c-", "ok2 ok ok", "though there is no retry"},
		{"beyond a failed record", Rules{Groups: one, Concurrency: 1, Policy: troupe.StopGroup}, "0:a+ 1:a- 1:b+ 2:b! 2:c+ 3:c-", "ok fail ok", "though its group had been stopped at record 1"},
		{"beyond a failed record, which continue allows", Rules{Groups: one, Concurrency: 1, Policy: troupe.Continue, Exact: true}, "0:a+ 1:a- 1:b+ 2:b! 2:c+ 3:c-", "ok fail ok", ""},
		{"the other group goes on", Rules{Groups: two, Concurrency: 2, Policy: troupe.StopGroup, Exact: true}, "0:a+ 0:b+ 1:a! 2:b- 2:d+ 4:d-", "fail ok never ok", ""},
		{"the other group is left out", Rules{Groups: two, Concurrency: 2, Policy: troupe.StopGroup, Exact: true}, "0:a+ 0:b+ 1:a! 2:b-", "fail ok never never", "record 3, attempt 1: not started though it could have"},
		{"the other group is left out, clock or not", Rules{Groups: two, Concurrency: 2, Policy: troupe.StopGroup}, "0:a+ 0:b+ 1:a! 2:b-", "fail ok never never", "never started, and nothing stood in its way"},
		{"something new after a stop", Rules{Groups: two, Concurrency: 2, Policy: troupe.StopBatch, Exact: true}, "0:a+ 0:b+ 1:a! 2:b- 2:d+ 4:d-", "fail ok never ok", "though the batch had been stopped"},
		{"what runs at a stop may end", Rules{Groups: two, Concurrency: 2, Policy: troupe.StopBatch, Exact: true}, "0:a+ 0:b+ 1:a! 2:b-", "fail ok never never", ""},
		{"too many at once", Rules{Concurrency: 2, Policy: troupe.Continue}, "0:a+ 0:b+ 0:c+ 1:a- 1:b- 1:c-", "ok ok ok", "as the 3th handler at once where 2 are allowed"},
		{"a later record first", Rules{Concurrency: 1, Policy: troupe.Continue, Exact: true}, "0:b+ 1:b- 1:a+ 2:a- 2:c+ 3:c-", "ok ok ok", "record 0, which is earlier, could have"},
		{"a later group first", Rules{Groups: two, Concurrency: 1, Policy: troupe.StopGroup, Exact: true}, "0:a+ 1:a- 1:c+ 2:c- 2:b+ 3:b- 3:d+ 4:d-", "ok ok ok ok", "record 1, which is earlier, could have"},
		{"an idle slot", Rules{Concurrency: 2, Policy: troupe.Continue, Exact: true}, "0:a+ 1:a- 1:b+ 2:b- 2:c+ 3:c-", "ok ok ok", "record 1, attempt 1: not started though it could have: 1 of 2"},
		{"a slot free too late", Rules{Concurrency: 1, Policy: troupe.Continue, Exact: true}, "0:a+ 1:a- 2:b+ 3:b-", "ok ok", "0 of 1 slots are taken"},
		{"a record lost", Rules{Concurrency: 1, Policy: troupe.Continue}, "0:a+ 1:a- 1:b+ 2:b-", "ok ok never", "never started"},
		{"nothing at all", Rules{Concurrency: 1, Policy: troupe.Continue, Exact: true}, "", "never", "never started"},
		{"a start after the cutoff", Rules{Concurrency: 1, Policy: troupe.Continue, Exact: true, Cutoff: 2 * ms}, "0:a+ 3:a! 3:b+ 4:b-", "fail ok", "after the cutoff"},
		{"nothing after the cutoff", Rules{Concurrency: 1, Policy: troupe.Continue, Exact: true, Cutoff: 2 * ms}, "0:a+ 3:a!", "fail never", ""},
		{"a retry in time", Rules{Concurrency: 2, Policy: troupe.Continue, Retry: twice, Exact: true}, "0:a+ 0:b+ 1:a! 1:c+ 11:c- 11:a+ 12:a- 12:b-", "ok2 ok ok", ""},
		{"a retry too early", Rules{Concurrency: 2, Policy: troupe.Continue, Retry: twice, Exact: true}, "0:a+ 1:a! 9:a+ 12:a-", "ok2", "before its back-off was over"},
		{"a retry too late", Rules{Concurrency: 2, Policy: troupe.Continue, Retry: twice, Exact: true}, "0:a+ 1:a! 12:a+ 13:a-", "ok2", "not started though it could have"},
		{"a retry too many", Rules{Concurrency: 2, Policy: troupe.Continue, Retry: twice, Exact: true}, "0:a+ 1:a! 11:a+ 12:a! 22:a+ 23:a-", "ok2", "though its failure was final"},
		{"the group goes past a record in back-off", Rules{Groups: one, Concurrency: 2, Policy: troupe.Continue, Retry: twice, Exact: true}, "0:a+ 1:a! 1:b+ 2:b- 2:c+ 3:c- 11:a+ 12:a-", "ok2 ok ok", "while record 0 of its group was in back-off"},
		{"the group goes past a failed record that might be retried", Rules{Groups: one, Concurrency: 2, Policy: troupe.StopGroup, Retry: twice}, "0:a+ 1:a! 1:b+ 2:b- 2:c+ 3:c-", "fail ok ok", "though record 0 of its group had failed"},
		{"back-off keeps the slot at concurrency 1", Rules{Concurrency: 1, Policy: troupe.Continue, Retry: twice, Exact: true}, "0:a+ 1:a! 11:a+ 12:a- 12:b+ 13:b-", "ok2 ok", ""},
		{"back-off gives up the slot at concurrency 1", Rules{Concurrency: 1, Policy: troupe.Continue, Retry: twice, Exact: true}, "0:a+ 1:a! 1:b+ 2:b- 11:a+ 12:a-", "ok2 ok", "as the 2th handler at once"},
		{"an abandoned slot comes free", Rules{Concurrency: 1, Policy: troupe.Continue, Exact: true}, "0:a+ 5:b+ 6:b-", "abandoned@5 ok", ""},
		{"an abandoned slot never comes free", Rules{Concurrency: 1, Policy: troupe.Continue, Exact: true}, "0:a+ 9:b+ 10:b-", "abandoned@5 ok", "0 of 1 slots are taken"},
		{"the group of an abandoned record goes on", Rules{Groups: one, Concurrency: 1, Policy: troupe.Continue, Exact: true}, "0:a+ 5:b+ 6:b- 6:c+ 7:c-", "abandoned@5 ok ok", "was at work"},
		{"the group of an abandoned record goes on when it has returned", Rules{Groups: one, Concurrency: 1, Policy: troupe.Continue, Exact: true}, "0:a+ 6:a- 6:b+ 7:b- 7:c+ 8:c-", "abandoned@5 ok ok", "was at work"},
		{"a failure told as a success", Rules{Concurrency: 1, Policy: troupe.Continue, Exact: true}, "0:a+ 1:a!", "ok", "the report has it succeeded"},
		{"a success out of nothing", Rules{Concurrency: 1, Policy: troupe.StopBatch}, "0:a+ 1:a!", "fail ok", "the report tells of 1 attempts"},
		{"a handler that never ends", Rules{Concurrency: 1, Policy: troupe.Continue}, "0:a+", "ok", "never ended and was not abandoned"},
		{"an end without a start", Rules{Concurrency: 1, Policy: troupe.Continue}, "0:a+ 1:a- 1:b-", "ok ok", "ended without having started"},
		{"a record of another batch", Rules{Concurrency: 1, Policy: troupe.Continue}, "0:a+ 1:a- 1:z+", "ok", "no such record"},
	} {
		t.Run(c.name, func(t *testing.T) {
			violations := c.rules.Judge(script(t, c.history), results(t, c.results))
			if c.want == "" {
				assert.Empty(t, violations)
				return
			}
			if assert.NotEmpty(t, violations) {
				assert.Contains(t, violations[0], c.want)
			}
		})
	}
}

func TestOverlapCountsTheHandlersAtWorkAtOnce(t *testing.T) {
	assert.Equal(t, 1, Overlap(script(t, "0:a+ 1:a- 1:b+ 2:b!")))
	assert.Equal(t, 3, Overlap(script(t, "0:a+ 1:b+ 1:c+ 2:b! 2:d+ 3:d- 3:a- 4:c-")))
}

func TestTheObserverSeesEveryEndOfAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Observe()
		call := func(attempt int, handler func() error) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				_ = o.Watch(func(context.Context, troupe.Record) error {
					time.Sleep(time.Millisecond)
					return handler()
				})(t.Context(), troupe.Record{Index: 7, Attempt: attempt})
			}()
			<-done
		}
		call(1, func() error { return errors.New("failed") })
		call(2, func() error { panic("failed") })
		call(3, func() error { runtime.Goexit(); return nil })
		call(4, func() error { return nil })

		var want []Event
		for n := range 4 {
			start := Event{Record: 7, Attempt: n + 1, At: time.Duration(n) * time.Millisecond}
			end := start
			end.At += time.Millisecond
			end.End, end.Failed = true, n < 3
			want = append(want, start, end)
		}
		assert.Equal(t, want, o.History())
	})
}
