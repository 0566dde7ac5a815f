package window_test

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
	"github.com/troupe-go/troupe/window"
)

// What folding 2,000 records costs beside a handler that does nothing, for the same event. A state of numbers is
// copied, and so are maps; one of another kind is encoded after every record, so that its size is what counts.
func BenchmarkInvoke(b *testing.B) {
	type totals struct{ Records, Bytes int }
	records := make([]string, 2000)
	for i := range records {
		records[i] = fmt.Sprintf(`{"kinesis":{"partitionKey":"d-%d","sequenceNumber":"%d","data":%q},"eventSource":"aws:kinesis"}`,
			i%100, i+1, base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"device":"d-%d","status":"nominal"}`, i%100)))
	}
	payload := []byte(`{"Records":[` + strings.Join(records, ",") + `],"window":{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:02:00Z"},"shardId":"shard-6"}`)
	for _, c := range []struct {
		name      string
		processor lambda.Handler
	}{
		{"troupe.Kinesis", troupe.Kinesis(func(context.Context, events.KinesisEventRecord) error { return nil })},
		{"numbers", window.Kinesis(func(_ context.Context, t totals, rec events.KinesisEventRecord) (totals, error) {
			return totals{t.Records + 1, t.Bytes + len(rec.Kinesis.Data)}, nil
		}, nil)},
		{"map of 10", window.Kinesis(func(_ context.Context, c counts, rec events.KinesisEventRecord) (counts, error) {
			c[rec.Kinesis.PartitionKey[:3]]++ // d-0 to d-9
			return c, nil
		}, nil)},
		{"map of 1,000", window.Kinesis(func(_ context.Context, c counts, rec events.KinesisEventRecord) (counts, error) {
			if len(c) == 0 {
				for i := range 1000 {
					c[fmt.Sprintf("device-%d", i)] = i
				}
			}
			c["device-"+rec.Kinesis.PartitionKey[2:]]++
			return c, nil
		}, nil)},
		{"map of 1,000 structs", window.Kinesis(func(_ context.Context, c map[string]totals, rec events.KinesisEventRecord) (map[string]totals, error) {
			if len(c) == 0 {
				for i := range 1000 {
					c[fmt.Sprintf("device-%d", i)] = totals{i, i}
				}
			}
			c["device-"+rec.Kinesis.PartitionKey[2:]] = totals{1, 1}
			return c, nil
		}, nil)},
	} {
		b.Run(c.name, func(b *testing.B) {
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.processor.Invoke(ctx, payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
