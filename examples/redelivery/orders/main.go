// Command orders is a Lambda function that ships the orders of a FIFO queue, those of a customer in order. While the
// warehouse is down, orders are redelivered after growing delays. An order that the warehouse refuses goes to the
// dead-letter queue in its first delivery, and the customer's next orders continue.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/sqsredelivery"
	"github.com/troupe-go/troupe/redelivery"
	"github.com/troupe-go/troupe/typed"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client := sqs.NewFromConfig(cfg)
	w := warehouse{url: os.Getenv("WAREHOUSE_URL"), client: newClient()}
	lambda.Start(newProcessor(typed.SQS(w.ship), sqsredelivery.NewVisibility(client), sqsredelivery.NewSender(client, os.Getenv("DEAD_LETTER_QUEUE_URL"))))
}

// newProcessor returns a processor under which a failed order holds up only its customer: for 15 to 30 s after the first
// receive, twice as long after each further one, and at most 15 minutes. The dead-letter queue gets orders that failed
// with troupe.Permanent, those that cannot be decoded, and those that fail in their eighth receive or later. The seven
// delays before it add up to 23 to 45 minutes: a shorter outage of the warehouse costs no dead letters.
func newProcessor[M troupe.SQSRecord](handler troupe.Handler[M], visibility redelivery.Visibility, deadLetters redelivery.Sender) *troupe.SQSProcessor {
	return troupe.SQS(handler,
		troupe.WithPolicy(troupe.StopGroup),
		redelivery.Backoff(visibility, redelivery.Exponential(30*time.Second, 15*time.Minute)),
		redelivery.DeadLetter(deadLetters, 8),
	)
}

// order is the body of a message. The message group is the customer.
type order struct {
	ID       string `json:"id"`
	Article  string `json:"article"`
	Quantity int    `json:"quantity"`
}

// warehouse is a service that ships orders.
type warehouse struct {
	url    string
	client *http.Client
}

// ship ships an order. Repeating the PUT of an order has no further effect. The error is permanent if the warehouse
// would answer a repetition in the same way.
func (w warehouse) ship(ctx context.Context, o order) error {
	if o.ID == "" {
		return troupe.Permanent(errors.New("an order without an id"))
	}
	path := fmt.Sprintf("%s/shipments/%s?article=%s&quantity=%d", w.url, url.PathEscape(o.ID), url.QueryEscape(o.Article), o.Quantity)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, path, nil)
	if err != nil {
		return err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return err
	}
	defer finish(response.Body)
	switch code := response.StatusCode; {
	case code < 300:
		return nil
	case code == http.StatusBadRequest, code == http.StatusConflict, code == http.StatusUnprocessableEntity:
		return troupe.Permanent(fmt.Errorf("warehouse: order %s: %s", o.ID, response.Status))
	default:
		return fmt.Errorf("warehouse: order %s: %s", o.ID, response.Status)
	}
}
