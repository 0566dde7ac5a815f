// Package wire has the events that Lambda's event source mappings for Kafka send, Amazon MSK and self-managed
// alike, and the responses to them, as types and as bytes. It is pure: no actors, no clock, no logging.
//
// Package kafka shows the types under its own name and makes a processor of the rest; functions need nothing
// of this package. It is for packages, tests and tools that speak of Kafka without handling batches.
//
// What an event looks like was read in the AWS Lambda Developer Guide, "Using Lambda with Amazon MSK"
// (https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html) and "Using Lambda with self-managed Apache
// Kafka" (https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html); what a response looks like, in
// "Configuring error handling controls for Kafka event sources"
// (https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html); that header values are
// signed bytes, in the events package of aws-lambda-go.
//
// # How bytes are read
//
// An event is checked by encoding/json once. From then on its text is known to be JSON, so that a cursor
// (cursor.go) that looks for nothing but quotes and brackets finds the records, and what identifies them. A
// record is decoded when its turn has come (record.go).
package wire
