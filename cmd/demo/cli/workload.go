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

// defaultFaults are the faults of a run without flags for faults.
var defaultFaults = faults{fail: 0.05, panic: 0.02, exit: 0.01, hang: 0.0005}

// defaultKill and defaultStoreFail are the faults that --idempotent adds.
const defaultKill, defaultStoreFail = 0.002, 0.002

// AWS's limits of a function's timeout.
const minTimeout, maxTimeout = time.Second, 15 * time.Minute

// workload describes a run of stress. A limit of 0 is no limit.
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
	repeat      string // a command line that repeats the run
	atOnce      int    // invocations of a source

	pipe bool // sources are behind pipes of EventBridge, and Kafka is left out

	// idempotent: records are sent twice, and handled once by package idempotency.
	idempotent bool
	storeFail  float64 // how likely a claim, or a completion, is to fail

	// For queues, by package redelivery: the first visibility timeout of a failed message, and the receive at which the
	// function dead-letters it. 0 for neither.
	backoff         time.Duration
	deadLetterAfter int

	// For tests.
	store func(idempotency.Store) idempotency.Store         // changes the store
	extra []troupe.Option                                   // follow all others
	heard func(id string, delivery, attempt int, do string) // is called with the action of each attempt
}

// flags defines the flags of stress.
func (w *workload) flags(flags *flagSet, o *options) (settle func(getenv func(string) string) error) {
	names := []string{}
	for _, s := range drivenSources() {
		names = append(names, s.name)
	}
	flags.choose(&o.source, "source", sourceAll, "which sources to simulate; all run in parallel", append(names, sourceAll)...)
	flags.IntVar(&w.records, "records", defaultRecords, "how many records to send, divided among the sources; 0 for no limit, the default if there is another limit")
	flags.IntVar(&w.groups, "groups", defaultGroups, "how many message groups, partition keys or items each source has")
	flags.IntVar(&w.batch, "batch", 0, "records in a batch (default 10 for queues, otherwise 100). For more than 10, a standard queue gets a batching window of 1s")
	flags.Float64Var(&w.faults.fail, "fail", defaultFaults.fail, "how likely an attempt is to return an error, from 0 to 1. If any of these flags is set, the others default to 0")
	flags.Float64Var(&w.faults.panic, "panic", defaultFaults.panic, "how likely it is to panic")
	flags.Float64Var(&w.faults.exit, "exit", defaultFaults.exit, "how likely it is to call runtime.Goexit")
	flags.Float64Var(&w.faults.hang, "hang", defaultFaults.hang, "how likely it is to ignore its context and hang beyond the timeout")
	flags.BoolVar(&w.pipe, "pipe", false, "put an EventBridge pipe between source and function instead of a mapping; not for Kafka")
	flags.BoolVar(&w.idempotent, "idempotent", false, "send a fifth of the records twice, process each key once with package idempotency, and count how often its work is done; see above")
	flags.Float64Var(&w.faults.kill, "kill", 0, "with --idempotent, how likely the process is to die between the work of an attempt and its completion (default 0.002)")
	flags.Float64Var(&w.storeFail, "store-fail", 0, "with --idempotent, how likely the store is to fail a claim, and to fail a completion (default 0.002)")
	flags.DurationVar(&w.backoff, "backoff", 0, "for queues, how long package redelivery hides a failed message after its first receive; doubles with each further receive (default: the queue's visibility timeout)")
	flags.IntVar(&w.deadLetterAfter, "dead-letter-after", 0, "for queues, the receive at which package redelivery dead-letters a failed message (default: never)")
	flags.DurationVar(&w.work, "work", defaultWork, "how long a handler works on average; uniform from 0 to twice that")
	flags.IntVar(&w.invocations, "invocations", 0, "how many invocations to make, divided among the sources (default: no limit)")
	flags.DurationVar(&w.duration, "duration", 0, "how long the run may take (default: no limit)")
	flags.Uint64Var(&w.seed, "seed", 0, "seed of the random numbers; the same seed repeats the faults (default: random, shown in the report)")
	settle = processorFlags(flags, o)
	flags.Lookup("reserve").Usage = "how long before the timeout handlers must end (default 45% of it, at most 2s; see above)"
	flags.DurationVar(&o.timeout, "timeout", defaultStressTimeout, "the function's timeout, which is also a queue's visibility timeout; see above")
	flags.choose(&o.report, "report", reportText, "what to write to standard output", reportText, reportJSON)
	flags.StringVar(&w.html, "html", "", "also write a page with charts to this file")
	return settle
}

// settle fills in defaults and rejects invalid combinations.
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
				return fmt.Errorf("%s: must be another source with --pipe, since AWS documents no partial responses for Kafka in pipes", flags.given["source"])
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

// invocationsAtOnce bounds the invocations of a source. In Lambda each has a processor of its own; here all share a
// few, and with thousands of running handlers timers, and therefore responses, would be seconds late.
func invocationsAtOnce(processors, sources int) int {
	return max(2, 8*processors/max(sources, 1))
}

// commandLine returns a command line that repeats the run.
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

// faultFlags are the flags of faults. If any is given, the others are 0.
var faultFlags = []string{doFail, doPanic, doExit, doHang, doKill, "store-fail"}

// check rejects invalid values and combinations.
func (w *workload) check(o options, flags *flagSet) error {
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: stress takes flags only", flags.Arg(0))
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
		return flags.bad("timeout", "must be from %s to %s, the limits of a function's timeout", short(minTimeout), short(maxTimeout))
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
				return flags.bad("lowest-only", "must be used with --source kinesis, dynamodb or kafka")
			}
		}
	}
	for _, name := range []string{"backoff", "dead-letter-after"} {
		switch {
		case !flags.isGiven(name):
		case !slices.ContainsFunc(w.sources, driven.isQueue):
			return flags.bad(name, "must be used with --source sqs or fifo")
		case o.errorWhen == troupe.ErrorWhenAny:
			return flags.bad(name, "must not be used with --error-when any, which redelivers the whole batch")
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
			return flags.bad(name, "must be used with --idempotent")
		}
	}
	if !(w.storeFail >= 0 && w.storeFail <= 1) {
		return flags.bad("store-fail", "must be a probability from 0 to 1")
	}
	return w.faults.check(flags)
}

// share returns the share of the i-th source in a total. ok is false if that is nothing.
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
