// Command dynamodb is a Lambda function that keeps a search index up to date with a table of orders.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
)

func main() {
	i := index{url: os.Getenv("INDEX_URL"), client: newClient()}
	lambda.Start(newProcessor(i.project))
}

// newProcessor returns a processor that handles the changes of an order in order, even if changes of other orders fail.
func newProcessor(project troupe.Handler[events.DynamoDBEventRecord]) lambda.Handler {
	return troupe.DynamoDB(project, troupe.WithRetry(troupe.Retry{Times: 2}))
}

// index is a search index with an HTTP interface such as OpenSearch's.
type index struct {
	url    string
	client *http.Client
}

// project applies the change of the item to the order's document. Applying it twice does no harm.
func (i index) project(ctx context.Context, rec events.DynamoDBEventRecord) error {
	path := i.url + "/orders/_doc/" + url.PathEscape(rec.Change.Keys["id"].String())
	method, document := http.MethodDelete, []byte(nil)
	if order := rec.Change.NewImage; order != nil {
		method = http.MethodPut
		document, _ = json.Marshal(map[string]string{"customer": order["customer"].String(), "state": order["state"].String()}) // strings have a JSON form
	}
	request, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(document))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := i.client.Do(request)
	if err != nil {
		return err
	}
	defer finish(response.Body)
	gone := method == http.MethodDelete && response.StatusCode == http.StatusNotFound // by an earlier delivery
	if response.StatusCode >= 300 && !gone {
		return fmt.Errorf("index: %s", response.Status)
	}
	return nil
}
