// Command typed is a Lambda function that reserves what is ordered. Orders are JSON, published to an SNS topic that
// the queue is subscribed to.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/envelope"
	"github.com/troupe-go/troupe/typed"
)

func main() {
	w := warehouse{url: os.Getenv("WAREHOUSE_URL"), client: newClient()}
	lambda.Start(troupe.SQS(w.handler()))
}

// order is what the topic is about.
type order struct {
	ID       string `json:"id"`
	Article  string `json:"article"`
	Quantity int    `json:"quantity"`
}

// warehouse is a service that reserves articles.
type warehouse struct {
	url    string
	client *http.Client
}

// handler takes the order out of the message. A message without an order fails alone, and ends in the dead-letter
// queue.
func (w warehouse) handler() troupe.Handler[troupe.Lazy[events.SQSMessage]] {
	return envelope.SNS(typed.SQS(w.reserve))
}

// reserve reserves what is ordered. To put the same reservation twice is to reserve once.
func (w warehouse) reserve(ctx context.Context, o order) error {
	path := fmt.Sprintf("%s/articles/%s/reservations/%s?quantity=%d", w.url, o.Article, o.ID, o.Quantity)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, path, nil)
	if err != nil {
		return err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return err
	}
	defer finish(response.Body)
	if response.StatusCode >= 300 {
		return fmt.Errorf("warehouse: %s", response.Status)
	}
	return nil
}
