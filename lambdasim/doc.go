// Package lambdasim simulates the surroundings of a Lambda function that receives batches: a source (SQS queue, Kinesis
// stream, DynamoDB stream or Kafka topic), the event source mapping with its retries, and the effects of a response.
// Whether a partial batch response is right depends on Lambda's next step, which a test with lambdasim shows:
//
//	queue := &lambdasim.Queue{Name: "orders.fifo"}
//	for i := range 100 {
//		queue.Send(lambdasim.Message{Group: customers[i%10], Body: orders[i]})
//	}
//	verdict, err := lambdasim.Simulation{
//		Source:  queue,
//		Handler: troupe.SQS(lambdasim.Watch(handle)),
//		Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
//	}.Run(ctx)
//
// The verdict comes from package check, which depends neither on the simulator nor on troupe: it judges the
// history of the run, which Simulation.Observe and Simulation.History also provide.
//
// Nothing needs to be installed, and no port is opened. The clock is that of package time: a run takes real time, or no
// time at all inside a bubble of testing/synctest, where a day of retries passes in a second. In a bubble, a handler
// that hangs must end before the test does; call time.Sleep after Run.
//
// # What is simulated
//
// Each rule is marked with its origin: V for behavior seen in tests recorded against AWS, D for the AWS
// documentation, with the name of the page, and U for unknown behavior, which is a field of Unknown.
//
// E1. Without ReportBatchItemFailures the body of a response is ignored: an invocation that returns without an
// error has succeeded. (D, "Handling errors for an SQS event source in Lambda")
//
// E2. With it, a success is a response that is empty, "", null, [], {}, or whose batchItemFailures is null or empty.
// The whole batch has failed after a function error, and if an element has no itemIdentifier or one that is empty,
// null, or not in the batch. (V) One identifier that is not in the batch fails the whole batch, even among good ones
// (U: IgnoreForeignIdentifiers). A body without the exact key, such as BatchItemFailures, is a success (U:
// RefuseForeignBodies), and so a loss that the checker reports. A batchItemFailures that is not a list of objects fails
// the whole batch.
//
// E3. Messages that are not reported are deleted. Reported messages are redelivered when their visibility timeout ends,
// which counts from the receive and not from the response, with ApproximateReceiveCount one higher. A message that has
// been received maxReceiveCount times is moved to the dead-letter queue by the next receive, and keeps its identifier
// there. (D, V: "Amazon SQS visibility timeout", "Using dead-letter queues in Amazon SQS")
//
// A function may change the visibility timeout of a message of its batch with Queue.ChangeVisibility: the new timeout
// counts from the call and ends 12 hours after the receive at the latest. In a standard queue the receipt handle is
// valid until the message is deleted, in a FIFO queue until the timeout ends. (D, "Amazon SQS visibility timeout", API
// reference of SQS, ChangeMessageVisibility; V, LocalStack's tests validated in April 2024 and October 2025)
// Presumably Lambda does not touch a reported message, so the change remains in effect (U: RestoreVisibility). A
// function may send a dead letter itself with DeadLetter, which the history then contains.
//
// E4. A FIFO batch has at most 10 messages, possibly of several groups; a receive takes as many of one group as it can
// before it continues with the next. (D, "FIFO queue delivery logic in Amazon SQS", "Using Lambda with Amazon SQS") A
// message that is in flight, or otherwise hidden, holds back the later messages of its group and no earlier ones; a
// delete fails once the visibility timeout of its receive has ended. (V: package fifocases lists the recorded cases, of
// March to November 2025) A deduplication id holds for 5 minutes. Lambda does not look at the order in which a function
// handles or reports messages. (D)
//
// E5. A batch of a standard queue has 1 to 10,000 messages and is delivered when it is full, when its window is over or
// when its event would exceed 6 MB. Lambda starts with five batches at a time, adds up to 300 a minute while there are
// messages, and stops at 1,250, at MaximumConcurrency or at the quota of the account (Concurrency). A FIFO queue has at
// most one batch per message group, and the same bounds. With ProvisionedPollerConfig it starts with MinimumPollers
// pollers and adds up to 100 a minute, up to MaximumPollers; a poller has up to 10 concurrent invocations, and per
// second receives up to 1 MB in up to 10 calls of up to 10 messages. (D, "Configuring scaling behavior for SQS event
// source mappings") Delivery is at least once (D); the rate of duplicates is not known (U: DuplicateRate).
//
// E6. A batch of a stream comes from one shard, in ascending order. The checkpoint is the lowest sequence number that
// is reported, and everything from there is redelivered, including later successes. MaximumRetryAttempts n means n + 1
// invocations; a partial response uses one up. So of three records with n = 3 whose last one always fails, the function
// sees 3, 1, 1, 1 records, and the on-failure destination receives approximateInvokeCount 4 and batchSize 1. (V)
// Whether the count starts again when the checkpoint moves: U, RestartRetries. How long Lambda waits before a retry: U,
// RetryDelay.
//
// E7. With BisectBatchOnFunctionError a function error halves the batch, and halving does not use up retries; a partial
// response splits the batch at the reported number. (D, "Configuring partial batch response with Kinesis Data Streams
// and Lambda", "Retain discarded batch records for a Kinesis Data Streams event source in Lambda") Unknown: whether a
// split uses up a retry (U: ChargeSplits), and whether a response that fails the whole batch halves it (U:
// KeepOnBadResponse). A record older than MaximumRecordAgeInSeconds is discarded with the condition RecordAgeExceeded;
// when the retries are exhausted the rest of the batch is discarded. With ParallelizationFactor several batches of a
// shard run at once, but only one per partition key. (D)
//
// Kafka. A batch has records from any of the partitions that its consumer reads, those of a partition in the order of
// their offsets; by default it waits half a second to fill. In on-demand mode a failed batch is redelivered as a
// whole until it succeeds or its records expire. FunctionResponseTypes, MaximumRetryAttempts,
// MaximumRecordAgeInSeconds and BisectBatchOnFunctionError need provisioned mode. (D, "Configuring Amazon MSK event
// sources for Lambda", "Configuring error handling controls for Kafka event sources") An identifier is an object of
// partition and offset; one that is not in the batch fails the whole batch. (D) Only reported records are redelivered
// (D, in passing; U: ResendFromLowest), and until they are done, the consumer reads no further from any of its
// partitions (U, no switch). Without a limit but with an on-failure destination there are ten retries. (D) The
// destination receives a message in the format of "Capturing discarded batches for Amazon MSK and self-managed Apache
// Kafka event sources". RestartRetries, ChargeSplits, KeepOnBadResponse and RetryDelay hold for Kafka too, and the
// condition RecordAgeExceeded is taken from streams.
//
// Pipes. With Pipe an EventBridge pipe reads a queue or stream: the event is a bare array, whose Kinesis records have
// the members of "kinesis" at the top level, and identifiers are messageId and eventID. (D, "Amazon EventBridge Pipes
// sources", "Amazon EventBridge Pipes batching and concurrency") A pipe retries only the reported records (D, the
// same page); the rest of a stream's batch is done, and the shard waits for the reported ones. A function error fails
// the batch. Retries, ages and the dead-letter queue are those of a mapping; how AUTOMATIC_BISECT combines with a
// partial response is U, KeepReported. ChargeSplits, RestartRetries, KeepOnBadResponse and RetryDelay hold for pipes
// too. A pipe waits for five minutes at most. (D, "Amazon EventBridge Pipes quotas") Kafka, enrichments, input
// transformers and FIRE_AND_FORGET are not simulated.
//
// E8. Package runtimeapi runs the function as a separate process, behind a Lambda Runtime API on 127.0.0.1.
//
// E9. Package check is the checker.
//
// Package sqsserver serves queues without a mapping over the JSON protocol of SQS, for clients of an SDK; Queue.Direct
// is the same without HTTP.
//
// Also simulated: filters (their simple operators), tumbling windows, the limits of parameters, and events in the full
// format that AWS documents. A function's timeout is the deadline of an invocation's context. A function that has not
// responded by then, that panics, or whose process dies has failed, and a later response is ignored.
//
// # What is not simulated
//
//   - Time spent in the services: messages are received, and records read, at the instant they are sent.
//   - Throttling: when Concurrency is reached nothing is received.
//   - Slower polling after function errors, and scaling down: the concurrency of a mapping grows from the first message
//     on, in steps of the documented rate, and stays.
//   - The rate at which Lambda adds environments to a function (1,000 in 10 seconds), and the limit of 10 invocations
//     per second of an environment.
//   - More than one mapping of a source, resharding, enhanced fan-out, aggregated records, pollers of a topic that
//     follow its load, Kafka's queue mode and schema registries, S3, SNS and Kafka destinations, queue-wide delays.
//   - Disorder in a standard queue: messages arrive in the order in which they were sent, redelivered ones at the end.
//   - A common checkpoint of a shard under ParallelizationFactor: each of its batches has its own.
//
// # Chance
//
// Random choices depend on the seed, the record's identifier and the number of its delivery (see Draw), so a seed
// reproduces them whatever the scheduling of goroutines. In virtual time, with Concurrency 1 and a sequential handler,
// the whole history is reproducible byte for byte.
package lambdasim
