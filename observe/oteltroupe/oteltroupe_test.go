package oteltroupe_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/observe/oteltroupe"
)

// A trace header of each kind, and the span that they name.
const (
	xray        = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	xraySpan    = "5759e988bd862e3fe1be46a994272793/53995c3f42cd8ad8 sampled"
	w3cSpan     = "0af7651916cd43dd8448eb211c80319c/b7ad6b7169203331 sampled"
)

// message is a message of a queue called orders as Lambda hands it over.
type message struct{ id, body, xray, traceparent string }

func (m message) String() string {
	attributes, own := `"ApproximateReceiveCount":"1"`, ""
	if m.xray != "" {
		attributes += fmt.Sprintf(`,"AWSTraceHeader":%q`, m.xray)
	}
	if m.traceparent != "" {
		own = fmt.Sprintf(`"traceparent":{"stringValue":%q,"dataType":"String"}`, m.traceparent)
	}
	return fmt.Sprintf(`{"messageId":%q,"body":%q,"attributes":{%s},"messageAttributes":{%s},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:orders"}`,
		m.id, m.body, attributes, own)
}

func event(records ...message) []byte {
	var texts []string
	for _, r := range records {
		texts = append(texts, r.String())
	}
	return []byte(`{"Records":[` + strings.Join(texts, ",") + `]}`)
}

type ownError struct{}

func (*ownError) Error() string { return "an error of the handler's own" }

// obey does what the body says.
func obey(ctx context.Context, body string) error {
	rec, _ := troupe.RecordFrom(ctx)
	switch body {
	case "fail":
		return fmt.Errorf("wrapped: %w", troupe.Permanent(&ownError{}))
	case "fail once":
		if rec.Attempt == 1 {
			return &ownError{}
		}
	case "panic":
		panic("told to panic")
	case "exit":
		runtime.Goexit()
	case "refuse":
		return troupe.ErrEvent
	case "drop":
		return batch.Drop(errors.New("dropped as directed"))
	case "work":
		time.Sleep(30 * time.Millisecond)
	case "wait":
		<-ctx.Done()
		return ctx.Err()
	case "hang":
		time.Sleep(time.Hour)
	}
	return nil
}

func charge(ctx context.Context, msg events.SQSMessage) error { return obey(ctx, msg.Body) }

// telemetry collects what is recorded.
type telemetry struct {
	spans  *tracetest.SpanRecorder
	tracer *sdktrace.TracerProvider
	reader *sdkmetric.ManualReader
	meter  *sdkmetric.MeterProvider
}

func collect() *telemetry {
	c := &telemetry{spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	c.tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(c.spans))
	c.meter = sdkmetric.NewMeterProvider(sdkmetric.WithReader(c.reader))
	return c
}

func (c *telemetry) to() []oteltroupe.Option {
	return []oteltroupe.Option{oteltroupe.WithTracerProvider(c.tracer), oteltroupe.WithMeterProvider(c.meter)}
}

// sqs is a processor with all that there is.
func (c *telemetry) sqs(options ...troupe.Option) lambda.Handler {
	options = append(options, troupe.WithLogger(slog.New(slog.DiscardHandler)), oteltroupe.Observe(c.to()...))
	return oteltroupe.Handler(troupe.SQS(oteltroupe.SQS(charge, c.to()...), options...), c.to()...)
}

// ended has the spans by the identifier of their message and the attempt, and the batch's as "".
func (c *telemetry) ended(t *testing.T) map[string]sdktrace.ReadOnlySpan {
	t.Helper()
	spans := map[string]sdktrace.ReadOnlySpan{}
	for _, s := range c.spans.Ended() {
		key := ""
		if id, ok := attributes(s)["messaging.message.id"]; ok {
			key = fmt.Sprint(id, "/", attributes(s)["troupe.record.attempt"])
		}
		assert.NotContains(t, spans, key, "one span each")
		spans[key] = s
	}
	return spans
}

func attributes(s sdktrace.ReadOnlySpan) map[string]any { return plain(s.Attributes()) }

func plain(all []attribute.KeyValue) map[string]any {
	m := map[string]any{}
	for _, a := range all {
		m[string(a.Key)] = a.Value.AsInterface()
	}
	return m
}

// senders are the spans that a span is linked to.
func senders(s sdktrace.ReadOnlySpan) (all []string) {
	for _, l := range s.Links() {
		text := l.SpanContext.TraceID().String() + "/" + l.SpanContext.SpanID().String()
		if l.SpanContext.IsSampled() {
			text += " sampled"
		}
		if !l.SpanContext.IsRemote() {
			text += " local"
		}
		all = append(all, text)
	}
	return all
}

