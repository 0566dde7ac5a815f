package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/troupe-go/troupe"
)

// writeReport writes r as a table for people or as a line of JSON.
func writeReport(w io.Writer, format string, r *troupe.Report) {
	switch format {
	case reportText:
		_, _ = w.Write(textReport(r))
	case reportJSON:
		writeLine(w, jsonReportOf(r))
	}
}

// textReport is a line of totals and a table of the failed records.
func textReport(r *troupe.Report) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s: %s in %v: %d succeeded, %d failed", r.Source, count(len(r.Records), "record"), brief(r.Duration), r.Succeeded, r.Failed)
	if r.Dropped > 0 {
		fmt.Fprintf(&text, ", %d dropped", r.Dropped)
	}
	for _, n := range []struct {
		number int
		what   string
	}{
		{r.NotStarted, "not started"}, {r.Retried, "retried"}, {r.Abandoned, "abandoned"}, {r.Running, "still running"},
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

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// brief is d to about three digits.
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

// cell is text that keeps to its cell of a table: on one line, bounded, and printable.
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

// reasons are what a record's error can match, the more telling first.
var reasons = []struct {
	reason troupe.Reason
	name   string
}{
	{troupe.ErrNotStarted, "not started"},
	{troupe.ErrAbandoned, "abandoned"},
	{troupe.ErrUndecodable, "undecodable"},
	{troupe.ErrPanic, "panic"},
	{troupe.ErrGoexit, "exit"},
	{troupe.ErrRecordTimeout, "record timeout"},
	{troupe.ErrDeadline, "deadline"},
	{troupe.ErrCancelled, "cancelled"},
}

// reasonOf says in a word or two why a record failed.
func reasonOf(err error) string {
	for _, r := range reasons {
		if errors.Is(err, r.reason) {
			return r.name
		}
	}
	return "error"
}

// jsonReport is troupe.Report as JSON.
type jsonReport struct {
	Source     string       `json:"source"`
	Records    []jsonRecord `json:"records"`
	Succeeded  int          `json:"succeeded"`
	Failed     int          `json:"failed"`
	Dropped    int          `json:"dropped"`
	NotStarted int          `json:"not_started"`
	Retried    int          `json:"retried"`
	Abandoned  int          `json:"abandoned"`
	Running    int          `json:"running"`
	DurationUs int64        `json:"duration_us"`
}

type jsonRecord struct {
	ID         string  `json:"id"`
	Group      string  `json:"group"`
	Outcome    string  `json:"outcome"`
	Reason     *string `json:"reason"` // as in the text report; null unless it failed
	Error      *string `json:"error"`  // likewise
	Attempts   int     `json:"attempts"`
	QueuedUs   int64   `json:"queued_us"`
	DurationUs int64   `json:"duration_us"`
}

func jsonReportOf(r *troupe.Report) jsonReport {
	j := jsonReport{
		Source: string(r.Source), Records: make([]jsonRecord, len(r.Records)),
		Succeeded: r.Succeeded, Failed: r.Failed, Dropped: r.Dropped, NotStarted: r.NotStarted,
		Retried: r.Retried, Abandoned: r.Abandoned, Running: r.Running, DurationUs: r.Duration.Microseconds(),
	}
	for i, rec := range r.Records {
		j.Records[i] = jsonRecord{
			ID: rec.ID, Group: rec.Group, Outcome: rec.Outcome.String(), Attempts: rec.Attempts,
			QueuedUs: rec.Queued.Microseconds(), DurationUs: rec.Duration.Microseconds(),
		}
		if rec.Err != nil {
			reason, text := reasonOf(rec.Err), fmt.Sprint(rec.Err)
			j.Records[i].Reason, j.Records[i].Error = &reason, &text
		}
	}
	return j
}
