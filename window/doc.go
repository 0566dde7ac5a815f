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
// state in the response covers exactly the records before the lowest reported one, where Lambda resumes. If the
// invocation returns an error, Lambda resumes with the previous state. So each record is in the state once,
// whatever fails and however often. Side effects of a fold, such as a write to a table, are repeated when its
// record is redelivered.
//
// A fold that has failed does not change the state, even if it has changed maps or slices in place; an abandoned fold
// cannot change it later. Therefore the state is copied after every record, if S consists of numbers, booleans,
// strings, and structs, arrays, slices and maps of these. If it contains pointers or interfaces, or has a JSON form of
// its own, it is encoded instead, which takes five times as long. So each record costs time in proportion to the size
// of the state.
//
// # The state
//
// Lambda carries the JSON of S, as encoding/json encodes it, without unexported fields. S should be a struct or a map,
// since AWS describes the state as an object. A window begins with the S that {} decodes to: the zero value, with
// empty maps. AWS limits the state to 1 MB per shard; a record that makes the state larger than MaxState, or
// impossible to encode, such as by a NaN, fails. A state that cannot be decoded into S is an error of the invocation:
// when you change S, open windows continue with the old state.
//
// See AWS, Implementing stateful Kinesis Data Streams processing in Lambda:
// https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
package window
