package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/envelope"
	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/typed"
	"github.com/troupe-go/troupe/window"
)

type order struct{ ID string }

var silent = slog.New(slog.DiscardHandler)

func orderID(_ context.Context, o order) string { return o.ID }

// queue is an event with a message for each order.
func queue(arn string, ids ...string) events.SQSEvent {
	var event events.SQSEvent
	for i, id := range ids {
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: fmt.Sprint("m", i), Body: fmt.Sprintf(`{"ID":%q}`, id), EventSource: "aws:sqs", EventSourceARN: arn,
			Attributes: map[string]string{"MessageGroupId": fmt.Sprint("g", i)},
		})
	}
	return event
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}

// Copies of a record in one batch are handled once, on queues and streams; both have the value, and the report
// counts the duplicate.
func TestTwinsInABatchAreHandledOnce(t *testing.T) {
	for _, arn := range []string{"arn:aws:sqs:eu-west-1:1:orders", "arn:aws:sqs:eu-west-1:1:orders.fifo"} {
		synctest.Test(t, func(t *testing.T) {
			var calls atomic.Int32
			_, o := options()
			p := troupe.SQS(typed.SQS(idempotency.Returning("charge", idempotency.NewMemory(), orderID, func(_ context.Context, o order) (string, error) {
				time.Sleep(time.Second)
				return fmt.Sprint("receipt ", calls.Add(1)), nil
			}, o...)))
			_, report, err := p.ProcessReport(deadline(t), queue(arn, "a", "a", "a"))
			require.NoError(t, err)
			assert.EqualValues(t, 1, calls.Load())
			assert.Equal(t, 3, report.Succeeded)
			assert.Equal(t, 2, report.Duplicates)
			for _, r := range report.Records {
				value, ok := troupe.Value[string](r)
				assert.True(t, ok)
				assert.Equal(t, "receipt 1", value)
			}
		})
	}
}

