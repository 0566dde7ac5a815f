package oteltroupe_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/observe/oteltroupe"
)

// What each part costs, with the SDK recording everything and exporting nothing, and without an SDK.
func Benchmark(b *testing.B) {
	const records = 100
	var batch []message
	for i := range records {
		batch = append(batch, message{id: fmt.Sprint("m", i), xray: xray})
	}
	payload := event(batch...)
	sdk := []oteltroupe.Option{
		oteltroupe.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(sdktrace.NewSimpleSpanProcessor(nil)))),
		oteltroupe.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))),
	}
	for _, c := range []struct {
		name      string
		processor lambda.Handler
	}{
		{"without", troupe.SQS(charge)},
		{"observer that does nothing", troupe.SQS(charge, troupe.WithObserver(func(context.Context, *troupe.Report) {}))},
		{"middleware that does nothing", troupe.SQS(charge, troupe.WithMiddleware(func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
			return next
		}))},
		{"Handler", oteltroupe.Handler(troupe.SQS(charge), sdk...)},
		{"SQS", troupe.SQS(oteltroupe.SQS(charge, sdk...))},
		{"Spans", troupe.SQS(charge, oteltroupe.Spans(sdk...))},
		{"Observe", troupe.SQS(charge, oteltroupe.Observe(sdk...))},
		{"all", oteltroupe.Handler(troupe.SQS(oteltroupe.SQS(charge, sdk...), oteltroupe.Observe(sdk...)), sdk...)},
		{"all, no SDK", oteltroupe.Handler(troupe.SQS(oteltroupe.SQS(charge), oteltroupe.Observe()))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.processor.Invoke(context.Background(), payload); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
		})
	}
}
