// Command kafka is a Lambda function that shows in a shop how many of each article are in stock.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
)

func main() {
	s := shop{url: os.Getenv("SHOP_URL"), client: newClient()}
	lambda.Start(newProcessor(s.show))
}

// newProcessor returns a processor that handles the levels of an article in order, in parallel with other articles of
// its partition.
func newProcessor(show troupe.Handler[kafka.Record]) lambda.Handler {
	return kafka.New(show, kafka.ByKey(), troupe.WithRetry(troupe.Retry{Times: 2}))
}

// shop is a service that shows articles.
type shop struct {
	url    string
	client *http.Client
}

// show shows the stock level of the article named by the record's key. A record without a value, a
// tombstone, means that the article no longer exists.
func (s shop) show(ctx context.Context, record kafka.Record) error {
	path, method := s.url+"/articles/"+url.PathEscape(string(record.Key))+"/stock", http.MethodPut
	if record.Value == nil {
		method = http.MethodDelete
	}
	request, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(record.Value))
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer finish(response.Body)
	switch {
	case response.StatusCode >= 500:
		return fmt.Errorf("shop: %s", response.Status)
	case response.StatusCode >= 300: // reported as failed, it would be redelivered in vain
		slog.WarnContext(ctx, "stock level refused", "record", record.ID(), "status", response.Status)
	}
	return nil
}
