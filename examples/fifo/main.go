// Command fifo is a Lambda function that books the payments of a FIFO queue, those of an account in order.
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
)

func main() {
	l := ledger{url: os.Getenv("LEDGER_URL"), client: newClient()}
	lambda.Start(newProcessor(l.book))
}

// newProcessor returns a processor under which a failed payment holds up only its own account. Without
// StopGroup it would hold up all accounts of its batch.
func newProcessor(book troupe.Handler[events.SQSMessage]) lambda.Handler {
	return troupe.SQS(book, troupe.WithPolicy(troupe.StopGroup))
}

// ledger is a service that keeps accounts.
type ledger struct {
	url    string
	client *http.Client
}

// book books one payment of the account that the message group names. Repeating the PUT of a payment
// has no further effect.
func (l ledger) book(ctx context.Context, msg events.SQSMessage) error {
	path := l.url + "/accounts/" + url.PathEscape(msg.Attributes["MessageGroupId"]) + "/payments/" + msg.MessageId
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, path, strings.NewReader(msg.Body))
	if err != nil {
		return err
	}
	response, err := l.client.Do(request)
	if err != nil {
		return err
	}
	defer finish(response.Body)
	if response.StatusCode >= 300 {
		return fmt.Errorf("ledger: %s", response.Status)
	}
	return nil
}
