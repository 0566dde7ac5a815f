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

// Config says what to run.
type Config struct {
	// Path is the program; Args are its arguments.
	Path string
	Args []string
	// Env is added to the environment of each process, as "NAME=value". Beside it there is what Lambda
	// sets, and PATH; nothing else of this process's environment.
	Env []string
	// Environments is how many processes there may be at once. Default 1.
	Environments int
	// MaxConcurrency is how many invocations a process is given at once; it learns that from
	// AWS_LAMBDA_MAX_CONCURRENCY. Default 1.
	MaxConcurrency int
	// ShutdownGrace is how long Shutdown leaves a process between SIGTERM and SIGKILL. Default 500 ms, as
	// Lambda leaves to a process that has an internal extension.
	ShutdownGrace time.Duration
	// Between, if not nil, is put between each process and its API, and called once for each process. By
	// it HTTP can go wrong: it may answer in the API's place, change the answer or cut it short.
	Between func(api http.Handler) http.Handler
	// Output gets what the processes write, lines that tell of handlers aside. It is called by several
	// goroutines, one at a time. Default: nobody.
	Output io.Writer
}

// maxResponse is Lambda's limit for a response.
const maxResponse = 6 << 20

var errClosed = errors.New("runtimeapi: the function is closed")

// Function is a Lambda function in processes of its own. It is a lambda.Handler. Its methods may be called by
// several goroutines at once.
type Function struct {
	config Config
	slots  chan struct{} // one for each invocation under way
	output sync.Mutex
	all    sync.WaitGroup // of environments

	mu           sync.Mutex
	environments []*environment
	started      int
	requests     int
	closed       bool
}

// New returns a function whose first process is started by the first invocation.
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

// Concurrency returns how many invocations there may be at once: Environments times MaxConcurrency. More of
// them wait, while their deadline comes nearer.
func (f *Function) Concurrency() int { return f.config.Environments * f.config.MaxConcurrency }

// Started returns how many processes have been started so far.
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
	// ends ends the handlers at work, by record. It belongs to the reader of the process's output; open
	// counts them for others.
	ends map[string][]func(outcome string)
	open atomic.Int32
}

// reply is what a process made of an invocation.
type reply struct {
	body []byte
	err  error
}

// Invoke has a process handle an event and returns its response. The error is the function's own, or
// matches lambdasim.ErrCrashed if the process died. At the deadline of ctx the process is killed.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c := &call{
		ctx: ctx, id: f.requestID(ctx),
		payload: bytes.Clone(payload), // a process may be reading it when nobody waits for it any more
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

// requestID is the one of the invocation's context, or a new one.
func (f *Function) requestID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok && lc.AwsRequestID != "" {
		return lc.AwsRequestID
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", f.requests)
}

// environment returns a process that has a place for an invocation, and takes the place.
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

// release gives a place back.
func (f *Function) release(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.load--
}

// remove takes a process that has died out of the list.
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

// Kill kills the process with the most handlers at work with SIGKILL, as a crash would. It returns how many
// invocations were under way in it and how many handlers were at work, as far as they tell; zero if there is
// no process.
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

// Close kills every process and waits until nothing is left of them. Invocations under way end with an
// error.
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
	_, _ = f.config.Output.Write(line) // whoever gets it has to cope
}

// deadlineMS is how the API tells a deadline.
func deadlineMS(ctx context.Context) string {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(15 * time.Minute)
	}
	return strconv.FormatInt(deadline.UnixMilli(), 10)
}
