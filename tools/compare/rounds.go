package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// contestant is one who does a work.
type contestant struct {
	name    string
	records int // in a batch
	// run processes that many batches and says how long it took.
	run    func(batches int) (time.Duration, error)
	absent string // if not empty, why it cannot
	// How it works in a process of its own.
	env     []string
	command []string              // default: this program
	pid     int                   // once it has started
	request func(batches int) any // what that command takes
}

// here is a contestant that works in this program. It gets a context with a deadline, as a Lambda function does.
func here(name string, records int, batch func(context.Context) error) contestant {
	return contestant{name: name, records: records, run: func(batches int) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
		defer cancel()
		began := time.Now()
		for range batches {
			if err := batch(ctx); err != nil {
				return 0, err
			}
		}
		return time.Since(began), nil
	}}
}

// measured makes the contestants of a work take turns, each in a process of its own. See takeTurns for the series.
func measured(o options, w work) (contestants []contestant, series [][]float64, err error) {
	contestants, stop, err := apart(w, w.contestants())
	defer stop()
	if err != nil {
		return nil, nil, err
	}
	series, err = takeTurns(o, contestants)
	return contestants, series, err
}

// takeTurns makes the contestants work in turns. It returns the nanoseconds that a record took each of them, by contestant
// and round; nil for one who is absent.
func takeTurns(o options, contestants []contestant) ([][]float64, error) {
	batches := make([]int, len(contestants))
	for i, c := range contestants {
		if c.absent != "" {
			continue
		}
		var err error
		if batches[i], err = calibrate(o.chunk, c); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}

	series := make([][]float64, len(contestants))
	for round := range o.rounds {
		for turn := range contestants {
			i := (turn + round) % len(contestants)
			c := contestants[i]
			if c.absent != "" {
				continue
			}
			took, err := c.run(batches[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			series[i] = append(series[i], float64(took)/float64(batches[i]*c.records))
		}
	}
	return series, nil
}

// calibrate finds how many batches take about as long as a chunk. It is the warm-up, too.
func calibrate(chunk time.Duration, c contestant) (batches int, err error) {
	const most = 1 << 20
	for batches = 1; ; batches *= 2 {
		took, err := c.run(batches)
		if err != nil {
			return 0, err
		}
		if took >= chunk/2 || batches >= most {
			return max(1, int(float64(batches)*float64(chunk)/float64(max(took, 1)))), nil
		}
	}
}

// spread is the middle of a series and the middle half of it.
type spread struct{ low, median, high float64 }

func spreadOf(series []float64) spread {
	s := slices.Sorted(slices.Values(series))
	at := func(q float64) float64 {
		place := q * float64(len(s)-1)
		below := int(place)
		above := min(below+1, len(s)-1)
		return s[below] + (place-float64(below))*(s[above]-s[below])
	}
	return spread{at(0.25), at(0.5), at(0.75)}
}

// ratios divides a by b, round by round.
func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}
