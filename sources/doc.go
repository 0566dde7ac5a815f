// Package sources turns a Lambda event into records, each with its identifier, group and payload. It has no actors, no
// clock and no logging.
//
// SQS, Kinesis and DynamoDB each read one kind of event, either from the bytes that Lambda sent or from the
// aws-lambda-go type. The result is a Batch, or an error if the event as a whole is malformed.
//
// # How bytes are read
//
// Decoding dominates the cost of a batch, so the code is handwritten and works in two steps. The first is one pass over
// the event (index.go, scan.go), which checks that it is JSON, finds the records, and stores the positions of their
// fields. The second builds one record from these positions (fields.go, attribute.go and the file of the source) when
// the record starts, on any core.
//
// Both handle only the format that AWS sends. Records with anything unusual, such as a duplicate field, a field name in
// another case or a value of the wrong kind, are decoded by encoding/json (plain.go). So values are the same as without
// this package; fuzz tests check that.
package sources
