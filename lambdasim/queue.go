package lambdasim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// Queue is an SQS queue: a FIFO queue if its name ends in ".fifo", otherwise a standard queue. Its fields must not
// change while a run uses it. Its methods are safe for concurrent use at any time.
type Queue struct {
	// Name is the last part of the queue's ARN. Default "queue".
	Name string
	// VisibilityTimeout is the time for which a message is hidden after a receive: up to 12 h, and at least the
	// function's timeout. Default 30 s.
	VisibilityTimeout time.Duration
	// MessageRetentionPeriod bounds the age of messages: 1 minute to 14 days, default 4 days.
	MessageRetentionPeriod time.Duration
	// ContentBasedDeduplication uses the SHA-256 sum of the body as the deduplication id of messages without
	// Deduplication in a FIFO queue. Default: such messages have a unique id; Direct refuses them.
	ContentBasedDeduplication bool
	// RedrivePolicy sets when messages move to a dead-letter queue. Default: never.
	RedrivePolicy RedrivePolicy
	// Faults decides whether a call of a function fails. It is called for each call of ChangeVisibility,
	// ChangeVisibilityBatch and DeadLetter as a whole and then for each of its entries; a non-nil error is the error of
	// the call or the entry. It may be called by several goroutines at once. Default: none fails.
	Faults func(Call) error

	intake[Message]

	calls map[Call]int // number of calls so far; the key has no number. Guarded by intake.mu.

	// The following fields belong to the owner of the queue.
	clock    *clock
	named    map[string]*message // by the names in receipt handles
	note     func(history.Event)
	live     int // messages in the queue, received and delayed ones included
	inFlight int
	ready    deque[*message]   // visible messages of a standard queue
	groups   map[string]*group // of a FIFO queue
	idle     deque[*group]     // groups whose first message is visible
	seen     deduplication
	accepted accepted // the last message, or the one that it is a duplicate of
}

// accepted identifies a message that was accepted.
type accepted struct{ id, sequence string }

// RedrivePolicy moves messages that have been received too often.
type RedrivePolicy struct {
	// DeadLetterQueue receives them. It must be of the same type, standard or FIFO.
	DeadLetterQueue *Queue
	// MaxReceiveCount is the number of receives, 1 to 1,000, after which the next receive moves the message.
	MaxReceiveCount int
}

// Message is a message for a queue.
type Message struct {
	Body string
	// Group is the MessageGroupId: up to 128 letters, digits and punctuation characters of ASCII. FIFO queues need one;
	// standard queues may have it (fair queues).
	Group string
	// Deduplication is the MessageDeduplicationId, of the same characters: a FIFO queue accepts a second message with the
	// same one within 5 minutes and does not deliver it. Default: a unique one.
	Deduplication string
	// Delay is the time for which a standard queue hides the message after it is sent, up to 15 minutes.
	Delay time.Duration
	// Attributes are the message attributes.
	Attributes map[string]events.SQSMessageAttribute
	// TraceHeader is the system attribute AWSTraceHeader. Default: none.
	TraceHeader string
}

// Limits of SQS.
const (
	maxBody            = 1 << 20
	maxIdentifier      = 128
	maxDelay           = 15 * time.Minute
	deduplicationTime  = 5 * time.Minute
	maxInFlight        = 120_000
	defaultVisibility  = 30 * time.Second
	maxVisibility      = 12 * time.Hour
	defaultRetention   = 4 * 24 * time.Hour
	minRetention       = time.Minute
	maxRetention       = 14 * 24 * time.Hour
	maxMaxReceiveCount = 1_000
)

// message is a message in a queue.
type message struct {
	Message
	id       string
	sequence string // of a FIFO queue
	name     string // in receipt handles: the identifier, with a number for a copy
	sentAt   time.Time
	firstAt  time.Time // of the first receive
	// receivedAt is the time of the last receive, until is the time at which the message becomes visible.
	receivedAt, until time.Time
	receives          int
	hidden            bool // in flight, or delayed
	listed            bool // in the list ready
	gone              bool
	timer             *timer // makes it visible again

	group         *group
	before, after *message // in its group
}

// group is a message group with messages in the queue. Its messages before the first hidden one can be received.
type group struct {
	name        string
	first, last *message
	listed      bool // in the queue's list of idle groups
}

// Send sends a message and returns its identifier. It never blocks. Messages sent before Run count as sent when Run
// begins. A message that SQS would refuse makes Run fail.
func (q *Queue) Send(m Message) string { return q.send(m, q.messageID) }

