package cli

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/cmd/demo/plan"
)

// planned is an answer and its format.
type planned struct {
	answer plan.Answer
	report string
}

// flags defines the flags of demo plan. settle calculates the answer.
func (p *planned) flags(flags *flagSet) (settle func(getenv func(string) string) error) {
	var q plan.Question
	var source string
	var window time.Duration
	var sources []string
	for _, s := range plan.Sources() {
		sources = append(sources, string(s))
	}
	flags.choose(&source, "source", string(plan.SQS), "where the records come from; sqs is a standard queue", sources...)
	flags.Float64Var(&q.Rate, "rate", 0, "records that arrive per second")
	flags.IntVar(&q.Backlog, "backlog", 0, "records that are waiting")
	flags.DurationVar(&q.Work, "work", 0, "time the handler takes for one record; required")
	flags.DurationVar(&q.Overhead, "overhead", 0, "time an invocation takes in addition to its handlers (default 10ms)")
	flags.IntVar(&q.Concurrency, "concurrency", 0, "handlers at once in one invocation (default 16)")
	flags.DurationVar(&q.Timeout, "timeout", 0, "the function's timeout, to check that a batch fits")
	flags.IntVar(&q.Size, "size", 0, "bytes of a record in the event, for the limits in bytes")
	flags.IntVar(&q.Batch, "batch", 0, "BatchSize (default 10 for queues, otherwise 100)")
	flags.DurationVar(&window, "window", 0, "MaximumBatchingWindowInSeconds, such as 5s (default none; 500ms for kafka)")
	flags.IntVar(&q.Groups, "groups", 0, "message groups that have messages at the same time, required for fifo; otherwise distinct keys (default many)")
	flags.IntVar(&q.Shards, "shards", 0, "shards of the stream, or partitions of the topic (default 1)")
	flags.IntVar(&q.Factor, "factor", 0, "ParallelizationFactor of a stream (default 1)")
	flags.IntVar(&q.MaximumConcurrency, "max-concurrency", 0, "MaximumConcurrency of a queue (default: none)")
	flags.Var(pollers{&q.Pollers}, "pollers", "provisioned pollers of a queue or topic, such as 2:200 (default: none)")
	flags.IntVar(&q.Account, "account", 0, "concurrency that the account or a reservation leaves for the function (default 1000)")
	flags.choose(&p.report, "report", reportText, "format of the answer", reportText, reportJSON)

	return func(func(string) string) error {
		if flags.NArg() > 0 {
			return fmt.Errorf("unexpected argument %q: plan takes flags only", flags.Arg(0))
		}
		if err := noZeroes(flags); err != nil {
			return err
		}
		q.Source = plan.Source(source)
		if flags.isGiven("window") {
			q.Window = &window
		}
		if flags.isGiven("overhead") && q.Overhead == 0 {
			q.Overhead = -1 // none
		}
		var err error
		p.answer, err = plan.Plan(q)
		return err
	}
}

// noZeroes rejects a 0 that would count as a default.
func noZeroes(flags *flagSet) error {
	for _, name := range []string{"concurrency", "batch", "groups", "shards", "factor", "max-concurrency", "account", "size"} {
		if f := flags.Lookup(name); f.Changed && f.Value.String() == "0" {
			return flags.bad(name, "must be a whole number of at least 1")
		}
	}
	return nil
}

// pollers is the value of the flag for provisioned pollers.
type pollers struct{ to *plan.Pollers }

func (p pollers) Type() string { return "min:max" }

func (p pollers) String() string {
	if p.to == nil || *p.to == (plan.Pollers{}) {
		return ""
	}
	return fmt.Sprintf("%d:%d", p.to.Minimum, p.to.Maximum)
}

func (p pollers) Allowed() string {
	return "must be the minimum and the maximum, each at least 1, such as 2:200"
}

func (p pollers) Set(value string) error {
	minimum, maximum, ok := strings.Cut(value, ":")
	least, err := strconv.Atoi(minimum)
	most, err2 := strconv.Atoi(maximum)
	if !ok || err != nil || err2 != nil || least < 1 || most < 1 {
		return errNoChoice
	}
	*p.to = plan.Pollers{Minimum: least, Maximum: most}
	return nil
}

// writePlan writes an answer.
func writePlan(w io.Writer, p planned) {
	if p.report == reportJSON {
		writeLine(w, jsonPlanOf(p.answer))
		return
	}
	_, _ = io.WriteString(w, textPlan(p.answer, columns(w, 0)))
}

