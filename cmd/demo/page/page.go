// Package page writes what a run of the demo was like as one HTML file: the verdict, the facts, charts, and a timeline of
// every attempt. The file needs nothing beside it and asks no network for anything.
//
// The charts are SVG that html/template writes, so that they are there without JavaScript and follow the reader's light
// or dark scheme. No library was found that does both: go-echarts and uPlot draw by JavaScript, the first from a server
// of its own; gonum/plot writes fixed colours; wcharczuk/go-chart, which can write CSS classes, is archived. The timeline
// is a canvas, since it has to stay quick with 20,000 bars.
package page

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // for the page's own parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

// Data is what a page shows. All text in it may come from anywhere: Write escapes it.
type Data struct {
	Title      string // "demo stress"
	Command    string // the command line that repeats the run
	Passed     bool
	Headline   string // what passed, or how much did not
	Violations []string
	Elapsed    time.Duration
	Run        []Fact // what was run: policy, concurrency, …
	Facts      []Fact // the few numbers that are shown first, in this order
	More       []Fact // the others, folded away
	Words      []Fact // labels that need a word of explanation, and that
	Sources    []Source
}

// Fact is a label and its value, written for people.
type Fact struct{ Label, Value string }

// Source is the part of the run that one source took. The series begin with the run and have a value a step; one that is
// shorter than the others counts as 0 from there on.
type Source struct {
	Name  string // "sqs", "fifo", …
	Facts []Fact // likewise
	More  []Fact
	Step  time.Duration // of the series; without it they are not drawn

	Handled     []int // attempts that ended
	Succeeded   []int // records that succeeded
	Redelivered []int // records delivered again
	InFlight    []int // the most handlers at work at once

	Latency []Bucket // in ascending order
	Rows    []Row    // in the order in which they are shown
	Lanes   bool     // Rows are lanes, and not groups
	Omitted int      // attempts beyond what Rows hold
}

// Bucket counts latencies above the bucket before it and up to UpTo. The last may be without an end: [Unbounded].
type Bucket struct {
	UpTo  time.Duration
	Count int
}

// Unbounded is the end of a [Bucket] that has none.
const Unbounded time.Duration = 1<<63 - 1

// Row is a line of the timeline: the attempts of a group, or of a lane, in any order. Attempts of the same lane have
// nothing in common but that they are not at the same time.
type Row struct {
	Name string
	Bars []Bar
}

// Bar is one attempt at a record.
type Bar struct {
	Start, End        time.Duration // since the run began; drawn to the microsecond
	Record            string
	Delivery, Attempt int    // from 1; Attempt is that of the delivery
	Outcome           string // "ok", "fail", "panic", "exit" or "abandoned"
}

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed timeline.js
	timelineJS string
)

// Write writes the page. It returns an error for an outcome that [Bar] does not know, before anything is written, and
// whatever w returns.
func Write(w io.Writer, d Data) error {
	v, err := viewOf(d)
	if err != nil {
		return err
	}
	page, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	out := bufio.NewWriter(w)
	if err := page.Execute(out, v); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return out.Flush()
}

// view is Data as the template wants it.
type view struct {
	Data
	Verdict string
	Took    string
	Shown   []string // violations
	Further []string // the others, folded away
	Sources []sourceView

	Policy template.HTMLAttr
	Style  template.CSS
	Script template.JS
}

type sourceView struct {
	Source
	Number   int // from 1
	Charts   []chart
	Attempts string
	Left     string // how many attempts are left out; empty when none are
	Counts   []outcomeCount
	Timeline timeline
}

type outcomeCount struct{ Outcome, Title, Count string }

const shownViolations = 5

func viewOf(d Data) (view, error) {
	v := view{
		Data:    d,
		Verdict: "Failed",
		Took:    durationText(d.Elapsed),
		Policy:  contentPolicy(),
		Style:   template.CSS(pageCSS),
		Script:  template.JS(timelineJS),
	}
	shown := min(len(d.Violations), shownViolations)
	v.Shown, v.Further = d.Violations[:shown], d.Violations[shown:]
	if d.Passed {
		v.Verdict = "Passed"
	}

	sources, lower := alike(d.Sources)
	for i, s := range sources {
		t, err := timelineOf(s)
		if err != nil {
			return view{}, err
		}
		sv := sourceView{Source: s, Number: i + 1, Timeline: t, Charts: []chart{
			throughputChart(s), inFlightChart(s), redeliveredChart(s), latencyChart(lower, s.Latency),
		}}
		counts, attempts := t.counts()
		for outcome, n := range counts {
			sv.Counts = append(sv.Counts, outcomeCount{outcomes[outcome], titles[outcome], thousands(n)})
		}
		sv.Attempts = thousands(attempts)
		if s.Omitted > 0 {
			sv.Left = thousands(s.Omitted)
		}
		v.Sources = append(v.Sources, sv)
	}
	return v, nil
}

// contentPolicy lets the browser run the page's own script and style, known by their hash, and load nothing at all: a
// second wall behind the escaping, and the reason why the page cannot reach for a network.
func contentPolicy() template.HTMLAttr {
	return template.HTMLAttr(fmt.Sprintf(`content="default-src 'none'; img-src data:; style-src %s; script-src %s; base-uri 'none'; form-action 'none'"`,
		contentHash(pageCSS), contentHash(timelineJS)))
}

func contentHash(s string) string {
	sum := sha256.Sum256([]byte(strings.ReplaceAll(s, "\r\n", "\n"))) // as a browser reads it
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
