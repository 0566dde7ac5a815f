package window_test

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/window"
)

// The function counts the records of each window and stores the count at its end. A Lambda function calls
// lambda.Start(window.Kinesis(add, store)).
func Example() {
	type Totals struct {
		Records int `json:"records"`
		Bytes   int `json:"bytes"`
	}
	add := func(ctx context.Context, totals Totals, rec events.KinesisEventRecord) (Totals, error) {
		totals.Records++
		totals.Bytes += len(rec.Kinesis.Data)
		return totals, nil
	}
	store := func(ctx context.Context, totals Totals) error {
		in, _ := window.From(ctx)
		fmt.Println(in.ShardID, in.Window.Start.Format("15:04"), totals.Records, "records,", totals.Bytes, "bytes")
		return nil
	}
	p := window.Kinesis(add, store)

	data := base64.StdEncoding.EncodeToString([]byte("hello"))
	answer, err := p.Invoke(context.Background(), []byte(`{"Records":[
		{"kinesis":{"sequenceNumber":"1","partitionKey":"a","data":"`+data+`"},"eventSource":"aws:kinesis"},
		{"kinesis":{"sequenceNumber":"2","partitionKey":"b","data":"`+data+`"},"eventSource":"aws:kinesis"}],
		"window":{"start":"2026-01-01T07:04:00Z","end":"2026-01-01T07:06:00Z"},"state":{},"shardId":"shard-6"}`))
	fmt.Println(string(answer), err)

	answer, err = p.Invoke(context.Background(), []byte(`{"Records":[],
		"window":{"start":"2026-01-01T07:04:00Z","end":"2026-01-01T07:06:00Z"},"state":{"records":2,"bytes":10},
		"shardId":"shard-6","isFinalInvokeForWindow":true}`))
	fmt.Println(string(answer), err)
	// Output:
	// {"state":{"records":2,"bytes":10},"batchItemFailures":[]} <nil>
	// shard-6 07:04 2 records, 10 bytes
	// {"state":{},"batchItemFailures":[]} <nil>
}
