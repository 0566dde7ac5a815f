// Command sqs is a Lambda function that charges the orders of a queue.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
)

func main() {
	p := payments{url: os.Getenv("PAYMENTS_URL"), client: newClient()}
	lambda.Start(newProcessor(p.charge))
}

// newProcessor is apart from main so that a test can put a handler of its own around charge.
func newProcessor(charge troupe.Handler[events.SQSMessage]) lambda.Handler {
	return troupe.SQS(charge, troupe.WithRetry(troupe.Retry{Times: 2}), troupe.WithRecordTimeout(5*time.Second))
}

// payments is a payment service.
type payments struct {
	url    string
	client *http.Client
}

// charge charges one order. The message's id goes with it, by which the payment service knows an order that
// comes a second time: delivery is at least once. A producer that sends an order twice makes two messages with two ids,
// though, and so does moving messages back from the dead-letter queue. Where orders have a number of their own, send that.
func (p payments) charge(ctx context.Context, msg events.SQSMessage) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(msg.Body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", msg.MessageId)
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer finish(response.Body)
	switch {
	case response.StatusCode >= 500:
		return fmt.Errorf("payments: %s", response.Status)
	case response.StatusCode >= 300:
		// It is not tried again in place, which would be for nothing. The queue still delivers it maxReceiveCount times
		// before it goes to the dead-letter queue: to Lambda a failure is a failure.
		return troupe.Permanent(fmt.Errorf("payments: %s", response.Status))
	}
	return nil
}
