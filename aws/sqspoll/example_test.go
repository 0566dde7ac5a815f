package sqspoll_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/sqspoll"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/sqsserver"
)

// The queue is simulated. A program uses sqs.NewFromConfig and the context of signal.NotifyContext.
func ExampleRun() {
	orders := &lambdasim.Queue{Name: "orders"}
	server, err := sqsserver.New(orders)
	if err != nil {
		fmt.Println(err)
		return
	}
	listener := httptest.NewServer(server)
	defer listener.Close()
	orders.Send(lambdasim.Message{Body: "an anvil"})
	client := sqs.New(sqs.Options{BaseEndpoint: &listener.URL, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	charge := func(_ context.Context, m events.SQSMessage) error {
		fmt.Println("charged:", m.Body)
		stop() // as SIGTERM does
		return nil
	}
	err = sqspoll.Run(ctx, client, server.URL(listener.URL, orders), troupe.SQS(charge), sqspoll.WithWait(time.Second))
	fmt.Println(err)
	// Output:
	// charged: an anvil
	// <nil>
}
