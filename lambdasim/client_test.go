package lambdasim_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// handle handles every message of a batch in turn and reports those for which it returns false.
type handle func(ctx context.Context, msg events.SQSMessage) bool

func (h handle) handler() lambda.Handler {
	return lambda.NewHandler(func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			if !h(ctx, msg) {
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
			}
		}
		return r, nil
	})
}

// failing fails with a message at its first delivery, and then does something.
func failing(then func(ctx context.Context, msg events.SQSMessage)) lambda.Handler {
	work := lambdasim.Watch(func(ctx context.Context, msg events.SQSMessage) error {
		if lambdasim.Delivery(ctx, msg.MessageId) == 1 {
			return errors.New("no")
		}
		return nil
	})
	return handle(func(ctx context.Context, msg events.SQSMessage) bool {
		if work(ctx, msg) == nil {
			return true
		}
		then(ctx, msg)
		return false
	}).handler()
}

// V1: a function can say when a message comes back. Whether the mapping then leaves it alone is not known.
func TestAFunctionChangesWhenAMessageComesBack(t *testing.T) {
	for _, c := range []struct {
		timeout time.Duration
		restore bool
		at      []int
	}{
		{0, false, []int{0, 0}}, {7 * time.Second, false, []int{0, 7}}, {time.Hour, false, []int{0, 3600}},
		{0, true, []int{0, 0}}, {7 * time.Second, true, []int{0, 30}}, {time.Hour, true, []int{0, 30}},
	} {
		for _, name := range []string{"queue", "q.fifo"} {
			queue := queueOf(name, 1)
			o := simulate(t, lambdasim.Simulation{
				Source: queue, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}, Unknown: lambdasim.Unknown{RestoreVisibility: c.restore},
				Handler: failing(func(ctx context.Context, msg events.SQSMessage) {
					if err := queue.ChangeVisibility(ctx, msg.ReceiptHandle, c.timeout); err != nil {
						t.Error(err)
					}
				}),
			})
			if at := o.instants(history.Received); !slices.Equal(at, c.at) {
				t.Errorf("%s, %v, restored %v: received at the seconds %v, want %v", name, c.timeout, c.restore, at, c.at)
			}
			changed := o.of(history.Changed)
			if len(changed) != 1 || changed[0].Until.Round(time.Second) != c.timeout || changed[0].Invocation != 1 || !o.OK() {
				t.Errorf("%v: %v", changed, o)
			}
		}
	}
}

// Some of the entries of a call fail, others do not.
func TestACallMayFailInPart(t *testing.T) {
	queue := queueOf("queue", 3)
	throttled := &lambdasim.QueueError{Code: "RequestThrottled", Message: "slow down"}
	var entries []string
	queue.Faults = func(c lambdasim.Call) error {
		switch {
		case c.Message == "" && c.Number == 1:
			return throttled
		case c.Message != "":
			if entries = append(entries, c.Message); len(entries) == 2 {
				return throttled
			}
		}
		return nil
	}
	var failed [][]error
	var whole []error
	o := simulate(t, lambdasim.Simulation{
		Source: queue, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting},
		Handler: lambda.NewHandler(func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
			var changes []lambdasim.VisibilityChange
			for _, msg := range e.Records {
				end := lambdasim.Begin(ctx, msg.MessageId)
				if lambdasim.Delivery(ctx, msg.MessageId) > 1 {
					end(history.OK)
					continue
				}
				end(history.Fail)
				changes = append(changes, lambdasim.VisibilityChange{Receipt: msg.ReceiptHandle, Timeout: 5 * time.Second})
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
			}
			for range 2 {
				if len(changes) > 0 {
					f, err := queue.ChangeVisibilityBatch(ctx, changes)
					failed, whole = append(failed, f), append(whole, err)
				}
			}
			return r, nil
		}),
	})
	if len(whole) != 2 || whole[0] != error(throttled) || whole[1] != nil || failed[0] != nil {
		t.Errorf("the calls fail with %v", whole)
	}
	if f := failed[1]; len(f) != 3 || f[0] != nil || f[1] != error(throttled) || f[2] != nil {
		t.Errorf("the entries fail with %v", f)
	}
	if at := o.instants(history.Received); !slices.Equal(at, []int{0, 0, 0, 5, 5, 30}) || !o.OK() {
		t.Errorf("received at the seconds %v: %v", at, o)
	}
}