// The conventions for SQS and Lambda: a CONSUMER span for the batch, below that of the function if there is
// one, and below it a CONSUMER span per message with a link to its sender.
func TestSpansAreWhatTheConventionsSay(t *testing.T) {
	c := collect()
	ctx, function := c.tracer.Tracer("test").Start(context.Background(), "function")
	_, err := c.sqs().Invoke(ctx, event(message{id: "m1", xray: xray}, message{id: "m2", body: "fail"}))
	require.NoError(t, err)

	spans := c.ended(t)
	require.Len(t, spans, 3)
	batch := spans[""]
	assert.Equal(t, "process", batch.Name())
	assert.Equal(t, trace.SpanKindConsumer, batch.SpanKind())
	assert.Equal(t, function.SpanContext().SpanID(), batch.Parent().SpanID())
	assert.Equal(t, codes.Unset, batch.Status().Code, "the invocation is no error")
	assert.Equal(t, map[string]any{
		"messaging.system": "aws_sqs", "messaging.operation.name": "process", "messaging.operation.type": "process",
		"faas.trigger": "pubsub", "messaging.batch.message_count": int64(2), "troupe.succeeded": int64(1), "troupe.failed": int64(1),
		"troupe.dropped": int64(0), "troupe.not_started": int64(0), "troupe.retried": int64(0), "troupe.abandoned": int64(0),
	}, attributes(batch))
	assert.Equal(t, "https://opentelemetry.io/schemas/1.44.0", batch.InstrumentationScope().SchemaURL)

	for id, s := range spans {
		if id == "" {
			continue
		}
		assert.Equal(t, "process orders", s.Name())
		assert.Equal(t, trace.SpanKindConsumer, s.SpanKind())
		assert.Equal(t, batch.SpanContext().SpanID(), s.Parent().SpanID(), "below the batch's")
		assert.Equal(t, function.SpanContext().TraceID(), s.SpanContext().TraceID())
	}
	want := map[string]any{
		"messaging.system": "aws_sqs", "messaging.operation.name": "process", "messaging.operation.type": "process",
		"faas.trigger": "pubsub", "messaging.destination.name": "orders", "messaging.message.id": "m1",
		"troupe.record.index": int64(0), "troupe.record.attempt": int64(1),
	}
	assert.Equal(t, want, attributes(spans["m1/1"]))
	assert.Equal(t, codes.Unset, spans["m1/1"].Status().Code)
	assert.Equal(t, []string{xraySpan}, senders(spans["m1/1"]))

	maps.Copy(want, map[string]any{"messaging.message.id": "m2", "troupe.record.index": int64(1), "error.type": "*oteltroupe_test.ownError"})
	assert.Equal(t, want, attributes(spans["m2/1"]))
	assert.Equal(t, sdktrace.Status{Code: codes.Error, Description: "wrapped: an error of the handler's own"}, spans["m2/1"].Status())
	assert.Empty(t, senders(spans["m2/1"]))
}

