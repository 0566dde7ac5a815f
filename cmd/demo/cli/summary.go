package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/troupe-go/troupe/cmd/demo/page"
	"github.com/troupe-go/troupe/cmd/demo/tally"
	"github.com/troupe-go/troupe/lambdasim/check"
)

// summary is the result of a run of stress.
type summary struct {
	name        string // of the command
	repeat      string
	seed        uint64
	run         []page.Fact // what was run
	interrupted bool
	order       check.Order   // the strictest order expected of a source
	drained     bool          // every record is accounted for
	violations  []string      // the first ones, in words
	count       int           // of all violations
	late        int           // of these, responses after the deadline
	timers      time.Duration // how late the machine's timers were at worst
	total       figures
	sources     []figures

	trials []*trial
}

// figures are the numbers of a source, or of all sources.
type figures struct {
	name      string
	totals    check.Totals
	latency   *tally.Latency
	busy      time.Duration // with at least one running handler
	fail      int64         // directed to fail; likewise the next three
	panic     int64
	exit      int64
	hang      int64
	abandoned int // abandoned attempts
	inVain    int // records dead-lettered or discarded although they had succeeded
	ahead     int // records still in the source although they had succeeded
	once      *onceFigures
	pipe      bool // a pipe delivers the records
}

// givenUp and left count the records that never succeeded. Together with those that succeeded they are all
// records sent.
func (f figures) givenUp() int {
	return f.totals.DeadLettered + f.totals.Forwarded + f.totals.Discarded - f.inVain
}
func (f figures) left() int { return f.totals.Remaining - f.ahead }

// newSummary combines the results of the trials, which began at an instant.
func newSummary(o options, trials []*trial, gauge *tally.Gauge, began time.Time, interrupted bool) *summary {
	r := &summary{
		name: o.name, repeat: o.stress.repeat, run: runOf(o, began), seed: o.stress.seed, interrupted: interrupted, drained: true, trials: trials,
		total: figures{name: total, latency: tally.NewLatency()},
	}
	for _, t := range trials {
		f := figures{
			name: t.source, totals: t.verdict.Totals, latency: t.tally.Latency, busy: t.tally.AtWork.Busy(), abandoned: t.tally.Abandoned, inVain: t.tally.InVain, ahead: t.tally.Ahead(),
			fail: t.handler.did.fail.Load(), panic: t.handler.did.panic.Load(), exit: t.handler.did.exit.Load(), hang: t.handler.did.hang.Load(),
			once: t.onceFigures(), pipe: t.simulation.Pipe != nil,
		}
		r.sources = append(r.sources, f)
		r.total.add(f)
		r.order = max(r.order, *t.simulation.Order)
		r.drained = r.drained && t.verdict.Drained
		r.count += t.verdict.Count
		r.late += t.verdict.Kinds[check.Late]
	}
	if len(r.sources) == 1 {
		r.total.name = r.sources[0].name
	}
	r.violations = inWords(trials)
	r.total.totals.Concurrent, r.total.busy = gauge.Most(), gauge.Busy()
	return r
}

// inWords lists the violations in the verdicts: the first of each kind, then the others.
func inWords(trials []*trial) (list []string) {
	var others []string
	for _, t := range trials {
		seen := make(map[check.Kind]bool)
		for _, v := range t.verdict.Violations {
			words := t.source + ": " + v.String()
			if seen[v.Kind] {
				others = append(others, words)
				continue
			}
			seen[v.Kind] = true
			list = append(list, words)
		}
	}
	return append(list, others...)
}

// add adds the numbers that can be summed.
func (f *figures) add(other figures) {
	t, o := &f.totals, other.totals
	for _, sum := range []struct {
		to   *int
		what int
	}{
		{&t.Sent, o.Sent}, {&t.Received, o.Received}, {&t.Redelivered, o.Redelivered},
		{&t.Invocations, o.Invocations}, {&t.Handled, o.Handled}, {&t.Succeeded, o.Succeeded},
		{&t.DeadLettered, o.DeadLettered}, {&t.Forwarded, o.Forwarded}, {&t.Discarded, o.Discarded}, {&t.Remaining, o.Remaining},
		{&t.FunctionErrors, o.FunctionErrors}, {&f.abandoned, other.abandoned}, {&f.inVain, other.inVain},
		{&f.ahead, other.ahead},
	} {
		*sum.to += sum.what
	}
	f.fail, f.panic, f.exit, f.hang = f.fail+other.fail, f.panic+other.panic, f.exit+other.exit, f.hang+other.hang
	f.once = f.once.plus(other.once)
	t.Elapsed = max(t.Elapsed, o.Elapsed)
	f.latency.Add(other.latency)
}

// perSecond returns the number of records that succeeded per second.
func (f figures) perSecond() float64 {
	if f.totals.Elapsed <= 0 {
		return 0
	}
	return float64(f.totals.Succeeded) / f.totals.Elapsed.Seconds()
}

// perSecondAtWork returns the same without the times in which no handler was running, mostly waits for redelivery.
func (f figures) perSecondAtWork() float64 {
	if f.busy <= 0 {
		return 0
	}
	return float64(f.totals.Succeeded) / f.busy.Seconds()
}

func (r *summary) passed() bool { return r.count == 0 }

func (r *summary) exitCode() int {
	if r.passed() {
		return exitOK
	}
	return exitError
}

