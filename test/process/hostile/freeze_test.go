//go:build unix

package hostile

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
)

// SPEC D2: Lambda freezes the process when it has been answered, with the handlers that were abandoned in it.
// They go on in the next invocation, here long past their own deadline, in the middle of a batch with the same
// identifiers. However they end, the answer is that of the new batch.
func TestAbandonedHandlersThatAreThawedInTheNextInvocationDoNotCount(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"ok", "fail", "panic", "exit"} {
		t.Run("late "+how, func(t *testing.T) {
			t.Parallel()
			f, said := function(t, runtimeapi.Config{Env: []string{timeout + "=1s"}})
			answered(t, f, patience, message{"start", "ok"})

			all := numbered("m", 10, "hang "+how)
			all[0].do, all[1].do = "ok", "fail"
			assert.Equal(t, append([]string{"m1"}, idsOf(all, "hang "+how)...), answered(t, f, patience, all...))
			f.Freeze()
			time.Sleep(300 * time.Millisecond) // the deadline passes
			f.Thaw()

			again := numbered("m", 10, "release ok") // all are at work when the late ones end
			again[1].do = "fail"
			again[3].do, again[5].do, again[6].do = "release fail", "release panic", "release exit"
			assert.Equal(t, []string{"m1", "m3", "m5", "m6"}, answered(t, f, patience, again...))
			assert.Equal(t, []string{"m9"}, answered(t, f, patience, append(numbered("m", 9, "ok"), message{"m9", "fail"})...))

			assert.Equal(t, 1, f.Started())
			reports := said.reports()
			require.Len(t, reports, 4)
			assert.Equal(t, told{"m0", 1, 8, 8}, reports[1])
			assert.Equal(t, told{"m0", 6, 0, 0}, reports[2])
			assert.Equal(t, told{"m0", 9, 0, 0}, reports[3])
		})
	}
}

// SPEC S2, E8: a process is frozen with its handlers at work and thawed when the deadline has passed. Its answer
// comes too late and is refused with 410; the runtime client of aws-lambda-go ends the process then. The batch
// is redelivered, and the next answer is right.
func TestAnAnswerThatWasFrozenBeyondTheDeadlineIsRefused(t *testing.T) {
	t.Parallel()
	for _, do := range []string{"obey", "work 2500ms"} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			f, said := function(t, runtimeapi.Config{})
			answered(t, f, patience, message{"start", "ok"})

			deadline := time.Now().Add(3 * time.Second)
			ctx := &overdue{t.Context(), deadline, deadline}
			ended := make(chan error, 1)
			go func() {
				_, err := f.Invoke(ctx, event(message{"1", "ok"}, message{"2", do}, message{"3", do}))
				ended <- err
			}()
			said.await("at work")
			f.Freeze()
			time.Sleep(time.Until(deadline) + 200*time.Millisecond)
			f.Thaw()
			select {
			case err := <-ended:
				assert.ErrorIs(t, err, lambdasim.ErrCrashed)
			case <-time.After(patience):
				t.Fatal("the process neither answers nor ends")
			}
			assert.Contains(t, said.String(), "unexpected status code: 410")

			assert.Equal(t, []string{"2"}, answered(t, f, patience, message{"1", "ok"}, message{"2", "fail"}, message{"3", "ok"}))
			assert.Equal(t, 2, f.Started())
		})
	}
}

// frozen has a function frozen whenever it has been answered, as Lambda does.
type frozen struct{ *runtimeapi.Function }

func (f frozen) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	f.Thaw()
	defer f.Freeze()
	return f.Function.Invoke(ctx, payload)
}

// SPEC S2: with everything that can happen to records, some of them hanging until long after the answer, nothing
// is lost and order is kept by a process that is frozen between invocations.
func TestAFrozenAndThawedProcessLosesNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"queue", "ordered.fifo"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, said := function(t, runtimeapi.Config{Env: []string{timeout + "=1s"}})
			deeds := slices.Repeat([]string{"ok"}, 50)
			for i := range deeds {
				switch {
				case i == 14 || i == 33:
					deeds[i] = "work 3s"
				case i%11 == 0:
					deeds[i] = "fail"
				case i%13 == 0:
					deeds[i] = "panic"
				}
			}
			assert.Empty(t, drained(t, f, lambdasim.Simulation{Handler: frozen{f}, Timeout: 5 * time.Second}, name, deeds))
			assert.Equal(t, 1, f.Started())
			abandoned := 0
			for _, r := range said.reports() {
				abandoned += r.Abandoned
			}
			assert.NotZero(t, abandoned)
		})
	}
}
