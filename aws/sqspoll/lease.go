package sqspoll

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// ErrExpired is why a message was not started: its visibility timeout, or that of a message before it in its group, may
// have ended, so that another consumer may have received it. errors.Is finds it in the report, as it finds
// troupe.ErrNotStarted.
var ErrExpired = errors.New("troupe: sqspoll: the visibility timeout may have ended")

// ErrStopping is why a message was not started: Run was stopping and gave it back to the queue.
var ErrStopping = errors.New("troupe: sqspoll: stopping, and given back to the queue")

const (
	// The visibility is renewed when half of it has passed, and tried again after a twelfth of it if that fails.
	renewals, retries = 2, 12
	// ageMargin is what is kept of the 12 h that SQS keeps a message invisible from its receive.
	ageMargin = time.Second
)

// state is what became of a message in its batch.
type state uint8

const (
	waiting state = iota // not started
	started
	expired   // not started and never will be: it may be visible
	givenBack // not started and never will be: Run was stopping
)

// held is a message of a batch.
type held struct {
	id, receipt string
	state       state
	until       time.Duration // it is invisible up to here, by the clock
	renewed     bool          // the heartbeat renews it
}

// lease keeps the messages of one batch invisible (SPEC Q2) and knows which may start (SPEC Q3). It is the Delivery of the
// batch.
//
// Its goroutines are the heartbeat and those that give messages back; release waits for all of them.
type lease struct {
	p        *poller
	received time.Duration // the earliest time that the messages may have been received
	stop     chan struct{} // ends the heartbeat
	beating  sync.WaitGroup
	giving   sync.WaitGroup // nothing is added once it is settled

	// turn holds a value during a call that changes the visibility of messages: whoever has had the turn after taking a
	// message out of the heartbeat knows that no earlier call is under way.
	turn chan struct{}

	mu       sync.Mutex
	messages []held
	groups   []string // nil: every message is a group of its own
	arranged bool
	stopping bool
	settled  bool          // nothing is given back any more
	renewAt  time.Duration // when the heartbeat is due
}

var _ batch.Delivery = (*lease)(nil)

// newLease returns the lease of messages from a receive that was begun at received.
func newLease(p *poller, records []events.SQSMessage, received time.Duration) *lease {
	l := &lease{p: p, received: received, stop: make(chan struct{}), turn: make(chan struct{}, 1), messages: make([]held, len(records))}
	for i := range records {
		l.messages[i] = held{
			id: records[i].MessageId, receipt: records[i].ReceiptHandle,
			until: received + p.settings.visibility, renewed: true,
		}
	}
	l.renewAt = received + p.settings.visibility/renewals
	return l
}

// Arranged notes the groups of the batch.
func (l *lease) Arranged(groups []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups, l.arranged = groups, true
	if l.stopping {
		l.giveBackUnstarted()
	}
}

// Start lets messages start that are certainly invisible, as is every message of their group before them: another
// consumer that received one would handle it at the same time.
func (l *lease) Start(from, to int) error {
	now := l.p.settings.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	refusal := error(nil)
	for i := from; i < to; i++ {
		m := &l.messages[i]
		if m.state == givenBack {
			return ErrStopping
		}
		if m.state == expired || now >= m.until || l.overtaken(i, now) {
			refusal = ErrExpired
			if m.state == waiting {
				m.state, m.renewed = expired, false
			}
		}
	}
	if refusal != nil {
		return refusal
	}
	if l.stopping && l.messages[from].state == waiting {
		l.giveBack(l.restOf(from, to))
		return ErrStopping
	}
	for i := from; i < to; i++ {
		l.messages[i].state = started
	}
	return nil
}

// overtaken reports whether a message before message i in its group may be visible. (mu)
func (l *lease) overtaken(i int, now time.Duration) bool {
	for j := range i {
		if l.groups != nil && l.groups[j] == l.groups[i] && now >= l.messages[j].until {
			return true
		}
	}
	return false
}

// twinStarted reports whether a copy of message i has been started. (mu)
func (l *lease) twinStarted(i int) bool {
	for j := range l.messages {
		if l.messages[j].id == l.messages[i].id && l.messages[j].state == started {
			return true
		}
	}
	return false
}

// restOf returns what is not started of the messages from, up to and without to, and of the group of the first. (mu)
func (l *lease) restOf(from, to int) (rest []int) {
	for i := from; i < len(l.messages); i++ {
		if (i < to || l.groups != nil && l.groups[i] == l.groups[from]) && l.messages[i].state == waiting {
			rest = append(rest, i)
		}
	}
	return rest
}

// cease gives back what has not started: a group only if none of it has. What is left of a group that has is
// given back by Start, when the message before it has ended (SPEC Q5).
func (l *lease) cease() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	if l.arranged {
		l.giveBackUnstarted()
	}
}

// giveBackUnstarted gives the groups back that have not started. (mu)
func (l *lease) giveBackUnstarted() {
	busy := make(map[string]bool)
	for i := range l.messages {
		if l.groups != nil && l.messages[i].state == started {
			busy[l.groups[i]] = true
		}
	}
	var idle []int
	for i := range l.messages {
		if l.messages[i].state == waiting && (l.groups == nil || !busy[l.groups[i]]) {
			idle = append(idle, i)
		}
	}
	l.giveBack(idle)
}

