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

// Watch wraps the handler of single records. The history then contains when the handler starts, a digest of the
// record that it is given, and how it ends, which is what the checker judges by. A handler that returns nil after its
// context has ended is late: the checker accepts that the record counts as handled and that it is reported. The
// context that the handler gets must come from that of the invocation. Watch goes around everything that decides
// whether a record has succeeded. Outside a simulation Watch changes nothing.
//
// T is a record of aws-lambda-go of SQS, Kinesis or DynamoDB, a troupe.Lazy of one, or a type whose method ID returns
// the identifier, as that of kafka.Record does. Watch panics on any other type; Begin is for those.
func Watch[T any](handler func(context.Context, T) error) func(context.Context, T) error {
	return WatchKey(func(T) string { return "" }, handler)
}

// WatchKey is Watch for a handler whose work has a key, such as an idempotent handler. The handler, or what it
// calls, notes with Work when the work has been done. The checker then counts how often that happens for each
// key. A record with an empty key has no such work.
func WatchKey[T any](key func(T) string, handler func(context.Context, T) error) func(context.Context, T) error {
	switch any(*new(T)).(type) {
	case events.SQSMessage, events.KinesisEventRecord, events.DynamoDBEventRecord, interface{ ID() string }:
	case opener[events.SQSMessage], opener[events.KinesisEventRecord], opener[events.DynamoDBEventRecord]:
	default:
		panic(fmt.Errorf("lambdasim: Watch was given a handler of %T; allowed are events.SQSMessage, events.KinesisEventRecord, events.DynamoDBEventRecord, troupe.Lazy of these, and types with a method ID() string. A typed handler is watched from outside: lambdasim.Watch(typed.SQS(handler))", *new(T)))
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

// opener is a record that is decoded when it is asked for, as a troupe.Lazy is.
type opener[T any] interface{ Open() (T, error) }

// whole is a record, decoded if it is not yet. One that cannot be decoded is the zero record: the handler cannot
// have been given its payload.
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

// Begin is Watch for handlers of another shape: it notes that a handler has started on the record with that
// identifier, without a payload. end notes how the handler ended, with one of the outcomes of package history; it
// must be called once.
func Begin(ctx context.Context, id string) (end func(outcome string)) {
	return BeginDigest(ctx, id, "")
}

// BeginDigest is Begin for a handler that was given a payload with that digest, which Digest returns. The checker
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

// Drop notes that a record was dropped on purpose, without a handler, and must not be redelivered.
func Drop(ctx context.Context, id string) {
	inv := invocationOf(ctx)
	if inv == nil {
		return
	}
	inv.event(history.Event{Kind: history.Ended, Record: id, Detail: history.Dropped})
}

// event notes a start, or a drop, and returns the event with what the invocation knows of it.
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

// Delivery returns how often a record of the invocation has been delivered, this time included: what
// ApproximateReceiveCount contains for messages, for any source. It is 0 outside a simulation and for a record
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
