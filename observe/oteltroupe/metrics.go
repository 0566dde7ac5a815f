package oteltroupe

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/troupe-go/troupe"
)

// Observe returns an option for a processor: an observer that records the metrics of each batch, and sets
// the result on the span of Handler. It is safe for concurrent invocations.
//
// It panics if an option is invalid or an instrument cannot be created.
func Observe(options ...Option) troupe.Option {
	meter := configOf("Observe", options).meters.Meter(scope, metric.WithSchemaURL(schema))
	var m instruments
	var errs [6]error
	m.duration, errs[0] = meter.Float64Histogram("messaging.process.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of processing operation."),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
	m.consumed, errs[1] = meter.Int64Counter("messaging.client.consumed.messages", metric.WithUnit("{message}"),
		metric.WithDescription("Number of messages that were delivered to the application."))
	m.retries, errs[2] = meter.Int64Counter("troupe.record.retries", metric.WithUnit("{attempt}"),
		metric.WithDescription("Number of attempts at records beyond the first."))
	m.abandoned, errs[3] = meter.Int64Counter("troupe.handler.abandoned", metric.WithUnit("{handler}"),
		metric.WithDescription("Number of handlers that had not returned when their records had to be reported."))
	m.duplicates, errs[4] = meter.Int64Counter("troupe.record.duplicates", metric.WithUnit("{message}"),
		metric.WithDescription("Number of records that succeeded since an earlier handling of them had completed."))
	m.unrecorded, errs[5] = meter.Int64Counter("troupe.record.unrecorded", metric.WithUnit("{message}"),
		metric.WithDescription("Number of records that succeeded although their completion could not be stored."))
	for _, err := range errs {
		if err != nil {
			panic(err)
		}
	}
	return troupe.WithObserver(func(ctx context.Context, r *troupe.Report) {
		complete(ctx, r)
		// What happened has happened, though the invocation may have been cancelled.
		m.record(context.WithoutCancel(ctx), r)
	})
}

type instruments struct {
	duration   metric.Float64Histogram
	consumed   metric.Int64Counter
	retries    metric.Int64Counter
	abandoned  metric.Int64Counter
	duplicates metric.Int64Counter
	unrecorded metric.Int64Counter
}

// ending distinguishes records in metrics.
type ending struct {
	outcome   troupe.Outcome
	errorType string
}

// alike are the records of a batch that ended in the same way.
type alike struct {
	records    int64
	attributes metric.MeasurementOption
}

func (m *instruments) record(ctx context.Context, r *troupe.Report) {
	endings := map[ending]*alike{}
	for i := range r.Records {
		result := &r.Records[i]
		end := ending{outcome: result.Outcome}
		if result.Outcome == troupe.Failed {
			end.errorType = errorType(result.Err)
		}
		a := endings[end]
		if a == nil {
			a = &alike{attributes: end.attributes(system(r.Source))}
			endings[end] = a
		}
		a.records++
		if result.Attempts > 0 {
			m.duration.Record(ctx, result.Duration.Seconds(), a.attributes)
		}
	}
	for _, a := range endings {
		m.consumed.Add(ctx, a.records, a.attributes)
	}
	from := metric.WithAttributes(system(r.Source))
	if r.Retried > 0 {
		m.retries.Add(ctx, int64(r.Retried), from)
	}
	if r.Abandoned > 0 {
		m.abandoned.Add(ctx, int64(r.Abandoned), from)
	}
	if r.Duplicates > 0 {
		m.duplicates.Add(ctx, int64(r.Duplicates), from)
	}
	if r.Unrecorded > 0 {
		m.unrecorded.Add(ctx, int64(r.Unrecorded), from)
	}
}

func (e ending) attributes(system attribute.KeyValue) metric.MeasurementOption {
	all := append(operationAttributes(5), system, outcomeKey.String(e.outcome.String()))
	if e.errorType != "" {
		all = append(all, errorKey.String(e.errorType))
	}
	return metric.WithAttributeSet(attribute.NewSet(all...))
}
