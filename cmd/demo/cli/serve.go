package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// runtimeAPI is the environment variable with the address of the Lambda Runtime API.
const runtimeAPI = "AWS_LAMBDA_RUNTIME_API"

// serve runs as a Lambda function. It returns only if it cannot start: lambda.Start ends the process when
// the Runtime API goes away.
func serve(ctx context.Context, o options, play *player, stderr io.Writer) int {
	if os.Getenv(runtimeAPI) == "" {
		return o.fail(stderr, exitUsage, fmt.Errorf("serve: %s is not set; Lambda sets it when it starts the function. To run an event without Lambda, use %s invoke FILE, or in a test your processor's Process", runtimeAPI, o.program))
	}
	f, err := newFunction(o, play, stderr)
	if err != nil {
		return o.fail(stderr, exitUsage, inFlags(err, o.given))
	}
	var handler lambda.Handler = f
	if o.timeout > 0 {
		handler = bounded{f, o.timeout}
	}
	lambda.StartWithOptions(handler, lambda.WithContext(ctx))
	return exitError
}

// bounded is a handler whose invocations have a deadline in addition to the Runtime API's.
type bounded struct {
	lambda.Handler
	limit time.Duration
}

func (b bounded) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	return b.Handler.Invoke(ctx, payload)
}
