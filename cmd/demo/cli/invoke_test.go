package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// SPEC 7: exit codes, and exactly the response and a newline on standard output.
func TestInvokeAnswers(t *testing.T) {
	const ok, failing = `{"do":"ok"}`, `{"do":"fail"}`
	for _, test := range []struct {
		name, args, event string
		code              int
		stdout            string
	}{
		{"no records", "", `{"Records":[]}`, 0, response()},
		{"no failure", "", sqsEvent(ok, "text"), 0, response()},
		{"partial failure", "", sqsEvent(ok, failing, `{"do":"panic"}`, `{"do":"exit"}`, ok), 0, response("m2", "m3", "m4")},
		{"all failed", "", sqsEvent(failing, failing), 1, ""},
		{"all failed, never an error", "--error-when never", sqsEvent(failing, failing), 0, response("m1", "m2")},
		{"any failed", "--error-when any", sqsEvent(ok, failing), 1, ""},
		{"hang", "--timeout 10s", sqsEvent(ok, `{"do":"hang"}`), 0, response("m2")},
		{"hang without a timeout", "--timeout 0 --record-timeout 1s", sqsEvent(ok, `{"do":"hang"}`), 0, response("m2")},
		{"long work without a timeout", "--timeout 0", sqsEvent(ok, `{"for":"240h"}`), 0, response()},
		{"long work", "", sqsEvent(ok, `{"for":"240h"}`), 0, response("m2")},
		{"retry in place", "--retry 2", sqsEvent(`{"do":"fail","times":2}`, `{"do":"fail","times":3}`), 0, response("m2")},
		{"not JSON", "", `x`, 1, ""},
		{"nothing at all", "", ``, 1, ""},
		{"no Records", "--source sqs", `{}`, 1, ""},
		{"an event of another service", "", `{"Records":[{"eventSource":"aws:s3"}]}`, 1, ""},
		{"an event of another source", "--source kinesis", sqsEvent(ok), 1, ""},
		{"auto without an eventSource", "", `{"Records":[{"messageId":"m1","body":""}]}`, 1, ""},
		{"a source that needs no eventSource", "--source sqs", `{"Records":[{"messageId":"m1","body":""}]}`, 0, response()},
		{"a record without an identifier", "--source sqs", `{"Records":[{"messageId":"m1"},{"messageId":""}]}`, 1, ""},
		{"FIFO, stop on first", "", fifoEvent("a", ok, "b", `{"do":"fail","for":"5ms"}`, "b", ok, "a", `{"for":"9ms"}`, "a", ok), 0, response("m2", "m3", "m5")},
		{"FIFO, stop the group", "--policy stop-group", fifoEvent("a", ok, "b", failing, "b", ok, "a", ok), 0, response("m2", "m3")},
		{"FIFO, continue", "--policy continue", fifoEvent("a", ok, "b", failing, "b", ok, "a", ok), 0, response("m2")},
		{"FIFO, unordered", "--unordered --policy stop-group", fifoEvent("a", ok, "b", failing, "b", ok, "a", ok), 0, response("m2")},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := execute(t, test.event, append(append([]string{"invoke"}, strings.Fields(test.args)...), "-")...)
			if r.code != test.code || r.stdout != test.stdout {
				t.Errorf("got exit code %d and %q, want %d and %q; standard error:\n%s", r.code, r.stdout, test.code, test.stdout, r.stderr)
			}
			if _, ok := errorLine(r.stderr); ok != (test.code == exitError) {
				t.Errorf("exit code %d, and a line for an error of the invocation: %t; standard error:\n%s", r.code, ok, r.stderr)
			}
		})
	}
}

// lambdaErrorLine is an error as Lambda receives it.
type lambdaErrorLine struct {
	Message *string `json:"errorMessage"`
	Type    *string `json:"errorType"`
}

// errorLine finds the one line of standard error that is an invocation's error, and nothing else.
func errorLine(stderr string) (line lambdaErrorLine, ok bool) {
	for text := range strings.Lines(stderr) {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.DisallowUnknownFields()
		var l lambdaErrorLine
		if decoder.Decode(&l) == nil && l.Message != nil && l.Type != nil {
			if ok {
				return lambdaErrorLine{}, false
			}
			line, ok = l, true
		}
	}
	return line, ok
}

// SPEC 7: the error is printed as Lambda receives it.
func TestInvokeTellsAnErrorAsLambdaIsTold(t *testing.T) {
	r := execute(t, sqsEvent(`{"do":"fail"}`), "invoke", "-")
	line, ok := errorLine(r.stderr)
	if !ok || *line.Type != "BatchError" || !strings.Contains(*line.Message, "1 of 1 records failed") || !strings.Contains(*line.Message, errTold.Error()) {
		t.Errorf("standard error:\n%s", r.stderr)
	}
	for _, test := range []struct {
		err  error
		want string
	}{
		{errors.New("x"), "errorString"},
		{refusedError{errors.New("x")}, "refusedError"},
	} {
		if got := lambdaError(test.err); got.Type != test.want || got.Message != "x" {
			t.Errorf("got %+v, want type %s", got, test.want)
		}
	}
}

