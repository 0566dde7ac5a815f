package window

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/supervisor"
)

// Processor handles the batches of a source's windows, whose records are of type T, with a state of type S. It is
// a lambda.Handler, and has Process for functions with their own handlers. Kinesis and DynamoDB return one. It is
// safe for concurrent use, and keeps no state between batches.
type Processor[S, T any] struct {
	records *troupe.Processor[arrived[T], []string]
	source  batch.Source
	fold    func(context.Context, S, T) (S, error)
	final   func(context.Context, S) error
	keeper  *keeper[S]
}

// Kinesis returns a processor for batches of a Kinesis stream with tumbling windows.
//
// fold is called for one record after the other with the state so far, and returns the state with the record in
// it; its state is ignored if it returns an error. It may change state in place. A record fails if fold fails, or
// if the state cannot be encoded as JSON or is larger than MaxState; then no later record of the batch is folded.
//
// final is called with the state of a window at its end, after the last records have been folded. If it fails,
// the invocation fails, and Lambda repeats the end of the window: final must be idempotent, such as a write under
// a key of shard and start. Its context ends shortly before the invocation would time out, and it is abandoned
// like a handler. final may be nil. Options do not apply to it, and observers do not see it.
//
// Of troupe's options, policies other than StopBatch, WithDecider, WithoutOrder, WithGroup, WithLastResort and those of
// package redelivery are refused, and WithConcurrency has no effect. WithRetry calls fold again with the state from
// before the record. It panics if fold is nil or an option is invalid.
func Kinesis[S any](fold func(ctx context.Context, state S, rec events.KinesisEventRecord) (S, error), final func(ctx context.Context, state S) error, options ...troupe.Option) *Processor[S, events.KinesisEventRecord] {
	return of(sources.Kinesis(), func(r []events.KinesisEventRecord) events.KinesisEvent {
		return events.KinesisEvent{Records: r}
	}, fold, final, options)
}

// DynamoDB is like Kinesis, for batches of a DynamoDB stream.
func DynamoDB[S any](fold func(ctx context.Context, state S, rec events.DynamoDBEventRecord) (S, error), final func(ctx context.Context, state S) error, options ...troupe.Option) *Processor[S, events.DynamoDBEventRecord] {
	return of(sources.DynamoDB(), func(r []events.DynamoDBEventRecord) events.DynamoDBEvent {
		return events.DynamoDBEvent{Records: r}
	}, fold, final, options)
}

func of[E, S, T any](src sources.Reader[E, T], event func([]T) E, fold func(context.Context, S, T) (S, error), final func(context.Context, S) error, given []troupe.Option) *Processor[S, T] {
	if fold == nil {
		panic(fmt.Errorf("troupe: the %s fold is nil: must be a function", src.Kind()))
	}
	records, err := troupe.NewProcessor(shard[E, T]{src, event}, identifiers(), handle[S, T], given...)
	if err != nil {
		panic(err)
	}
	return &Processor[S, T]{
		records: records,
		source:  src.Kind(),
		fold:    fold,
		final:   final,
		keeper:  keeperOf[S](),
	}
}

// Invoke handles the event in payload and returns the response, both as JSON. It implements lambda.Handler. The error
// is like that of troupe.Processor; it also matches troupe.ErrEvent if the event is not that of a window, or its state
// cannot be decoded into S, and may be the final function's.
func (p *Processor[S, T]) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	answer, err := p.invoke(ctx, payload)
	if _, refused := err.(*batch.EventError); refused && sources.WithoutRecords(payload) {
		// troupe.WithIgnore may recognize it.
		if ignored, without := p.records.Invoke(ctx, payload); without == nil {
			return ignored, nil
		}
	}
	return answer, err
}

func (p *Processor[S, T]) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	rest, err := sources.Rest(payload)
	if err != nil {
		return nil, err
	}
	properties, err := readProperties(rest)
	if err != nil {
		return nil, err
	}
	failed, state, err := p.process(ctx, properties, arrived[T]{payload: payload})
	if err != nil {
		return nil, err
	}
	answer := append([]byte(`{"state":`), state...)
	answer = append(answer, ',')
	return append(answer, response.Encode(failed)[1:]...), nil
}

