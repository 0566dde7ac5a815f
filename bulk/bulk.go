package bulk

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// SQS returns a processor whose handler receives all messages of a batch at once, in batch order. It is not
// called for an empty batch. The handler may change and keep the slice.
//
// The handler's context ends at the cutoff. If the handler has not returned by the last call it is
// abandoned, and all of its records are reported. RecordFrom returns nothing useful for its context.
//
// It refuses the options for handlers of single records: WithDecider, WithGroup, WithMiddleware, WithRecordTimeout,
// WithRetry, WithLastResort and the options of package redelivery. WithConcurrency has no effect. It panics if handler
// is nil or an option is invalid.
func SQS(handler func(ctx context.Context, batch []events.SQSMessage) error, options ...troupe.Option) *troupe.SQSProcessor {
	return of(sources.SQS(), response.ForSQS(), handler, options)
}

// Kinesis is like SQS, for batches of a Kinesis stream.
func Kinesis(handler func(ctx context.Context, batch []events.KinesisEventRecord) error, options ...troupe.Option) *troupe.KinesisProcessor {
	return of(sources.Kinesis(), response.ForKinesis(), handler, options)
}

// DynamoDB is like SQS, for batches of a DynamoDB stream.
func DynamoDB(handler func(ctx context.Context, batch []events.DynamoDBEventRecord) error, options ...troupe.Option) *troupe.DynamoDBProcessor {
	return of(sources.DynamoDB(), response.ForDynamoDB(), handler, options)
}

// Kafka is like SQS, for batches of a Kafka topic, with the events of package kafka. The slice is in the order
// of topics by name, partitions by number, and offsets. Order is kept by partition: kafka.ByKey, like
// WithGroup, is refused, and so is WithLowestOnly.
func Kafka(handler func(ctx context.Context, batch []kafka.Record) error, options ...troupe.Option) *troupe.Processor[kafka.Event, kafka.Response] {
	return of(kafka.Source{}, kafka.Answer(), handler, options)
}

func of[E, R, T any](src sources.Reader[E, T], answer response.Answer[R], handler func(context.Context, []T) error, options []troupe.Option) *troupe.Processor[E, R] {
	if handler == nil {
		panic(fmt.Errorf("troupe: the %s batch handler is nil; must be a function", src.Kind()))
	}
	p, err := troupe.NewWhole(reader[E, T]{src}, answer, func() sources.Whole[T] { return &whole[T]{handler: handler} }, options...)
	if err != nil {
		panic(err)
	}
	return p
}

// reader is a Reader whose batches are handled as a whole.
type reader[E, T any] struct{ sources.Reader[E, T] }

// Limits refuses the options for handlers of single records.
func (r reader[E, T]) Limits() sources.Limits {
	l := r.Reader.Limits()
	l.NoDecider = "a batch handler has one result; use a policy"
	l.NoGroup = "a batch handler orders records itself; a policy says what is reported"
	l.NoMiddleware = "middleware is for the handler of a record"
	l.NoRetry = "a batch handler would receive again what has succeeded"
	l.NoRecordTimeout = "a batch handler is called once for all records; use WithReserve"
	l.NoLastResort = "a batch handler has no last attempt at a record"
	l.NoRedelivery = "a batch handler has no attempts at single records"
	return l
}
