package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
)

// readTrace takes the trace out of standard error, and checks what holds for every trace: times do not go
// back, and each attempt has one start and then one end.
func readTrace(t *testing.T, stderr string) (lines []traceLine) {
	t.Helper()
	type attempt struct {
		id     string
		number int
	}
	open := map[attempt]bool{}
	last := int64(0)
	for text := range strings.Lines(stderr) {
		if !strings.HasPrefix(text, `{"event":`) {
			continue
		}
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.DisallowUnknownFields()
		var l traceLine
		if err := decoder.Decode(&l); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		a := attempt{l.ID, l.Attempt}
		isOpen, known := open[a]
		switch {
		case l.Micros < last:
			t.Errorf("time goes back at %s", text)
		case l.Event == "start" && (known || l.Outcome != ""), l.Event == "end" && (!isOpen || l.Outcome == ""):
			t.Errorf("unexpected line %s", text)
		}
		open[a], last = l.Event == "start", l.Micros
		lines = append(lines, l)
	}
	for a, isOpen := range open {
		if isOpen {
			t.Errorf("attempt %v has no end", a)
		}
	}
	return lines
}

// told writes a trace as one would tell it.
func told(lines []traceLine) string {
	var parts []string
	for _, l := range lines {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%d:%s.%d %s", l.Micros/1000, l.ID, l.Attempt, l.Outcome)))
	}
	return strings.Join(parts, ", ")
}

// SPEC 7: --trace, at concurrency 1 so that the order is certain.
func TestTrace(t *testing.T) {
	event := sqsEvent(`{"for":"20ms"}`, `{"do":"fail"}`, `{"do":"panic","for":"5ms"}`, `{"do":"exit"}`, `{"for":"1h"}`, `{"do":"hang"}`)
	r := execute(t, event, "invoke", "--trace", "--report=none", "--concurrency=1", "--record-timeout=1s", "--timeout=0", "-")
	want := "0:m1.1, 20:m1.1 ok, 20:m2.1, 20:m2.1 fail, 20:m3.1, 25:m3.1 panic, 25:m4.1, 25:m4.1 exit, " +
		"25:m5.1, 1025:m5.1 fail, 1025:m6.1, 2125:m6.1 abandoned"
	if got := told(readTrace(t, r.stderr)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	digest := lambdasim.Digest(events.SQSMessage{Body: `{"for":"20ms"}`})
	if !strings.HasPrefix(r.stderr, `{"event":"start","id":"m1","group":"","attempt":1,"t_us":0,"payload":"`+digest+`"}`+"\n"+
		`{"event":"end","id":"m1","group":"","attempt":1,"t_us":20000,"outcome":"ok"}`+"\n") {
		t.Errorf("the lines do not look as the contract says:\n%s", r.stderr)
	}
}

func TestTraceTellsGroupsAndAttempts(t *testing.T) {
	event := fifoEvent("a", `{"do":"fail","times":1}`, "b", "ok", "a", "ok")
	r := execute(t, event, "invoke", "--trace", "--retry=1", "-")
	lines := readTrace(t, r.stderr)
	attempts := map[string]int{}
	for _, l := range lines {
		if want := map[string]string{"m1": "a", "m2": "b", "m3": "a"}[l.ID]; l.Group != want {
			t.Errorf("%s is in group %q", l.ID, l.Group)
		}
		attempts[l.ID] = max(attempts[l.ID], l.Attempt)
	}
	if len(lines) != 8 || attempts["m1"] != 2 || attempts["m3"] != 1 {
		t.Errorf("got %s", told(lines))
	}
}

// Records that are not handed to the handler leave no trace.
func TestTraceLeavesOutWhatNeverStarts(t *testing.T) {
	event := `{"Records":[{"messageId":"m1","body":5,"eventSource":"aws:sqs"},{"messageId":"m2","body":"","eventSource":"aws:sqs"}]}`
	r := execute(t, event, "invoke", "--trace", "--policy=stop-batch", "--concurrency=1", "--error-when=never", "-")
	if lines := readTrace(t, r.stderr); len(lines) != 0 || r.stdout != response("m1", "m2") {
		t.Errorf("got %s and %s", told(lines), r.stdout)
	}
}

// The end of an abandoned attempt is written once, at the time of the abandonment, even if the handler
// returns while the batch still runs.
func TestTraceOfAHandlerThatReturnsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		time.AfterFunc(2*time.Second, func() { close(never) })
		r := executeIn(t.Context(), &player{never: never}, sqsEvent(`{"do":"hang"}`, `{"for":"900ms","do":"fail"}`),
			"invoke", "--trace", "--record-timeout=1s", "--retry=2", "--timeout=10s", "-")
		var ends []string
		for _, l := range readTrace(t, r.stderr) {
			if l.ID == "m1" && l.Event == "end" {
				ends = append(ends, fmt.Sprintf("%s at %dms", l.Outcome, l.Micros/1000))
			}
		}
		if got := strings.Join(ends, ", "); got != "abandoned at 1100ms" {
			t.Errorf("m1 ended: %s", got)
		}
		if r.took < 2*time.Second {
			t.Errorf("the batch was over after %v, before the late return", r.took)
		}
	})
}

// At the last call every attempt that is still under way ends, before the process does.
func TestTraceOfAnInvocationThatTimesOut(t *testing.T) {
	r := execute(t, sqsEvent("ok", `{"do":"hang"}`, `{"do":"hang"}`), "invoke", "--trace", "--timeout=1s", "-")
	abandoned := 0
	for _, l := range readTrace(t, r.stderr) {
		if l.Outcome == endAbandoned {
			abandoned++
		}
	}
	if abandoned != 2 {
		t.Errorf("%d attempts abandoned; standard error:\n%s", abandoned, r.stderr)
	}
}

