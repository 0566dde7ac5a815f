package lambdasim

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// callKey is the key of the invocation in its context.
type callKey struct{}

func invocationOf(ctx context.Context) *invocation {
	inv, _ := ctx.Value(callKey{}).(*invocation)
	return inv
}

// Watch wraps the handler of single records. The history then contains the start of the handler, a digest of its
// record, and how it ends. The checker uses these. A handler that returns nil after its context has ended is late: the
// checker accepts that the record counts as handled and that it is reported. The context of the handler must derive
// from that of the invocation. Watch must wrap everything that decides whether a record succeeds. Outside a simulation
// Watch has no effect.
//
// T is a record of SQS, Kinesis or DynamoDB from aws-lambda-go, a troupe.Lazy of one, or a type with a method ID that
// returns the identifier, such as kafka.Record. Watch panics for other types; use Begin for those.
func Watch[T any](handler func(context.Context, T) error) func(context.Context, T) error {
	return WatchKey(func(T) string { return "" }, handler)
}

// WatchKey is like Watch, for a handler whose work has a key, such as an idempotent handler. The handler, or a
// function that it calls, calls Work when the work has been done. The checker counts the calls for each key. A record
// with an empty key has no such work.
func WatchKey[T any](key func(T) string, handler func(context.Context, T) error) func(context.Context, T) error {
	switch any(*new(T)).(type) {
	case events.SQSMessage, events.KinesisEventRecord, events.DynamoDBEventRecord, interface{ ID() string }:
	case opener[events.SQSMessage], opener[events.KinesisEventRecord], opener[events.DynamoDBEventRecord]:
	default:
		panic(fmt.Errorf("lambdasim: Watch was given a handler of %T; must be one of events.SQSMessage, events.KinesisEventRecord, events.DynamoDBEventRecord, troupe.Lazy of these, or types with a method ID() string. A typed handler is watched from outside: lambdasim.Watch(typed.SQS(handler))", *new(T)))
	}
	return func(ctx context.Context, record T) error {
		end := func(string) {}
		if invocationOf(ctx) != nil {
			seen := whole(record)
			end = begin(ctx, history.Event{Kind: history.Started, Record: identifier(seen), Digest: Digest(seen), Detail: key(record)})
		}
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
		switch {
		case err != nil:
			outcome = history.Fail
		case ctx.Err() != nil:
			outcome = history.Late
		default:
			outcome = history.OK
		}
		return err
	}
}

// opener is a record that is decoded on demand, such as a troupe.Lazy.
type opener[T any] interface{ Open() (T, error) }

// whole returns the decoded record, or the zero record if it cannot be decoded: the handler cannot have received its
// payload.
func whole(record any) any {
	switch record := record.(type) {
	case opener[events.SQSMessage]:
		return opened(record)
	case opener[events.KinesisEventRecord]:
		return opened(record)
	case opener[events.DynamoDBEventRecord]:
		return opened(record)
	default:
		return record
	}
}

func opened[T any](record opener[T]) any {
	value, _ := record.Open()
	return value
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

// Begin is like Watch, for handlers with another signature: it records that a handler has started on a record,
// without a payload. end records how the handler ended, with one of the outcomes of package history. It must be
// called once.
func Begin(ctx context.Context, id string) (end func(outcome string)) {
	return BeginDigest(ctx, id, "")
}

// BeginDigest is like Begin, for a handler whose payload has the given digest (see Digest). The checker
// compares it with the payload that was sent.
func BeginDigest(ctx context.Context, id, digest string) (end func(outcome string)) {
	return begin(ctx, history.Event{Kind: history.Started, Record: id, Digest: digest})
}

func begin(ctx context.Context, started history.Event) (end func(outcome string)) {
	inv := invocationOf(ctx)
	if inv == nil {
		return func(string) {}
	}
	event := inv.event(started)
	return func(outcome string) {
		event.Kind, event.Digest, event.Detail = history.Ended, "", outcome
		inv.log.mu.Lock()
		defer inv.log.mu.Unlock()
		if !inv.left {
			inv.log.put(event)
		}
	}
}

// Drop records that a record was dropped on purpose, without a handler, and must not be redelivered.
func Drop(ctx context.Context, id string) {
	inv := invocationOf(ctx)
	if inv == nil {
		return
	}
	inv.event(history.Event{Kind: history.Ended, Record: id, Detail: history.Dropped})
}

// event records a start or a drop, and returns the event with the data of the invocation.
func (inv *invocation) event(event history.Event) history.Event {
	inv.log.mu.Lock()
	defer inv.log.mu.Unlock()
	event.Invocation = inv.number
	if i := inv.find(event.Record); i >= 0 {
		event.Record = inv.records[i].id
		event.Group = inv.records[i].group
		if event.Kind == history.Started {
			inv.starts[i]++
			event.Number = inv.starts[i]
		}
	}
	if !inv.left {
		inv.log.put(event)
	}
	return event
}

// Delivery returns the number of deliveries of a record of the invocation, including this one, for any source: for
// messages it equals ApproximateReceiveCount. It is 0 outside a simulation and for a record that is not in the batch.
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
