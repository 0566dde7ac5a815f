package batch

import "time"

// Source is the service that a batch comes from. It is a string, so that middleware can compare it with
// a literal.
type Source string

// The sources that troupe reads.
const (
	SQS      Source = "sqs"
	Kinesis  Source = "kinesis"
	DynamoDB Source = "dynamodb"
	Kafka    Source = "kafka"
	Firehose Source = "firehose"
	S3Batch  Source = "s3batch"
)

// Record is the metadata of a record, without its payload. Middleware, deciders and hooks see it; it is a value
// and may be kept.
type Record struct {
	// ID is the identifier that Lambda uses for the record (SPEC S4). It is opaque.
	ID string
	// Group is the message group, partition key or item key that orders the record. It is empty for a batch
	// without order, and for records without a key.
	Group string
	// Source is the service that the batch comes from.
	Source Source
	// Index is the record's place in the batch, from 0.
	Index int
	// Attempt is the number of the attempt within this invocation, from 1. Earlier deliveries do not count.
	Attempt int
}

// Outcome is how a record ended. Every record ends in exactly one (SPEC S1).
type Outcome uint8

const (
	// Failed is the zero value: a record has failed until its handler succeeds (SPEC S2).
	Failed Outcome = iota
	// Succeeded: the handler returned nil in time.
	Succeeded
	// Dropped: the handler or an option dropped the record. It is not reported to Lambda.
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

// Result is the outcome of one record, with its error and times.
type Result struct {
	// ID and Group are those of Record.
	ID, Group string
	// Outcome is how the record ended.
	Outcome Outcome
	// Duplicate is true if the record succeeded because it had already been handled.
	Duplicate bool
	// Unrecorded is true if the record succeeded although its completion could not be stored.
	Unrecorded bool
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
	// Err is why the record failed or was dropped; nil if it succeeded.
	Err error
	// Value is the handler's value, if troupe.Returning keeps it; nil otherwise, and for a record that did not
	// succeed. Value[V] returns it typed.
	Value any
}

// Value returns the value of a record's handler, if troupe.Returning kept it and it is a V.
func Value[V any](r Result) (value V, ok bool) {
	value, ok = r.Value.(V)
	return value, ok
}

// Report describes the result of a batch: every record in batch order, and totals.
type Report struct {
	// Source is the service that the batch came from.
	Source Source
	// Records has one entry per record, in batch order.
	Records []Result
	// Succeeded, Failed and Dropped count the outcomes; their sum is len(Records).
	Succeeded, Failed, Dropped int
	// Duplicates counts the records that succeeded because they had already been handled, and Unrecorded those whose
	// completion could not be stored (see Result).
	Duplicates, Unrecorded int
	// DeadLettered counts the dropped records that match ErrDeadLettered.
	DeadLettered int
	// NotStarted counts the failed records that never started.
	NotStarted int
	// Retried counts the attempts beyond the first of each record.
	Retried int
	// Abandoned counts the handlers that this batch abandoned.
	Abandoned int
	// Running counts the abandoned handlers of this batch and earlier ones that were still running in
	// the process when the report was made.
	Running int
	// Duration is the time from the arrival of the batch to the report.
	Duration time.Duration
	// Notes list what was omitted from handled records, such as a Kafka header that cannot be read, in
	// batch order, at most one per record.
	Notes []Note
}

// Note describes what was omitted from a record.
type Note struct {
	// Index is the index of the record in Report.Records.
	Index int `json:"index"`
	// Text names the omitted fields and the reason. It contains no part of the payload.
	Text string `json:"text"`
}

// Count computes the totals from Records: Succeeded, Failed, Dropped, Duplicates, Unrecorded,
// DeadLettered and NotStarted.
func (r *Report) Count() {
	r.Succeeded, r.Failed, r.Dropped, r.Duplicates, r.Unrecorded, r.DeadLettered, r.NotStarted = 0, 0, 0, 0, 0, 0, 0
	for i := range r.Records {
		switch record := &r.Records[i]; record.Outcome {
		case Succeeded:
			r.Succeeded++
			if record.Duplicate {
				r.Duplicates++
			}
			if record.Unrecorded {
				r.Unrecorded++
			}
		case Dropped:
			r.Dropped++
			if IsDeadLettered(record.Err) {
				r.DeadLettered++
			}
		default:
			r.Failed++
			if record.Attempts == 0 {
				r.NotStarted++
			}
		}
	}
}