func TestCallsThatSQSRefuses(t *testing.T) {
	for want, call := range map[string]func(ctx context.Context, q *lambdasim.Queue, receipt string) error{
		"ReceiptHandleIsInvalid: The input receipt handle \"garbage\"": func(ctx context.Context, q *lambdasim.Queue, _ string) error {
			return q.ChangeVisibility(ctx, "garbage", 0)
		},
		"Message does not exist or is not available for visibility timeout change": func(ctx context.Context, q *lambdasim.Queue, receipt string) error {
			return q.ChangeVisibility(ctx, strings.Replace(receipt, "-", "a", 1), 0)
		},
		"must be an integer between 0 and 43200": func(ctx context.Context, q *lambdasim.Queue, receipt string) error {
			return q.ChangeVisibility(ctx, receipt, 12*time.Hour+time.Second)
		},
		"beyond the limit [43200 seconds]": func(ctx context.Context, q *lambdasim.Queue, receipt string) error {
			time.Sleep(time.Second)
			return q.ChangeVisibility(ctx, receipt, 12*time.Hour)
		},
		"The receipt handle has expired": func(ctx context.Context, q *lambdasim.Queue, receipt string) error {
			if err := q.ChangeVisibility(ctx, receipt, time.Second); err != nil {
				return err
			}
			time.Sleep(1100 * time.Millisecond)
			return q.ChangeVisibility(ctx, receipt, 0)
		},
		"EmptyBatchRequest": func(ctx context.Context, q *lambdasim.Queue, _ string) error {
			_, err := q.ChangeVisibilityBatch(ctx, nil)
			return err
		},
		"You have sent 11": func(ctx context.Context, q *lambdasim.Queue, _ string) error {
			_, err := q.ChangeVisibilityBatch(ctx, make([]lambdasim.VisibilityChange, 11))
			return err
		},
		"nothing uses the queue": func(ctx context.Context, _ *lambdasim.Queue, receipt string) error {
			return new(lambdasim.Queue).ChangeVisibility(ctx, receipt, 0)
		},
		"context canceled": func(ctx context.Context, q *lambdasim.Queue, receipt string) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return q.ChangeVisibility(ctx, receipt, 0)
		},
	} {
		queue := queueOf("q.fifo", 1)
		var err error
		o := simulate(t, lambdasim.Simulation{
			Source: queue, Invocations: 1, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting},
			Handler: failing(func(ctx context.Context, msg events.SQSMessage) { err = call(ctx, queue, msg.ReceiptHandle) }),
		})
		if err == nil || !strings.Contains(err.Error(), want) || !o.OK() {
			t.Errorf("%v does not say %q: %v", err, want, o)
		}
	}
}

// When a run is over nothing is changed any more.
func TestCallsAfterARunAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := queueOf("queue", 1)
		var receipt string
		verdict, err := lambdasim.Simulation{
			Source: queue, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting},
			Handler: failing(func(_ context.Context, msg events.SQSMessage) { receipt = msg.ReceiptHandle }),
		}.Run(t.Context())
		if err != nil || !verdict.OK() {
			t.Error(verdict, err)
		}
		if err := queue.ChangeVisibility(t.Context(), receipt, 0); err == nil || !strings.Contains(err.Error(), "is over") {
			t.Error(err)
		}
	})
}

// E4: to bring the first message of a group back while others of it are at work makes them overlap, which the checker
// finds.
func TestAMessageThatIsBroughtBackTooSoonOverlaps(t *testing.T) {
	queue := queueOf("q.fifo", 2)
	first := true
	o := simulate(t, lambdasim.Simulation{
		Source: queue, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}, Order: new(check.Starts),
		Handler: handle(func(ctx context.Context, msg events.SQSMessage) bool {
			end := lambdasim.Begin(ctx, msg.MessageId)
			if first {
				first = false
				end(history.Fail)
				if err := queue.ChangeVisibility(ctx, msg.ReceiptHandle, 0); err != nil {
					t.Error(err)
				}
				return false
			}
			time.Sleep(time.Second)
			end(history.OK)
			return true
		}).handler(),
	})
	if len(o.Violations) == 0 || o.Violations[0].Kind != check.Overlapped {
		t.Error(o)
	}
}

// V2: ten messages of a group, the first of which is poison, are nine handled and one dead letter in one delivery.
func TestOnePoisonMessageCostsOneMessage(t *testing.T) {
	queue, dead := queueOf("q.fifo", 10), &lambdasim.Queue{Name: "dead.fifo"}
	work := lambdasim.Watch(func(_ context.Context, msg events.SQSMessage) error {
		if msg.Body == "0" {
			return errors.New("poison")
		}
		return nil
	})
	o := simulate(t, lambdasim.Simulation{
		Source: queue, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting},
		Handler: handle(func(ctx context.Context, msg events.SQSMessage) bool {
			if work(ctx, msg) == nil {
				return true
			}
			return lambdasim.DeadLetter(ctx, msg.MessageId, dead, lambdasim.Message{
				Body: msg.Body, Group: msg.Attributes["MessageGroupId"], Deduplication: msg.MessageId,
			}) == nil
		}).handler(),
	})
	if o.Totals.Succeeded != 9 || o.Totals.Forwarded != 1 || o.Totals.Deleted != 10 || o.Totals.Redelivered != 0 || !o.OK() ||
		!strings.HasSuffix(o.String(), ", 1 dead-lettered by the function") {
		t.Error(o)
	}
	if letters := dead.Messages(); len(letters) != 1 || letters[0].Body != "0" {
		t.Errorf("the dead-letter queue holds %v", letters)
	}
}

