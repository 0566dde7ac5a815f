package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/cmd/demo/page"
	"github.com/troupe-go/troupe/lambdasim/check"
)

const (
	total           = "total" // the name of the figures of all sources
	violationsShown = 8
	widestBar       = 40
)

// orderKept describes the order that a run without violations has kept.
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

// headline describes what passed, or returns the number of violations. It includes dead-lettered and discarded records.
func (r *summary) headline() string {
	if !r.passed() {
		return count(r.count, "violation")
	}
	text := "nothing lost, " + orderKept(r.order) + "every response valid and in time" + r.total.once.verdict()
	for _, n := range []struct {
		number int
		what   string
	}{{r.total.totals.DeadLettered, "dead-lettered"}, {r.total.totals.Forwarded, "dead-lettered by the function"}, {r.total.totals.Discarded, "discarded"}} {
		if n.number > 0 {
			text += fmt.Sprintf("; %s %s", thousands(n.number), n.what)
		}
	}
	return text
}

// text returns the report as text with lines of at most width columns; 0 is no limit.
func (r *summary) text(width int) string {
	var b strings.Builder
	if r.passed() {
		b.WriteString(fill("PASS: "+r.headline(), width, "", "  "))
	} else {
		b.WriteString("FAIL: " + r.headline() + "\n")
		for _, v := range r.violations[:min(violationsShown, len(r.violations))] {
			b.WriteString(fill("- "+v, width, "  ", "    "))
		}
		if more := r.count - min(violationsShown, len(r.violations)); more > 0 {
			fmt.Fprintf(&b, "  and %s more\n", thousands(more))
		}
		if r.late > 0 {
			b.WriteString(fill(fmt.Sprintf("This machine's timers were up to %v late, which can make responses late; a longer --timeout helps.", brief(r.timers)), width, "  ", "  "))
		}
	}
	b.WriteByte('\n')
	b.WriteString(layout(rowsOf(r.facts()), width))
	if len(r.sources) > 1 {
		b.WriteByte('\n')
		r.bySource(&b, width)
	}
	r.legend(&b, width)
	r.histogram(&b, width)
	return b.String()
}

// rowsOf returns facts as rows for layout.
func rowsOf(facts []page.Fact) string {
	var b strings.Builder
	for _, f := range facts {
		fmt.Fprintf(&b, "  %s\t%s\n", f.Label, f.Value)
	}
	return b.String()
}

// facts returns the first rows of the report.
func (r *summary) facts() []page.Fact {
	facts := r.total.facts()
	facts[0].Value += " to " + r.names()
	facts = append(facts, r.ended()...)
	return append(facts, page.Fact{Label: "repeat", Value: r.repeat})
}

// ended returns why a run ended before its records were handled, if it did.
func (r *summary) ended() []page.Fact {
	switch {
	case r.interrupted:
		return []page.Fact{{Label: "ended", Value: "by the signal; " + r.total.remaining()}}
	case !r.drained:
		return []page.Fact{{Label: "ended", Value: "at its limit; " + r.total.remaining()}}
	default:
		return nil
	}
}

// remaining describes the records that are still in the sources.
func (f figures) remaining() string {
	text := count(f.totals.Remaining, "record") + " left in the sources"
	if f.ahead > 0 {
		text += fmt.Sprintf(", of which %s had succeeded", thousands(f.ahead))
	}
	return text
}

// words explains numbers that look like faults but are not.
func (r *summary) words() (words []page.Fact) {
	word := func(label, format string, args ...any) {
		words = append(words, page.Fact{Label: label, Value: fmt.Sprintf(format, args...)})
	}
	if r.total.totals.DeadLettered > 0 {
		word("dead-lettered", "moved to the dead-letter queue after %d receives, so not lost", maxReceives)
	}
	if r.total.totals.Discarded > 0 {
		word("discarded", "sent to the on-failure destination after %d retries, so not lost", maxRetries)
	}
	if slices.ContainsFunc(r.sources, figures.restarts) {
		word("redelivered", "a stream or topic resumes at the lowest failure, so later records that succeeded are redelivered")
	}
	return words
}

// restarts reports whether the source is a stream or topic and has redelivered records.
func (f figures) restarts() bool {
	return f.totals.Redelivered > 0 && !f.pipe && f.name != string(batch.SQS) && f.name != sourceFIFO
}

