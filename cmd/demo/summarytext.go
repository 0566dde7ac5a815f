package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/troupe-go/troupe/cmd/demo/page"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/messages"
)

const (
	total           = "total" // the name of the figures of all sources
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
	r.legend(&b)
	r.histogram(&b)
	return b.String()
}

// facts are what the report tells first.
func (r *summary) facts() []page.Fact {
	facts := r.total.facts()
	facts[0].Value += " to " + r.names()
	switch {
	case r.interrupted:
		facts = append(facts, page.Fact{Label: "ended", Value: "by the signal; " + r.total.remaining()})
	case !r.drained:
		facts = append(facts, page.Fact{Label: "ended", Value: "at its limit; " + r.total.remaining()})
	}
	return append(facts, page.Fact{Label: "repeat", Value: r.repeat})
}

// remaining says what the sources still hold.
func (f figures) remaining() string {
	text := thousands(f.totals.Remaining) + " records left in the sources"
	if f.ahead > 0 {
		text += fmt.Sprintf(", of which %s had succeeded", thousands(f.ahead))
	}
	return text
}

// words explain the numbers that look like a fault and are none.
func (r *summary) words() (words []page.Fact) {
	word := func(label, format string, args ...any) {
		words = append(words, page.Fact{Label: label, Value: fmt.Sprintf(format, args...)})
	}
	if r.total.totals.DeadLettered > 0 {
		word("dead-lettered", "given up on after %d receives and kept in the dead-letter queue, so not lost", maxReceives)
	}
	if r.total.totals.Discarded > 0 {
		word("discarded", "given up on after %d retries, of which the on-failure destination was told, so not lost", maxRetries)
	}
	if slices.ContainsFunc(r.sources, figures.restarts) {
		word("redelivered", "a stream or topic starts again at the lowest failure, so what had succeeded behind it comes again")
	}
	return words
}

// restarts says that the source is a stream or topic, and has delivered records again.
func (f figures) restarts() bool {
	return f.totals.Redelivered > 0 && f.name != string(messages.SQS) && f.name != sourceFIFO
}

// legend tells the words.
func (r *summary) legend(b *strings.Builder) {
	words := r.words()
	if len(r.sources) > 1 && r.total.givenUp() > 0 {
		words = append(words, page.Fact{Label: "given up", Value: "dead-lettered or discarded, and never succeeded"})
	}
	if len(words) == 0 {
		return
	}
	b.WriteByte('\n')
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, w := range words {
		fmt.Fprintf(table, "  %s\t%s\n", w.Label, w.Value)
	}
	table.Flush()
}

// facts are the numbers in words.
func (f figures) facts() []page.Fact {
	t := f.totals
	latency := "none succeeded"
	if t.Succeeded > 0 {
		latency = fmt.Sprintf("p50 %v, p95 %v, p99 %v, max %v, from a record's first delivery until it succeeded",
			brief(f.latency.At(50)), brief(f.latency.At(95)), brief(f.latency.At(99)), brief(f.latency.Max()))
	}
	return []page.Fact{
		{Label: "sent", Value: thousands(t.Sent) + " records"},
		{Label: "outcome", Value: f.outcome()},
		{Label: "delivered", Value: fmt.Sprintf("%s records in %s invocations, %s of them again", thousands(t.Received), thousands(t.Invocations), thousands(t.Redelivered))},
		{Label: "handled", Value: fmt.Sprintf("%s handler calls, at most %s at once over all %s", thousands(t.Handled), thousands(t.Concurrent), f.over())},
		{Label: "faults", Value: fmt.Sprintf("%s errors, %s panics, %s runtime.Goexit, %s hangs; %s abandoned",
			thousands(int(f.fail)), thousands(int(f.panic)), thousands(int(f.exit)), thousands(int(f.hang)), thousands(f.abandoned))},
		{Label: "took", Value: fmt.Sprintf("%v, %s records/s", brief(t.Elapsed), thousands(int(f.perSecond()+0.5)))},
		{Label: "latency", Value: latency},
	}
}

// outcome says what became of the records.
func (f figures) outcome() string {
	text := thousands(f.totals.Succeeded) + " succeeded"
	for _, n := range []struct {
		number int
		what   string
	}{{f.totals.DeadLettered, "dead-lettered"}, {f.totals.Discarded, "discarded"}, {f.left(), "left"}} {
		if n.number > 0 {
			text += fmt.Sprintf(", %s %s", thousands(n.number), n.what)
		}
	}
	if f.inVain > 0 {
		text += fmt.Sprintf("; %s that were given up on had succeeded before, and count twice", thousands(f.inVain))
	}
	return text
}

// over says over what handlers at once are counted: WithConcurrency bounds those of one invocation.
func (f figures) over() string {
	if f.name == total {
		return "sources and invocations"
	}
	return "invocations"
}

// short are the numbers one by one, for a page.
func (f figures) short() (facts []page.Fact) {
	t := f.totals
	for _, n := range []struct {
		label string
		value int
	}{
		{"records sent", t.Sent}, {"succeeded", t.Succeeded}, {"dead-lettered", t.DeadLettered}, {"discarded", t.Discarded},
		{"left", f.left()}, {"invocations", t.Invocations}, {"redelivered", t.Redelivered}, {"handler calls", t.Handled},
		{"at once, over all " + f.over(), t.Concurrent}, {"errors", int(f.fail)}, {"panics", int(f.panic)}, {"runtime.Goexit", int(f.exit)},
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
	fmt.Fprintln(table, "SOURCE\tSENT\tSUCCEEDED\tGIVEN UP\tLEFT\tREDELIVERED\tHANDLED\tAT ONCE\tREC/S\tP50\tP99\tMAX\t")
	for _, f := range append(r.sources[:len(r.sources):len(r.sources)], r.total) {
		t := f.totals
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%v\t%v\t%v\t\n", f.name, thousands(t.Sent), thousands(t.Succeeded),
			thousands(f.givenUp()), thousands(f.left()), thousands(t.Redelivered), thousands(t.Handled), thousands(t.Concurrent),
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