// giveBack makes messages visible that have not started, unless a copy of them has: those stay as they are. (mu)
func (l *lease) giveBack(unstarted []int) {
	if l.settled {
		return
	}
	var indexes []int
	for _, i := range unstarted {
		l.messages[i].state = givenBack
		if !l.twinStarted(i) {
			l.messages[i].renewed = false
			indexes = append(indexes, i)
		}
	}
	if len(indexes) == 0 {
		return
	}
	l.giving.Go(func() {
		pause := l.p.settings.visibility / retries
		for range 3 {
			again, err := l.change(indexes, 0)
			if indexes = again; len(indexes) == 0 {
				return
			}
			l.p.warnOf("troupe: sqspoll: messages cannot be given back yet", err, "messages", len(indexes))
			if !sleep(l.p.work, min(pause, time.Second)) {
				return
			}
		}
	})
}

// change sets the visibility timeout of messages, and returns those for which it may be tried again, with an error if
// there are any.
func (l *lease) change(indexes []int, timeout time.Duration) (again []int, err error) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, 0, len(indexes))
	l.mu.Lock()
	for _, i := range indexes {
		if timeout > 0 && !l.messages[i].renewed { // taken out meanwhile
			continue
		}
		id := strconv.Itoa(i)
		entries = append(entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: &id, ReceiptHandle: &l.messages[i].receipt, VisibilityTimeout: int32(timeout / time.Second)})
	}
	l.mu.Unlock()
	if len(entries) == 0 {
		return nil, nil
	}
	ctx, cancel := l.p.call()
	defer cancel()
	began := l.p.settings.clock()
	output, err := l.p.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &l.p.url, Entries: entries})
	if err != nil {
		return indexes, err
	}
	answered := l.p.settings.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range output.Successful {
		if i, ok := indexOf(e.Id, len(l.messages)); ok {
			m := &l.messages[i]
			if m.state == waiting && answered >= m.until { // it may have been visible when SQS served the call
				m.state, m.renewed = expired, false
			}
			m.until = began + timeout
		}
	}
	for _, e := range output.Failed {
		i, ok := indexOf(e.Id, len(l.messages))
		switch {
		case !ok:
		case final(e): // it is deleted, or visible, or another consumer's
			l.messages[i].until, l.messages[i].renewed = began, false
			l.p.warnOf("troupe: sqspoll: the visibility of a message cannot be changed; it may be handled elsewhere", errorOf(e), "id", l.messages[i].id)
		default:
			again, err = append(again, i), errorOf(e)
		}
	}
	return again, err
}

// beat is the heartbeat, until the lease is released.
func (l *lease) beat() {
	for {
		l.mu.Lock()
		timer := time.NewTimer(l.renewAt - l.p.settings.clock())
		l.mu.Unlock()
		select {
		case <-l.stop:
			timer.Stop()
			return
		case <-timer.C:
			l.renew()
		}
	}
}

// renew renews the visibility of what the heartbeat renews.
func (l *lease) renew() {
	now, s := l.p.settings.clock(), l.p.settings
	var due []int
	l.mu.Lock()
	for i := range l.messages {
		m := &l.messages[i]
		if m.state == waiting && now >= m.until {
			m.state, m.renewed = expired, false
		}
		if m.renewed {
			due = append(due, i)
		}
	}
	l.mu.Unlock()
	timeout := min(s.visibility, (l.received + maxVisibility - now - ageMargin).Truncate(time.Second))
	next := now + s.visibility/renewals
	if len(due) > 0 && timeout > 0 {
		if again, err := l.change(due, timeout); len(again) > 0 {
			l.p.warnOf("troupe: sqspoll: the visibility of messages cannot be renewed yet", err, "messages", len(again))
			next = s.clock() + s.visibility/retries
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewAt = next
}

// Settled takes the failed messages, and their copies, out of the heartbeat, and waits for the calls that are under way
// (SPEC Q4).
func (l *lease) Settled(report *troupe.Report) {
	l.mu.Lock()
	failed := make(map[string]bool)
	for i := range report.Records {
		if report.Records[i].Outcome == troupe.Failed {
			failed[l.messages[i].id] = true
		}
	}
	for i := range l.messages {
		if failed[l.messages[i].id] {
			l.messages[i].renewed = false
		}
	}
	l.settled = true
	l.mu.Unlock()
	l.giving.Wait()
	l.turn <- struct{}{} // what was under way has ended
	<-l.turn
}

// release ends the heartbeat and waits for every call that changes the visibility.
func (l *lease) release() {
	l.mu.Lock()
	l.settled = true
	l.mu.Unlock()
	close(l.stop)
	l.beating.Wait()
	l.giving.Wait()
}

// count returns how many messages ended in a state.
func (l *lease) count(s state) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.messages {
		if l.messages[i].state == s {
			n++
		}
	}
	return n
}

// lasts returns until when all of some messages are invisible.
func (l *lease) lasts(indexes []int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	until := l.messages[indexes[0]].until
	for _, i := range indexes {
		until = min(until, l.messages[i].until)
	}
	return until
}

// lasting reports whether all messages are still invisible.
func (l *lease) lasting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.p.settings.clock()
	for i := range l.messages {
		if now >= l.messages[i].until {
			return false
		}
	}
	return true
}

// sleep waits, and reports false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
