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

	"github.com/troupe-go/troupe/lambdasim"
)

// window simulates the shop. It fails one request in five, and rejects invalid levels.
type window struct {
	t     *testing.T
	lock  sync.Mutex
	shown map[string]string // the level of each article
	calls map[string]int    // by article
}

func (w *window) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(20 * time.Millisecond) // an answer takes its time, if not the test's
	w.lock.Lock()
	defer w.lock.Unlock()
	level, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	article := strings.Split(r.URL.Path, "/")[2]
	w.calls[article]++
	status := http.StatusOK
	switch {
	case lambdasim.Draw(1, "shop", article, w.calls[article]) < 0.2:
		status = http.StatusServiceUnavailable
	case r.Method == http.MethodDelete:
		delete(w.shown, article)
	case string(level) == "?":
		status = http.StatusUnprocessableEntity
	default:
		w.shown[article] = string(level)
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody}, nil
}

func TestTheShopEndsUpWithWhatIsInStock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stock, failed := &lambdasim.KafkaTopic{Name: "stock", ByKey: true}, &lambdasim.Queue{Name: "failed"}
		expected := map[string]string{}
		for i := range 1_000 {
			article, level := fmt.Sprint("article-", i%40), fmt.Sprint(i)
			expected[article] = level
			stock.Send(lambdasim.KafkaRecord{Key: []byte(article), Value: []byte(level)})
		}
		stock.Send(lambdasim.KafkaRecord{Key: []byte("article-7"), Value: []byte("?")})
		stock.Send(lambdasim.KafkaRecord{Key: []byte("article-8")})
		delete(expected, "article-8")

		service := &window{t: t, shown: map[string]string{}, calls: map[string]int{}}
		handler := shop{url: "https://shop.example", client: &http.Client{Transport: service}}
		verdict, err := lambdasim.Simulation{
			Source:  stock,
			Handler: newProcessor(lambdasim.Watch(handler.show)),
			Mapping: lambdasim.Mapping{
				ProvisionedPollerConfig:   &lambdasim.ProvisionedPollerConfig{},
				FunctionResponseTypes:     []string{lambdasim.ReportBatchItemFailures},
				MaximumRetryAttempts:      new(10),
				MaximumRecordAgeInSeconds: 3600,
				DestinationConfig:         lambdasim.DestinationConfig{OnFailure: failed},
			},
			Timeout: 30 * time.Second,
			Overlap: true,
		}.Run(t.Context())
		if err != nil || !verdict.OK() { // that includes the order of each article's levels
			t.Error(verdict, err)
		}

		if !maps.Equal(expected, service.shown) {
			t.Errorf("in stock: %v\nshown: %v", expected, service.shown)
		}
		if left := failed.Messages(); len(left) > 0 {
			t.Errorf("given up on: %v", left)
		}
	})
}
