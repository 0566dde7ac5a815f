package lambdasim

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// streamPoller reads a stream, one batch per lane at a time.
type streamPoller struct {
	engine    *engine
	arn       string
	keep      time.Duration // bounds the age of records
	lanes     []*lane
	live      int // records in lanes
	take      func() error
	exhausted func() bool

	info, when string // the name of the batch and the time format in on-failure records
	shardName  func(int) string
}

// lane is a shard, or a part of one by ParallelizationFactor: its records from the checkpoint on, in order.
type lane struct {
	shard   int
	records deque[*streamRecord]
	plan    []segment // failed batches, from the checkpoint on
	window  *window   // the open tumbling window
	turn
}

func newStreamPoller(e *engine, arn string, shards int, keep time.Duration) *streamPoller {
	p := &streamPoller{engine: e, arn: arn, keep: keep}
	for i := range shards * e.sim.Mapping.ParallelizationFactor {
		p.lanes = append(p.lanes, &lane{shard: i / e.sim.Mapping.ParallelizationFactor})
	}
	return p
}

func (p *streamPoller) drained() bool {
	if p.live > 0 || !p.exhausted() {
		return false
	}
	for _, l := range p.lanes {
		if l.window != nil {
			return false
		}
	}
	return true
}

func (p *streamPoller) poll() error {
	return rounds(p.take, func() int { return p.live }, func() {
		for _, l := range p.lanes {
			p.advance(l)
		}
	})
}

// advance invokes the function with the lane's next batch, if one is due.
func (p *streamPoller) advance(l *lane) {
	e := p.engine
	if l.busy || e.full() {
		return
	}
	p.expire(l)
	if e.now.Before(l.retryAt) {
		l.comeBack(e, l.retryAt)
		return
	}
	if len(l.plan) > 0 {
		p.invoke(l, l.plan[0])
		return
	}
	if l.window != nil && l.window.early {
		p.invoke(l, segment{})
		return
	}
	n, wait := p.cut(l)
	switch {
	case n > 0 && wait.IsZero():
		l.plan = append(l.plan, segment{size: n})
		p.invoke(l, l.plan[0])
	case n > 0:
		l.comeBack(e, wait)
	case l.window == nil:
	case e.now.Before(l.window.end):
		l.comeBack(e, l.window.end)
	default:
		p.invoke(l, segment{})
	}
}

// envelope is room for the JSON around the records of an event.
const envelope = 1 << 10

// cut returns the number of records in a new batch, and until when it waits for more.
func (p *streamPoller) cut(l *lane) (n int, wait time.Time) {
	m := p.engine.sim.Mapping
	size := envelope
	if l.window != nil {
		size += len(l.window.state)
	}
	limit := min(m.BatchSize, l.records.len())
	closed := limit == m.BatchSize
	for n < limit {
		r := l.records.at(n)
		if m.tumbling() > 0 && !l.join(r, m.tumbling()) {
			closed = true
			break
		}
		if size += len(r.body) + 1; size > maxPayload && n > 0 {
			closed = true
			break
		}
		n++
	}
	if n == 0 || closed {
		return n, time.Time{}
	}
	until := l.records.front().at.Add(m.window())
	if l.window != nil && l.window.end.Before(until) {
		until = l.window.end
	}
	if p.engine.now.Before(until) {
		wait = until
	}
	return n, wait
}

// invoke calls the function with the lane's first records, or with none at the end of a window.
func (p *streamPoller) invoke(l *lane, s segment) {
	e := p.engine
	inv := e.newInvocation()
	inv.payload = append(inv.payload, e.sim.head()...)
	batch := make([]*streamRecord, s.size)
	for i := range batch {
		r := l.records.at(i)
		r.deliveries++
		if i > 0 {
			inv.payload = append(inv.payload, ',')
		}
		inv.payload = append(inv.payload, r.body...)
		e.deliver(inv, delivery{r.id, r.group, r.deliveries, r.alias})
		batch[i] = r
	}
	if l.window != nil {
		inv.payload = append(inv.payload, ']')
		inv.payload = l.window.appendFields(inv.payload, s.size == 0, p.shardName(l.shard), p.arn)
		inv.payload = append(inv.payload, '}')
	} else {
		inv.payload = append(inv.payload, e.sim.tail()...)
	}
	l.busy = true
	e.invoke(inv, func(r result) {
		l.busy = false
		if len(batch) == 0 {
			p.settleWindow(l, r)
		} else {
			p.settle(l, inv, batch, r)
		}
	})
}

