package lambdasim

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// poller is the part of the engine that depends on the source. The engine calls it only on its own goroutine.
type poller interface {
	// poll receives sent records and begins the invocations that are due. An error ends the run.
	poll() error
	// drained reports whether every record is accounted for and no more can arrive.
	drained() bool
}

// engine drives a run. Sources and the mapping run on the goroutine of Run, turn by turn, and therefore in one order.
// Handlers have their own goroutines, and nothing waits for them beyond their deadline.
//
// A turn begins one nanosecond after its cause. In virtual time this nanosecond passes only when every other goroutine
// is blocked. So a turn sees everything that happened at an instant, whatever woke the engine, and a run in virtual
// time does not depend on scheduling.
type engine struct {
	sim    Simulation
	ctx    context.Context // handlers inherit its values
	log    *recorder
	poller poller
	began  time.Time
	clock  // its time is the start of the turn

	numbers int
	launch  []*invocation // begun in this turn, called at its end
	invoked int
	running int
	buffers [][]byte

	wakeup   chan struct{}
	mu       sync.Mutex
	ended    []*invocation
	requests []*request // from handlers
	over     bool       // no more requests are accepted
}

// request is an action that a handler requests for a turn.
type request struct {
	do   func()
	done chan struct{}
	err  error // set before done is closed
}

func newEngine(ctx context.Context, s Simulation) *engine {
	now := time.Now()
	e := &engine{
		sim: s, ctx: context.WithoutCancel(ctx), began: now, clock: clock{now: now},
		log:    &recorder{began: now, checker: check.New(s.rules()), observe: s.Observe},
		wakeup: make(chan struct{}, 1),
	}
	if s.History != nil {
		e.log.out = history.NewWriter(s.History)
	}
	return e
}

func (e *engine) run(ctx context.Context) (check.Verdict, error) {
	e.log.add(history.Event{Kind: history.Began, Detail: e.sim.rules().String()})
	err := e.loop(ctx)
	e.refuse()
	how := history.Drained
	if err != nil || !e.poller.drained() {
		how = history.Stopped
	}
	verdict, logErr := e.log.close(how)
	if err == nil {
		err = logErr
	}
	return verdict, err
}

func (e *engine) loop(ctx context.Context) (err error) {
	stop := ctx.Done()
	for {
		e.now = time.Now()
		e.fire()
		e.settle()
		e.serve()
		if err == nil && ctx.Err() != nil {
			err, stop = context.Cause(ctx), nil
		}
		if err == nil {
			err = e.poller.poll()
		}
		if e.running == 0 && (err != nil || e.spent() || e.poller.drained()) {
			return err
		}
		for _, inv := range e.launch {
			go inv.run(e)
		}
		clear(e.launch)
		e.launch = e.launch[:0]
		e.wait(stop)
	}
}

// full reports whether the concurrency is exhausted.
func (e *engine) full() bool { return e.running >= e.sim.Concurrency || e.spent() }

// spent reports whether the number of invocations is exhausted.
func (e *engine) spent() bool { return e.sim.Invocations > 0 && e.invoked >= e.sim.Invocations }

// wait blocks until something has happened.
func (e *engine) wait(stop <-chan struct{}) {
	var due <-chan time.Time
	if len(e.timers) > 0 {
		timer := time.NewTimer(time.Until(e.timers[0].at))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-e.wakeup:
	case <-stop:
	}
	time.Sleep(time.Nanosecond)
}

// wake makes the engine take a turn soon. It never blocks.
func (e *engine) wake() {
	select {
	case e.wakeup <- struct{}{}:
	default:
	}
}

// settle processes the invocations that have ended, in the order in which they began.
func (e *engine) settle() {
	e.mu.Lock()
	ended := e.ended
	e.ended = nil
	e.mu.Unlock()
	slices.SortFunc(ended, func(a, b *invocation) int { return a.number - b.number })
	for _, inv := range ended {
		e.cancel(inv.timer)
		e.running--
		if k := inv.result.kind; k == history.Answered || k == history.Failed { // the payload is no longer in use
			e.recycle(inv.payload)
		}
		inv.done(inv.result)
	}
}

// call schedules do for the next turn. (owner)
func (e *engine) call(ctx context.Context, do func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{do: do, done: make(chan struct{})}
	e.mu.Lock()
	if e.over {
		e.mu.Unlock()
		return errOver
	}
	e.requests = append(e.requests, r)
	e.mu.Unlock()
	e.wake()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve runs the requests of handlers, in order.
func (e *engine) serve() {
	e.mu.Lock()
	requests := e.requests
	e.requests = nil
	e.mu.Unlock()
	for _, r := range requests {
		r.do()
		close(r.done)
	}
}

// refuse rejects all further requests.
func (e *engine) refuse() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	for _, r := range e.requests {
		r.err = errOver
		close(r.done)
	}
	e.requests = nil
}

// maxSpare bounds the buffers kept for reuse.
const maxSpare = 64

// buffer returns an empty buffer for a payload.
func (e *engine) buffer() []byte {
	if n := len(e.buffers); n > 0 {
		b := e.buffers[n-1]
		e.buffers = e.buffers[:n-1]
		return b
	}
	return nil
}

func (e *engine) recycle(b []byte) {
	if len(e.buffers) < maxSpare {
		e.buffers = append(e.buffers, b[:0])
	}
}

// recorder writes the history. It is safe for concurrent use and adds time and sequence number to each event.
type recorder struct {
	mu      sync.Mutex
	began   time.Time
	checker *check.Checker
	observe func(history.Event)
	out     *history.Writer
	closed  bool
}

func (r *recorder) add(e history.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(e)
}

// put is add for callers that hold the lock.
func (r *recorder) put(e history.Event) {
	if r.closed {
		return
	}
	e.At = time.Since(r.began)
	r.checker.Record(e)
	if r.out != nil {
		r.out.Write(e)
	}
	if r.observe != nil {
		r.observe(e)
	}
}

// close ends the history. Later events of abandoned handlers are discarded.
func (r *recorder) close(how string) (check.Verdict, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(history.Event{Kind: history.Finished, Detail: how})
	r.closed = true
	if r.out != nil {
		if err := r.out.Flush(); err != nil {
			return r.checker.Verdict(), err
		}
	}
	return r.checker.Verdict(), nil
}
