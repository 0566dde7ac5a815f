package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
)

// shelves simulate the warehouse. They fail one request in five.
type shelves struct {
	lock     sync.Mutex
	reserved map[string]string // quantities by path
	calls    map[string]int    // by path
}

func (s *shelves) RoundTrip(r *http.Request) (*http.Response, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	path := r.URL.Path
	s.calls[path]++
	status := http.StatusCreated
	if lambdasim.Draw(1, "warehouse", path, s.calls[path]) < 0.2 {
		status = http.StatusServiceUnavailable
	} else {
		s.reserved[path] = r.URL.Query().Get("quantity")
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody}, nil
}

// published returns the body of a message that SNS sends to a queue.
func published(message string) string {
	text, err := json.Marshal(map[string]string{"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:orders", "Message": message})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestWhatIsOrderedIsReservedAndWhatIsNoOrderIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := &lambdasim.Queue{Name: "dead-orders"}
		orders := &lambdasim.Queue{
			VisibilityTimeout: 180 * time.Second,
			RedrivePolicy:     lambdasim.RedrivePolicy{DeadLetterQueue: dead, MaxReceiveCount: 10},
		}
		expected := map[string]string{}
		for i := range 100 {
			orders.Send(lambdasim.Message{Body: published(fmt.Sprintf(`{"id":"%d","article":"tea","quantity":%d}`, i, i%5+1))})
			expected[fmt.Sprintf("/articles/tea/reservations/%d", i)] = fmt.Sprint(i%5 + 1)
		}
		noOrder := orders.Send(lambdasim.Message{Body: published(`{"id":"x","quantity":"many"}`)})

		service := &shelves{reserved: map[string]string{}, calls: map[string]int{}}
		handler := warehouse{url: "https://warehouse.example", client: &http.Client{Transport: service}}
		verdict, err := lambdasim.Simulation{
			Source:  orders,
			Handler: troupe.SQS(lambdasim.Watch(handler.handler())),
			Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
			Timeout: 30 * time.Second,
		}.Run(t.Context())
		if err != nil || !verdict.OK() {
			t.Error(verdict, err)
		}

		if !maps.Equal(expected, service.reserved) {
			t.Errorf("reserved: %v", service.reserved)
		}
		if left := dead.Messages(); len(left) != 1 || left[0].MessageId != noOrder {
			t.Errorf("in the dead-letter queue: %v", left)
		}
	})
}
