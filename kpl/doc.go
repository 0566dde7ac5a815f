// Package kpl handles the records that the Kinesis Producer Library has packed into records of a Kinesis
// stream, one user record at a time:
//
//	func main() { lambda.Start(kpl.Kinesis(charge)) }
//
//	// charge handles one user record.
//	func charge(ctx context.Context, rec kpl.UserRecord) error { … }
//
// Records that are not packed are user records of their own, so that a stream may hold both.
//
// # What comes again
//
// The user records of an aggregate share one sequence number, and it is all that Lambda knows. A failure of
// any of them reports it, and Lambda starts again there: with the whole aggregate, user records that have
// succeeded included. The larger aggregates are, the more comes again for each failure; a handler has to bear
// it. UserRecord.ID tells user records apart.
//
// Order is kept by the partition key of the user record, not by that of the record that carries it.
//
// # What is no aggregate
//
// Data that do not begin with the magic number, or whose MD5 sum is wrong, are a plain record. So are data with
// the right sum that are no AggregatedRecord of protobuf 2: not protobuf, or without a field that is required, as
// producers on protobuf 3 leave out those that are zero or empty, or without any user record. That is how the
// Kinesis Client Library has it, but that it leaves out the last ones. The handler gets such a record as it came,
// with Aggregated false.
//
// An aggregate with a user record whose partition key or hash key is not in the aggregate's tables is one record
// that cannot be decoded. (The Kinesis Client Library leaves out that user record and those behind it.) It fails
// with a troupe.DecodeError, and since it is not known what keys were in it, nothing behind it in the batch is
// started, unless order is turned off.
//
// # Resharding
//
// After a shard has been split or merged, an aggregate may hold user records whose hash key belongs to another
// shard. The Kinesis Client Library leaves those out; this package does not, since an event does not tell the
// hash range of its shard. The Kinesis Producer Library sends such user records again, to the right shard: so
// around a resharding some may be handled twice.
package kpl
