// A function that receives SIGTERM when Lambda is about to end its process.
package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
)

var errShutdown = errors.New("the process is about to end")

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	lambda.StartWithOptions(
		troupe.SQS(charge),
		// Every invocation's context derives from this one. When it is cancelled, handlers' contexts end,
		// nothing new starts, and a batch under way is answered with what is done.
		lambda.WithContext(ctx),
		// Has Lambda send SIGTERM, which it does not otherwise, and runs this when it comes: for 500 ms.
		lambda.WithEnableSIGTERM(func() {
			cancel(errShutdown)
			flush()
		}),
	)
}

// charge takes as long as the message says, and gives up when its context ends.
func charge(ctx context.Context, msg events.SQSMessage) error {
	d, err := time.ParseDuration(msg.Body)
	if err != nil {
		return err
	}
	select {
	case <-time.After(d):
		slog.Info("charged " + msg.MessageId)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// flush is where telemetry is sent that has been held back, and connections are closed.
func flush() { slog.Info("flushed") }
