//go:build unix

package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
)

// role tells a process started from this test binary that it is the function.
const role = "HOSTILE_TEST_ROLE"

// builds is the folder for what tests build.
var builds string

func TestMain(m *testing.M) {
	if os.Getenv(role) != "" {
		serve()
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "16") // most of them wait for a process's deadline, not for a processor
	var err error
	if builds, err = os.MkdirTemp("", "hostile"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(builds)
	os.Exit(code)
}

// building builds a command of this module.
func building(pkg string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		file := filepath.Join(builds, filepath.Base(pkg))
		if out, err := exec.Command("go", "build", "-o", file, pkg).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
		return file, nil
	})
}

var (
	demo    = building("github.com/troupe-go/troupe/cmd/demo")
	sigterm = building("github.com/troupe-go/troupe/test/process/hostile/sigterm")
)

// running makes a function of a program that has been built.
func running(t *testing.T, program func() (string, error), config runtimeapi.Config) (*runtimeapi.Function, *output) {
	t.Helper()
	var err error
	config.Path, err = program()
	require.NoError(t, err)
	said := &output{t: t}
	config.Output = said
	f, err := runtimeapi.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f, said
}

// function runs this test binary as the function of function_test.go.
func function(t *testing.T, config runtimeapi.Config) (*runtimeapi.Function, *output) {
	t.Helper()
	config.Env = append(config.Env, role+"=function")
	return running(t, os.Executable, config)
}

// output is what processes have written, trace lines aside.
type output struct {
	t  *testing.T
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// patience is how long tests wait for what has to come; nothing is measured by it.
const patience = 30 * time.Second

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited in vain for this: %s", what)
		}
	}
}

// await waits until text has been written.
func (o *output) await(text string) {
	o.t.Helper()
	eventually(o.t, text+" in the output", func() bool { return strings.Contains(o.String(), text) })
}

// reports are those that the function has told of so far.
func (o *output) reports() (all []told) {
	for line := range strings.Lines(o.String()) {
		var r told
		if strings.HasPrefix(line, `{"batch":`) && json.Unmarshal([]byte(line), &r) == nil {
			all = append(all, r)
		}
	}
	return all
}

// message is a record of an event: what a handler is to do with it.
type message struct{ id, do string }

// numbered are n messages with the same deed.
func numbered(prefix string, n int, do string) []message {
	all := make([]message, n)
	for i := range all {
		all[i] = message{prefix + strconv.Itoa(i), do}
	}
	return all
}

// event writes an event of a standard queue.
func event(all ...message) []byte {
	var b bytes.Buffer
	b.WriteString(`{"Records":[`)
	for i, m := range all {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"messageId":%q,"body":%q,"attributes":{"ApproximateReceiveCount":"1"},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:orders"}`, m.id, m.do)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// failures reads a response; it is nil if that is no response.
func failures(t testing.TB, response []byte) []string {
	t.Helper()
	var form struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(response, &form); !assert.NoError(t, err) || !assert.NotNil(t, form.BatchItemFailures, "%s", response) {
		return nil
	}
	ids := []string{}
	for _, item := range form.BatchItemFailures {
		ids = append(ids, item.ItemIdentifier)
	}
	return ids
}

// answered invokes a function that has to answer in time, and returns what it reports. Any goroutine may call
// it.
func answered(t *testing.T, f *runtimeapi.Function, left time.Duration, all ...message) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), left)
	defer cancel()
	return answer(t, f, ctx, all...)
}

// answer is answered under a context.
func answer(t *testing.T, f *runtimeapi.Function, ctx context.Context, all ...message) []string {
	t.Helper()
	response, err := f.Invoke(ctx, event(all...))
	if !assert.NoError(t, err) {
		return nil
	}
	return failures(t, response)
}

// idsOf are the identifiers of those messages whose deed is one of these.
func idsOf(all []message, deeds ...string) []string {
	ids := []string{}
	for _, m := range all {
		for _, do := range deeds {
			if m.do == do {
				ids = append(ids, m.id)
			}
		}
	}
	return ids
}

// drained sends messages with these deeds through a function and expects that nothing is lost. It returns
// how crashed invocations ended.
func drained(t *testing.T, f *runtimeapi.Function, simulation lambdasim.Simulation, name string, deeds []string) (crashes []string) {
	t.Helper()
	queue := &lambdasim.Queue{Name: name, VisibilityTimeout: simulation.Timeout}
	for i, do := range deeds {
		queue.Send(lambdasim.Message{Body: do, Group: "group-" + strconv.Itoa(i%5)})
	}
	simulation.Source = queue
	if simulation.Handler == nil {
		simulation.Handler = f
	}
	simulation.Concurrency = f.Concurrency()
	simulation.Mapping.FunctionResponseTypes = []string{lambdasim.ReportBatchItemFailures}
	simulation.Observe = func(e history.Event) {
		if e.Kind == history.Crashed || e.Kind == history.TimedOut {
			crashes = append(crashes, e.Detail)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	verdict, err := simulation.Run(ctx)
	require.NoError(t, err)
	assert.True(t, verdict.OK(), "%v", verdict)
	assert.Equal(t, len(deeds), verdict.Totals.Deleted, "%v", verdict)
	assert.Equal(t, len(deeds), verdict.Totals.Succeeded, "%v", verdict)
	t.Log(verdict)
	return crashes
}

// overdue is a context that has ended by what it says, and by the deadline that it tells, but wakes nobody
// up: with it the process lives to give its late answer.
type overdue struct {
	context.Context
	deadline time.Time // told
	until    time.Time // when it has ended
}

func (o *overdue) Deadline() (time.Time, bool) { return o.deadline, true }
func (o *overdue) Done() <-chan struct{}       { return nil }
func (o *overdue) Err() error {
	if time.Now().After(o.until) {
		return context.DeadlineExceeded
	}
	return nil
}

// telling is a context that tells another deadline than its own, at which the process would be killed: how soon
// that is after the other one is for the machine's load to say.
type telling struct {
	context.Context
	deadline time.Time
}

func (t telling) Deadline() (time.Time, bool) { return t.deadline, true }

var errTold = errors.New("failed as directed")
