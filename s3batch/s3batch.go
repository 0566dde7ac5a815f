package s3batch

import (
	"github.com/troupe-go/troupe"
)

// Processor is the processor that New returns, for struct fields and parameters.
type Processor = troupe.Processor[Event, Response]

// New returns a processor for the tasks of S3 Batch Operations. handler may be wrapped by troupe.Returning to return
// a text for a successful task, a string or a []byte; otherwise the text is empty.
//
// It takes the options of package troupe, except WithIgnore and WithLowestOnly; WithErrorWhen accepts only
// ErrorWhenNever, the default. It panics if handler is nil or an option is invalid; troupe.NewProcessor, with Source
// and Answer, returns an error instead.
func New[M Task | troupe.Lazy[Task]](handler troupe.Handler[M], options ...troupe.Option) *Processor {
	p, err := troupe.NewProcessor(Source{}, Answer(), handler, options...)
	if err != nil {
		panic(err)
	}
	return p
}
