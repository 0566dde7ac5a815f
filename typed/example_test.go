package typed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/envelope"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/typed"
)

// Order is what the examples' producers send.
type Order struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
}

// The handler gets the body decoded, and the message. What cannot be decoded fails alone.
func ExampleSQS() {
	charge := func(ctx context.Context, order Order, msg events.SQSMessage) error {
		fmt.Println(msg.MessageId, "charges", order.Amount, "for", order.ID)
		return nil
	}
	processor := troupe.SQS(typed.SQS(charge), troupe.WithConcurrency(1), troupe.WithLogger(nil))

	response, err := processor.Invoke(context.Background(), []byte(`{"Records": [
		{"messageId": "m1", "body": "{\"id\":\"o-1\",\"amount\":5}"},
		{"messageId": "m2", "body": "{\"id\":\"o-2\",\"amount\":\"a lot\"}"}
	]}`))
	fmt.Println(string(response), err)
	// Output:
	// m1 charges 5 for o-1
	// {"batchItemFailures":[{"itemIdentifier":"m2"}]} <nil>
}

func ExampleKinesis() {
	processor := troupe.Kinesis(typed.Kinesis(func(ctx context.Context, order Order, rec events.KinesisEventRecord) error {
		fmt.Println(rec.Kinesis.PartitionKey, "ordered", order.ID)
		return nil
	}))
	response, err := processor.Process(context.Background(), events.KinesisEvent{Records: []events.KinesisEventRecord{
		{Kinesis: events.KinesisRecord{SequenceNumber: "1", PartitionKey: "ann", Data: []byte(`{"id":"o-1"}`)}},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// ann ordered o-1
	// [] <nil>
}

// Values of a compacted topic: of a tombstone there is nothing to decode, and the pointer is nil.
func ExampleKafka() {
	store := func(ctx context.Context, order *Order, record kafka.Record) error {
		if order == nil {
			fmt.Printf("%s deletes %s\n", record.ID(), record.Key)
			return nil
		}
		fmt.Printf("%s sets %s to %d\n", record.ID(), record.Key, order.Amount)
		return nil
	}
	processor := kafka.New(typed.Kafka(store))
	response, err := processor.Process(context.Background(), kafka.Event{Records: map[string][]kafka.Record{"orders-0": {
		{Topic: "orders", Offset: 1, Key: []byte("o-1"), Value: []byte(`{"id":"o-1","amount":5}`)},
		{Topic: "orders", Offset: 2, Key: []byte("o-1"), Value: nil},
	}}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// orders-0@1 sets o-1 to 5
	// orders-0@2 deletes o-1
	// [] <nil>
}

// Items become structs by the tags that the AWS SDK for Go knows.
func ExampleDynamoDB() {
	type Item struct {
		ID     string `dynamodbav:"id"`
		Status string `dynamodbav:"status"`
		Total  float64
	}
	processor := troupe.DynamoDB(typed.DynamoDB(func(ctx context.Context, change typed.Change[Item], rec events.DynamoDBEventRecord) error {
		switch {
		case change.Old == nil:
			fmt.Println(rec.EventName, change.New.ID, change.New.Total)
		case change.New == nil:
			fmt.Println(rec.EventName, change.Old.ID)
		default:
			fmt.Println(rec.EventName, change.New.ID, "was", change.Old.Status, "is", change.New.Status)
		}
		return nil
	}), troupe.WithConcurrency(1))
	_, err := processor.Invoke(context.Background(), []byte(`{"Records": [
		{"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": {"id": {"S": "o-1"}, "Total": {"N": "12.5"}, "status": {"S": "open"}}}},
		{"eventName": "MODIFY", "dynamodb": {"SequenceNumber": "2", "OldImage": {"id": {"S": "o-1"}, "status": {"S": "open"}}, "NewImage": {"id": {"S": "o-1"}, "status": {"S": "paid"}}}},
		{"eventName": "REMOVE", "dynamodb": {"SequenceNumber": "3", "OldImage": {"id": {"S": "o-1"}}}}
	]}`))
	fmt.Println(err)
	// Output:
	// INSERT o-1 12.5
	// MODIFY o-1 was open is paid
	// REMOVE o-1
	// <nil>
}

// A change has what the stream's view type has of the item: here both images.
func ExampleChange() {
	renamed := func(ctx context.Context, change typed.Change[map[string]any], rec events.DynamoDBEventRecord) error {
		if change.New != nil && change.Old != nil {
			fmt.Println((*change.Old)["name"], "is now", (*change.New)["name"])
		}
		return nil
	}
	err := typed.DynamoDB(renamed)(context.Background(), events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{
		OldImage: map[string]events.DynamoDBAttributeValue{"name": events.NewStringAttribute("Ann")},
		NewImage: map[string]events.DynamoDBAttributeValue{"name": events.NewStringAttribute("Anna")},
	}})
	fmt.Println(err)
	// Output:
	// Ann is now Anna
	// <nil>
}

// A queue that a rule of EventBridge sends to: the handler gets the event's detail decoded, and the event.
func ExampleDetail() {
	placed := func(ctx context.Context, order Order, event events.EventBridgeEvent) error {
		fmt.Println(event.Source, event.DetailType, order.ID)
		return nil
	}
	processor := troupe.SQS(envelope.EventBridge(typed.Detail(placed)))
	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: `{"version":"0","id":"6a7e8feb","detail-type":"Order placed","source":"shop","detail":{"id":"o-1"}}`},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// shop Order placed o-1
	// [] <nil>
}

// Payloads that are somewhere else: here JSON in a message attribute.
func ExampleFrom() {
	fromAttribute := typed.From("messageAttributes.order",
		func(msg events.SQSMessage) []byte { return msg.MessageAttributes["order"].BinaryValue },
		func(ctx context.Context, order *Order, msg events.SQSMessage) error {
			if order == nil {
				fmt.Println("no order in", msg.MessageId)
				return nil
			}
			fmt.Println("order", order.ID, "in", msg.MessageId)
			return nil
		})
	processor := troupe.SQS(fromAttribute, troupe.WithConcurrency(1))
	_, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", MessageAttributes: map[string]events.SQSMessageAttribute{"order": {BinaryValue: []byte(`{"id":"o-1"}`)}}},
		{MessageId: "m2"},
	}})
	fmt.Println(err)
	// Output:
	// order o-1 in m1
	// no order in m2
	// <nil>
}

