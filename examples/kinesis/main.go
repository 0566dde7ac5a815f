// Command kinesis is a Lambda function that keeps the latest position of each delivery van.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
)

func main() {
	m := vanMap{url: os.Getenv("MAP_URL"), client: newClient()}
	lambda.Start(newProcessor(m.move))
}

// newProcessor returns a processor that handles the positions of a van in order, and up to 32 vans at once.
func newProcessor(move troupe.Handler[events.KinesisEventRecord]) lambda.Handler {
	return troupe.Kinesis(move, troupe.WithConcurrency(32), troupe.WithRetry(troupe.Retry{Times: 2}))
}

// vanMap is a service that shows vans on a map.
type vanMap struct {
	url    string
	client *http.Client
}

// move sets the position of a van. The partition key is the van.
func (m vanMap) move(ctx context.Context, rec events.KinesisEventRecord) error {
	path := m.url + "/vans/" + url.PathEscape(rec.Kinesis.PartitionKey)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, path, bytes.NewReader(rec.Kinesis.Data))
	if err != nil {
		return err
	}
	response, err := m.client.Do(request)
	if err != nil {
		return err
	}
	defer finish(response.Body)
	switch {
	case response.StatusCode >= 500:
		return fmt.Errorf("map: %s", response.Status)
	case response.StatusCode >= 300: // never succeeds: as a failure it would only hold up its shard
		slog.WarnContext(ctx, "position refused", "sequence_number", rec.Kinesis.SequenceNumber, "status", response.Status)
	}
	return nil
}
