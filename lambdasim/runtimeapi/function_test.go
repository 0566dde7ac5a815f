package runtimeapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
)

// role tells a process started from this test binary which function it is.
const role = "RUNTIMEAPI_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		flag.Parse()
		os.Exit(m.Run())
	case "echo":
		lambda.Start(echo)
	case "terminable":
		lambda.StartWithOptions(echo, lambda.WithEnableSIGTERM(func() { fmt.Println("told") }))
	case "troupe":
		lambda.Start(troupe.SQS(traced(perform), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever)))
	case "curl":
		talk()
	case "broken":
		post(api()+"/runtime/init/error", `{"errorMessage":"no such table","errorType":"Config"}`)
		os.Exit(3)
	case "quitter":
		os.Exit(4)
	}
}

// start runs this test binary as a function.
func start(t *testing.T, name string, config runtimeapi.Config) *runtimeapi.Function {
	t.Helper()
	config.Path = os.Args[0]
	config.Env = append(config.Env, role+"="+name)
	if config.Output == nil {
		config.Output = t.Output()
	}
	f, err := runtimeapi.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// echo does what its event says.
func echo(ctx context.Context, event map[string]string) (map[string]string, error) {
	switch event["do"] {
	case "fail":
		return nil, errors.New("declined")
	case "panic":
		panic("oh")
	case "exit":
		os.Exit(7)
	case "hang":
		fmt.Println("hanging")
		select {}
	case "late":
		time.Sleep(300 * time.Millisecond)
	case "large":
		return map[string]string{"body": strings.Repeat("x", 7<<20)}, nil
	case "fork":
		child := exec.Command("sleep", "60")
		if err := child.Start(); err != nil {
			return nil, err
		}
		fmt.Println("forked", child.Process.Pid)
		os.Exit(8)
	}
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]string{
		"pid": strconv.Itoa(os.Getpid()), "request": lc.AwsRequestID, "arn": lc.InvokedFunctionArn,
		"deadline": strconv.FormatInt(deadline.UnixMilli(), 10), "trace": os.Getenv("_X_AMZN_TRACE_ID"),
		"home": os.Getenv("HOME"), "region": os.Getenv("AWS_REGION"), "tmp": os.TempDir(),
	}, nil
}

func invoke(t *testing.T, f *runtimeapi.Function, ctx context.Context, do string) (map[string]string, error) {
	t.Helper()
	body, err := f.Invoke(ctx, fmt.Appendf(nil, `{"do":%q}`, do))
	if err != nil {
		return nil, err
	}
	var answer map[string]string
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return answer, nil
}

// E8: what a function receives.
func TestProcessesGetEventsAndWhatGoesWithThem(t *testing.T) {
	t.Parallel()
	f := start(t, "echo", runtimeapi.Config{Env: []string{"AWS_REGION=eu-central-1"}})
	ctx := lambdacontext.NewContext(within(t, time.Minute), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	deadline, _ := ctx.Deadline()
	answer, err := invoke(t, f, ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if answer["request"] != "request-1" || answer["deadline"] != strconv.FormatInt(deadline.UnixMilli(), 10) ||
		!strings.HasPrefix(answer["arn"], "arn:aws:lambda:") || !strings.HasPrefix(answer["trace"], "Root=1-") ||
		answer["home"] != "" || answer["region"] != "eu-central-1" || !strings.Contains(answer["tmp"], "lambda-") {
		t.Errorf("%v", answer)
	}
	again, err := invoke(t, f, within(t, time.Minute), "")
	if err != nil || again["pid"] != answer["pid"] || again["request"] == answer["request"] || f.Started() != 1 {
		t.Errorf("the second invocation got %v, %v", again, err)
	}
}

// E8: errors, panics, exits and time-outs are errors, and the next invocation is served by a process that is
// alive.
func TestProcessesThatFailAreReplaced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		do      string
		crashed bool
		text    string
		started int
	}{
		{"fail", false, "declined", 1},
		{"panic", false, "oh", 2}, // the runtime client reports it, and exits
		{"exit", true, "exit status 7", 2},
		{"hang", false, "deadline exceeded", 2},
		{"large", false, "ResponseSizeTooLarge", 2}, // the runtime client exits
	} {
		t.Run(c.do, func(t *testing.T) {
			t.Parallel()
			f := start(t, "echo", runtimeapi.Config{})
			first, err := invoke(t, f, within(t, time.Minute), "")
			if err != nil {
				t.Fatal(err)
			}
			limit := time.Minute
			if c.do == "hang" {
				limit = 200 * time.Millisecond
			}
			_, err = invoke(t, f, within(t, limit), c.do)
			if err == nil || errors.Is(err, lambdasim.ErrCrashed) != c.crashed || !strings.Contains(err.Error(), c.text) {
				t.Errorf("the error is %v", err)
			}
			next, err := invoke(t, f, within(t, time.Minute), "")
			if err != nil || (next["pid"] == first["pid"]) != (c.started == 1) || f.Started() != c.started {
				t.Errorf("after %d processes %v, %v; the first one was %s", f.Started(), next, err, first["pid"])
			}
			if c.started == 2 && next["tmp"] == first["tmp"] {
				t.Error("the new process has the old one's TMPDIR")
			}
			if _, err := os.Stat(first["tmp"]); c.started == 2 && err == nil {
				t.Error("the old process's TMPDIR is still there")
			}
		})
	}
}

