package lambdasim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// Direct is a queue without an event source mapping, as a client of SQS uses it. Errors are of type *QueueError where
// SQS would refuse the call, or those that Queue.Faults returned. Its methods are safe for concurrent use.
type Direct struct {
	queue *Queue
	began time.Time

	mu    sync.Mutex // guards the queue
	clock clock

	waiting sync.Mutex
	changed chan struct{} // closed when a message may have become visible
}

// Direct claims the queue for use without a run. A queue can be used once: by a run or by Direct.
func (q *Queue) Direct() (*Direct, error) {
	d := &Direct{queue: q, began: time.Now(), changed: make(chan struct{})}
	d.clock.now = d.began
	if err := q.intake.claim(d); err != nil {
		return nil, err
	}
	q.open(&d.clock, func(history.Event) {})
	return d, nil
}

// wake makes waiting receives look again. (owner)
func (d *Direct) wake() {
	d.waiting.Lock()
	defer d.waiting.Unlock()
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *Direct) signal() <-chan struct{} {
	d.waiting.Lock()
	defer d.waiting.Unlock()
	return d.changed
}

// call runs do on the queue at the current time. (owner)
func (d *Direct) call(ctx context.Context, do func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer d.wake()
	return d.with(do)
}

func (d *Direct) with(do func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.queue
	d.clock.now = time.Now()
	d.clock.fire()
	if err := q.take(d.began, &d.clock, q.messageID, func() int { return q.live }, q.accept); err != nil {
		return err
	}
	do()
	return nil
}

// Send sends a message, and returns its identifier and, for a FIFO queue, its sequence number. For a duplicate
// within 5 minutes, a FIFO queue returns those of the first message.
func (d *Direct) Send(ctx context.Context, m Message) (id, sequence string, err error) {
	if err := d.queue.fault("SendMessage", ""); err != nil {
		return "", "", err
	}
	return d.send(ctx, m)
}

func (d *Direct) send(ctx context.Context, m Message) (id, sequence string, err error) {
	q := d.queue
	if err := q.refuse(m); err != nil {
		return "", "", err
	}
	stopped := d.call(ctx, func() {
		q.mu.Lock()
		s := q.stamp(m, q.messageID)
		q.mu.Unlock()
		if err = q.accept(s); err == nil {
			id, sequence = q.accepted.id, q.accepted.sequence
		}
	})
	if stopped != nil {
		return "", "", stopped
	}
	return id, sequence, err
}

// refuse returns the error with which SQS would refuse a message, or nil.
func (q *Queue) refuse(m Message) error {
	invalid := func(format string, args ...any) error {
		return &QueueError{"InvalidParameterValue", fmt.Sprintf(format, args...)}
	}
	switch {
	case m.Body == "":
		return &QueueError{"MissingParameter", "The request must contain the parameter MessageBody."}
	case len(m.Body) > maxBody:
		return invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxBody)
	case m.Delay < 0 || m.Delay > maxDelay:
		return invalid("Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", int(m.Delay.Seconds()))
	case q.fifo() && m.Group == "":
		return &QueueError{"MissingParameter", "The request must contain the parameter MessageGroupId."}
	case q.fifo() && m.Delay != 0:
		return invalid("Value %d for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.", int(m.Delay.Seconds()))
	case q.fifo() && m.Deduplication == "" && !q.ContentBasedDeduplication:
		return invalid("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	case !q.fifo() && m.Deduplication != "":
		return invalid("Value %s for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type.", m.Deduplication)
	case !isIdentifier(m.Group):
		return invalid(identifierReason, m.Group, "MessageGroupId")
	case !isIdentifier(m.Deduplication):
		return invalid(identifierReason, m.Deduplication, "MessageDeduplicationId")
	default:
		return nil
	}
}

const identifierReason = "Value %[1]s for parameter %[2]s is invalid. Reason: %[2]s can only include alphanumeric and punctuation characters. 1 to 128 in length."