// textPlan returns an answer as text: one number per line, the most important first. Lines have at most width columns;
// 0 is no limit.
func textPlan(a plan.Answer, width int) string {
	q := a.Question
	var rows strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&rows, "  %s\t%s\n", what, fmt.Sprintf(format, args...))
	}
	if q.Rate > 0 {
		line("keeps up", "%s", keepsUp(a))
		line("environments", "%s", environmentsOf(a))
		if q.Concurrency > 1 {
			line("a plain loop", "%s", loopOf(a))
		}
	}
	line("a full batch", "%s, %s at once: %v", count(a.Full.Records, "record"), plain(a.Full.AtOnce), brief(a.Full.Takes))
	if a.RampUp > 0 && a.Drain == nil {
		line("cold start", "enough environments after %v; %s waiting by then", brief(a.RampUp), count(a.PiledUp, "record"))
	}
	if d := a.Drain; d != nil {
		line("backlog", "%s", drainOf(*d))
	}
	first := a.Limits[0]
	line("first limit", "%s", limitOf(first))
	for _, l := range a.Limits[1:min(3, len(a.Limits))] {
		line("then", "%s, %s times that", limitOf(l), plain(l.Records/first.Records))
	}
	if changes := changesOf(a); changes != "" {
		line("change", "%s", changes)
	}
	text := fill(loadOf(q), width, "", "  ") + "\n" + layout(rows.String(), width)
	if len(a.Notes) > 0 {
		text += "\n"
	}
	if width == 0 {
		width = widestText
	}
	for _, note := range a.Notes {
		text += fill(note, width, "  ", "  ")
	}
	return text
}

// loadOf returns the question in one line.
func loadOf(q plan.Question) string {
	parts := []string{string(q.Source)}
	if q.Rate > 0 {
		parts = append(parts, plain(q.Rate)+" records/s")
	}
	if q.Backlog > 0 {
		parts = append(parts, count(q.Backlog, "record")+" waiting")
	}
	parts = append(parts, fmt.Sprintf("%v each", q.Work), "batches of up to "+plain(float64(q.Batch)))
	if q.Window != nil && *q.Window > 0 {
		parts = append(parts, fmt.Sprintf("window %v", *q.Window))
	}
	for _, n := range []struct {
		what string
		n    int
	}{{"groups", q.Groups}, {"shards", q.Shards}, {"factor", q.Factor}, {"max-concurrency", q.MaximumConcurrency}} {
		if n.n > 1 {
			parts = append(parts, fmt.Sprintf("%s %d", n.what, n.n))
		}
	}
	if q.Pollers != (plan.Pollers{}) {
		parts = append(parts, fmt.Sprintf("pollers %d:%d", q.Pollers.Minimum, q.Pollers.Maximum))
	}
	return strings.Join(append(parts, count(q.Concurrency, "handler")+" at once"), ", ")
}

// environmentsOf describes the environments: the number needed with full batches, and the number in use, which is
// larger if batches are smaller.
func environmentsOf(a plan.Answer) string {
	batches := "with batches of " + records(a.Usual.Records, a.Question.Batch)
	if !a.KeepsUp || a.InUse <= float64(a.Environments) {
		return fmt.Sprintf("%s needed, %s in use on average, %s", plain(float64(a.Environments)), plain(a.InUse), batches)
	}
	return fmt.Sprintf("%s if batches were full; %s as configured, on average, %s", plain(float64(a.Environments)), plain(a.InUse), batches)
}

// loopOf describes the environments of a function that handles one record after the other.
func loopOf(a plan.Answer) string {
	switch {
	case !a.SequentialKeepsUp:
		return fmt.Sprintf("%s needed, and it does not keep up", plain(float64(a.Sequential)))
	case a.SequentialInUse <= float64(a.Sequential):
		return fmt.Sprintf("%s needed, %s in use on average, since it handles one record at a time", plain(float64(a.Sequential)), plain(a.SequentialInUse))
	default:
		return fmt.Sprintf("%s if batches were full; %s as configured, on average", plain(float64(a.Sequential)), plain(a.SequentialInUse))
	}
}

func keepsUp(a plan.Answer) string {
	share := fmt.Sprintf("%s %% of the maximum of %s records/s", percent(a.Utilisation), plain(a.Capacity))
	switch {
	case !a.KeepsUp:
		return fmt.Sprintf("NO: %s; the backlog grows by %s per second", share, plain(a.Question.Rate-a.Capacity))
	case a.Tight:
		return "yes, but tight: " + share
	default:
		return "yes: " + share
	}
}

// percent returns a share in percent.
func percent(share float64) string {
	if share < 0.01 {
		return "less than 1"
	}
	return plain(math.Round(100 * share))
}

func drainOf(d plan.Drain) string {
	if !d.Ends {
		return fmt.Sprintf("NEVER processed: no more records are handled than arrive, in batches of %d that take %v", d.Batch.Records, brief(d.Batch.Takes))
	}
	return fmt.Sprintf("processed in %v from a cold start, by up to %s", brief(d.Takes), count(d.Environments, "environment"))
}

func limitOf(l plan.Limit) string {
	if l.Environments == 0 {
		return fmt.Sprintf("%s: %s records/s", l.Name, plain(l.Records))
	}
	return fmt.Sprintf("%s: %s at once, %s records/s", l.Name, plain(float64(l.Environments)), plain(l.Records))
}

