package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
)

// put stands for a service that accepts many documents in one request and returns those that it rejected.
func put(_ context.Context, documents []string) (rejected []int, err error) {
	for i, d := range documents {
		if d == "bad" {
			rejected = append(rejected, i)
		}
	}
	return rejected, nil
}

// One request writes the messages of a batch. A Lambda function calls lambda.Start(bulk.SQS(index)).
func Example() {
	index := func(ctx context.Context, batch []events.SQSMessage) error {
		documents := make([]string, len(batch))
		for i := range batch {
			documents[i] = batch[i].Body
		}
		rejected, err := put(ctx, documents)
		if err != nil {
			return err // all of them are redelivered
		}
		failures := bulk.Failures{}
		for _, i := range rejected {
			failures[i] = errors.New("rejected")
		}
		return failures
	}
	answer, err := bulk.SQS(index, troupe.WithLogger(slog.New(slog.DiscardHandler))).Invoke(context.Background(), []byte(`{"Records":[
		{"messageId":"a","body":"good"},{"messageId":"b","body":"bad"},{"messageId":"c","body":"good"}]}`))
	fmt.Println(string(answer), err)
	// Output: {"batchItemFailures":[{"itemIdentifier":"b"}]} <nil>
}
