package kpl

import (
	"strconv"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// UserRecord is a record as it was given to the Kinesis Producer Library, or a plain record of the stream.
type UserRecord struct {
	// KinesisEventRecord is the record of the stream, but that Kinesis.Data and Kinesis.PartitionKey are those
	// of the user record. So a handler for plain records can be given it. Data and Tags are the attempt's own.
	events.KinesisEventRecord
	// Aggregated reports whether the record was packed. If not, the other fields are zero.
	Aggregated bool
	// SubSequenceNumber is the place of the user record in its aggregate, from 0.
	SubSequenceNumber int
	// ExplicitHashKey is the decimal hash key that the producer gave; empty if it gave none.
	ExplicitHashKey string
	// Tags are those that the producer gave, if any.
	Tags []Tag
}

// Tag is a key with a value, which may be empty.
type Tag struct{ Key, Value string }

// ID identifies the user record in its shard: sequence number and sub-sequence number, separated by a colon.
func (r *UserRecord) ID() string {
	return r.Kinesis.SequenceNumber + ":" + strconv.Itoa(r.SubSequenceNumber)
}

// Kinesis returns a processor for batches of a Kinesis stream whose handler receives user records. It works
// like troupe.Kinesis, with user records as records: those of a partition key are handled in order, and
// reports and middleware see each of them, with the shared identifier. WithGroup takes a function of a
// UserRecord.
//
// It panics if handler is nil or an option is invalid.
func Kinesis[M UserRecord | troupe.Lazy[UserRecord]](handler troupe.Handler[M], options ...troupe.Option) *troupe.KinesisProcessor {
	p, err := troupe.NewProcessor(reader{sources.Kinesis()}, response.ForKinesis(), handler, options...)
	if err != nil {
		panic(err)
	}
	return p
}
