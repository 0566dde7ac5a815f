package lambdasim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// Handlers with the mistakes that people make. Each of them handles records with charge, which fails for
// one record in seven at its first delivery.

func charge(ctx context.Context, msg events.SQSMessage) error {
	time.Sleep(10 * time.Millisecond)
	if lambdasim.Delivery(ctx, msg.MessageId) == 1 && lambdasim.Draw(1, "fault", msg.MessageId, 1) < 1.0/7 {
		return errors.New("declined")
	}
	return nil
}

var watchedCharge = lambdasim.Watch(charge)

var mistakes = map[string]struct {
	fifo    bool
	handler any
	kinds   []check.Kind // that the checker has to find
}{
	"swallows a failure": {false, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			_ = watchedCharge(ctx, msg)
		}
		return r, nil
	}, []check.Kind{check.Lost}},

	"misspells the key": {false, func(ctx context.Context, e events.SQSEvent) (any, error) {
		var r struct{ BatchItemFailures []events.SQSBatchItemFailure }
		for _, msg := range e.Records {
			if watchedCharge(ctx, msg) != nil {
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
			}
		}
		return r, nil
	}, []check.Kind{check.Lost, check.BadResponse}},

	"reports only the failed record of a FIFO group, and handles what follows": {true, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			if watchedCharge(ctx, msg) != nil {
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
			}
		}
		return r, nil
	}, []check.Kind{check.Disordered}},

	"reports only the failed record of a FIFO group, and handles nothing more": {true, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			if watchedCharge(ctx, msg) != nil {
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
				break
			}
		}
		return r, nil
	}, []check.Kind{check.Lost}},

	"runs a group in parallel": {true, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		var all sync.WaitGroup
		failed := make([]bool, len(e.Records))
		for i, msg := range e.Records {
			time.Sleep(time.Millisecond)
			all.Go(func() { failed[i] = watchedCharge(ctx, msg) != nil })
		}
		all.Wait()
		if first := slices.Index(failed, true); first >= 0 {
			for _, msg := range e.Records[first:] {
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
			}
		}
		return r, nil
	}, []check.Kind{check.Overlapped, check.Disordered}},

	"returns after the deadline": {false, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			if watchedCharge(ctx, msg) != nil {
				time.Sleep(5 * time.Second)
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
			}
		}
		return r, nil
	}, []check.Kind{check.Late}},

	"answers before its handlers have ended": {false, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			go func() { _ = watchedCharge(ctx, msg) }()
		}
		time.Sleep(time.Millisecond)
		return r, nil
	}, []check.Kind{check.Lost}},

	"starts handlers after it has answered": {false, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
			if lambdasim.Delivery(ctx, msg.MessageId) > 1 {
				_ = watchedCharge(ctx, msg)
				r.BatchItemFailures = nil
			} else {
				go func() { time.Sleep(time.Second); _ = watchedCharge(ctx, msg) }()
			}
		}
		return r, nil
	}, []check.Kind{check.OverReported, check.Stray}},

	"handles a group backwards": {true, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range slices.Backward(e.Records) {
			if watchedCharge(ctx, msg) != nil {
				return r, errors.New("declined")
			}
		}
		return r, nil
	}, []check.Kind{check.Disordered}},

	"handles every record twice": {false, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			err := watchedCharge(ctx, msg)
			if err == nil {
				err = watchedCharge(ctx, msg)
			}
			if err != nil {
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
			}
		}
		return r, nil
	}, []check.Kind{check.Repeated}},

	"handles every record of a FIFO queue twice": {true, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for i, msg := range e.Records {
			first, second := watchedCharge(ctx, msg), watchedCharge(ctx, msg)
			if first == nil && second == nil {
				continue
			}
			for _, msg := range e.Records[i:] {
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
			}
			break
		}
		return r, nil
	}, []check.Kind{check.Repeated}},

	"gives its handler the payload of another record": {true, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for i, msg := range e.Records {
			msg.Body = e.Records[(i+1)%len(e.Records)].Body
			_ = lambdasim.Watch(func(context.Context, events.SQSMessage) error { return nil })(ctx, msg)
		}
		return r, nil
	}, []check.Kind{check.Garbled}},

	"gives its handler empty payloads": {false, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			_ = lambdasim.Watch(func(context.Context, events.SQSMessage) error { return nil })(ctx, events.SQSMessage{MessageId: msg.MessageId})
		}
		return r, nil
	}, []check.Kind{check.Garbled}},

	"shows no payload where it has to": {false, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			lambdasim.Begin(ctx, msg.MessageId)(history.OK)
		}
		return r, nil
	}, []check.Kind{check.Garbled}},

	"reports everything, whatever has become of it": {false, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			_ = watchedCharge(ctx, msg)
			r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
		}
		return r, nil
	}, []check.Kind{check.OverReported}},

	"reports successes along with failures": {false, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		failed := false
		for _, msg := range e.Records {
			failed = watchedCharge(ctx, msg) != nil || failed
		}
		for _, msg := range e.Records {
			if failed {
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
			}
		}
		return r, nil
	}, []check.Kind{check.OverReported}},

	"reports successes before a failure of the same group": {true, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
		}
		for _, msg := range e.Records {
			if watchedCharge(ctx, msg) != nil {
				return r, nil
			}
		}
		return events.SQSEventResponse{}, nil
	}, []check.Kind{check.OverReported}},

	"handles nothing and reports everything": {false, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for i, msg := range e.Records {
			if i == 0 && lambdasim.Delivery(ctx, msg.MessageId) == 1 {
				_ = watchedCharge(ctx, msg)
				continue
			}
			r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
		}
		return r, nil
	}, []check.Kind{check.Lost, check.OverReported}},

	"returns an error after everything has been handled": {false, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			_ = lambdasim.Watch(func(context.Context, events.SQSMessage) error { return nil })(ctx, msg)
		}
		return r, errors.New("declined")
	}, []check.Kind{check.OverReported}},

	"does not watch its handler": {false, func(ctx context.Context, e events.SQSEvent) (r events.SQSEventResponse, _ error) {
		for _, msg := range e.Records {
			if charge(ctx, msg) != nil {
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: msg.MessageId})
			}
		}
		return r, nil
	}, []check.Kind{check.Unobserved}},
}

