package envelope_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/envelope"
)

// The benchmarks measure handlers alone: what an envelope costs beside the same done by hand, without looking
// at what was missing.
func BenchmarkEnvelopes(b *testing.B) {
	next := func(context.Context, events.SQSMessage) error { return nil }
	payload := func(_ context.Context, msg troupe.Lazy[events.SQSMessage]) error {
		_, err := msg.Payload()
		return err
	}
	each := func(context.Context, events.S3EventRecord) error { return nil }
	for _, c := range []struct {
		name    string
		handler messageHandler
		body    string
	}{
		{"SNS by hand", whole(func(ctx context.Context, msg events.SQSMessage) error {
			var n events.SNSEntity
			if err := json.Unmarshal([]byte(msg.Body), &n); err != nil {
				return err
			}
			msg.Body = n.Message
			return next(ctx, msg)
		}), notice},
		{"SNS", whole(envelope.SNS(next)), notice},
		{"SNS raw", whole(envelope.SNS(next)), `{"id":"o-1"}`},
		{"SNS lazily", envelope.SNS(payload), notice},
		{"S3 by hand", whole(func(ctx context.Context, msg events.SQSMessage) error {
			var e events.S3Event
			if err := json.Unmarshal([]byte(msg.Body), &e); err != nil {
				return err
			}
			return each(ctx, e.Records[0])
		}), s3(object("x"))},
		{"S3", envelope.S3(each), s3(object("x"))},
	} {
		b.Run(c.name, func(b *testing.B) {
			ctx, msg := context.Background(), lazy(events.SQSMessage{Body: c.body})
			b.ReportAllocs()
			for b.Loop() {
				if err := c.handler(ctx, msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
