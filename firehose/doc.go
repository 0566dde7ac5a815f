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
// The handler of a record returns the transformed record. troupe.Returning keeps it, and New writes the response.
//
// # Results
//
// The response contains each record of the event once, in order, with one of three results:
//
//   - Ok, with the data that the handler returned, if it returned nil in time.
//   - Dropped, if its error is marked by troupe.Drop. Firehose does not deliver the record, which counts as a success.
//   - ProcessingFailed otherwise: the handler failed, panicked or was abandoned, the record could not be decoded, or
//     there was no time to start it. This is final. Firehose does not retry such a record; it writes it to the
//     processing-failed folder of the bucket. So retry in place (troupe.WithRetry) if a second attempt may succeed.
//     The reason is in the report and in the log.
//
// An invocation never fails because of records: Firehose would repeat all of it, three times by default, and then
// deliver none of its records. troupe.WithErrorWhen therefore accepts only troupe.ErrorWhenNever.
//
// # Size and time
//
// Lambda rejects a response of more than 6 MB. The response stays below that, including base64 and metadata. A record
// that does not fit even alone fails; then records at the end of the batch fail, the last one first, until the rest
// fits. Their error is ErrTooLarge. A smaller buffer (BufferSizeInMBs) avoids that. A record with the result
// ProcessingFailed gets its own data back if there is room, so that the bucket shows it.
//
// Firehose waits at most five minutes for a function. The deadline of a batch is five minutes after its arrival, or
// the function's deadline if that is earlier.
//
// # Events
//
// The invocation fails with troupe.ErrEvent for a record without recordId, for two with the same, and for so many records that
// the response is too large without any data. A record whose data is not base64 fails. An arrival time, or metadata of
// Kinesis or MSK, that cannot be read is left out, and Report.Notes lists it.
//
// The data of records from Amazon MSK is called kafkaRecordValue in the event and in the response; Record.Data
// contains it too. Records have no order. Use troupe.WithGroup if records of a key must not overlap; the response
// has the order of the event in any case.
//
// The format is described in the Amazon Data Firehose Developer Guide: Transform source data
// (https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html), Required parameters for data
// transformation (https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html), Handle
// failure in data transformation
// (https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html) and Understand
// partitioning keys (https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-partitioning-keys.html).
package firehose