// Either header is a link, both are two unless they name the same span, and what cannot be read is none.
func TestASpanIsLinkedToTheSenderOfItsMessage(t *testing.T) {
	const same = "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1"
	for name, c := range map[string]struct {
		xray, traceparent string
		want              []string
	}{
		"none":                       {"", "", nil},
		"X-Ray":                      {xray, "", []string{xraySpan}},
		"X-Ray, in another order":    {"Sampled=1;Lineage=a:1|b:2; Parent=53995C3F42CD8AD8;Self=1-2-3;Root=1-5759E988-BD862E3FE1BE46A994272793", "", []string{xraySpan}},
		"X-Ray, not sampled":         {strings.Replace(xray, "Sampled=1", "Sampled=0", 1), "", []string{strings.TrimSuffix(xraySpan, " sampled")}},
		"X-Ray, undecided":           {strings.Replace(xray, "Sampled=1", "Sampled=?", 1), "", []string{strings.TrimSuffix(xraySpan, " sampled")}},
		"X-Ray without a parent":     {"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1", "", nil},
		"X-Ray without a root":       {"Parent=53995c3f42cd8ad8;Sampled=1", "", nil},
		"X-Ray of another version":   {strings.Replace(xray, "Root=1-", "Root=2-", 1), "", nil},
		"X-Ray with a short root":    {strings.Replace(xray, "5759e988", "759e988", 1), "", nil},
		"X-Ray with a shifted dash":  {"Root=1-5759e98-8bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8", "", nil},
		"X-Ray with a zero parent":   {"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=0000000000000000", "", nil},
		"no X-Ray at all":            {"=;;=1;Root;Parent=", "", nil},
		"traceparent":                {"", traceparent, []string{w3cSpan}},
		"traceparent, not sampled":   {"", strings.TrimSuffix(traceparent, "1") + "0", []string{strings.TrimSuffix(w3cSpan, " sampled")}},
		"traceparent, not hex":       {"", strings.Replace(traceparent, "0af", "xyz", 1), nil},
		"traceparent, cut short":     {"", traceparent[:20], nil},
		"both":                       {xray, traceparent, []string{w3cSpan, xraySpan}},
		"both, of the same span":     {same, traceparent, []string{w3cSpan}},
		"both, one cannot be read":   {xray, "?", []string{xraySpan}},
		"both, the other one cannot": {"?", traceparent, []string{w3cSpan}},
	} {
		t.Run(name, func(t *testing.T) {
			tel := collect()
			_, err := tel.sqs().Invoke(context.Background(), event(message{id: "m1", xray: c.xray, traceparent: c.traceparent}))
			require.NoError(t, err)
			assert.Equal(t, c.want, senders(tel.ended(t)["m1/1"]))
		})
	}
}

// The senders' tracestate is kept, for the vendor whose it is.
func TestALinkHasTheTraceState(t *testing.T) {
	parent, state := traceparent, "vendor=1"
	from := oteltroupe.FromSQS(events.SQSMessage{MessageAttributes: map[string]events.SQSMessageAttribute{
		"traceparent": {StringValue: &parent}, "tracestate": {StringValue: &state},
	}})
	require.Len(t, from.Senders, 1)
	assert.Equal(t, "vendor=1", from.Senders[0].TraceState().String())
	assert.Empty(t, from.Destination)
}

// SPEC S1: whatever a record fails for, its span says it in the word that reports and metrics use.
func TestASpanSaysWhyItsAttemptFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := collect()
		var report *troupe.Report
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := c.sqs(troupe.WithPolicy(troupe.Continue), troupe.WithRetry(troupe.Retry{Times: 1, Base: 1}), troupe.WithConcurrency(9),
			troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r })).
			Invoke(ctx, event(message{id: "fail", body: "fail"}, message{id: "once", body: "fail once"}, message{id: "panic", body: "panic"},
				message{id: "exit", body: "exit"}, message{id: "drop", body: "drop"}, message{id: "wait", body: "wait"}, message{id: "hang", body: "hang"}))
		require.NoError(t, err)
		batch, ok := c.ended(t)[""]
		require.True(t, ok)
		assert.NotContains(t, c.ended(t), "hang/1", "still at work")
		assert.Equal(t, int64(1), attributes(batch)["troupe.abandoned"])
		time.Sleep(2 * time.Hour)

		spans := c.ended(t)
		assert.Equal(t, []string{"", "drop/1", "exit/1", "fail/1", "hang/1", "once/1", "once/2", "panic/1", "wait/1"}, slices.Sorted(maps.Keys(spans)))
		for id, want := range map[string]string{
			"fail/1": "*oteltroupe_test.ownError", "once/1": "*oteltroupe_test.ownError", "once/2": "",
			"panic/1": "panic", "exit/1": "goexit", "wait/1": "deadline", "drop/1": "", "hang/1": "",
		} {
			got, _ := attributes(spans[id])["error.type"].(string)
			assert.Equal(t, want, got, id)
			assert.Equal(t, want != "", spans[id].Status().Code == codes.Error, id)
		}
		assert.Equal(t, "dropped", attributes(spans["drop/1"])["troupe.outcome"])
		assert.Contains(t, spans["panic/1"].Status().Description, "told to panic")

		// The span is no reason to lose the stack of the panic.
		var panicked *troupe.PanicError
		require.ErrorAs(t, report.Records[2].Err, &panicked)
		assert.Equal(t, "told to panic", panicked.Value)
		assert.Contains(t, string(panicked.Stack), "oteltroupe_test.obey")
		assert.ErrorIs(t, report.Records[3].Err, troupe.ErrGoexit)
	})
}

