package kafka_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/typed"
)

// What a record of Kafka costs, beside one of Kinesis with the same data and as many groups; and what the
// value as a type costs beside json.Unmarshal in the handler.
func BenchmarkInvoke(b *testing.B) {
	type reading struct{ Device, Status string }
	partitions, shard := make([][]string, 10), make([]string, 1000)
	for i := range shard {
		p := i % len(partitions)
		data := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"device":"d-%d","status":"nominal"}`, i%100))
		key := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "d-%d", i%100))
		partitions[p] = append(partitions[p], fmt.Sprintf(`{"topic":"t","partition":%d,"offset":%d,"timestamp":1763784000120,"timestampType":"CREATE_TIME","key":%q,"value":%q,"headers":[]}`, p, i, key, data))
		shard[i] = fmt.Sprintf(`{"kinesis":{"partitionKey":"d-%d","sequenceNumber":"%d","data":%q},"eventSource":"aws:kinesis"}`, p, i, data)
	}
	joined := make([]string, len(partitions))
	for p, records := range partitions {
		joined[p] = fmt.Sprintf(`"t-%d":[%s]`, p, strings.Join(records, ","))
	}
	topic := []byte(`{"eventSource":"aws:kafka","records":{` + strings.Join(joined, ",") + `}}`)
	stream := []byte(`{"Records":[` + strings.Join(shard, ",") + `]}`)
	nothing := func(context.Context, kafka.Record) error { return nil }
	for _, c := range []struct {
		name      string
		payload   []byte
		processor lambda.Handler
	}{
		{"troupe.Kinesis", stream, troupe.Kinesis(func(context.Context, events.KinesisEventRecord) error { return nil })},
		{"partitions", topic, kafka.New(nothing)},
		{"keys", topic, kafka.New(nothing, kafka.ByKey())},
		{"typed", topic, kafka.New(typed.Kafka(func(context.Context, reading) error { return nil }))},
		{"by hand", topic, kafka.New(func(_ context.Context, r kafka.Record) error {
			var got reading
			return json.Unmarshal(r.Value, &got)
		})},
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
