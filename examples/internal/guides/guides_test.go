package guides

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// tenOrders returns a queue with ten messages, the first of them bad, and a maximum of three receives.
func tenOrders(dead *lambdasim.Queue) *lambdasim.Queue {
	queue := &lambdasim.Queue{VisibilityTimeout: 180 * time.Second, RedrivePolicy: lambdasim.RedrivePolicy{DeadLetterQueue: dead, MaxReceiveCount: 3}}
	queue.Send(lambdasim.Message{Body: "bad"})
	for range 9 {
		queue.Send(lambdasim.Message{Body: "good"})
	}
	return queue
}

// docs/guides/migrating.md: the outcomes of ten messages, one of them bad.
func TestWhatTheMappingAndErrorWhenAnyMakeOfABadMessage(t *testing.T) {
	for _, c := range []struct {
		mapping, option       string
		lost, dead, successes int
	}{
		{"without", "default", 1, 0, 9},
		{"without", "ErrorWhenAny", 0, 10, 27},
		{"with", "default", 0, 1, 9},
		{"with", "ErrorWhenAny", 0, 10, 27},
	} {
		t.Run(c.mapping+" "+c.option, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var successes atomic.Int32
				charge := func(_ context.Context, msg events.SQSMessage) error {
					if msg.Body == "bad" {
						return errors.New("no such order")
					}
					successes.Add(1)
					return nil
				}
				options := []troupe.Option{troupe.WithLogger(slog.New(slog.DiscardHandler))}
				if c.option == "ErrorWhenAny" {
					options = append(options, troupe.WithErrorWhen(troupe.ErrorWhenAny))
				}
				var mapping lambdasim.Mapping
				if c.mapping == "with" {
					mapping.FunctionResponseTypes = []string{lambdasim.ReportBatchItemFailures}
				}
				dead := &lambdasim.Queue{Name: "dead"}
				verdict, err := lambdasim.Simulation{
					Source: tenOrders(dead), Handler: troupe.SQS(lambdasim.Watch(charge), options...), Mapping: mapping, Timeout: 30 * time.Second,
				}.Run(t.Context())
				if err != nil || len(verdict.Violations) != c.lost || len(dead.Messages()) != c.dead || int(successes.Load()) != c.successes {
					t.Error(verdict, err, len(dead.Messages()), successes.Load())
				}
			})
		})
	}
}

// docs/guides/deadlines.md: the duration of invocations if one message in ten hangs.
func TestWhatAHangCosts(t *testing.T) {
	for _, c := range []struct {
		respects      bool
		recordTimeout time.Duration
		invocation    time.Duration
	}{
		{false, 0, 9875 * time.Millisecond},
		{true, 0, 9500 * time.Millisecond},
		{false, time.Second, 1100 * time.Millisecond},
		{true, time.Second, time.Second},
	} {
		t.Run(fmt.Sprint(c.respects, c.recordTimeout), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				charge := func(ctx context.Context, msg events.SQSMessage) error {
					switch {
					case msg.Body == "good":
						time.Sleep(20 * time.Millisecond)
					case c.respects:
						<-ctx.Done()
						return ctx.Err()
					default:
						time.Sleep(time.Hour)
					}
					return nil
				}
				options := []troupe.Option{troupe.WithLogger(slog.New(slog.DiscardHandler))}
				if c.recordTimeout > 0 {
					options = append(options, troupe.WithRecordTimeout(c.recordTimeout))
				}
				var took []time.Duration
				var began time.Duration
				dead := &lambdasim.Queue{Name: "dead"}
				verdict, err := lambdasim.Simulation{
					Source:  tenOrders(dead),
					Handler: troupe.SQS(lambdasim.Watch(charge), options...),
					Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
					Timeout: 10 * time.Second,
					Observe: func(e history.Event) {
						switch e.Kind {
						case history.Invoked:
							began = e.At
						case history.Answered, history.Failed:
							took = append(took, e.At-began)
						}
					},
				}.Run(t.Context())
				if err != nil || !verdict.OK() || fmt.Sprint(took) != fmt.Sprint([]time.Duration{c.invocation, c.invocation, c.invocation}) {
					t.Error(verdict, err, took)
				}
				time.Sleep(time.Hour) // until the handlers that ignore their context have ended
			})
		})
	}
}

