package batch

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/troupe-go/troupe/internal/guard"
)

// maxNamed bounds the identifiers in Report.String, and maxIdentifier the bytes of each.
const (
	maxNamed      = 10
	maxIdentifier = 128
)

// String describes the batch in one line of bounded length, for logs: the source, the totals that are not zero,
// how long it took and the first identifiers of failed records. It contains no part of payloads, errors or groups
// (SPEC S9).
func (r Report) String() string {
	var line strings.Builder
	plural := "s"
	if len(r.Records) == 1 {
		plural = ""
	}
	fmt.Fprintf(&line, "%s: %d record%s in %v: %d succeeded, %d failed",
		r.Source, len(r.Records), plural, r.Duration.Round(time.Microsecond), r.Succeeded, r.Failed)
	for _, total := range []struct {
		n    int
		what string
	}{
		{r.Dropped, "dropped"}, {r.DeadLettered, "dead-lettered"}, {r.NotStarted, "not started"}, {r.Retried, "retried"},
		{r.Abandoned, "abandoned"}, {r.Running, "still running"},
	} {
		if total.n > 0 {
			fmt.Fprintf(&line, ", %d %s", total.n, total.what)
		}
	}
	named := 0
	for i := range r.Records {
		if r.Records[i].Outcome != Failed {
			continue
		}
		switch named++; {
		case named > maxNamed:
			line.WriteString(", …")
			return line.String()
		case named == 1:
			line.WriteString("; failed: ")
		default:
			line.WriteString(", ")
		}
		line.WriteString(identifier(r.Records[i].ID))
	}
	return line.String()
}

// identifier returns an id, quoted if it would break the line.
func identifier(id string) string {
	id = guard.Bounded(id, maxIdentifier)
	if id == "" || !utf8.ValidString(id) || strings.ContainsFunc(id, func(r rune) bool { return r == ' ' || !unicode.IsGraphic(r) }) {
		return strconv.Quote(id)
	}
	return id
}

// MarshalJSON writes the report as an object. These names do not change:
//
//   - source: "sqs", "kinesis", …
//   - records: an array with an object per record, in batch order; see Result.MarshalJSON
//   - succeeded, failed, dropped: how many records have each outcome
//   - dead_lettered: the number of dropped records that were sent to a dead-letter queue; omitted if 0
//   - not_started, retried, abandoned, running: the fields of Report
//   - duration_ms: milliseconds, with up to three decimals
//   - notes: an array of objects with index and text; omitted if empty
//
// It contains no part of payloads, and groups are hashed (SPEC S9).
func (r Report) MarshalJSON() ([]byte, error) {
	records := r.Records
	if records == nil {
		records = []Result{}
	}
	return json.Marshal(struct {
		Source     Source   `json:"source"`
		Records    []Result `json:"records"`
		Succeeded  int      `json:"succeeded"`
		Failed     int      `json:"failed"`
		Dropped    int      `json:"dropped"`
		Dead       int      `json:"dead_lettered,omitempty"`
		NotStarted int      `json:"not_started"`
		Retried    int      `json:"retried"`
		Abandoned  int      `json:"abandoned"`
		Running    int      `json:"running"`
		Duration   float64  `json:"duration_ms"`
		Notes      []Note   `json:"notes,omitempty"`
	}{
		r.Source, records, r.Succeeded, r.Failed, r.Dropped, r.DeadLettered,
		r.NotStarted, r.Retried, r.Abandoned, r.Running, milliseconds(r.Duration), r.Notes,
	})
}

// MarshalJSON writes the result as an object. These names do not change:
//
//   - id: the identifier that Lambda uses for the record
//   - group_hash: a hash of the group; omitted if there is none
//   - outcome: "succeeded", "failed" or "dropped"
//   - reasons: why it failed or was dropped, the most specific first: the words of Reason.Word, or only
//     "error" for an error of the handler; omitted if Err is nil
//   - error: the text of Err, cut after 300 bytes; omitted if Err is nil
//   - attempts: a number
//   - queued_ms, duration_ms: milliseconds, with up to three decimals
func (r Result) MarshalJSON() ([]byte, error) {
	out := struct {
		ID        string   `json:"id"`
		GroupHash string   `json:"group_hash,omitempty"`
		Outcome   Outcome  `json:"outcome"`
		Reasons   []string `json:"reasons,omitempty"`
		Error     *string  `json:"error,omitempty"`
		Attempts  int      `json:"attempts"`
		Queued    float64  `json:"queued_ms"`
		Duration  float64  `json:"duration_ms"`
	}{
		ID: r.ID, GroupHash: GroupHash(r.Group), Outcome: r.Outcome,
		Attempts: r.Attempts, Queued: milliseconds(r.Queued), Duration: milliseconds(r.Duration),
	}
	if r.Err != nil {
		text := Text(r.Err)
		out.Error, out.Reasons = &text, Words(r.Err)
	}
	return json.Marshal(out)
}

// MarshalText writes the outcome as String does.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// milliseconds is d as a number with at most three decimals.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond).Microseconds()) / 1000
}
