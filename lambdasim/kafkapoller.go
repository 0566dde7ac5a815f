package lambdasim

import (
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// kafkaPoller reads a topic. Its consumers share the partitions. Each has one batch at a time, with records of any of
// its partitions.
type kafkaPoller struct {
	engine    *engine
	topic     *KafkaTopic
	keep      time.Duration // bounds the age of records in the topic
	consumers []*consumer
	live      int // records not accounted for
}

// consumer reads some of the partitions.
type consumer struct {
	records deque[*kafkaRecord] // in no batch yet, in the order in which they were sent
	plan    []*kafkaBatch       // the first one runs or is next; the others are the rest of a halved one
	turn
}

// kafkaBatch is a batch, or its remaining records.
type kafkaBatch struct {
	segment // without its size
	records []*kafkaRecord
}

func (p *kafkaPoller) drained() bool { return p.live == 0 && p.topic.exhausted() }

func (p *kafkaPoller) poll() error {
	live := func() int { return p.live }
	take := func() error { return p.topic.take(p.engine.began, &p.engine.clock, p.topic.place, live, p.accept) }
	return rounds(take, live, func() {
		for _, c := range p.consumers {
			p.advance(c)
		}
	})
}

// advance invokes the function with the consumer's next batch, if one is due.
func (p *kafkaPoller) advance(c *consumer) {
	e := p.engine
	if c.busy || e.full() {
		return
	}
	p.expire(c)
	if e.now.Before(c.retryAt) {
		c.comeBack(e, c.retryAt)
		return
	}
	if len(c.plan) == 0 {
		n, wait := p.cut(c)
		if n == 0 {
			return
		}
		if !wait.IsZero() {
			c.comeBack(e, wait)
			return
		}
		c.plan = append(c.plan, &kafkaBatch{records: p.collect(c, n)})
	}
	p.invoke(c, c.plan[0])
}

// cut returns the number of records in a new batch, and until when it waits for more.
func (p *kafkaPoller) cut(c *consumer) (n int, wait time.Time) {
	m := p.engine.sim.Mapping
	limit := min(m.BatchSize, c.records.len())
	closed := limit == m.BatchSize
	for size := envelope; n < limit; n++ {
		r := c.records.at(n)
		if size += len(r.body) + len(r.partition) + len(`"":[],`); size > maxPayload && n > 0 {
			closed = true
			break
		}
	}
	if n == 0 || closed {
		return n, time.Time{}
	}
	window := m.window()
	if window == 0 {
		window = kafkaWindow
	}
	if until := c.records.front().at.Add(window); p.engine.now.Before(until) {
		wait = until
	}
	return n, wait
}

// collect removes n records and orders them as their event does: by partition.
func (p *kafkaPoller) collect(c *consumer, n int) []*kafkaRecord {
	batch := make([]*kafkaRecord, n)
	for i := range batch {
		batch[i] = c.records.pop()
	}
	slices.SortStableFunc(batch, func(a, b *kafkaRecord) int { return a.number - b.number })
	return batch
}

// appendEvent appends the event of some records.
func (p *kafkaPoller) appendEvent(b []byte, records []*kafkaRecord) []byte {
	b = append(b, `{"eventSource":"`+p.topic.source()+`"`...)
	if arn := p.topic.arn(); arn != "" {
		b = append(b, `,"eventSourceArn":"`+arn+`"`...)
	}
	b = append(b, `,"bootstrapServers":"`+kafkaServers+`","records":{`...)
	for i, r := range records {
		switch {
		case i > 0 && records[i-1].partition == r.partition:
			b = append(b, ',')
		case i > 0:
			b = append(b, `],"`+r.partition+`":[`...)
		default:
			b = append(b, `"`+r.partition+`":[`...)
		}
		b = append(b, r.body...)
	}
	return append(b, `]}}`...)
}

func (p *kafkaPoller) invoke(c *consumer, batch *kafkaBatch) {
	e := p.engine
	inv := e.newInvocation()
	inv.payload = p.appendEvent(inv.payload, batch.records)
	for _, r := range batch.records {
		r.deliveries++
		e.deliver(inv, delivery{r.id, r.group, r.deliveries, ""})
	}
	c.busy = true
	e.invoke(inv, func(r result) {
		c.busy = false
		p.settle(c, inv, batch, r)
	})
}

// settle commits the finished records and plans retries of the others.
func (p *kafkaPoller) settle(c *consumer, inv *invocation, batch *kafkaBatch, r result) {
	e := p.engine
	whole := r.failed() || r.answer.whole
	again := p.reported(batch, r.answer.failed)
	var rest []*kafkaRecord
	for i, record := range batch.records {
		kind := history.Checkpointed
		if whole || again[i] {
			kind = history.Returned
			rest = append(rest, record)
		}
		e.log.add(history.Event{Kind: kind, Invocation: inv.number, Record: record.id, Group: record.group})
	}
	moved := len(batch.records) - len(rest)
	p.live -= moved
	batch.records = rest
	batch.invokes++
	batch.erred = r.failed()
	if len(rest) == 0 {
		c.plan = c.plan[1:]
		return
	}
	p.again(c, batch, moved, whole)
}

// reported returns the records of a batch that are redelivered after a partial response.
func (p *kafkaPoller) reported(batch *kafkaBatch, failed map[string]bool) []bool {
	again := make([]bool, len(batch.records))
	for i, record := range batch.records {
		follows := i > 0 && again[i-1] && batch.records[i-1].partition == record.partition
		again[i] = failed[record.id] || follows && p.engine.sim.Unknown.ResendFromLowest
	}
	return again
}

// again schedules a retry of the rest of a batch, from which a partial response removed the given number of records.
func (p *kafkaPoller) again(c *consumer, batch *kafkaBatch, moved int, whole bool) {
	e := p.engine
	halve := batch.charge(e, len(batch.records), moved, whole)
	if limit, limited := p.retries(); limited && batch.failures > limit {
		p.discard(batch.segment, batch.records, "RetryAttemptsExhausted")
		c.plan = c.plan[1:]
		return
	}
	c.retryAt = e.now.Add(batch.delay(e))
	if halve {
		middle := len(batch.records) / 2
		first := &kafkaBatch{batch.segment, batch.records[:middle:middle]}
		second := &kafkaBatch{batch.segment, batch.records[middle:]}
		c.plan = append([]*kafkaBatch{first, second}, c.plan[1:]...)
	}
}

func (p *kafkaPoller) retries() (n int, limited bool) {
	m := p.engine.sim.Mapping
	if n, limited = m.retries(); !limited && m.DestinationConfig.OnFailure != nil {
		return kafkaRetries, true
	}
	return n, limited
}

// expire discards the records that have become too old.
func (p *kafkaPoller) expire(c *consumer) {
	e := p.engine
	for _, r := range p.remove(c, p.keep, nil) {
		e.log.add(history.Event{Kind: history.Expired, Record: r.id, Group: r.group})
		p.live--
	}
	if age := e.sim.Mapping.age(); age > 0 {
		var head segment
		if old := p.remove(c, age, &head); len(old) > 0 {
			p.discard(head, old, "RecordAgeExceeded")
		}
	}
}

// remove removes the records that are older than a limit, in the order of batches. *head becomes the segment of the
// first batch if they come from it.
func (p *kafkaPoller) remove(c *consumer, limit time.Duration, head *segment) (old []*kafkaRecord) {
	isOld := func(r *kafkaRecord) bool { return p.engine.now.Sub(r.at) > limit }
	for i, batch := range c.plan {
		if i == 0 && head != nil && slices.ContainsFunc(batch.records, isOld) {
			*head = batch.segment
		}
		for _, r := range batch.records {
			if isOld(r) {
				old = append(old, r)
			}
		}
		batch.records = slices.DeleteFunc(slices.Clone(batch.records), isOld)
	}
	c.plan = slices.DeleteFunc(c.plan, func(b *kafkaBatch) bool { return len(b.records) == 0 })
	for c.records.len() > 0 && isOld(c.records.front()) {
		old = append(old, c.records.pop())
	}
	return old
}

// discard discards records and sends a message to the on-failure destination.
func (p *kafkaPoller) discard(s segment, records []*kafkaRecord, condition string) {
	e := p.engine
	if q := e.sim.Mapping.DestinationConfig.OnFailure; q != nil {
		record := e.failure(records[0].id, s, condition)
		record.Kafka = p.batchInfo(records)
		q.Send(Message{Body: record.text()})
	}
	for _, r := range records {
		e.log.add(history.Event{Kind: history.Discarded, Record: r.id, Group: r.group, Detail: condition})
	}
	p.live -= len(records)
}

func (p *kafkaPoller) batchInfo(records []*kafkaRecord) *kafkaBatchInfo {
	sorted := slices.Clone(records)
	slices.SortStableFunc(sorted, func(a, b *kafkaRecord) int { return a.number - b.number })
	info := &kafkaBatchInfo{
		Size: len(records), ARN: p.topic.arn(), Servers: kafkaServers, Bytes: len(p.appendEvent(nil, sorted)),
		Records: make(map[string]*kafkaPartitionInfo),
	}
	for _, r := range sorted {
		_, offset, _ := strings.Cut(r.id, "@")
		when := r.at.UTC().Format(kinesisWhenFormat)
		of := info.Records[r.partition]
		if of == nil {
			of = &kafkaPartitionInfo{First: offset, FirstTime: when}
			info.Records[r.partition] = of
		}
		of.Last, of.LastTime = offset, when
	}
	return info
}