// An invocation that fails is a span that fails.
func TestTheSpanOfAnInvocationFailsWithIt(t *testing.T) {
	for name, test := range map[string]struct {
		payload []byte
		want    string
	}{
		"no event":                {[]byte(`{}`), "event"},
		"failed with an ErrEvent": {event(message{id: "m1", body: "refuse"}), "*batch.BatchError"},
		"every one failed":        {event(message{id: "m1", body: "panic"}), "*batch.BatchError"},
	} {
		t.Run(name, func(t *testing.T) {
			c := collect()
			_, err := c.sqs().Invoke(context.Background(), test.payload)
			require.Error(t, err)
			batch := c.ended(t)[""]
			assert.Equal(t, test.want, attributes(batch)["error.type"])
			assert.Equal(t, sdktrace.Status{Code: codes.Error, Description: err.Error()}, batch.Status())
		})
	}
}

// SPEC 2: middleware is the same for all sources. Groups are nobody's business (SPEC S9).
func TestSpansAreForAllSources(t *testing.T) {
	c := collect()
	spans := oteltroupe.Spans(c.to()...)
	var inner []trace.SpanContext
	see := func(ctx context.Context, body string) error {
		inner = append(inner, trace.SpanContextFromContext(ctx))
		return obey(ctx, body)
	}
	data := base64.StdEncoding.EncodeToString([]byte("fail"))
	for source, p := range map[string]struct {
		processor lambda.Handler
		event     string
		system    string
		trigger   string
	}{
		"sqs": {troupe.SQS(func(ctx context.Context, m events.SQSMessage) error { return see(ctx, m.Body) }, spans, troupe.WithLogger(slog.New(slog.DiscardHandler))),
			string(event(message{id: "1", body: "fail"})), "aws_sqs", "pubsub"},
		"kinesis": {troupe.Kinesis(func(ctx context.Context, r events.KinesisEventRecord) error { return see(ctx, string(r.Kinesis.Data)) }, spans, troupe.WithLogger(slog.New(slog.DiscardHandler))),
			`{"Records":[{"kinesis":{"partitionKey":"s3cr3t","sequenceNumber":"1","data":"` + data + `"},"eventSource":"aws:kinesis"}]}`, "aws.kinesis", "pubsub"},
		"dynamodb": {troupe.DynamoDB(func(ctx context.Context, r events.DynamoDBEventRecord) error {
			return see(ctx, r.Change.Keys["do"].String())
		}, spans, troupe.WithLogger(slog.New(slog.DiscardHandler))),
			`{"Records":[{"dynamodb":{"Keys":{"do":{"S":"fail"},"k":{"S":"s3cr3t"}},"SequenceNumber":"1"},"eventSource":"aws:dynamodb"}]}`, "aws.dynamodb", "datasource"},
	} {
		before := len(c.spans.Ended())
		_, err := p.processor.Invoke(context.Background(), []byte(p.event))
		require.Error(t, err)
		ended := c.spans.Ended()[before:]
		require.Len(t, ended, 1, source)
		s := ended[0]
		assert.Equal(t, "process", s.Name())
		assert.Equal(t, map[string]any{
			"messaging.system": p.system, "messaging.operation.name": "process", "messaging.operation.type": "process", "faas.trigger": p.trigger,
			"messaging.message.id": "1", "troupe.record.index": int64(0), "troupe.record.attempt": int64(1), "error.type": "*oteltroupe_test.ownError",
		}, attributes(s))
		assert.Equal(t, s.SpanContext(), inner[len(inner)-1], "the handler's context has the span")
		assert.NotContains(t, fmt.Sprint(tracetest.SpanStubFromReadOnlySpan(s)), "s3cr3t")
	}
}

// aws-lambda-go runs several loops where it is configured to, and handlers of a batch overlap anyway: every span
// has the parent and the link that are its own.
func TestOverlappingInvocationsDoNotMixUpTheirSpans(t *testing.T) {
	c := collect()
	p := c.sqs(troupe.WithConcurrency(8))
	const invocations, records = 20, 20
	var all sync.WaitGroup
	for i := range invocations {
		all.Go(func() {
			ctx, outer := c.tracer.Tracer("test").Start(context.Background(), fmt.Sprint("outer ", i))
			defer outer.End()
			var batch []message
			for j := range records {
				batch = append(batch, message{id: fmt.Sprintf("%d-%d", i, j), traceparent: fmt.Sprintf("00-%032x-%016x-01", i+1, j+1)})
			}
			_, err := p.Invoke(ctx, event(batch...))
			assert.NoError(t, err)
		})
	}
	all.Wait()
	byID := map[trace.SpanID]sdktrace.ReadOnlySpan{}
	for _, s := range c.spans.Ended() {
		byID[s.SpanContext().SpanID()] = s
	}
	found := 0
	for _, s := range byID {
		id, ok := attributes(s)["messaging.message.id"].(string)
		if !ok {
			continue
		}
		found++
		var i, j int
		_, err := fmt.Sscanf(id, "%d-%d", &i, &j)
		require.NoError(t, err)
		assert.Equal(t, []string{fmt.Sprintf("%032x/%016x sampled", i+1, j+1)}, senders(s))
		batch := byID[s.Parent().SpanID()]
		assert.Equal(t, fmt.Sprint("outer ", i), byID[batch.Parent().SpanID()].Name())
	}
	assert.Equal(t, invocations*records, found)
}

