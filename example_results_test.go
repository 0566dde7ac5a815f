package troupe_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

var silent = troupe.WithLogger(slog.New(slog.DiscardHandler))

func twoOrders() events.SQSEvent {
	return events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", Body: "espresso"}, {MessageId: "2", Body: "tea"}}}
}

// The value that a handler returns is kept with the outcome.
func ExampleReturning() {
	price := func(_ context.Context, msg events.SQSMessage) (int, error) { return len(msg.Body), nil }
	p := troupe.SQS(troupe.Returning(price))
	_, report, err := p.ProcessReport(context.Background(), twoOrders())
	for _, r := range report.Records {
		value, ok := troupe.Value[int](r)
		fmt.Println(r.ID, value, ok)
	}
	fmt.Println(err)
	// Output:
	// 1 8 true
	// 2 3 true
	// <nil>
}

// Value reports false if no value was kept, or one of another type.
func ExampleValue() {
	p := troupe.SQS(troupe.Returning(func(context.Context, events.SQSMessage) (int, error) { return 1, nil }))
	_, report, _ := p.ProcessReport(context.Background(), twoOrders())
	text, ok := troupe.Value[string](report.Records[0])
	fmt.Printf("%q %v", text, ok)
	// Output: "" false
}

// A handler of a decoded payload can get the message from its context.
func ExampleMessageFrom() {
	p := troupe.SQS(func(ctx context.Context, lazy troupe.Lazy[events.SQSMessage]) error {
		body, err := lazy.Payload()
		if err != nil {
			return err
		}
		msg, err := troupe.MessageFrom[events.SQSMessage](ctx)
		fmt.Println(string(body), msg.MessageId)
		return err
	}, troupe.WithConcurrency(1))
	_, _ = p.Process(context.Background(), twoOrders())
	// Output:
	// espresso 1
	// tea 2
}

// An observer reads the messages of failed records.
func ExampleMessageAt() {
	p := troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
		if msg.Body == "tea" {
			return errors.New("sold out")
		}
		return nil
	}, silent, troupe.WithObserver(func(ctx context.Context, r *troupe.Report) {
		for i, result := range r.Records {
			if result.Outcome == troupe.Failed {
				msg, err := troupe.MessageAt[events.SQSMessage](ctx, i)
				fmt.Println(msg.Body, err)
			}
		}
	}))
	_, _ = p.Process(context.Background(), twoOrders())
	// Output: tea <nil>
}

// A handler's context ends before the invocation, which leaves time for the response.
func ExampleDeadlineFrom() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p := troupe.SQS(func(ctx context.Context, _ events.SQSMessage) error {
		deadline, _ := troupe.DeadlineFrom(ctx)
		cutoff, _ := ctx.Deadline()
		fmt.Println(deadline.Sub(cutoff))
		return nil
	})
	_, _ = p.Process(ctx, events.SQSEvent{Records: twoOrders().Records[:1]})
	// Output: 500ms
}

// A useless message is dropped: Lambda does not redeliver it, and the report and the log contain it.
func ExampleDrop() {
	p := troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
		if msg.Body == "tea" {
			return troupe.Drop(errors.New("not on the menu"))
		}
		return nil
	}, silent)
	_, report, err := p.ProcessReport(context.Background(), twoOrders())
	fmt.Println(report.Succeeded, report.Failed, report.Dropped, err)
	// Output: 1 0 1 <nil>
}

// The last resort removes a poison message after its last attempt.
func ExampleWithLastResort() {
	p := troupe.SQS(func(_ context.Context, msg events.SQSMessage) error {
		if msg.Body == "tea" {
			return troupe.Permanent(errors.New("not on the menu"))
		}
		return nil
	}, silent, troupe.WithLastResort(func(ctx context.Context, rec troupe.Record, err error) error {
		msg, opened := troupe.MessageFrom[events.SQSMessage](ctx)
		if opened != nil {
			return err
		}
		fmt.Println("put aside:", rec.ID, msg.Body, err)
		return nil
	}))
	response, err := p.Process(context.Background(), twoOrders())
	fmt.Println(len(response.BatchItemFailures), err)
	// Output:
	// put aside: 2 tea not on the menu
	// 0 <nil>
}

// A package combines the options that it needs into one.
func ExampleOptions() {
	careful := troupe.Options(troupe.WithConcurrency(1), troupe.WithPolicy(troupe.StopBatch), silent)
	p := troupe.SQS(func(context.Context, events.SQSMessage) error { return errors.New("closed") }, careful, troupe.WithErrorWhen(troupe.ErrorWhenNever))
	_, report, err := p.ProcessReport(context.Background(), twoOrders())
	fmt.Println(report.NotStarted, err)
	// Output: 1 <nil>
}

// A package marks an option that concerns the redelivery of single records. The option is refused where it would
// have no effect.
func ExampleWithRedelivery() {
	later := troupe.Named("shop.Later", troupe.WithRedelivery(batch.Redelivery{Sources: []troupe.Source{"sqs"}, Reserve: time.Second}))
	_, err := troupe.NewProcessor(sources.SQS(), response.ForSQS(), func(context.Context, events.SQSMessage) error { return nil },
		later, troupe.WithErrorWhen(troupe.ErrorWhenAny))
	fmt.Println(err)
	// Output: troupe: shop.Later is not allowed with ErrorWhenAny: after an error Lambda redelivers the whole batch
}

// Errors name the option that the user called.
func ExampleNamed() {
	lanes := func(n int) troupe.Option { return troupe.Named("shop.Lanes", troupe.WithConcurrency(n)) }
	_, err := troupe.NewProcessor(sources.SQS(), response.ForSQS(), func(context.Context, events.SQSMessage) error { return nil }, lanes(0))
	fmt.Println(err)
	// Output: troupe: shop.Lanes(0): must be at least 1
}

// count handles all messages of a batch in one call.
type count struct {
	plan *sources.Plan[events.SQSMessage]
}

func (c *count) Admit(p *sources.Plan[events.SQSMessage]) func(context.Context) error {
	c.plan = p
	return func(context.Context) error { fmt.Println(len(p.IDs), "messages"); return nil }
}

func (c *count) Spread(report *troupe.Report) {
	one := report.Records[0]
	report.Records = make([]troupe.Result, len(c.plan.IDs))
	for i, id := range c.plan.IDs {
		report.Records[i] = batch.Result{ID: id, Outcome: one.Outcome, Err: one.Err, Attempts: one.Attempts}
	}
}

// NewWhole is the basis of package bulk.
func ExampleNewWhole() {
	p, err := troupe.NewWhole(sources.SQS(), response.ForSQS(), func() sources.Whole[events.SQSMessage] { return new(count) })
	if err != nil {
		fmt.Println(err)
		return
	}
	_, report, err := p.ProcessReport(context.Background(), twoOrders())
	fmt.Println(report.Succeeded, err)
	// Output:
	// 2 messages
	// 2 <nil>
}
