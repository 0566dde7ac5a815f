package firehose

import (
	"encoding/json"
	"errors"

	"github.com/troupe-go/troupe"
)

// Processor is the processor that New returns, for struct fields and parameters.
type Processor = troupe.Processor[Event, Response]

// New returns a processor for the batches of a Firehose stream. handler returns the transformed record, an Output, a
// []byte or a string, and is wrapped by troupe.Returning, and by typed.Firehose around it to decode the data. A
// record whose handler succeeds without such a value fails.
//
// It takes the options of package troupe, except WithIgnore and WithLowestOnly; WithErrorWhen accepts only
// ErrorWhenNever, the default. By default a failed record does not affect others. Under a policy that stops,
// records that have not started fail for good, too. Last resorts and retries are not called for results that do
// not fit into the response.
//
// It panics if handler is nil or an option is invalid; troupe.NewProcessor, with Source and Answer, returns an
// error instead.
func New[M Record | troupe.Lazy[Record]](handler troupe.Handler[M], options ...troupe.Option) *Processor {
	p, err := troupe.NewProcessor(Source{}, Answer(), handler, options...)
	if err != nil {
		panic(err)
	}
	return p
}

// Output is a transformed record. It must not be changed after the handler has returned it.
type Output struct {
	// Data is what Firehose delivers. Nil and empty both mean a record without data. Firehose writes no
	// separator between the records of an S3 object; JSON ends each with a newline.
	Data []byte
	// PartitionKeys are the keys for dynamic partitioning. Nil: none.
	PartitionKeys map[string]string
	// Table is the destination of the record in a stream that delivers to Apache Iceberg tables. Nil: the stream's.
	Table *Table
}

// Table is a table of Apache Iceberg, with the operation for the record (AWS: Route incoming records to different
// Iceberg tables, https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-format-input-record-different.html).
type Table struct {
	Database string `json:"destinationDatabaseName"`
	Name     string `json:"destinationTableName"`
	// Operation is insert, update or delete. Empty: insert.
	Operation string `json:"operation,omitempty"`
}

// JSON returns an Output with value as JSON, followed by a newline. An error is encoding/json's; the record then
// fails for good.
func JSON(value any) (Output, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return Output{}, troupe.Permanent(err)
	}
	return Output{Data: append(text, '\n')}, nil
}

// ErrTooLarge is the error of a record whose result does not fit into the response.
var ErrTooLarge = errors.New("troupe: the result does not fit into the response, which must stay below 6 MB")
