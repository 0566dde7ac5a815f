package sqsredelivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/sqsredelivery"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/sqsserver"
	"github.com/troupe-go/troupe/redelivery"
)

var errHandler = errors.New("the handler's own error")

var quiet = troupe.Options(troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever))

func clientOf(endpoint string) *sqs.Client {
	return sqs.New(sqs.Options{
		BaseEndpoint: &endpoint, Region: "us-east-1", Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// queues are a source queue and a dead-letter queue on a server.
type queues struct {
	client       *sqs.Client
	source, dead string // URLs
	arn          string
	single       bool // a receive returns one message of a group: see TestOtherServersAndWhatIsRecorded
}

// simulated serves queues of lambdasim.
func simulated(t *testing.T, suffix string, faults func(lambdasim.Call) error) queues {
	source, dead := &lambdasim.Queue{Name: "orders" + suffix, Faults: faults}, &lambdasim.Queue{Name: "dead" + suffix, Faults: faults}
	server, err := sqsserver.New(source, dead)
	require.NoError(t, err)
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return queues{client: clientOf(listener.URL), source: server.URL(listener.URL, source), dead: server.URL(listener.URL, dead), arn: source.ARN()}
}

// others are servers that are not ours, where make integration has started them.
var others = map[string]string{"moto": "TROUPE_MOTO", "fauxqs": "TROUPE_FAUXQS", "elasticmq": "TROUPE_ELASTICMQ"}

// onOthers runs a test with a client of each of them.
func onOthers(t *testing.T, test func(t *testing.T, server string, client *sqs.Client)) {
	for server, variable := range others {
		t.Run(server, func(t *testing.T) {
			endpoint := os.Getenv(variable)
			if endpoint == "" {
				t.Skip("needs a server that is not ours: make integration, which CI runs")
			}
			test(t, server, clientOf(endpoint))
		})
	}
}

// onEach runs a test with each server.
func onEach(t *testing.T, suffix string, test func(t *testing.T, q queues)) {
	t.Run("lambdasim", func(t *testing.T) { test(t, simulated(t, suffix, nil)) })
	onOthers(t, func(t *testing.T, server string, client *sqs.Client) {
		q := queues{client: client, single: server == "fauxqs" && suffix != "", source: created(t, client, "orders", suffix, nil), dead: created(t, client, "dead", suffix, nil)}
		out, err := q.client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &q.source, AttributeNames: []types.QueueAttributeName{"QueueArn"}})
		require.NoError(t, err)
		q.arn = out.Attributes["QueueArn"]
		test(t, q)
	})
}

var queuesCreated atomic.Int64

// created creates a queue with a name of its own and returns its URL.
func created(t *testing.T, client *sqs.Client, name, suffix string, attributes map[string]string) string {
	t.Helper()
	input := &sqs.CreateQueueInput{QueueName: aws.String(fmt.Sprint(name, "-", time.Now().UnixNano(), "-", queuesCreated.Add(1), suffix)), Attributes: map[string]string{}}
	maps.Copy(input.Attributes, attributes)
	if suffix != "" {
		input.Attributes["FifoQueue"] = "true"
	}
	out, err := client.CreateQueue(t.Context(), input)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = client.DeleteQueue(context.WithoutCancel(t.Context()), &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl})
	})
	return *out.QueueUrl
}

// send sends bodies to the group of their first letter.
func (q queues) send(t *testing.T, bodies ...string) {
	for _, body := range bodies {
		input := &sqs.SendMessageInput{
			QueueUrl: &q.source, MessageBody: &body,
			MessageAttributes: map[string]types.MessageAttributeValue{
				"kind": {DataType: aws.String("String"), StringValue: aws.String("order")},
				"raw":  {DataType: aws.String("Binary"), BinaryValue: []byte{1, 2}},
			},
			MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-5759e988-bd862e3fe1be46a994272793")}},
		}
		if strings.HasSuffix(q.source, ".fifo") {
			input.MessageGroupId, input.MessageDeduplicationId = aws.String(body[:1]), &body
		}
		_, err := q.client.SendMessage(t.Context(), input)
		require.NoError(t, err)
	}
}

