package cli

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/idempotency"
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

// The faults that --idempotent adds to those.
const defaultKill, defaultStoreFail = 0.002, 0.002

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

	pipe bool // sources are behind pipes of EventBridge, and Kafka is left out

	// idempotent: records are sent twice, and handled once by package idempotency.
	idempotent bool
	storeFail  float64 // how likely a claim, or a completion, is to fail

	// Of package redelivery, for queues: the first visibility timeout of a failed message, and the receive at which the
	// function dead-letters it. 0 for neither.
	backoff         time.Duration
	deadLetterAfter int

	// Of tests.
	store func(idempotency.Store) idempotency.Store         // changes the store
	extra []troupe.Option                                   // go after all others
	heard func(id string, delivery, attempt int, do string) // is called with what each attempt does
}

// flags defines the flags of stress.
func (w *workload) flags(flags *flagSet, o *options) (settle func(getenv func(string) string) error) {
	names := []string{}
	for _, s := range drivenSources() {
		names = append(names, s.name)
	}
	flags.choose(&o.source, "source", sourceAll, "which sources to simulate; all of them run side by side", append(names, sourceAll)...)
	flags.IntVar(&w.records, "records", defaultRecords, "how many records are sent, divided among the sources; 0 for no limit, which is the default with another limit")
	flags.IntVar(&w.groups, "groups", defaultGroups, "how many message groups, partition keys or items each source has")
	flags.IntVar(&w.batch, "batch", 0, "records in a batch (default 10 for queues, 100 for the others). A standard queue gets a batching window of 1s for more than 10")
	flags.Float64Var(&w.faults.fail, "fail", defaultFaults.fail, "how likely an attempt is to return an error, from 0 to 1. Given any of these, the others are 0")
	flags.Float64Var(&w.faults.panic, "panic", defaultFaults.panic, "how likely it is to panic")
	flags.Float64Var(&w.faults.exit, "exit", defaultFaults.exit, "how likely it is to call runtime.Goexit")
	flags.Float64Var(&w.faults.hang, "hang", defaultFaults.hang, "how likely it is to ignore its context and hang beyond the timeout")
	flags.BoolVar(&w.pipe, "pipe", false, "put a pipe of EventBridge between source and function, in place of a mapping; not for Kafka")
	flags.BoolVar(&w.idempotent, "idempotent", false, "send a fifth of the records twice, handle each key once with package idempotency, and count how often its work is done; see above")
	flags.Float64Var(&w.faults.kill, "kill", 0, "with --idempotent, how likely it is that the process dies between an attempt's work and its completion (default 0.002 with it)")
	flags.Float64Var(&w.storeFail, "store-fail", 0, "with --idempotent, how likely the store is to fail a claim, and to fail its completion (default 0.002 with it)")
	flags.DurationVar(&w.backoff, "backoff", 0, "of a queue, how long a failed message is hidden after its first receive, and twice as long after each further one, by package redelivery (default: the queue's visibility timeout)")
	flags.IntVar(&w.deadLetterAfter, "dead-letter-after", 0, "of a queue, at which receive the function sends a message that fails to the dead-letter queue itself, by package redelivery (default: never)")
	flags.DurationVar(&w.work, "work", defaultWork, "how long a handler works on average; from nothing to twice that")
	flags.IntVar(&w.invocations, "invocations", 0, "how many invocations there are, divided among the sources (default: no limit)")
	flags.DurationVar(&w.duration, "duration", 0, "how long the run may take (default: no limit)")
	flags.Uint64Var(&w.seed, "seed", 0, "where chance starts from; the same seed repeats the faults (default: a new one each time, which the report names)")
	settle = processorFlags(flags, o)
	flags.Lookup("reserve").Usage = "how long before the timeout handlers have to end (default 45% of it, 2s at most; see above)"
	flags.DurationVar(&o.timeout, "timeout", defaultStressTimeout, "the function's timeout, and a queue's visibility timeout: a failed message is redelivered after it; see above")
	flags.choose(&o.report, "report", reportText, "what to write to standard output", reportText, reportJSON)
	flags.StringVar(&w.html, "html", "", "also write a page with charts to this file")
	return settle
}