// changesOf describes the changes that help against an excessive load.
func changesOf(a plan.Answer) string {
	var texts []string
	for _, c := range a.Changes {
		text := "--" + c.Flag + " " + c.To
		if c.Flag == "pollers" && a.Question.MaximumConcurrency > 0 {
			text += " without --max-concurrency"
		}
		texts = append(texts, text)
	}
	switch {
	case len(texts) == 1:
		return texts[0] + " leaves a fifth to spare"
	case len(texts) > 1:
		return strings.Join(texts, ", or ") + ": each alone leaves a fifth to spare"
	case !a.KeepsUp:
		return "no single setting is enough: raise the first limit and plan again, or make --work shorter"
	default:
		return ""
	}
}

// records describes the size of a batch.
func records(n, of int) string {
	if n == of {
		return count(n, "record") + ", which is full"
	}
	return fmt.Sprintf("about %s of %s records", plain(float64(n)), plain(float64(of)))
}

// plain returns a number with a comma at every third digit, or with three digits if it is not whole.
func plain(x float64) string {
	switch {
	case x > 0 && x < 0.001:
		return "less than 0.001"
	case x < 100 && x != math.Trunc(x):
		return strconv.FormatFloat(x, 'g', 3, 64)
	}
	text := strconv.FormatFloat(x, 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// jsonPlan is plan.Answer as JSON.
type jsonPlan struct {
	Source       string           `json:"source"`
	KeepsUp      bool             `json:"keeps_up"`
	Tight        bool             `json:"tight"`
	Utilisation  float64          `json:"utilisation"`
	Capacity     float64          `json:"capacity_records_per_s"`
	Environments jsonEnvironments `json:"environments"`
	FullBatch    jsonBatch        `json:"full_batch"`
	UsualBatch   *jsonBatch       `json:"usual_batch"` // null without a rate
	RampUp       float64          `json:"ramp_up_s"`
	PiledUp      int              `json:"piled_up"`
	Drain        *jsonDrain       `json:"drain"` // null without a backlog
	Limits       []jsonLimit      `json:"limits"`
	Changes      []jsonChange     `json:"changes"`
	Notes        []string         `json:"notes"`
}

type jsonEnvironments struct {
	Needed     int     `json:"needed"`
	InUse      float64 `json:"in_use"`
	Sequential int     `json:"sequential"`
	// of the same, with the batches to expect
	SequentialInUse float64 `json:"sequential_in_use"`
}

type jsonBatch struct {
	Records int     `json:"records"`
	AtOnce  float64 `json:"at_once"`
	Takes   float64 `json:"takes_s"`
}

type jsonDrain struct {
	Ends         bool      `json:"ends"`
	Takes        *float64  `json:"takes_s"` // null if it does not end
	Environments int       `json:"environments"`
	Batch        jsonBatch `json:"batch"`
}

type jsonLimit struct {
	Name         string  `json:"name"`
	Environments *int    `json:"environments"` // null if it is no number of environments
	Records      float64 `json:"records_per_s"`
}

type jsonChange struct {
	Flag string `json:"flag"`
	To   string `json:"to"`
}

// rounded returns x rounded to six decimal places.
func rounded(x float64) float64 { return math.Round(x*1e6) / 1e6 }

func jsonPlanOf(a plan.Answer) jsonPlan {
	batch := func(b plan.Batch) jsonBatch { return jsonBatch{b.Records, rounded(b.AtOnce), b.Takes.Seconds()} }
	j := jsonPlan{
		Source: string(a.Question.Source), KeepsUp: a.KeepsUp, Tight: a.Tight, Utilisation: rounded(a.Utilisation), Capacity: rounded(a.Capacity),
		Environments: jsonEnvironments{a.Environments, rounded(a.InUse), a.Sequential, rounded(a.SequentialInUse)},
		FullBatch:    batch(a.Full), RampUp: a.RampUp.Seconds(), PiledUp: a.PiledUp,
		Changes: []jsonChange{}, Notes: append([]string{}, a.Notes...),
	}
	if a.Question.Rate > 0 {
		j.UsualBatch = new(batch(a.Usual))
	}
	if d := a.Drain; d != nil {
		j.Drain = &jsonDrain{Ends: d.Ends, Environments: d.Environments, Batch: batch(d.Batch)}
		if d.Ends {
			j.Drain.Takes = new(d.Takes.Seconds())
		}
	}
	for _, l := range a.Limits {
		limit := jsonLimit{Name: l.Name, Records: rounded(l.Records)}
		if l.Environments > 0 {
			limit.Environments = &l.Environments
		}
		j.Limits = append(j.Limits, limit)
	}
	for _, c := range a.Changes {
		j.Changes = append(j.Changes, jsonChange{c.Flag, c.To})
	}
	return j
}
