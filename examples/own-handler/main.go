// Command own-handler is a Lambda function that loads data once per batch that all of its orders need.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
)

func main() {
	b := bank{url: os.Getenv("RATES_URL"), client: newClient()}
	lambda.Start(newFunction(b.rates, price))
}

type rates map[string]float64 // euros by currency
type ratesKey struct{}        // key of the rates in the context of a batch

// newFunction returns the function. If the rates cannot be loaded, its error makes Lambda redeliver the whole batch.
func newFunction(fetch func(context.Context) (rates, error), price troupe.Handler[events.SQSMessage]) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	processor := troupe.SQS(price)
	return func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		today, err := fetch(ctx)
		if err != nil {
			return events.SQSEventResponse{}, err
		}
		return processor.Process(context.WithValue(ctx, ratesKey{}, today), event)
	}
}

// bank is a service that publishes the rates of the day.
type bank struct {
	url    string
	client *http.Client
}

func (b bank) rates(ctx context.Context) (today rates, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url, nil)
	if err != nil {
		return nil, err
	}
	response, err := b.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer finish(response.Body)
	err = json.NewDecoder(response.Body).Decode(&today)
	return today, err
}

// price prices one order, such as "9.90 USD", in euros.
func price(ctx context.Context, msg events.SQSMessage) error {
	amount, currency := 0.0, ""
	if _, err := fmt.Sscan(msg.Body, &amount, &currency); err != nil {
		return err
	}
	rate, ok := ctx.Value(ratesKey{}).(rates)[currency]
	if !ok {
		return fmt.Errorf("there is no rate for %q", currency)
	}
	fmt.Println(msg.MessageId, "is", amount*rate, "euros")
	return nil
}
