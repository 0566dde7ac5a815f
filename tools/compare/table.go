package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/version"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is a line of the table.
type row struct {
	work, rival string
	measured    string
	nanoseconds float64 // a record, where time was measured
	ratio       spread  // of the subject to this rival
	compared    bool    // whether there is a ratio

	found  float64 // what counts: the median of the ratio, or another figure
	bound  bound
	format string    // of found and bound; empty if nothing counts
	runs   []float64 // what was found in each of several runs
}

// judge sets what counts, and what it must not exceed.
func (r *row) judge(found float64, most bound, format string) {
	r.found, r.bound, r.format = found, most, format
}

// merge returns the rows with what each run found: the middle one of what counts, and of the times.
func merge(runs [][]row) []row {
	var merged []row
	for i := range runs[0] {
		var all []row
		var found []float64
		for _, rows := range runs {
			all = append(all, rows[i])
			found = append(found, rows[i].found)
		}
		slices.SortStableFunc(all, func(a, b row) int { return cmp.Compare(a.found, b.found) })
		middle := (len(all) - 1) / 2
		r := all[middle]
		slices.SortStableFunc(all, func(a, b row) int { return cmp.Compare(a.nanoseconds, b.nanoseconds) })
		if all[middle].nanoseconds > 0 {
			r.nanoseconds, r.measured = all[middle].nanoseconds, all[middle].measured
		}
		if len(runs) > 1 && r.format != "" {
			r.runs = found
		}
		merged = append(merged, r)
	}
	return merged
}

func (r row) verdict() string {
	switch {
	case r.bound.most == 0:
		return ""
	case r.found > r.bound.most:
		return "missed"
	case r.bound.aim != 0 && r.found > r.bound.aim:
		return "met, aim missed"
	default:
		return "met"
	}
}

var header = []string{"work", "rival", "measured", "troupe/rival, each run", "at most"}

// cells are the row as text, as the header says.
func (r row) cells() []string {
	ratio, most := "", ""
	switch {
	case len(r.runs) > 0:
		var all []string
		for _, found := range r.runs {
			all = append(all, fmt.Sprintf(r.format, found))
		}
		ratio = strings.Join(all, ", ")
	case r.compared:
		ratio = fmt.Sprintf("%.2f (%.2f–%.2f)", r.ratio.median, r.ratio.low, r.ratio.high)
	case r.format != "":
		ratio = fmt.Sprintf(r.format, r.found)
	}
	if r.bound.most != 0 {
		most = fmt.Sprintf(r.format, r.bound.most)
		if r.bound.aim != 0 {
			most += fmt.Sprintf(", aim "+r.format, r.bound.aim)
		}
		most += ": " + r.verdict()
	}
	return []string{r.work, r.rival, r.measured, ratio, most}
}

// table is all rows as text; a work is named once.
func table(rows []row) [][]string {
	var lines [][]string
	for i, r := range rows {
		cells := r.cells()
		if i > 0 && rows[i-1].work == r.work {
			cells[0] = ""
		}
		lines = append(lines, cells)
	}
	return lines
}

func writeText(out io.Writer, rows []row, machine string) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, line := range table(rows) {
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	w.Flush()
	fmt.Fprintln(out, machine)
}

func writeMarkdown(out io.Writer, o options, rows []row, machine string) {
	commit := "not committed"
	if told, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude=*").Output(); err == nil {
		commit = "commit " + strings.TrimSpace(string(told))
	}
	fmt.Fprintf(out, "Measured on %s (%s) with `%s`: %s.\n\n", time.Now().Format(time.DateOnly), commit, command(o), machine)
	fmt.Fprint(out, "| work | troupe/rival |\n| --- | --- |\n")
	for i, r := range rows {
		if i == 0 || rows[i-1].work != r.work {
			fmt.Fprintf(out, "| %s | ", r.work)
		}
		fmt.Fprint(out, r.summary())
		if i+1 < len(rows) && rows[i+1].work == r.work {
			fmt.Fprint(out, "<br>")
		} else {
			fmt.Fprintln(out, " |")
		}
	}
}

// summary is the row in a few words, without its work: the ratio if there is one, and otherwise what was measured; then
// the bound and the aim.
func (r row) summary() string {
	text, figure := r.rival, ""
	switch {
	case len(r.runs) > 0:
		low, high := fmt.Sprintf(r.format, slices.Min(r.runs)), fmt.Sprintf(r.format, slices.Max(r.runs))
		if r.compared || low != high {
			figure = fmt.Sprintf(" "+r.format+" (%s–%s)", r.found, low, high)
		}
	case r.compared:
		figure = fmt.Sprintf(" %.2f (%.2f–%.2f)", r.ratio.median, r.ratio.low, r.ratio.high)
	case r.format != "":
		figure = fmt.Sprintf(" "+r.format, r.found)
	}
	if !r.compared && r.measured != "" {
		text += " " + r.measured
		if figure != "" {
			text += ";"
		}
	}
	text += figure
	for _, most := range []float64{r.bound.most, r.bound.aim} {
		if most != 0 {
			text += fmt.Sprintf(" %s≤"+r.format, mark(r.found <= most), most)
		}
	}
	return text
}

// mark is the mark of a bound that is met, or missed.
func mark(met bool) string {
	if met {
		return "✓"
	}
	return "✗"
}

func command(o options) string {
	c := fmt.Sprintf("go run . -rounds %d -runs %d", o.rounds, o.runs)
	if only := o.only.String(); only != "" {
		c += " -only '" + only + "'"
	}
	if o.quick {
		c += " -quick"
	}
	return c
}

const end = "<!-- compare:end -->"

// begin is the line before the table of this version of Go.
func begin() string { return "<!-- compare:begin " + version.Lang(runtime.Version()) + " -->\n" }

// replaceTable puts the table where the file has its old one.
func replaceTable(o options, rows []row, machine string) error {
	old, err := os.ReadFile(o.markdown)
	if err != nil {
		return err
	}
	before, rest, hasBegin := bytes.Cut(old, []byte(begin()))
	_, after, hasEnd := bytes.Cut(rest, []byte(end))
	if !hasBegin || !hasEnd {
		return fmt.Errorf("compare: %s has no %q … %q to put the table between", o.markdown, strings.TrimSpace(begin()), end)
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(begin())
	writeMarkdown(&out, o, rows, machine)
	out.WriteString(end)
	out.Write(after)
	return os.WriteFile(o.markdown, out.Bytes(), 0o644)
}

// duration is a number of nanoseconds for people.
func duration(ns float64) string {
	switch {
	case ns < 1000:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 100_000:
		return fmt.Sprintf("%.2f µs", ns/1000)
	default:
		return fmt.Sprintf("%.0f µs", ns/1000)
	}
}

// thousands is a number with separators.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
