package lambdasim

import (
	"encoding/json"
	"time"
)

// window is an open tumbling window of a shard, with the state that is carried from batch to batch.
type window struct {
	start, end time.Time
	state      json.RawMessage
	early      bool // the state has become too large, so the window ends early
	failures   int  // of invocations for the end of the window
}

const (
	maxState   = 1 << 20 // bounds the state of a window
	emptyState = "{}"
)

// join reports whether the record belongs to the open window. It opens one if there is none.
func (l *lane) join(r *streamRecord, length time.Duration) bool {
	start := r.at.Truncate(length)
	if l.window == nil {
		l.window = &window{start: start, end: start.Add(length), state: json.RawMessage(emptyState)}
	}
	return l.window.start.Equal(start)
}

// carry takes over the state in a response.
func (w *window) carry(state json.RawMessage) {
	w.state = state
	w.early = len(state) > maxState
}

// appendFields appends the fields of a window's event besides its records.
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

// settleWindow closes a window after the function has handled its end. A window that ended early continues with an
// empty state.
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