// Feed adds messages that are sent when there is room.
func (q *Queue) Feed(f Feed[Message]) { q.feed(f) }

// Messages returns the messages that have been sent to the queue and that no run has taken: the contents of a
// dead-letter queue or an on-failure destination.
func (q *Queue) Messages() []events.SQSMessage {
	var list []events.SQSMessage
	for _, s := range q.waiting() {
		list = append(list, events.SQSMessage{
			MessageId: s.id, Body: s.record.Body, MessageAttributes: s.record.Attributes,
			Attributes:  map[string]string{"MessageGroupId": s.record.Group},
			EventSource: "aws:sqs", EventSourceARN: q.arn(), AWSRegion: region,
		})
	}
	return list
}

func (q *Queue) name() string {
	if q.Name == "" {
		return "queue"
	}
	return q.Name
}

func (q *Queue) fifo() bool { return strings.HasSuffix(q.Name, ".fifo") }

// ARN returns the queue's ARN.
func (q *Queue) ARN() string { return q.arn() }

func (q *Queue) arn() string { return "arn:aws:sqs:" + region + ":" + account + ":" + q.name() }

func (q *Queue) messageID(_ Message, serial uint64) string { return uuid(q.arn(), serial) }

func (q *Queue) visibility() time.Duration {
	if q.VisibilityTimeout == 0 {
		return defaultVisibility
	}
	return q.VisibilityTimeout
}

func (q *Queue) retention() time.Duration {
	if q.MessageRetentionPeriod == 0 {
		return defaultRetention
	}
	return q.MessageRetentionPeriod
}

func (q *Queue) order() check.Order {
	if q.fifo() {
		return check.Strict
	}
	return check.NoOrder
}

func (q *Queue) check(s *Simulation, c *complaints) {
	s.Mapping.checkQueue(c, q.fifo())
	if v := q.visibility(); v < 0 || v > maxVisibility {
		c.add("VisibilityTimeout is %v; must be at most %v", v, maxVisibility)
	} else if v < s.Timeout {
		c.add("VisibilityTimeout is %v, less than the function's timeout of %v", v, s.Timeout)
	}
	if r := q.retention(); r < minRetention || r > maxRetention {
		c.add("MessageRetentionPeriod is %v; must be from %v to %v", r, minRetention, maxRetention)
	}
	switch p := q.RedrivePolicy; {
	case p.DeadLetterQueue == nil && p.MaxReceiveCount == 0:
	case p.DeadLetterQueue == nil:
		c.add("RedrivePolicy has MaxReceiveCount %d and no DeadLetterQueue", p.MaxReceiveCount)
	default:
		c.within("RedrivePolicy.MaxReceiveCount", p.MaxReceiveCount, 1, maxMaxReceiveCount, "")
		if p.DeadLetterQueue.fifo() != q.fifo() {
			c.add("RedrivePolicy.DeadLetterQueue is %s; the dead-letter queue of %s must have the same type", p.DeadLetterQueue.name(), q.name())
		}
	}
}

func (q *Queue) claim(e *engine) error {
	if err := q.intake.claim(e); err != nil {
		return err
	}
	q.open(&e.clock, e.log.add)
	e.poller = &queuePoller{queue: q, engine: e, scaling: scalingOf(e.sim.Mapping, q.fifo())}
	return nil
}

// open makes the queue ready for messages.
func (q *Queue) open(c *clock, note func(history.Event)) {
	q.clock, q.note = c, note
	q.groups = make(map[string]*group)
	q.named = make(map[string]*message)
}

