package troupe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
)

// A pipe of EventBridge sends a bare array and identifies records by their eventID. It redelivers only reported
// records, so the rest of a stopped partition key is reported, too.
func ExampleKinesis_pipe() {
	record := func(number, key string) string {
		return fmt.Sprintf(`{"partitionKey":%q,"sequenceNumber":%q,"data":"e30=","eventSource":"aws:kinesis","eventID":"shardId-0:%[2]s"}`, key, number)
	}
	p := troupe.Kinesis(func(_ context.Context, r events.KinesisEventRecord) error {
		if r.Kinesis.SequenceNumber == "1" {
			return errors.New("no stock")
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := p.Invoke(context.Background(), []byte("["+record("1", "a")+","+record("2", "b")+","+record("3", "a")+"]"))
	fmt.Println(string(response), err)
	// Output: {"batchItemFailures":[{"itemIdentifier":"shardId-0:1"},{"itemIdentifier":"shardId-0:3"}]} <nil>
}

func ExampleWithIgnore() {
	warmup := func(payload []byte) bool {
		var p struct{ Source string }
		return json.Unmarshal(payload, &p) == nil && p.Source == "serverless-plugin-warmup"
	}
	p := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil },
		troupe.WithIgnore(warmup), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := p.Invoke(context.Background(), []byte(`{"source":"serverless-plugin-warmup"}`))
	fmt.Println(string(response), err)
	// Output: {"batchItemFailures":[]} <nil>
}