func TestProcessesThatCannotStartAreErrors(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"broken": "exit status 3, Config: no such table", "quitter": "exit status 4"} {
		f := start(t, name, runtimeapi.Config{})
		for range 2 {
			if _, err := f.Invoke(within(t, time.Minute), []byte("{}")); !errors.Is(err, lambdasim.ErrCrashed) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", name, err, want)
			}
		}
	}
	f, err := runtimeapi.New(runtimeapi.Config{Path: "/nowhere/bootstrap"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Invoke(t.Context(), nil); !errors.Is(err, lambdasim.ErrCrashed) || !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	_ = f.Close()
	if _, err := f.Invoke(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Error(err)
	}
	for want, config := range map[string]runtimeapi.Config{"Path is missing": {}, "negative": {Path: "x", Environments: -1}} {
		if _, err := runtimeapi.New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Error(err)
		}
	}
}

func api() string { return "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01" }

func post(url, body string) int {
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		os.Exit(9)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// talk speaks the protocol by hand, and says what it is answered.
func talk() {
	for {
		response, err := http.Get(api() + "/runtime/invocation/next")
		if err != nil {
			os.Exit(9)
		}
		event, _ := io.ReadAll(response.Body)
		id := response.Header.Get("Lambda-Runtime-Aws-Request-Id")
		url := api() + "/runtime/invocation/" + id
		fmt.Println("unknown", post(api()+"/runtime/invocation/nobody/response", "{}"))
		switch string(event) {
		case `"late"`:
			time.Sleep(100 * time.Millisecond)
			fmt.Println("late", post(url+"/response", "{}"))
			time.Sleep(time.Hour)
		case `"error"`:
			fmt.Println("error", post(url+"/error", `{"errorMessage":"declined","errorType":"Kind"}`))
		default:
			fmt.Println("first", post(url+"/response", `{"n":1}`))
			fmt.Println("second", post(url+"/response", `{"n":2}`))
			fmt.Println("error after", post(url+"/error", `{}`))
		}
	}
}

// E8: 202 for an answer, 410 for one to an invocation that is over or never was.
func TestAnswersToWhatIsNotUnderWayAreGone(t *testing.T) {
	t.Parallel()
	var output lockedBuffer
	f := start(t, "curl", runtimeapi.Config{Output: &output})
	body, err := f.Invoke(within(t, time.Minute), []byte(`"event"`))
	if err != nil || string(body) != `{"n":1}` {
		t.Errorf("%s, %v", body, err)
	}
	if _, err := f.Invoke(within(t, time.Minute), []byte(`"error"`)); err == nil || err.Error() != "Kind: declined" {
		t.Error(err)
	}
	if want := "unknown 410\nfirst 202\nsecond 410\nerror after 410\nunknown 410\n"; !strings.HasPrefix(output.String(), want) {
		t.Errorf("the process was answered\n%s", output.String())
	}
}

// An answer after the deadline gets 410, if the process lives to give it: it is killed at the deadline. Here
// the deadline is that of the API, while Invoke is not called by anybody who waits that long.
func TestALateAnswerIsGone(t *testing.T) {
	t.Parallel()
	var output lockedBuffer
	f := start(t, "curl", runtimeapi.Config{Output: &output})
	ctx := &overdue{Context: within(t, time.Minute), after: 50 * time.Millisecond, from: time.Now()}
	ended := make(chan error, 1)
	go func() {
		_, err := f.Invoke(ctx, []byte(`"late"`))
		ended <- err
	}()
	output.await(t, "late 410")
	_ = f.Close()
	if err := <-ended; !errors.Is(err, lambdasim.ErrCrashed) {
		t.Error(err)
	}
}

// overdue is a context that has ended by what it says, but does not wake anybody.
type overdue struct {
	context.Context
	after time.Duration
	from  time.Time
}

func (o *overdue) Err() error {
	if time.Since(o.from) > o.after {
		return context.DeadlineExceeded
	}
	return nil
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// await waits until text has been written.
func (l *lockedBuffer) await(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(l.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q was not written, but\n%s", text, l.String())
		}
	}
}

// E8: several loops of a process, and several processes.
func TestSeveralInvocationsAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ environments, concurrency int }{{1, 4}, {3, 1}, {2, 3}} {
		f := start(t, "echo", runtimeapi.Config{Environments: c.environments, MaxConcurrency: c.concurrency})
		var all sync.WaitGroup
		var mu sync.Mutex
		pids := map[string]int{}
		began := time.Now()
		for range 2 * f.Concurrency() {
			all.Go(func() {
				answer, err := invoke(t, f, within(t, time.Minute), "late")
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				pids[answer["pid"]]++
			})
		}
		all.Wait()
		if len(pids) != c.environments || f.Started() != c.environments {
			t.Errorf("%+v: served by the processes %v of %d", c, pids, f.Started())
		}
		if took := time.Since(began); took < 600*time.Millisecond || took > 20*time.Second {
			t.Errorf("%+v: took %v", c, took)
		}
	}
}

