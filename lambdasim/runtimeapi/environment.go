package runtimeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"

	"github.com/troupe-go/troupe/lambdasim"
)

// errNotTaken means that a process died before it took an invocation, so another process may take it.
var errNotTaken = errors.New("runtimeapi: not taken")

// environment is a process with its API and its output. Goroutines: the API's, the reader of the output, and one that
// waits for the process to end and then ends the others.
type environment struct {
	f      *Function
	load   int // invocations assigned to the process; guarded by f.mu
	server *http.Server
	cmd    *exec.Cmd
	output *output
	next   chan *call
	dead   chan struct{} // closed when the process has died and all it wrote has been read
	conns  sync.WaitGroup

	mu       sync.Mutex
	calls    map[string]*call // taken by the process, without a response
	reaped   bool             // the process has ended, and its number may be reused
	ready    bool             // the process has requested an event
	extended bool             // it has registered an extension
	initErr  string           // the error of its start, if any
	died     error            // the reason, after its end
}

const apiVersion = "/2018-06-01"

// start starts a process and its API.
func (f *Function) start(number int) (e *environment, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "lambda-")
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	e = &environment{
		f: f, next: make(chan *call), dead: make(chan struct{}), calls: make(map[string]*call),
		cmd: exec.Command(f.config.Path, f.config.Args...),
	}
	e.output, err = newOutput(e.line)
	if err == nil {
		e.cmd.Stdout, e.cmd.Stderr = e.output.w, e.output.w
		e.cmd.Env = append(environ(listener.Addr().String(), dir, number, f.config.MaxConcurrency), f.config.Env...)
		ownGroup(e.cmd)
		err = e.cmd.Start()
	}
	if err != nil {
		_ = listener.Close()
		_ = os.RemoveAll(dir)
		if e.output != nil {
			e.output.close()
		}
		return nil, err
	}
	e.server = &http.Server{Handler: e.api(), ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			e.conns.Add(1)
		case http.StateClosed, http.StateHijacked:
			e.conns.Done()
		}
	}}
	f.all.Go(func() { _ = e.server.Serve(listener) }) // ends with Close
	f.all.Go(func() { e.wait(dir) })
	return e, nil
}

// environ returns the environment variables of a process.
func environ(api, dir string, number, concurrency int) []string {
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_LAMBDA_FUNCTION_NAME=simulated",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/simulated",
		"AWS_LAMBDA_LOG_STREAM_NAME=environment-" + strconv.Itoa(number),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_REGION=us-east-1",
		"AWS_DEFAULT_REGION=us-east-1",
		"AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023",
		"TMPDIR=" + dir,
		"TZ=:UTC",
		"PATH=" + os.Getenv("PATH"),
	}
	if concurrency > 1 {
		env = append(env, "AWS_LAMBDA_MAX_CONCURRENCY="+strconv.Itoa(concurrency))
	}
	return env
}

// wait waits for the end of the process and then ends everything else.
func (e *environment) wait(dir string) {
	err := e.cmd.Wait()
	e.f.remove(e)
	e.kill() // its child processes may be left
	e.mu.Lock()
	e.reaped = true
	e.mu.Unlock()
	e.output.sync()
	e.output.close()
	_ = e.server.Close()
	e.conns.Wait()
	_ = os.RemoveAll(dir)

	e.mu.Lock()
	state := e.cmd.ProcessState.String()
	if err == nil || e.initErr != "" {
		state += ", " + e.initErr
	}
	e.died = fmt.Errorf("%w: %s", lambdasim.ErrCrashed, state)
	e.mu.Unlock()
	close(e.dead)
}

// kill kills the process and its group.
func (e *environment) kill() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.reaped {
		killGroup(e.cmd.Process)
	}
}

// invoke passes an event to the process.
func (e *environment) invoke(c *call) ([]byte, error) {
	defer e.f.release(e)
	select {
	case e.next <- c:
	case <-e.dead:
		if e.isReady() {
			return nil, errNotTaken
		}
		return nil, e.died
	case <-c.ctx.Done():
		e.f.remove(e) // before another invocation reaches a process that is ending
		e.kill()
		return nil, c.ctx.Err()
	}
	defer e.forget(c)
	select {
	case r := <-c.done:
		return r.body, r.err
	case <-e.dead:
		return nil, e.died
	case <-c.ctx.Done():
		e.f.remove(e) // before another invocation reaches a process that is ending
		e.kill()
		return nil, c.ctx.Err()
	}
}

func (e *environment) isReady() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ready
}

func (e *environment) forget(c *call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.calls, c.id)
}

