package troupe

import (
	"context"
	"hash/fnv"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/response"
)

// aside calls what users hang on to a batch, observers and failure hooks, and writes the log line: one after
// the other on a goroutine of their own, which the invocation leaves behind when it cannot wait longer.
type aside struct {
	settings *settings
	ctx      context.Context
	leave    time.Time // when to leave them behind; zero for never

	mu      sync.Mutex
	queue   []task
	running bool // a goroutine works off the queue
	left    bool // the invocation did not wait for the end
}

// task is something to call, and what to call it in a log.
type task struct {
	what string
	call func()
}

// failed has the failure hooks called. It does not block.
func (a *aside) failed(rec messages.Record, err error) {
	for _, hook := range a.settings.hooks {
		a.do("failure hook", func() { hook(a.ctx, rec, err) })
	}
}

// finish has the log line written and the observers called, and waits for them and the hooks.
func (a *aside) finish(report *messages.Report) {
	s := a.settings
	if report.Failed == 0 && len(s.observers) == 0 {
		return // no failure, so no hook has been called either
	}
	if report.Failed > 0 {
		a.do("logger", func() { warn(s.log(), report) })
	}
	for _, observe := range s.observers {
		a.do("observer", func() { observe(a.ctx, report) })
	}
	done := make(chan struct{})
	a.do("logger", func() { a.end(done) })

	if a.leave.IsZero() {
		<-done
		return
	}
	timer := time.NewTimer(time.Until(a.leave))
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		a.mu.Lock()
		a.left = true
		a.mu.Unlock()
	}
}

// end comes after everything else.
func (a *aside) end(done chan<- struct{}) {
	close(done)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left {
		a.settings.log().Warn("troupe: observers or failure hooks outlived the invocation's deadline; the response did not wait for them")
	}
}

func (a *aside) do(what string, call func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue = append(a.queue, task{what, call})
	if !a.running {
		a.running = true
		go a.work()
	}
}

// work works off the queue. A call that ends the goroutine takes nothing else along: another one goes on.
func (a *aside) work() {
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.running = len(a.queue) > 0
		if a.running {
			go a.work()
		}
	}()
	for {
		a.mu.Lock()
		if len(a.queue) == 0 {
			a.mu.Unlock()
			return
		}
		t := a.queue[0]
		a.queue = a.queue[1:]
		a.mu.Unlock()
		a.run(t)
	}
}

func (a *aside) run(t task) {
	returned := false
	defer func() {
		if returned {
			return
		}
		defer func() { _ = recover() }() // the logger itself may be what panics
		v := recover()
		if v == nil {
			v = "runtime.Goexit"
		}
		a.settings.log().Error("troupe: a call of the user's failed and was ignored", "call", t.what, "panic", v, "stack", string(debug.Stack()))
	}()
	t.call()
	returned = true
}

// maxLogged bounds the identifiers in the log line.
const maxLogged = 10

// warn writes the one line that tells of a batch's failures. It holds identifiers and, of the first
// failure, the group as a hash and the error; never a payload (SPEC S9).
func warn(logger *slog.Logger, report *messages.Report) {
	ids := make([]string, 0, maxLogged)
	var first *messages.Result
	for i := range report.Records {
		if report.Records[i].Outcome != messages.Failed {
			continue
		}
		if first == nil {
			first = &report.Records[i]
		}
		if ids = append(ids, report.Records[i].ID); len(ids) == maxLogged {
			break
		}
	}
	attrs := []any{
		"source", string(report.Source),
		"records", len(report.Records),
		"failed", report.Failed,
		"not_started", report.NotStarted,
		"abandoned", report.Abandoned,
		"first_ids", ids,
		"first_error", response.Text(first.Err),
	}
	if first.Group != "" {
		attrs = append(attrs, "first_group", groupHash(first.Group))
	}
	logger.Warn("troupe: records failed", attrs...)
}

// groupHash stands for a group in logs: groups may be item keys.
func groupHash(group string) string {
	h := fnv.New64a()
	h.Write([]byte(group))
	return strconv.FormatUint(h.Sum64(), 16)
}
