// Command observability is a Lambda function that notifies customers and makes the outcome of each message visible:
// metrics for CloudWatch, a log line for each failure, and the message in every line that the handler logs.
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

// newProcessor returns a processor that writes a line of metrics per batch and a log line per failed record. It
// turns off the processor's own line per batch, which would add nothing.
func newProcessor(handle troupe.Handler[events.SQSMessage], metrics io.Writer, logger *slog.Logger) lambda.Handler {
	return troupe.SQS(handle, emf.Observe("Notifications", emf.WithWriter(metrics)), recordlog.Failures(logger), troupe.WithLogger(slog.New(slog.DiscardHandler)))
}

// notifications is a service that notifies customers by their preferred channel.
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
