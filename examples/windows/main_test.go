package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
	"github.com/troupe-go/troupe/window"
)

// book simulates the ledger. It fails two requests in five.
type book struct {
	t     *testing.T
	lock  sync.Mutex
	sums  map[string]sales // by path, so by window and shard
	calls map[string]int   // likewise
}

func (b *book) RoundTrip(r *http.Request) (*http.Response, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	var sum sales
	if err := json.NewDecoder(r.Body).Decode(&sum); err != nil {
		b.t.Error(err)
	}
	path := r.URL.Path
	b.calls[path]++
	status := http.StatusCreated
	if lambdasim.Draw(1, "ledger", path, b.calls[path]) < 0.4 {
		status = http.StatusServiceUnavailable
	} else {
		b.sums[path] = sum
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody}, nil
}

// adding wraps add for the checker. It fails for one sale in ten, after adding it.
func adding(ctx context.Context, sum sales, rec events.KinesisEventRecord) (sales, error) {
	id := rec.Kinesis.SequenceNumber
	end := lambdasim.Begin(ctx, id)
	sum, err := add(ctx, sum, rec)
	if err == nil && lambdasim.Draw(1, "add", id, lambdasim.Delivery(ctx, id)) < 0.1 {
		err = errors.New("drawn")
	}
	if err != nil {
		end(history.Fail)
		return nil, err
	}
	end(history.OK)
	return sum, nil
}

func TestEverySaleIsInTheSumsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream, expected := &lambdasim.KinesisStream{Shards: 2}, sales{}
		stream.Feed(lambdasim.Feed[lambdasim.KinesisRecord]{
			Count: 300,
			At:    func(i int) time.Duration { return time.Duration(i) * time.Second },
			Record: func(i int) lambdasim.KinesisRecord {
				product := fmt.Sprint("product-", i%6)
				expected[product] += i
				return lambdasim.KinesisRecord{PartitionKey: product, Data: fmt.Appendf(nil, `{"product":%q,"cents":%d}`, product, i)}
			},
		})

		service := &book{t: t, sums: map[string]sales{}, calls: map[string]int{}}
		handler := ledger{url: "https://ledger.example", client: &http.Client{Transport: service}}
		verdict, err := lambdasim.Simulation{
			Source:  stream,
			Handler: window.Kinesis(adding, handler.store),
			Mapping: lambdasim.Mapping{
				FunctionResponseTypes:   []string{lambdasim.ReportBatchItemFailures},
				TumblingWindowInSeconds: 60,
				MaximumRetryAttempts:    new(20),
			},
			Timeout: 30 * time.Second,
		}.Run(t.Context())
		if err != nil || !verdict.OK() {
			t.Error(verdict, err)
		}

		total := sales{}
		for _, sum := range service.sums {
			for product, cents := range sum {
				total[product] += cents
			}
		}
		if !maps.Equal(expected, total) || len(service.sums) < 10 {
			t.Errorf("sold: %v\nstored: %v in %d windows", expected, total, len(service.sums))
		}
	})
}