// settle fills in what the flags leave open, and looks for what cannot be.
func (w *workload) settle(flags *flagSet, o options) error {
	given := flags.isGiven
	if !given("seed") {
		w.seed = uint64(rand.Uint32())
	}
	if !given("records") && w.invocations+int(w.duration) > 0 {
		w.records = 0
	}
	if w.idempotent && !given(faultFlags...) {
		w.faults.kill, w.storeFail = defaultKill, defaultStoreFail
	}
	if given(faultFlags...) {
		for name, p := range map[string]*float64{"fail": &w.faults.fail, "panic": &w.faults.panic, "exit": &w.faults.exit, "hang": &w.faults.hang} {
			if !given(name) {
				*p = 0
			}
		}
	}
	for _, s := range drivenSources() {
		if w.pipe && s.name == string(batch.Kafka) {
			if o.source == s.name {
				return fmt.Errorf("%s with --pipe: must be another source, since AWS documents no partial response for Kafka in pipes", flags.given["source"])
			}
			continue
		}
		if o.source == sourceAll || o.source == s.name {
			w.sources = append(w.sources, s)
		}
	}
	w.repeat = commandLine(o.program, flags, w.seed)
	w.atOnce = invocationsAtOnce(runtime.GOMAXPROCS(0), len(w.sources))
	return w.check(o, flags)
}

// invocationsAtOnce bounds the invocations of a source. At AWS each has a processor of its own; here all of them share
// a few, and with thousands of handlers at work timers would be seconds late, and answers with them.
func invocationsAtOnce(processors, sources int) int {
	return max(2, 8*processors/max(sources, 1))
}

// commandLine is what to type for the same run again.
func commandLine(program string, flags *flagSet, seed uint64) string {
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

// faultFlags are the flags of which any sets those that are not given to 0.
var faultFlags = []string{doFail, doPanic, doExit, doHang, doKill, "store-fail"}

// check looks for what cannot be.
func (w *workload) check(o options, flags *flagSet) error {
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected %q: stress makes its own events", flags.Arg(0))
	}
	for _, limit := range []struct {
		name  string
		value int
		least int
	}{
		{"records", w.records, 0}, {"invocations", w.invocations, 0}, {"groups", w.groups, 1},
	} {
		if limit.value < limit.least {
			return flags.bad(limit.name, "must be a whole number of at least %d", limit.least)
		}
	}
	for name, d := range map[string]time.Duration{"duration": w.duration, "work": w.work} {
		if d < 0 {
			return flags.bad(name, "must be a duration of at least 0")
		}
	}
	if o.timeout < minTimeout || o.timeout > maxTimeout {
		return flags.bad("timeout", "must be from %s to %s, as a function's timeout is", short(minTimeout), short(maxTimeout))
	}
	if flags.isGiven("batch") {
		for _, s := range w.sources {
			if w.batch < 1 || w.batch > s.mostBatch {
				return flags.bad("batch", "must be from 1 to %d records for --source %s", s.mostBatch, s.name)
			}
		}
	}
	if flags.isGiven("lowest-only") {
		for _, s := range w.sources {
			if s.name == string(batch.SQS) || s.name == sourceFIFO {
				return flags.bad("lowest-only", "is for streams and Kafka only; add --source kinesis, dynamodb or kafka")
			}
		}
	}
	for _, name := range []string{"backoff", "dead-letter-after"} {
		switch {
		case !flags.isGiven(name):
		case !slices.ContainsFunc(w.sources, driven.isQueue):
			return flags.bad(name, "is for queues only; add --source sqs or fifo")
		case o.errorWhen == troupe.ErrorWhenAny:
			return flags.bad(name, "must be without --error-when any, after which the whole batch is redelivered")
		}
	}
	if flags.isGiven("backoff") && w.backoff < time.Second {
		return flags.bad("backoff", "must be a duration of at least 1s")
	}
	if flags.isGiven("dead-letter-after") && w.deadLetterAfter < 1 {
		return flags.bad("dead-letter-after", "must be a whole number of at least 1")
	}
	for _, name := range []string{doKill, "store-fail"} {
		if flags.isGiven(name) && !w.idempotent {
			return flags.bad(name, "must be with --idempotent")
		}
	}
	if !(w.storeFail >= 0 && w.storeFail <= 1) {
		return flags.bad("store-fail", "must be a probability from 0 to 1")
	}
	return w.faults.check(flags)
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
