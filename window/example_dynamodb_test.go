package window_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/window"
)

// The function counts the changes of a table within each window, by kind.
func ExampleDynamoDB() {
	count := func(ctx context.Context, kinds map[string]int, rec events.DynamoDBEventRecord) (map[string]int, error) {
		kinds[rec.EventName]++
		return kinds, nil
	}
	p := window.DynamoDB(count, nil)

	answer, err := p.Invoke(context.Background(), []byte(`{"Records":[
		{"eventName":"INSERT","eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"1","Keys":{"id":{"S":"ann"}}}},
		{"eventName":"REMOVE","eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"2","Keys":{"id":{"S":"bob"}}}}],
		"window":{"start":"2026-01-01T07:04:00Z","end":"2026-01-01T07:06:00Z"},"state":{"INSERT":4},"shardId":"shard-1"}`))
	fmt.Println(string(answer), err)
	// Output: {"state":{"INSERT":5,"REMOVE":1},"batchItemFailures":[]} <nil>
}