// SPEC 7: a flag beats TROUPE_DEMO_…, which beats POWERTOOLS_…, which beats the default.
func TestPrecedence(t *testing.T) {
	const powertools, ours = "POWERTOOLS_BATCH_ERROR_HANDLING_POLICY", "TROUPE_DEMO_POLICY"
	event := sqsEvent(`{"do":"fail"}`, `{"for":"1s"}`, "ok")
	t.Setenv("POWERTOOLS_BATCH_PARALLEL_ENABLED", "false")
	all, first := response("m1", "m2", "m3"), response("m1")
	for _, test := range []struct {
		powertools, ours, flag string
		want                   string
	}{
		{"", "", "", first},
		{"StopOnFirstBatchItemFailure", "", "", all},
		{"StopOnFirstBatchItemFailure", "continue", "", first},
		{"StopOnFirstBatchItemFailure", "derive", "", first},
		{"StopOnFirstBatchItemFailure", "continue", "stop-batch", all},
		{"StopOnFirstBatchItemFailure", "stop-batch", "derive", first},
		{"ContinueOnBatchItemFailure", "stop-batch", "", all},
	} {
		t.Setenv(powertools, test.powertools)
		t.Setenv(ours, test.ours)
		args := []string{"invoke", "--error-when", "never"}
		if test.flag != "" {
			args = append(args, "--policy", test.flag)
		}
		if r := execute(t, event, append(args, "-")...); r.stdout != test.want {
			t.Errorf("%+v: got %s", test, r.stdout)
		}
	}
}

func TestPrecedenceOfConcurrency(t *testing.T) {
	event := sqsEvent(`{"for":"1s"}`, `{"for":"1s"}`, `{"for":"1s"}`, `{"for":"1s"}`)
	for _, test := range []struct {
		powertools, ours, flag string
		want                   time.Duration
	}{
		{"", "", "", time.Second},
		{"2", "", "", 2 * time.Second},
		{"2", "1", "", 4 * time.Second},
		{"2", "1", "16", time.Second},
	} {
		t.Setenv("POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM", test.powertools)
		t.Setenv("TROUPE_DEMO_CONCURRENCY", test.ours)
		args := []string{"invoke", "--timeout=0"}
		if test.flag != "" {
			args = append(args, "--concurrency", test.flag)
		}
		if r := execute(t, event, append(args, "-")...); r.took != test.want {
			t.Errorf("%+v: took %v", test, r.took)
		}
	}
}

func TestPrecedenceOfErrorWhen(t *testing.T) {
	t.Setenv("POWERTOOLS_BATCH_THROW_ON_FULL_BATCH_FAILURE", "false")
	event := sqsEvent(`{"do":"fail"}`)
	if r := execute(t, event, "invoke", "-"); r.code != exitOK {
		t.Errorf("with the variable: exit code %d", r.code)
	}
	if r := execute(t, event, "invoke", "--error-when=all", "-"); r.code != exitError {
		t.Errorf("with the flag: exit code %d", r.code)
	}
}

// The deadline is what --timeout says, and --reserve comes off it.
func TestTimeoutAndReserve(t *testing.T) {
	event := sqsEvent("ok", `{"for":"1h"}`)
	for args, want := range map[string]time.Duration{
		"":                           defaultTimeout - 500*time.Millisecond,
		"--timeout 10s":              9500 * time.Millisecond,
		"--timeout 1s":               800 * time.Millisecond,
		"--timeout 10s --reserve 2s": 8 * time.Second,
	} {
		r := execute(t, event, append(append([]string{"invoke"}, strings.Fields(args)...), "-")...)
		if r.took != want || r.stdout != response("m2") {
			t.Errorf("%q: took %v, want %v; answered %s", args, r.took, want, r.stdout)
		}
	}
}

// Past the deadline everything is reported, and the report is waited for.
func TestExpiredOnArrival(t *testing.T) {
	r := executeIn(t.Context(), new(player), sqsEvent("ok", "ok"), "invoke", "--timeout=1ns", "--error-when=never", "-")
	if r.stdout != response("m1", "m2") || !strings.Contains(r.stderr, "2 failed, 2 of them not started") {
		t.Errorf("got %+v", r)
	}
}

// A cancelled context, as after the first signal, still gets its response.
func TestCancelledInvocationIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		defer close(never)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		r := executeIn(ctx, &player{never: never}, sqsEvent("ok", `{"do":"hang"}`), "invoke", "--timeout", "0", "-")
		if r.code != exitOK || r.stdout != response("m2") || r.took < time.Minute || r.took > time.Minute+time.Second {
			t.Errorf("got %+v", r)
		}
	})
}

func TestCancelledReadingEnds(t *testing.T) {
	stdin, stop := io.Pipe()
	defer stop.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o, err := parse("demo", "demo", []string{"invoke", "-"}, environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	if code := run(ctx, o, new(player), stdin, &stdout, &stderr); code != exitInterrupted || stdout.Len() > 0 {
		t.Errorf("exit code %d, standard output %q", code, stdout.String())
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestResponseThatCannotBeWritten(t *testing.T) {
	o, err := parse("demo", "demo", []string{"invoke", samples + "/sqs.json"}, environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	if code := run(t.Context(), o, new(player), nil, brokenPipe{}, &stderr); code != exitError || !strings.Contains(stderr.String(), "broken pipe") {
		t.Errorf("exit code %d; standard error:\n%s", code, stderr.String())
	}
}

// The event in the README can be pasted, and the response below it is the real one.
func TestTheEventOfTheREADMEHasItsResponse(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.Len(t, blocks, 2)
	r := execute(t, blocks[0][1], "invoke", "--policy", "stop-group", "-")
	assert.Equal(t, exitOK, r.code)
	assert.JSONEq(t, blocks[1][1], r.stdout)
}
