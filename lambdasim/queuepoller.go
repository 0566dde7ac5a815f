package lambdasim

import (
	"time"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// queuePoller receives from a queue, invokes the function and deletes handled messages.
type queuePoller struct {
	queue  *Queue
	engine *engine

	scaling scaling
	quota   quota
	active  time.Time // when the first message was available
	open    *openBatch
	scaler  *timer
}

// openBatch is a batch that is being filled.
type openBatch struct {
	inv      *invocation
	received []receipt
	until    time.Time // when its window ends
	timer    *timer
}

// receipt is one receive of a message.
type receipt struct {
	message *message
	number  int
	until   time.Time // when its visibility timeout ends, unless it is changed
}

func (p *queuePoller) drained() bool {
	return p.queue.live == 0 && p.open == nil && p.queue.exhausted()
}

func (p *queuePoller) poll() error {
	q, e := p.queue, p.engine
	for {
		err := q.take(e.began, &e.clock, q.messageID, func() int { return q.live }, func(s sent[Message]) error { return q.accept(s) })
		if err != nil {
			return err
		}
		if !p.gather() {
			return nil
		}
	}
}

// gather fills batches and delivers them. It reports whether there is now room for more messages in the queue.
func (p *queuePoller) gather() (room bool) {
	before := p.queue.live
	for p.open != nil || p.mayOpen() {
		if !p.fill() {
			break
		}
	}
	return p.queue.live < before
}

// mayOpen reports whether another batch may start and there are messages for it.
func (p *queuePoller) mayOpen() bool {
	q, e := p.queue, p.engine
	if q.fifo() && q.idle.len() == 0 || !q.fifo() && q.ready.len() == 0 || q.inFlight >= maxInFlight {
		return false
	}
	if e.full() {
		return false
	}
	limit := e.sim.Concurrency
	if n := e.sim.Mapping.ScalingConfig.MaximumConcurrency; n > 0 {
		limit = min(limit, n)
	}
	if scaled := p.scaled(); scaled < limit {
		limit = scaled
		if e.running >= limit {
			p.comeBackToScale()
		}
	}
	return e.running < limit
}

// fill receives messages into the open batch and delivers it when it is full or its window is over. It reports whether
// there may be messages for another batch.
func (p *queuePoller) fill() bool {
	e := p.engine
	if p.open == nil {
		p.open = &openBatch{}
	}
	full := p.receive()
	b := p.open
	if len(b.received) == 0 { // there were only unfit messages
		p.open = nil
		return false
	}
	window := e.sim.Mapping.window()
	if b.until.IsZero() {
		b.until = e.now.Add(window)
	}
	if !full && e.now.Before(b.until) {
		if b.timer == nil {
			b.timer = e.at(b.until, func() {})
		}
		return false
	}
	e.cancel(b.timer)
	p.open = nil
	b.inv.payload = append(b.inv.payload, e.sim.tail()...)
	e.invoke(b.inv, func(r result) { p.settle(b, r) })
	return true
}

// receive adds visible messages while the batch has room, and reports whether it is full.
func (p *queuePoller) receive() (full bool) {
	p.quota.newCall()
	r := p.queue.receiving()
	defer r.end()
	for !p.full() {
		m := r.peek()
		if m == nil || !p.mayReceive() {
			return false
		}
		if !p.add(r, m) {
			return true
		}
	}
	return true
}

func (p *queuePoller) full() bool { return len(p.open.received) >= p.engine.sim.Mapping.BatchSize }

// add receives a message into the batch. It reports false, and leaves the message, if the event would be
// too large.
func (p *queuePoller) add(r *receiving, m *message) bool {
	q, e, b := p.queue, p.engine, p.open
	if e.filtered(func() []byte { return q.appendRecord(nil, m) }) {
		r.skip()
		q.remove(m)
		q.note(history.Event{Kind: history.Filtered, Record: m.id, Group: m.Group})
		return true
	}
	if b.inv == nil {
		b.inv = e.newInvocation()
		b.inv.payload = append(b.inv.payload, e.sim.head()...)
	}
	q.receive(m, q.visibility())
	size := len(b.inv.payload)
	if len(b.received) > 0 {
		b.inv.payload = append(b.inv.payload, ',')
	}
	b.inv.payload = q.appendRecord(b.inv.payload, m)
	if len(b.inv.payload)+len(e.sim.tail()) > maxPayload && len(b.received) > 0 {
		b.inv.payload = b.inv.payload[:size]
		q.unreceive(m)
		return false
	}
	r.skip()
	p.quota.use(len(b.inv.payload) - size)
	b.received = append(b.received, receipt{m, m.receives, m.until})
	e.deliver(b.inv, delivery{m.id, m.Group, m.receives, ""})
	if !q.fifo() && e.sim.Unknown.DuplicateRate > Draw(e.sim.Seed, "duplicate", m.id, m.receives) {
		q.duplicate(m)
	}
	return true
}

// settle applies the response.
func (p *queuePoller) settle(b *openBatch, r result) {
	for _, x := range b.received {
		m := x.message
		kind := history.Stale
		switch {
		case m.gone || m.receives != x.number:
		case r.failed() || r.answer.whole || r.answer.failed[m.id]:
			kind = history.Returned
			if p.engine.sim.Unknown.RestoreVisibility && m.hidden && !m.until.Equal(x.until) {
				p.queue.change(m, x.until.Sub(p.engine.now))
			}
		case p.queue.delete(m, x.number):
			kind = history.Deleted
		}
		p.queue.note(history.Event{Kind: kind, Invocation: b.inv.number, Record: m.id, Group: m.Group})
	}
}
