package sqsredelivery_test

import (
	"context"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/sqsredelivery"
	"github.com/troupe-go/troupe/redelivery"
)

func charge(context.Context, events.SQSMessage) error { return nil }

// A function with both options. A program gets its client from sqs.NewFromConfig.
func Example() {
	client := sqs.New(sqs.Options{Region: "eu-west-1"})
	_ = troupe.SQS(charge,
		redelivery.Backoff(sqsredelivery.NewVisibility(client), redelivery.Exponential(30*time.Second, 15*time.Minute)),
		redelivery.DeadLetter(sqsredelivery.NewSender(client, os.Getenv("DEAD_LETTER_QUEUE_URL")+"q"), 5))
}

func ExampleNewVisibility() {
	client := sqs.New(sqs.Options{Region: "eu-west-1"})
	_ = redelivery.Backoff(sqsredelivery.NewVisibility(client), redelivery.Exponential(time.Minute, time.Hour))
}

func ExampleNewSender() {
	client := sqs.New(sqs.Options{Region: "eu-west-1"})
	_ = redelivery.DeadLetter(sqsredelivery.NewSender(client, "https://sqs.eu-west-1.amazonaws.com/123456789012/dead"), 3)
}
