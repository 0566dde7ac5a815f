package typed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/envelope"
	"github.com/troupe-go/troupe/firehose"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/kpl"
	"github.com/troupe-go/troupe/typed"
)

// Order is what the examples' producers send.
type Order struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
}

// The handler receives the decoded body. A message that cannot be decoded fails alone.
func ExampleSQS() {
	charge := func(ctx context.Context, order Order) error {
		record, _ := troupe.RecordFrom(ctx)
		fmt.Println(record.ID, "charges", order.Amount, "for", order.ID)
		return nil
	}
	processor := troupe.SQS(typed.SQS(charge), troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler)))

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
	processor := troupe.Kinesis(typed.Kinesis(func(ctx context.Context, order Order) error {
		record, _ := troupe.RecordFrom(ctx) // its group is the partition key
		fmt.Println(record.Group, "ordered", order.ID)
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

// Values of a compacted topic. A tombstone has no value, so the pointer is nil.
func ExampleKafka() {
	store := func(ctx context.Context, order *Order) error {
		record, err := troupe.MessageFrom[kafka.Record](ctx)
		if err != nil {
			return err
		}
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

// The data of a Firehose record is decoded, and what the handler returns is delivered in its place.
func ExampleFirehose() {
	type reading struct{ Celsius float64 }
	convert := func(ctx context.Context, r reading) (firehose.Output, error) {
		return firehose.JSON(map[string]float64{"fahrenheit": r.Celsius*9/5 + 32})
	}
	processor := firehose.New(typed.Firehose(troupe.Returning(convert)))
	response, err := processor.Process(context.Background(), firehose.Event{Records: []firehose.Record{{ID: "1", Data: []byte(`{"celsius": 25}`)}}})
	fmt.Printf("%s %s%v\n", response.Records[0].Result, response.Records[0].Data, err)
	// Output:
	// Ok {"fahrenheit":77}
	// <nil>
}

// Items become structs by the tags of the AWS SDK for Go.
func ExampleDynamoDB() {
	type Item struct {
		ID     string `dynamodbav:"id"`
		Status string `dynamodbav:"status"`
		Total  float64
	}
	processor := troupe.DynamoDB(typed.DynamoDB(func(ctx context.Context, change typed.Change[Item]) error {
		switch {
		case change.Old == nil:
			fmt.Println(change.Operation, change.Keys.ID, change.New.Total)
		case change.New == nil:
			fmt.Println(change.Operation, change.Keys.ID)
		default:
			fmt.Println(change.Operation, change.Keys.ID, "was", change.Old.Status, "is", change.New.Status)
		}
		return nil
	}), troupe.WithConcurrency(1))
	_, err := processor.Invoke(context.Background(), []byte(`{"Records": [
		{"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "Keys": {"id": {"S": "o-1"}}, "NewImage": {"id": {"S": "o-1"}, "Total": {"N": "12.5"}, "status": {"S": "open"}}}},
		{"eventName": "MODIFY", "dynamodb": {"SequenceNumber": "2", "Keys": {"id": {"S": "o-1"}}, "OldImage": {"id": {"S": "o-1"}, "status": {"S": "open"}}, "NewImage": {"id": {"S": "o-1"}, "status": {"S": "paid"}}}},
		{"eventName": "REMOVE", "dynamodb": {"SequenceNumber": "3", "Keys": {"id": {"S": "o-1"}}, "OldImage": {"id": {"S": "o-1"}}}}
	]}`))
	fmt.Println(err)
	// Output:
	// INSERT o-1 12.5
	// MODIFY o-1 was open is paid
	// REMOVE o-1
	// <nil>
}

// A change has the images of the stream's view type, here both.
func ExampleChange() {
	renamed := func(ctx context.Context, change typed.Change[map[string]any]) error {
		if change.New != nil && change.Old != nil {
			fmt.Println(change.Operation, change.Keys["id"], (*change.Old)["name"], "is now", (*change.New)["name"])
		}
		return nil
	}
	text := events.NewStringAttribute
	_, err := troupe.DynamoDB(typed.DynamoDB(renamed)).Process(context.Background(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{
		{EventName: "MODIFY", Change: events.DynamoDBStreamRecord{
			SequenceNumber: "1",
			Keys:           map[string]events.DynamoDBAttributeValue{"id": text("u-1")},
			OldImage:       map[string]events.DynamoDBAttributeValue{"id": text("u-1"), "name": text("Ann")},
			NewImage:       map[string]events.DynamoDBAttributeValue{"id": text("u-1"), "name": text("Anna")},
		}},
	}})
	fmt.Println(err)
	// Output:
	// MODIFY u-1 Ann is now Anna
	// <nil>
}

// A rule of EventBridge sends to a queue. The handler receives the decoded detail of the event.
func ExampleDetail() {
	placed := func(ctx context.Context, order Order) error {
		fmt.Println("placed:", order.ID)
		return nil
	}
	processor := troupe.SQS(envelope.EventBridge(typed.Detail(placed)))
	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: `{"version":"0","id":"6a7e8feb","detail-type":"Order placed","source":"shop","detail":{"id":"o-1"}}`},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// placed: o-1
	// [] <nil>
}

// The payload is in another place, here JSON in a message attribute. The handler receives the value together with
// its record.
func ExampleFrom() {
	fromAttribute := typed.From("messageAttributes.order",
		func(msg events.SQSMessage) []byte { return msg.MessageAttributes["order"].BinaryValue },
		func(ctx context.Context, with typed.With[*Order, events.SQSMessage]) error {
			if with.Value == nil {
				fmt.Println("no order in", with.Record.MessageId)
				return nil
			}
			fmt.Println("order", with.Value.ID, "in", with.Record.MessageId)
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

// A custom decoder of JSON. For Protobuf: typed.WithDecoder(func(b []byte) (*pb.Order, error) { order :=
// new(pb.Order); return order, proto.Unmarshal(b, order) }).
func ExampleWithDecoder() {
	withNumbers := typed.WithDecoder(func(payload []byte) (fields map[string]any, err error) {
		decoder := json.NewDecoder(bytes.NewReader(payload))
		decoder.UseNumber()
		return fields, decoder.Decode(&fields)
	})
	handle := func(ctx context.Context, fields map[string]any) error {
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

// A message that cannot be decoded never will be: it is dropped, counted and logged.
func ExampleWithDropUndecodable() {
	handle := func(ctx context.Context, order Order) error { return nil }
	processor := troupe.SQS(typed.SQS(handle, typed.WithDropUndecodable()), troupe.WithLogger(slog.New(slog.DiscardHandler)),
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

// Fields that the type does not have are ignored by default. Here they are refused.
func ExampleWithDisallowUnknownFields() {
	handle := func(ctx context.Context, order Order) error { return nil }
	event := events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1", Body: `{"id":"o-1","color":"red"}`}}}

	lenient := troupe.SQS(typed.SQS(handle))
	_, report, _ := lenient.ProcessReport(context.Background(), event)
	fmt.Println(report.Records[0].Err)

	strict := troupe.SQS(typed.SQS(handle, typed.WithDisallowUnknownFields()), troupe.WithLogger(slog.New(slog.DiscardHandler)))
	_, report, _ = strict.ProcessReport(context.Background(), event)
	fmt.Println(report.Records[0].Err)
	// Output:
	// <nil>
	// troupe: record "m1", index 0, cannot be decoded: body: a field that typed_test.Order does not have (at byte 12 of the payload)
}

// User records of the Kinesis Producer Library, for which package typed has no function.
func ExamplePayload() {
	charge := func(ctx context.Context, order Order) error {
		fmt.Println("charges", order.Amount, "for", order.ID)
		return nil
	}
	processor := kpl.Kinesis(typed.Payload[kpl.UserRecord]("kinesis.data", charge))
	_, err := processor.Process(context.Background(), events.KinesisEvent{Records: []events.KinesisEventRecord{
		{Kinesis: events.KinesisRecord{SequenceNumber: "1", Data: []byte(`{"id":"o-1","amount":5}`)}},
	}})
	fmt.Println(err)
	// Output:
	// charges 5 for o-1
	// <nil>
}

// The handler also receives the record, which is decoded on demand.
func ExampleFromLazy() {
	charge := typed.FromLazy("body", func(ctx context.Context, with typed.With[Order, troupe.Lazy[events.SQSMessage]]) error {
		if with.Value.Amount == 0 {
			return nil
		}
		msg, err := with.Record.Open()
		if err != nil {
			return err
		}
		fmt.Println("charges", with.Value.Amount, "at attempt", msg.Attributes["ApproximateReceiveCount"])
		return nil
	})
	processor := troupe.SQS(charge)
	_, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: `{"id":"o-1","amount":5}`, Attributes: map[string]string{"ApproximateReceiveCount": "2"}},
		{MessageId: "m2", Body: `{"id":"o-2","amount":0}`},
	}})
	fmt.Println(err)
	// Output:
	// charges 5 at attempt 2
	// <nil>
}