// isIdentifier reports whether SQS accepts an identifier of a group or for deduplication, or whether there is none
// (AWS: API reference, SendMessage).
func isIdentifier(text string) bool {
	return len(text) <= maxIdentifier && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// accept adds a message to the queue.
func (q *Queue) accept(s sent[Message]) error {
	m := s.record
	switch {
	case len(m.Body) > maxBody:
		return fmt.Errorf("lambdasim: message %s has a body of %d bytes; must be at most %d", s.id, len(m.Body), maxBody)
	case m.Delay < 0 || m.Delay > maxDelay:
		return fmt.Errorf("lambdasim: message %s has a delay of %v; must be 0 to %v", s.id, m.Delay, maxDelay)
	case q.fifo() && m.Group == "":
		return fmt.Errorf("lambdasim: message %s has no group, which %s needs", s.id, q.name())
	case q.fifo() && m.Delay != 0:
		return fmt.Errorf("lambdasim: message %s has a delay, which a message of a FIFO queue cannot have", s.id)
	case !q.fifo() && m.Deduplication != "":
		return fmt.Errorf("lambdasim: message %s has a deduplication id, which is for FIFO queues", s.id)
	case !isIdentifier(m.Group):
		return fmt.Errorf("lambdasim: message %s has the group %q; must be 1 to 128 letters, digits and punctuation characters of ASCII", s.id, m.Group)
	case !isIdentifier(m.Deduplication):
		return fmt.Errorf("lambdasim: message %s has the deduplication id %q; must be 1 to 128 letters, digits and punctuation characters of ASCII", s.id, m.Deduplication)
	}
	if q.fifo() {
		switch {
		case m.Deduplication != "":
		case q.ContentBasedDeduplication:
			sum := sha256.Sum256([]byte(m.Body))
			m.Deduplication = hex.EncodeToString(sum[:])
		default:
			m.Deduplication = s.id
		}
		q.accepted = accepted{s.id, fmt.Sprintf("188%017d", q.seen.accepted+1)}
		if first, twice := q.seen.twice(m.Deduplication, s.at, q.accepted); twice {
			q.accepted = first
			return nil
		}
	} else {
		q.accepted = accepted{id: s.id}
	}
	x := &message{Message: m, id: s.id, name: s.id, sentAt: s.at}
	q.live++
	q.named[x.name] = x
	q.note(history.Event{Kind: history.Sent, Record: x.id, Group: m.Group, Digest: messageDigest(m.Body, m.Group, m.Attributes)})
	switch {
	case q.fifo():
		x.sequence = q.accepted.sequence
		q.join(x)
	case m.Delay > 0:
		x.hidden = true
		x.timer = q.clock.at(s.at.Add(m.Delay), func() { q.show(x) })
	default:
		q.list(x)
	}
	return nil
}

// join puts a message at the end of its group.
func (q *Queue) join(m *message) {
	g := q.groups[m.Group]
	if g == nil {
		g = &group{name: m.Group}
		q.groups[m.Group] = g
	}
	m.group, m.before = g, g.last
	if g.last == nil {
		g.first = m
	} else {
		g.last.after = m
	}
	g.last = m
	q.listGroup(g)
}

// show makes a hidden message visible.
func (q *Queue) show(m *message) {
	m.hidden = false
	if m.receives > 0 {
		q.inFlight--
	}
	if m.group == nil {
		q.list(m)
		return
	}
	q.listGroup(m.group)
}

// list adds a visible message of a standard queue to the end of ready.
func (q *Queue) list(m *message) {
	if !m.listed {
		m.listed = true
		q.ready.push(m)
	}
}

// listGroup adds a group to the end of the list of idle groups if its first message is visible. A hidden message holds
// back the later ones of its group and no earlier ones.
func (q *Queue) listGroup(g *group) {
	switch {
	case g.listed:
	case g.first == nil:
		delete(q.groups, g.name)
	case !g.first.hidden:
		g.listed = true
		q.idle.push(g)
	}
}

// remove removes a message from the queue. It does not list the group.
func (q *Queue) remove(m *message) {
	m.gone = true
	delete(q.named, m.name)
	q.live--
	q.clock.cancel(m.timer)
	if m.hidden && m.receives > 0 {
		q.inFlight--
	}
	g := m.group
	if g == nil {
		return
	}
	if m.before == nil {
		g.first = m.after
	} else {
		m.before.after = m.after
	}
	if m.after == nil {
		g.last = m.before
	} else {
		m.after.before = m.before
	}
}

// delete removes a message by its number-th receive, unless that is no longer the last receive. In a FIFO queue the
// visibility timeout of the receive must not have ended either.
func (q *Queue) delete(m *message, number int) bool {
	if m.gone || m.receives != number || m.group != nil && !m.hidden {
		return false
	}
	q.remove(m)
	if m.group != nil {
		q.listGroup(m.group)
	}
	return true
}

// receive counts a receive of a message and hides the message for the given time.
func (q *Queue) receive(m *message, visibility time.Duration) {
	m.receives++
	if m.receives == 1 {
		m.firstAt = q.clock.now
	}
	m.receivedAt = q.clock.now
	q.hide(m, visibility)
}

// hide hides a visible message for the given time.
func (q *Queue) hide(m *message, visibility time.Duration) {
	if visibility <= 0 {
		return
	}
	m.hidden = true
	q.inFlight++
	m.until = q.clock.now.Add(visibility)
	m.timer = q.clock.at(m.until, func() { q.show(m) })
}

// duplicate adds a second copy of a message to a standard queue.
func (q *Queue) duplicate(m *message) {
	x := *m
	x.hidden, x.timer, x.listed = false, nil, false
	for n := 2; q.named[x.name] != nil; n++ {
		x.name = m.id + "~" + strconv.Itoa(n)
	}
	q.named[x.name] = &x
	q.live++
	q.list(&x)
	q.note(history.Event{Kind: history.Duplicated, Record: m.id, Group: m.Group})
}

// change hides a received message until the timeout has passed, counted from now.
func (q *Queue) change(m *message, timeout time.Duration) {
	q.clock.cancel(m.timer)
	if m.hidden {
		m.hidden = false
		q.inFlight--
	}
	q.hide(m, timeout)
	if m.hidden {
		return
	}
	if m.group == nil {
		q.list(m)
	} else {
		q.listGroup(m.group)
	}
}

// unreceive undoes the receive of a hidden message.
func (q *Queue) unreceive(m *message) {
	q.clock.cancel(m.timer)
	m.hidden = false
	m.receives--
	q.inFlight--
}

// unfit removes a message that is too old or has been received too often, instead of delivering it.
func (q *Queue) unfit(m *message) bool {
	switch p := q.RedrivePolicy; {
	case q.clock.now.Sub(m.sentAt) > q.retention():
		q.remove(m)
		q.note(history.Event{Kind: history.Expired, Record: m.id, Group: m.Group})
	case p.DeadLetterQueue != nil && m.receives >= p.MaxReceiveCount:
		q.remove(m)
		p.DeadLetterQueue.bury(m)
		q.note(history.Event{Kind: history.DeadLettered, Record: m.id, Group: m.Group, Number: m.receives})
	default:
		return false
	}
	return true
}

// receiving is one receive: it iterates once over the messages that can be received, group by group. Call end when it
// is over.
type receiving struct {
	queue  *Queue
	next   *message // of the last group
	groups []*group // of a FIFO queue: those visited
	// visible holds the messages of a standard queue that it has left visible.
	visible []*message
}

func (q *Queue) receiving() *receiving { return &receiving{queue: q} }

// peek returns the next message, or nil. It removes unfit messages on the way.
func (r *receiving) peek() *message {
	q := r.queue
	for !q.fifo() {
		if q.ready.len() == 0 {
			return nil
		}
		m := q.ready.front()
		if !m.gone && !m.hidden && !q.unfit(m) {
			return m
		}
		q.ready.pop().listed = false
	}
	for {
		for r.next != nil && !r.next.hidden {
			m := r.next
			if !q.unfit(m) {
				return m
			}
			r.next = m.after
		}
		if q.idle.len() == 0 {
			r.next = nil
			return nil
		}
		g := q.idle.pop()
		r.groups = append(r.groups, g)
		r.next = g.first
	}
}

// skip advances past the message that peek returned.
func (r *receiving) skip() {
	if r.queue.fifo() {
		r.next = r.next.after
		return
	}
	m := r.queue.ready.pop()
	m.listed = false
	if !m.hidden && !m.gone {
		r.visible = append(r.visible, m)
	}
}

// end returns groups with remaining messages to the queue.
func (r *receiving) end() {
	for _, g := range r.groups {
		g.listed = false
		r.queue.listGroup(g)
	}
	for _, m := range r.visible {
		if !m.gone {
			r.queue.list(m)
		}
	}
}

// bury accepts a dead letter, which keeps its identifier.
func (q *Queue) bury(m *message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inbox = append(q.inbox, sent[Message]{m.Message, m.id, m.sentAt})
	if q.owner != nil {
		q.owner.wake()
	}
}

// deduplication stores the deduplication ids of the last 5 minutes.
type deduplication struct {
	first    map[string]first
	order    deque[string]
	accepted uint64
}

// first is the first message with a deduplication id.
type first struct {
	at time.Time
	accepted
}

// twice reports whether id was used within the last 5 minutes, and by which message. Otherwise it stores the id.
func (d *deduplication) twice(id string, now time.Time, message accepted) (accepted, bool) {
	for d.order.len() > 0 && now.Sub(d.first[d.order.front()].at) > deduplicationTime {
		delete(d.first, d.order.pop())
	}
	if f, there := d.first[id]; there {
		return f.accepted, true
	}
	if d.first == nil {
		d.first = make(map[string]first)
	}
	d.first[id] = first{now, message}
	d.order.push(id)
	d.accepted++
	return accepted{}, false
}
