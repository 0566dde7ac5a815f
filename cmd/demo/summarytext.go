package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/troupe-go/troupe/cmd/demo/page"
	"github.com/troupe-go/troupe/test/lambdasim/check"
)

const (
	violationsShown = 8
	widestBar       = 40
)

// orderKept says of a run without violations what was expected of it about order.
func orderKept(order check.Order) string {
	switch order {
	case check.Strict:
		return "order kept, "
	case check.Starts:
		return "started in order, "
	default:
		return ""
	}
}

// text is the report for people.
func (r *summary) text() string {
	var b strings.Builder
	if r.passed() {
		fmt.Fprintf(&b, "PASS: nothing lost, %severy answer valid and in time\n", orderKept(r.order))
	} else {
		fmt.Fprintf(&b, "FAIL: %s\n", count(r.count, "violation"))
		for _, v := range r.violations[:min(violationsShown, len(r.violations))] {
			fmt.Fprintf(&b, "  - %s\n", v)
		}
		if more := r.count - min(violationsShown, len(r.violations)); more > 0 {
			fmt.Fprintf(&b, "  and %s more\n", thousands(more))
		}
		if r.late > 0 {
			fmt.Fprintf(&b, "  This machine's timers came up to %v late; where that is much, so do answers. A longer --timeout gives room.\n", brief(r.timers))
		}
	}
	b.WriteByte('\n')
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range r.facts() {
		fmt.Fprintf(table, "  %s\t%s\n", f.Label, f.Value)
	}
	table.Flush()
	if len(r.sources) > 1 {
		b.WriteByte('\n')
		r.bySource(&b)
	}
	r.histogram(&b)
	return b.String()
}

// facts are what the report tells first.
func (r *summary) facts() []page.Fact {
	facts := r.total.facts()
	facts[0].Value += " to " + r.names()
	switch {
	case r.interrupted:
		facts = append(facts, page.Fact{Label: "ended", Value: "by the signal; " + left(r.total.totals.Remaining)})
	case !r.drained:
		facts = append(facts, page.Fact{Label: "ended", Value: "at its limit; " + left(r.total.totals.Remaining)})
	}
	return append(facts, page.Fact{Label: "repeat", Value: r.repeat})
}

func left(n int) string { return thousands(n) + " records left in the sources" }

// facts are the numbers in words.
func (f figures) facts() []page.Fact {
	t := f.totals
	outcome := fmt.Sprintf("%s succeeded, %s dead-lettered, %s discarded", thousands(t.Succeeded), thousands(t.DeadLettered), thousands(t.Discarded))
	if f.inVain > 0 {
		outcome += fmt.Sprintf(" (%s of them had succeeded before)", thousands(f.inVain))
	}
	latency := "none succeeded"
	if t.Succeeded > 0 {
		latency = fmt.Sprintf("p50 %v, p95 %v, p99 %v, max %v, from a record's first delivery until it succeeded",
			brief(f.latency.At(50)), brief(f.latency.At(95)), brief(f.latency.At(99)), brief(f.latency.Max()))
	}
	return []page.Fact{
		{Label: "sent", Value: thousands(t.Sent) + " records"},
		{Label: "outcome", Value: outcome},
		{Label: "delivered", Value: fmt.Sprintf("%s records in %s invocations, %s of them again", thousands(t.Received), thousands(t.Invocations), thousands(t.Redelivered))},
		{Label: "handled", Value: fmt.Sprintf("%s handler calls, at most %s at once", thousands(t.Handled), thousands(t.Concurrent))},
		{Label: "faults", Value: fmt.Sprintf("%s errors, %s panics, %s exits, %s hangs; %s abandoned",
			thousands(int(f.fail)), thousands(int(f.panic)), thousands(int(f.exit)), thousands(int(f.hang)), thousands(f.abandoned))},
		{Label: "took", Value: fmt.Sprintf("%v, %s records/s", brief(t.Elapsed), thousands(int(f.perSecond()+0.5)))},
		{Label: "latency", Value: latency},
	}
}

// short are the numbers one by one, for a page.
func (f figures) short() (facts []page.Fact) {
	t := f.totals
	for _, n := range []struct {
		label string
		value int
	}{
		{"records sent", t.Sent}, {"succeeded", t.Succeeded}, {"dead-lettered", t.DeadLettered}, {"discarded", t.Discarded},
		{"left", t.Remaining}, {"invocations", t.Invocations}, {"redelivered", t.Redelivered}, {"handler calls", t.Handled},
		{"at once, at most", t.Concurrent}, {"errors", int(f.fail)}, {"panics", int(f.panic)}, {"exits", int(f.exit)},
		{"hangs", int(f.hang)}, {"records/s", int(f.perSecond() + 0.5)},
	} {
		facts = append(facts, page.Fact{Label: n.label, Value: thousands(n.value)})
	}
	for _, d := range []struct {
		label string
		value time.Duration
	}{
		{"latency p50", f.latency.At(50)}, {"latency p95", f.latency.At(95)}, {"latency p99", f.latency.At(99)}, {"latency max", f.latency.Max()},
	} {
		facts = append(facts, page.Fact{Label: d.label, Value: brief(d.value).String()})
	}
	return facts
}

// bySource is a table with a line for each source.
func (r *summary) bySource(b *strings.Builder) {
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "SOURCE\tSENT\tSUCCEEDED\tREDELIVERED\tGIVEN UP\tHANDLED\tAT ONCE\tREC/S\tP50\tP99\tMAX\t")
	for _, f := range append(r.sources[:len(r.sources):len(r.sources)], r.total) {
		t := f.totals
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%v\t%v\t%v\t\n", f.name, thousands(t.Sent), thousands(t.Succeeded),
			thousands(t.Redelivered), thousands(t.DeadLettered+t.Discarded), thousands(t.Handled), thousands(t.Concurrent),
			thousands(int(f.perSecond()+0.5)), brief(f.latency.At(50)), brief(f.latency.At(99)), brief(f.latency.Max()))
	}
	table.Flush()
}

// histogram shows how latency is spread.
func (r *summary) histogram(b *strings.Builder) {
	buckets := r.total.latency.Buckets()
	few := r.total.totals.Succeeded / 100 // so few that they do not take lines of their own
	for len(buckets) > 1 && buckets[0].Count+buckets[1].Count <= few {
		buckets[1].Count += buckets[0].Count
		buckets = buckets[1:]
	}
	most := 0
	for _, bucket := range buckets {
		most = max(most, bucket.Count)
	}
	if most == 0 {
		return
	}
	b.WriteByte('\n')
	for _, bucket := range buckets {
		line := fmt.Sprintf("  up to %7s  %-*s %s", short(bucket.UpTo), widestBar, bar(bucket.Count, most), thousands(bucket.Count))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// bar is as wide as n is large. What is not nothing shows.
func bar(n, most int) string {
	width := (n*widestBar + most/2) / most
	if n > 0 {
		width = max(width, 1)
	}
	return strings.Repeat("█", width)
}

// short is a round duration without parts that are zero.
func short(d time.Duration) string {
	text := d.String()
	text = strings.TrimSuffix(text, "m0s") + strings.Repeat("m", strings.Count(text, "m0s"))
	return strings.TrimSuffix(text, "h0m") + strings.Repeat("h", strings.Count(text, "h0m"))
}

// thousands is n with a comma at every third digit.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
