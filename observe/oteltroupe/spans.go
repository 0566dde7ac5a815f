package oteltroupe

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// Handler puts a span around each invocation of a processor. Its status is an error if the invocation returns
// one; Observe adds the results of the records. It is safe for concurrent invocations.
//
// It panics if processor is nil or an option is invalid.
func Handler(processor lambda.Handler, options ...Option) lambda.Handler {
	if processor == nil {
		panic(errors.New("troupe: oteltroupe.Handler(nil): must be a processor"))
	}
	return &batches{next: processor, tracer: configOf("Handler", options).tracer()}
}

type batches struct {
	next   lambda.Handler
	tracer trace.Tracer
}

type batchKey struct{}

// Invoke handles the event within a span.
func (b *batches) Invoke(ctx context.Context, payload []byte) (response []byte, err error) {
	ctx, span := b.tracer.Start(ctx, operation, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(operationAttributes(2)...))
	defer span.End()
	response, err = b.next.Invoke(context.WithValue(ctx, batchKey{}, span), payload)
	// Only the outermost type counts: errors.Is would also search the handlers' errors.
	switch err.(type) {
	case nil:
	case *batch.EventError:
		fail(span, troupe.ErrEvent.Word(), err)
	default: // of any record's reasons none is the batch's
		fail(span, batch.TypeName(err), err)
	}
	return response, err
}

// Spans returns an option for a processor: middleware that starts a span for each attempt at a record,
// whatever the source. The handler's context contains it. A record that cannot be decoded, or never
// starts, has no span.
//
// It panics if an option is invalid.
func Spans(options ...Option) troupe.Option {
	tracer := configOf("Spans", options).tracer()
	return troupe.WithMiddleware(func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
		return func(ctx context.Context, rec troupe.Record) error {
			return attempt(ctx, tracer, rec, Origin{}, func(ctx context.Context) error { return next(ctx, rec) })
		}
	})
}

// Origin describes the origin of a message.
type Origin struct {
	// Destination is the name of the queue, stream or topic; there must be few distinct names.
	Destination string
	// Senders are the spans that sent the message. OpenTelemetry's SDK omits invalid ones.
	Senders []trace.SpanContext
}

// Wrap starts a span for each call of handler, with links to the spans that sent the message, and with the
// destination in its name. The handler's context contains it. origin is called once per attempt and must be
// quick; it receives the handler's record, which it must not change.
//
// It panics if a function is nil or an option is invalid.
func Wrap[T any](handler func(context.Context, T) error, origin func(T) Origin, options ...Option) func(context.Context, T) error {
	if handler == nil || origin == nil {
		panic(errors.New("troupe: oteltroupe.Wrap(nil): must be functions"))
	}
	tracer := configOf("Wrap", options).tracer()
	return func(ctx context.Context, record T) error {
		rec, _ := troupe.RecordFrom(ctx)
		return attempt(ctx, tracer, rec, origin(record), func(ctx context.Context) error { return handler(ctx, record) })
	}
}

// attempt makes the call within a span.
func attempt(ctx context.Context, tracer trace.Tracer, rec troupe.Record, from Origin, call func(context.Context) error) (err error) {
	name := operation
	attributes := append(appendSource(operationAttributes(8), rec.Source),
		messageKey.String(rec.ID), indexKey.Int(rec.Index), attemptKey.Int(rec.Attempt))
	if from.Destination != "" {
		name += " " + from.Destination
		attributes = append(attributes, destinationKey.String(from.Destination))
	}
	ctx, span := tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attributes...), trace.WithLinks(linksTo(from.Senders)...))

	returned := false
	defer func() {
		defer span.End()
		if returned {
			return
		}
		v := recover()
		if v == nil { // runtime.Goexit continues
			fail(span, troupe.ErrGoexit.Word(), troupe.ErrGoexit)
			return
		}
		fail(span, troupe.ErrPanic.Word(), &troupe.PanicError{Value: v})
		panic(v) // with the handler's frames still on the stack
	}()
	err = call(ctx)
	returned = true
	switch {
	case batch.IsDrop(err):
		span.SetAttributes(outcomeKey.String(troupe.Dropped.String()))
	case err != nil:
		fail(span, attemptErrorType(ctx, err), err)
	}
	return err
}

func linksTo(senders []trace.SpanContext) (links []trace.Link) {
	for _, sender := range senders {
		links = append(links, trace.Link{SpanContext: sender})
	}
	return links
}

// fail sets the error of a span's operation.
func fail(span trace.Span, why string, err error) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(errorKey.String(why))
	span.SetStatus(codes.Error, batch.Text(err))
}

// complete adds the result of the batch to the invocation's span, if Handler has started one.
func complete(ctx context.Context, r *troupe.Report) {
	span, ok := ctx.Value(batchKey{}).(trace.Span)
	if !ok || !span.IsRecording() {
		return
	}
	span.SetAttributes(append(appendSource(nil, r.Source),
		countKey.Int(len(r.Records)),
		attribute.Int("troupe.succeeded", r.Succeeded),
		attribute.Int("troupe.failed", r.Failed),
		attribute.Int("troupe.dropped", r.Dropped),
		attribute.Int("troupe.not_started", r.NotStarted),
		attribute.Int("troupe.retried", r.Retried),
		attribute.Int("troupe.abandoned", r.Abandoned),
	)...)
	if r.Duplicates > 0 || r.Unrecorded > 0 {
		span.SetAttributes(attribute.Int("troupe.duplicates", r.Duplicates), attribute.Int("troupe.unrecorded", r.Unrecorded))
	}
}
