package redelivery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/redelivery"
)

const (
	standard = "arn:aws:sqs:eu-west-1:123456789012:orders"
	fifo     = standard + ".fifo"
)

var errHandler = errors.New("the handler's own error")

// visibility records calls, and answers as directed.
type visibility struct {
	answer func(n int, changes []redelivery.Change) ([]error, error) // n counts calls from 1; nil: all changed
	delay  time.Duration

	mu          sync.Mutex
	calls       [][]redelivery.Change
	queues      []string
	active, top int
}

func (v *visibility) ChangeVisibility(ctx context.Context, queueARN string, changes []redelivery.Change) ([]error, error) {
	v.mu.Lock()
	v.calls = append(v.calls, slices.Clone(changes))
	v.queues = append(v.queues, queueARN)
	n := len(v.calls)
	v.active++
	v.top = max(v.top, v.active)
	v.mu.Unlock()
	defer func() { v.mu.Lock(); v.active--; v.mu.Unlock() }()
	if v.delay > 0 {
		select {
		case <-time.After(v.delay):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if v.answer != nil {
		return v.answer(n, changes)
	}
	return nil, nil
}

// count returns the number of calls so far, one of which may have been left behind.
func (v *visibility) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.calls)
}

// messages makes an event: of each word the first letter is the group, and the word the identifier.
func messages(arn string, receives int, ids ...string) events.SQSEvent {
	var e events.SQSEvent
	for _, id := range ids {
		e.Records = append(e.Records, events.SQSMessage{
			MessageId: id, ReceiptHandle: "receipt of " + id, Body: "body of " + id, EventSource: "aws:sqs", EventSourceARN: arn,
			Attributes: map[string]string{"MessageGroupId": id[:1], "ApproximateReceiveCount": fmt.Sprint(receives), "AWSTraceHeader": "Root=" + id},
		})
	}
	return e
}

// numbered makes n identifiers of a group.
func numbered(group string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s%03d", group, i+1))
	}
	return ids
}