// settle moves the checkpoint and plans retries.
func (p *streamPoller) settle(l *lane, inv *invocation, batch []*streamRecord, r result) {
	e := p.engine
	if e.sim.Pipe != nil {
		p.settlePipe(l, inv, batch, r)
		return
	}
	whole := r.failed() || r.answer.whole || l.window != nil && r.answer.state == nil
	lowest := 0
	if !whole {
		lowest = slices.IndexFunc(batch, func(record *streamRecord) bool { return r.answer.failed[record.id] })
		if lowest < 0 {
			lowest = len(batch)
		}
		if l.window != nil {
			l.window.carry(r.answer.state)
		}
	}
	for _, record := range batch[:lowest] {
		e.log.add(history.Event{Kind: history.Checkpointed, Invocation: inv.number, Record: record.id, Group: record.group})
	}
	p.drop(l, lowest)
	for _, record := range batch[lowest:] {
		e.log.add(history.Event{Kind: history.Returned, Invocation: inv.number, Record: record.id, Group: record.group})
	}
	head := l.plan[0]
	head.invokes++
	head.erred = r.failed()
	head.size -= lowest
	if head.size == 0 {
		l.plan = l.plan[1:]
		return
	}
	p.again(l, head, lowest, whole)
}

// settlePipe releases the records that were not reported and schedules a retry of those that were. Nothing else of the
// shard is read until these are settled.
func (p *streamPoller) settlePipe(l *lane, inv *invocation, batch []*streamRecord, r result) {
	e := p.engine
	whole := r.failed() || r.answer.whole
	var kept []*streamRecord
	for _, record := range batch {
		kind := history.Checkpointed
		if whole || r.answer.failed[record.id] {
			kind = history.Returned
			kept = append(kept, record)
		}
		e.log.add(history.Event{Kind: kind, Invocation: inv.number, Record: record.id, Group: record.group})
	}
	done := len(batch) - len(kept)
	for i, record := range kept {
		l.records.set(done+i, record)
	}
	p.drop(l, done)
	head := l.plan[0]
	head.invokes++
	head.erred = r.failed()
	head.size = len(kept)
	if head.size == 0 {
		l.plan = l.plan[1:]
		return
	}
	p.again(l, head, done, whole)
}

// again schedules a retry of the rest of a batch: all of it, or the records after the checkpoint that a partial
// response moved by the given number of records.
func (p *streamPoller) again(l *lane, rest segment, moved int, whole bool) {
	e := p.engine
	halve := rest.charge(e, rest.size, moved, whole)
	if limit, limited := e.sim.Mapping.retries(); limited && rest.failures > limit {
		p.discard(l, rest, "RetryAttemptsExhausted")
		l.plan = l.plan[1:]
		return
	}
	l.retryAt = e.now.Add(rest.delay(e))
	if halve {
		first, second := rest, rest
		first.size = rest.size / 2
		second.size = rest.size - first.size
		l.plan = append([]segment{first, second}, l.plan[1:]...)
		return
	}
	l.plan[0] = rest
}

// drop removes records from the front of the lane.
func (p *streamPoller) drop(l *lane, n int) {
	l.records.drop(n)
	p.live -= n
}

// expire discards the records at the front of the lane that have become too old.
func (p *streamPoller) expire(l *lane) {
	e := p.engine
	gone := func(limit time.Duration) (n int) {
		for n < l.records.len() && e.now.Sub(l.records.at(n).at) > limit {
			n++
		}
		return n
	}
	if n := gone(p.keep); n > 0 {
		for i := range n {
			r := l.records.at(i)
			e.log.add(history.Event{Kind: history.Expired, Record: r.id, Group: r.group})
		}
		p.drop(l, n)
		l.shorten(n)
	}
	if age := e.sim.Mapping.age(); age > 0 {
		if n := gone(age); n > 0 {
			var head segment
			if len(l.plan) > 0 {
				head = l.plan[0]
			}
			head.size = n
			p.discard(l, head, "RecordAgeExceeded")
			l.shorten(n)
		}
	}
}

// shorten removes n records from the plan.
func (l *lane) shorten(n int) {
	for n > 0 && len(l.plan) > 0 {
		taken := min(n, l.plan[0].size)
		l.plan[0].size -= taken
		n -= taken
		if l.plan[0].size == 0 {
			l.plan = l.plan[1:]
		}
	}
}

// discard discards a batch at the front of a lane and sends a message to the on-failure destination.
func (p *streamPoller) discard(l *lane, s segment, condition string) {
	e := p.engine
	if q := e.sim.Mapping.DestinationConfig.OnFailure; q != nil {
		q.Send(Message{Body: p.failureRecord(l, s, condition)})
	}
	for i := range s.size {
		r := l.records.at(i)
		e.log.add(history.Event{Kind: history.Discarded, Record: r.id, Group: r.group, Detail: condition})
	}
	p.drop(l, s.size)
}

// failureRecord returns the message to an on-failure destination.
func (p *streamPoller) failureRecord(l *lane, s segment, condition string) string {
	first, last := l.records.at(0), l.records.at(s.size-1)
	record := p.engine.failure(first.number(), s, condition)
	info := &streamBatchInfo{
		p.shardName(l.shard), first.number(), last.number(),
		first.at.UTC().Format(p.when), last.at.UTC().Format(p.when), s.size, p.arn,
	}
	if p.info == "KinesisBatchInfo" {
		record.Kinesis = info
	} else {
		record.DynamoDB = info
	}
	return record.text()
}
