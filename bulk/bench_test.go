package bulk_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/kafka"
)

// What a batch as a whole costs beside the same one record by record, with handlers that do nothing.
func BenchmarkInvoke(b *testing.B) {
	groups := strings.Repeat("abcdefghijklmnopqrstuvwxy", 40)
	records := make([]string, 1000)
	for i := range records {
		records[i] = fmt.Sprintf(`{"topic":"t","partition":0,"offset":%d,"value":%q}`, i, base64.StdEncoding.EncodeToString([]byte("data")))
	}
	topic := []byte(`{"eventSource":"aws:kafka","records":{"t-0":[` + strings.Join(records, ",") + `]}}`)
	for _, c := range []struct {
		name      string
		payload   []byte
		processor lambda.Handler
	}{
		{"SQS/troupe", document("sqs", groups), troupe.SQS(func(context.Context, events.SQSMessage) error { return nil })},
		{"SQS/bulk", document("sqs", groups), bulk.SQS(func(context.Context, []events.SQSMessage) error { return nil })},
		{"Kinesis/troupe", document("kinesis", groups), troupe.Kinesis(func(context.Context, events.KinesisEventRecord) error { return nil })},
		{"Kinesis/bulk", document("kinesis", groups), bulk.Kinesis(func(context.Context, []events.KinesisEventRecord) error { return nil })},
		{"Kafka/kafka", topic, kafka.New(func(context.Context, kafka.Record) error { return nil })},
		{"Kafka/bulk", topic, bulk.Kafka(func(context.Context, []kafka.Record) error { return nil })},
	} {
		b.Run(c.name, func(b *testing.B) {
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.processor.Invoke(ctx, c.payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
