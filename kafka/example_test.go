package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/typed"
)

// The handler receives one record at a time. A failure stops its partition, and records of it that have not started
// are reported too, which preserves their order. A Lambda function ends with lambda.Start(processor).
func Example() {
	processor := kafka.New(func(ctx context.Context, record kafka.Record) error {
		if string(record.Value) == "bad" {
			return errors.New("no such order")
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Invoke(context.Background(), []byte(`{
		"eventSource": "aws:kafka",
		"records": {
			"orders-0": [
				{"topic": "orders", "partition": 0, "offset": 15, "value": "Z29vZA=="},
				{"topic": "orders", "partition": 0, "offset": 16, "value": "YmFk"},
				{"topic": "orders", "partition": 0, "offset": 17, "value": "Z29vZA=="}
			],
			"orders-1": [
				{"topic": "orders", "partition": 1, "offset": 8, "value": "Z29vZA=="}
			]
		}
	}`))
	fmt.Println(string(response), err)
	// Output: {"batchItemFailures":[{"itemIdentifier":{"partition":"orders-0","offset":16}},{"itemIdentifier":{"partition":"orders-0","offset":17}}]} <nil>
}

// With ByKey a failure holds up only the records of its key.
func ExampleByKey() {
	processor := kafka.New(func(ctx context.Context, record kafka.Record) error {
		if record.Offset == 15 {
			return errors.New("customer is locked")
		}
		return nil
	}, kafka.ByKey(), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Process(context.Background(), kafka.Event{Records: map[string][]kafka.Record{
		"orders-0": {
			{Topic: "orders", Offset: 15, Key: []byte("ann")},
			{Topic: "orders", Offset: 16, Key: []byte("bob")},
			{Topic: "orders", Offset: 17, Key: []byte("ann")},
		},
	}})
	for _, failure := range response.BatchItemFailures {
		fmt.Println(failure.ItemIdentifier)
	}
	fmt.Println(err)
	// Output:
	// orders-0@15
	// orders-0@17
	// <nil>
}

// A nil Value is a tombstone: the entry of the key has been deleted.
func ExampleRecord() {
	processor := kafka.New(func(ctx context.Context, record kafka.Record) error {
		if record.Value == nil {
			fmt.Printf("%s: delete %s\n", record.ID(), record.Key)
			return nil
		}
		fmt.Printf("%s: set %s to %q, with %d headers\n", record.ID(), record.Key, record.Value, len(record.Headers))
		return nil
	}, troupe.WithConcurrency(1))

	_, err := processor.Invoke(context.Background(), []byte(`{"records": {"users-3": [
		{"topic": "users", "partition": 3, "offset": 1, "key": "YW5u", "value": "", "headers": [{"trace": [52, -1]}]},
		{"topic": "users", "partition": 3, "offset": 2, "key": "YW5u", "value": null}
	]}}`))
	fmt.Println(err)
	// Output:
	// users-3@1: set ann to "", with 1 headers
	// users-3@2: delete ann
	// <nil>
}

// The answer turns the identifiers of records into those of Lambda.
func ExampleAnswer() {
	fmt.Println(string(kafka.Answer().JSON(nil, []string{"orders-0@15"})))
	// Output: {"batchItemFailures":[{"itemIdentifier":{"partition":"orders-0","offset":15}}]}
}

// A producer with Confluent's schema registry writes the schema before each value. Here it is JSON; for Avro and
// Protobuf add typed.WithDecoder.
func ExampleConfluent() {
	type order struct{ ID string }
	ship := func(ctx context.Context, o order) error {
		fmt.Println("ships", o.ID)
		return nil
	}
	processor := kafka.New(kafka.Confluent(typed.Kafka(ship)), troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Process(context.Background(), kafka.Event{Records: map[string][]kafka.Record{"orders-0": {
		{Topic: "orders", Offset: 15, Value: []byte("\x00\x00\x00\x00\x2a" + `{"id":"o-1"}`)},
		{Topic: "orders", Offset: 16, Value: []byte("\x00\x00\x00")},
	}}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// ships o-1
	// [{orders-0@16}] <nil>
}

// A producer with the AWS Glue schema registry writes the version of the schema before each value, and may compress it.
func ExampleGlue() {
	ship := func(ctx context.Context, record kafka.Record) error {
		schema, _ := kafka.SchemaFrom(ctx)
		fmt.Printf("%s of schema %s\n", record.Value, schema.ID)
		return nil
	}
	processor := kafka.New(kafka.Glue(ship))

	header := "\x03\x00\xb7\xb4\xa7\xf0\x9c\x96\x4e\x4a\xa6\x87\xfb\x5d\xe9\xef\x0c\x63"
	_, err := processor.Process(context.Background(), kafka.Event{Records: map[string][]kafka.Record{"orders-0": {
		{Topic: "orders", Offset: 15, Value: []byte(header + `{"id":"o-1"}`)},
	}}})
	fmt.Println(err)
	// Output:
	// {"id":"o-1"} of schema b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63
	// <nil>
}

// A Protobuf schema may define several messages, and a topic may have values of each.
func ExampleWithProtobuf() {
	handle := func(ctx context.Context, record kafka.Record) error {
		switch schema, _ := kafka.SchemaFrom(ctx); {
		case slices.Equal(schema.Message, []int{0}):
			fmt.Printf("an order of %d bytes\n", len(record.Value))
		case slices.Equal(schema.Message, []int{1}):
			fmt.Printf("a refund of %d bytes\n", len(record.Value))
		}
		return nil
	}
	processor := kafka.New(kafka.Confluent(handle, kafka.WithProtobuf()))

	_, err := processor.Process(context.Background(), kafka.Event{Records: map[string][]kafka.Record{"orders-0": {
		{Topic: "orders", Offset: 15, Value: []byte("\x00\x00\x00\x00\x2a\x00" + "\x0a\x03o-1")},
		{Topic: "orders", Offset: 16, Value: []byte("\x00\x00\x00\x00\x2a\x02\x02" + "\x0a\x01r")},
	}}})
	fmt.Println(err)
	// Output:
	// an order of 5 bytes
	// a refund of 3 bytes
	// <nil>
}

// Handlers inside Confluent and Glue can get the schema from their context.
func ExampleSchemaFrom() {
	handle := func(ctx context.Context, record kafka.Record) error {
		schema, ok := kafka.SchemaFrom(ctx)
		fmt.Println(schema.ID, ok)
		return nil
	}
	err := kafka.Confluent(handle)(context.Background(), kafka.Record{Value: []byte("\x00\x00\x00\x00\x2a{}")})
	fmt.Println(err)
	// Output:
	// 42 true
	// <nil>
}

// A small value may decompress to a large one.
func ExampleWithMaxSize() {
	handle := func(ctx context.Context, record kafka.Record) error { return nil }
	header := "\x03\x05\xb7\xb4\xa7\xf0\x9c\x96\x4e\x4a\xa6\x87\xfb\x5d\xe9\xef\x0c\x63"
	zeros := "\x78\x9c\x33\x30\x18\x05\xa3\x60\x14\x0c\x77\x00\x00\xad\x1a\xbb\x81" // 1,000 of them
	err := kafka.Glue(handle, kafka.WithMaxSize(500))(context.Background(), kafka.Record{Value: []byte(header + zeros)})
	fmt.Println(err)
	// Output:
	// troupe: record cannot be decoded: value: more than 500 bytes when decompressed, which is the limit
}
