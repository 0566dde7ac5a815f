package lambdasim

import (
	"encoding/json"
	"time"
)

// window is a tumbling window of a shard while it is open: the state that is carried from batch to batch.
type window struct {
	start, end time.Time
	state      json.RawMessage
	early      bool // the state has become too large, so the window ends before its time
	failures   int  // to tell the function of the end
}

const (
	maxState   = 1 << 20 // how large the state of a window may be
	emptyState = "{}"
)

// join reports whether the record belongs to the window that is open; it opens one if there is none.
func (l *lane) join(r *streamRecord, length time.Duration) bool {
	start := r.at.Truncate(length)
	if l.window == nil {
		l.window = &window{start: start, end: start.Add(length), state: json.RawMessage(emptyState)}
	}
	return l.window.start.Equal(start)
}

// carry takes over the state that a response has.
func (w *window) carry(state json.RawMessage) {
	w.state = state
	w.early = len(state) > maxState
}

// appendFields appends what the event of a window has beside its records.
func (w *window) appendFields(b []byte, final bool, shard, arn string) []byte {
	b = append(b, `,"window":{"start":"`...)
	b = w.start.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","end":"`...)
	b = w.end.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `"},"state":`...)
	b = append(b, w.state...)
	b = append(b, `,"shardId":`...)
	b = appendString(b, shard)
	b = append(b, `,"eventSourceARN":`...)
	b = appendString(b, arn)
	b = append(b, `,"isFinalInvokeForWindow":`...)
	b = appendBool(b, final)
	b = append(b, `,"isWindowTerminatedEarly":`...)
	return appendBool(b, final && w.early)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}

// settleWindow closes a window once the function has taken note of its end. One that ended early goes on
// with nothing carried.
func (p *streamPoller) settleWindow(l *lane, r result) {
	w := l.window
	if r.failed() {
		w.failures++
		limit, limited := p.engine.sim.Mapping.retries()
		if !limited || w.failures <= limit {
			l.retryAt = p.engine.now.Add(p.engine.retryDelay(w.failures))
			return
		}
	}
	if !w.early {
		l.window = nil
		return
	}
	w.state, w.early, w.failures = json.RawMessage(emptyState), false, 0
}
