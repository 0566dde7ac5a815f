package main

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func someRows() []row {
	theirs := row{work: "processing, SQS, 10,000 records", rival: "errgroup", measured: "300 ns", nanoseconds: 300,
		ratio: spreadOf([]float64{1.5, 2.5, 1.75}), compared: true}
	theirs.judge(theirs.ratio.median, bound{2, 1.6}, "%.2f")
	ours := row{work: theirs.work, rival: "troupe", measured: "500 ns", nanoseconds: 500}
	return []row{theirs, ours}
}

func TestTheTableJudgesByTheMedian(t *testing.T) {
	var out strings.Builder
	writeText(&out, someRows(), "a machine")
	lines := strings.Split(out.String(), "\n")
	want := "processing, SQS, 10,000 records errgroup 300 ns 1.75 (1.62–2.12) 2.00, aim 1.60: met, aim missed"
	if got := strings.Join(strings.Fields(lines[1]), " "); got != want {
		t.Errorf("the row is\n%s\nwant\n%s", got, want)
	}
	if strings.Contains(lines[2], "processing") {
		t.Errorf("the work is named twice: %s", lines[2])
	}
}

func TestOnlyTheTableOfTheDocumentIsReplaced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "benchmarks.md")
	o := options{rounds: 3, markdown: file, only: regexp.MustCompile("")}
	if err := os.WriteFile(file, []byte("before\n"+begin()+"old\n"+end+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := replaceTable(o, someRows(), "a machine"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(got)
	if want := "| processing, SQS, 10,000 records | errgroup 1.75 (1.62–2.12) ✓≤2.00 ✗≤1.60<br>troupe 500 ns |\n"; !strings.Contains(text, want) {
		t.Errorf("the table is\n%s\nand lacks\n%s", text, want)
	}
	if !strings.HasPrefix(text, "before\n"+begin()) || !strings.HasSuffix(text, end+"\nafter\n") ||
		strings.Contains(text, "old") || strings.Count(text, "errgroup") != 1 {
		t.Errorf("the document has become\n%s", text)
	}

	if err := os.WriteFile(file, []byte("no place for it"), 0o600); err != nil {
		t.Fatal(err)
	}
	if replaceTable(o, someRows(), "a machine") == nil {
		t.Error("a document without a place for the table was accepted")
	}
}

func TestTheChartIsXML(t *testing.T) {
	file := filepath.Join(t.TempDir(), "chart.svg")
	if err := writeChart(file, someRows(), "machine of <R&D>"); err != nil {
		t.Fatal(err)
	}
	chart, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer chart.Close()
	elements := 0
	for d := xml.NewDecoder(chart); ; elements++ {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if elements < 20 {
		t.Errorf("the chart has %d elements only", elements)
	}
}

func TestEveryChartedWorkIsMeasured(t *testing.T) {
	for _, c := range charted {
		found := false
		for _, w := range works(&node{absent: "not here"}) {
			found = found || w.name == c.work
		}
		if !found {
			t.Errorf("%q is charted and not measured", c.work)
		}
	}
}

// Of several runs the table has the middle time of each rival, and the ratios of all runs.
func TestRunsAreMerged(t *testing.T) {
	run := func(ns, ratio float64) []row {
		r := row{work: "w", rival: "errgroup", measured: duration(ns), nanoseconds: ns, ratio: spreadOf([]float64{ratio}), compared: true}
		r.judge(ratio, bound{2, 0}, "%.2f")
		return []row{r, {work: "w", rival: "troupe", measured: duration(2 * ns), nanoseconds: 2 * ns}}
	}
	var got [][]string
	for _, r := range merge([][]row{run(100, 3), run(300, 1), run(200, 1.5)}) {
		got = append(got, r.cells())
	}
	want := [][]string{
		{"w", "errgroup", "200 ns", "3.00, 1.00, 1.50", "2.00: met"},
		{"w", "troupe", "400 ns", "", ""},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
