package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/lambdasim"
)

// plan simulates the map. It fails one request in five, and rejects invalid positions.
type plan struct {
	t     *testing.T
	lock  sync.Mutex
	at    map[string]string // the latest position of each van
	calls map[string]int    // by van
}

func (p *plan) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(20 * time.Millisecond) // an answer takes its time, if not the test's
	p.lock.Lock()
	defer p.lock.Unlock()
	position, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	van := strings.TrimPrefix(r.URL.Path, "/vans/")
	p.calls[van]++
	status := http.StatusOK
	switch {
	case string(position) == "?":
		status = http.StatusBadRequest
	case lambdasim.Draw(1, "map", van, p.calls[van]) < 0.2:
		status = http.StatusBadGateway
	default:
		p.at[van] = string(position)
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody}, nil
}

func TestEveryVanEndsUpWhereItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		positions, failed := &lambdasim.KinesisStream{Shards: 3}, &lambdasim.Queue{Name: "failed"}
		latest := map[string]string{}
		for i := range 2_000 {
			van, position := fmt.Sprint("van-", i%50), fmt.Sprintf(`{"km":%d}`, i)
			latest[van] = position
			positions.Put(lambdasim.KinesisRecord{PartitionKey: van, Data: []byte(position)})
		}
		positions.Put(lambdasim.KinesisRecord{PartitionKey: "van-1", Data: []byte("?")})

		service := &plan{t: t, at: map[string]string{}, calls: map[string]int{}}
		handler := vanMap{url: "https://map.example", client: &http.Client{Transport: service}}
		verdict, err := lambdasim.Simulation{
			Source:  positions,
			Handler: newProcessor(lambdasim.Watch(handler.move)),
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
		if err != nil || !verdict.OK() { // that includes the order of each van's positions
			t.Error(verdict, err)
		}

		for van, position := range latest {
			if service.at[van] != position {
				t.Errorf("%s is at %s, not at %s", van, position, service.at[van])
			}
		}
		if left := failed.Messages(); len(left) > 0 {
			t.Errorf("given up on: %v", left)
		}
	})
}