// legend writes the explanations.
func (r *summary) legend(b *strings.Builder, width int) {
	words := r.words()
	if len(r.sources) > 1 && r.total.givenUp() > 0 {
		words = append(words, page.Fact{Label: "given up", Value: "dead-lettered or discarded without a success"})
	}
	if len(words) == 0 {
		return
	}
	b.WriteString("\n" + layout(rowsOf(words), width))
}

// facts returns the numbers in words.
func (f figures) facts() []page.Fact {
	t := f.totals
	latency := "none succeeded"
	if t.Succeeded > 0 {
		latency = fmt.Sprintf("p50 %v, p95 %v, p99 %v, max %v, from a record's first delivery until it succeeded",
			brief(f.latency.At(50)), brief(f.latency.At(95)), brief(f.latency.At(99)), brief(f.latency.Max()))
	}
	facts := []page.Fact{
		{Label: "sent", Value: count(t.Sent, "record")},
		{Label: "outcome", Value: f.outcome()},
		{Label: "delivered", Value: fmt.Sprintf("%s in %s, %s redelivered", count(t.Received, "record"), count(t.Invocations, "invocation"), thousands(t.Redelivered))},
		{Label: "handled", Value: fmt.Sprintf("%s, at most %s at once over all %s", count(t.Handled, "handler call"), thousands(t.Concurrent), f.over())},
		{Label: "faults", Value: fmt.Sprintf("%s, %s, %s runtime.Goexit, %s; %s abandoned",
			count(int(f.fail), "error"), count(int(f.panic), "panic"), thousands(int(f.exit)), count(int(f.hang), "hang"), thousands(f.abandoned))},
		{Label: "took", Value: fmt.Sprintf("%v, %s records/s; handlers at work for %v, %s records/s without the waits",
			brief(t.Elapsed), thousands(int(f.perSecond()+0.5)), brief(f.busy), thousands(int(f.perSecondAtWork()+0.5)))},
		{Label: "latency", Value: latency},
	}
	if f.once != nil {
		facts = append(facts, page.Fact{Label: "idempotency", Value: f.once.String()})
	}
	return facts
}

// outcome returns the numbers of records by outcome.
func (f figures) outcome() string {
	text := thousands(f.totals.Succeeded) + " succeeded"
	for _, n := range []struct {
		number int
		what   string
	}{{f.totals.DeadLettered, "dead-lettered"}, {f.totals.Forwarded, "dead-lettered by the function"}, {f.totals.Discarded, "discarded"}, {f.left(), "left"}} {
		if n.number > 0 {
			text += fmt.Sprintf(", %s %s", thousands(n.number), n.what)
		}
	}
	if f.inVain > 0 {
		text += fmt.Sprintf("; %s of these had succeeded before being dead-lettered or discarded, and count twice", thousands(f.inVain))
	}
	return text
}

// over names what the maximum of concurrent handlers covers: WithConcurrency bounds the handlers of one invocation.
func (f figures) over() string {
	if f.name == total {
		return "sources and invocations"
	}
	return "invocations"
}

// tiles returns the numbers that a page shows first.
func (f figures) tiles() []page.Fact {
	return []page.Fact{
		{Label: "records sent", Value: thousands(f.totals.Sent)},
		{Label: "succeeded", Value: thousands(f.totals.Succeeded)},
		{Label: "dead-lettered", Value: thousands(f.totals.DeadLettered)},
		{Label: "redelivered", Value: thousands(f.totals.Redelivered)},
		{Label: "records/s without waits", Value: thousands(int(f.perSecondAtWork() + 0.5))},
	}
}

// more returns the other numbers for a page.
func (f figures) more() (facts []page.Fact) {
	t := f.totals
	for _, n := range []struct {
		label string
		value int
	}{
		{"discarded", t.Discarded}, {"left", f.left()}, {"invocations", t.Invocations}, {"handler calls", t.Handled},
		{"at once, over all " + f.over(), t.Concurrent}, {"errors", int(f.fail)}, {"panics", int(f.panic)}, {"runtime.Goexit", int(f.exit)},
		{"hangs", int(f.hang)}, {"abandoned", f.abandoned}, {"records/s, waits included", int(f.perSecond() + 0.5)},
	} {
		facts = append(facts, page.Fact{Label: n.label, Value: thousands(n.value)})
	}
	for _, d := range []struct {
		label string
		value time.Duration
	}{
		{"handlers at work for", f.busy}, {"latency p50", f.latency.At(50)}, {"latency p95", f.latency.At(95)}, {"latency p99", f.latency.At(99)}, {"latency max", f.latency.Max()},
	} {
		facts = append(facts, page.Fact{Label: d.label, Value: brief(d.value).String()})
	}
	if f.once != nil {
		facts = append(facts, page.Fact{Label: "idempotency", Value: f.once.String()})
	}
	return facts
}

