package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
)

// The outcomes of an attempt in a trace.
const (
	endOK        = "ok"
	endLate      = "late" // without an error, but after its context had ended
	endFail      = "fail"
	endPanic     = "panic"
	endExit      = "exit"
	endAbandoned = "abandoned"
)

// traceLine is a line of a trace.
type traceLine struct {
	Event   string `json:"event"` // "start" or "end"
	ID      string `json:"id"`
	Group   string `json:"group"`
	Attempt int    `json:"attempt"`
	Micros  int64  `json:"t_us"`              // since the invocation began
	Payload string `json:"payload,omitempty"` // of a start: a digest of the handler's record
	Outcome string `json:"outcome,omitempty"` // of an end
}

// trace writes a line for the start of each attempt of an invocation, and exactly one for its end. The
// lines are in the order of their times. It is safe for concurrent use.
type trace struct {
	mu     sync.Mutex // held while a line is timed and written
	out    io.Writer
	began  time.Time
	open   map[int]underWay // by the record's index
	closed bool
}

// underWay is an attempt that has started.
type underWay struct {
	rec troupe.Record
	// gone is when its handler is abandoned unless it has returned; zero for never.
	gone time.Time
}

// recordGrace is how long a handler has after its record timeout or the cutoff has ended its context (SPEC
// D4).
const recordGrace = 100 * time.Millisecond

func newTrace(out io.Writer) *trace {
	return &trace{out: out, began: time.Now(), open: make(map[int]underWay)}
}

type traceKey struct{}

// in returns a context in which traced and traceAbandoned find the trace.
func (t *trace) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// traced returns a handler that writes a line when an attempt starts and when it ends. Without a writer it returns the
// handler itself.
func traced[T any](out io.Writer, handler func(context.Context, T) error) func(context.Context, T) error {
	if out == nil {
		return handler
	}
	return func(ctx context.Context, record T) error {
		t, _ := ctx.Value(traceKey{}).(*trace)
		rec, _ := troupe.RecordFrom(ctx)
		t.start(ctx, rec, lambdasim.Digest(record))
		returned := false
		defer func() {
			if returned {
				return
			}
			v := recover()
			if v == nil {
				t.end(rec, endExit)
				return
			}
			t.end(rec, endPanic)
			panic(v) // the library handles it
		}()
		err := handler(ctx, record)
		returned = true
		switch {
		case err != nil:
			t.end(rec, endFail)
		case ctx.Err() != nil:
			t.end(rec, endLate)
		default:
			t.end(rec, endOK)
		}
		return err
	}
}

// traceAbandoned writes the end of an abandoned attempt. It is a failure hook.
func traceAbandoned(ctx context.Context, rec troupe.Record, err error) {
	if errors.Is(err, troupe.ErrAbandoned) {
		t, _ := ctx.Value(traceKey{}).(*trace)
		t.end(rec, endAbandoned)
	}
}

// start starts the attempt for rec. The attempt may have the slot of a handler that was just abandoned
// and whose end traceAbandoned has not written yet: that end comes first.
func (t *trace) start(ctx context.Context, rec troupe.Record, digest string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	now := time.Now()
	t.abandon(func(u underWay) bool { return !u.gone.IsZero() && !now.Before(u.gone) })
	u := underWay{rec: rec}
	if deadline, ok := ctx.Deadline(); ok {
		u.gone = deadline.Add(recordGrace)
	}
	t.open[rec.Index] = u
	t.write("start", rec, digest, "")
}

// abandon ends the attempts in progress that which selects, in batch order.
func (t *trace) abandon(which func(underWay) bool) {
	var gone []int
	for i, u := range t.open {
		if which(u) {
			gone = append(gone, i)
		}
	}
	slices.Sort(gone)
	for _, i := range gone {
		t.write("end", t.open[i].rec, "", endAbandoned)
		delete(t.open, i)
	}
}

// end ends the attempt for rec, unless it has ended: an abandoned handler may still return.
func (t *trace) end(rec troupe.Record, outcome string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.open[rec.Index]; !ok {
		return
	}
	delete(t.open, rec.Index)
	t.write("end", rec, "", outcome)
}

// close ends the trace at the end of the invocation: the attempts still in progress have been abandoned.
func (t *trace) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.abandon(func(underWay) bool { return true })
}

// write writes a line. It takes the time under the lock, so that lines are in the order of their times.
func (t *trace) write(event string, rec troupe.Record, digest, outcome string) {
	writeLine(t.out, traceLine{
		Event: event, ID: rec.ID, Group: rec.Group, Attempt: rec.Attempt,
		Micros: time.Since(t.began).Microseconds(), Payload: digest, Outcome: outcome,
	})
}

// writeLine writes v as a line of JSON. Write errors are ignored: they could only be reported to the same
// writer.
func writeLine(w io.Writer, v any) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(v) == nil {
		_, _ = w.Write(line.Bytes())
	}
}
