package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// runtimeAPI is the variable that Lambda names its Runtime API in.
const runtimeAPI = "AWS_LAMBDA_RUNTIME_API"

// serve is the deployable function. It returns only if it cannot start: lambda.Start ends the process when
// the Runtime API goes away.
func serve(ctx context.Context, o options, play *player, stderr io.Writer) int {
	if os.Getenv(runtimeAPI) == "" {
		return o.fail(stderr, exitUsage, fmt.Errorf("serve: %s is not set; Lambda sets it when it starts the function. To try an event without Lambda, use %s invoke FILE, or in a test Process of your processor", runtimeAPI, o.program))
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

// bounded is a handler whose invocations have a deadline of their own beside the Runtime API's.
type bounded struct {
	lambda.Handler
	limit time.Duration
}

func (b bounded) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	return b.Handler.Invoke(ctx, payload)
}
