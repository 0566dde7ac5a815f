package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/cmd/demo/page"
)

var update = flag.Bool("update", false, "write the golden files")

const ms = time.Millisecond

// small is a run that a person can check by hand: record b fails, is redelivered and succeeds at its second attempt.
func small() page.Data {
	return page.Data{
		Title: "demo stress", Command: "demo stress --seed 1", Headline: "6 violations", Elapsed: 1500 * ms,
		Run:        []page.Fact{{Label: "policy", Value: "derive (by source)"}, {Label: "date", Value: "2026-11-29 01:40 UTC"}},
		More:       []page.Fact{{Label: "invocations", Value: "2"}},
		Violations: []string{"lost: record c", "2", "3", "4", "5", "folded away"},
		Facts:      []page.Fact{{Label: "records", Value: "3"}, {Label: "seed", Value: "1"}},
		Words:      []page.Fact{{Label: "seed", Value: "what chance is drawn from"}},
		Sources: []page.Source{{
			Name: "sqs", Facts: []page.Fact{{Label: "dead-lettered", Value: "0"}},
			Step: 100 * ms, Handled: []int{2, 0, 2}, Succeeded: []int{1, 0, 1}, Redelivered: []int{0, 1}, InFlight: []int{2, 0, 1},
			Latency: []page.Bucket{{UpTo: ms}, {UpTo: 10 * ms, Count: 3}, {UpTo: 100 * ms}, {UpTo: page.Unbounded, Count: 1}},
			Lanes:   true,
			Rows: []page.Row{
				{Name: "lane 1", Bars: []page.Bar{
					{Start: 200 * ms, End: 205 * ms, Record: "b", Delivery: 2, Attempt: 1, Outcome: "fail"},
					{Start: 0, End: 4 * ms, Record: "a", Delivery: 1, Attempt: 1, Outcome: "ok"},
				}},
				{Name: "lane 2", Bars: []page.Bar{
					{Start: ms, End: 5 * ms, Record: "b", Delivery: 1, Attempt: 1, Outcome: "panic"},
					{Start: 210 * ms, End: 290 * ms, Record: "b", Delivery: 2, Attempt: 2, Outcome: "ok"},
				}},
			},
			Omitted: 1200,
		}},
	}
}

func write(t *testing.T, d page.Data) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, page.Write(&out, d))
	return out.String()
}

func TestAPageIsWhatItWas(t *testing.T) {
	const golden = "testdata/small.html"
	got := markup(write(t, small()))
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "go test ./cmd/demo/page -update writes it anew")
}

// markup is the page without its style, its script and their hashes, which are files of their own.
func markup(page string) string {
	page = regexp.MustCompile(`(?s)(<(style|script)>).*?(</(style|script)>)`).ReplaceAllString(page, "$1$3")
	return regexp.MustCompile(`sha256-[^']*`).ReplaceAllString(page, "sha256-")
}

// timelines are the timelines in the page, as its script reads them.
func timelines(t *testing.T, page string) []timeline {
	t.Helper()
	var all []timeline
	for _, found := range regexp.MustCompile(`(?s)<script type="application/json">(.*?)</script>`).FindAllStringSubmatch(page, -1) {
		var one timeline
		require.NoError(t, json.Unmarshal([]byte(found[1]), &one))
		all = append(all, one)
	}
	return all
}

type timeline struct {
	Outcomes, Records []string
	Rows              []struct {
		Name                                            string
		Start, Took, Record, Delivery, Attempt, Outcome []int
	}
}

func TestATimelineHasEveryAttemptInTheOrderInWhichTheyBegan(t *testing.T) {
	d := small()
	got := timelines(t, write(t, d))
	require.Len(t, got, 1)
	var lines []string
	for _, row := range got[0].Rows {
		at := 0
		for i := range row.Start {
			at += row.Start[i]
			lines = append(lines, fmt.Sprintf("%s: %s %d.%d at %dµs for %dµs %s", row.Name, got[0].Records[row.Record[i]],
				row.Delivery[i], row.Attempt[i], at, row.Took[i], got[0].Outcomes[row.Outcome[i]]))
		}
	}
	assert.Equal(t, []string{
		"lane 1: a 1.1 at 0µs for 4000µs ok",
		"lane 1: b 2.1 at 200000µs for 5000µs fail",
		"lane 2: b 1.1 at 1000µs for 4000µs panic",
		"lane 2: b 2.2 at 210000µs for 80000µs ok",
	}, lines)
	assert.Equal(t, "b", d.Sources[0].Rows[0].Bars[0].Record, "the caller's bars stay as they were")
}

