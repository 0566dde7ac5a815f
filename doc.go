// Package troupe processes the batches that AWS Lambda receives from Amazon SQS (standard and FIFO),
// Kinesis Data Streams and DynamoDB Streams, one actor per record or message group, and answers with a
// partial batch response: only what failed is retried, in order where order counts, and the answer is
// given before the function times out.
//
//	func main() { lambda.Start(troupe.SQS(charge)) }
//
//	// charge handles one message.
//	func charge(ctx context.Context, msg events.SQSMessage) error { … }
//
// The event source mapping must have ReportBatchItemFailures among its FunctionResponseTypes. Without it
// Lambda ignores the response, and failed messages are deleted; use ErrorWhenAny then.
//
// # What a handler may rely on
//
// The handler is called once per attempt at a record, by several goroutines at once for different
// records (16 by default, see WithConcurrency). Records of a message group (SQS FIFO), a partition key
// (Kinesis) or an item key (DynamoDB) are handled one at a time in batch order. A nil result means that the
// record is done with, though a stream delivers it again where an earlier record failed; an error, a panic
// or runtime.Goexit means that Lambda has to deliver it again. The context ends shortly before the function
// would time out; a handler must return soon after, with ctx.Err() if its work is not done. One that does not
// is abandoned: its record is reported as failed and whatever it returns later is ignored.
//
// Delivery is at least once. A handler has to bear being given the same record again.
//
// # Options
//
// Constructors take options in any order; of two that set the same, the later one holds. Options are values
// such as StopGroup and ErrorWhenAny, Retry, and what the With functions return. The environment variables of
// the Powertools for AWS Lambda batch utility (POWERTOOLS_BATCH_ERROR_HANDLING_POLICY,
// POWERTOOLS_BATCH_PARALLEL_ENABLED, POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM,
// POWERTOOLS_BATCH_THROW_ON_FULL_BATCH_FAILURE) are read when a processor is constructed; an option in code
// beats the variable. A nil handler, a bad option or an unreadable variable makes the constructor panic with an
// error that says what was given and what is allowed, so that the function fails while it initialises.
//
// # Beside this package
//
// Package kafka is for Kafka topics, typed and envelope decode payloads, window folds tumbling windows, bulk
// hands over whole batches, kpl unpacks aggregates, and those under observe write metrics, logs and traces. None
// is linked into a function that does not import it. Package lambdasim simulates what Lambda does around a
// function, for tests.
//
// The rules behind all this, S1 to D6, are in docs/semantics.md of the repository; a comment that says "SPEC D4"
// means rule D4 there. Types such as Report are those of package messages, where their fields are described.
package troupe