// docs/guides/deadlines.md: if as many messages hang as there are slots, the others never start.
func TestSixteenHangingMessagesLeaveTheOthersNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		event := events.SQSEvent{Records: make([]events.SQSMessage, 20)}
		for i := range event.Records {
			event.Records[i].MessageId = fmt.Sprint("m", i)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var report *troupe.Report
		processor := troupe.SQS(func(ctx context.Context, _ events.SQSMessage) error { <-ctx.Done(); return ctx.Err() },
			troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
		if _, err := processor.Process(ctx, event); err == nil || report.NotStarted != 4 {
			t.Error(err, report)
		}
	})
}

// move fails for records whose data begins with "bad".
func move(_ context.Context, record events.KinesisEventRecord) error {
	if strings.HasPrefix(string(record.Kinesis.Data), "bad") {
		return errors.New("no such van")
	}
	return nil
}

// docs/guides/streams.md: a batch in which all records fail is an error, and bisecting halves it; after some failures
// it resumes at the first one.
func TestWhereAStreamsBatchIsDivided(t *testing.T) {
	for _, c := range []struct {
		name     string
		bad      func(i int) bool
		option   troupe.Option
		expected string // the sizes of the first batches
	}{
		{"the third of eight fails", func(i int) bool { return i == 2 }, troupe.WithErrorWhen(troupe.ErrorWhenAll), "[8 6 6]"},
		{"all fail", func(int) bool { return true }, troupe.WithErrorWhen(troupe.ErrorWhenAll), "[8 4 2]"},
		{"all fail, ErrorNever", func(int) bool { return true }, troupe.WithErrorWhen(troupe.ErrorWhenNever), "[8 8 8]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stream := &lambdasim.KinesisStream{Shards: 1}
				for i := range 8 {
					data := "good"
					if c.bad(i) {
						data = "bad"
					}
					stream.Put(lambdasim.KinesisRecord{PartitionKey: fmt.Sprint("van-", i), Data: []byte(data)})
				}
				var sizes []int
				retries := 10
				_, err := lambdasim.Simulation{
					Source:  stream,
					Handler: troupe.Kinesis(lambdasim.Watch(move), c.option, troupe.WithLogger(slog.New(slog.DiscardHandler))),
					Mapping: lambdasim.Mapping{
						FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}, BisectBatchOnFunctionError: true, MaximumRetryAttempts: &retries,
					},
					Observe: func(e history.Event) {
						if e.Kind == history.Invoked {
							sizes = append(sizes, int(e.Number))
						}
					},
				}.Run(t.Context())
				if err != nil || fmt.Sprint(sizes[:3]) != c.expected {
					t.Error(err, sizes)
				}
			})
		})
	}
}

// docs/guides/migrating.md: unlike the loop, which returns at the first failure, other keys continue; StopBatch and
// concurrency 1 behave like the loop.
func TestAKinesisLoopAndWhatTakesItsPlace(t *testing.T) {
	var event events.KinesisEvent
	for i, data := range []string{"good", "bad", "good", "good"} { // of keys 0, 1, 0, 1
		event.Records = append(event.Records, events.KinesisEventRecord{Kinesis: events.KinesisRecord{
			SequenceNumber: fmt.Sprint(i + 1), PartitionKey: fmt.Sprint(i % 2), Data: []byte(data),
		}})
	}
	handled := func(options ...troupe.Option) (n int, failures string) {
		var moved atomic.Int32
		processor := troupe.Kinesis(func(ctx context.Context, record events.KinesisEventRecord) error {
			err := move(ctx, record)
			if err == nil {
				moved.Add(1)
			}
			return err
		}, append(options, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithRecordTimeout(2*time.Second))...)
		response, err := processor.Process(t.Context(), event)
		return int(moved.Load()), fmt.Sprint(response.BatchItemFailures, err)
	}
	if n, failures := handled(); n != 2 || failures != "[{2} {4}] <nil>" {
		t.Error(n, failures)
	}
	if n, failures := handled(troupe.WithPolicy(troupe.StopBatch), troupe.WithConcurrency(1)); n != 1 || failures != "[{2} {3} {4}] <nil>" {
		t.Error(n, failures)
	}
}
