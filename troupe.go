package troupe

import (
	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// Record is the metadata of a record that middleware, deciders and hooks receive: identifier, group, source, index
// in the batch and number of the attempt, never the payload.
type Record = batch.Record

// Report describes the result of a batch, record by record.
type Report = batch.Report

// Result is how one record ended.
type Result = batch.Result

// Source names the service that a batch comes from, such as "sqs".
type Source = batch.Source

// Outcome is how a record ended; see SPEC S1 in docs/semantics.md.
type Outcome = batch.Outcome

// The outcomes of a record.
const (
	Failed    = batch.Failed
	Succeeded = batch.Succeeded
	Dropped   = batch.Dropped
)

// Reason is why a record failed or an event was refused: an error to compare with errors.Is.
type Reason = batch.Reason

// The reasons; batch.Reason describes each.
const (
	ErrEvent         = batch.ErrEvent
	ErrPanic         = batch.ErrPanic
	ErrGoexit        = batch.ErrGoexit
	ErrUndecodable   = batch.ErrUndecodable
	ErrRecordTimeout = batch.ErrRecordTimeout
	ErrDeadline      = batch.ErrDeadline
	ErrCancelled     = batch.ErrCancelled
	ErrAbandoned     = batch.ErrAbandoned
	ErrNotStarted    = batch.ErrNotStarted
	ErrStopped       = batch.ErrStopped
	ErrGroupStopped  = batch.ErrGroupStopped
	ErrDeadLettered  = batch.ErrDeadLettered
)

// EventError is the error of an invocation whose event was refused as a whole: no handler has run. It is the
// outermost error then; errors.Is(err, ErrEvent) also finds an ErrEvent within a handler's own error.
type EventError = batch.EventError

// BatchError is the error of an invocation whose records failed: how many, and the RecordError of each.
type BatchError = batch.BatchError

// RecordError is the error of one failed record of a batch: its identifier, its index and why it failed.
type RecordError = batch.RecordError

// PanicError is the error of a record whose handler panicked: the value and the stack.
type PanicError = batch.PanicError

// DecodeError is the error of a record that cannot be decoded: where and why, never the payload.
type DecodeError = batch.DecodeError

// Permanent marks err as not worth another attempt in this invocation (see Retry). Lambda still redelivers the
// record; return nil, or Drop, to discard it. Permanent(nil) is nil.
func Permanent(err error) error { return batch.Permanent(err) }

// Drop marks err so that the record is dropped: its outcome is Dropped, which the report and the log show, and
// Lambda does not redeliver it. Drop(nil) is nil.
func Drop(err error) error { return batch.Drop(err) }

// Lazy is a record that is decoded on demand. Constructors accept handlers of the source's record and of Lazy
// records.
type Lazy[T any] = sources.Lazy[T]

// SQSProcessor is the Processor that SQS returns, for struct fields and parameters.
type SQSProcessor = Processor[events.SQSEvent, events.SQSEventResponse]

// KinesisProcessor is the Processor that Kinesis returns.
type KinesisProcessor = Processor[events.KinesisEvent, events.KinesisEventResponse]

// DynamoDBProcessor is the Processor that DynamoDB returns.
type DynamoDBProcessor = Processor[events.DynamoDBEvent, events.DynamoDBEventResponse]

// SQSRecord is what a handler for SQS takes: the message, decoded, or Lazy.
type SQSRecord interface {
	events.SQSMessage | Lazy[events.SQSMessage]
}

// KinesisRecord is what a handler for Kinesis takes.
type KinesisRecord interface {
	events.KinesisEventRecord | Lazy[events.KinesisEventRecord]
}

// DynamoDBRecord is what a handler for DynamoDB takes.
type DynamoDBRecord interface {
	events.DynamoDBEventRecord | Lazy[events.DynamoDBEventRecord]
}

// SQS returns a processor for batches of an SQS queue, standard or FIFO. A batch is FIFO if the ARN of its queue
// ends in ".fifo"; its message groups are then handled in order, and the first failure stops the batch unless a
// policy is given. Invoke takes the array of a pipe of EventBridge as well (SPEC S10).
//
// It panics if handler is nil or an option is invalid; NewProcessor returns an error instead.
func SQS[M SQSRecord](handler Handler[M], options ...Option) *SQSProcessor {
	return must(NewProcessor(sources.SQS(), response.ForSQS(), handler, options...))
}

// Kinesis returns a processor for batches of a Kinesis stream. Records of a partition key are handled in order, and a
// failure stops its partition key unless another policy is given. Invoke takes the array of a pipe of EventBridge as
// well: its records are reported by eventID, together with every record that a failure stops (SPEC S10).
//
// It panics if handler is nil or an option is invalid; NewProcessor returns an error instead.
func Kinesis[M KinesisRecord](handler Handler[M], options ...Option) *KinesisProcessor {
	return must(NewProcessor(sources.Kinesis(), response.ForKinesis(), handler, options...))
}

// DynamoDB returns a processor for batches of a DynamoDB stream. Records of an item, which have the same values of
// all key attributes, are handled in order, and a failure stops its item unless another policy is given. Invoke takes
// the array of a pipe of EventBridge as well: its records are reported by eventID, together with every record that a
// failure stops (SPEC S10).
//
// It panics if handler is nil or an option is invalid; NewProcessor returns an error instead.
func DynamoDB[M DynamoDBRecord](handler Handler[M], options ...Option) *DynamoDBProcessor {
	return must(NewProcessor(sources.DynamoDB(), response.ForDynamoDB(), handler, options...))
}

func must[P any](p P, err error) P {
	if err != nil {
		panic(err)
	}
	return p
}
