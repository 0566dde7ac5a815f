package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// writeReport writes r as a table for people or as a line of JSON.
func writeReport(w io.Writer, format string, r *troupe.Report) {
	switch format {
	case reportText:
		_, _ = w.Write(textReport(r))
	case reportJSON:
		writeLine(w, r)
	}
}

// textReport returns a line of totals and a table of the failed records.
func textReport(r *troupe.Report) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s: %s in %v: %d succeeded, %d failed", r.Source, count(len(r.Records), "record"), brief(r.Duration), r.Succeeded, r.Failed)
	for _, n := range []struct {
		number int
		what   string
	}{
		{r.NotStarted, "of them not started"}, {r.Abandoned, "of them abandoned"}, {r.Dropped, "dropped"}, {r.Retried, "retried"}, {r.Running, "still running"},
	} {
		if n.number > 0 {
			fmt.Fprintf(&text, ", %d %s", n.number, n.what)
		}
	}
	text.WriteByte('\n')
	if r.Failed == 0 {
		return text.Bytes()
	}

	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  FAILED\tGROUP\tWHY\tATTEMPTS\tERROR")
	for _, rec := range r.Records {
		if rec.Outcome == troupe.Failed {
			fmt.Fprintf(table, "  %s\t%s\t%s\t%d\t%s\n",
				cell(rec.ID), cell(rec.Group), reasonOf(rec.Err), rec.Attempts, cell(strings.TrimPrefix(fmt.Sprint(rec.Err), "troupe: ")))
		}
	}
	table.Flush()
	return text.Bytes()
}

// brief rounds d to about three digits.
func brief(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond)
	default:
		return d.Round(time.Microsecond)
	}
}

const cellLimit = 100

// cell makes text fit a cell of a table: on one line, bounded, and printable.
func cell(text string) string {
	if text == "" {
		return "-"
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '·'
		default:
			return r
		}
	}, text)
	if runes := []rune(text); len(runes) > cellLimit {
		text = string(runes[:cellLimit-1]) + "…"
	}
	return text
}

// reasonOf returns in a word or two why a record failed: the first of the reasons in the JSON report.
func reasonOf(err error) string {
	words := batch.Words(err)
	if len(words) == 0 {
		return "error"
	}
	return strings.ReplaceAll(words[0], "_", " ")
}