// Nothing is left behind: no goroutine, no process, no file.
func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	var output lockedBuffer
	f := start(t, "echo", runtimeapi.Config{Environments: 2, MaxConcurrency: 2, Output: &output})
	answer, err := invoke(t, f, within(t, time.Minute), "")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = invoke(t, f, within(t, time.Minute), "fork")
	ended := make(chan error)
	go func() {
		_, err := invoke(t, f, context.Background(), "hang")
		ended <- err
	}()
	output.await(t, "hanging")
	_ = f.Close()
	if err := <-ended; err == nil {
		t.Error("the invocation under way has no error")
	}
	pids := []string{answer["pid"]}
	for line := range strings.Lines(output.String()) {
		if pid, ok := strings.CutPrefix(strings.TrimSpace(line), "forked "); ok {
			pids = append(pids, pid)
		}
	}
	if len(pids) != 2 {
		t.Fatalf("nothing was forked: %s", output.String())
	}
	for _, pid := range pids {
		for deadline := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("process %s is alive", pid)
			}
		}
	}
	if _, err := os.Stat(answer["tmp"]); err == nil {
		t.Error("TMPDIR is still there")
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, there were %d\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// alive reports whether there is such a process that is not just waiting to be reaped.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

// perform is the handler of the troupe function: a few milliseconds of work, and what the body says.
func perform(ctx context.Context, msg events.SQSMessage) error {
	time.Sleep(2 * time.Millisecond)
	if msg.Attributes["ApproximateReceiveCount"] != "1" {
		return nil
	}
	switch msg.Body {
	case "fail":
		return errors.New("declined")
	case "panic":
		panic("oh")
	}
	return nil
}

// traced writes the lines that tell of a handler, each at once so that they are not mixed up.
func traced(handler func(context.Context, events.SQSMessage) error) func(context.Context, events.SQSMessage) error {
	var mu sync.Mutex
	say := func(event, id, payload, outcome string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(os.Stderr, `{"event":%q,"id":%q,"group":"","attempt":1,"t_us":0,"payload":%q,"outcome":%q}`+"\n", event, id, payload, outcome)
	}
	return func(ctx context.Context, msg events.SQSMessage) error {
		say("start", msg.MessageId, lambdasim.Digest(msg), "")
		outcome := history.Panic
		defer func() { say("end", msg.MessageId, "", outcome) }()
		err := handler(ctx, msg)
		switch {
		case err != nil:
			outcome = history.Fail
		case ctx.Err() != nil:
			outcome = history.Late
		default:
			outcome = history.OK
		}
		return err
	}
}

// killed runs records through a function, kills processes of it in the middle of their work until three invocations
// have crashed, and expects that nothing is lost and order is kept. A killed process may have answered already, which
// is no crash.
func killed(t *testing.T, f *runtimeapi.Function, name string, records int, message func(i int) string) {
	queue := &lambdasim.Queue{Name: name, VisibilityTimeout: 3 * time.Second}
	queue.Feed(lambdasim.Feed[lambdasim.Message]{Count: records, Record: func(i int) lambdasim.Message {
		return lambdasim.Message{Body: message(i), Group: fmt.Sprint("group-", i%97)}
	}})
	var kills, crashes, deleted int
	verdict, err := lambdasim.Simulation{
		Source: queue, Handler: f, Concurrency: f.Concurrency(), Timeout: 3 * time.Second, Overlap: true, Payloads: true,
		Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
		Observe: func(e history.Event) {
			switch e.Kind {
			case history.Deleted:
				deleted++
			case history.Crashed:
				crashes++
			}
			if e.Kind == history.Started && deleted >= (kills+1)*records/10 && crashes < 3 {
				if _, handlers := f.Kill(); handlers > 0 {
					kills++
				}
			}
		},
	}.Run(within(t, time.Minute))
	if err != nil || !verdict.OK() || verdict.Totals.Deleted != records || verdict.Totals.Succeeded != records {
		t.Errorf("%v, %v", verdict, err)
	}
	if verdict.Totals.Crashes < 3 || verdict.Totals.Redelivered < 3 || f.Started() < 4 {
		t.Errorf("%d kills, %d processes: %v", kills, f.Started(), verdict)
	}
	t.Log(verdict)
}

// A real function behind a simulated queue, with failures and panics.
func TestKillingAProcessLosesNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"queue", "ordered.fifo"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, "troupe", runtimeapi.Config{Environments: 2, MaxConcurrency: 2})
			killed(t, f, name, 2000, func(i int) string {
				switch {
				case i%50 == 0:
					return "fail"
				case i%99 == 0:
					return "panic"
				}
				return "ok"
			})
		})
	}
}

