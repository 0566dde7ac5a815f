// Package page writes the report of a run of the demo as one HTML file: the verdict, the facts, charts, and a timeline
// of every attempt. The file is self-contained and makes no network requests.
//
// The charts are SVG written by html/template, so that they work without JavaScript and follow the reader's light or
// dark scheme. No library was found that does both: go-echarts and uPlot draw with JavaScript, the former from its own
// server; gonum/plot writes fixed colors; wcharczuk/go-chart, which can write CSS classes, is archived. The timeline is
// a canvas, to stay fast with 20,000 bars.
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

// Data is the content of a page. Its text may come from any source: Write escapes it.
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

// Source is the part of the run that concerns one source. The series begin with the run and have one value per step;
// the missing values of a shorter series count as 0.
type Source struct {
	Name  string // "sqs", "fifo", …
	Facts []Fact // likewise
	More  []Fact
	Step  time.Duration // of the series; without it they are not drawn

	Handled     []int // attempts that ended
	Succeeded   []int // records that succeeded
	Redelivered []int // records delivered again
	InFlight    []int // the maximum of running handlers

	Latency []Bucket // in ascending order
	Rows    []Row    // in the order in which they are shown
	Lanes   bool     // Rows are lanes, and not groups
	Omitted int      // attempts that Rows do not contain
}

// Bucket counts latencies above the previous bucket and up to UpTo. The last bucket may be [Unbounded].
type Bucket struct {
	UpTo  time.Duration
	Count int
}

// Unbounded is the UpTo of a [Bucket] without an upper bound.
const Unbounded time.Duration = 1<<63 - 1

// Row is a line of the timeline: the attempts of a group, or of a lane, in any order. Attempts in a lane are unrelated,
// but do not overlap.
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

// Write writes the page. It returns an error for an unknown outcome of a [Bar], before it writes anything, and any
// error of w.
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

// view is Data in the form that the template needs.
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
	Left     string // the number of omitted attempts; empty if none
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

// contentPolicy allows only the page's own script and style, known by their hashes, and no requests: a second line of
// defense besides escaping, and the reason why the page cannot use the network.
func contentPolicy() template.HTMLAttr {
	return template.HTMLAttr(fmt.Sprintf(`content="default-src 'none'; img-src data:; style-src %s; script-src %s; base-uri 'none'; form-action 'none'"`,
		contentHash(pageCSS), contentHash(timelineJS)))
}

func contentHash(s string) string {
	sum := sha256.Sum256([]byte(strings.ReplaceAll(s, "\r\n", "\n"))) // as a browser reads it
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