// metrics reads what has been recorded: the sums of counters and the counts of histograms, by name and
// attributes.
func (c *telemetry) metrics(t *testing.T) (sums map[string]int64, counts map[string]metricdata.HistogramDataPoint[float64]) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, c.reader.Collect(context.Background(), &all))
	sums, counts = map[string]int64{}, map[string]metricdata.HistogramDataPoint[float64]{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				assert.True(t, data.IsMonotonic)
				for _, p := range data.DataPoints {
					sums[key(m, p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					counts[key(m, p.Attributes)] = p
				}
			}
		}
	}
	return sums, counts
}

func key(m metricdata.Metrics, set attribute.Set) string {
	text := m.Name + " " + m.Unit
	for _, a := range set.ToSlice() { // in the order of the keys
		text += fmt.Sprintf(" %s=%s", a.Key, a.Value.String())
	}
	return text
}

func TestMetricsCountWhatTheReportSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := collect()
		p := c.sqs(troupe.WithPolicy(troupe.StopBatch), troupe.WithConcurrency(1), troupe.WithRetry(troupe.Retry{Times: 1, Backoff: func(int) time.Duration { return 20 * time.Millisecond }}), troupe.WithRecordTimeout(time.Second))
		for range 2 {
			_, err := p.Invoke(t.Context(), event(message{id: "m1", body: "work"}, message{id: "m2", body: "fail once"}, message{id: "m3", body: "drop"},
				message{id: "m4", body: "fail"}, message{id: "m5", body: "ok"}))
			require.NoError(t, err)
		}
		_, err := p.Invoke(t.Context(), event(message{id: "m1", body: "ok"}, message{id: "m2", body: "hang"}))
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)

		const of = " messaging.operation.name=process messaging.operation.type=process messaging.system=aws_sqs troupe.outcome="
		sums, durations := c.metrics(t)
		assert.Equal(t, map[string]int64{
			"messaging.client.consumed.messages {message}" + of + "succeeded":                                   5,
			"messaging.client.consumed.messages {message}" + of + "dropped":                                     2,
			"messaging.client.consumed.messages {message} error.type=*oteltroupe_test.ownError" + of + "failed": 2,
			"messaging.client.consumed.messages {message} error.type=not_started" + of + "failed":               2,
			"messaging.client.consumed.messages {message} error.type=abandoned" + of + "failed":                 1,
			"troupe.record.retries {attempt} messaging.system=aws_sqs":                                          2,
			"troupe.handler.abandoned {handler} messaging.system=aws_sqs":                                       1,
		}, sums)

		require.Len(t, durations, 4, "what never started took no time")
		succeeded := durations["messaging.process.duration s"+of+"succeeded"]
		assert.Equal(t, uint64(5), succeeded.Count)
		assert.InDelta(t, 2*(0.030+0.020), succeeded.Sum, 1e-9, "in seconds, back-off included")
		assert.Equal(t, []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}, succeeded.Bounds, "the boundaries that the conventions ask for")
		abandoned := durations["messaging.process.duration s error.type=abandoned"+of+"failed"]
		assert.InDelta(t, 1.1, abandoned.Sum, 1e-9, "until it was abandoned")
	})
}

