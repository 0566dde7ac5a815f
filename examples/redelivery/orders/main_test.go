package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/troupe-go/troupe/aws/sqsredelivery"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/sqsserver"
	"github.com/troupe-go/troupe/redelivery/redeliverytest"
	"github.com/troupe-go/troupe/typed"
)

// depot simulates the warehouse. It is down until a point in time, and refuses orders of ten articles and more.
type depot struct {
	up      time.Time
	lock    sync.Mutex
	shipped map[string][]string // orders by article, in the order of their first shipments
}

func (d *depot) RoundTrip(r *http.Request) (*http.Response, error) {
	d.lock.Lock()
	defer d.lock.Unlock()
	status, article, id := http.StatusCreated, r.URL.Query().Get("article"), strings.TrimPrefix(r.URL.Path, "/shipments/")
	switch {
	case time.Now().Before(d.up):
		status = http.StatusServiceUnavailable
	case len(r.URL.Query().Get("quantity")) > 1:
		status = http.StatusUnprocessableEntity
	case !slices.Contains(d.shipped[article], id):
		d.shipped[article] = append(d.shipped[article], id)
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Body: http.NoBody}, nil
}

// A warehouse that is down for 22 minutes costs no dead letters. Each bad order is a dead letter of its own: the
// customer's other orders are shipped, in order.
func TestBadOrdersAreDeadLetteredAloneAndAnOutageCostsADelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := &lambdasim.Queue{Name: "dead-orders.fifo"}
		orders := &lambdasim.Queue{
			Name:              "orders.fifo",
			VisibilityTimeout: 180 * time.Second,
			RedrivePolicy:     lambdasim.RedrivePolicy{DeadLetterQueue: dead, MaxReceiveCount: 10},
		}
		sent := map[string][]string{}
		for i := range 80 {
			id, customer := fmt.Sprint("o", i), fmt.Sprint("customer", i%8)
			body := fmt.Sprintf(`{"id":%q,"article":%q,"quantity":1}`, id, customer) // each customer has an article
			switch i {
			case 3:
				body = `{"id":"o3","article":"customer3","quantity":50}`
			case 12:
				body = `an order`
			case 21:
				body = `{"article":"customer5","quantity":1}`
			default:
				sent[customer] = append(sent[customer], id)
			}
			orders.Send(lambdasim.Message{Group: customer, Body: body})
		}

		service := &depot{up: time.Now().Add(22 * time.Minute), shipped: map[string][]string{}}
		w := warehouse{url: "https://warehouse.example", client: &http.Client{Transport: service}}
		verdict, err := lambdasim.Simulation{
			Source:    orders,
			Handler:   newProcessor(lambdasim.Watch(typed.SQS(w.ship)), redeliverytest.Visibility(orders), redeliverytest.Sender(dead)),
			Mapping:   lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
			Timeout:   30 * time.Second,
			Unhandled: true, // one cannot be decoded
		}.Run(t.Context())
		require.NoError(t, err)
		require.True(t, verdict.OK(), verdict)

		assert.Equal(t, sent, service.shipped)
		var letters []string
		for _, letter := range dead.Messages() {
			letters = append(letters, letter.Body)
		}
		slices.Sort(letters)
		assert.Equal(t, []string{`an order`, `{"article":"customer5","quantity":1}`, `{"id":"o3","article":"customer3","quantity":50}`}, letters)
		assert.Equal(t, 3, verdict.Totals.Forwarded, "by the function")
		assert.Zero(t, verdict.Totals.DeadLettered, "by the queue")
	})
}

// call is a call of SQS, as a role allows it.
type call struct{ action, queue string }