// JSON read in another way. Avro and Protobuf go the same way: typed.Decoder(func(b []byte) (*pb.Order, error)
// { order := new(pb.Order); return order, proto.Unmarshal(b, order) }).
func ExampleDecoder() {
	withNumbers := typed.Decoder(func(payload []byte) (fields map[string]any, err error) {
		decoder := json.NewDecoder(bytes.NewReader(payload))
		decoder.UseNumber()
		return fields, decoder.Decode(&fields)
	})
	handle := func(ctx context.Context, fields map[string]any, msg events.SQSMessage) error {
		fmt.Println(fields["amount"])
		return nil
	}
	processor := troupe.SQS(typed.SQS(handle, withNumbers))
	_, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1", Body: `{"amount":12345678901234567890}`}}})
	fmt.Println(err)
	// Output:
	// 12345678901234567890
	// <nil>
}

// What cannot be decoded never will be: it is left out, counted and logged.
func ExampleDropUndecodable() {
	handle := func(ctx context.Context, order Order, msg events.SQSMessage) error { return nil }
	processor := troupe.SQS(typed.SQS(handle, typed.DropUndecodable()), troupe.WithLogger(nil),
		troupe.WithObserver(func(_ context.Context, report *troupe.Report) {
			fmt.Println("dropped", report.Dropped, "of", len(report.Records))
			fmt.Println(report.Records[1].Err)
		}))
	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: `{"id":"o-1"}`},
		{MessageId: "m2", Body: `{"id":`},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// dropped 1 of 2
	// troupe: record "m2", index 1, cannot be decoded: body: JSON is cut short (at byte 6 of the payload)
	// [] <nil>
}

// Fields that the type does not have are ignored unless they are refused.
func ExampleDisallowUnknownFields() {
	handle := func(ctx context.Context, order Order, msg events.SQSMessage) error { return nil }
	msg := events.SQSMessage{Body: `{"id":"o-1","colour":"red"}`}
	fmt.Println(typed.SQS(handle)(context.Background(), msg))
	fmt.Println(typed.SQS(handle, typed.DisallowUnknownFields())(context.Background(), msg))
	// Output:
	// <nil>
	// troupe: record cannot be decoded: body: a field that typed_test.Order does not have (at byte 12 of the payload)
}
