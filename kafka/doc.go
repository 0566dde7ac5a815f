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
// With unlimited retries and an on-failure destination Lambda stops after ten retries.
//
// # Records and identifiers
//
// Lambda identifies a record by an object, {"partition":"orders-0","offset":15}. Record.ID, reports and logs use the text
// orders-0@15, in which the last @ separates partition and offset. A record is identified by its own topic, partition and
// offset, not by its key in the event.
//
// Batch order is by topic, byte for byte, then by the number of the partition, then by offset, whatever the order of the
// event. Records of a partition are handled in order, or records of a key with ByKey. WithoutOrder suits a mapping in
// queue mode (https://docs.aws.amazon.com/lambda/latest/dg/polling-kafka-queue.html), whose batches have no order.
//
// All later records of a stopped group are reported, so it does not matter whether Lambda redelivers only the reported
// records, as documented, or the rest of the partition too. WithLowestOnly is refused: AWS does not document that
// Lambda resumes at the lowest reported record of a topic.
//
// # Events
//
// eventSource is a field of the event: aws:kafka, SelfManagedKafka, aws:SelfManagedKafka, absent or null. The field
// records, in any letter case, is an object of arrays by partition; an empty object is a success. The invocation
// fails with troupe.ErrEvent for a duplicate partition or records, and for a record whose topic is missing or empty
// or whose partition or offset is missing or not a non-negative integer. A record whose key or value is not base64
// cannot be decoded; no other field makes a record undecodable.
//
// Side data (SPEC S12): a timestamp of -1 is the zero Timestamp, header bytes are -128 to 255, and a schemaId may be a
// number and is kept as its text. A timestamp, timestamp type, header or schema of another type is omitted, the record
// is handled without it, and Report.Notes lists the record, the omitted fields and the reason. The note is made when
// the record is decoded: there is none for a record that never started, or if a handler of Lazy records reads the
// payload only.
//
// # Schema registries
//
// The serializers of the Confluent and AWS Glue schema registries write the identifier of a schema before each value.
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
