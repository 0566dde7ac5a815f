// Package sqsredelivery makes the calls of package redelivery with the AWS SDK: it changes visibility timeouts, and sends
// dead letters to a queue.
//
//	client := sqs.NewFromConfig(cfg)
//	troupe.SQS(charge,
//		redelivery.Backoff(sqsredelivery.NewVisibility(client), redelivery.Exponential(30*time.Second, 15*time.Minute)),
//		redelivery.DeadLetter(sqsredelivery.NewSender(client, os.Getenv("DEAD_LETTER_QUEUE_URL")), 5))
//
// The function's role needs sqs:ChangeMessageVisibility on the source queue, and sqs:SendMessage on the dead-letter
// queue.
//
// # The dead-letter queue
//
// It is an ordinary queue to which the function sends. The dead-letter queue of the source queue's redrive policy is
// the natural choice: messages that nobody puts aside, such as those of a function that crashes, end up there as well.
// A FIFO source needs no FIFO dead-letter queue for this, but for its redrive policy.
//
// SQS does not know where such letters come from: they have no DeadLetterQueueSourceArn. To move them back with
// StartMessageMoveTask, give it a DestinationArn; the queue must be the dead-letter queue of some queue.
package sqsredelivery
