package batches_test

import (
	"encoding/json"
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
}
