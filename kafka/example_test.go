package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
)

// The handler sees one record at a time. A failure stops its partition, so that order holds there; what never
// started is reported too. In a Lambda function the last lines are lambda.Start(processor).
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

// By key a failure holds up nothing but its key.
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

// A nil Value is a tombstone: whatever the key stands for has been deleted.
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

// The answer turns the identifiers of records into what Lambda knows them by.
func ExampleAnswer() {
	fmt.Println(string(kafka.Answer().JSON(nil, []string{"orders-0@15"})))
	// Output: {"batchItemFailures":[{"itemIdentifier":{"partition":"orders-0","offset":15}}]}
}
