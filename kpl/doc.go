// Package kpl handles the user records that the Kinesis Producer Library packs into records of a Kinesis stream,
// one at a time:
//
//	func main() { lambda.Start(kpl.Kinesis(charge)) }
//
//	// charge handles one user record.
//	func charge(ctx context.Context, rec kpl.UserRecord) error { … }
//
// Records that are not packed are user records themselves, so a stream may contain both.
//
// # Redelivery
//
// The user records of an aggregate share one sequence number, the only identifier that Lambda uses. If any of
// them fails, that number is reported, and Lambda redelivers the whole aggregate, including user records that
// succeeded. The larger the aggregates, the more a failure repeats, so handlers must be idempotent. UserRecord.ID
// identifies a user record. The report lists every user record under the shared sequence number.
//
// Order is kept by the partition key of the user record, not by that of the record that carries it. A failure stops
// that key only.
//
// # Plain records
//
// Data that do not begin with the magic number, or whose MD5 checksum is wrong, are a plain record. So are data with
// the right checksum that are not an AggregatedRecord of protobuf 2: data that are not protobuf, lack a required field
// (producers on protobuf 3 omit fields that are zero or empty), or have no user record. The Kinesis Client Library does
// the same, except that it omits records of the last kind. The handler receives such a record unchanged, with
// Aggregated false.
//
// An aggregate with a user record whose partition key or hash key is not in the aggregate's tables cannot be
// decoded as a whole. (The Kinesis Client Library omits that user record and later ones.) It fails with a
// troupe.DecodeError. Since its keys are not known, no later record of the batch starts, unless order is turned
// off.
//
// # Resharding
//
// After a shard has been split or merged, an aggregate may contain user records whose hash key belongs to another
// shard. The Kinesis Client Library omits them; this package does not, since an event does not contain the hash range
// of its shard. The Kinesis Producer Library resends such user records to the right shard, so some may be handled
// twice around a resharding.
//
// The format is described in aggregation-format.md of the Kinesis Producer Library:
// https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
package kpl
