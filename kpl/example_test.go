package kpl_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kpl"
)

// One record of the stream contains three user records. A Lambda function calls lambda.Start(kpl.Kinesis(charge)).
func Example() {
	charge := func(ctx context.Context, rec kpl.UserRecord) error {
		fmt.Println(rec.ID(), rec.Kinesis.PartitionKey, string(rec.Kinesis.Data))
		if string(rec.Kinesis.Data) == "bad" {
			return errors.New("declined")
		}
		return nil
	}
	packed := base64.StdEncoding.EncodeToString([]byte(aggregate("ann=10", "ben=bad", "cid=30")))
	answer, err := kpl.Kinesis(charge, troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler))).Invoke(context.Background(), []byte(`{"Records":[
		{"kinesis":{"sequenceNumber":"49590338","partitionKey":"a","data":"`+packed+`"},"eventSource":"aws:kinesis"}]}`))
	fmt.Println(string(answer), err)
	// Output:
	// 49590338:0 ann 10
	// 49590338:1 ben bad
	// 49590338:2 cid 30
	// {"batchItemFailures":[{"itemIdentifier":"49590338"}]} <nil>
}
