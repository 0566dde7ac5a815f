package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/lambdasim/check"
)

var (
	soakFor  = flag.Duration("soak.for", 0, "how long to soak, in real time; 0 leaves it out")
	soakOut  = flag.String("soak.out", "", "where to write: this with .csv gets the samples, and with .txt the verdict")
	soakSeed = flag.Uint64("soak.seed", 1, "what faults are drawn from")
)

// In real time, for as long as told: nothing lost or reordered, every answer in time (SPEC E9), and neither
// live heap nor goroutines grow.
func TestSoak(t *testing.T) {
	if *soakFor == 0 {
		t.Skip("make soak")
	}
	samples := io.Discard
	if *soakOut != "" {
		file, err := os.Create(*soakOut + ".csv")
		require.NoError(t, err)
		defer file.Close()
		samples = file
	}
	before := runtime.NumGoroutine()
	l := &load{seed: *soakSeed}
	verdicts, taken := l.soak(t, *soakFor, min(max(*soakFor/120, time.Second), 10*time.Second), samples)

	time.Sleep(hang) // those that hang come to an end
	after := take(l, *soakFor+hang)
	heap, goroutines := growth(taken, sample.heapOf), growth(taken, sample.goroutinesOf)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(verdicts)) {
		fmt.Fprintf(&text, "%s: %v\n", name, verdicts[name])
	}
	fmt.Fprintf(&text, "%v with seed %d, %s, %d processors: %d records handled in %d invocations, %d handlers abandoned\n",
		*soakFor, l.seed, runtime.Version(), runtime.GOMAXPROCS(0), after.handled, after.invocations, l.abandoned.Load())
	fmt.Fprintf(&text, "live heap, MB: %v\ngoroutines: %v\n", heap.in(1e6), goroutines.in(1))
	fmt.Fprintf(&text, "afterwards: live heap %.1f MB, %d goroutines; before there were %d goroutines\n", float64(after.heap)/1e6, after.goroutines, before)
	t.Log("\n" + text.String())
	if *soakOut != "" {
		require.NoError(t, os.WriteFile(*soakOut+".txt", []byte(text.String()), 0o644))
	}

	judge(t, verdicts)
	assert.Positive(t, l.abandoned.Load(), "nothing hung")
	assert.True(t, heap.flat(), "the live heap grows")
	assert.True(t, goroutines.flat(), "the goroutines grow")
	assert.LessOrEqual(t, after.goroutines, before, "goroutines are left")
}

// The same for a few seconds of virtual time, so that what make soak runs is known to work.
func TestSoakInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var csv strings.Builder
		l := &load{seed: 1}
		verdicts, taken := l.soak(t, 10*time.Second, time.Second, &csv)
		time.Sleep(hang)
		judge(t, verdicts)
		assert.Zero(t, l.hanging.Load())
		assert.GreaterOrEqual(t, len(taken), 9)
		assert.Equal(t, len(taken)+1, strings.Count(csv.String(), "\n"))
	})
}

func judge(t *testing.T, verdicts map[string]check.Verdict) {
	t.Helper()
	for name, v := range verdicts {
		assert.True(t, v.OK(), "%s: %v", name, v)
		assert.Positive(t, v.Totals.Redelivered, "%s: nothing failed", name)
	}
}

// soak runs all sources side by side for so long, and takes samples meanwhile.
func (l *load) soak(t *testing.T, long, every time.Duration, samples io.Writer) (map[string]check.Verdict, []sample) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var (
		mu       sync.Mutex
		running  sync.WaitGroup
		verdicts = map[string]check.Verdict{}
	)
	for name, s := range l.simulations() {
		running.Go(func() {
			verdict, err := s.Run(ctx)
			mu.Lock()
			defer mu.Unlock()
			verdicts[name] = verdict
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	taken, err := watch(ctx, l, every, samples)
	assert.NoError(t, err)
	running.Wait()
	return verdicts, taken
}
