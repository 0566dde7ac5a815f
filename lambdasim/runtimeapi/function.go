package runtimeapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/troupe-go/troupe/lambdasim"
)

// Config configures a function.
type Config struct {
	// Path is the program; Args are its arguments.
	Path string
	Args []string
	// Env is added to the environment of each process, as "NAME=value". Otherwise a process has only the variables of
	// Lambda, and PATH.
	Env []string
	// Environments bounds the concurrent processes. Default 1.
	Environments int
	// MaxConcurrency bounds the concurrent invocations of a process, which reads it from AWS_LAMBDA_MAX_CONCURRENCY.
	// Default 1.
	MaxConcurrency int
	// ShutdownGrace is the time that Shutdown leaves between SIGTERM and SIGKILL. Default 500 ms, as Lambda does for a
	// process with an internal extension.
	ShutdownGrace time.Duration
	// Between, if not nil, wraps the API of each process, and is called once per process. It can break HTTP:
	// respond instead of the API, change the response or cut it short.
	Between func(api http.Handler) http.Handler
	// Output receives the output of the processes, except lines about handlers. It is called by several goroutines, one
	// at a time. Default: discarded.
	Output io.Writer
}

// maxResponse is Lambda's limit for a response.
const maxResponse = 6 << 20

var errClosed = errors.New("runtimeapi: the function is closed")

// Function is a Lambda function in separate processes. It is a lambda.Handler. Its methods are safe for concurrent
// use.
type Function struct {
	config Config
	slots  chan struct{} // one for each running invocation
	output sync.Mutex
	all    sync.WaitGroup // of environments

	mu           sync.Mutex
	environments []*environment
	started      int
	requests     int
	closed       bool
}

// New returns a function. The first invocation starts its first process.
func New(config Config) (*Function, error) {
	if config.Path == "" {
		return nil, errors.New("runtimeapi: Config.Path is missing")
	}
	if config.Environments < 0 || config.MaxConcurrency < 0 {
		return nil, fmt.Errorf("runtimeapi: Environments is %d and MaxConcurrency %d; neither may be negative", config.Environments, config.MaxConcurrency)
	}
	config.Environments = max(config.Environments, 1)
	config.MaxConcurrency = max(config.MaxConcurrency, 1)
	if config.ShutdownGrace == 0 {
		config.ShutdownGrace = shutdownGrace
	}
	f := &Function{config: config}
	f.slots = make(chan struct{}, f.Concurrency())
	return f, nil
}

// Concurrency returns the maximum number of concurrent invocations: Environments times MaxConcurrency. Further
// invocations wait, and their deadlines do not.
func (f *Function) Concurrency() int { return f.config.Environments * f.config.MaxConcurrency }

// Started returns the number of processes started so far.
func (f *Function) Started() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.started
}

// call is an invocation on its way through a process.
type call struct {
	ctx     context.Context
	id      string
	payload []byte
	done    chan reply
	// ends holds the end functions of the running handlers, by record. It belongs to the reader of the process's
	// output; open is their number for other goroutines.
	ends map[string][]func(outcome string)
	open atomic.Int32
}

// reply is the result of an invocation of a process.
type reply struct {
	body []byte
	err  error
}

// Invoke passes an event to a process and returns its response. The error is the function's own, or matches
// lambdasim.ErrCrashed if the process died. At the deadline of ctx the process is killed.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c := &call{
		ctx: ctx, id: f.requestID(ctx),
		payload: bytes.Clone(payload), // a process may still read it after Invoke has returned
		done:    make(chan reply, 1), ends: make(map[string][]func(string)),
	}
	for {
		e, err := f.environment()
		if err != nil {
			return nil, err
		}
		body, err := e.invoke(c)
		if !errors.Is(err, errNotTaken) {
			return body, err
		}
	}
}

// requestID returns the request id of the context, or a new one.
func (f *Function) requestID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok && lc.AwsRequestID != "" {
		return lc.AwsRequestID
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", f.requests)
}

// environment returns a process with a free place for an invocation, and takes the place.
func (f *Function) environment() (*environment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errClosed
	}
	for _, e := range f.environments {
		if e.load < f.config.MaxConcurrency {
			e.load++
			return e, nil
		}
	}
	e, err := f.start(f.started + 1)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", lambdasim.ErrCrashed, err)
	}
	f.started++
	e.load++
	f.environments = append(f.environments, e)
	return e, nil
}

// release frees a place.
func (f *Function) release(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.load--
}

// remove removes a process that has died from the list.
func (f *Function) remove(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, other := range f.environments {
		if other == e {
			f.environments = append(f.environments[:i], f.environments[i+1:]...)
			return
		}
	}
}

// Kill kills the process with the most running handlers with SIGKILL, as a crash would. It returns the numbers of its
// running invocations and, as far as known, of its running handlers; zero if there is no process.
func (f *Function) Kill() (invocations, handlers int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var victim *environment
	for _, e := range f.environments {
		if n, h := e.atWork(); victim == nil || h > handlers || h == handlers && n > invocations {
			victim, invocations, handlers = e, n, h
		}
	}
	if victim != nil {
		victim.kill()
	}
	return invocations, handlers
}

// Close kills every process and waits until nothing is left of them. Running invocations end with an error.
func (f *Function) Close() error {
	f.mu.Lock()
	f.closed = true
	for _, e := range f.environments {
		e.kill()
	}
	f.mu.Unlock()
	f.all.Wait()
	return nil
}

// write passes on output.
func (f *Function) write(line []byte) {
	if f.config.Output == nil {
		return
	}
	f.output.Lock()
	defer f.output.Unlock()
	_, _ = f.config.Output.Write(line) // the writer deals with its errors
}

// deadlineMS returns a deadline in the format of the API.
func deadlineMS(ctx context.Context) string {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(15 * time.Minute)
	}
	return strconv.FormatInt(deadline.UnixMilli(), 10)
}
