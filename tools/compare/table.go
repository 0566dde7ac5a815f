package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
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

	found, bound, aim float64 // what counts, where there is a bound
	format            string  // of the three
}

// judge makes the row the one that the work is judged by.
func (r *row) judge(found, bound, aim float64, format string) {
	r.found, r.bound, r.aim, r.format = found, bound, aim, format
}

func (r row) verdict() string {
	switch {
	case r.bound == 0:
		return ""
	case r.found > r.bound:
		return "missed"
	case r.aim != 0 && r.found > r.aim:
		return "met, aim missed"
	default:
		return "met"
	}
}

var header = []string{"work", "rival", "measured", "troupe/rival (middle half)", "at most"}

// cells are the row as text, as the header says.
func (r row) cells() []string {
	ratio, most := "", ""
	if r.compared {
		ratio = fmt.Sprintf("%.2f (%.2f–%.2f)", r.ratio.median, r.ratio.low, r.ratio.high)
	} else if r.bound != 0 {
		ratio = fmt.Sprintf(r.format, r.found)
	}
	if r.bound != 0 {
		most = fmt.Sprintf(r.format, r.bound)
		if r.aim != 0 {
			most += fmt.Sprintf(", aim "+r.format, r.aim)
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
	fmt.Fprintf(out, "| %s |\n|%s\n", strings.Join(header, " | "), strings.Repeat(" --- |", len(header)))
	for _, line := range table(rows) {
		fmt.Fprintf(out, "| %s |\n", strings.Join(line, " | "))
	}
}

func command(o options) string {
	c := fmt.Sprintf("go run . -rounds %d", o.rounds)
	if only := o.only.String(); only != "" {
		c += " -only '" + only + "'"
	}
	if o.quick {
		c += " -quick"
	}
	return c
}

const begin, end = "<!-- compare:begin -->\n", "<!-- compare:end -->"

// replaceTable puts the table where the file has its old one.
func replaceTable(o options, rows []row, machine string) error {
	old, err := os.ReadFile(o.markdown)
	if err != nil {
		return err
	}
	before, rest, hasBegin := bytes.Cut(old, []byte(begin))
	_, after, hasEnd := bytes.Cut(rest, []byte(end))
	if !hasBegin || !hasEnd {
		return fmt.Errorf("compare: %s has no %q … %q to put the table between", o.markdown, strings.TrimSpace(begin), end)
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(begin)
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
