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
		// The context of every invocation derives from ctx.
		lambda.WithContext(ctx),
		// Lambda sends SIGTERM because of this option, and kills the process 500 ms later.
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