// write writes the report.
func (r *summary) write(w io.Writer, format string) error {
	text := r.text(columns(w, 0))
	if format == reportJSON {
		object, err := json.MarshalIndent(r.object(), "", "  ")
		if err != nil {
			return fmt.Errorf("stress: the report: %w", err)
		}
		text = string(object) + "\n"
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("stress: cannot write the report: %w", err)
	}
	return nil
}

// stressReport is the report as JSON.
type stressReport struct {
	Verdict      string         `json:"verdict"` // pass or fail
	Violations   []string       `json:"violations"`
	Count        int            `json:"violation_count"` // including those not listed
	Seed         uint64         `json:"seed"`
	Command      string         `json:"command"` // that repeats the run
	Drained      bool           `json:"drained"`
	Stopped      bool           `json:"interrupted"`
	Timers       float64        `json:"timers_late_ms"` // how late the machine's timers were at worst
	sourceReport                // of all sources together
	Sources      []sourceReport `json:"sources"`
}

type sourceReport struct {
	Source       string        `json:"source,omitempty"`
	Records      int           `json:"records"`
	Succeeded    int           `json:"succeeded"`
	DeadLettered int           `json:"dead_lettered"`
	Forwarded    int           `json:"dead_lettered_by_function,omitempty"`
	Discarded    int           `json:"discarded"`
	InVain       int           `json:"given_up_after_success"` // of the last two
	Remaining    int           `json:"remaining"`
	Ahead        int           `json:"remaining_after_success"` // of the last one
	Invocations  int           `json:"invocations"`
	Errors       int           `json:"function_errors"`
	Deliveries   int           `json:"deliveries"`
	Redelivered  int           `json:"redelivered"`
	Handled      int           `json:"handled"`
	AtOnce       int           `json:"handlers_at_once"`
	Faults       faultsReport  `json:"faults"`
	Abandoned    int           `json:"abandoned"`
	Elapsed      float64       `json:"elapsed_s"`
	PerSecond    float64       `json:"records_per_s"`
	Busy         float64       `json:"handlers_at_work_s"` // how long any was
	AtWork       float64       `json:"records_per_s_at_work"`
	Latency      latencyReport `json:"latency_ms"`
	Idempotency  *onceFigures  `json:"idempotency,omitempty"`
}

type faultsReport struct {
	Fail  int64 `json:"fail"`
	Panic int64 `json:"panic"`
	Exit  int64 `json:"exit"`
	Hang  int64 `json:"hang"`
}

type latencyReport struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func (r *summary) verdict() string {
	if r.passed() {
		return "pass"
	}
	return "fail"
}

func (r *summary) object() stressReport {
	o := stressReport{
		Verdict: r.verdict(), Violations: append([]string{}, r.violations...), Count: r.count,
		Seed: r.seed, Command: r.repeat, Drained: r.drained, Stopped: r.interrupted, Timers: millis(r.timers), sourceReport: r.total.object(),
	}
	o.Source = ""
	for _, f := range r.sources {
		o.Sources = append(o.Sources, f.object())
	}
	return o
}

func (f figures) object() sourceReport {
	t := f.totals
	return sourceReport{
		Source: f.name, Records: t.Sent, Succeeded: t.Succeeded, DeadLettered: t.DeadLettered, Forwarded: t.Forwarded, Discarded: t.Discarded,
		InVain: f.inVain, Remaining: t.Remaining, Ahead: f.ahead, Invocations: t.Invocations, Errors: t.FunctionErrors, Deliveries: t.Received,
		Redelivered: t.Redelivered, Handled: t.Handled, AtOnce: t.Concurrent,
		Faults: faultsReport{f.fail, f.panic, f.exit, f.hang}, Abandoned: f.abandoned,
		Elapsed: t.Elapsed.Round(time.Millisecond).Seconds(), PerSecond: hundredths(f.perSecond()),
		Busy: f.busy.Round(time.Millisecond).Seconds(), AtWork: hundredths(f.perSecondAtWork()),
		Latency:     latencyReport{millis(f.latency.At(50)), millis(f.latency.At(95)), millis(f.latency.At(99)), millis(f.latency.Max())},
		Idempotency: f.once,
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func hundredths(x float64) float64 { return float64(int64(x*100+0.5)) / 100 }

// writePage writes the page to the file that createPage returned, and closes the file.
func writePage(file *os.File, r *summary) error {
	if file == nil {
		return nil
	}
	defer file.Close()
	_ = file.Truncate(0) // fails only for files without content, such as a pipe
	if err := page.Write(file, r.page()); err != nil {
		return fmt.Errorf("stress: --html: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("stress: --html: %w", err)
	}
	return nil
}

// page returns the summary as the data of a page.
func (r *summary) page() page.Data {
	d := page.Data{
		Title: r.name + " stress", Command: r.repeat, Passed: r.passed(), Headline: r.headline(), Violations: r.violations,
		Elapsed: r.total.totals.Elapsed, Run: append(r.run[:len(r.run):len(r.run)], r.ended()...), Facts: r.total.tiles(), More: r.total.more(), Words: r.words(),
	}
	for i, t := range r.trials {
		s := page.Source{Name: t.source, Facts: r.sources[i].tiles(), More: r.sources[i].more()}
		t.tally.Fill(&s)
		d.Sources = append(d.Sources, s)
	}
	return d
}

// names lists the sources.
func (r *summary) names() string {
	var names []string
	for _, f := range r.sources {
		names = append(names, f.name)
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}
