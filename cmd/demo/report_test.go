package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/messages"
)

func aReport() *troupe.Report {
	return &troupe.Report{
		Source: "sqs",
		Records: []troupe.Result{
			{ID: "m1", Group: "g", Outcome: troupe.Succeeded, Attempts: 2, Queued: 3 * time.Microsecond, Duration: 2 * time.Millisecond},
			{ID: "m2", Attempts: 1, Duration: time.Millisecond, Err: errors.New("card\tdeclined\n" + strings.Repeat("é", 200) + "end")},
			{ID: "m3", Group: "a\x00b", Err: messages.Because(troupe.ErrNotStarted, troupe.ErrGroupStopped)},
			{ID: "m4", Outcome: troupe.Dropped},
		},
		Succeeded: 1, Failed: 2, Dropped: 1, NotStarted: 1, Retried: 1, Abandoned: 2, Running: 3, Duration: 1234567 * time.Microsecond,
	}
}

func TestTextReport(t *testing.T) {
	var out strings.Builder
	writeReport(&out, reportText, aReport())
	golden(t, "report.txt", out.String())
	for line := range strings.Lines(out.String()) {
		if len([]rune(line)) > 200 {
			t.Errorf("a line of %d characters: %s", len([]rune(line)), line)
		}
	}
}

func TestReportNone(t *testing.T) {
	var out strings.Builder
	if writeReport(&out, reportNone, aReport()); out.Len() > 0 {
		t.Errorf("got %q", out.String())
	}
	r := execute(t, sqsEvent("ok", `{"do":"fail"}`), "invoke", "--report=none", "-")
	if !strings.Contains(r.stderr, `"msg":"troupe: records failed"`) || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("without a report there should be troupe's own line and nothing else; standard error:\n%s", r.stderr)
	}
}

// SPEC 7, 2: one JSON object on a line, with all that Report has.
func TestJSONReport(t *testing.T) {
	var out strings.Builder
	writeReport(&out, reportJSON, aReport())
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("more than a line: %q", out.String())
	}
	var got struct {
		Source                                         string
		Records                                        []map[string]any
		Succeeded, Failed, Dropped, Retried, Abandoned int
		NotStarted                                     int `json:"not_started"`
		Running                                        int
		DurationUs                                     int `json:"duration_us"`
	}
	decoder := json.NewDecoder(strings.NewReader(out.String()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if totals := fmt.Sprint(got.Source, got.Succeeded, got.Failed, got.Dropped, got.NotStarted, got.Retried, got.Abandoned, got.Running, got.DurationUs); totals != "sqs1 2 1 1 1 2 3 1234567" {
		t.Errorf("totals: %s", totals)
	}
	wants := []string{
		"map[attempts:2 duration_us:2000 error:<nil> group:g id:m1 outcome:succeeded queued_us:3 reason:<nil>]",
		"",
		"map[attempts:0 duration_us:0 error:troupe: not started: the record's group was stopped by an earlier failure group:a\x00b id:m3 outcome:failed queued_us:0 reason:not started]",
		"map[attempts:0 duration_us:0 error:<nil> group: id:m4 outcome:dropped queued_us:0 reason:<nil>]",
	}
	for i, want := range wants {
		if record := fmt.Sprint(got.Records[i]); want != "" && record != want {
			t.Errorf("record %d is %s\nwant %s", i, record, want)
		}
	}
	if text, ok := got.Records[1]["error"].(string); !ok || !strings.HasSuffix(text, "end") {
		t.Errorf("the error is not whole: %v", got.Records[1]["error"])
	}
}

// Every reason has a name of its own.
func TestReasons(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{errors.New("x"), "error"},
		{&troupe.PanicError{Value: "x"}, "panic"},
		{troupe.ErrGoexit, "exit"},
		{&troupe.DecodeError{Offset: -1}, "undecodable"},
		{troupe.ErrRecordTimeout, "record timeout"},
		{messages.Because(troupe.ErrAbandoned, troupe.ErrRecordTimeout), "abandoned"},
		{messages.Because(troupe.ErrDeadline, errors.New("x")), "deadline"},
		{messages.Because(troupe.ErrCancelled, errors.New("x")), "cancelled"},
		{messages.Because(troupe.ErrNotStarted, troupe.ErrDeadline), "not started"},
	} {
		if got := reasonOf(test.err); got != test.want {
			t.Errorf("%v: got %q, want %q", test.err, got, test.want)
		}
	}
}

// What else troupe has to say is said, in the form of what is beside it.
func TestReportDoesNotSilenceTheLogger(t *testing.T) {
	for report, want := range map[string]string{reportText: "level=WARN", reportJSON: `"level":"WARN"`} {
		r := execute(t, sqsEvent("ok", `{"do":"fail"}`), "invoke", "--timeout=1s", "--reserve=900ms", "--report", report, "-")
		if !strings.Contains(r.stderr, want) || strings.Contains(r.stderr, "records failed") {
			t.Errorf("--report %s; standard error:\n%s", report, r.stderr)
		}
	}
}
