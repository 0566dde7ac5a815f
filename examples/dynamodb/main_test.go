package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim"
)

// documents simulates the index. It fails two requests in five.
type documents struct {
	t     *testing.T
	lock  sync.Mutex
	of    map[string]string // by the order's id
	calls map[string]int    // likewise
}

func (d *documents) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(20 * time.Millisecond) // an answer takes its time, if not the test's
	d.lock.Lock()
	defer d.lock.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		d.t.Error(err)
	}
	id := strings.TrimPrefix(r.URL.Path, "/orders/_doc/")
	d.calls[id]++
	status := http.StatusOK
	switch _, exists := d.of[id]; {
	case lambdasim.Draw(1, "index", id, d.calls[id]) < 0.4:
		status = http.StatusTooManyRequests
	case r.Method == http.MethodPut:
		d.of[id] = string(body)
	case !exists:
		status = http.StatusNotFound
	default:
		delete(d.of, id)
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody}, nil
}

func TestTheIndexEndsUpLikeTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, failed := &lambdasim.DynamoDBStream{Table: "orders", Shards: 3}, &lambdasim.Queue{Name: "failed"}
		expected := map[string]string{}
		change := func(name, id, state string) {
			c := lambdasim.Change{Name: name, Keys: map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute(id)}}
			delete(expected, id)
			if name != "REMOVE" {
				c.NewImage = map[string]events.DynamoDBAttributeValue{"id": c.Keys["id"], "customer": events.NewStringAttribute("ann"), "state": events.NewStringAttribute(state)}
				expected[id] = fmt.Sprintf(`{"customer":"ann","state":%q}`, state)
			}
			table.Put(c)
		}
		for i := range 300 {
			change("INSERT", fmt.Sprint("order-", i), "new")
		}
		for i := range 300 {
			change("MODIFY", fmt.Sprint("order-", i), "paid")
		}
		for i := range 100 {
			change("REMOVE", fmt.Sprint("order-", i), "")
		}

		service := &documents{t: t, of: map[string]string{}, calls: map[string]int{}}
		handler := index{url: "https://index.example", client: &http.Client{Transport: service}}
		verdict, err := lambdasim.Simulation{
			Source:  table,
			Handler: newProcessor(lambdasim.Watch(handler.project)),
			Mapping: lambdasim.Mapping{
				FunctionResponseTypes:      []string{lambdasim.ReportBatchItemFailures},
				MaximumRetryAttempts:       new(10),
				MaximumRecordAgeInSeconds:  3600,
				BisectBatchOnFunctionError: true,
				DestinationConfig:          lambdasim.DestinationConfig{OnFailure: failed},
			},
			Timeout: 30 * time.Second,
			Overlap: true,
		}.Run(t.Context())
		if err != nil || !verdict.OK() { // that includes the order of each item's changes
			t.Error(verdict, err)
		}

		if !maps.Equal(expected, service.of) {
			t.Errorf("the table has %d orders, the index %d", len(expected), len(service.of))
		}
		if left := failed.Messages(); len(left) > 0 {
			t.Errorf("given up on: %v", left)
		}
	})
}
