package redisstore_test

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/redis/go-redis/v9"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/redis/redisstore"
	"github.com/troupe-go/troupe/typed"
)

type order struct{ Number string }

func number(_ context.Context, o order) string { return o.Number }

func charge(context.Context, order) error { return nil }

// The client and the store are constructed once, when the environment starts.
func Example() {
	client := redis.NewClient(&redis.Options{Addr: os.Getenv("REDIS_ADDRESS"), ContextTimeoutEnabled: true})
	lambda.Start(troupe.SQS(typed.SQS(idempotency.Wrap("charge", redisstore.New(client), number, charge))))
}