// bySource writes a table with a line for each source. Columns that do not fit the width go into further tables.
func (r *summary) bySource(b *strings.Builder, width int) {
	number := func(title string, n func(f figures) int) column {
		return column{title, func(f figures) string { return thousands(n(f)) }}
	}
	latency := func(title string, d func(f figures) time.Duration) column {
		return column{title, func(f figures) string { return brief(d(f)).String() }}
	}
	name := column{"SOURCE", func(f figures) string { return f.name }}
	rest := []column{
		number("SENT", func(f figures) int { return f.totals.Sent }),
		number("SUCCEEDED", func(f figures) int { return f.totals.Succeeded }),
		number("GIVEN UP", figures.givenUp),
		number("LEFT", figures.left),
		number("REDELIVERED", func(f figures) int { return f.totals.Redelivered }),
		number("HANDLED", func(f figures) int { return f.totals.Handled }),
		number("AT ONCE", func(f figures) int { return f.totals.Concurrent }),
		number("REC/S", func(f figures) int { return int(f.perSecond() + 0.5) }),
		latency("P50", func(f figures) time.Duration { return f.latency.At(50) }),
		latency("P99", func(f figures) time.Duration { return f.latency.At(99) }),
		latency("MAX", func(f figures) time.Duration { return f.latency.Max() }),
	}
	lines := append(r.sources[:len(r.sources):len(r.sources)], r.total)
	groups := grouped(rest, lines, width-name.width(lines))
	for i, group := range groups {
		if i > 0 {
			b.WriteByte('\n')
		}
		table := append([]column{name}, group...)
		for _, c := range table {
			fmt.Fprintf(b, "%*s", c.width(lines), c.title)
		}
		b.WriteByte('\n')
		for _, f := range lines {
			for _, c := range table {
				fmt.Fprintf(b, "%*s", c.width(lines), c.value(f))
			}
			b.WriteByte('\n')
		}
	}
}

// grouped divides columns into groups that are no wider than room, as few as possible and about equally wide. Without
// room for any there is one group.
func grouped(columns []column, lines []figures, room int) (groups [][]column) {
	if room <= 0 {
		return [][]column{columns}
	}
	cut := func(room int) (groups [][]column) {
		taken := room + 1 // start a group
		for _, c := range columns {
			if taken+c.width(lines) > room {
				groups, taken = append(groups, nil), 0
			}
			groups[len(groups)-1] = append(groups[len(groups)-1], c)
			taken += c.width(lines)
		}
		return groups
	}
	groups = cut(room)
	for room > 1 && len(cut(room-1)) == len(groups) {
		room--
		groups = cut(room)
	}
	return groups
}

// column is a column of the table of sources.
type column struct {
	title string
	value func(f figures) string
}

// width returns the width of the widest cell and the gap before it.
func (c column) width(lines []figures) int {
	widest := len(c.title)
	for _, f := range lines {
		widest = max(widest, utf8.RuneCountInString(c.value(f)))
	}
	return columnGap + widest
}

// histogram writes the distribution of latencies.
func (r *summary) histogram(b *strings.Builder, width int) {
	buckets := r.total.latency.Buckets()
	few := r.total.totals.Succeeded / 100 // too few for a line of their own
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
	widest := widestBar
	if room := width - len("  up to   200ms   ") - len(thousands(most)); width > 0 && room < widest {
		widest = max(room, 1)
	}
	b.WriteByte('\n')
	for _, bucket := range buckets {
		line := fmt.Sprintf("  up to %7s  %-*s %s", short(bucket.UpTo), widest, bar(bucket.Count, most, widest), thousands(bucket.Count))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// bar returns a bar for n that is at most widest wide, and not empty unless n is 0.
func bar(n, most, widest int) string {
	width := (n*widest + most/2) / most
	if n > 0 {
		width = max(width, 1)
	}
	return strings.Repeat("█", width)
}

// short returns a duration without parts that are zero.
func short(d time.Duration) string {
	text := d.String()
	text = strings.TrimSuffix(text, "m0s") + strings.Repeat("m", strings.Count(text, "m0s"))
	return strings.TrimSuffix(text, "h0m") + strings.Repeat("h", strings.Count(text, "h0m"))
}
