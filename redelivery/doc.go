// Package redelivery decides when a failed record is redelivered, and takes records that cannot succeed out of the way.
// SQS redelivers a failed message when the visibility timeout of its queue ends, and moves it to the dead-letter queue
// after a number of receives; later messages of its FIFO group wait, and use up receives if they are in the same batch.
// With this package one poison message costs one message, and an outage costs a delay:
//
//	troupe.SQS(charge,
//		redelivery.Backoff(visibility, redelivery.Exponential(30*time.Second, 15*time.Minute)),
//		redelivery.DeadLetter(deadLetters, 5))
//
// Backoff gives each message that failed a visibility timeout of its own, after the batch. DeadLetter sends a message
// to a dead-letter queue at once if it failed with troupe.Permanent, if it cannot be decoded, or at its fifth receive
// in this example; it is then dropped from the batch, and the rest of its group continues.
//
// # Calls
//
// Backoff makes its calls in an observer, once every outcome is known: ten messages a call, 16 calls at once, and none
// if no handler failed. A FIFO group of more than ten messages takes several calls, one after the other in batch order,
// up to the first that fails: the later messages stay hidden behind the earlier ones. So a failed entry delays the
// group but does not reorder it. A message for which there is no time keeps the timeout of the queue, and Totals counts
// it, as do messages that cannot be decoded and groups in which no handler failed. A time that the queue rejects is
// tried once more with half.
//
// A dead letter is sent at least once, on the slot of its record, until the last call at the latest. It has the body and
// the attributes of the record, and an attribute DeadLetterReason. A record of a stream or topic is not sent if a record
// before it in its batch has failed or will not be started any more. Either option raises the reserve to at least 1 s.
//
// The interfaces Visibility and Sender are implemented by github.com/troupe-go/troupe/aws/sqsredelivery. A
// comment that says SPEC V1 means Backoff, V2 DeadLetter, V3 their calls and V4 the Letter. docs/guides/retries.md explains
// when to use what.
package redelivery
