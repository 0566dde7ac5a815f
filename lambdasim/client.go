package lambdasim

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// QueueError is SQS's error for a call, or for an entry of a batch call. Code is SQS's code, such as
// "InvalidParameterValue".
type QueueError struct{ Code, Message string }

// Error returns the code and the message.
func (e *QueueError) Error() string { return "lambdasim: " + e.Code + ": " + e.Message }

// Call describes a call of a function to a queue, or an entry of one, for Queue.Faults.
type Call struct {
	// Action is ChangeMessageVisibility or SendMessage.
	Action string
	// Message is the identifier of the message whose visibility changes, or of the dead-lettered record. It is
	// empty for a call as a whole.
	Message string
	// Number counts the calls of this action on the queue, or the entries of this action for the message, from 1.
	Number int
}

// maxEntries bounds the entries of a batch call.
const maxEntries = 10

// VisibilityChange is an entry of ChangeVisibilityBatch.
type VisibilityChange struct {
	// Receipt is the receiptHandle of the message that the function received.
	Receipt string
	// Timeout is how long the message is hidden from now on: whole seconds from 0 to 12 h.
	Timeout time.Duration
}

// ChangeVisibility changes the visibility timeout of a message of the queue that the function has received, as
// ChangeMessageVisibility of SQS does: the timeout counts from the call. Handlers may call it with their context while
// a run uses the queue. It blocks until the queue has accepted the call, which takes no virtual time, or until ctx
// ends; in that case the call may still have taken effect. The error is a *QueueError if SQS would have refused the
// call, or the error that Faults returned.
func (q *Queue) ChangeVisibility(ctx context.Context, receipt string, timeout time.Duration) error {
	if err := q.fault("ChangeMessageVisibility", ""); err != nil {
		return err
	}
	return q.call(ctx, func() error { return q.changeEntry(ctx, VisibilityChange{receipt, timeout}) })
}

// ChangeVisibilityBatch is like ChangeVisibility, for 1 to 10 messages in one call. It returns an error for each
// entry, nil for those that were changed, and an error if the call failed as a whole.
func (q *Queue) ChangeVisibilityBatch(ctx context.Context, entries []VisibilityChange) (failed []error, err error) {
	if err := checkEntries(len(entries)); err != nil {
		return nil, err
	}
	if err := q.fault("ChangeMessageVisibility", ""); err != nil {
		return nil, err
	}
	err = q.call(ctx, func() error {
		failed = make([]error, len(entries))
		for i, entry := range entries {
			failed[i] = q.changeEntry(ctx, entry)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return failed, nil
}

func checkEntries(n int) error {
	switch {
	case n == 0:
		return &QueueError{"AWS.SimpleQueueService.EmptyBatchRequest", "There should be at least one entry in the request."}
	case n > maxEntries:
		return &QueueError{"AWS.SimpleQueueService.TooManyEntriesInBatchRequest", fmt.Sprintf("Maximum number of entries per request are 10. You have sent %d.", n)}
	default:
		return nil
	}
}

// call runs do on the goroutine that owns the queue.
func (q *Queue) call(ctx context.Context, do func() error) error {
	q.mu.Lock()
	owner := q.owner
	q.mu.Unlock()
	if owner == nil {
		return errUnclaimed
	}
	var err error
	if stopped := owner.call(ctx, func() { err = do() }); stopped != nil {
		return stopped
	}
	return err
}

// changeEntry changes the visibility of a message.
func (q *Queue) changeEntry(ctx context.Context, c VisibilityChange) error {
	m, err := q.find(c.Receipt, "available for visibility timeout change")
	if err != nil {
		return err
	}
	if err := q.fault("ChangeMessageVisibility", m.id); err != nil {
		return err
	}
	now := q.clock.now
	switch {
	case c.Timeout < 0 || c.Timeout > maxVisibility:
		return &QueueError{"InvalidParameterValue", fmt.Sprintf(
			"Value %d for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and 43200.", int(c.Timeout.Seconds()))}
	case now.Add(c.Timeout).Sub(m.receivedAt) > maxVisibility:
		return &QueueError{"InvalidParameterValue", fmt.Sprintf(
			"Value %d for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].", int(c.Timeout.Seconds()))}
	}
	if inv := invocationOf(ctx); inv != nil {
		inv.event(history.Event{Kind: history.Changed, Record: m.id, Until: now.Add(c.Timeout).Sub(inv.log.began)})
	}
	q.change(m, c.Timeout)
	return nil
}

// DeadLetter sends a message to a dead-letter queue on behalf of a function that gives up on the record identified by
// id, and records that in the history for the checker. The body and the message attributes should be the record's
// own. Otherwise it behaves like Queue.Send for a queue that no run uses. ctx is the handler's. The error is the one
// that dead.Faults returned.
func DeadLetter(ctx context.Context, id string, dead *Queue, letter Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, message := range []string{"", id} {
		if err := dead.fault("SendMessage", message); err != nil {
			return err
		}
	}
	dead.Send(letter)
	if inv := invocationOf(ctx); inv != nil {
		e := history.Event{Kind: history.Forwarded, Record: id, Detail: dead.name()}
		if inv.queue {
			e.Digest = bodyDigest(letter.Body)
		}
		inv.event(e)
	}
	return nil
}

// fault calls Faults for a call or an entry.
func (q *Queue) fault(action, message string) error {
	if q.Faults == nil {
		return nil
	}
	q.mu.Lock()
	if q.calls == nil {
		q.calls = make(map[Call]int)
	}
	c := Call{Action: action, Message: message}
	q.calls[c]++
	c.Number = q.calls[Call{Action: action, Message: message}]
	q.mu.Unlock()
	return q.Faults(c)
}

// find returns the message of a receipt handle. what is the caller's purpose, for the error.
func (q *Queue) find(receipt, what string) (*message, error) {
	name, number, ok := q.splitReceipt(receipt)
	if !ok {
		return nil, &QueueError{"ReceiptHandleIsInvalid", fmt.Sprintf("The input receipt handle %q is not a valid receipt handle.", receipt)}
	}
	m := q.named[name]
	switch {
	case m == nil:
		return nil, &QueueError{"InvalidParameterValue", fmt.Sprintf(
			"Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not %s.", receipt, what)}
	case m.group != nil && (!m.hidden || m.receives != number):
		return nil, &QueueError{"InvalidParameterValue", fmt.Sprintf(
			"Value %s for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.", receipt)}
	}
	return m, nil
}