// roleOf returns what the role of the template allows of queues.
func roleOf(t *testing.T, template string) (allowed []call) {
	var document struct {
		Resources struct {
			ShipRole struct {
				Properties struct {
					Policies []struct {
						PolicyDocument struct {
							Statement []struct {
								Action   yaml.Node `yaml:"Action"`
								Resource string    `yaml:"Resource"`
							} `yaml:"Statement"`
						} `yaml:"PolicyDocument"`
					} `yaml:"Policies"`
				} `yaml:"Properties"`
			} `yaml:"ShipRole"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(template), &document))
	for _, policy := range document.Resources.ShipRole.Properties.Policies {
		for _, s := range policy.PolicyDocument.Statement {
			for _, action := range append(s.Action.Content, &s.Action) {
				if name, ok := strings.CutPrefix(action.Value, "sqs:"); ok {
					allowed = append(allowed, call{name, strings.TrimSuffix(s.Resource, ".Arn")})
				}
			}
		}
	}
	return allowed
}

// run has one batch handled by the function with a role, over the SDK: a bad order, one that the warehouse cannot ship
// for now, and one without faults, each of a customer of its own. It returns the calls, the reported orders and the
// dead letters.
func run(t *testing.T, role []call) (calls map[call]bool, reported, letters []string) {
	var mu sync.Mutex
	begun := false // what the test does before needs no role
	calls = map[call]bool{}
	queue := func(resource, name string) *lambdasim.Queue {
		return &lambdasim.Queue{Name: name, VisibilityTimeout: 180 * time.Second, Faults: func(c lambdasim.Call) error {
			mu.Lock()
			defer mu.Unlock()
			if !begun || c.Message != "" {
				return nil
			}
			made := call{c.Action, resource}
			calls[made] = true
			if !slices.Contains(role, made) {
				return &lambdasim.QueueError{Code: "AccessDenied"}
			}
			return nil
		}}
	}
	orders, dead := queue("Orders", "orders.fifo"), queue("DeadOrders", "dead-orders.fifo")
	server, err := sqsserver.New(orders, dead)
	require.NoError(t, err)
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	client := sqs.New(sqs.Options{
		BaseEndpoint: &listener.URL, Region: "us-east-1", Retryer: aws.NopRetryer{}, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	ordersURL, deadURL := server.URL(listener.URL, orders), server.URL(listener.URL, dead)
	for i, body := range []string{`{"id":"refused","article":"tea","quantity":50}`, `{"id":"later","article":"tea","quantity":1}`, `{"id":"good","article":"tea","quantity":1}`} {
		_, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &ordersURL, MessageBody: &body, MessageGroupId: aws.String(fmt.Sprint("customer", i)), MessageDeduplicationId: aws.String(fmt.Sprint(i))})
		require.NoError(t, err)
	}
	mu.Lock()
	begun = true
	mu.Unlock()

	// The event source mapping does this, with the same role.
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &ordersURL, MaxNumberOfMessages: 10, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
	require.NoError(t, err)
	require.Len(t, out.Messages, 3)
	var event events.SQSEvent
	for _, m := range out.Messages {
		event.Records = append(event.Records, events.SQSMessage{MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, Attributes: m.Attributes, EventSource: "aws:sqs", EventSourceARN: orders.ARN()})
	}
	service := &depot{shipped: map[string][]string{}}
	w := warehouse{url: "https://warehouse.example", client: &http.Client{Transport: service}}
	handler := typed.SQS(func(ctx context.Context, o order) error {
		if o.ID == "later" {
			return fmt.Errorf("warehouse: order %s: 503", o.ID)
		}
		return w.ship(ctx, o)
	})
	response, err := newProcessor(handler, sqsredelivery.NewVisibility(client), sqsredelivery.NewSender(client, deadURL)).Process(t.Context(), event)
	require.NoError(t, err)
	assert.Equal(t, map[string][]string{"tea": {"good"}}, service.shipped)
	for _, failure := range response.BatchItemFailures {
		i := slices.IndexFunc(event.Records, func(m events.SQSMessage) bool { return m.MessageId == failure.ItemIdentifier })
		reported = append(reported, event.Records[i].Body)
	}

	mu.Lock()
	begun = false
	mu.Unlock()
	out, err = client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &deadURL, MaxNumberOfMessages: 10})
	require.NoError(t, err)
	for _, letter := range out.Messages {
		letters = append(letters, *letter.Body)
	}
	return calls, reported, letters
}

// The role of the template allows the calls that the function makes, and no others but those of the mapping. Without one of
// the permissions the calls are denied.
func TestTheRoleAllowsTheCalls(t *testing.T) {
	text, err := os.ReadFile("template.yaml")
	require.NoError(t, err)
	role := roleOf(t, string(text))
	change, send := call{"ChangeMessageVisibility", "Orders"}, call{"SendMessage", "DeadOrders"}
	mapping := []call{{"ReceiveMessage", "Orders"}, {"DeleteMessage", "Orders"}, {"GetQueueAttributes", "Orders"}}
	require.ElementsMatch(t, append(mapping, change, send), role)

	calls, reported, letters := run(t, role)
	assert.Equal(t, map[call]bool{{"ReceiveMessage", "Orders"}: true, change: true, send: true}, calls)
	assert.Equal(t, []string{`{"id":"later","article":"tea","quantity":1}`}, reported)
	assert.Equal(t, []string{`{"id":"refused","article":"tea","quantity":50}`}, letters)

	// Without the permission to send, the order is redelivered.
	_, reported, letters = run(t, append(mapping, change))
	assert.Len(t, reported, 2)
	assert.Empty(t, letters)
}

// The template gives the function the URL of the queue to which its role may send.
func TestTheDeadLetterQueueIsTheTemplates(t *testing.T) {
	text, err := os.ReadFile("template.yaml")
	require.NoError(t, err)
	assert.Contains(t, string(text), "\n          DEAD_LETTER_QUEUE_URL: !Ref DeadOrders\n")
	assert.Contains(t, string(text), "\n        deadLetterTargetArn: !GetAtt DeadOrders.Arn\n")
}
