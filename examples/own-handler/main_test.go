package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe/lambdasim"
)

func TestOrdersArePricedOnceThereAreRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := &lambdasim.Queue{Name: "dead-orders"}
		orders := &lambdasim.Queue{
			VisibilityTimeout: 180 * time.Second,
			RedrivePolicy:     lambdasim.RedrivePolicy{DeadLetterQueue: dead, MaxReceiveCount: 5},
		}
		for range 30 {
			orders.Send(lambdasim.Message{Body: `9.90 USD`})
		}
		unknown := orders.Send(lambdasim.Message{Body: `9.90 XXX`})
		began := time.Now()
		fetch := func(context.Context) (rates, error) {
			if time.Since(began) < 5*time.Minute {
				return nil, errors.New("the exchange is closed")
			}
			return rates{"USD": 0.9}, nil
		}

		verdict, err := lambdasim.Simulation{
			Source:    orders,
			Handler:   lambda.NewHandler(newFunction(fetch, lambdasim.Watch(price))),
			Mapping:   lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
			Timeout:   30 * time.Second,
			Unhandled: true, // without rates no message is looked at
		}.Run(t.Context())
		if err != nil || !verdict.OK() || verdict.Totals.Succeeded != 30 {
			t.Error(verdict, err)
		}
		if left := dead.Messages(); len(left) != 1 || left[0].MessageId != unknown {
			t.Errorf("in the dead-letter queue: %v", left)
		}
	})
}
