package troupe

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// Record is what middleware, deciders and hooks know of a record: identifier, group, source, index in the
// batch and number of the attempt, never its payload. Its fields: go doc
// github.com/troupe-go/troupe/messages.Record.
type Record = messages.Record

// Report tells what became of a batch, record by record. Observers must not change it. Its fields: go doc
// github.com/troupe-go/troupe/messages.Report.
type Report = messages.Report

// Result is what became of one record. Its fields: go doc github.com/troupe-go/troupe/messages.Result.
type Result = messages.Result

// Outcome is how a record ended; see SPEC S1 in docs/semantics.md.
type Outcome = messages.Outcome

// The outcomes of a record.
const (
	Failed    = messages.Failed
	Succeeded = messages.Succeeded
	Dropped   = messages.Dropped
)

// Reason is why a record failed or an event was refused: an error to compare with by errors.Is.
type Reason = messages.Reason

// The reasons; messages.Reason describes each.
const (
	ErrEvent         = messages.ErrEvent
	ErrPanic         = messages.ErrPanic
	ErrGoexit        = messages.ErrGoexit
	ErrUndecodable   = messages.ErrUndecodable
	ErrRecordTimeout = messages.ErrRecordTimeout
	ErrDeadline      = messages.ErrDeadline
	ErrCancelled     = messages.ErrCancelled
	ErrAbandoned     = messages.ErrAbandoned
	ErrNotStarted    = messages.ErrNotStarted
	ErrStopped       = messages.ErrStopped
	ErrGroupStopped  = messages.ErrGroupStopped
)

// EventError is the error of an invocation whose event was refused as a whole: no handler has run. It is the
// outermost error then; errors.Is(err, ErrEvent) also finds an ErrEvent within a handler's own error.
type EventError = messages.EventError

// BatchError is the error of an invocation whose records failed: how many, and the RecordError of each.
type BatchError = messages.BatchError

// RecordError is the error of one failed record of a batch: its identifier, its index and why it failed.
type RecordError = messages.RecordError

// PanicError is the error of a record whose handler panicked: the value and the stack.
type PanicError = messages.PanicError

// DecodeError is the error of a record that could not be decoded: where and why, never the payload.
type DecodeError = messages.DecodeError

// Permanent marks err as not worth another attempt in this invocation (see Retry). Lambda still delivers
// the record again: to be rid of it, return nil. Permanent(nil) is nil.
func Permanent(err error) error { return messages.Permanent(err) }

// RecordFrom returns the record that the handler, or the middleware around it, was called for. It works
// on the context that was given to them and on those derived from it; ok is false on any other.
func RecordFrom(ctx context.Context) (rec Record, ok bool) { return messages.RecordFrom(ctx) }

// SQS returns a processor for batches of an SQS queue, standard or FIFO. A batch is FIFO if the ARN of its
// queue ends in ".fifo"; its message groups are then handled in order, and the first failure stops the
// batch unless a policy is given.
//
// It panics if handler is nil or an option is bad.
func SQS(handler func(context.Context, events.SQSMessage) error, options ...Option) *Processor[events.SQSEvent, events.SQSEventResponse] {
	return New(sources.SQS(), response.ForSQS(), handler, options...)
}

// Kinesis returns a processor for batches of a Kinesis stream. Records of a partition key are handled in
// order, and a failure stops its partition key unless another policy is given.
//
// It panics if handler is nil or an option is bad.
func Kinesis(handler func(context.Context, events.KinesisEventRecord) error, options ...Option) *Processor[events.KinesisEvent, events.KinesisEventResponse] {
	return New(sources.Kinesis(), response.ForKinesis(), handler, options...)
}

// DynamoDB returns a processor for batches of a DynamoDB stream. Records of an item, that is of the same
// values of all key attributes, are handled in order, and a failure stops its item unless another policy
// is given.
//
// It panics if handler is nil or an option is bad.
func DynamoDB(handler func(context.Context, events.DynamoDBEventRecord) error, options ...Option) *Processor[events.DynamoDBEvent, events.DynamoDBEventResponse] {
	return New(sources.DynamoDB(), response.ForDynamoDB(), handler, options...)
}
