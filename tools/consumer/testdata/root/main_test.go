package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
)

// A test as users write it: their handler, behind a simulated queue.
func TestEveryOrderIsHandledInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := &lambdasim.Queue{Name: "orders"}
		for range 50 {
			queue.Send(lambdasim.Message{Body: "order"})
		}
		charge := func(ctx context.Context, msg events.SQSMessage) error {
			if lambdasim.Delivery(ctx, msg.MessageId) < 2 {
				return errors.New("not at the first delivery")
			}
			return nil
		}
		verdict, err := lambdasim.Simulation{
			Source:  queue,
			Handler: troupe.SQS(lambdasim.Watch(charge), troupe.WithLogger(slog.New(slog.DiscardHandler))),
			Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
		}.Run(t.Context())
		if err != nil || !verdict.OK() || !verdict.Drained {
			t.Error(err, verdict)
		}
	})
}
