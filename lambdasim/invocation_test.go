package lambdasim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// bare is a handler that is only a function.
type bare func(ctx context.Context, payload []byte) ([]byte, error)

func (b bare) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return b(ctx, payload) }

// once does something in the first invocation and nothing in the others.
func once(do func(ctx context.Context, payload []byte) ([]byte, error)) bare {
	var n atomic.Int32
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		if n.Add(1) == 1 {
			return do(ctx, payload)
		}
		return (&function{}).Invoke(ctx, payload)
	}
}

// E8: timed out, crashed and failed functions are function errors, so the batch is redelivered.
func TestFunctionsThatDoNotAnswerHaveFailed(t *testing.T) {
	for name, c := range map[string]struct {
		do     bare
		kind   history.Kind
		detail string
	}{
		"error":  {func(context.Context, []byte) ([]byte, error) { return nil, errors.New("no") }, history.Failed, "no"},
		"panic":  {func(context.Context, []byte) ([]byte, error) { panic("oh") }, history.Crashed, "panic: oh"},
		"goexit": {func(context.Context, []byte) ([]byte, error) { runtime.Goexit(); return nil, nil }, history.Crashed, "runtime.Goexit"},
		"died": {func(context.Context, []byte) ([]byte, error) {
			return nil, fmt.Errorf("%w: signal: killed", lambdasim.ErrCrashed)
		}, history.Crashed, "signal: killed"},
		"hang":             {func(context.Context, []byte) ([]byte, error) { time.Sleep(time.Hour); return nil, nil }, history.TimedOut, ""},
		"at the deadline":  {func(context.Context, []byte) ([]byte, error) { time.Sleep(3 * time.Second); return nil, nil }, history.TimedOut, ""},
		"with its context": {func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, nil }, history.TimedOut, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := simulate(t, lambdasim.Simulation{Source: queueOf("queue", 2), Handler: once(c.do), Unhandled: true})
			ends := o.of(history.Answered, history.Failed, history.Crashed, history.TimedOut)
			if len(ends) != 2 || ends[0].Kind != c.kind || !strings.Contains(ends[0].Detail, c.detail) || ends[1].Kind != history.Answered {
				t.Errorf("the invocations end with %v", ends)
			}
			if at := o.instants(history.Received); !slices.Equal(at, []int{0, 0, 30, 30}) || o.Totals.Deleted != 2 {
				t.Errorf("received at the seconds %v: %v", at, o)
			}
			if late := c.kind == history.TimedOut; late == o.OK() || late && o.Violations[0].Kind != check.Late {
				t.Error(o)
			}
		})
	}
}

// An answer a moment before the deadline counts; what a function does after it does not, not even to the
// history.
func TestWhatComesAfterTheDeadlineIsIgnored(t *testing.T) {
	o := simulate(t, lambdasim.Simulation{Source: queueOf("queue", 1), Handler: &function{takes: 3*time.Second - time.Nanosecond}})
	if !o.OK() || o.Totals.Invocations != 1 {
		t.Error(o)
	}
	after := func(ctx context.Context, id string) {
		end := lambdasim.Begin(ctx, id)
		time.Sleep(10 * time.Second)
		end(history.OK)
		lambdasim.Begin(ctx, id)(history.OK)
		lambdasim.Drop(ctx, id)
	}
	for _, crash := range []bool{false, true} {
		queue := &lambdasim.Queue{}
		id := queue.Send(lambdasim.Message{})
		o := simulate(t, lambdasim.Simulation{Source: queue, Handler: once(func(ctx context.Context, _ []byte) ([]byte, error) {
			if crash {
				go after(ctx, id)
				time.Sleep(time.Second)
				panic("oh")
			}
			after(ctx, id)
			return nil, nil
		})})
		// The first handler never ends, the one of the second invocation does.
		if starts, ends := o.of(history.Started), o.of(history.Ended); len(starts) != 2 || len(ends) != 1 || ends[0].Invocation != 2 {
			t.Errorf("crash %v: handlers start %v, end %v", crash, starts, ends)
		}
		if o.OK() != crash || len(o.of(history.Answered)) != 1 {
			t.Errorf("crash %v: %v", crash, o)
		}
	}
}

// Handlers see what Lambda tells them.
func TestTheContextOfAnInvocationTellsAboutIt(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		queue := queueOf("queue", 1)
		ctx := context.WithValue(t.Context(), key{}, "value")
		verdict, err := lambdasim.Simulation{Source: queue, Timeout: 7 * time.Second, Handler: bare(func(ctx context.Context, payload []byte) ([]byte, error) {
			deadline, ok := ctx.Deadline()
			if left := time.Until(deadline); !ok || left > 7*time.Second || left < 7*time.Second-time.Microsecond {
				t.Errorf("there are %v left", left)
			}
			lc, ok := lambdacontext.FromContext(ctx)
			if !ok || len(lc.AwsRequestID) != 36 || !strings.HasPrefix(lc.InvokedFunctionArn, "arn:aws:lambda:") {
				t.Errorf("lambdacontext %+v", lc)
			}
			if ctx.Value(key{}) != "value" {
				t.Error("values of Run's context are not there")
			}
			return (&function{}).Invoke(ctx, payload)
		})}.Run(ctx)
		if err != nil || !verdict.OK() {
			t.Error(verdict, err)
		}
	})
}