// receive returns what can be received from a queue, as Lambda passes it on.
func (q queues) receive(t *testing.T, url string, visibility int32) (event events.SQSEvent) {
	return q.receiveUpTo(t, 10, url, visibility)
}

func (q queues) receiveUpTo(t *testing.T, most int32, url string, visibility int32) (event events.SQSEvent) {
	event.Records = []events.SQSMessage{}
	out, err := q.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: most, VisibilityTimeout: visibility,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}, MessageAttributeNames: []string{"All"},
	})
	require.NoError(t, err)
	for _, m := range out.Messages {
		msg := events.SQSMessage{
			MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, Attributes: m.Attributes, EventSource: "aws:sqs", EventSourceARN: q.arn,
			MessageAttributes: map[string]events.SQSMessageAttribute{},
		}
		for name, a := range m.MessageAttributes {
			msg.MessageAttributes[name] = events.SQSMessageAttribute{DataType: *a.DataType, StringValue: a.StringValue, BinaryValue: a.BinaryValue}
		}
		event.Records = append(event.Records, msg)
	}
	return event
}

// SPEC V1: a failed message returns when the option says, and not when the queue's timeout ends.
func TestAFailedMessageReturnsAsTheOptionSays(t *testing.T) {
	for _, suffix := range []string{"", ".fifo"} {
		t.Run("orders"+suffix, func(t *testing.T) {
			onEach(t, suffix, func(t *testing.T, q queues) {
				q.send(t, "a1", "a2", "b1")
				event := q.receive(t, q.source, 600)
				want := []string{"a1"}
				switch {
				case q.single:
					require.Len(t, event.Records, 2, "a2 waits for a1")
				case suffix != "":
					want = []string{"a1", "a2"}
					fallthrough
				default:
					require.Len(t, event.Records, 3)
				}
				var totals redelivery.Totals
				backoff := redelivery.Backoff(sqsredelivery.NewVisibility(q.client), func(int, error) time.Duration { return 0 },
					redelivery.WithTotals(func(_ context.Context, t redelivery.Totals) { totals = t }))
				_, err := troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
					if msg.Body == "a1" {
						return errHandler
					}
					return nil
				}, backoff, troupe.WithPolicy(troupe.StopGroup), quiet).Process(t.Context(), event)
				require.NoError(t, err)
				assert.NoError(t, totals.Err)
				var bodies []string
				for _, msg := range q.receive(t, q.source, 600).Records {
					bodies = append(bodies, msg.Body)
					assert.Equal(t, "2", msg.Attributes["ApproximateReceiveCount"])
				}
				assert.Equal(t, want, bodies)
				assert.Equal(t, len(want), totals.Changed)
			})
		})
	}
}

// SPEC V2, V4: a dead letter has the body and the attributes of the message, and the reason.
func TestADeadLetterIsTheMessage(t *testing.T) {
	for _, suffix := range []string{"", ".fifo"} {
		t.Run("orders"+suffix, func(t *testing.T) {
			onEach(t, suffix, func(t *testing.T, q queues) {
				q.send(t, "a1", "b1")
				event := q.receive(t, q.source, 600)
				_, report, err := troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
					if msg.Body == "a1" {
						return troupe.Permanent(errHandler)
					}
					return nil
				}, redelivery.DeadLetter(sqsredelivery.NewSender(q.client, q.dead), 0), quiet).ProcessReport(t.Context(), event)
				require.NoError(t, err)
				require.NoError(t, errors.Join(report.Records[1].Err))
				assert.Equal(t, 1, report.DeadLettered)
				assert.Equal(t, 1, report.Succeeded)

				letters := q.receive(t, q.dead, 600).Records
				require.Len(t, letters, 1)
				l, sent := letters[0], event.Records[0]
				assert.Equal(t, "a1", l.Body)
				assert.Equal(t, "order", *l.MessageAttributes["kind"].StringValue)
				assert.Equal(t, []byte{1, 2}, l.MessageAttributes["raw"].BinaryValue)
				assert.Equal(t, sent.Attributes["AWSTraceHeader"], l.Attributes["AWSTraceHeader"])
				assert.Equal(t, sent.Attributes["MessageGroupId"], l.Attributes["MessageGroupId"])
				if suffix != "" {
					assert.Equal(t, sent.MessageId, l.Attributes["MessageDeduplicationId"])
				}
				var reason redelivery.Reason
				require.NoError(t, json.Unmarshal([]byte(*l.MessageAttributes[redelivery.ReasonAttribute].StringValue), &reason))
				assert.Equal(t, redelivery.Reason{Source: "sqs", ID: sent.MessageId, Reasons: []string{"error"}, Error: errHandler.Error(), Permanent: true, Receives: 1}, reason)
			})
		})
	}
}

