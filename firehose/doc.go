// Package firehose transforms the records that Amazon Data Firehose passes to a function before it delivers them:
//
//	func main() { lambda.Start(firehose.New(typed.Firehose(troupe.Returning(clean)))) }
//
//	func clean(ctx context.Context, event Event) (firehose.Output, error) {
//		if event.Test {
//			return firehose.Output{}, troupe.Drop(errors.New("a test event"))
//		}
//		return firehose.JSON(Row{Device: event.Device, At: event.At})
//	}
//
// The handler of a record returns what the record becomes. troupe.Returning keeps that, and New writes the response.
//
// # Results
//
// The response has each record of the event once, in its order, with one of three results:
//
//   - Ok, with the data that the handler returned, if it returned nil in time.
//   - Dropped, if its error is marked by troupe.Drop. Firehose does not deliver the record, which counts as success.
//   - ProcessingFailed otherwise: the handler failed, panicked or was abandoned, the record could not be decoded, or
//     there was no time to start it. This is final. Firehose does not try such a record again; it writes it to the
//     processing-failed folder of the bucket. So retry in place (troupe.WithRetry) what may succeed a second time. The
//     reason is in the report and in the log.
//
// An invocation never fails because of records, since Firehose would repeat all of it, three times by default, and
// deliver none of its records after that. troupe.WithErrorWhen therefore accepts troupe.ErrorWhenNever only.
//
// # Size and time
//
// Lambda refuses a response of more than 6 MB. The response stays below that, with base64 and metadata counted. If the
// transformed records are larger, a record that does not fit by itself has failed, and then those at the end of
// the batch, the last one first, until the rest fits. Their error is ErrTooLarge. A smaller buffer (BufferSizeInMBs)
// avoids that. A record with the result ProcessingFailed has its own data back where there is room for it, so that
// there is something to look at in the bucket.
//
// Firehose waits for a function for five minutes at most. The deadline of a batch is five minutes after its arrival,
// or the function's own if that is earlier.
//
// # Sources
//
// The data of records from Amazon MSK is called kafkaRecordValue, in the event and in the response; Record.Data has
// it all the same. Records have no order. Give troupe.WithGroup where records of a key must not overlap; the order
// of the response is that of the event in any case.
//
// The format is described in the Amazon Data Firehose Developer Guide: Transform source data
// (https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html), Required parameters for data
// transformation (https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html), Handle
// failure in data transformation
// (https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html) and Understand
// partitioning keys (https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-partitioning-keys.html).
package firehose
