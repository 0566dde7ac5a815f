package soak

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// sample is what a process has at a moment.
type sample struct {
	at                                       time.Duration
	heap, goroutines                         int // heap: what is live, in bytes
	handled, invocations, abandoned, hanging int64
}

func (s sample) heapOf() int       { return s.heap }
func (s sample) goroutinesOf() int { return s.goroutines }

const columns = "seconds,live_heap_bytes,goroutines,handled,invocations,abandoned,hanging\n"

// take takes a sample. What the first collection leaves in pools, the second one frees.
func take(l *load, at time.Duration) sample {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return sample{
		at: at, heap: int(m.HeapAlloc), goroutines: runtime.NumGoroutine(),
		handled: l.handled.Load(), invocations: l.invocations.Load(), abandoned: l.abandoned.Load(), hanging: l.hanging.Load(),
	}
}

// watch takes samples until ctx ends, and writes each at once: a soak that is ended leaves what it had.
func watch(ctx context.Context, l *load, every time.Duration, w io.Writer) (taken []sample, err error) {
	began := time.Now()
	_, err = io.WriteString(w, columns)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return taken, err
		}
		s := take(l, time.Since(began))
		taken = append(taken, s)
		if _, failed := fmt.Fprintf(w, "%.1f,%d,%d,%d,%d,%d,%d\n",
			s.at.Seconds(), s.heap, s.goroutines, s.handled, s.invocations, s.abandoned, s.hanging); err == nil {
			err = failed
		}
	}
}

// grown compares the end of a soak with its beginning, after the warm-up, which is the first sixth.
type grown struct {
	samples     int
	early, late float64 // medians of the second sixth and of the last third
}

// Bounds of what is flat.
const (
	mostGrowth   = 1.3
	leastSamples = 18 // three in a sixth
)

func growth(taken []sample, of func(sample) int) grown {
	n := len(taken)
	return grown{n, median(taken[n/6:n/3], of), median(taken[n-n/3:], of)}
}

func median(taken []sample, of func(sample) int) float64 {
	if len(taken) == 0 {
		return 0
	}
	values := make([]int, len(taken))
	for i, s := range taken {
		values[i] = of(s)
	}
	slices.Sort(values)
	return float64(values[(len(values)-1)/2]+values[len(values)/2]) / 2
}

func (g grown) flat() bool {
	return g.samples >= leastSamples && g.early > 0 && g.late <= mostGrowth*g.early
}

func (g grown) in(unit float64) string {
	return fmt.Sprintf("%.1f in the second sixth, %.1f in the last third, %.2f times that (medians of %d samples)",
		g.early/unit, g.late/unit, g.late/g.early, g.samples)
}

func TestWhatGrowsIsNotFlat(t *testing.T) {
	for name, c := range map[string]struct {
		n    int
		of   func(i int) int
		flat bool
	}{
		"the same all the time":                   {60, func(int) int { return 100 }, true},
		"up and down":                             {60, func(i int) int { return 100 + 80*(i%2) }, true},
		"growing in the warm-up alone":            {60, func(i int) int { return 100 * min(i, 10) }, true},
		"a peak at the end":                       {60, func(i int) int { return 100 + 10000*(i/58) }, true},
		"growing by a hundredth of the beginning": {60, func(i int) int { return 100 + i }, false},
		"growing from nothing":                    {60, func(i int) int { return i }, false},
		"a step in the middle":                    {60, func(i int) int { return 100 + 50*(i/30) }, false},
		"too few samples to tell":                 {17, func(int) int { return 100 }, false},
		"nothing":                                 {60, func(int) int { return 0 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			taken := make([]sample, c.n)
			for i := range taken {
				taken[i].heap = c.of(i)
			}
			assert.Equal(t, c.flat, growth(taken, sample.heapOf).flat(), growth(taken, sample.heapOf).in(1))
		})
	}
}
