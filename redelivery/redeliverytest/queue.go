// Package redeliverytest connects package redelivery with simulated queues, for tests with package lambdasim:
//
//	dead := &lambdasim.Queue{Name: "dead.fifo"}
//	payments := &lambdasim.Queue{Name: "payments.fifo", RedrivePolicy: lambdasim.RedrivePolicy{DeadLetterQueue: dead, MaxReceiveCount: 10}}
//	processor := troupe.SQS(lambdasim.Watch(book),
//		redelivery.Backoff(redeliverytest.Visibility(payments), redelivery.Exponential(time.Second, time.Minute)),
//		redelivery.DeadLetter(redeliverytest.Sender(dead), 3))
package redeliverytest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/redelivery"
)

// Visibility returns a redelivery.Visibility that changes the visibility timeouts of a queue, which a run uses.
func Visibility(queue *lambdasim.Queue) redelivery.Visibility { return visibility{queue} }

type visibility struct{ queue *lambdasim.Queue }

func (v visibility) ChangeVisibility(ctx context.Context, queueARN string, changes []redelivery.Change) ([]error, error) {
	if queueARN != v.queue.ARN() {
		return nil, fmt.Errorf("redeliverytest: a message of %s; must be of %s", queueARN, v.queue.ARN())
	}
	entries := make([]lambdasim.VisibilityChange, len(changes))
	for i, c := range changes {
		entries[i] = lambdasim.VisibilityChange{Receipt: c.Receipt, Timeout: c.Timeout}
	}
	failed, err := v.queue.ChangeVisibilityBatch(ctx, entries)
	for i, entry := range failed {
		var refused *lambdasim.QueueError
		if errors.As(entry, &refused) && strings.Contains(refused.Message, "parameter VisibilityTimeout is invalid") {
			failed[i] = fmt.Errorf("%w: %w", redelivery.ErrTimeout, entry)
		}
	}
	return failed, err
}

// Sender returns a redelivery.Sender that sends to a queue, which no run uses. The history of the run whose function
// sends the letter shows it. The letters can be received from it afterwards, by lambdasim.Queue.Direct.
func Sender(dead *lambdasim.Queue) redelivery.Sender { return sender{dead} }

type sender struct{ dead *lambdasim.Queue }

func (s sender) Send(ctx context.Context, l redelivery.Letter) error {
	m := lambdasim.Message{Body: l.Body, Attributes: l.Attributes, TraceHeader: l.TraceHeader}
	fifo := strings.HasSuffix(s.dead.Name, ".fifo")
	if fifo {
		m.Deduplication = l.Deduplication
	}
	if fifo || l.Fair {
		m.Group = l.Group
	}
	return lambdasim.DeadLetter(ctx, l.ID, s.dead, m)
}
