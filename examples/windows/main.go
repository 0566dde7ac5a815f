// Command windows is a Lambda function that adds up a shop's sales, product by product, for each minute.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe/window"
)

func main() {
	lambda.Start(window.Kinesis(add, ledger{os.Getenv("LEDGER_URL"), newClient()}.store))
}

type sales map[string]int // cents by product

// add adds a sale. Whatever fails and is redelivered, each sale is in the sum once.
func add(_ context.Context, sum sales, rec events.KinesisEventRecord) (sales, error) {
	var sale struct {
		Product string
		Cents   int
	}
	if err := json.Unmarshal(rec.Kinesis.Data, &sale); err != nil {
		return nil, err
	}
	sum[sale.Product] += sale.Cents
	return sum, nil
}

// ledger is a service that keeps sums.
type ledger struct {
	url    string
	client *http.Client
}

// store stores the sum of a shard's minute. After a failure it is called again, so it may store the same sum twice.
func (l ledger) store(ctx context.Context, sum sales) error {
	in, _ := window.From(ctx)
	body, _ := json.Marshal(sum)
	path := fmt.Sprintf("%s/sales/%s/%s", l.url, in.Window.Start.Format(time.RFC3339), in.ShardID)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, path, bytes.NewReader(body))
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
