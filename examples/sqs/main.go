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

// newProcessor is separate from main, so that a test can wrap charge.
func newProcessor(charge troupe.Handler[events.SQSMessage]) lambda.Handler {
	return troupe.SQS(charge, troupe.WithRetry(troupe.Retry{Times: 2}), troupe.WithRecordTimeout(5*time.Second))
}

// payments is a payment service.
type payments struct {
	url    string
	client *http.Client
}

// charge charges one order. It sends the message's id, by which the payment service recognizes a redelivered order:
// delivery is at least once. But if a producer sends an order twice, or messages are moved back from the dead-letter
// queue, the ids differ. If orders have a number of their own, send that instead.
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
		// No attempt in place, which would be useless. Lambda treats all failures alike, so the queue still delivers
		// the message maxReceiveCount times before it moves to the dead-letter queue.
		return troupe.Permanent(fmt.Errorf("payments: %s", response.Status))
	}
	return nil
}
