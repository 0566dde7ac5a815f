package dynamodbstore_test

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/dynamodbstore"
	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/typed"
)

type order struct{ Number string }

func number(_ context.Context, o order) string { return o.Number }

func charge(context.Context, order) error { return nil }

// options are those of the function's client; config.LoadDefaultConfig of the SDK and dynamodb.NewFromConfig find them
// in the environment.
var options dynamodb.Options

// The client and the store are constructed once, when the environment starts.
func Example() {
	store := dynamodbstore.New(dynamodb.New(options), os.Getenv("ONCE_TABLE"))
	lambda.Start(troupe.SQS(typed.SQS(idempotency.Wrap("charge", store, number, charge))))
}

// During a migration, functions with Powertools for Python use the same table.
func ExampleNew_powertools() {
	store := dynamodbstore.New(dynamodb.New(options), os.Getenv("ONCE_TABLE"))
	key := func(_ context.Context, msg events.SQSMessage) string {
		return idempotency.PowertoolsKey(idempotency.Python, "orders", "app.process_order", []byte(msg.Body))
	}
	charge := func(context.Context, events.SQSMessage) error { return nil }
	lambda.Start(troupe.SQS(idempotency.Wrap("charge", store, key, charge, idempotency.WithRawKey())))
}
