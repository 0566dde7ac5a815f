// Package bulk hands a batch to its handler as a whole, for functions that write in bulk:
//
//	func main() { lambda.Start(bulk.SQS(index)) }
//
//	// index writes the messages by one request, and returns which of them failed.
//	func index(ctx context.Context, batch []events.SQSMessage) error { … }
//
// What the handler returns decides: nil means that all records have succeeded; Failures, that those in it
// have failed; any other error, a panic or runtime.Goexit, that all have. Deadline, response, report,
// observers, failure hooks and log line are those of package troupe. One actor handles the batch, under the
// batch's supervisor.
//
// # Order
//
// The handler has all records at once, so order within the batch is its business. What is reported keeps to
// the policy, which is the one that package troupe would derive, unless another is given:
//
//	Continue    what failed: standard queues, and streams and topics with troupe.WithoutOrder
//	StopGroup   what failed, and what is behind it in its group: streams, and topics of Kafka by partition
//	StopBatch   the first that failed, and all that is behind it: FIFO queues
//
// Were a message in the middle of a FIFO queue's batch the only one reported, it would come back when those
// behind it have been deleted: out of order. So they are reported as well. They have been handled already,
// and redelivered; a handler for a FIFO queue does best to stop at its first failure. In the report such a
// record has failed with troupe.ErrStopped or troupe.ErrGroupStopped.
//
// A record that cannot be decoded is not in the handler's slice and fails by itself. It has failed before the
// handler starts; so what the policy stops behind it is not in the slice either.
//
// # Enrich, then write
//
// SQSThen and its siblings call a handler for each record, in parallel and in order within a group, and then write
// what the handlers returned by one call:
//
//	lambda.Start(bulk.SQSThen(troupe.Returning(enrich), write))
package bulk
