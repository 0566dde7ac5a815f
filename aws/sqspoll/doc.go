// Package sqspoll runs an SQS handler outside Lambda: it polls a queue and passes the messages to the processor that
// lambda.Start takes under Lambda.
//
//	processor := troupe.SQS(charge)
//	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
//		lambda.Start(processor)
//		return
//	}
//	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
//	defer stop()
//	err := sqspoll.Run(ctx, sqs.NewFromConfig(cfg), queueURL, processor)
//
// Groups, order, policies, deadlines, observers and hooks are the processor's, and so is the event: its messages
// contain everything that Lambda would include. Run does the rest of what Lambda does: it receives, keeps the
// messages of a batch invisible as long as the batch takes, and deletes those that succeeded or were dropped. A
// failed message stays in the queue and becomes visible again when its visibility timeout ends: at the latest
// WithVisibility after the batch. The queue's redrive policy eventually moves it to the dead-letter queue.
//
// # What Run promises
//
// A comment that says SPEC Q1 means Q1 here.
//
// Q1. Deletion follows the report, never the error of the invocation: a message is deleted if it succeeded or was dropped.
// If a receive contains a message twice, both receipts are deleted only if both copies succeeded or were dropped. Entries
// that fail are deleted again until the visibility timeout ends, and for at least 5 s. Entries that SQS refuses are not: in
// a FIFO queue a message whose visibility timeout has ended, and all if the queue does not exist or access is denied. They
// are logged, counted and redelivered. On a standard queue the deletes of a batch overlap its worker's next batch, unless
// the visibility timeout of one of its messages has ended; on a FIFO queue they precede the next receive.
//
// Q2. The visibility timeout of every message of a batch, waiting ones included, is renewed after half of it, from the
// receive to the end of the batch, up to 12 h. A call that fails is repeated after a twelfth of it. Failed messages are
// renewed until all outcomes are known.
//
// Q3. A message that may be visible, because renewals failed or the machine stood still, is not started: another consumer
// may have received it. The timeout is counted by a monotonic clock, from the start of the receive or of the last renewal
// that succeeded in time. If it has passed for a message, or for one before it in its group, handled or not, the message
// fails with troupe.ErrNotStarted and ErrExpired, and nothing more of its group starts. A running handler is not stopped.
//
// Q4. No call that changes the visibility of a failed message is under way, or follows, when observers are called. The
// same holds for every message when it is deleted.
//
// Q5. When ctx ends nothing is received any more. Receives under way finish, for their messages would be invisible to
// everybody otherwise. Messages that have not started are given back, with a visibility timeout of zero and ErrStopping,
// those of a group when none of it runs and no copy of the message does. Handlers have up to WithDrain; then their contexts
// end (troupe.ErrCancelled), and the batches end within half a second. Run returns after the deletes, which have 5 s more:
// after at most WithDrain, or WithWait if that is more, and about 6 s.
//
// Q6. A receive that fails is repeated, with pauses of up to 20 s. Run ends with an error, once everything under way has
// ended, if the queue does not exist or access is denied. A restarted server that has lost its queues, such as an emulator,
// is such a case.
//
// Q7. The batch has the messages of one receive, at most 10, with what Lambda passes on. Its deadline is WithBatchTimeout
// after the receive. At most WithBatches batches are processed at once.
//
// Delivery is at least once, as under Lambda: a crash, a delete that fails and a visibility timeout that ends all lead
// to a redelivery.
//
// # What differs from Lambda
//
//   - Batches, their deadline and what is deleted: Q7 and Q1. ErrorWhen has no effect.
//   - The event source mapping's filter, scaling and maximum concurrency do not exist.
//   - There is no lambdacontext, and no AWS_LAMBDA_FUNCTION_NAME: package idempotency needs WithFunction.
//
// The caller's role needs sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility and
// sqs:GetQueueAttributes on the queue.
//
// # Sizing
//
//   - Memory: up to twice WithBatches × WithBatchSize messages, of up to 1 MiB each: those of the current batches, and
//     those of earlier batches that are being deleted.
//   - Handlers at once: up to WithBatches × the smaller of WithBatchSize and troupe.WithConcurrency.
//   - Throughput: about the number of handlers divided by the duration of one. Use more batches if durations vary
//     widely, but no more than a FIFO queue has active message groups.
//   - Connections: each batch makes up to two calls at once. The SDK's HTTP client keeps 10 idle connections to a host;
//     for more than 5 batches raise its MaxIdleConnsPerHost (WithTransportOptions of awshttp.BuildableClient).
//   - Requests: a receive and a delete per batch, and a renewal every half of WithVisibility. An idle process makes
//     WithBatches receives every 20 s: about 650,000 a month with the default of 5.
//   - Stopping: WithDrain plus 6 s, and WithWait, must be less than the grace period: stopTimeout of ECS (30 s by
//     default, at most 120 s), terminationGracePeriodSeconds of Kubernetes.
//   - Visibility: half of it must cover the gaps of your network.
package sqspoll
