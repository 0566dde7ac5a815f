package sqspoll_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/sqspoll"
	"github.com/troupe-go/troupe/aws/sqsredelivery"
	"github.com/troupe-go/troupe/envelope"
	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/sqsserver"
	"github.com/troupe-go/troupe/redelivery"
	"github.com/troupe-go/troupe/typed"
)

// order is the payload of a notification.
type order struct {
	ID       string `json:"id"`
	Customer string `json:"customer"`
	Cents    int    `json:"cents"`
}

// receipt is what charging an order returns.
type receipt struct {
	Order string `json:"order"`
	Cents int    `json:"cents"`
}

// notified is an order in a notification of SNS.
func notified(text string) string {
	body, _ := json.Marshal(map[string]string{"Type": "Notification", "MessageId": "n", "TopicArn": "arn:aws:sns:us-east-1:123456789012:orders", "Message": text})
	return string(body)
}

// till charges orders, and keeps what happens.
type till struct {
	mu         sync.Mutex
	attempts   map[string]int
	charged    map[string]int      // how often an order was charged
	order      map[string][]string // by customer, in the order of the charges
	deliveries map[string]int      // by message
	receipts   map[string]receipt  // by message
	duplicates int
	report     []string // results that are not as they must be
}

var (
	errBank   = errors.New("the bank does not answer")
	errNobody = errors.New("the customer has no bank")
)

// charge fails for some orders: for good, each time, or the first two times, with an error or a panic.
func (t *till) charge(_ context.Context, o order) (receipt, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.attempts[o.ID]++
	n, _ := strconv.Atoi(strings.TrimPrefix(o.ID, "o-"))
	switch {
	case o.Cents < 0:
		return receipt{}, troupe.Permanent(errors.New("a negative amount"))
	case o.Cents == 0:
		return receipt{}, errNobody
	case n%5 == 1 && t.attempts[o.ID] <= 2:
		return receipt{}, errBank
	case n%5 == 2 && t.attempts[o.ID] == 1:
		panic("the till is jammed")
	}
	t.charged[o.ID]++
	t.order[o.Customer] = append(t.order[o.Customer], o.ID)
	return receipt{o.ID, 2 * o.Cents}, nil
}

// observe keeps the results of a report.
func (t *till) observe(_ context.Context, report *troupe.Report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.duplicates += report.Duplicates
	for _, r := range report.Records {
		if r.Outcome != troupe.Succeeded {
			continue
		}
		value, ok := troupe.Value[receipt](r)
		if earlier, again := t.receipts[r.ID]; !ok || again && earlier != value {
			t.report = append(t.report, fmt.Sprintf("%s: %v, %v after %v", r.ID, value, ok, earlier))
		}
		t.receipts[r.ID] = value
	}
}

