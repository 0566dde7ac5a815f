package bulk

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// SQS returns a processor whose handler gets the messages of a batch all at once, in batch order, and never
// none. The slice is the handler's; it may be changed and kept.
//
// The handler's context ends at the cutoff. If it has not returned by the last call it is abandoned, and all
// of its records are reported. RecordFrom tells nothing of use in it.
//
// Of troupe's options, WithDecider, WithGroup, WithMiddleware, WithRecordTimeout and Retry are for handlers of
// single records and refused; WithConcurrency makes no difference. It panics if handler is nil or an option is
// bad.
func SQS(handler func(ctx context.Context, batch []events.SQSMessage) error, options ...troupe.Option) *troupe.Processor[events.SQSEvent, events.SQSEventResponse] {
	return of(sources.SQS(), response.ForSQS(), handler, options)
}

// Kinesis is SQS for batches of a Kinesis stream.
func Kinesis(handler func(ctx context.Context, batch []events.KinesisEventRecord) error, options ...troupe.Option) *troupe.Processor[events.KinesisEvent, events.KinesisEventResponse] {
	return of(sources.Kinesis(), response.ForKinesis(), handler, options)
}

// DynamoDB is SQS for batches of a DynamoDB stream.
func DynamoDB(handler func(ctx context.Context, batch []events.DynamoDBEventRecord) error, options ...troupe.Option) *troupe.Processor[events.DynamoDBEvent, events.DynamoDBEventResponse] {
	return of(sources.DynamoDB(), response.ForDynamoDB(), handler, options)
}

// Kafka is SQS for batches of a Kafka topic, with the events of package kafka. The slice is in the order of
// topics by name, partitions by number, and offsets. Order is kept by partition: kafka.ByKey is a WithGroup, and
// refused with it. So is WithLowestOnly, as by kafka.New.
func Kafka(handler func(ctx context.Context, batch []kafka.Record) error, options ...troupe.Option) *troupe.Processor[kafka.Event, kafka.Response] {
	return of(kafka.Source{}, kafka.Answer(), handler, options)
}

func of[E, R, T any](src sources.Reader[E, T], answer response.Answer[R], handler func(context.Context, []T) error, options []troupe.Option) *troupe.Processor[E, R] {
	if handler == nil {
		panic(fmt.Errorf("troupe: the %s batch handler is nil; a function is needed", src.Kind()))
	}
	return troupe.New(reader[E, T]{src}, answer, func(ctx context.Context, w *whole[T]) error {
		return w.handle(ctx, handler)
	}, options...)
}

// reader reads batches as one piece of work.
type reader[E, T any] struct{ source sources.Reader[E, T] }

func (r reader[E, T]) Kind() messages.Source { return r.source.Kind() }

func (r reader[E, T]) Decode(payload []byte, g sources.Grouping[*whole[T]]) (*sources.Batch[*whole[T]], error) {
	return together(r.source.Decode(payload, sources.Grouping[T]{Off: g.Off}))
}

func (r reader[E, T]) Read(event E, g sources.Grouping[*whole[T]]) (*sources.Batch[*whole[T]], error) {
	return together(r.source.Read(event, sources.Grouping[T]{Off: g.Off}))
}

func together[T any](b *sources.Batch[T], err error) (*sources.Batch[*whole[T]], error) {
	if err != nil {
		return nil, err
	}
	if len(b.Results) == 0 {
		return &sources.Batch[*whole[T]]{FIFO: b.FIFO}, nil
	}
	w := &whole[T]{batch: b, results: b.Results}
	return &sources.Batch[*whole[T]]{
		Results: make([]messages.Result, 1),
		FIFO:    b.FIFO,
		Barrier: 1,
		Record:  func(int) (*whole[T], error) { return w, nil },
		Whole:   w.admit,
	}, nil
}

// Accept refuses the options for handlers of single records.
func (r reader[E, T]) Accept(c sources.Choices) error {
	refuse := func(option, hint string) error {
		return errors.New("troupe: " + option + " was given for a batch handler" + hint)
	}
	switch {
	case c.Decider:
		return refuse("WithDecider", "; allowed are the policies")
	case c.Group:
		return refuse("WithGroup", ", which sees to order itself; a policy says what is reported")
	case c.Middleware:
		return refuse("WithMiddleware", "; middleware is for the handler of a record")
	case c.Retry:
		return refuse("Retry", ", which would be given again what has succeeded")
	case c.RecordTimeout:
		return refuse("WithRecordTimeout", "; allowed is WithReserve")
	}
	return nil
}
