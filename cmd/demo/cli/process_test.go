package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// build builds the demo once, into a folder that TestMain removes.
var build = sync.OnceValues(func() (string, error) {
	file := filepath.Join(builds, "demo")
	if out, err := exec.Command("go", "build", "-o", file, "..").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return file, nil
})

// command is the built demo; it is killed with the test.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	file, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), file, args...)
}

// SPEC 7: in a pipe.
func TestProcessInAPipe(t *testing.T) {
	cmd := command(t, "invoke", "-")
	cmd.Stdin = strings.NewReader(sqsEvent("ok", `{"do":"fail"}`))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err, stderr.String())
	}
	if stdout.String() != response("m2") || !strings.Contains(stderr.String(), "1 succeeded, 1 failed") {
		t.Errorf("standard output %q, standard error %q", stdout.String(), stderr.String())
	}
}

func TestProcessExitCodes(t *testing.T) {
	for _, test := range []struct {
		args, stdin string
		want        int
	}{
		{"invoke -", `{"Records":[]}`, exitOK},
		{"invoke -", `nonsense`, exitError},
		{"invoke --nope -", ``, exitUsage},
		{"--records -1", ``, exitUsage},
		{"--records 40", ``, exitOK},
		{"--help", ``, exitOK},
	} {
		cmd := command(t, strings.Fields(test.args)...)
		cmd.Stdin = strings.NewReader(test.stdin)
		if _, err := cmd.Output(); cmd.ProcessState.ExitCode() != test.want {
			t.Errorf("demo %s: %v, want exit code %d", test.args, err, test.want)
		}
	}
}

// go install names a binary after its folder; cmd/demo/troupe is the same under another name.
func TestProcessIsAlsoCalledTroupe(t *testing.T) {
	file := filepath.Join(builds, "troupe")
	if out, err := exec.Command("go", "build", "-o", file, "../troupe").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command(file, "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "troupe of github.com/troupe-go/troupe ") {
		t.Errorf("%v, standard output %q", err, out)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(file, "chek")
	cmd.Stderr = &stderr
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitUsage || !strings.HasPrefix(stderr.String(), "troupe: there is no command") ||
		!strings.Contains(stderr.String(), "see "+file+" --help") {
		t.Errorf("%v, standard error %q", err, stderr.String())
	}
	if out, err := exec.Command(file, "check", "--help").Output(); err != nil || !strings.Contains(string(out), "\ntroupe check reads") {
		t.Errorf("%v, standard output %q", err, out)
	}
}

// hanging starts the demo with a handler that hangs, and returns when it does.
func hanging(t *testing.T) (cmd *exec.Cmd, stdout *bytes.Buffer) {
	t.Helper()
	cmd = command(t, "invoke", "--timeout=0", "--trace", "-")
	cmd.Stdin = strings.NewReader(sqsEvent("ok", `{"do":"hang"}`))
	stdout = new(bytes.Buffer)
	cmd.Stdout = stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `"start","id":"m2"`) {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return cmd, stdout
		}
	}
	t.Fatal("no start of m2 in the trace")
	return nil, nil
}

// The first signal still gets the response.
func TestProcessAnswersAfterASignal(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd, stdout := hanging(t)
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil || stdout.String() != response("m2") {
			t.Errorf("%v: %v, standard output %q", signal, err, stdout.String())
		}
	}
}

// The second signal ends the process, whatever is under way.
func TestProcessEndsAtTheSecondSignal(t *testing.T) {
	cmd, stdout := hanging(t)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if err := cmd.Process.Signal(os.Interrupt); errors.Is(err, os.ErrProcessDone) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // let the first one be seen, or the two are one
	}
	<-ended
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGINT || stdout.Len() > 0 {
		t.Errorf("%v, standard output %q; want an end by the signal", cmd.ProcessState, stdout.String())
	}
}

// runtimeAPIStub is as much of the Lambda Runtime API as an invocation takes.
type runtimeAPIStub struct {
	invocations chan invocation
	answers     chan answer
}

type invocation struct {
	event   string
	timeout time.Duration
}

// answer is what the function made of an invocation.
type answer struct {
	path string // the last part: response or error
	body string
	late bool
}

