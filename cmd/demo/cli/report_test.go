package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

func aReport() *troupe.Report {
	return &troupe.Report{
		Source: "sqs",
		Records: []troupe.Result{
			{ID: "m1", Group: "g", Outcome: troupe.Succeeded, Attempts: 2, Queued: 3 * time.Microsecond, Duration: 2 * time.Millisecond},
			{ID: "m2", Attempts: 1, Duration: time.Millisecond, Err: errors.New("card\tdeclined\n" + strings.Repeat("é", 200) + "end")},
			{ID: "m3", Group: "a\x00b", Err: batch.Because(troupe.ErrNotStarted, troupe.ErrGroupStopped)},
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

// SPEC 7, 2: troupe's own JSON of the report, as one line.
func TestJSONReport(t *testing.T) {
	var out strings.Builder
	writeReport(&out, reportJSON, aReport())
	want, err := json.Marshal(aReport())
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want)+"\n" {
		t.Errorf("got %s\nwant %s", out.String(), want)
	}

	r := execute(t, sqsEvent("ok", `{"do":"panic"}`), "invoke", "--report=json", "-")
	var got struct {
		Source            string
		Succeeded, Failed int
		Records           []struct {
			ID, Outcome string
			Reasons     []string
			Duration    float64 `json:"duration_ms"`
		}
	}
	if err := json.Unmarshal([]byte(r.stderr), &got); err != nil {
		t.Fatalf("%v; standard error:\n%s", err, r.stderr)
	}
	if text := fmt.Sprint(got.Source, got.Succeeded, got.Failed, got.Records[1].ID, got.Records[1].Outcome, got.Records[1].Reasons); text != "sqs1 1m2failed[panic]" {
		t.Errorf("got %s; standard error:\n%s", text, r.stderr)
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
		{troupe.ErrGoexit, "goexit"},
		{&troupe.DecodeError{Offset: -1}, "undecodable"},
		{troupe.ErrRecordTimeout, "record timeout"},
		{batch.Because(troupe.ErrAbandoned, troupe.ErrRecordTimeout), "abandoned"},
		{batch.Because(troupe.ErrDeadline, errors.New("x")), "deadline"},
		{batch.Because(troupe.ErrCancelled, errors.New("x")), "cancelled"},
		{batch.Because(troupe.ErrNotStarted, troupe.ErrDeadline), "not started"},
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
