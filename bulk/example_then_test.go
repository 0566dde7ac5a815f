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

// Each message is enriched by itself, in parallel, and one request writes what came of them. In a function it would
// be lambda.Start(bulk.SQSThen(troupe.Returning(enrich), write)).
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