func TestAReaderIsToldWhatARowIs(t *testing.T) {
	d := small()
	assert.Contains(t, write(t, d), "Each row is a lane: concurrent attempts are in different lanes, across all invocations.")
	d.Sources[0].Lanes = false
	assert.Contains(t, write(t, d), "Each row is a group, which handles one record at a time.")
	assert.NotContains(t, markup(write(t, d)), "lanes of all")
}

// TestNothingThatComesWithTheDataBecomesMarkup holds for every text in the data: record ids and groups are chosen by
// whoever sends the records.
func TestNothingThatComesWithTheDataBecomesMarkup(t *testing.T) {
	texts := []string{
		`</script><script>alert(1)</script>`, `</title></style><script>alert(1)</script>`, `<!--<script>`, `"><img src=x onerror=alert(1)>`,
		`' onload='alert(1)`, "`${alert(1)}`", "{{.}}", "]]>", "\u2028\u2029", "\x00\xff\u202e", `\"; alert(1); "`,
	}
	clean := tags(write(t, everywhere("harmless")))
	for _, text := range texts {
		got := write(t, everywhere(text))
		assert.Equal(t, clean, tags(got), "%q changed the page's markup", text)

		lines := timelines(t, got)
		require.Len(t, lines, 1)
		assert.Equal(t, []string{strings.ToValidUTF8(text, "\ufffd")}, lines[0].Records)
		assert.Equal(t, strings.ToValidUTF8(text, "\ufffd"), lines[0].Rows[0].Name)
		if strings.ContainsAny(text, `<"'&`) {
			assert.Contains(t, html.UnescapeString(got), "<li>"+text+"</li>", "it is shown as it is")
		}
	}
}

// everywhere is a run that has the text wherever text can be.
func everywhere(text string) page.Data {
	facts := []page.Fact{{Label: text, Value: text}}
	source := page.Source{
		Name: text, Facts: facts, More: facts,
		Rows: []page.Row{{Name: text, Bars: []page.Bar{{End: ms, Record: text, Delivery: 1, Attempt: 1, Outcome: "ok"}}}},
	}
	return page.Data{Title: text, Command: text, Headline: text, Run: facts, More: facts, Violations: []string{text}, Facts: facts, Words: facts, Sources: []page.Source{source}}
}

// tags are the names of all tags in the page, as a browser would find them.
func tags(page string) []string {
	var names []string
	for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(markup(page), -1) {
		// the attributes, without what is quoted
		names = append(names, regexp.MustCompile(`"[^"]*"`).ReplaceAllString(tag, `""`))
	}
	return names
}

func TestAPageAsksNoNetwork(t *testing.T) {
	got := write(t, small())
	absent(t, `(?i)https?:`, got)
	absent(t, `(?i)@import|url\(|\bimport\b|fetch\(|XMLHttpRequest|WebSocket|sendBeacon|\.src\b`, got)
	absent(t, `(?i)\s(src|srcset|action|data|poster|background)=`, markup(got))
	absent(t, `(?i)\shref="[^"#][^"]*`, strings.ReplaceAll(markup(got), `href="data:,"`, ""))
	assert.Contains(t, markup(got), "default-src 'none'", "and were there something, the browser would not load it")
}

// absent reports what matches and not, as assert.NotRegexp does, the page that it is in.
func absent(t *testing.T, pattern, page string) {
	t.Helper()
	assert.Empty(t, regexp.MustCompile(pattern).FindAllString(page, -1))
}

