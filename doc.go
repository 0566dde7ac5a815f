// Package troupe processes the batches that AWS Lambda receives from Amazon SQS (standard and FIFO), Kinesis Data
// Streams and DynamoDB Streams. It calls a handler for each record, many at once, keeps order where order counts,
// and returns a partial batch response, so that Lambda retries only the failed records. The response is returned
// before the function times out.
//
//	func main() { lambda.Start(troupe.SQS(charge)) }
//
//	// charge handles one message.
//	func charge(ctx context.Context, msg events.SQSMessage) error { … }
//
// The event source mapping must list ReportBatchItemFailures in its FunctionResponseTypes. Without it Lambda
// ignores the response, and failed messages are deleted; use ErrorWhenAny then.
//
// # Handlers
//
// A handler is called once per attempt at a record, by several goroutines at once for different records (16 by
// default, see WithConcurrency), so it must be safe for concurrent use. Records of a message group (SQS FIFO), a
// partition key (Kinesis) or an item key (DynamoDB) are handled one at a time in batch order.
//
// After a nil result the record is done, although a stream redelivers it if an earlier record failed. After an
// error, a panic or runtime.Goexit the record is reported, and Lambda redelivers it. The context ends shortly
// before the function would time out; the handler must then return soon, with ctx.Err() if its work is not done.
// A handler that does not return is abandoned: its record is reported as failed, and its later result is ignored.
//
// Handlers must be idempotent: delivery is at least once.
//
// # Options
//
// Constructors take options in any order; of two that set the same thing, the later one counts. The constructors
// also read the environment variables of the Powertools for AWS Lambda batch utility
// (POWERTOOLS_BATCH_ERROR_HANDLING_POLICY, POWERTOOLS_BATCH_PARALLEL_ENABLED,
// POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM, POWERTOOLS_BATCH_THROW_ON_FULL_BATCH_FAILURE); an option in code
// takes precedence. A constructor panics for a nil handler, an invalid option or an invalid variable, so that the
// function fails during initialization. The error states what was given and what is allowed.
//
// # Other packages
//
// Package kafka handles Kafka topics, firehose transforms the records of Firehose streams, s3batch handles the tasks
// of S3 Batch Operations, typed and envelope decode payloads, idempotency handles a record once, window folds
// tumbling windows, bulk passes whole batches to one call, kpl unpacks aggregates, and the packages under observe
// write metrics, logs and traces. A function links only those that it imports. Package lambdasim simulates an event
// source mapping, for tests.
//
// The rules, S1 to D7, are in docs/semantics.md of the repository; a comment that says "SPEC D4" means rule D4
// there. Package batch describes the fields of types such as Report.
package troupe
