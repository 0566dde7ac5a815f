package lambdasim_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
)

// ledger remembers the keys whose work was done, as a store of an idempotent handler does.
type ledger map[string]bool

// The work with a key is done once, or the history shows why it was done again.
func TestWorkIsCounted(t *testing.T) {
	key := func(msg events.SQSMessage) string { return "order " + msg.Body }
	for name, c := range map[string]struct {
		// do handles a message: done has the keys whose work was recorded.
		do      func(ctx context.Context, msg events.SQSMessage, done ledger) error
		kinds   []check.Kind
		effects int
		excused int
	}{
		"skips what was done": {func(ctx context.Context, msg events.SQSMessage, done ledger) error {
			if !done[key(msg)] {
				lambdasim.Work(ctx, msg.MessageId, key(msg))
				done[key(msg)] = true
			}
			return nil
		}, nil, 3, 0},
		"does everything again": {func(ctx context.Context, msg events.SQSMessage, _ ledger) error {
			lambdasim.Work(ctx, msg.MessageId, key(msg))
			return nil
		}, []check.Kind{check.Redone}, 6, 0},
		"does nothing": {func(context.Context, events.SQSMessage, ledger) error { return nil }, []check.Kind{check.Undone}, 0, 0},
		"fails after the work": {func(ctx context.Context, msg events.SQSMessage, done ledger) error {
			if done[key(msg)] {
				return nil
			}
			lambdasim.Work(ctx, msg.MessageId, key(msg))
			if lambdasim.Delivery(ctx, msg.MessageId) == 1 {
				return errors.New("no")
			}
			done[key(msg)] = true
			return nil
		}, []check.Kind{check.Redone}, 9, 0},
		"crashes after the work": {func(ctx context.Context, msg events.SQSMessage, done ledger) error {
			if done[key(msg)] {
				return nil
			}
			lambdasim.Work(ctx, msg.MessageId, key(msg))
			if lambdasim.Delivery(ctx, msg.MessageId) == 1 {
				panic("oh")
			}
			done[key(msg)] = true
			return nil
		}, nil, 9, 6},
		"hangs after the work": {func(ctx context.Context, msg events.SQSMessage, done ledger) error {
			if done[key(msg)] {
				return nil
			}
			lambdasim.Work(ctx, msg.MessageId, key(msg))
			if lambdasim.Delivery(ctx, msg.MessageId) == 1 {
				time.Sleep(time.Hour)
				return nil
			}
			done[key(msg)] = true
			return nil
		}, []check.Kind{check.Late}, 9, 6},
		"works after the timeout": {func(ctx context.Context, msg events.SQSMessage, done ledger) error {
			if done[key(msg)] {
				return nil
			}
			if lambdasim.Delivery(ctx, msg.MessageId) == 1 {
				time.Sleep(20 * time.Second)
			}
			lambdasim.Work(ctx, msg.MessageId, key(msg))
			done[key(msg)] = true
			return nil
		}, []check.Kind{check.Late}, 6, 6},
		"cannot record the work": {func(ctx context.Context, msg events.SQSMessage, done ledger) error {
			lambdasim.Work(ctx, msg.MessageId, key(msg))
			lambdasim.Unrecorded(ctx, key(msg))
			return nil
		}, nil, 6, 6},
		"loses its lease": {func(ctx context.Context, msg events.SQSMessage, done ledger) error {
			lambdasim.Work(ctx, msg.MessageId, key(msg))
			lambdasim.LeaseLost(ctx, key(msg))
			return nil
		}, nil, 6, 6},
		"forgets": {func(ctx context.Context, msg events.SQSMessage, done ledger) error {
			lambdasim.Work(ctx, msg.MessageId, key(msg))
			lambdasim.Lapsed(ctx, key(msg))
			return nil
		}, nil, 6, 6},
	} {
		queue := &lambdasim.Queue{}
		for _, body := range []string{"a", "b", "c", "a", "b", "c"} {
			queue.Send(lambdasim.Message{Body: body})
		}
		done := make(ledger)
		work := lambdasim.WatchKey(key, func(ctx context.Context, msg events.SQSMessage) error { return c.do(ctx, msg, done) })
		o := simulate(t, lambdasim.Simulation{
			Source: queue, Concurrency: 1, Mapping: lambdasim.Mapping{BatchSize: 1, FunctionResponseTypes: reporting},
			Handler: handle(func(ctx context.Context, msg events.SQSMessage) bool { return work(ctx, msg) == nil }).handler(),
		})
		if len(o.Kinds) != len(c.kinds) || len(c.kinds) > 0 && o.Kinds[c.kinds[0]] == 0 {
			t.Errorf("%s: want %q, %v", name, c.kinds, o)
		}
		if o.Totals.Effects != c.effects || o.Totals.Excused != c.excused {
			t.Errorf("%s: %d effects, %d excused: %v", name, o.Totals.Effects, o.Totals.Excused, o)
		}
	}
}