// The ends are there even if the failure hooks, which tell of them, are left behind.
func TestTraceIsWholeWithoutItsHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		defer close(never)
		o, err := parse("demo", "demo", []string{"invoke", "--trace", "--report=none", "-"}, environment(nil))
		if err != nil {
			t.Fatal(err)
		}
		var stderr lockedBuffer
		slow := troupe.WithFailureHook(func(context.Context, troupe.Record, error) { <-never })
		f, err := newFunction(o, &player{never: never}, &stderr, slow)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Invoke(ctx, []byte(sqsEvent("ok", `{"do":"hang"}`, `{"do":"hang"}`))); err != nil {
			t.Fatal(err)
		}
		if lines := readTrace(t, stderr.String()); len(lines) != 6 {
			t.Errorf("%d lines, want 6", len(lines))
		}
	})
}

// A start has a digest of what the handler is given, by which lambdasim's checker sees that it is the record's own.
func TestTraceHasDigestsOfPayloads(t *testing.T) {
	o, err := parse("demo", "demo", []string{"invoke", "--trace", "--report=none", "-"}, environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	bodies := []string{`{"do":"ok"}`, `{"do":"fail"}`}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), o, new(player), strings.NewReader(sqsEvent(bodies...)), &stdout, &stderr); code != exitOK {
		t.Fatal(stderr.String())
	}
	digests := make(map[string]bool)
	for _, l := range readTrace(t, stderr.String()) {
		if (l.Payload != "") != (l.Event == "start") {
			t.Errorf("%+v", l)
		}
		digests[l.Payload] = true
	}
	for _, body := range bodies {
		if !digests[lambdasim.Digest(events.SQSMessage{Body: body})] {
			t.Errorf("no digest of %s in %v", body, digests)
		}
	}
}

// A handler that returns without an error after its context has ended is late: it may count or not.
func TestTraceTellsLateEnds(t *testing.T) {
	var out bytes.Buffer
	tr := newTrace(&out)
	ctx, cancel := context.WithCancel(tr.in(t.Context()))
	handler := traced(&out, func(context.Context, events.SQSMessage) error { cancel(); return nil })
	_ = handler(ctx, events.SQSMessage{MessageId: "m"})
	if lines := readTrace(t, out.String()); len(lines) != 2 || lines[1].Outcome != endLate {
		t.Errorf("%+v", lines)
	}
}

// close ends what no hook has told of, in batch order, and nothing is written after it.
func TestTraceClose(t *testing.T) {
	var out bytes.Buffer
	tr := newTrace(&out)
	ctx := tr.in(t.Context())
	release := make(chan struct{})
	done := make(chan struct{})
	started := make(chan struct{})
	for _, i := range []int{2, 0, 1} {
		go func() {
			rec := troupe.Record{ID: fmt.Sprint("m", i), Index: i, Attempt: 1}
			tr.start(ctx, rec, "")
			started <- struct{}{}
			<-release
			tr.end(rec, endOK)
			done <- struct{}{}
		}()
		<-started
	}
	tr.close()
	lines := readTrace(t, out.String())
	close(release)
	for range 3 {
		<-done
	}
	traceAbandoned(ctx, troupe.Record{ID: "m1", Index: 1, Attempt: 1}, troupe.ErrAbandoned)
	tr.start(ctx, troupe.Record{ID: "m3", Index: 3, Attempt: 1}, "")
	if again := readTrace(t, out.String()); len(again) != 6 || len(lines) != 6 {
		t.Errorf("%d lines at the close, %d later; want 6", len(lines), len(again))
	}
	for i, l := range lines[3:] {
		if l.ID != fmt.Sprint("m", i) || l.Outcome != endAbandoned {
			t.Errorf("end %d is %+v", i, l)
		}
	}
}

// The record that gets the slot of an abandoned handler starts after that handler's end: at most as many are
// under way as --concurrency says (SPEC O1, D2).
func TestTraceEndsTheAbandonedBeforeTheirSlotsAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		tr := newTrace(&out)
		limited, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		tr.start(limited, troupe.Record{ID: "hung", Index: 0, Attempt: 1}, "")
		time.Sleep(500 * time.Millisecond)
		tr.start(t.Context(), troupe.Record{ID: "early", Index: 1, Attempt: 1}, "")
		time.Sleep(600 * time.Millisecond)
		tr.start(t.Context(), troupe.Record{ID: "next", Index: 2, Attempt: 1}, "")
		tr.end(troupe.Record{ID: "hung", Index: 0, Attempt: 1}, endAbandoned)
		tr.close()

		var told []string
		for _, l := range readTrace(t, out.String()) {
			told = append(told, l.Event+" "+l.ID+" "+l.Outcome)
		}
		if want := []string{"start hung ", "start early ", "end hung abandoned", "start next ", "end early abandoned", "end next abandoned"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

// Lines are whole and in the order of their times, however many goroutines write.
func TestTraceOfManyAtOnce(t *testing.T) {
	bodies := make([]string, 400)
	for i := range bodies {
		bodies[i] = `{"do":"ok"}`
	}
	event := sqsEvent(bodies...)
	o, err := parse("demo", "demo", []string{"invoke", "--trace", "--report=none", "--concurrency=64", "-"}, environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), o, new(player), strings.NewReader(event), &stdout, &stderr); code != exitOK {
		t.Fatal(stderr.String())
	}
	if n := len(readTrace(t, stderr.String())); n != 800 || strings.Count(stderr.String(), "\n") != 800 {
		t.Errorf("%d trace lines of %d, want 800", n, strings.Count(stderr.String(), "\n"))
	}
}
