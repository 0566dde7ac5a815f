package cli

import (
	"context"
	"io"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
)

// function is the Lambda function of the demo. It is a lambda.Handler.
type function struct {
	source     string // of all events, or auto
	processors map[batch.Source]lambda.Handler
	refused    map[batch.Source]error // the error of each source without a processor
	trace      io.Writer              // nil for none
}

// refusedError is an invalid option or variable.
type refusedError struct{ error }

func (e refusedError) Unwrap() error { return e.error }

// newFunction returns the function that o describes. The error is a refusedError. If the source is not known yet, an
// option that only some sources refuse is an error only for their events. The extra options follow all others.
func newFunction(o options, play *player, stderr io.Writer, last ...troupe.Option) (*function, error) {
	set := append(o.processor[:len(o.processor):len(o.processor)], troupe.WithLogger(newLogger(o.report, stderr)))
	f := &function{source: o.source, processors: make(map[batch.Source]lambda.Handler), refused: make(map[batch.Source]error)}
	if o.trace {
		f.trace = stderr
		set = append(set, troupe.WithFailureHook(traceAbandoned))
	}
	if o.report != reportNone {
		set = append(set, troupe.WithObserver(func(_ context.Context, r *troupe.Report) { writeReport(stderr, o.report, r) }))
	}
	set = append(set, last...)
	f.add(batch.SQS)(sqsProcessor(traced(f.trace, play.sqs), set))
	f.add(batch.Kinesis)(kinesisProcessor(traced(f.trace, play.kinesis), set))
	f.add(batch.DynamoDB)(dynamoDBProcessor(traced(f.trace, play.dynamodb), set))
	f.add(batch.Kafka)(kafkaProcessor(traced(f.trace, play.kafka), set))
	f.add(batch.Firehose)(firehoseProcessor(traced(f.trace, play.firehose), set))
	f.add(batch.S3Batch)(s3batchProcessor(traced(f.trace, play.s3batch), set))

	if o.source != sourceAuto {
		return f, f.refused[batch.Source(o.source)]
	}
	if len(f.processors) == 0 {
		return f, f.refused[batch.SQS]
	}
	return f, nil
}

// add adds the processor of a source, or its error.
func (f *function) add(source batch.Source) func(lambda.Handler, error) {
	return func(p lambda.Handler, err error) {
		if err != nil {
			f.refused[source] = err
		} else {
			f.processors[source] = p
		}
	}
}

// Invoke passes the event to the processor of its source.
func (f *function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	source := batch.Source(f.source)
	if f.source == sourceAuto {
		var err error
		if source, err = sources.Detect(payload); err != nil {
			return nil, err
		}
	}
	processor, ok := f.processors[source]
	if !ok {
		return nil, f.refused[source]
	}
	if f.trace != nil {
		t := newTrace(f.trace)
		defer t.close()
		ctx = t.in(ctx)
	}
	return processor.Invoke(ctx, payload)
}

// newLogger returns the processors' logger. It writes JSON if the report is JSON or there is none.
func newLogger(report string, stderr io.Writer) *slog.Logger {
	var handler slog.Handler = slog.NewJSONHandler(stderr, nil)
	if report == reportText {
		handler = slog.NewTextHandler(stderr, nil)
	}
	if report != reportNone {
		handler = withoutFailures{handler}
	}
	return slog.New(handler)
}

// withoutFailures drops the line that troupe logs for a batch with failures, since the report contains all of it.
type withoutFailures struct{ slog.Handler }

func (h withoutFailures) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "troupe: records failed" {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}