// As the runtime client of aws-lambda-go does, the payload is used again.
func TestThePayloadIsOverwrittenAfterwards(t *testing.T) {
	var payloads [][]byte
	var copies []string
	simulate(t, lambdasim.Simulation{Source: queueOf("queue", 3), Concurrency: 1, Mapping: lambdasim.Mapping{BatchSize: 1},
		Handler: bare(func(ctx context.Context, payload []byte) ([]byte, error) {
			payloads, copies = append(payloads, payload), append(copies, string(payload))
			return payload, nil // what is returned may be a part of it
		})})
	for i, payload := range payloads[:2] {
		if string(payload) == copies[i] {
			t.Errorf("payload %d is still there", i)
		}
	}
	if &payloads[0][0] != &payloads[1][0] || bytes.Contains(payloads[2], []byte("messageId")) {
		t.Error("payloads are not used again")
	}
}

// Functions for lambda.Start, with typed events, work as they are.
func TestTypedHandlersNeedNothingOfTroupe(t *testing.T) {
	handle := lambdasim.Watch(func(ctx context.Context, msg events.SQSMessage) error {
		if lambdasim.Delivery(ctx, msg.MessageId) == 1 && msg.Body == "1" {
			return errors.New("no")
		}
		return nil
	})
	o := simulate(t, lambdasim.Simulation{
		Source: queueOf("queue", 3), Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting},
		Handler: lambda.NewHandler(func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
			for _, msg := range e.Records {
				if handle(ctx, msg) != nil {
					r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
				}
			}
			return r, nil
		}),
	})
	if !o.OK() || o.Totals.Handled != 4 || o.Totals.Deleted != 3 {
		t.Error(o)
	}
}

// A handler of something that has no identifier cannot be watched, and says so when it is made.
func TestWatchRefusesRecordsWithoutAnIdentifier(t *testing.T) {
	defer func() {
		err, _ := recover().(error)
		if err == nil || !strings.Contains(err.Error(), "Watch was given a handler of string; must be one of events.SQSMessage") {
			t.Errorf("got %v", err)
		}
	}()
	lambdasim.Watch(func(context.Context, string) error { return nil })
}

// Watch tells how a handler ended, and lets it end that way.
func TestWatchTellsHowHandlersEnd(t *testing.T) {
	ends := []string{history.OK, history.Fail, history.Panic, history.Exit}
	handle := lambdasim.Watch(func(_ context.Context, msg events.SQSMessage) error {
		switch msg.Body {
		case "1":
			return errors.New("no")
		case "2":
			panic("oh")
		case "3":
			runtime.Goexit()
		}
		return nil
	})
	o := simulate(t, lambdasim.Simulation{
		Source: queueOf("queue", 4), Handler: lambda.NewHandler(func(ctx context.Context, e events.SQSEvent) error {
			for _, msg := range e.Records {
				done := make(chan any)
				go func() {
					ended := any("exit")
					defer func() {
						if v := recover(); v != nil {
							ended = v
						}
						done <- ended
					}()
					ended = handle(ctx, msg)
				}()
				if ended := <-done; msg.Body == "2" && ended != "oh" || msg.Body == "3" && ended != "exit" {
					t.Errorf("handler %s ended with %v", msg.Body, ended)
				}
			}
			return nil
		}),
	})
	for i, e := range o.of(history.Ended) {
		if e.Detail != ends[i] {
			t.Errorf("handler %d ended with %s, want %s", i, e.Detail, ends[i])
		}
	}
	if o.Count != 3 { // they are deleted all the same
		t.Error(o)
	}
	if err := handle(t.Context(), events.SQSMessage{Body: "1"}); err == nil || lambdasim.Delivery(t.Context(), "x") != 0 {
		t.Error("outside a simulation Watch changes something")
	}
	lambdasim.Drop(t.Context(), "x")
}

// A record that is left out on purpose is not lost.
func TestDroppedRecordsAreAccountedFor(t *testing.T) {
	o := simulate(t, lambdasim.Simulation{
		Source: queueOf("queue", 1), Handler: lambda.NewHandler(func(ctx context.Context, e events.SQSEvent) error {
			lambdasim.Drop(ctx, e.Records[0].MessageId)
			return nil
		}),
	})
	if !o.OK() || o.Totals.Dropped != 1 || o.Totals.Deleted != 1 {
		t.Error(o)
	}
}
