package typed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/typed"
)

// The benchmarks measure handlers alone: what typed costs beside the same done by hand.

var benchMessage = events.SQSMessage{MessageId: "m", Body: `{"id":"o-1","amount":5,"at":"2024-05-06T07:08:09Z","lines":[{"sku":"a-1"},{"sku":"b-2"}]}`}

func BenchmarkSQS(b *testing.B) {
	handle := func(context.Context, order) error { return nil }
	for name, handler := range map[string]troupe.Handler[troupe.Lazy[events.SQSMessage]]{
		"by hand": func(ctx context.Context, lazy troupe.Lazy[events.SQSMessage]) error {
			msg, err := lazy.Open()
			if err != nil {
				return err
			}
			var o order
			if err := json.Unmarshal([]byte(msg.Body), &o); err != nil {
				return err
			}
			return handle(ctx, o)
		},
		"typed":  typed.SQS(handle),
		"strict": typed.SQS(handle, typed.WithDisallowUnknownFields()),
	} {
		b.Run(name, func(b *testing.B) {
			ctx, message := context.Background(), sources.LazyOf(
				func() ([]byte, error) { return []byte(benchMessage.Body), nil },
				func() (events.SQSMessage, error) { return benchMessage, nil })
			b.ReportAllocs()
			for b.Loop() {
				if err := handler(ctx, message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type benchItem struct {
	ID     string   `dynamodbav:"Id"`
	Status string   `dynamodbav:"Status"`
	Total  float64  `dynamodbav:"Total"`
	Tags   []string `dynamodbav:"Tags"`
	Count  int      `dynamodbav:"Count"`
}

func BenchmarkDynamoDB(b *testing.B) {
	record := events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{NewImage: map[string]events.DynamoDBAttributeValue{
		"Id": events.NewStringAttribute("o-1"), "Status": events.NewStringAttribute("paid"), "Total": events.NewNumberAttribute("12.5"),
		"Tags": events.NewStringSetAttribute([]string{"a", "b"}), "Count": events.NewNumberAttribute("7"),
	}}}
	handle := func(context.Context, typed.Change[benchItem]) error { return nil }
	for name, handler := range map[string]troupe.Handler[troupe.Lazy[events.DynamoDBEventRecord]]{
		"by hand": func(ctx context.Context, lazy troupe.Lazy[events.DynamoDBEventRecord]) error {
			rec, err := lazy.Open()
			if err != nil {
				return err
			}
			image := rec.Change.NewImage
			item := &benchItem{ID: image["Id"].String(), Status: image["Status"].String(), Tags: append([]string(nil), image["Tags"].StringSet()...)}
			if item.Total, err = image["Total"].Float(); err != nil {
				return err
			}
			count, err := image["Count"].Int64()
			if err != nil {
				return err
			}
			item.Count = int(count)
			return handle(ctx, typed.Change[benchItem]{Operation: rec.EventName, New: item})
		},
		"typed": typed.DynamoDB(handle),
	} {
		b.Run(name, func(b *testing.B) {
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if err := handler(ctx, lazily(record, nil)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkImages measures a batch of a table: each record has its key and two images of seven attributes. The figures are
// of a record, with all that the processor does for it.
func BenchmarkImages(b *testing.B) {
	handle := func(context.Context, typed.Change[costItem]) error { return nil }
	for _, n := range []int{10, 1000} {
		payload := costTable(b, n)
		for name, p := range map[string]*troupe.DynamoDBProcessor{
			"typed":  troupe.DynamoDB(typed.DynamoDB(handle)),
			"map":    troupe.DynamoDB(typed.DynamoDB(func(context.Context, typed.Change[map[string]any]) error { return nil })),
			"opened": troupe.DynamoDB(func(context.Context, events.DynamoDBEventRecord) error { return nil }),
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Invoke(context.Background(), payload); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
			})
		}
	}
}
