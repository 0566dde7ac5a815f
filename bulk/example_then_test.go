package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/kafka"
)

// The messages are enriched one by one, in parallel, and one request writes the results. A Lambda function calls
// lambda.Start(bulk.SQSThen(troupe.Returning(enrich), write)).
func ExampleSQSThen() {
	enrich := func(ctx context.Context, m events.SQSMessage) (string, error) {
		if m.Body == "unknown" {
			return "", errors.New("no such customer")
		}
		return "customer " + m.Body, nil
	}
	write := func(ctx context.Context, customers []string) error {
		fmt.Printf("writing %q\n", customers)
		return bulk.Failures{1: errors.New("rejected")}
	}
	p := bulk.SQSThen(troupe.Returning(enrich), write, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	answer, err := p.Invoke(context.Background(), []byte(`{"Records":[
		{"messageId":"a","body":"ann"},{"messageId":"b","body":"unknown"},{"messageId":"c","body":"bob"}]}`))
	fmt.Println(string(answer), err)
	// Output:
	// writing ["customer ann" "customer bob"]
	// {"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"c"}]} <nil>
}

// double stands for the enrichment of a record.
func double(data string) (string, error) {
	if data == "" {
		return "", errors.New("nothing to double")
	}
	return data + data, nil
}

// show stands for one request that writes all values.
func show(_ context.Context, values []string) error {
	fmt.Println("writing", values)
	return nil
}

// On a stream, records that follow a failed one of their partition key are not written.
func ExampleKinesisThen() {
	p := bulk.KinesisThen(troupe.Returning(func(_ context.Context, r events.KinesisEventRecord) (string, error) {
		return double(string(r.Kinesis.Data))
	}), show, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	answer, err := p.Invoke(context.Background(), []byte(`{"Records":[
		{"kinesis":{"sequenceNumber":"7","partitionKey":"a","data":""},"eventSource":"aws:kinesis"},
		{"kinesis":{"sequenceNumber":"8","partitionKey":"b","data":"Mg=="},"eventSource":"aws:kinesis"},
		{"kinesis":{"sequenceNumber":"9","partitionKey":"a","data":"Mw=="},"eventSource":"aws:kinesis"}]}`))
	fmt.Println(string(answer), err)
	// Output:
	// writing [22]
	// {"batchItemFailures":[{"itemIdentifier":"7"},{"itemIdentifier":"9"}]} <nil>
}

// The changes of a table are enriched one by one, and one request writes them.
func ExampleDynamoDBThen() {
	p := bulk.DynamoDBThen(troupe.Returning(func(_ context.Context, r events.DynamoDBEventRecord) (string, error) {
		return double(r.Change.Keys["id"].String())
	}), show)
	answer, err := p.Invoke(context.Background(), []byte(`{"Records":[
		{"eventName":"INSERT","eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"1","Keys":{"id":{"S":"ann"}}}},
		{"eventName":"INSERT","eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"2","Keys":{"id":{"S":"bob"}}}}]}`))
	fmt.Println(string(answer), err)
	// Output:
	// writing [annann bobbob]
	// {"batchItemFailures":[]} <nil>
}

// On a topic, records that follow a failed one in their partition are not written.
func ExampleKafkaThen() {
	p := bulk.KafkaThen(troupe.Returning(func(_ context.Context, r kafka.Record) (string, error) {
		return double(string(r.Value))
	}), show, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	answer, err := p.Invoke(context.Background(), []byte(`{"eventSource":"aws:kafka","records":{
		"orders-0":[{"topic":"orders","partition":0,"offset":15,"value":"MQ=="},{"topic":"orders","partition":0,"offset":16,"value":""}]}}`))
	fmt.Println(string(answer), err)
	// Output:
	// writing [11]
	// {"batchItemFailures":[{"itemIdentifier":{"partition":"orders-0","offset":16}}]} <nil>
}
