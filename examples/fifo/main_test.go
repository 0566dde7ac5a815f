package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/redelivery"
	"github.com/troupe-go/troupe/redelivery/redeliverytest"
)

// books simulates the ledger. It fails one request in five, and never books the bad payment.
type books struct {
	bad  string
	lock sync.Mutex
	// booked are the payments by account, in the order of their first requests.
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

// Only the bad payment is dead-lettered, which is luck: eight accounts share the batches, and in one of its deliveries
// no payment of its account followed, so later payments have one receive less. The next test shows the general case.
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

// Later payments of the batch are received as often as the bad one and dead-lettered with it, unhandled.
// docs/guides/fifo.md has these numbers.
func TestPaymentsBehindABadOneInItsBatchAreGivenUpOnWithIt(t *testing.T) {
	for _, c := range []struct {
		name                      string
		batch, received, perGroup int // payments of an account that follow each other
		park                      int // from this receive on a bad payment is put aside; 0 for never
		dead, booked, parked      int
	}{
		{"one account", 10, 10, 10, 0, 10, 0, 0},
		{"fewer receives", 10, 3, 10, 0, 10, 0, 0},
		{"many more receives", 10, 100, 10, 0, 10, 0, 0},
		{"five accounts", 10, 10, 2, 0, 2, 8, 0},
		{"ten accounts", 10, 10, 1, 0, 1, 9, 0},
		{"batches of five", 5, 10, 10, 0, 5, 5, 0},
		{"batches of two", 2, 10, 10, 0, 2, 8, 0},
		{"batches of one", 1, 10, 10, 0, 1, 9, 0},
		{"put aside at the third receive", 10, 10, 10, 3, 0, 9, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dead := &lambdasim.Queue{Name: "dead-payments.fifo"}
				payments := &lambdasim.Queue{
					Name:              "payments.fifo",
					VisibilityTimeout: 180 * time.Second,
					RedrivePolicy:     lambdasim.RedrivePolicy{DeadLetterQueue: dead, MaxReceiveCount: c.received},
				}
				for i := range 10 {
					payments.Send(lambdasim.Message{Group: fmt.Sprint("account-", i/c.perGroup), Body: []string{"bad", "good"}[min(i, 1)]})
				}
				var booked, parked atomic.Int32
				book := func(_ context.Context, msg events.SQSMessage) error {
					if msg.Body == "good" {
						booked.Add(1)
						return nil
					}
					if received, _ := strconv.Atoi(msg.Attributes["ApproximateReceiveCount"]); c.park > 0 && received >= c.park {
						parked.Add(1)
						return nil
					}
					return errors.New("no such account")
				}
				verdict, err := lambdasim.Simulation{
					Source:  payments,
					Handler: troupe.SQS(lambdasim.Watch(book), troupe.WithPolicy(troupe.StopGroup), troupe.WithLogger(slog.New(slog.DiscardHandler))),
					Mapping: lambdasim.Mapping{BatchSize: c.batch, FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
					Timeout: 30 * time.Second,
				}.Run(t.Context())
				if err != nil || !verdict.OK() {
					t.Error(verdict, err)
				}
				if len(dead.Messages()) != c.dead || int(booked.Load()) != c.booked || int(parked.Load()) != c.parked {
					t.Errorf("%d given up on, %d booked, %d put aside", len(dead.Messages()), booked.Load(), parked.Load())
				}
			})
		})
	}
}

// With package redelivery only the bad payment is dead-lettered: in the first delivery if its error is permanent,
// otherwise at a given receive. docs/guides/fifo.md has these numbers.
func TestABadPaymentIsDeadLetteredByItself(t *testing.T) {
	bad := errors.New("no such account")
	for _, c := range []struct {
		name              string
		err               error
		after, deliveries int // the last one in which a payment is dead-lettered
		wait              time.Duration
	}{
		{"permanent", troupe.Permanent(bad), 0, 1, 0},
		{"at the third receive", bad, 3, 3, 2 * 180 * time.Second},
		{"at the third receive, with a back-off", bad, 3, 3, 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				dead := &lambdasim.Queue{Name: "dead-payments.fifo"}
				payments := &lambdasim.Queue{
					Name: "payments.fifo", VisibilityTimeout: 180 * time.Second,
					RedrivePolicy: lambdasim.RedrivePolicy{DeadLetterQueue: dead, MaxReceiveCount: 10},
				}
				for i := range 10 {
					payments.Send(lambdasim.Message{Group: "account", Body: []string{"bad", "good"}[min(i, 1)]})
				}
				var booked []int // in which delivery
				book := func(_ context.Context, msg events.SQSMessage) error {
					if msg.Body == "bad" {
						return c.err
					}
					received, _ := strconv.Atoi(msg.Attributes["ApproximateReceiveCount"])
					booked = append(booked, received)
					return nil
				}
				options := []troupe.Option{troupe.WithPolicy(troupe.StopGroup), troupe.WithLogger(slog.New(slog.DiscardHandler)), redelivery.DeadLetter(redeliverytest.Sender(dead), c.after)}
				if strings.HasSuffix(c.name, "back-off") {
					options = append(options, redelivery.Backoff(redeliverytest.Visibility(payments), func(int, error) time.Duration { return 20 * time.Second }))
				}
				verdict, err := lambdasim.Simulation{
					Source: payments, Handler: troupe.SQS(lambdasim.Watch(book), options...), Timeout: 30 * time.Second,
					Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
				}.Run(t.Context())
				if err != nil || !verdict.OK() {
					t.Error(verdict, err)
				}
				if left := dead.Messages(); len(left) != 1 || left[0].Body != "bad" || verdict.Totals.Forwarded != 1 || verdict.Totals.DeadLettered != 0 {
					t.Errorf("dead-lettered: %v, %+v", left, verdict.Totals)
				}
				if len(booked) != 9 || booked[0] != c.deliveries || booked[8] != c.deliveries {
					t.Errorf("booked in deliveries %v, not in %d", booked, c.deliveries)
				}
				if took := time.Since(began); took < c.wait || c.wait == 0 && took > time.Second || c.wait == 20*time.Second && took > time.Minute {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}