// What can go wrong with dead letters.
func TestMistakesWithDeadLettersAreNamed(t *testing.T) {
	letter := func(ctx context.Context, dead *lambdasim.Queue, msg events.SQSMessage) {
		_ = lambdasim.DeadLetter(ctx, msg.MessageId, dead, lambdasim.Message{Body: msg.Body})
	}
	for name, c := range map[string]struct {
		handle func(dead *lambdasim.Queue) handle
		kind   check.Kind
	}{
		"reported as well": {func(dead *lambdasim.Queue) handle {
			return func(ctx context.Context, msg events.SQSMessage) bool {
				lambdasim.Begin(ctx, msg.MessageId)(history.Fail)
				letter(ctx, dead, msg)
				return lambdasim.Delivery(ctx, msg.MessageId) > 1
			}
		}, check.OverReported},
		"although it succeeded": {func(dead *lambdasim.Queue) handle {
			return func(ctx context.Context, msg events.SQSMessage) bool {
				lambdasim.Begin(ctx, msg.MessageId)(history.OK)
				letter(ctx, dead, msg)
				return true
			}
		}, check.OverReported},
		"while it is handled": {func(dead *lambdasim.Queue) handle {
			return func(ctx context.Context, msg events.SQSMessage) bool {
				end := lambdasim.Begin(ctx, msg.MessageId)
				letter(ctx, dead, msg)
				end(history.Fail)
				return true
			}
		}, check.OverReported},
		"twice": {func(dead *lambdasim.Queue) handle {
			return func(ctx context.Context, msg events.SQSMessage) bool {
				lambdasim.Begin(ctx, msg.MessageId)(history.Fail)
				letter(ctx, dead, msg)
				letter(ctx, dead, msg)
				return true
			}
		}, check.Repeated},
		"with another body": {func(dead *lambdasim.Queue) handle {
			return func(ctx context.Context, msg events.SQSMessage) bool {
				lambdasim.Begin(ctx, msg.MessageId)(history.Fail)
				msg.Body += " "
				letter(ctx, dead, msg)
				return true
			}
		}, check.Garbled},
		"that were not sent": {func(dead *lambdasim.Queue) handle {
			dead.Faults = func(lambdasim.Call) error { return errors.New("no such queue") }
			return func(ctx context.Context, msg events.SQSMessage) bool {
				lambdasim.Begin(ctx, msg.MessageId)(history.Fail)
				letter(ctx, dead, msg)
				return true
			}
		}, check.Lost},
		"after the response": {func(dead *lambdasim.Queue) handle {
			return func(ctx context.Context, msg events.SQSMessage) bool {
				end := lambdasim.Begin(ctx, msg.MessageId)
				if lambdasim.Delivery(ctx, msg.MessageId) > 1 {
					end(history.OK)
					return true
				}
				end(history.Fail)
				go func() { time.Sleep(time.Second); letter(context.WithoutCancel(ctx), dead, msg) }()
				return false
			}
		}, check.Stray},
	} {
		dead := &lambdasim.Queue{Name: "dead"}
		o := simulate(t, lambdasim.Simulation{Source: queueOf("queue", 1), Handler: c.handle(dead).handler(), Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}})
		if len(o.Violations) != 1 || o.Violations[0].Kind != c.kind {
			t.Errorf("%s: %v", name, o)
		}
	}
}

// A crash between the send and the response sends a letter again: at least once is what is promised.
func TestALetterMayBeSentAgainAfterACrash(t *testing.T) {
	dead := &lambdasim.Queue{Name: "dead"}
	o := simulate(t, lambdasim.Simulation{
		Source: queueOf("queue", 1), Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting},
		Handler: handle(func(ctx context.Context, msg events.SQSMessage) bool {
			lambdasim.Begin(ctx, msg.MessageId)(history.Fail)
			if err := lambdasim.DeadLetter(ctx, msg.MessageId, dead, lambdasim.Message{Body: msg.Body}); err != nil {
				t.Error(err)
			}
			if n := lambdasim.Delivery(ctx, msg.MessageId); n == 1 {
				panic(fmt.Sprint("delivery ", n))
			}
			return true
		}).handler(),
	})
	if len(dead.Messages()) != 2 || o.Totals.Forwarded != 1 || !o.OK() {
		t.Errorf("%d letters: %v", len(dead.Messages()), o)
	}
}
