package messages

import "time"

// Source names the service a batch comes from. It is a plain string so that a middleware can compare it
// with a literal.
type Source string

// The sources that troupe reads.
const (
	SQS      Source = "sqs"
	Kinesis  Source = "kinesis"
	DynamoDB Source = "dynamodb"
	Kafka    Source = "kafka"
)

// Record is what is known of a record without looking at its payload. Middleware, deciders and hooks see
// it; it is a value and may be kept.
type Record struct {
	// ID is the identifier Lambda knows the record by (SPEC S4). It is opaque.
	ID string
	// Group is what the record is ordered by: the message group, the partition key or the item key. It is
	// empty where the batch is handled without order, and for records that have no key.
	Group string
	// Source is the service that the batch comes from.
	Source Source
	// Index is the record's place in the batch, from 0.
	Index int
	// Attempt counts how often this invocation has handed the record to the handler, from 1. It knows
	// nothing of earlier deliveries.
	Attempt int
}

// Outcome is how a record ended. Every record ends in exactly one (SPEC S1).
type Outcome uint8

const (
	// Failed is the zero value: a record has failed until something says otherwise (SPEC S2).
	Failed Outcome = iota
	// Succeeded: the handler returned nil in time.
	Succeeded
	// Dropped: an option said to leave such records out. They are not reported to Lambda.
	Dropped
)

// String returns "failed", "succeeded" or "dropped".
func (o Outcome) String() string {
	switch o {
	case Succeeded:
		return "succeeded"
	case Dropped:
		return "dropped"
	default:
		return "failed"
	}
}

// Result is what became of one record.
type Result struct {
	// ID and Group are those of Record.
	ID, Group string
	// Outcome is how the record ended.
	Outcome Outcome
	// Attempts counts the attempts at the record: the calls of the handler, or 1 if the record could not be
	// decoded; 0 for a record that never started.
	Attempts int
	// Queued is the time from the start of the batch to the start of the first attempt, or to the end of
	// the batch for a record that never started.
	Queued time.Duration
	// Duration is the time from the start of the first attempt to the end of the last one, back-off
	// between them included; 0 for a record that never started. For an abandoned record it ends when it
	// was abandoned.
	Duration time.Duration
	// Err says why the record failed or was dropped; nil if it succeeded.
	Err error
}

// Report tells how a batch went: every record in batch order, and totals.
type Report struct {
	// Source is the service that the batch came from.
	Source Source
	// Records has one entry per record, in batch order.
	Records []Result
	// Succeeded, Failed and Dropped count the outcomes; their sum is len(Records).
	Succeeded, Failed, Dropped int
	// NotStarted counts the failed records that never started.
	NotStarted int
	// Retried counts the attempts beyond the first of each record.
	Retried int
	// Abandoned counts the handlers that this batch gave up waiting for.
	Abandoned int
	// Running counts the abandoned handlers, of this batch or an earlier one, that were still running in
	// the process when the report was made.
	Running int
	// Duration is the time from the arrival of the batch to the report.
	Duration time.Duration
}