// Every source has handlers that can be wrapped, below and above what decodes their payloads.
func TestWrapsComposeWithAllSources(t *testing.T) {
	var calls atomic.Int32
	store, n := idempotency.NewMemory(), 0
	_, o := options()
	charge := func(context.Context, order) error { calls.Add(1); return nil }
	wrapped := func() troupe.Handler[order] {
		n++
		return idempotency.Wrap(fmt.Sprint("charge", n), store, orderID, charge, o...)
	}
	record := `"eventSource":"aws:kinesis","kinesis":{"partitionKey":"p","sequenceNumber":"%d","data":"eyJJRCI6ImEifQ=="}`
	for name, c := range map[string]struct {
		handler lambda.Handler
		event   string
	}{
		"typed.SQS":     {troupe.SQS(typed.SQS(wrapped())), `{"Records":[{"messageId":"1","body":"{\"ID\":\"a\"}"},{"messageId":"2","body":"{\"ID\":\"a\"}"}]}`},
		"envelope.SNS":  {troupe.SQS(envelope.SNS(typed.SQS(wrapped()))), `{"Records":[{"messageId":"1","body":"{\"Type\":\"Notification\",\"MessageId\":\"n\",\"TopicArn\":\"arn:aws:sns:eu-west-1:1:t\",\"Message\":\"{\\\"ID\\\":\\\"a\\\"}\"}"},{"messageId":"2","body":"{\"Type\":\"Notification\",\"MessageId\":\"n\",\"TopicArn\":\"arn:aws:sns:eu-west-1:1:t\",\"Message\":\"{\\\"ID\\\":\\\"a\\\"}\"}"}]}`},
		"typed.Kinesis": {troupe.Kinesis(typed.Kinesis(wrapped())), `{"Records":[{` + fmt.Sprintf(record, 1) + `},{` + fmt.Sprintf(record, 2) + `}]}`},
		"typed.Kafka":   {kafka.New(typed.Kafka(wrapped())), `{"eventSource":"aws:kafka","records":{"t-0":[{"topic":"t","partition":0,"offset":0,"value":"eyJJRCI6ImEifQ=="},{"topic":"t","partition":0,"offset":1,"value":"eyJJRCI6ImEifQ=="}]}}`},
		"typed.DynamoDB": {troupe.DynamoDB(typed.DynamoDB(idempotency.Wrap("change", store, func(_ context.Context, c typed.Change[order]) string { return c.Keys.ID }, func(context.Context, typed.Change[order]) error { calls.Add(1); return nil }, o...))),
			`{"Records":[{"dynamodb":{"Keys":{"ID":{"S":"a"}},"SequenceNumber":"1"}},{"dynamodb":{"Keys":{"ID":{"S":"a"}},"SequenceNumber":"2"}}]}`},
		"messages": {troupe.SQS(idempotency.Wrap("raw", store, func(_ context.Context, m events.SQSMessage) string { return m.Body }, func(context.Context, events.SQSMessage) error { calls.Add(1); return nil }, o...)),
			`{"Records":[{"messageId":"1","body":"a"},{"messageId":"2","body":"a"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			calls.Store(0)
			for range 2 {
				response, err := c.handler.Invoke(deadline(t), []byte(c.event))
				require.NoError(t, err)
				assert.JSONEq(t, `{"batchItemFailures":[]}`, string(response))
				assert.EqualValues(t, 1, calls.Load())
			}
		})
	}
}

// I1: a handler of records that a window or a batch handler calls fails with an error that says so.
func TestWindowsAndBatchHandlersRefuseAWrap(t *testing.T) {
	var calls atomic.Int32
	_, o := options()
	handle := idempotency.Wrap("charge", idempotency.NewMemory(), itself, counted(&calls, nil), o...)
	want := "a handler of records was called for a whole batch or window"
	_, err := bulk.SQS(func(ctx context.Context, _ []events.SQSMessage) error { return handle(ctx, "o-1") }, troupe.WithLogger(silent)).Process(deadline(t), queue("", "a", "b"))
	require.ErrorContains(t, err, want)
	var report *troupe.Report
	p := window.Kinesis(func(ctx context.Context, n int, r events.KinesisEventRecord) (int, error) {
		return n + 1, handle(ctx, "o-1")
	}, nil, troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }), troupe.WithLogger(silent), troupe.WithErrorWhen(troupe.ErrorWhenNever))
	_, err = p.Invoke(deadline(t), []byte(`{"window":{"start":"2020-01-01T00:00:00Z","end":"2020-01-01T00:01:00Z"},"state":1,"shardId":"s","eventSourceARN":"a","isFinalInvokeForWindow":false,"isWindowTerminatedEarly":false,"Records":[{"eventSource":"aws:kinesis","kinesis":{"partitionKey":"p","sequenceNumber":"1","data":""}}]}`))
	require.NoError(t, err)
	require.ErrorContains(t, report.Records[0].Err, want)
	assert.Zero(t, calls.Load())
}

// I5: an abandoned handler completes when it returns: its record was reported, and is a duplicate when it is
// redelivered. Its value never shows in the report.
func TestAnAbandonedHandlerCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		_, o := options()
		p := troupe.SQS(typed.SQS(idempotency.Returning("charge", idempotency.NewMemory(), orderID, func(context.Context, order) (int32, error) {
			n := calls.Add(1)
			time.Sleep(timeout + time.Second)
			return n, nil
		}, o...)), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(silent))
		_, report, err := p.ProcessReport(deadline(t), queue("", "a"))
		require.NoError(t, err)
		require.ErrorIs(t, report.Records[0].Err, troupe.ErrAbandoned)
		time.Sleep(2 * time.Second)
		_, report, err = p.ProcessReport(deadline(t), queue("", "a"))
		require.NoError(t, err)
		assert.Equal(t, 1, report.Duplicates)
		value, _ := troupe.Value[int32](report.Records[0])
		assert.EqualValues(t, 1, value)
		assert.EqualValues(t, 1, calls.Load())
	})
}

// P6: a failed attempt releases its claim, so that the next attempt in place does the work.
func TestARetryInPlaceClaimsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		_, o := options()
		p := troupe.SQS(typed.SQS(idempotency.Wrap("charge", idempotency.NewMemory(), orderID, func(context.Context, order) error {
			if calls.Add(1) < 3 {
				return errHandler
			}
			return nil
		}, o...)), troupe.WithRetry(troupe.Retry{Times: 2}))
		_, report, err := p.ProcessReport(deadline(t), queue("", "a"))
		require.NoError(t, err)
		assert.Equal(t, 1, report.Succeeded)
		assert.Zero(t, report.Duplicates)
		assert.EqualValues(t, 3, calls.Load())
	})
}

// I6: the report counts completions that could not be stored.
func TestTheReportCountsUnrecordedCompletions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := over(idempotency.NewMemory())
		store.complete = func(context.Context) error { return errDown }
		_, o := options()
		p := troupe.SQS(typed.SQS(idempotency.Wrap("charge", store, orderID, func(context.Context, order) error { return nil }, o...)))
		_, report, err := p.ProcessReport(deadline(t), queue("", "a", "b"))
		require.NoError(t, err)
		assert.Equal(t, 2, report.Succeeded)
		assert.Equal(t, 2, report.Unrecorded)
		assert.Zero(t, report.Duplicates)
	})
}

// ledger counts how often the work of each key was done.
type ledger struct {
	mu   sync.Mutex
	done map[string]int
}

func (l *ledger) add(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = map[string]int{}
	}
	l.done[key]++
}

// simulate runs 200 orders, each sent twice, through a queue that delivers messages twice and a handler that fails,
// panics and runs out of time before its work. duplicates is the share of deliveries that bring a message twice.
func simulate(t *testing.T, duplicates float64, handle func(done *ledger) troupe.Handler[events.SQSMessage]) map[string]int {
	var done ledger
	synctest.Test(t, func(t *testing.T) {
		queue := &lambdasim.Queue{VisibilityTimeout: 180 * time.Second}
		for range 2 {
			for i := range 200 {
				queue.Send(lambdasim.Message{Body: fmt.Sprint("order-", i)})
			}
		}
		verdict, err := lambdasim.Simulation{
			Source:  queue,
			Handler: troupe.SQS(lambdasim.Watch(handle(&done)), troupe.WithLogger(silent)),
			Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
			Timeout: 30 * time.Second,
			Unknown: lambdasim.Unknown{DuplicateRate: duplicates},
		}.Run(t.Context())
		if err != nil || !verdict.OK() {
			t.Error(verdict, err)
		}
	})
	return done.done
}

func charge(done *ledger) troupe.Handler[events.SQSMessage] {
	return func(ctx context.Context, msg events.SQSMessage) error {
		time.Sleep(20 * time.Millisecond)
		switch p := lambdasim.Draw(1, "charge", msg.MessageId, lambdasim.Delivery(ctx, msg.MessageId)); {
		case p < 0.1:
			return errors.New("no answer")
		case p < 0.2:
			panic("no answer")
		case p < 0.3:
			<-ctx.Done()
			return ctx.Err()
		}
		done.add(msg.Body)
		return nil
	}
}

func byBody(_ context.Context, msg events.SQSMessage) string { return msg.Body }

// The checker's rule: where no process dies after the work, no lease is lost, no completion goes unrecorded and
// none expires, the work of each key is done once, however often it is sent and delivered.
func TestEachOrderIsHandledOnceHoweverOftenItIsSentAndDelivered(t *testing.T) {
	_, o := options()
	done := simulate(t, 0.2, func(done *ledger) troupe.Handler[events.SQSMessage] {
		return idempotency.Wrap("charge", idempotency.NewMemory(), byBody, charge(done), o...)
	})
	assert.Len(t, done, 200)
	for order, n := range done {
		assert.Equal(t, 1, n, order)
	}
}

// Without it each is handled twice at least, and so the test above would see it.
func TestWithoutIdempotencyTheSameOrdersAreHandledTwice(t *testing.T) {
	more := 0
	for _, n := range simulate(t, 0.2, charge) {
		assert.GreaterOrEqual(t, n, 2)
		if n > 2 {
			more++
		}
	}
	assert.NotZero(t, more)
}

// A message's identifier is the queue's: two messages about an order have two.
func TestByMessageIDAnOrderThatIsSentTwiceIsHandledTwice(t *testing.T) {
	_, o := options()
	for order, n := range simulate(t, 0.2, func(done *ledger) troupe.Handler[events.SQSMessage] {
		return idempotency.Wrap("charge", idempotency.NewMemory(), func(_ context.Context, m events.SQSMessage) string { return m.MessageId }, charge(done), o...)
	}) {
		assert.Equal(t, 2, n, order)
	}
}

// A store that fails half of its calls costs redeliveries; work that is done twice shows as an unrecorded
// completion.
func TestWithAStoreThatFailsNothingIsDoneTwiceUnseen(t *testing.T) {
	store := over(idempotency.NewMemory())
	var mu sync.Mutex
	draw := rand.New(rand.NewPCG(1, 2))
	half := func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if draw.Float64() < 0.5 {
			return errDown
		}
		return nil
	}
	store.claim, store.complete, store.release = half, half, half
	log, o := options()
	done := simulate(t, 0, func(done *ledger) troupe.Handler[events.SQSMessage] {
		return idempotency.Wrap("charge", store, byBody, charge(done), o...)
	})
	assert.Len(t, done, 200)
	again := 0
	for _, n := range done {
		again += n - 1
	}
	assert.LessOrEqual(t, again, strings.Count(log.String(), "a completion could not be stored"))
}