func startRuntimeAPI(t *testing.T) (address string, api *runtimeAPIStub) {
	t.Helper()
	api = &runtimeAPIStub{make(chan invocation), make(chan answer, 1)}
	var deadlines sync.Map
	ids := 0
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case i := <-api.invocations:
			ids++ // the function asks for one at a time
			id, deadline := strconv.Itoa(ids), time.Now().Add(i.timeout)
			deadlines.Store(id, deadline)
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(deadline.UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:demo")
			_, _ = io.WriteString(w, i.event)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{what}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		deadline, _ := deadlines.Load(r.PathValue("id"))
		w.WriteHeader(http.StatusAccepted)
		api.answers <- answer{r.PathValue("what"), string(body), time.Now().After(deadline.(time.Time))}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String(), api
}

func (api *runtimeAPIStub) invoke(t *testing.T, event string, timeout time.Duration) answer {
	t.Helper()
	limit := time.After(20 * time.Second)
	select {
	case api.invocations <- invocation{event, timeout}:
	case <-limit:
		t.Fatal("the function does not ask for invocations")
	}
	select {
	case a := <-api.answers:
		return a
	case <-limit:
		t.Fatal("the function does not answer")
	}
	panic("unreachable")
}

// SPEC 7: demo serve is lambda.Start. One process, several invocations of all sources.
func TestProcessServes(t *testing.T) {
	address, api := startRuntimeAPI(t)
	cmd := command(t, "serve", "--report=json", "--trace", "--reserve=1s")
	cmd.Env = append(os.Environ(), runtimeAPI+"="+address, "TROUPE_DEMO_POLICY=continue")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	twice := sqsEvent("ok", `{"do":"fail","times":2}`, `{"do":"panic","times":1}`)
	kinesis, err := os.ReadFile(samples + "/kinesis.json")
	if err != nil {
		t.Fatal(err)
	}
	for i, test := range []struct {
		event   string
		timeout time.Duration
		path    string
		body    string // for a response
	}{
		{twice, time.Minute, "response", response("m2", "m3")},
		{twice, time.Minute, "response", response("m2")}, // attempts are counted across invocations
		{twice, time.Minute, "response", response()},
		{sqsEvent("ok", `{"do":"hang"}`), 2 * time.Second, "response", response("m2")}, // before the deadline
		{sqsEvent(`{"do":"fail"}`), time.Minute, "error", ""},
		{"nonsense", time.Minute, "error", ""},
		// TROUPE_DEMO_POLICY: the record after the failed one of its partition key is handled.
		{string(kinesis), time.Minute, "response", response("49590338271490256608559692538361571095921575989136598320", "49590338271490256608559692538361571095921575989136612453")},
	} {
		a := api.invoke(t, test.event, test.timeout)
		if a.late || a.path != test.path || a.path == "response" && a.body+"\n" != test.body {
			t.Errorf("invocation %d: got %+v, want %s %s", i, a, test.path, test.body)
		}
		if test.path == "error" {
			// What invoke prints is what Lambda receives.
			line, _ := errorLine(execute(t, test.event, "invoke", "--policy=continue", "-").stderr)
			var told lambdaErrorLine
			if err := json.Unmarshal([]byte(a.body), &told); err != nil || line.Message == nil || *told.Message != *line.Message || *told.Type != *line.Type {
				t.Errorf("invocation %d: the Runtime API was told %s, invoke says otherwise", i, a.body)
			}
		}
	}

	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if stdout.Len() > 0 {
		t.Errorf("standard output: %s", stdout.String())
	}
	if reports := strings.Count(stderr.String(), `"duration_ms":`); reports == 0 {
		t.Errorf("no report; standard error:\n%s", stderr.String())
	}
	if ends := strings.Count(stderr.String(), `"outcome":"abandoned"}`); ends != 1 {
		t.Errorf("%d abandoned attempts in the trace; standard error:\n%s", ends, stderr.String())
	}
}

// serve's --timeout holds beside the deadline of the Runtime API.
func TestProcessServesWithATimeout(t *testing.T) {
	address, api := startRuntimeAPI(t)
	cmd := command(t, "serve", "--timeout=500ms")
	cmd.Env = append(os.Environ(), runtimeAPI+"="+address)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if a := api.invoke(t, sqsEvent("ok", `{"do":"hang"}`), time.Hour); a.body+"\n" != response("m2") {
		t.Errorf("got %+v", a)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// A bad option fails the function as it initialises, with or without --source.
func TestProcessDoesNotServeWithABadOption(t *testing.T) {
	address, _ := startRuntimeAPI(t)
	for _, args := range []string{"serve --concurrency 0", "serve --source sqs --lowest-only"} {
		cmd := command(t, strings.Fields(args)...)
		cmd.Env = append(os.Environ(), runtimeAPI+"="+address)
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != exitUsage {
			t.Errorf("%s: %v, %s", args, err, out)
		}
	}
}

// SPEC 7: in a pipe stress draws no bar and writes no escape codes, and standard output has the report alone.
func TestProcessStressesInAPipe(t *testing.T) {
	for _, report := range []string{"text", "json"} {
		cmd := command(t, "--records", "200", "--hang", "0", "--fail", "0.02", "--report", report)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatal(err, stdout.String(), stderr.String())
		}
		if strings.ContainsAny(stdout.String()+stderr.String(), "\r\x1b") || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("standard output %q, standard error %q", stdout.String(), stderr.String())
		}
		if report == "json" && !json.Valid(stdout.Bytes()) {
			t.Errorf("standard output %q", stdout.String())
		}
	}
}

// stressing starts a run without end, and returns when it has gone on for some time.
func stressing(t *testing.T, wait time.Duration, args ...string) (cmd *exec.Cmd, stdout *bytes.Buffer) {
	t.Helper()
	cmd = command(t, append([]string{"stress", "--records", "0", "--report", "json"}, args...)...)
	stdout = new(bytes.Buffer)
	cmd.Stdout = stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "demo: seed ") {
		t.Fatalf("the run begins with %q", lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	time.Sleep(wait)
	return cmd, stdout
}

// SPEC 7: Ctrl-C ends stress cleanly with the report so far, exit 130; SIGTERM does the same, exit 143.
func TestProcessReportsTheStressSoFarAfterASignal(t *testing.T) {
	for signal, code := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
		var report stressReport
		for wait := 500 * time.Millisecond; report.Succeeded == 0 && wait < time.Minute; wait *= 4 { // a busy machine has not begun yet
			cmd, stdout := stressing(t, wait, "--hang", "0", "--timeout", "1m")
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if err := json.Unmarshal(stdout.Bytes(), &report); err != nil || cmd.ProcessState.ExitCode() != code || !report.Stopped {
				t.Fatalf("%v: %v, %v, standard output %s", signal, cmd.ProcessState, err, stdout.String())
			}
		}
		if report.Records == 0 || report.Succeeded == 0 {
			t.Errorf("%v: %+v", signal, report)
		}
	}
}

// A signal that comes while invoke waits for its event ends it: there is nothing to answer.
func TestProcessEndsAtASignalWithoutAnEvent(t *testing.T) {
	for signal, code := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
		cmd := command(t, "invoke", "-")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close()
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		// Its runtime needs a moment to listen to signals; before that, the signal itself ends the process.
		time.Sleep(300 * time.Millisecond)
		_ = cmd.Process.Signal(signal)
		<-ended
		if cmd.ProcessState.ExitCode() != code || stdout.Len() > 0 || !strings.Contains(stderr.String(), "standard input was not read: the signal ") {
			t.Errorf("%v: %v, standard output %q, standard error %q", signal, cmd.ProcessState, stdout.String(), stderr.String())
		}
	}
}

// A second one ends it at once.
func TestProcessEndsTheStressAtTheSecondSignal(t *testing.T) {
	cmd, stdout := stressing(t, 500*time.Millisecond, "--hang", "0.01", "--timeout", "3s")
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if err := cmd.Process.Signal(os.Interrupt); errors.Is(err, os.ErrProcessDone) {
			break
		}
		time.Sleep(20 * time.Millisecond) // let the first one be seen, or the two are one
	}
	<-ended
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGINT || stdout.Len() > 0 {
		t.Errorf("%v, standard output %q; want an end by the signal", cmd.ProcessState, stdout.String())
	}
}
