// Command orders charges the orders of an SQS queue.
package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/typed"
)

type Order struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
}

func main() { lambda.Start(newProcessor()) }

func newProcessor() *troupe.SQSProcessor { return troupe.SQS(typed.SQS(charge)) }

func charge(ctx context.Context, order Order) error {
	if order.Amount <= 0 {
		return errors.New("amount must be positive")
	}
	slog.InfoContext(ctx, "charged", "order", order.ID)
	return nil
}
