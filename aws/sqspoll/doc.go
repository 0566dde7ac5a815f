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
// Groups, order, policies, deadlines, observers and hooks are the processor's, and so is the event: its messages have
// what Lambda gives them. What Lambda does around it is done by Run: it receives, keeps the messages of a batch invisible
// as long as the batch takes, and deletes those that succeeded or were dropped. A failed message stays in the queue and
// becomes visible again when its visibility timeout ends: at the latest WithVisibility after the batch. The queue's
// redrive policy moves it to the dead-letter queue in the end.
//
// # What Run promises
//
// The rules are Q1 to Q7 in docs/semantics.md. In short:
//
// A message is deleted if the report says that it succeeded or was dropped, and for no other reason. If a receive
// contains a message twice, both receipts are deleted only if both copies succeeded or were dropped (Q1).
//
// Every message of a batch is kept invisible from its receive to the end of the batch, those that wait for others
// included. If that fails, because of the network or a machine that stood still, a message that may have become visible
// is not started (ErrExpired), and neither is the rest of its group in the batch, even if the message itself was handled:
// another consumer may have received it. A handler that is running is not stopped (Q2, Q3).
//
// Nothing changes the visibility of a message any more when observers are called, if it failed, or when it is deleted (Q4).
//
// If the queue does not exist, or access is denied, Run ends with an error. That includes an emulator that has lost its
// queues at a restart. All other errors are retried (Q6).
//
// Delivery is at least once, as under Lambda: a crash, a delete that fails and a visibility timeout that ends all lead
// to a redelivery. In a FIFO queue a delete fails once the visibility timeout has ended; that is logged and counted, and
// the message is redelivered.
//
// # Stopping
//
// When ctx ends Run receives no more, lets receives under way finish, and gives messages back that have not started
// (Q5): their visibility timeout becomes zero. Messages of a group are given back when none of it runs. Handlers that run
// continue for up to WithDrain; then their contexts end (troupe.ErrCancelled), and the batches end within half a second, plus
// the time of their deletes. So Run returns after at most WithDrain, or WithWait if that is more, and about 6 s.
//
// # What differs from Lambda
//
//   - A batch has up to 10 messages, from one receive.
//   - The deadline of a batch is WithBatchTimeout after its receive.
//   - ErrorWhen has no effect on what is deleted: an error of the processor does not bring back what succeeded.
//   - The event source mapping's filter, scaling and maximum concurrency do not exist.
//   - There is no lambdacontext, and no AWS_LAMBDA_FUNCTION_NAME: package idempotency needs WithFunction.
//
// The caller's role needs sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility and
// sqs:GetQueueAttributes on the queue.
package sqspoll