// SPEC V1: a time that SQS rejects is tried with half, and a receipt handle that is no good costs its own message.
func TestEntriesThatFail(t *testing.T) {
	q := simulated(t, "", nil)
	v := sqsredelivery.NewVisibility(q.client)
	q.send(t, "a1", "a2")
	event := q.receive(t, q.source, 600)
	failed, err := v.ChangeVisibility(t.Context(), q.arn, []redelivery.Change{
		{ID: "1", Receipt: event.Records[0].ReceiptHandle, Timeout: 12*time.Hour + time.Second},
		{ID: "2", Receipt: "garbage"},
		{ID: "3", Receipt: event.Records[1].ReceiptHandle, Timeout: 11 * time.Hour},
	})
	require.NoError(t, err)
	require.Len(t, failed, 3)
	assert.ErrorIs(t, failed[0], redelivery.ErrTimeout)
	assert.EqualError(t, failed[1], "troupe: sqsredelivery: visibility timeout of message 2: ReceiptHandleIsInvalid", "without the receipt handle")
	assert.NoError(t, failed[2])
}

// On a FIFO queue a receipt handle expires with the visibility timeout. (With moto it does not.)
func TestAnExpiredHandle(t *testing.T) {
	q := simulated(t, ".fifo", nil)
	q.send(t, "a1")
	event := q.receive(t, q.source, 1)
	time.Sleep(1200 * time.Millisecond)
	failed, err := sqsredelivery.NewVisibility(q.client).ChangeVisibility(t.Context(), q.arn, []redelivery.Change{{ID: "1", Receipt: event.Records[0].ReceiptHandle}})
	require.NoError(t, err)
	require.Len(t, failed, 1)
	assert.Error(t, failed[0])
	assert.NotErrorIs(t, failed[0], redelivery.ErrTimeout)
}

// SPEC V3: the calls of a batch, counted by the server: none where nothing failed.
func TestCallsOfABatch(t *testing.T) {
	const change, send = "AmazonSQS.ChangeMessageVisibilityBatch", "AmazonSQS.SendMessage"
	for name, c := range map[string]struct {
		failed, permanent, often int // of 10 messages, the first ones
		want                     map[string]int
	}{
		"nothing failed":         {0, 0, 0, map[string]int{}},
		"one failed":             {1, 0, 0, map[string]int{change: 1}},
		"all failed":             {10, 0, 0, map[string]int{change: 1}},
		"one is permanent":       {0, 1, 0, map[string]int{send: 1}},
		"one of each":            {1, 1, 0, map[string]int{change: 1, send: 1}},
		"all are permanent":      {0, 10, 0, map[string]int{send: 10}},
		"all are received often": {10, 0, 1, map[string]int{send: 10}},
	} {
		for _, suffix := range []string{"", ".fifo"} {
			t.Run(name+suffix, func(t *testing.T) {
				source, dead := &lambdasim.Queue{Name: "orders" + suffix}, &lambdasim.Queue{Name: "dead" + suffix}
				server, err := sqsserver.New(source, dead)
				require.NoError(t, err)
				calls := map[string]int{}
				counting := false
				var mu sync.Mutex
				listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					if counting {
						calls[r.Header.Get("X-Amz-Target")]++
					}
					mu.Unlock()
					server.ServeHTTP(w, r)
				}))
				t.Cleanup(listener.Close)
				q := queues{client: clientOf(listener.URL), source: server.URL(listener.URL, source), dead: server.URL(listener.URL, dead), arn: source.ARN()}
				var bodies []string
				for i := range 10 {
					bodies = append(bodies, fmt.Sprint(i))
				}
				q.send(t, bodies...)
				var event events.SQSEvent
				for len(event.Records) < 10 { // in small answers: a large one is cut off now and then, on the client's side
					some := q.receiveUpTo(t, 2, q.source, 600)
					require.NotEmpty(t, some.Records)
					event.Records = append(event.Records, some.Records...)
				}
				mu.Lock()
				counting = true
				mu.Unlock()
				_, err = troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
					switch i := int(msg.Body[0] - '0'); {
					case i < c.permanent:
						return troupe.Permanent(errHandler)
					case i < c.permanent+c.failed:
						return errHandler
					}
					return nil
				}, redelivery.Backoff(sqsredelivery.NewVisibility(q.client), func(int, error) time.Duration { return 0 }),
					redelivery.DeadLetter(sqsredelivery.NewSender(q.client, q.dead), c.often), troupe.WithPolicy(troupe.StopGroup), quiet).Process(t.Context(), event)
				require.NoError(t, err)
				mu.Lock()
				defer mu.Unlock()
				assert.Equal(t, c.want, calls)
			})
		}
	}
}