// SPEC I2, I6: duplicates and completions that could not be stored are counted.
func TestMetricsCountDuplicatesAndUnrecordedCompletions(t *testing.T) {
	c := collect()
	p := oteltroupe.Handler(troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		turn, _ := batch.TurnFrom(ctx)
		turn.Mark(map[string]batch.Marks{"duplicate": batch.Duplicate, "unrecorded": batch.Unrecorded}[msg.Body])
		return nil
	}, oteltroupe.Observe(c.to()...)), c.to()...)
	_, err := p.Invoke(t.Context(), event(message{id: "m1", body: "duplicate"}, message{id: "m2", body: "duplicate"}, message{id: "m3", body: "unrecorded"}))
	require.NoError(t, err)
	sums, _ := c.metrics(t)
	assert.EqualValues(t, 2, sums["troupe.record.duplicates {message} messaging.system=aws_sqs"])
	assert.EqualValues(t, 1, sums["troupe.record.unrecorded {message} messaging.system=aws_sqs"])
	span := attributes(c.ended(t)[""])
	assert.EqualValues(t, 2, span["troupe.duplicates"])
	assert.EqualValues(t, 1, span["troupe.unrecorded"])
}

// The SDK records nothing under a context that has ended, but what happened has happened.
func TestACancelledInvocationIsCounted(t *testing.T) {
	c := collect()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := c.sqs().Invoke(ctx, event(message{id: "m1"}))
	require.Error(t, err)
	sums, _ := c.metrics(t)
	assert.Equal(t, map[string]int64{
		"messaging.client.consumed.messages {message} error.type=not_started messaging.operation.name=process messaging.operation.type=process messaging.system=aws_sqs troupe.outcome=failed": 1,
	}, sums)
}

// Observe is of use by itself, and does not touch spans of others.
func TestObserveLeavesOtherSpansAlone(t *testing.T) {
	c := collect()
	ctx, span := c.tracer.Tracer("test").Start(context.Background(), "function")
	_, err := troupe.SQS(charge, oteltroupe.Observe(c.to()...)).Invoke(ctx, event(message{id: "m1"}))
	require.NoError(t, err)
	span.End()
	assert.Empty(t, attributes(c.ended(t)[""]))
	sums, _ := c.metrics(t)
	assert.Len(t, sums, 1)
}

// A handler of another type, as packages beside troupe have them, says itself where its messages come from.
func TestWrapIsForHandlersOfAnyType(t *testing.T) {
	c := collect()
	type order struct{ topic string }
	handler := oteltroupe.Wrap(func(ctx context.Context, o order) error {
		assert.True(t, trace.SpanFromContext(ctx).IsRecording())
		return nil
	}, func(o order) oteltroupe.Origin {
		return oteltroupe.Origin{Destination: o.topic, Senders: []trace.SpanContext{{}, trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})}}
	}, c.to()...)
	require.NoError(t, handler(context.Background(), order{"topic"}), "outside of a batch too")
	spans := c.spans.Ended()
	require.Len(t, spans, 1)
	assert.Equal(t, "process topic", spans[0].Name())
	assert.Len(t, senders(spans[0]), 1, "what is no span is no link")
}

// Without an SDK nothing happens, and nothing breaks.
func TestWithoutAnSDKNothingHappens(t *testing.T) {
	p := oteltroupe.Handler(troupe.SQS(oteltroupe.SQS(charge), oteltroupe.Observe(), troupe.WithLogger(slog.New(slog.DiscardHandler))))
	response, err := p.Invoke(context.Background(), event(message{id: "m1", xray: xray}, message{id: "m2", body: "panic"}))
	require.NoError(t, err)
	assert.Equal(t, `{"batchItemFailures":[{"itemIdentifier":"m2"}]}`, string(response))
}

func TestWhatIsMissingIsRefusedAtConstruction(t *testing.T) {
	for name, construct := range map[string]func(){
		"no processor":       func() { oteltroupe.Handler(nil) },
		"no handler":         func() { oteltroupe.SQS[events.SQSMessage](nil) },
		"no lazy handler":    func() { oteltroupe.SQS[troupe.Lazy[events.SQSMessage]](nil) },
		"no Kinesis handler": func() { oteltroupe.Kinesis[events.KinesisEventRecord](nil) },
		"no table's handler": func() { oteltroupe.DynamoDB[events.DynamoDBEventRecord](nil) },
		"no topic's handler": func() { oteltroupe.Kafka[kafka.Record](nil) },
		"no origin":          func() { oteltroupe.Wrap[int](func(context.Context, int) error { return nil }, nil) },
		"no option":          func() { oteltroupe.Spans(nil) },
		"no tracer provider": func() { oteltroupe.Spans(oteltroupe.WithTracerProvider(nil)) },
		"no meter provider":  func() { oteltroupe.Observe(oteltroupe.WithMeterProvider(nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				err, ok := recover().(error)
				require.True(t, ok, "it panics with an error")
				assert.ErrorContains(t, err, "troupe: oteltroupe.")
			}()
			construct()
		})
	}
}
