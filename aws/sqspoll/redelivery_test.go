package sqspoll_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/redelivery"
)

// visibilityOf changes the visibility of messages of a fake, beside its client.
type visibilityOf struct{ *fake }

func (v visibilityOf) ChangeVisibility(ctx context.Context, _ string, changes []redelivery.Change) ([]error, error) {
	var list []lambdasim.VisibilityChange
	for _, c := range changes {
		list = append(list, lambdasim.VisibilityChange{Receipt: c.Receipt, Timeout: c.Timeout})
	}
	return v.queue.ChangeVisibilityBatch(ctx, list)
}

// SPEC Q4: a renewal is under way when the handler fails. redelivery.Backoff changes the visibility after it, so its
// time holds, and no later renewal replaces it.
func TestBackoffComesAfterTheHeartbeat(t *testing.T) {
	for _, queue := range []*lambdasim.Queue{standard(), fifo()} {
		synctest.Test(t, func(t *testing.T) {
			f, n := newFake(t, queue), &noting{start: time.Now()}
			f.send(t, lambdasim.Message{Body: "a", Group: "g", Deduplication: map[bool]string{true: "1"}[queue.Name == "q.fifo"]})
			f.before = func(_ context.Context, c *call) error {
				if c.action == "change" && c.began == 15*time.Second {
					time.Sleep(2 * time.Second) // SQS serves the call after that
				}
				return nil
			}
			r := run(t, f, n.processor(func(context.Context, events.SQSMessage) error {
				time.Sleep(16 * time.Second)
				return errHandler
			}, redelivery.Backoff(visibilityOf{f}, func(int, error) time.Duration { return 10 * time.Minute })))
			time.Sleep(15 * time.Minute)
			seen := n.seen()
			r.stop()
			assert.Equal(t, "a@0", seen[0])
			// Half of the ten minutes at least, and not the visibility timeout of 30 s. A receive may wait for 20 s.
			var again int
			for _, c := range f.of("receive") {
				if len(c.ids) > 0 && again == 0 && c.began > 0 {
					again = int(c.ended.Seconds())
				}
			}
			assert.GreaterOrEqual(t, again, 17+300)
			assert.LessOrEqual(t, again, 17+600)
		})
	}
}

// letters keeps what is sent to a dead-letter queue.
type letters struct {
	mu   sync.Mutex
	sent []redelivery.Letter
}

func (l *letters) Send(_ context.Context, letter redelivery.Letter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, letter)
	return nil
}

// SPEC Q1: a message that is dead-lettered at once is dropped from the batch, and therefore deleted; its group
// continues.
func TestDeadLettersAreDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFake(t, fifo()), &noting{start: time.Now()}
		f.send(t, bodies("g/1", "g/2", "g/3")...)
		l := new(letters)
		r := run(t, f, n.processor(func(_ context.Context, m events.SQSMessage) error {
			if m.Body == "1" {
				return troupe.Permanent(errHandler)
			}
			return nil
		}, redelivery.DeadLetter(l, 5)))
		time.Sleep(time.Second)
		r.stop()
		assert.Equal(t, []string{"1@0", "2@0", "3@0"}, n.seen())
		assert.Len(t, l.sent, 1)
		assert.Zero(t, f.left(t))
		assert.Equal(t, 3, r.batches[0].Deleted)
		assert.Equal(t, 1, r.batches[0].Report.DeadLettered)
	})
}