// missing reports whether an error says that there is no such queue.
func missing(err error) bool {
	var e *types.QueueDoesNotExist
	return errors.As(err, &e)
}

// Calls that fail as a whole: nothing is lost, and the message is reported.
func TestCallsThatFail(t *testing.T) {
	for want, fault := range map[string]error{
		"RequestThrottled":  &lambdasim.QueueError{Code: "RequestThrottled"},
		"AccessDenied":      &lambdasim.QueueError{Code: "AccessDenied"},
		"QueueDoesNotExist": &lambdasim.QueueError{Code: "AWS.SimpleQueueService.NonExistentQueue"},
		"InternalError":     errors.New("oh"),
	} {
		t.Run(want, func(t *testing.T) {
			receiving := true
			q := simulated(t, "", func(c lambdasim.Call) error {
				if receiving || c.Message != "" {
					return nil
				}
				return fault
			})
			q.send(t, "a1", "a2")
			event := q.receive(t, q.source, 600)
			receiving = false
			var totals redelivery.Totals
			response, report, err := troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
				if msg.Body == "a1" {
					return troupe.Permanent(errHandler)
				}
				return nil
			},
				redelivery.Backoff(sqsredelivery.NewVisibility(q.client), func(int, error) time.Duration { return 0 }, redelivery.WithTotals(func(_ context.Context, t redelivery.Totals) { totals = t }), redelivery.WithLogger(slog.New(slog.DiscardHandler))),
				redelivery.DeadLetter(sqsredelivery.NewSender(q.client, q.dead), 0), quiet).ProcessReport(t.Context(), event)
			require.NoError(t, err)
			assert.Equal(t, []events.SQSBatchItemFailure{{ItemIdentifier: event.Records[0].MessageId}}, response.BatchItemFailures)
			assert.Zero(t, report.DeadLettered)
			for _, failure := range []error{report.Records[0].Err, totals.Err} {
				var api smithy.APIError
				require.ErrorAs(t, failure, &api)
				assert.Contains(t, []string{want, "AWS.SimpleQueueService.NonExistentQueue"}, api.ErrorCode())
				assert.Equal(t, want == "QueueDoesNotExist", missing(failure))
			}
			totals.Err = nil
			assert.Equal(t, redelivery.Totals{Refused: 1}, totals)
		})
	}
}

// A slow endpoint costs neither the response nor the message.
func TestASlowEndpointNearTheDeadline(t *testing.T) {
	slow := false
	release := make(chan struct{})
	q := simulated(t, "", func(lambdasim.Call) error {
		if slow {
			<-release
		}
		return nil
	})
	t.Cleanup(func() { close(release) })
	q.send(t, "a1")
	event := q.receive(t, q.source, 600)
	slow = true
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	response, err := troupe.SQS(func(context.Context, events.SQSMessage) error { return troupe.Permanent(errHandler) },
		redelivery.Backoff(sqsredelivery.NewVisibility(q.client), func(int, error) time.Duration { return 0 }, redelivery.WithLogger(slog.New(slog.DiscardHandler))),
		redelivery.DeadLetter(sqsredelivery.NewSender(q.client, q.dead), 0), quiet).Process(ctx, event)
	require.NoError(t, err)
	assert.Len(t, response.BatchItemFailures, 1)
}
