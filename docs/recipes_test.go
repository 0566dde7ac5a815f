package docs_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/observe/oteltroupe"
)

// What follows is on the page; TestTheRecipeIsTheCodeThatIsTested compares the two.

type flusher interface{ ForceFlush(context.Context) error }

// flushing flushes after each invocation, for at most a second.
func flushing(provider flusher, handler lambda.Handler) lambda.Handler {
	return handlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if err := provider.ForceFlush(ctx); err != nil {
				slog.WarnContext(ctx, "flush", "error", err)
			}
		}()
		return handler.Invoke(ctx, payload)
	})
}

type handlerFunc func(context.Context, []byte) ([]byte, error)

func (f handlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f(ctx, payload)
}

// End of what is on the page.

func TestTheRecipeIsTheCodeThatIsTested(t *testing.T) {
	code, err := os.ReadFile("recipes_test.go")
	require.NoError(t, err)
	_, recipe, _ := strings.Cut(string(code), "compares the two.\n\n")
	recipe, _, _ = strings.Cut(recipe, "\n// End of")
	page, err := os.ReadFile("recipes.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), "```go\n"+recipe+"```\n")
}

// Spans are exported by the time the response is returned, although the processor of the spans would hold them back.
func TestTheRecipeFlushesOpenTelemetry(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter, trace.WithBatchTimeout(time.Hour)))
	defer func() { require.NoError(t, provider.Shutdown(context.WithoutCancel(t.Context()))) }()
	charge := func(context.Context, events.SQSMessage) error { return nil }
	with := oteltroupe.WithTracerProvider(provider)
	handler := oteltroupe.Handler(troupe.SQS(oteltroupe.SQS(charge, with), oteltroupe.Observe()), with)
	event, err := os.ReadFile("../testdata/events/sqs.json")
	require.NoError(t, err)

	_, err = handler.Invoke(t.Context(), event)
	require.NoError(t, err)
	assert.Empty(t, exporter.GetSpans(), "without the recipe they wait")

	response, err := flushing(provider, handler).Invoke(t.Context(), event)
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[]}`, string(response))
	assert.NotEmpty(t, exporter.GetSpans())
}

// hung is a collector that does not answer.
type hung struct{}

func (hung) ForceFlush(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestTheRecipeWaitsASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger := slog.Default()
		slog.SetDefault(slog.New(slog.DiscardHandler))
		defer slog.SetDefault(logger)
		began := time.Now()
		response, err := flushing(hung{}, handlerFunc(func(context.Context, []byte) ([]byte, error) { return []byte("{}"), nil })).Invoke(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, "{}", string(response))
		assert.Equal(t, time.Second, time.Since(began))
	})
}
