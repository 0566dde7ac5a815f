// Package bulk passes a whole batch to its handler, for functions that write in bulk:
//
//	func main() { lambda.Start(bulk.SQS(index)) }
//
//	// index writes the messages in one request, and returns which of them failed.
//	func index(ctx context.Context, batch []events.SQSMessage) error { … }
//
// The handler's error determines the outcomes: nil means that all records have succeeded; Failures, that
// the records in it have failed; any other error, a panic or runtime.Goexit, that all have failed.
// Deadline, response, report, observers, failure hooks and log line are those of package troupe. One actor
// handles the batch, under the batch's supervisor.
//
// # Order
//
// The handler receives all records at once and is responsible for order within the batch. The policy decides which
// records are reported. By default it is the policy that package troupe derives:
//
//	Continue    what failed: standard queues, and streams and topics with troupe.WithoutOrder
//	StopGroup   what failed, and what is behind it in its group: streams, and topics of Kafka by partition
//	StopBatch   the first that failed, and all that is behind it: FIFO queues
//
// If only a message in the middle of a FIFO batch were reported, it would be redelivered after later messages had
// been deleted, and so out of order. So the later messages are reported as well, and are handled again. A handler
// for a FIFO queue should stop at its first failure. In the report such records have failed with troupe.ErrStopped
// or troupe.ErrGroupStopped.
//
// A record that cannot be decoded fails alone, before the handler starts. Neither it nor the later records that the
// policy stops are in the slice.
//
// # Enrich, then write
//
// SQSThen and its siblings call a handler for each record, in parallel and in order within a group, and then write
// the handlers' values in one call:
//
//	lambda.Start(bulk.SQSThen(troupe.Returning(enrich), write))
package bulk
