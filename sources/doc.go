// Package sources turns a Lambda event into records: what identifies each of them, what it is ordered by,
// and its payload. It is pure: no actors, no clock, no logging, no goroutine.
//
// SQS, Kinesis and DynamoDB each read one kind of event, either from the bytes that Lambda sent or from the
// aws-lambda-go type. The result is a Batch, or an error if the event as a whole is not what it should be.
//
// # How bytes are read
//
// Decoding is most of what a batch costs, so that it is done by hand, in two steps. The first is one pass
// over the event (index.go, scan.go), which checks that it is JSON, finds the records, and notes where their
// fields are. The second builds the payload of one record from those places (fields.go, attribute.go and
// the file of the source), when its turn has come and on whichever core that happens.
//
// Both know only what AWS sends. A record with anything else in it, such as a field that comes twice, in
// other letters or with a value of the wrong kind, is given to encoding/json (plain.go), so that payloads are
// the same as without this package, value for value. The fuzz tests hold it to that.
package sources