// SPEC Q1, V1, V2, I2: two Runs charge orders that come by way of SNS. Handlers fail in several ways, a producer
// sends some orders twice, and deletes fail until their message was delivered again. Every good order is charged
// once, in the order of its customer on a FIFO queue; each delivery has the receipt of that charge; the other
// messages are dead letters, once, with the reason.
func TestRunWithEnvelopesTypesIdempotencyAndRedelivery(t *testing.T) {
	for _, suffix := range []string{"", ".fifo"} {
		t.Run("orders"+suffix, func(t *testing.T) {
			t.Parallel()
			ordered := suffix != ""
			source, dead := &lambdasim.Queue{Name: "orders" + suffix}, &lambdasim.Queue{Name: "dead" + suffix}
			handler, err := sqsserver.New(source, dead)
			require.NoError(t, err)
			listener := httptest.NewServer(handler)
			t.Cleanup(listener.Close)
			client := clientOf(listener.URL)
			url, deadURL := handler.URL(listener.URL, source), handler.URL(listener.URL, dead)

			tl := &till{attempts: make(map[string]int), charged: make(map[string]int), order: make(map[string][]string), deliveries: make(map[string]int), receipts: make(map[string]receipt)}
			stubborn := make(map[string]bool) // messages whose deletes fail until they were delivered twice
			sent := make(map[string]order)    // by message
			want := make(map[string][]string) // by customer
			letters := make(map[string]string)
			send := func(customer, text string) string {
				input := &sqs.SendMessageInput{QueueUrl: &url, MessageBody: ptr(notified(text))}
				if ordered {
					input.MessageGroupId, input.MessageDeduplicationId = &customer, ptr(strconv.Itoa(len(sent)+len(letters)))
				}
				out, err := client.SendMessage(t.Context(), input)
				require.NoError(t, err)
				return *out.MessageId
			}
			for i := range 40 {
				o := order{fmt.Sprint("o-", i), fmt.Sprint("c-", i%6), 100 + i}
				text, _ := json.Marshal(o)
				want[o.Customer] = append(want[o.Customer], o.ID)
				for range 1 + (i+1)%4/3 { // the producer sends every fourth twice
					id := send(o.Customer, string(text))
					sent[id], stubborn[id] = o, i%8 == 0
				}
				switch i {
				case 10:
					letters[send("c-0", `{"id":"o-100","customer":"c-0","cents":-1}`)] = "error a negative amount permanent"
				case 20: // alone in its group: messages behind it in a batch would run up receives, too
					letters[send("c-9", `{"id":"o-101","customer":"c-9","cents":0}`)] = "error " + errNobody.Error()
				case 30:
					letters[send("c-2", `{"id":102`)] = "undecodable permanent"
				}
			}
			source.Faults = func(c lambdasim.Call) error {
				tl.mu.Lock()
				defer tl.mu.Unlock()
				if c.Action == "DeleteMessage" && stubborn[c.Message] && tl.deliveries[c.Message] < 2 {
					return errors.New("a fault of the server")
				}
				return nil
			}

			quiet := slog.New(slog.DiscardHandler)
			work := idempotency.Returning("charge", idempotency.NewMemory(), func(_ context.Context, o order) string { return o.ID }, tl.charge,
				idempotency.WithFunction("orders"), idempotency.WithLogger(quiet))
			processor := troupe.SQS(envelope.SNS(typed.SQS(work)),
				troupe.WithMiddleware(func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
					return func(ctx context.Context, rec troupe.Record) error {
						tl.mu.Lock()
						tl.deliveries[rec.ID]++
						tl.mu.Unlock()
						return next(ctx, rec)
					}
				}),
				redelivery.Backoff(sqsredelivery.NewVisibility(client), func(_ int, err error) time.Duration {
					if errors.Is(err, errNobody) { // a dozen times
						return 0
					}
					return time.Second
				}, redelivery.WithLogger(quiet)),
				redelivery.DeadLetter(sqsredelivery.NewSender(client, deadURL), 12),
				troupe.WithPolicy(troupe.StopGroup), troupe.WithObserver(tl.observe), troupe.WithLogger(quiet))

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 2)
			for range 2 {
				go func() {
					done <- sqspoll.Run(ctx, client, url, processor, sqspoll.WithWait(time.Second), sqspoll.WithVisibility(2*time.Second), sqspoll.WithBatches(3), sqspoll.WithLogger(quiet))
				}()
			}
			s := &server{url: url, admin: client}
			require.Eventually(t, func() bool { return s.left(t) == 0 }, 3*time.Minute, 50*time.Millisecond)
			cancel()
			require.NoError(t, <-done)
			require.NoError(t, <-done)

			for _, o := range sent {
				assert.Equal(t, 1, tl.charged[o.ID], o.ID)
			}
			assert.Len(t, tl.charged, 40)
			for id, o := range sent {
				assert.Equal(t, receipt{o.ID, 2 * o.Cents}, tl.receipts[id])
				if stubborn[id] {
					assert.GreaterOrEqual(t, tl.deliveries[id], 2)
				}
			}
			assert.Len(t, tl.receipts, len(sent))
			assert.Empty(t, tl.report)
			assert.GreaterOrEqual(t, tl.duplicates, 10) // those that were sent twice, at least
			if ordered {
				assert.Equal(t, want, tl.order)
			}
			out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &deadURL, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
			require.NoError(t, err)
			got := make(map[string]string)
			for _, m := range out.Messages {
				var reason redelivery.Reason
				require.NoError(t, json.Unmarshal([]byte(*m.MessageAttributes[redelivery.ReasonAttribute].StringValue), &reason))
				text := strings.Join(reason.Reasons, " ")
				if !slices.Contains(reason.Reasons, "undecodable") {
					text += " " + reason.Error
				}
				if reason.Permanent {
					text += " permanent"
				}
				got[reason.ID] = text
				assert.Contains(t, *m.Body, "Notification") // as it was sent
			}
			assert.Equal(t, letters, got)
			assert.Len(t, out.Messages, len(letters))
			t.Logf("%d messages, %d duplicates", len(sent), tl.duplicates)
		})
	}
}