// Receive receives up to most messages, 1 to 10. It waits for the first one until wait has passed or ctx ends, and then
// returns none. The messages are hidden for the given visibility timeout, or for the queue's if that is negative. They
// have all attributes, as in events.
func (d *Direct) Receive(ctx context.Context, most int, visibility, wait time.Duration) ([]events.SQSMessage, error) {
	q := d.queue
	if visibility < 0 {
		visibility = q.visibility()
	}
	switch {
	case most < 1 || most > maxEntries:
		return nil, &QueueError{"InvalidParameterValue", fmt.Sprintf("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", most)}
	case visibility > maxVisibility:
		return nil, &QueueError{"InvalidParameterValue", fmt.Sprintf("Value %d for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.", int(visibility.Seconds()))}
	}
	if err := q.fault("ReceiveMessage", ""); err != nil {
		return nil, err
	}
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for {
		var list []events.SQSMessage
		var due time.Time
		changed := d.signal()
		if err := d.with(func() { list, due = d.receive(most, visibility) }); err != nil {
			return nil, err
		}
		if len(list) > 0 || wait <= 0 {
			return list, nil
		}
		again := time.NewTimer(max(time.Until(due), time.Millisecond))
		select {
		case <-deadline.C:
			wait = 0 // one more look
		case <-changed:
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil, nil
		}
		again.Stop()
	}
}

// receive receives the visible messages, and returns when the next one may become visible.
func (d *Direct) receive(most int, visibility time.Duration) (list []events.SQSMessage, due time.Time) {
	q := d.queue
	r := q.receiving()
	for len(list) < most && q.inFlight < maxInFlight {
		m := r.peek()
		if m == nil {
			break
		}
		q.receive(m, visibility)
		r.skip()
		list = append(list, q.event(m))
	}
	r.end()
	due = d.clock.now.Add(maxWait)
	if len(d.clock.timers) > 0 && d.clock.timers[0].at.Before(due) {
		due = d.clock.timers[0].at
	}
	return list, due
}

// maxWait bounds the wait of a receive.
const maxWait = 20 * time.Second

// Delete deletes a received message. It is not an error if the message is gone. In a standard queue the receipt of an
// earlier receive deletes nothing; a FIFO queue refuses such a receipt, and one whose visibility timeout has ended.
func (d *Direct) Delete(ctx context.Context, receipt string) error {
	if err := d.queue.fault("DeleteMessage", ""); err != nil {
		return err
	}
	return d.delete(ctx, receipt)
}

func (d *Direct) delete(ctx context.Context, receipt string) (err error) {
	q := d.queue
	stopped := d.call(ctx, func() {
		name, number, ok := q.splitReceipt(receipt)
		if !ok {
			_, err = q.find(receipt, "")
			return
		}
		m := q.named[name]
		if m == nil {
			return
		}
		if err = q.fault("DeleteMessage", m.id); err != nil {
			return
		}
		if _, err = q.find(receipt, ""); err == nil {
			q.delete(m, number)
		}
	})
	if stopped != nil {
		return stopped
	}
	return err
}

// DeleteBatch is like Delete, for 1 to 10 messages in one call. It returns an error for each message, nil for those
// that are gone, and an error if the call failed as a whole.
func (d *Direct) DeleteBatch(ctx context.Context, receipts []string) ([]error, error) {
	if err := checkEntries(len(receipts)); err != nil {
		return nil, err
	}
	if err := d.queue.fault("DeleteMessage", ""); err != nil {
		return nil, err
	}
	failed := make([]error, len(receipts))
	for i, receipt := range receipts {
		failed[i] = d.delete(ctx, receipt)
	}
	return failed, nil
}

// SentMessage is the result of an entry of SendBatch.
type SentMessage struct {
	ID, Sequence string
	Err          error
}

// SendBatch is like Send, for 1 to 10 messages in one call.
func (d *Direct) SendBatch(ctx context.Context, list []Message) ([]SentMessage, error) {
	if err := checkEntries(len(list)); err != nil {
		return nil, err
	}
	if err := d.queue.fault("SendMessage", ""); err != nil {
		return nil, err
	}
	sent := make([]SentMessage, len(list))
	for i, m := range list {
		s := &sent[i]
		if s.Err = d.queue.fault("SendMessage", m.Deduplication); s.Err == nil {
			s.ID, s.Sequence, s.Err = d.send(ctx, m)
		}
	}
	return sent, nil
}

// Counts returns the number of messages that can be received or are held back by others of their group, the number in
// flight, and the number that is delayed.
func (d *Direct) Counts() (visible, inFlight, delayed int, err error) {
	err = d.with(func() {
		q := d.queue
		for _, m := range q.named {
			if m.hidden && m.receives == 0 {
				delayed++
			}
		}
		visible, inFlight = q.live-q.inFlight-delayed, q.inFlight
	})
	return visible, inFlight, delayed, err
}
