// Package window handles the tumbling windows of Kinesis and DynamoDB streams: a fold over the records of a
// shard, whose state Lambda carries from one batch of a window to the next.
//
//	func main() { lambda.Start(window.Kinesis(add, store)) }
//
//	// add takes one record into the totals.
//	func add(ctx context.Context, totals Totals, rec events.KinesisEventRecord) (Totals, error) { … }
//
//	// store is called with the totals of a window at its end.
//	func store(ctx context.Context, totals Totals) error { … }
//
// The event source mapping needs TumblingWindowInSeconds, and ReportBatchItemFailures among its
// FunctionResponseTypes.
//
// # What is counted
//
// The records of a batch are folded one at a time in batch order, and the first failure stops the batch. The
// state in the response covers exactly the records before the lowest one reported, from which Lambda starts
// again. When the invocation returns an error, Lambda starts again with the state it had. So whatever fails,
// and however often, each record is in the state once. What a fold does beside that, such as a write to a
// table, is done again when its record comes again.
//
// A fold that has failed leaves no trace in the state, even if it has changed maps or slices in place; one
// that was abandoned cannot change it later. Where S holds floats, strings, maps, slices, pointers or
// interfaces, or has a JSON form of its own, its JSON is made after every record for that purpose, so that
// records cost time in proportion to the size of the state. Other types are copied.
//
// # What S has to be
//
// What encoding/json makes of S is what is carried: unexported fields are not. It should be a struct or a
// map, since AWS describes the state as an object. Windows begin with the S that {} is decoded into.
package window
