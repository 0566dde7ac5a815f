// Command typed is a Lambda function that reserves ordered articles. Orders are JSON, published to an SNS topic to
// which the queue is subscribed.
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

// order is an order, as published to the topic.
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

// handler decodes the order in a message. A message without an order fails alone, and ends up in the dead-letter
// queue.
func (w warehouse) handler() troupe.Handler[troupe.Lazy[events.SQSMessage]] {
	return envelope.SNS(typed.SQS(w.reserve))
}

// reserve reserves the articles of an order. Repeating the PUT of a reservation has no further effect.
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
