package firehose

import (
	"encoding/json"
	"errors"

	"github.com/troupe-go/troupe"
)

// Processor is the processor that New returns, for struct fields and parameters.
type Processor = troupe.Processor[Event, Response]

// New returns a processor for the batches of a Firehose stream. handler returns what a record becomes, an Output, a
// []byte or a string, and is wrapped by troupe.Returning, with typed.Firehose around it if the data is to be decoded.
// A record whose handler succeeds without such a value fails.
//
// It takes the options of package troupe, but not WithIgnore and WithLowestOnly, and of WithErrorWhen
// ErrorWhenNever alone, which is the default. By default a failed record has no effect on others. Under a policy
// that stops, the records that have not started fail for good, too. A last resort and a retry are not called
// for what does not fit into the response.
//
// It panics if handler is nil or an option is wrong; troupe.NewProcessor, with Source and Answer, returns an error
// instead.
func New[M Record | troupe.Lazy[Record]](handler troupe.Handler[M], options ...troupe.Option) *Processor {
	p, err := troupe.NewProcessor(Source{}, Answer(), handler, options...)
	if err != nil {
		panic(err)
	}
	return p
}

// Output is what a record becomes. It must not be changed once the handler has returned it.
type Output struct {
	// Data is what Firehose delivers. Nil and empty are the same: a record without data. Firehose puts nothing
	// between the records of an S3 object; JSON ends each with a newline.
	Data []byte
	// PartitionKeys are the keys for dynamic partitioning. Nil: none.
	PartitionKeys map[string]string
	// Table says where the record goes in a stream that delivers to Apache Iceberg tables. Nil: where the stream says.
	Table *Table
}

// Table is a table of Apache Iceberg, and what to do with a record there (AWS: Route incoming records to different
// Iceberg tables, https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-format-input-record-different.html).
type Table struct {
	Database string `json:"destinationDatabaseName"`
	Name     string `json:"destinationTableName"`
	// Operation is insert, update or delete. Empty: insert.
	Operation string `json:"operation,omitempty"`
}

// JSON returns an Output with value as JSON and a newline behind it. The error is that of encoding/json; the record
// has failed for good then.
func JSON(value any) (Output, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return Output{}, troupe.Permanent(err)
	}
	return Output{Data: append(text, '\n')}, nil
}

// ErrTooLarge is the error of a record whose result did not fit into the response.
var ErrTooLarge = errors.New("troupe: the result does not fit into the response, which must stay below 6 MB")
