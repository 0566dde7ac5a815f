package oteltroupe

import (
	"context"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe"
)

// SQS is Wrap for handlers of SQS messages, with FromSQS as the origin. It decodes Lazy messages for their
// attributes; a message that cannot be decoded has no origin.
func SQS[M troupe.SQSRecord](handler troupe.Handler[M], options ...Option) troupe.Handler[M] {
	return wrapLazy(handler, FromSQS, options)
}

// FromSQS is the origin of an SQS message: the queue's name, by its ARN, and the spans that sent it. One is in
// the system attribute AWSTraceHeader, which AWS sets or passes on, in the format of
// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader; the other in
// the message attributes traceparent and tracestate, where the sender has set them, in the format of
// https://www.w3.org/TR/trace-context/. If both name the same span, it is linked once. A header that cannot be
// read is ignored.
func FromSQS(msg events.SQSMessage) Origin {
	from := Origin{Destination: msg.EventSourceARN[strings.LastIndexByte(msg.EventSourceARN, ':')+1:]}
	xray := readXRay(msg.Attributes["AWSTraceHeader"])
	w3c := readTraceContext(text(msg, "traceparent"), text(msg, "tracestate"))
	if w3c.IsValid() {
		from.Senders = append(from.Senders, w3c)
	}
	if xray.IsValid() && (xray.TraceID() != w3c.TraceID() || xray.SpanID() != w3c.SpanID()) {
		from.Senders = append(from.Senders, xray)
	}
	return from
}

// text is a message attribute that is a string, "" if there is none.
func text(msg events.SQSMessage, name string) string {
	if value := msg.MessageAttributes[name].StringValue; value != nil {
		return *value
	}
	return ""
}

func readTraceContext(parent, state string) trace.SpanContext {
	if parent == "" {
		return trace.SpanContext{}
	}
	header := propagation.MapCarrier{"traceparent": parent, "tracestate": state}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), header))
}

// readXRay reads "Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=<0 or 1>", in any order and with other parts
// among them. It is not valid if root or parent are missing or cannot be read.
func readXRay(header string) trace.SpanContext {
	var config trace.SpanContextConfig
	for part := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Root":
			version, rest, _ := strings.Cut(value, "-")
			seconds, unique, _ := strings.Cut(rest, "-")
			if version == "1" && len(seconds) == 8 {
				config.TraceID, _ = trace.TraceIDFromHex(strings.ToLower(seconds + unique)) // zero if it is none
			}
		case "Parent":
			config.SpanID, _ = trace.SpanIDFromHex(strings.ToLower(value))
		case "Sampled":
			config.TraceFlags = config.TraceFlags.WithSampled(value == "1")
		}
	}
	config.Remote = true
	return trace.NewSpanContext(config)
}
