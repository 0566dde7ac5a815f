// Command observability is a Lambda function that notifies customers, and tells what became of each message: metrics for
// CloudWatch, a line for each failure, and which message it is in every line that the handler logs.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/observe/emf"
	"github.com/troupe-go/troupe/observe/recordlog"
)

func main() {
	slog.SetDefault(newLogger(os.Stdout))
	n := notifications{url: os.Getenv("NOTIFY_URL"), client: newClient()}
	lambda.Start(newProcessor(n.post, os.Stdout, slog.Default()))
}

// newProcessor has a line of metrics written per batch and a line of log per failed record, to which the one line
// per batch that a processor logs by itself would add nothing.
func newProcessor(handle troupe.Handler[events.SQSMessage], metrics io.Writer, logger *slog.Logger) lambda.Handler {
	return troupe.SQS(handle, emf.Observe("Notifications", emf.WithWriter(metrics)), recordlog.Failures(logger), troupe.WithLogger(slog.New(slog.DiscardHandler)))
}

// notifications is a service that knows how each customer wants to be notified.
type notifications struct {
	url    string
	client *http.Client
}

// post posts one message to the service.
func (n notifications) post(ctx context.Context, msg events.SQSMessage) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, strings.NewReader(msg.Body))
	if err != nil {
		return err
	}
	response, err := n.client.Do(request)
	if err != nil {
		return err
	}
	defer finish(response.Body)
	slog.InfoContext(ctx, "posted", "status", response.StatusCode)
	if response.StatusCode >= 300 {
		return fmt.Errorf("notifications: %s", response.Status)
	}
	return nil
}
