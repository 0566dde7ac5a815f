package envelope

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/messages"
)

type messageKey struct{}

// MessageFrom returns the SQS message that was unwrapped for the handler: of several envelopes, what the
// innermost was given. It works on the handler's context and on those derived from it; ok is false on any
// other.
func MessageFrom(ctx context.Context) (msg events.SQSMessage, ok bool) {
	m, ok := ctx.Value(messageKey{}).(*events.SQSMessage)
	if !ok {
		return events.SQSMessage{}, false
	}
	return *m, true
}

func withMessage(ctx context.Context, msg *events.SQSMessage) context.Context {
	return context.WithValue(ctx, messageKey{}, msg)
}

func body(m events.SQSMessage) []byte { return []byte(m.Body) }

// missing is the error of an envelope that lacks what is always there.
func missing(field, what string) error {
	return &messages.DecodeError{Field: field, Offset: -1, Problem: "missing or empty where " + what + " was expected"}
}
