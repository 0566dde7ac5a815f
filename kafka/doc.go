// Package kafka processes the batches that Lambda receives from Kafka topics, of Amazon MSK and of
// self-managed clusters, as package troupe does those of its sources:
//
//	func main() { lambda.Start(kafka.New(ship)) }
//
//	func ship(ctx context.Context, record kafka.Record) error { … }
//
// The types of events and responses are the package's own: those of aws-lambda-go lose which of a record's
// key and value is absent and which is empty, and have no response.
//
// # What the mapping needs
//
// A response counts for something only if the event source mapping has ReportBatchItemFailures among its
// FunctionResponseTypes, and a Kafka mapping can have that in provisioned mode only (ProvisionedPollerConfig);
// see the AWS Lambda Developer Guide, "Configuring error handling controls for Kafka event sources",
// https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html. Without it Lambda takes a
// batch with failures for done and goes on: give troupe.ErrorWhenAny there, so that all of the batch comes
// again.
//
// docs/semantics.md has the rules for Kafka.
//
// # How events are read
//
// What an event looks like was read in the AWS Lambda Developer Guide, "Using Lambda with Amazon MSK"
// (https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html) and "Using Lambda with self-managed Apache
// Kafka" (https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html); that header values are signed bytes,
// in the events package of aws-lambda-go.
//
// One pass over an event checks that it is JSON and finds its records and what identifies them. A record is
// decoded when its turn has come (record.go).
package kafka