// Process is like Invoke, for an event that is already decoded. If records failed, it returns the full response
// together with the error.
func (p *Processor[S, T]) Process(ctx context.Context, event Event[T]) (Response, error) {
	failed, state, err := p.process(ctx, event.Properties, arrived[T]{records: event.Records})
	if failed == nil { // nothing has been read
		return Response{}, err
	}
	answer := Response{State: state, BatchItemFailures: make([]Failure, len(failed))}
	for i, id := range failed {
		answer.BatchItemFailures[i].ItemIdentifier = id
	}
	return answer, err
}

func (p *Processor[S, T]) process(ctx context.Context, properties Properties, b arrived[T]) (failed []string, carried json.RawMessage, err error) {
	if err := properties.check(); err != nil {
		return nil, nil, err
	}
	first, err := p.begin(ctx, properties.State)
	if err != nil {
		return nil, nil, err
	}
	f := &folding[S, T]{fold: p.fold, keeper: p.keeper, before: first, after: first}
	ctx = context.WithValue(ctx, propertiesKey{}, properties)

	b.shard = properties.ShardID
	failed, failure := p.records.Process(context.WithValue(ctx, foldingKey{}, f), b)
	last := f.result(failed)
	if carried, err = last.json(); err != nil {
		return nil, nil, err
	}
	if failure != nil || len(failed) > 0 || !properties.IsFinalInvokeForWindow {
		return failed, carried, failure
	}
	// The state ends with the window, whatever Lambda does with the response.
	return failed, json.RawMessage(empty), p.end(ctx, properties, last)
}

// begin decodes the state in the event. That may call the user's UnmarshalJSON, so it runs on a separate goroutine,
// until the cutoff. If time runs out, no record can be folded, and the state remains unchanged.
func (p *Processor[S, T]) begin(ctx context.Context, carried json.RawMessage) (*snapshot[S], error) {
	in := supervisor.Begin(ctx, &supervisor.Config{})
	defer in.End()
	failure := error(batch.ErrAbandoned)
	first := make(chan *snapshot[S], 1)
	if in.Handlers().Err() == nil {
		failure = batch.TryWithin(in.Handlers().Done(), func() error {
			state, text, err := initial[S](carried)
			if err != nil {
				return err
			}
			if p.keeper.plain {
				text = nil
			}
			first <- &snapshot[S]{state: state, text: text}
			return nil
		})
	}
	if failure == nil {
		return <-first, nil
	}
	if failure == batch.ErrAbandoned {
		if isEmpty(carried) {
			carried = json.RawMessage(empty)
		}
		return &snapshot[S]{text: carried, used: true}, nil
	}
	if _, ok := failure.(*batch.EventError); ok {
		return nil, failure
	}
	var state S
	return nil, refused(fmt.Errorf(`"state" cannot be decoded into a %T: %w`, state, failure))
}

// end has the final function called, as the handler of a batch of one.
func (p *Processor[S, T]) end(ctx context.Context, properties Properties, last *snapshot[S]) error {
	if p.final == nil {
		return nil
	}
	take := last.take(p.keeper)
	cfg := &supervisor.Config{Concurrency: 1}
	in := supervisor.Begin(ctx, cfg)
	defer in.End()
	report := in.Run(cfg, &messages.Batch{
		Source:  p.source,
		Results: []batch.Result{{ID: properties.ShardID}},
		Barrier: 1,
		Policy:  batch.StopBatch,
		Handle: func(a *messages.Attempt) error {
			state, err := take()
			if err != nil {
				return err
			}
			return p.final(a, state)
		},
		Warn: func(string, ...any) {},
	})
	if err := report.Records[0].Err; err != nil {
		return fmt.Errorf("troupe: the end of the window: %w", err)
	}
	return nil
}