// TestThePolicyAllowsThePagesOwnScriptAndStyle since without the right hash a browser runs neither.
func TestThePolicyAllowsThePagesOwnScriptAndStyle(t *testing.T) {
	got := write(t, small())
	policy := html.UnescapeString(regexp.MustCompile(`content="(default-src[^"]*)"`).FindStringSubmatch(got)[1])
	for tag, directive := range map[string]string{"style": "style-src", "script": "script-src"} {
		text := regexp.MustCompile(`(?s)<` + tag + `>(.*?)</` + tag + `>`).FindStringSubmatch(got)[1]
		require.Greater(t, len(text), 1000)
		sum := sha256.Sum256([]byte(text))
		assert.Contains(t, policy, directive+" 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	absent(t, `<[^>]+\s(style|on\w+)=`, markup(got)) // the policy would switch it off
}

func TestAPageOf20000AttemptsIsSmall(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	d := small()
	s := &d.Sources[0]
	s.Rows = make([]page.Row, 16)
	for i := range 20_000 {
		row := &s.Rows[i%len(s.Rows)]
		start := time.Duration(i/len(s.Rows))*30*ms + time.Duration(random.IntN(int(ms)))
		row.Bars = append(row.Bars, page.Bar{
			Start: start, End: start + time.Duration(random.IntN(int(30*ms))), Delivery: 1, Attempt: 1, Outcome: "ok",
			Record: fmt.Sprintf("%08x-%04x-%04x-%012x", random.Uint32(), i, random.IntN(1<<16), random.Int64N(1<<48)),
		})
	}
	s.Handled = make([]int, 100_000)
	for i := range s.Handled {
		s.Handled[i] = random.IntN(1000)
	}
	s.Succeeded, s.Redelivered, s.InFlight = s.Handled, s.Handled, s.Handled

	got := write(t, d)
	assert.Less(t, len(got), 1_500_000)
	assert.Less(t, strings.Count(got, "<"), 3_000, "elements do not come with the attempts or the steps")
}

// TestWhateverIsMissingThePageIsWhole with balanced tags, no NaN, and no chart of nothing.
func TestWhateverIsMissingThePageIsWhole(t *testing.T) {
	with := func(change func(*page.Source)) page.Data {
		d := small()
		change(&d.Sources[0])
		return d
	}
	ok := page.Bar{Start: 2 * ms, End: ms, Record: "backwards", Outcome: "ok"}
	for name, d := range map[string]page.Data{
		"everything":             {},
		"all of a source":        {Sources: []page.Source{{}}},
		"a step":                 with(func(s *page.Source) { s.Step = 0 }),
		"a step above zero":      with(func(s *page.Source) { s.Step = -1 }),
		"values":                 with(func(s *page.Source) { s.Handled, s.Succeeded, s.InFlight, s.Redelivered = nil, nil, nil, nil }),
		"values above zero":      with(func(s *page.Source) { s.Handled, s.InFlight, s.Redelivered = []int{0, -1}, []int{-1}, []int{0} }),
		"most of a series":       with(func(s *page.Source) { s.Succeeded = nil }),
		"latencies":              with(func(s *page.Source) { s.Latency = []page.Bucket{{UpTo: ms}, {UpTo: page.Unbounded}} }),
		"time before an end":     with(func(s *page.Source) { s.Rows = []page.Row{{Bars: []page.Bar{ok}}} }),
		"bars":                   with(func(s *page.Source) { s.Rows = []page.Row{{Name: "lane 1"}} }),
		"rows":                   with(func(s *page.Source) { s.Rows = nil }),
		"an end to the latency":  with(func(s *page.Source) { s.Latency = []page.Bucket{{UpTo: page.Unbounded, Count: 1}} }),
		"time at all":            with(func(s *page.Source) { s.Step, s.Rows = 1, []page.Row{{Bars: []page.Bar{{Outcome: "exit"}}}} }),
		"anything but a verdict": {Passed: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := markup(write(t, d))
			assert.True(t, strings.HasSuffix(strings.TrimSpace(got), "</html>"))
			absent(t, `NaN|Inf|%!|ZgotmplZ|<no value>`, got)
			for _, tag := range []string{"div", "section", "figure", "svg", "dl", "ul", "p", "main", "header"} {
				assert.Equal(t, len(regexp.MustCompile(`<`+tag+`[ >]`).FindAllString(got, -1)), strings.Count(got, "</"+tag+">"), tag)
			}
			for _, line := range timelines(t, got) {
				for _, row := range line.Rows {
					assert.GreaterOrEqual(t, slices.Min(row.Took), 0)
				}
			}
		})
	}
}

func TestTheHeadlineSaysWhatPassed(t *testing.T) {
	got := write(t, page.Data{Title: "demo stress", Passed: true, Headline: "nothing lost; 10 dead-lettered"})
	assert.Contains(t, got, "<title>demo stress: Passed: nothing lost; 10 dead-lettered</title>")
	assert.Contains(t, got, `class="verdict pass"`)
	assert.Contains(t, got, `<strong>Passed</strong>: <span class="headline">nothing lost; 10 dead-lettered</span>`)
	got = write(t, page.Data{Headline: "3 violations"})
	assert.Contains(t, got, `class="verdict fail"`)
	assert.Contains(t, got, `<strong>Failed</strong>: <span class="headline">3 violations</span>`)
	assert.Contains(t, write(t, page.Data{}), `class="verdict fail"`, "what did not pass is not green")
}

func TestAPageSaysWhatWasRunAndFoldsTheRest(t *testing.T) {
	got := markup(write(t, small()))
	assert.Contains(t, got, "<div><dt>policy</dt> <dd>derive (by source)</dd></div>")
	head, folded, _ := strings.Cut(got, "<summary>All numbers</summary>")
	assert.Contains(t, head, "<dt>records</dt><dd>3</dd>")
	assert.NotContains(t, head, "<dt>invocations</dt>")
	assert.Contains(t, folded, "<dt>invocations</dt><dd>2</dd>")
}

// The charts of all sources have the same axes of time and of latency.
func TestSourcesHaveTheSameBins(t *testing.T) {
	d := small()
	other := d.Sources[0]
	other.Name, other.Step = "fifo", 400*ms
	other.Handled, other.Succeeded, other.Redelivered, other.InFlight = []int{1, 2, 3, 4}, []int{1, 2}, nil, []int{1, 1}
	other.Latency = []page.Bucket{{UpTo: 100 * ms, Count: 2}, {UpTo: time.Second, Count: 1}}
	d.Sources = append(d.Sources, other)
	got := markup(write(t, d))
	perSource := strings.Split(got, `<section class="source"`)
	require.Len(t, perSource, 3)
	one, two := axesOf(perSource[1]), axesOf(perSource[2])
	for _, kind := range []string{"throughput", "flight", "latency"} {
		assert.NotEmpty(t, one[kind], kind)
		assert.Equal(t, one[kind], two[kind], kind)
	}
	assert.Contains(t, perSource[1], "0 ms to 400 ms: 10 attempts ended and 5 records succeeded per second", "four steps are one, and the run is longer for the other")
	assert.Contains(t, perSource[1], "0 ms to 400 ms: at most 2 at once")
	assert.Contains(t, got, "100 ms to 1 s: 1")
	assert.Equal(t, []int{2, 0, 2}, small().Sources[0].Handled)
	assert.Equal(t, 100*ms, d.Sources[0].Step, "the caller's sources stay as they were")
}

// axesOf are the labels of the horizontal axes by the kind of the chart.
func axesOf(section string) map[string][]string {
	axes := map[string][]string{}
	for _, figure := range regexp.MustCompile(`(?s)<figure class="(\w+)">(.*?)</figure>`).FindAllStringSubmatch(section, -1) {
		for _, label := range regexp.MustCompile(`<text class="x"[^>]*>([^<]*)</text>`).FindAllStringSubmatch(figure[2], -1) {
			axes[figure[1]] = append(axes[figure[1]], label[1])
		}
	}
	return axes
}

func TestAnUnknownOutcomeIsAnErrorAndNothingIsWritten(t *testing.T) {
	d := small()
	d.Sources[0].Rows[1].Bars[0].Outcome = "great"
	var out bytes.Buffer
	assert.EqualError(t, page.Write(&out, d), `page: outcome "great" of an attempt; it must be one of ["ok" "fail" "panic" "exit" "abandoned"]`)
	assert.Zero(t, out.Len())
}

var errFull = errors.New("no space left on device")

// full takes room bytes and then fails.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.room {
		return 0, errFull
	}
	f.room -= len(p)
	return len(p), nil
}

func TestWhatTheWriterReturnsIsReturned(t *testing.T) {
	whole := len(write(t, small()))
	for _, room := range []int{0, 4096, whole / 2, whole - 1} {
		assert.ErrorIs(t, page.Write(&full{room}, small()), errFull, room)
	}
	assert.NoError(t, page.Write(io.Discard, small()))
}
