package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/cmd/demo/tally"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
)

// bars is the maximum number of attempts in the timelines of a page, for all sources together.
const bars = 20_000

// trial is the simulation of one source, and its result.
type trial struct {
	source     string
	handler    *faulty
	once       *once // with --idempotent
	simulation lambdasim.Simulation
	tally      *tally.Tally

	verdict check.Verdict
	err     error // why it could not run
}

// stress puts the processor under load and faults. The report goes to stdout, everything else to stderr.
func stress(ctx context.Context, o options, terminal bool, stdout, stderr io.Writer) int {
	gauge := new(tally.Gauge)
	trials, err := newTrials(o, gauge)
	if err != nil {
		return o.fail(stderr, exitUsage, inFlags(err, o.given))
	}
	file, err := createPage(o.stress.html)
	if err != nil {
		return o.fail(stderr, exitUsage, err)
	}
	fmt.Fprintf(stderr, "%s: seed %d\n", o.name, o.stress.seed)
	bar := startProgress(terminal, stderr, o.stress, trials)
	stopping := context.AfterFunc(ctx, func() {
		newline := ""
		if terminal { // there is a bar on the line
			newline = "\n"
		}
		fmt.Fprintf(stderr, "%s%s: stopping; work in progress has up to %v. A second signal ends the process at once.\n", newline, o.name, o.timeout)
	})
	late, began := watchTimers(), time.Now()
	err = drive(ctx, o.stress.duration, trials)
	stopping()
	bar.stop()

	r := newSummary(o, trials, gauge, began, ctx.Err() != nil)
	r.timers = late()
	if err := errors.Join(err, r.write(stdout, o.report), writePage(file, r)); err != nil {
		return o.fail(stderr, exitError, err)
	}
	if r.interrupted {
		return interruptedBy(ctx)
	}
	return r.exitCode()
}

// createPage opens the file for the page before the run, so that a run is not wasted. The file keeps its
// content until the page is written. nil is no file.
func createPage(name string) (*os.File, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("stress: --html: %w", err)
	}
	return file, nil
}

// newTrials returns the trials to run. The error is a refusedError.
func newTrials(o options, gauge *tally.Gauge) (trials []*trial, err error) {
	w := o.stress
	options := append([]troupe.Option{troupe.WithReserve(reserveOf(o.timeout)), troupe.WithLogger(slog.New(slog.DiscardHandler))}, o.processor...)
	options = append(options, w.extra...)
	for i, source := range w.sources {
		records, some := w.share(w.records, i)
		invocations, any := w.share(w.invocations, i)
		if !some || !any {
			continue
		}
		t := &trial{
			source: source.name,
			handler: &faulty{
				script: script{w.seed, w.faults, w.work},
				hang:   2 * o.timeout,
				heard:  w.heard,
			},
			tally: tally.New(source.ordered && !o.unordered, bars/len(w.sources), gauge),
		}
		l := &load{records, w.groups, w.batch, w.seed, o.timeout, t.handler, options, newOnce(w), w.backoff, w.deadLetterAfter}
		t.once = l.once
		if t.simulation, err = source.simulate(l); err != nil {
			return nil, fmt.Errorf("stress: %w", err)
		}
		if w.pipe {
			behindPipe(&t.simulation)
		}
		t.simulation.Seed, t.simulation.Timeout, t.simulation.Concurrency, t.simulation.Invocations = w.seed, o.timeout, w.atOnce, invocations
		expect(&t.simulation, source, o)
		t.simulation.Observe = t.tally.Record
		trials = append(trials, t)
	}
	return trials, nil
}

// drive runs the trials in parallel until a limit is reached or ctx ends.
func drive(ctx context.Context, limit time.Duration, trials []*trial) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	var running sync.WaitGroup
	for _, t := range trials {
		running.Go(func() { t.verdict, t.err = t.simulation.Run(ctx) })
	}
	running.Wait()

	var failed []error
	for _, t := range trials {
		if t.err != nil && !errors.Is(t.err, context.Cause(ctx)) {
			failed = append(failed, fmt.Errorf("stress: %s: %w", t.source, t.err))
		}
	}
	return errors.Join(failed...)
}

// watchTimers measures how late timers are until the function it returns is called, which returns the
// maximum. If the machine is overloaded, responses may be late as well.
func watchTimers() (worst func() time.Duration) {
	ended, most := make(chan struct{}), make(chan time.Duration)
	go func() {
		var worst time.Duration
		for {
			const pause = 20 * time.Millisecond
			began := time.Now()
			select {
			case <-time.After(pause):
				worst = max(worst, time.Since(began)-pause)
			case <-ended:
				most <- worst
				return
			}
		}
	}()
	return func() time.Duration {
		close(ended)
		return <-most
	}
}
