package main

import (
	"context"
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

// bank simulates the payment service: it fails one request in five, does not respond to requests of godot, and
// rejects those of mallory.
type bank struct {
	t       *testing.T
	lock    sync.Mutex
	calls   map[string]int  // by idempotency key
	charged map[string]bool // likewise
}

func (b *bank) RoundTrip(r *http.Request) (*http.Response, error) {
	order, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Error(err)
	}
	b.lock.Lock()
	key := r.Header.Get("Idempotency-Key")
	b.calls[key]++
	p := lambdasim.Draw(1, "bank", key, b.calls[key])
	b.charged[key] = b.charged[key] || p >= 0.2 && !strings.Contains(string(order), "mallory")
	b.lock.Unlock()

	answer := func(status int) (*http.Response, error) {
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody}, nil
	}
	switch {
	case strings.Contains(string(order), "mallory"):
		return answer(http.StatusPaymentRequired)
	case p < 0.1:
		return answer(http.StatusServiceUnavailable)
	case p < 0.2, strings.Contains(string(order), "godot"):
		<-r.Context().Done() // no answer
		return nil, r.Context().Err()
	}
	return answer(http.StatusCreated)
}

func TestEveryOrderIsChargedAndOnlyTheRefusedOneIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := &lambdasim.Queue{Name: "dead-orders"}
		orders := &lambdasim.Queue{
			VisibilityTimeout: 181 * time.Second,
			RedrivePolicy:     lambdasim.RedrivePolicy{DeadLetterQueue: dead, MaxReceiveCount: 5},
		}
		expected := map[string]bool{} // whether an order is charged in the end
		for i := range 300 {
			expected[orders.Send(lambdasim.Message{Body: fmt.Sprintf(`{"customer":"ann","cents":%d}`, i)})] = true
		}
		refused := orders.Send(lambdasim.Message{Body: `{"customer":"mallory","cents":1}`})
		expected[refused] = false

		service := &bank{t: t, calls: map[string]int{}, charged: map[string]bool{}}
		handler := payments{url: "https://payments.example", client: &http.Client{Transport: service}}
		verdict, err := lambdasim.Simulation{
			Source:  orders,
			Handler: newProcessor(lambdasim.Watch(handler.charge)),
			Mapping: lambdasim.Mapping{
				BatchSize: 100, MaximumBatchingWindowInSeconds: 1,
				FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures},
			},
			Timeout: 30 * time.Second,
			Unknown: lambdasim.Unknown{DuplicateRate: 0.02},
		}.Run(t.Context())
		if err != nil || !verdict.OK() {
			t.Error(verdict, err)
		}

		if !maps.Equal(expected, service.charged) {
			t.Errorf("charged: %v", service.charged)
		}
		if left := dead.Messages(); len(left) != 1 || left[0].MessageId != refused {
			t.Errorf("in the dead-letter queue: %v", left)
		}
	})
}

func TestWhatThePaymentServiceRefusesIsNotTriedAgainInPlace(t *testing.T) {
	service := &bank{t: t, calls: map[string]int{}, charged: map[string]bool{}}
	handler := payments{url: "https://payments.example", client: &http.Client{Transport: service}}
	_, err := newProcessor(handler.charge).Invoke(t.Context(), []byte(`{"Records":[{"messageId":"1","body":"mallory"}]}`))
	if err == nil || service.calls["1"] != 1 {
		t.Errorf("%v after %d calls", err, service.calls["1"])
	}
}

func TestAnOrderThatIsNotAnsweredDoesNotUseUpTheTimeOfTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &bank{t: t, calls: map[string]int{}, charged: map[string]bool{}}
		handler := payments{url: "https://payments.example", client: &http.Client{Transport: service}}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := newProcessor(handler.charge).Invoke(ctx, []byte(`{"Records":[{"messageId":"1","body":"godot"}]}`))
		if took := time.Since(began); err == nil || took > 6*time.Second {
			t.Errorf("%v after %s", err, took)
		}
	})
}
