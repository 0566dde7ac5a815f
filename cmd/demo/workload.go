package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/troupe-go/troupe"
)

// The defaults of stress: a run of a few seconds.
const (
	defaultRecords       = 4_000
	defaultGroups        = 250
	defaultWork          = 5 * time.Millisecond
	defaultStressTimeout = 2 * time.Second
)

// defaultFaults are those of a run that was not told of any.
var defaultFaults = faults{fail: 0.05, panic: 0.02, exit: 0.01, hang: 0.0005}

// AWS's limits of a function's timeout.
const minTimeout, maxTimeout = time.Second, 15 * time.Minute

// workload is what stress puts the processor through. A limit of 0 is none.
type workload struct {
	sources     []driven
	records     int // of all sources together, as are the invocations
	groups      int // of each source
	batch       int // 0 for the source's default
	faults      faults
	work        time.Duration // of a handler, on average
	invocations int
	duration    time.Duration
	seed        uint64
	html        string // file; empty for none
	repeat      string // a command line for the same again
	atOnce      int    // invocations of a source

	// Of tests.
	extra []troupe.Option                                   // go after all others
	heard func(id string, delivery, attempt int, do string) // is told what each attempt does
}

// flags defines the flags of stress.
func (w *workload) flags(flags *pflag.FlagSet, o *options) (setProcessor func()) {
	names := []string{}
	for _, s := range drivenSources() {
		names = append(names, s.name)
	}
	choose(flags, &o.source, "source", sourceAll, "which sources to simulate; all of them run side by side", append(names, sourceAll)...)
	flags.IntVar(&w.records, "records", defaultRecords, "how many records are sent, shared out to the sources; 0 for no limit, as it is if only another limit is given")
	flags.IntVar(&w.groups, "groups", defaultGroups, "how many message groups, partition keys or items each source has")
	flags.IntVar(&w.batch, "batch", 0, "records in a batch (default 10, streams 100). Over 10 from a standard queue takes a batching window, which is 1s then")
	flags.Float64Var(&w.faults.fail, "fail", defaultFaults.fail, "how likely an attempt is to return an error, from 0 to 1. If any of the four is given, the others are 0")
	flags.Float64Var(&w.faults.panic, "panic", defaultFaults.panic, "… to panic")
	flags.Float64Var(&w.faults.exit, "exit", defaultFaults.exit, "… to call runtime.Goexit")
	flags.Float64Var(&w.faults.hang, "hang", defaultFaults.hang, "… to ignore its context and hang beyond the timeout")
	flags.DurationVar(&w.work, "work", defaultWork, "how long a handler works on average; from nothing to twice that")
	flags.IntVar(&w.invocations, "invocations", 0, "how many invocations there are, shared out to the sources (default: no limit)")
	flags.DurationVar(&w.duration, "duration", 0, "how long the run takes at most (default: no limit)")
	flags.Uint64Var(&w.seed, "seed", 0, "what chance is drawn from (default: a new one each time, which the report tells)")
	setProcessor = processorFlags(flags, o)
	flags.Lookup("reserve").Usage = "how long before the timeout handlers have to end (default 45% of it, 2s at most; see above)"
	flags.DurationVar(&o.timeout, "timeout", defaultStressTimeout, "the function's timeout, and a queue's visibility timeout: what failed comes again after as long; see above")
	choose(flags, &o.report, "report", reportText, "what to write to standard output", reportText, reportJSON)
	flags.StringVar(&w.html, "html", "", "also write a page with charts to this file")
	return setProcessor
}

// settle fills in what the flags leave open, and looks for what cannot be.
func (w *workload) settle(flags *pflag.FlagSet, o options) error {
	given := func(names ...string) bool { return slices.ContainsFunc(names, flags.Changed) }
	if !given("seed") {
		w.seed = uint64(rand.Uint32())
	}
	if !given("records") && w.invocations+int(w.duration) > 0 {
		w.records = 0
	}
	if given("fail", "panic", "exit", "hang") {
		for name, p := range map[string]*float64{"fail": &w.faults.fail, "panic": &w.faults.panic, "exit": &w.faults.exit, "hang": &w.faults.hang} {
			if !given(name) {
				*p = 0
			}
		}
	}
	for _, s := range drivenSources() {
		if o.source == sourceAll || o.source == s.name {
			w.sources = append(w.sources, s)
		}
	}
	w.repeat = commandLine(o.program, flags, w.seed)
	w.atOnce = invocationsAtOnce(runtime.GOMAXPROCS(0), len(w.sources))
	return w.check(o, given("batch"), flags.Args())
}

// invocationsAtOnce bounds the invocations of a source. At AWS each has a processor of its own; here all of them share
// a few, and with thousands of handlers at work timers would be seconds late, and answers with them.
func invocationsAtOnce(processors, sources int) int {
	return max(2, 8*processors/max(sources, 1))
}

// commandLine is what to type for the same run again.
func commandLine(program string, flags *pflag.FlagSet, seed uint64) string {
	var line strings.Builder
	line.WriteString(program + " stress")
	flags.VisitAll(func(f *pflag.Flag) {
		switch {
		case !f.Changed || f.Name == "seed" || f.Name == "report" || f.Name == "html":
		case f.Value.Type() == "bool":
			fmt.Fprintf(&line, " --%s=%v", f.Name, f.Value)
		default:
			fmt.Fprintf(&line, " --%s %v", f.Name, f.Value)
		}
	})
	fmt.Fprintf(&line, " --seed %d", seed)
	return line.String()
}

// check looks for what cannot be.
func (w *workload) check(o options, batchGiven bool, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected %q: stress makes its own events", args[0])
	}
	for _, limit := range []struct {
		name  string
		value int
		least int
	}{
		{"records", w.records, 0}, {"invocations", w.invocations, 0}, {"groups", w.groups, 1},
	} {
		if limit.value < limit.least {
			return fmt.Errorf("--%s %d: at least %d is needed", limit.name, limit.value, limit.least)
		}
	}
	for name, d := range map[string]time.Duration{"duration": w.duration, "work": w.work} {
		if d < 0 {
			return fmt.Errorf("--%s %v: a duration from 0 is needed", name, d)
		}
	}
	if o.timeout < minTimeout || o.timeout > maxTimeout {
		return fmt.Errorf("--timeout %v: a function's timeout is from %v to %v", o.timeout, minTimeout, maxTimeout)
	}
	if batchGiven {
		for _, s := range w.sources {
			if w.batch < 1 || w.batch > s.mostBatch {
				return fmt.Errorf("--batch %d: AWS allows 1 to %d records in a batch for --source %s", w.batch, s.mostBatch, s.name)
			}
		}
	}
	return w.faults.check()
}

// share returns what the i-th of the sources gets of a total. ok is false if it gets nothing.
func (w *workload) share(total, i int) (n int, ok bool) {
	if total == 0 { // no limit
		return 0, true
	}
	n = total / len(w.sources)
	if i < total%len(w.sources) {
		n++
	}
	return n, n > 0
}