var demo = flag.String("runtimeapi.demo", "", "the demo's binary, to be killed while it serves 10,000 records")

// The same with troupe's demo as the function.
func TestKillingTheDemoLosesNothing(t *testing.T) {
	if *demo == "" {
		t.Skip("build cmd/demo and name the binary by -runtimeapi.demo")
	}
	for _, name := range []string{"queue", "ordered.fifo"} {
		t.Run(name, func(t *testing.T) {
			f, err := runtimeapi.New(runtimeapi.Config{
				Path: *demo, Args: []string{"serve", "--trace", "--report", "none", "--policy", "stop-group"},
				Environments: 2, MaxConcurrency: 2,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			killed(t, f, name, 10_000, func(i int) string {
				switch {
				case i%50 == 0:
					return `{"do":"fail","for":"1ms","times":1}`
				case i%99 == 0:
					return `{"do":"panic","for":"1ms","times":1}`
				}
				return `{"do":"ok","for":"1ms"}`
			})
		})
	}
}

// A function that tells nothing of its handlers is found out.
func TestAFunctionThatTellsNothingIsFoundOut(t *testing.T) {
	t.Parallel()
	f := start(t, "echo", runtimeapi.Config{})
	queue := &lambdasim.Queue{}
	queue.Send(lambdasim.Message{Body: "x"})
	verdict, err := lambdasim.Simulation{Source: queue, Handler: bodies{f}, Timeout: 20 * time.Second}.Run(within(t, time.Minute))
	if err != nil || verdict.Kinds[check.Unobserved] != 1 {
		t.Errorf("%v, %v", verdict, err)
	}
}

// bodies gives a function an event that it understands.
type bodies struct{ lambda.Handler }

func (b bodies) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	return b.Handler.Invoke(ctx, []byte(`{"do":""}`))
}
