package lambdasim

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// poller is what a source's side of the engine does. The engine calls it on its own goroutine only.
type poller interface {
	// poll takes in what has been sent and begins the invocations that are due. The error ends the run.
	poll() error
	// drained reports whether every record is accounted for and none is to come.
	drained() bool
}

// engine drives a run. Everything about sources and mapping happens on the goroutine of Run, turn by turn,
// so that it happens in one order; handlers have goroutines of their own, which nothing waits for longer
// than their deadline.
//
// A turn begins a moment after what caused it: one nanosecond, which in virtual time passes only when every
// other goroutine has come to rest. So a turn finds all that happened at an instant, whichever of it woke
// the engine, and in virtual time a run does not depend on scheduling.
type engine struct {
	sim    Simulation
	ctx    context.Context // what handlers inherit values from
	log    *recorder
	poller poller
	began  time.Time
	clock  // its time is that of the turn

	numbers int
	launch  []*invocation // begun in this turn, to be called at its end
	invoked int
	running int
	buffers [][]byte

	wakeup   chan struct{}
	mu       sync.Mutex
	ended    []*invocation
	requests []*request // of handlers
	over     bool       // no more requests are taken
}

// request is something that a handler wants done in a turn.
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

// full reports whether no invocation may begin now.
func (e *engine) full() bool { return e.running >= e.sim.Concurrency || e.spent() }

// spent reports whether no invocation may begin any more.
func (e *engine) spent() bool { return e.sim.Invocations > 0 && e.invoked >= e.sim.Invocations }

// wait returns when something has happened.
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

// wake has the engine take a turn soon. It never blocks.
func (e *engine) wake() {
	select {
	case e.wakeup <- struct{}{}:
	default:
	}
}

// settle deals with the invocations that have ended, in the order in which they began.
func (e *engine) settle() {
	e.mu.Lock()
	ended := e.ended
	e.ended = nil
	e.mu.Unlock()
	slices.SortFunc(ended, func(a, b *invocation) int { return a.number - b.number })
	for _, inv := range ended {
		e.cancel(inv.timer)
		e.running--
		if k := inv.result.kind; k == history.Answered || k == history.Failed { // nobody has the payload any more
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

// serve does what handlers have asked for, in the order in which they did.
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

// refuse ends the taking of requests.
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

// maxSpare bounds the buffers that wait for another invocation.
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

// recorder takes down the history. It is safe for concurrent use; what it is given gets the time and place
// at which it came.
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

// put is add for those who hold the lock.
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

// close ends the history. What handlers that were left behind have to say goes nowhere.
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
