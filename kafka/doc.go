// Package kafka processes the batches that Lambda receives from Kafka topics, of Amazon MSK and of self-managed
// clusters:
//
//	func main() { lambda.Start(kafka.New(ship)) }
//
//	func ship(ctx context.Context, record kafka.Record) error { … }
//
// The package has its own types of events and responses: those of aws-lambda-go do not distinguish an absent key
// or value from an empty one, and have no response.
//
// # The event source mapping
//
// Lambda reads the response only if the event source mapping lists ReportBatchItemFailures in its
// FunctionResponseTypes, which for Kafka requires provisioned mode (ProvisionedPollerConfig); see the AWS Lambda
// Developer Guide, "Configuring error handling controls for Kafka event sources",
// https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html. Without it Lambda treats a batch
// with failures as successful: use troupe.ErrorWhenAny then, so that Lambda redelivers the whole batch.
//
// docs/semantics.md has the rules for Kafka.
//
// # Schema registries
//
// Serializers of Confluent's and of the AWS Glue schema registry write the identifier of a schema before each value.
// Confluent and Glue remove it, so that the handler, or package typed around it, receives only the value:
//
//	kafka.New(kafka.Confluent(typed.Kafka(ship, typed.WithDecoder(order)), kafka.WithProtobuf(0)))
//
// They need no access to the registry. SchemaFrom returns the identifier. Where the event source mapping has a schema
// registry and the EventRecordFormat JSON, Lambda has decoded the value: use typed.Kafka alone.
//
// # How events are read
//
// The format of events is described in the AWS Lambda Developer Guide, "Using Lambda with Amazon MSK"
// (https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html) and "Using Lambda with self-managed Apache Kafka"
// (https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html); and, for the signed bytes of header values, in
// package events of aws-lambda-go.
//
// One pass over an event validates its JSON and finds the records with their identifiers. A record is decoded
// when it is handled.
package kafka