func TestMistakesAreNamed(t *testing.T) {
	for name, c := range mistakes {
		t.Run(name, func(t *testing.T) {
			queue := &lambdasim.Queue{}
			if c.fifo {
				queue.Name = "orders.fifo"
			}
			queue.RedrivePolicy = lambdasim.RedrivePolicy{DeadLetterQueue: &lambdasim.Queue{Name: "dead" + queue.Name}, MaxReceiveCount: 5}
			for i := range 100 {
				queue.Send(lambdasim.Message{Body: fmt.Sprint(i), Group: fmt.Sprint("group-", i%4)})
			}
			o := simulate(t, lambdasim.Simulation{
				Source: queue, Handler: lambda.NewHandler(c.handler), Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}, Payloads: name != "does not watch its handler",
			})
			for _, v := range o.Violations {
				if v.Kind == check.Lost && !strings.Contains(v.Text, "record "+v.Record+" ") {
					t.Errorf("%v does not name the record", v)
				}
			}
			if kinds := slices.Sorted(maps.Keys(o.Kinds)); !slices.Equal(kinds, slices.Sorted(slices.Values(c.kinds))) {
				t.Errorf("found %q, want %q: %v", kinds, c.kinds, o)
			}
		})
	}
}

// The mistake of reporting eventID, which Lambda does not know: the whole batch fails again and again, until
// good records are discarded beside the bad one.
func TestReportingTheEventIDIsNamed(t *testing.T) {
	handle := lambdasim.Watch(func(ctx context.Context, r events.KinesisEventRecord) error {
		if string(r.Kinesis.Data) == "data 2" {
			return errors.New("declined")
		}
		return nil
	})
	o := simulate(t, lambdasim.Simulation{
		Source:  kinesisOf(5),
		Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting, MaximumRetryAttempts: new(2)},
		Handler: bare(func(ctx context.Context, payload []byte) ([]byte, error) {
			var e events.KinesisEvent
			if err := json.Unmarshal(payload, &e); err != nil {
				return nil, err
			}
			for _, r := range e.Records {
				if handle(ctx, r) != nil {
					return []byte(reportIDs(r.EventID)), nil
				}
			}
			return nil, nil
		}),
	})
	if o.Count != 3 || o.Violations[0].Kind != check.BadResponse || o.Totals.Discarded != 5 {
		t.Error(o)
	}
}
