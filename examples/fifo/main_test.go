package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/test/lambdasim"
)

// books stands for the ledger. It fails one request in five, and never books what is called bad.
type books struct {
	bad  string
	lock sync.Mutex
	// booked are the payments by account, in the order in which they were first put.
	booked map[string][]string
}

func (b *books) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(20 * time.Millisecond) // an answer takes its time, if not the test's
	b.lock.Lock()
	defer b.lock.Unlock()
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/") // accounts, an account, payments, a payment
	account, payment := path[1], path[3]
	status := http.StatusCreated
	switch {
	case payment == b.bad, lambdasim.Draw(1, "ledger", payment, lambdasim.Delivery(r.Context(), payment)) < 0.2:
		status = http.StatusServiceUnavailable
	case !slices.Contains(b.booked[account], payment):
		b.booked[account] = append(b.booked[account], payment)
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody}, nil
}

func TestPaymentsOfAnAccountAreBookedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := &lambdasim.Queue{Name: "dead-payments.fifo"}
		payments := &lambdasim.Queue{
			Name:              "payments.fifo",
			VisibilityTimeout: 180 * time.Second,
			RedrivePolicy:     lambdasim.RedrivePolicy{DeadLetterQueue: dead, MaxReceiveCount: 10},
		}
		sent := map[string][]string{}
		for i := range 200 {
			account := fmt.Sprint("account-", i%8)
			sent[account] = append(sent[account], payments.Send(lambdasim.Message{Group: account, Body: `{"cents":100}`}))
		}

		service := &books{bad: sent["account-3"][7], booked: map[string][]string{}}
		handler := ledger{url: "https://ledger.example", client: &http.Client{Transport: service}}
		verdict, err := lambdasim.Simulation{
			Source:  payments,
			Handler: newProcessor(lambdasim.Watch(handler.book)),
			Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
			Timeout: 30 * time.Second,
			Overlap: true,
		}.Run(t.Context())
		if err != nil || !verdict.OK() {
			t.Error(verdict, err)
		}

		if left := dead.Messages(); len(left) != 1 || left[0].MessageId != service.bad {
			t.Errorf("in the dead-letter queue: %v", left)
		}
		for account, expected := range sent {
			expected = slices.DeleteFunc(expected, func(payment string) bool { return payment == service.bad })
			if !slices.Equal(expected, service.booked[account]) {
				t.Errorf("%s: sent %v, booked %v", account, expected, service.booked[account])
			}
		}
	})
}
