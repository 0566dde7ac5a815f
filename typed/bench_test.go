package typed_test

import (
	"context"
	"encoding/json"
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
