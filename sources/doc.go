// Package sources turns a Lambda event into records: what identifies each of them, what it is ordered by,
// and its payload. It is pure: no actors, no clock, no logging, and no goroutine.
//
// SQS, Kinesis and DynamoDB each read one kind of event, either from the bytes that Lambda sent or from the
// aws-lambda-go type. A Batch comes back, or an error if the event as a whole is not what it should be.
package sources
