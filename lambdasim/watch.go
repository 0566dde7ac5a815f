package lambdasim

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// callKey is where the context of an invocation has the invocation.
type callKey struct{}

func invocationOf(ctx context.Context) *invocation {
	inv, _ := ctx.Value(callKey{}).(*invocation)
	return inv
}

// Watch wraps the handler of single records so that the history contains its start and its end, which is what
// the checker judges by. The context that the handler gets has to come from that of the invocation. Outside a
// simulation Watch changes nothing.
//
// T is a record of aws-lambda-go of SQS, Kinesis or DynamoDB, or a type whose method ID returns the identifier,
// as that of kafka.Record does. Watch panics on any other type; Begin is for those.
func Watch[T any](handler func(context.Context, T) error) func(context.Context, T) error {
	switch any(*new(T)).(type) {
	case events.SQSMessage, events.KinesisEventRecord, events.DynamoDBEventRecord, interface{ ID() string }:
	default:
		panic(fmt.Errorf("lambdasim: Watch was given a handler of %T; allowed are events.SQSMessage, events.KinesisEventRecord, events.DynamoDBEventRecord and types with a method ID() string", *new(T)))
	}
	return func(ctx context.Context, record T) error {
		end := Begin(ctx, identifier(record))
		outcome := history.Exit
		defer func() {
			if outcome != history.Exit {
				end(outcome)
				return
			}
			v := recover()
			if v == nil {
				end(history.Exit)
				return
			}
			end(history.Panic)
			panic(v)
		}()
		err := handler(ctx, record)
		outcome = history.OK
		if err != nil {
			outcome = history.Fail
		}
		return err
	}
}

func identifier(record any) string {
	switch record := record.(type) {
	case events.SQSMessage:
		return record.MessageId
	case events.KinesisEventRecord:
		return record.Kinesis.SequenceNumber
	case events.DynamoDBEventRecord:
		return record.Change.SequenceNumber
	case interface{ ID() string }:
		return record.ID()
	default:
		return ""
	}
}

// Begin is what Watch is made of, for handlers of another shape: it notes that a handler has started on the
// record with that identifier. end notes how it ended, with one of the outcomes of package history; it is to
// be called once.
func Begin(ctx context.Context, id string) (end func(outcome string)) {
	inv := invocationOf(ctx)
	if inv == nil {
		return func(string) {}
	}
	event := inv.event(history.Started, id)
	return func(outcome string) {
		event.Kind, event.Detail = history.Ended, outcome
		inv.log.mu.Lock()
		defer inv.log.mu.Unlock()
		if !inv.left {
			inv.log.put(event)
		}
	}
}

// Drop notes that a record was left out on purpose, without a handler, and is not to be delivered again.
func Drop(ctx context.Context, id string) {
	inv := invocationOf(ctx)
	if inv == nil {
		return
	}
	inv.event(history.Ended, id)
}

// event notes a start, or a drop.
func (inv *invocation) event(kind history.Kind, id string) history.Event {
	inv.log.mu.Lock()
	defer inv.log.mu.Unlock()
	event := history.Event{Kind: kind, Invocation: inv.number, Record: id}
	if i := inv.find(id); i >= 0 {
		event.Group = inv.records[i].group
		if kind == history.Started {
			inv.starts[i]++
			event.Number = inv.starts[i]
		}
	}
	if kind == history.Ended {
		event.Detail = history.Dropped
	}
	if !inv.left {
		inv.log.put(event)
	}
	return event
}

// Delivery returns how often a record of the invocation has been delivered, this time included: what
// ApproximateReceiveCount tells of messages, for any source. It is 0 outside a simulation and for a record
// that is not in the batch.
func Delivery(ctx context.Context, id string) int {
	inv := invocationOf(ctx)
	if inv == nil {
		return 0
	}
	inv.log.mu.Lock()
	defer inv.log.mu.Unlock()
	if i := inv.find(id); i >= 0 {
		return inv.records[i].number
	}
	return 0
}
