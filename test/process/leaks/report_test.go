package leaks

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/envelope"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/typed"
)

// order is a payload of 20 KB.
type order struct {
	Index int    `json:"index"`
	Text  string `json:"text"`
}

// handled does something else with every third record, and keeps a small value of those that succeed.
func handled(ctx context.Context) (int, error) {
	switch i := index(ctx); i % 3 {
	case 1:
		return 0, fmt.Errorf("record %d: %w", i, errHandler)
	case 2:
		panic(errHandler)
	default:
		return i, nil
	}
}

// A kept Report keeps no event: neither the runtime's payload nor the copy that handlers are given, whatever the
// records' outcomes. Applications keep reports, for metrics or to compare batches.
func TestAKeptReportKeepsNoEvent(t *testing.T) {
	const records, size, batches = 50, 20_000, 32
	body := func(i int) string {
		text := strings.Repeat("x", size)
		if i%10 == 9 {
			return `{"index":"` + text + `"}` // cannot be decoded
		}
		document, err := json.Marshal(order{i, text})
		require.NoError(t, err)
		return string(document)
	}
	typedly := troupe.Returning(func(ctx context.Context, _ order) (int, error) { return handled(ctx) })
	encoded := func(event any) []byte {
		payload, err := json.Marshal(event)
		require.NoError(t, err)
		return payload
	}
	sqs := func() []byte {
		var e events.SQSEvent
		for i := range records {
			e.Records = append(e.Records, events.SQSMessage{MessageId: fmt.Sprint(i), Body: body(i), EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:orders"})
		}
		return encoded(e)
	}
	kinesis := func() []byte {
		var e events.KinesisEvent
		for i := range records {
			r := events.KinesisEventRecord{EventSource: "aws:kinesis"}
			r.Kinesis = events.KinesisRecord{SequenceNumber: fmt.Sprint(i), PartitionKey: fmt.Sprint("key ", i), Data: []byte(body(i))}
			e.Records = append(e.Records, r)
		}
		return encoded(e)
	}
	topic := func() []byte {
		rs := make([]map[string]any, records)
		for i := range rs {
			rs[i] = map[string]any{"topic": "orders", "partition": 0, "offset": i, "timestamp": 1, "value": base64.StdEncoding.EncodeToString([]byte(body(i)))}
		}
		return encoded(map[string]any{"eventSource": "aws:kafka", "records": map[string]any{"orders-0": rs}})
	}
	images := func() []byte {
		rs := make([]map[string]any, records)
		for i := range rs {
			number := map[string]any{"N": fmt.Sprint(i)}
			rs[i] = map[string]any{"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": map[string]any{
				"SequenceNumber": fmt.Sprint(i), "Keys": map[string]any{"pk": number},
				"NewImage": map[string]any{"Index": number, "Text": map[string]any{"S": strings.Repeat("x", size)}},
			}}
		}
		return encoded(map[string]any{"Records": rs})
	}

	for name, c := range map[string]struct {
		event   []byte
		process func(options ...troupe.Option) func(context.Context, []byte) ([]byte, error)
	}{
		"SQS, plain": {sqs(), func(options ...troupe.Option) func(context.Context, []byte) ([]byte, error) {
			return troupe.SQS(func(ctx context.Context, _ events.SQSMessage) error { _, err := handled(ctx); return err }, options...).Invoke
		}},
		"SQS, typed": {sqs(), func(options ...troupe.Option) func(context.Context, []byte) ([]byte, error) {
			return troupe.SQS(typed.SQS(typedly), options...).Invoke
		}},
		"SQS, in an envelope": {sqs(), func(options ...troupe.Option) func(context.Context, []byte) ([]byte, error) {
			return troupe.SQS(envelope.SNS(typed.SQS(typedly)), options...).Invoke
		}},
		"SQS, grouped by a function": {sqs(), func(options ...troupe.Option) func(context.Context, []byte) ([]byte, error) {
			by := troupe.WithGroup(func(m events.SQSMessage) string { return m.Body[:20] })
			return troupe.SQS(func(ctx context.Context, _ events.SQSMessage) error { _, err := handled(ctx); return err }, append(options, by)...).Invoke
		}},
		"Kinesis, in one call": {kinesis(), func(options ...troupe.Option) func(context.Context, []byte) ([]byte, error) {
			return bulk.Kinesis(func(context.Context, []events.KinesisEventRecord) error { return bulk.Failures{1: errHandler} }, options...).Invoke
		}},
		"Kinesis, typed": {kinesis(), func(options ...troupe.Option) func(context.Context, []byte) ([]byte, error) {
			return troupe.Kinesis(typed.Kinesis(typedly), options...).Invoke
		}},
		"DynamoDB, typed": {images(), func(options ...troupe.Option) func(context.Context, []byte) ([]byte, error) {
			return troupe.DynamoDB(typed.DynamoDB(func(ctx context.Context, _ typed.Change[order]) error { _, err := handled(ctx); return err }), options...).Invoke
		}},
		"Kafka, typed": {topic(), func(options ...troupe.Option) func(context.Context, []byte) ([]byte, error) {
			return kafka.New(typed.Kafka(typedly), options...).Invoke
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var kept []*troupe.Report
			invoke := c.process(
				troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithPolicy(troupe.Continue),
				troupe.WithObserver(func(_ context.Context, report *troupe.Report) { kept = append(kept, report) }),
			)
			once := func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := invoke(ctx, append([]byte(nil), c.event...))
				require.NoError(t, err)
			}
			once() // what is made once for a process
			kept = nil
			before := live()
			for range batches {
				once()
			}
			each := (int64(live()) - int64(before)) / batches
			t.Logf("a kept report of %d records holds %d bytes; the event has %d", records, each, len(c.event))
			assert.Less(t, each, int64(20_000), "the event has %d bytes", len(c.event))
			require.Len(t, kept, batches)
			for _, report := range kept { // alive until here
				require.Len(t, report.Records, records)
				assert.True(t, errors.Is(report.Records[1].Err, errHandler))
			}
		})
	}
}

// live is the size of the live heap.
func live() uint64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
