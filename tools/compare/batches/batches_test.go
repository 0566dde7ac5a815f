package batches_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/tools/compare/batches"
)

func TestMessagesHaveTheirSize(t *testing.T) {
	for _, size := range []int{1, 10, 6000} {
		const around, between = len(`{"Records":[]}`), len(`,`)
		want := around + size*batches.MessageSize + (size-1)*between
		if got := len(batches.SQS(size)); got != want {
			t.Errorf("%d messages take %d bytes, want %d", size, got, want)
		}
		if got := len(batches.Plain(size)); got != want {
			t.Errorf("%d messages without attributes take %d bytes, want %d", size, got, want)
		}
		if got := len(batches.FIFO(size, 3)); got != want {
			t.Errorf("%d FIFO messages take %d bytes, want %d", size, got, want)
		}
	}
}

func TestEventsAreComplete(t *testing.T) {
	m := batches.Decode(batches.FIFO(2, 2)).Records[1]
	var body struct{ OrderID string }
	if err := json.Unmarshal([]byte(m.Body), &body); err != nil || body.OrderID != "o-1" {
		t.Errorf("body is %s: %v", m.Body, err)
	}
	if m.Attributes["MessageGroupId"] != "customer-1" || *m.MessageAttributes["type"].StringValue != "order.created" {
		t.Errorf("attributes are missing from %+v", m)
	}

	var k events.KinesisEvent
	if err := json.Unmarshal(batches.Kinesis(2), &k); err != nil || k.Records[0].Kinesis.SequenceNumber >= k.Records[1].Kinesis.SequenceNumber {
		t.Errorf("bad Kinesis event %+v: %v", k, err)
	}
	var d events.DynamoDBEvent
	if err := json.Unmarshal(batches.DynamoDB(2), &d); err != nil || d.Records[1].Change.NewImage["Id"].Number() != "1" {
		t.Errorf("bad DynamoDB event %+v: %v", d, err)
	}

	if p := batches.Decode(batches.Plain(1)).Records[0]; len(p.MessageAttributes) > 0 || p.Attributes["ApproximateReceiveCount"] != "1" {
		t.Errorf("bad message without attributes %+v", p)
	}
	var w events.KinesisTimeWindowEvent
	if err := json.Unmarshal(batches.Window(2), &w); err != nil || w.ShardID != "shard-6" || len(w.Records) != 2 || w.Window.End.IsZero() {
		t.Errorf("bad event of a window %+v: %v", w, err)
	}
	const size = 25
	var topic events.KafkaEvent
	if err := json.Unmarshal(batches.Kafka(size), &topic); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for name, records := range topic.Records {
		for i, r := range records {
			if seen++; r.Offset != int64(i) || fmt.Sprintf("%s-%d", r.Topic, r.Partition) != name {
				t.Errorf("bad Kafka record %+v in %s", r, name)
			}
		}
	}
	if seen != size {
		t.Errorf("there are %d Kafka records, want %d", seen, size)
	}
}
