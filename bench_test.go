package troupe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
)

// The benchmarks measure troupe by itself, with handlers that do nothing; docs/benchmarks.md has it beside
// others, and a bench_test.go in sources measures decoding alone.

// BenchmarkInvoke goes from the bytes of an event to the bytes of the response.
func BenchmarkInvoke(b *testing.B) {
	for _, size := range []int{10, 100, 1000, 6000} {
		b.Run(fmt.Sprintf("SQS/%d", size), func(b *testing.B) {
			benchmarkInvoke(b, troupe.SQS(handleMessage), size, sqsBatch(size, "queue"))
		})
	}
	b.Run("FIFO/6000", func(b *testing.B) {
		benchmarkInvoke(b, troupe.SQS(handleMessage), 6000, sqsBatch(6000, "queue.fifo"))
	})
	b.Run("Kinesis/6000", func(b *testing.B) {
		benchmarkInvoke(b, troupe.Kinesis(func(context.Context, events.KinesisEventRecord) error { return nil }), 6000, kinesisBatch(6000))
	})
	b.Run("DynamoDB/6000", func(b *testing.B) {
		benchmarkInvoke(b, troupe.DynamoDB(func(context.Context, events.DynamoDBEventRecord) error { return nil }), 6000, dynamoDBBatch(6000))
	})
}

// BenchmarkProcess is what remains when the event has been decoded: actors, supervision, the response.
func BenchmarkProcess(b *testing.B) {
	for _, queue := range []string{"queue", "queue.fifo"} {
		for _, size := range []int{10, 1000, 10_000} {
			event := sqsBatch(size, queue)
			for _, concurrency := range []int{1, 16, 64} {
				b.Run(fmt.Sprintf("%s/%d/concurrency=%d", queue, size, concurrency), func(b *testing.B) {
					p := troupe.SQS(handleMessage, troupe.WithConcurrency(concurrency))
					measure(b, size, func(ctx context.Context) error {
						_, err := p.Process(ctx, event)
						return err
					})
				})
			}
		}
	}
}

// BenchmarkFailing is processing with a handler that fails at every tenth record.
func BenchmarkFailing(b *testing.B) {
	failure := errors.New("declined")
	for _, queue := range []string{"queue", "queue.fifo"} {
		b.Run(queue+"/1000", func(b *testing.B) {
			event := sqsBatch(1000, queue)
			p := troupe.SQS(func(ctx context.Context, _ events.SQSMessage) error {
				if rec, _ := troupe.RecordFrom(ctx); rec.Index%10 == 9 {
					return failure
				}
				return nil
			}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithPolicy(troupe.Continue))
			measure(b, 1000, func(ctx context.Context) error {
				_, err := p.Process(ctx, event)
				return err
			})
		})
	}
}

func handleMessage(context.Context, events.SQSMessage) error { return nil }

func benchmarkInvoke[E, R any](b *testing.B, p *troupe.Processor[E, R], size int, event E) {
	payload, err := json.Marshal(event)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(payload)))
	measure(b, size, func(ctx context.Context) error {
		_, err := p.Invoke(ctx, payload)
		return err
	})
}

// measure runs batches of that size under a deadline, as Lambda does, and reports the time of a record.
func measure(b *testing.B, size int, batch func(context.Context) error) {
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if err := batch(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/record")
}

// sqsBatch has messages of a hundred groups, which count if the queue's name ends in .fifo.
func sqsBatch(size int, queue string) (event events.SQSEvent) {
	kind := "order.created"
	for i := range size {
		event.Records = append(event.Records, events.SQSMessage{
			MessageId:         fmt.Sprintf("%08x-87a3-44ab-83d2-661975830a7d", i),
			ReceiptHandle:     strings.Repeat("AQEBwJnK", 7),
			Body:              fmt.Sprintf(`{"orderId":"o-%d","note":"leave it with the neighbour if nobody is in"}`, i),
			Attributes:        map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183", "MessageGroupId": fmt.Sprint(i % 100)},
			MessageAttributes: map[string]events.SQSMessageAttribute{"type": {StringValue: &kind, DataType: "String"}},
			Md5OfBody:         "e4e68fb7bd0e697a0ae8f1bb342846b3",
			EventSource:       "aws:sqs",
			EventSourceARN:    "arn:aws:sqs:us-east-2:123456789012:" + queue,
			AWSRegion:         "us-east-2",
		})
	}
	return event
}

func kinesisBatch(size int) (event events.KinesisEvent) {
	for i := range size {
		event.Records = append(event.Records, events.KinesisEventRecord{
			EventSource: "aws:kinesis", EventName: "aws:kinesis:record", EventID: fmt.Sprintf("shardId-000000000006:%056d", i),
			Kinesis: events.KinesisRecord{
				Data:                        []byte(fmt.Sprintf(`{"device":"d-%d","reading":[1.5,2.25],"status":"nominal"}`, i)),
				PartitionKey:                fmt.Sprint("d-", i%500),
				SequenceNumber:              fmt.Sprintf("%056d", i),
				ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: time.Unix(1545084650, 0)},
			},
		})
	}
	return event
}

func dynamoDBBatch(size int) (event events.DynamoDBEvent) {
	for i := range size {
		key := map[string]events.DynamoDBAttributeValue{"Id": events.NewNumberAttribute(fmt.Sprint(i % 500))}
		image := map[string]events.DynamoDBAttributeValue{
			"Id": key["Id"], "Status": events.NewStringAttribute("paid"), "Tags": events.NewStringSetAttribute([]string{"a", "b"}),
		}
		event.Records = append(event.Records, events.DynamoDBEventRecord{
			EventSource: "aws:dynamodb", EventName: "MODIFY", EventID: fmt.Sprintf("%032x", i),
			Change: events.DynamoDBStreamRecord{
				ApproximateCreationDateTime: events.SecondsEpochTime{Time: time.Unix(1479499740, 0)},
				Keys:                        key, NewImage: image, SequenceNumber: fmt.Sprintf("%021d", i),
			},
		})
	}
	return event
}
