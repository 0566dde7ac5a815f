package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

// builds is the folder for what tests build.
var builds string

const samples = "../../../testdata/events"

func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "TROUPE_DEMO_") || strings.HasPrefix(name, "POWERTOOLS_") || name == runtimeAPI {
			os.Unsetenv(name)
		}
	}
	flag.Parse()

	var err error
	if builds, err = os.MkdirTemp("", "demo"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(builds)
	os.Exit(code)
}

// result is what a run of the demo came to.
type result struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

// execute runs the demo as main would, in virtual time. Hanging handlers go on when the demo has ended.
func execute(t *testing.T, stdin string, args ...string) (r result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		r = executeIn(context.Background(), &player{never: never}, stdin, args...)
		close(never)
		time.Sleep(time.Hour) // handlers that stress left behind come to their end
	})
	return r
}

func executeIn(ctx context.Context, play *player, stdin string, args ...string) result {
	var stdout bytes.Buffer
	var stderr lockedBuffer
	began := time.Now()
	o, err := parse("demo", "demo", args, os.Getenv)
	var code int
	if err != nil {
		code = o.refuse(err, &stdout, &stderr)
	} else {
		code = run(ctx, o, play, strings.NewReader(stdin), &stdout, &stderr)
	}
	return result{code, stdout.String(), stderr.String(), time.Since(began)}
}

// lockedBuffer may be read while an observer that was left behind still writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// sqsEvent is an event with a message for each body, with the identifiers m1, m2 and so on.
func sqsEvent(bodies ...string) string { return queueEvent("orders", nil, bodies) }

// fifoEvent is one of a FIFO queue: each body is preceded by its message group.
func fifoEvent(groupsAndBodies ...string) string {
	var groups, bodies []string
	for i := 0; i < len(groupsAndBodies); i += 2 {
		groups, bodies = append(groups, groupsAndBodies[i]), append(bodies, groupsAndBodies[i+1])
	}
	return queueEvent("orders.fifo", groups, bodies)
}

func queueEvent(queue string, groups, bodies []string) string {
	records := []map[string]any{}
	for i, body := range bodies {
		record := map[string]any{
			"messageId": "m" + strconv.Itoa(i+1), "body": body, "eventSource": "aws:sqs",
			"eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:" + queue,
		}
		if groups != nil {
			record["attributes"] = map[string]string{"MessageGroupId": groups[i]}
		}
		records = append(records, record)
	}
	event, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		panic(err)
	}
	return string(event)
}

// response is the answer that reports the given identifiers.
func response(ids ...string) string {
	if len(ids) == 0 {
		return `{"batchItemFailures":[]}` + "\n"
	}
	return `{"batchItemFailures":[{"itemIdentifier":"` + strings.Join(ids, `"},{"itemIdentifier":"`) + `"}]}` + "\n"
}

// golden compares got with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew); got:\n%s\nwant:\n%s", file, got, want)
	}
}

// Help of a program that go run has built does not show its path in the build cache.
func TestGoRunsPathIsNotShown(t *testing.T) {
	for program, want := range map[string]string{
		"bin/demo": "bin/demo", "/usr/local/bin/troupe": "/usr/local/bin/troupe",
		"/root/.cache/go-build/ca/ca9d34-d/demo": "demo", `/tmp/go-build3728171076/b001/exe/demo`: "demo",
	} {
		if got := calledBy(program, "demo"); got != want {
			t.Errorf("%s is shown as %s, want %s", program, got, want)
		}
	}
}