// atWork returns the number of running invocations and running handlers.
func (e *environment) atWork() (invocations, handlers int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.calls {
		handlers += int(c.open.Load())
	}
	return len(e.calls), handlers
}

// api returns the API of the process.
func (e *environment) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+apiVersion+"/runtime/invocation/next", e.serveNext)
	mux.HandleFunc("POST "+apiVersion+"/runtime/invocation/{id}/response", e.serveResponse)
	mux.HandleFunc("POST "+apiVersion+"/runtime/invocation/{id}/error", e.serveError)
	mux.HandleFunc("POST "+apiVersion+"/runtime/init/error", e.serveInitError)
	e.extensionAPI(mux)
	if e.f.config.Between != nil {
		return e.f.config.Between(mux)
	}
	return mux
}

// serveNext sends a loop of the process its next event, however long that takes.
func (e *environment) serveNext(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.ready = true
	e.mu.Unlock()
	var c *call
	select {
	case c = <-e.next:
	case <-r.Context().Done():
		return
	}
	e.mu.Lock()
	e.calls[c.id] = c
	e.mu.Unlock()
	h := w.Header()
	h.Set("Lambda-Runtime-Aws-Request-Id", c.id)
	h.Set("Lambda-Runtime-Deadline-Ms", deadlineMS(c.ctx))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:simulated")
	h.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-"+fmt.Sprintf("%024x", e.cmd.Process.Pid)+";Parent=0000000000000001;Sampled=0")
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(c.payload) // a process that does not read it is ending
}

// serveResponse receives the response to an invocation.
func (e *environment) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponse+1))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	answer, status := reply{body: body}, http.StatusAccepted
	if len(body) > maxResponse {
		answer, status = reply{err: fmt.Errorf("Function.ResponseSizeTooLarge: more than %d bytes", maxResponse)}, http.StatusRequestEntityTooLarge
	}
	e.answer(w, r, answer, status)
}

// serveError receives the error of an invocation.
func (e *environment) serveError(w http.ResponseWriter, r *http.Request) {
	e.answer(w, r, reply{err: errors.New(errorText(r.Body))}, http.StatusAccepted)
}

// serveInitError receives the error of a process that cannot start.
func (e *environment) serveInitError(w http.ResponseWriter, r *http.Request) {
	text := errorText(r.Body)
	e.mu.Lock()
	e.initErr = text
	e.mu.Unlock()
	accept(w)
}

// answer ends an invocation, if it is running and in time. It first reads all output about its handlers.
func (e *environment) answer(w http.ResponseWriter, r *http.Request, answer reply, status int) {
	e.output.sync()
	e.mu.Lock()
	c := e.calls[r.PathValue("id")]
	if c != nil {
		delete(e.calls, c.id)
	}
	e.mu.Unlock()
	switch {
	case c == nil || c.ctx.Err() != nil:
		refuse(w, http.StatusGone, "InvocationOver", "the invocation is not under way")
		return
	case status != http.StatusAccepted:
		refuse(w, status, "RequestEntityTooLarge", answer.err.Error())
	default:
		accept(w)
	}
	c.done <- answer
}

// errorText returns the text of an error report.
func errorText(body io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(body, 1<<20))
	var report struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}
	if json.Unmarshal(text, &report) != nil || report.Message == "" {
		return string(text)
	}
	return report.Type + ": " + report.Message
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n")
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorMessage": message, "errorType": kind})
}

// traceLine is a line about a handler.
type traceLine struct {
	Event   string `json:"event"`
	ID      string `json:"id"`
	Payload string `json:"payload"` // a digest
	Outcome string `json:"outcome"`
}

// line handles a line of output: lines about handlers go to the history, all others are passed on.
func (e *environment) line(text []byte) {
	var t traceLine
	if len(text) == 0 || text[0] != '{' || json.Unmarshal(text, &t) != nil || t.ID == "" || t.Event != "start" && t.Event != "end" {
		e.f.write(text)
		return
	}
	for _, c := range e.underWay() {
		if lambdasim.Delivery(c.ctx, t.ID) == 0 {
			continue
		}
		open := c.ends[t.ID]
		switch {
		case t.Event == "start":
			c.ends[t.ID] = append(open, lambdasim.BeginDigest(c.ctx, t.ID, t.Payload))
			c.open.Add(1)
		case len(open) > 0:
			open[0](t.Outcome)
			c.ends[t.ID] = open[1:]
			c.open.Add(-1)
		default:
			continue
		}
		return
	}
}

func (e *environment) underWay() []*call {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.calls))
}
