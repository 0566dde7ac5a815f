package oteltroupe

import (
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// The name of the tracer and the meter, and the semantic conventions they follow.
const (
	scope  = "github.com/troupe-go/troupe/observe/oteltroupe"
	schema = "https://opentelemetry.io/schemas/1.44.0"
)

// Option configures where spans and metrics go.
type Option func(*config)

type config struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

// WithTracerProvider creates spans with provider. Default: otel.GetTracerProvider(), which also uses
// a provider that is set later.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(c *config) { c.tracers = provider }
}

// WithMeterProvider records metrics with provider. Default: otel.GetMeterProvider(), which also uses a
// provider that is set later.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return func(c *config) { c.meters = provider }
}

// configOf puts the options together for the function called name. It panics with an error on a bad one, as
// the constructors of processors do.
func configOf(name string, options []Option) config {
	c := config{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider()}
	for i, o := range options {
		if o == nil {
			panic(fmt.Errorf("troupe: oteltroupe.%s: option %d is nil", name, i+1))
		}
		o(&c)
	}
	if c.tracers == nil {
		panic(fmt.Errorf("troupe: oteltroupe.%s: WithTracerProvider(nil): must be a provider", name))
	}
	if c.meters == nil {
		panic(fmt.Errorf("troupe: oteltroupe.%s: WithMeterProvider(nil): must be a provider", name))
	}
	return c
}

func (c config) tracer() trace.Tracer {
	return c.tracers.Tracer(scope, trace.WithSchemaURL(schema))
}
