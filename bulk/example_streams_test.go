package bulk_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/kafka"
)

// Lambda restarts a stream at the lowest reported sequence number. Under the policy that is derived for streams, the
// records that follow the failed one in its group are reported, too.
func ExampleKinesis() {
	p := bulk.Kinesis(func(ctx context.Context, batch []events.KinesisEventRecord) error {
		return bulk.Failures{1: fmt.Errorf("%s is out of range", batch[1].Kinesis.Data)}
	})
	answer, err := p.Invoke(context.Background(), []byte(`{"Records":[
		{"kinesis":{"sequenceNumber":"7","partitionKey":"a","data":"MQ=="},"eventSource":"aws:kinesis"},
		{"kinesis":{"sequenceNumber":"8","partitionKey":"b","data":"Mg=="},"eventSource":"aws:kinesis"},
		{"kinesis":{"sequenceNumber":"9","partitionKey":"b","data":"Mw=="},"eventSource":"aws:kinesis"}]}`))
	fmt.Println(string(answer), err)
	// Output: {"batchItemFailures":[{"itemIdentifier":"8"},{"itemIdentifier":"9"}]} <nil>
}

// On a topic, the records that follow the failed one in its partition are reported, too. Other partitions are not
// affected.
func ExampleKafka() {
	p := bulk.Kafka(func(ctx context.Context, batch []kafka.Record) error {
		failures := bulk.Failures{}
		for i, record := range batch {
			if string(record.Value) == "bad" {
				failures[i] = fmt.Errorf("%s was rejected", record.ID())
			}
		}
		return failures
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	answer, err := p.Invoke(context.Background(), []byte(`{"eventSource":"aws:kafka","records":{
		"orders-0":[
			{"topic":"orders","partition":0,"offset":15,"value":"Z29vZA=="},
			{"topic":"orders","partition":0,"offset":16,"value":"YmFk"},
			{"topic":"orders","partition":0,"offset":17,"value":"Z29vZA=="}],
		"orders-1":[
			{"topic":"orders","partition":1,"offset":8,"value":"Z29vZA=="}]}}`))
	fmt.Println(string(answer), err)
	// Output: {"batchItemFailures":[{"itemIdentifier":{"partition":"orders-0","offset":16}},{"itemIdentifier":{"partition":"orders-0","offset":17}}]} <nil>
}

// One request writes the changes of a table to an index.
func ExampleDynamoDB() {
	p := bulk.DynamoDB(func(ctx context.Context, batch []events.DynamoDBEventRecord) error {
		for _, rec := range batch {
			fmt.Println(rec.EventName, rec.Change.Keys["id"].String())
		}
		return nil
	})
	answer, err := p.Invoke(context.Background(), []byte(`{"Records":[
		{"eventName":"INSERT","eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"1","Keys":{"id":{"S":"ann"}}}},
		{"eventName":"REMOVE","eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"2","Keys":{"id":{"S":"bob"}}}}]}`))
	fmt.Println(string(answer), err)
	// Output:
	// INSERT ann
	// REMOVE bob
	// {"batchItemFailures":[]} <nil>
}
