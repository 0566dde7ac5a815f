package redelivery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/redelivery"
)

// client stands for the clients of github.com/troupe-go/troupe/aws/sqsredelivery.
type client struct{}

func (client) ChangeVisibility(_ context.Context, _ string, changes []redelivery.Change) ([]error, error) {
	for _, c := range changes {
		fmt.Println(c.ID, "in", c.Timeout)
	}
	return nil, nil
}

func (client) Send(_ context.Context, letter redelivery.Letter) error {
	fmt.Println("dead letter:", letter.ID, letter.Body)
	return nil
}

func pay(_ context.Context, msg events.SQSMessage) error {
	switch msg.Body {
	case "unknown card":
		return troupe.Permanent(errors.New("no such card"))
	case "bank is down":
		return errors.New("timeout")
	}
	return nil
}

func payments() events.SQSEvent {
	return events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "1", Body: "unknown card"}, {MessageId: "2", Body: "bank is down"}, {MessageId: "3", Body: "ok"},
	}}
}

var silent = troupe.WithLogger(slog.New(slog.DiscardHandler))

// A message that may succeed later is hidden for the time that the function returns, whatever the visibility timeout
// of its queue.
func ExampleBackoff() {
	never := func(context.Context, events.SQSMessage) error { return errors.New("timeout") }
	p := troupe.SQS(never, silent, redelivery.Backoff(client{}, func(receives int, err error) time.Duration { return 0 }))
	_, report, _ := p.ProcessReport(context.Background(), events.SQSEvent{Records: payments().Records[1:2]})
	fmt.Println(report.Failed)
	// Output:
	// 2 in 0s
	// 1
}

// A message that can never succeed is dead-lettered in the first delivery, and any other one after it has failed
// five times.
func ExampleDeadLetter() {
	p := troupe.SQS(pay, silent, redelivery.DeadLetter(client{}, 5))
	response, err := p.Process(context.Background(), payments())
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// dead letter: 1 unknown card
	// [{2}] <nil>
}

func ExampleExponential() {
	delay := redelivery.Exponential(30*time.Second, 15*time.Minute)
	for receives := 1; receives <= 7; receives++ {
		fmt.Print(delay(receives, nil), " ")
	}
	// Output: 30s 1m0s 2m0s 4m0s 8m0s 15m0s 15m0s
}

func ExampleOption() {
	fmt.Println(redelivery.Backoff(client{}, redelivery.Exponential(time.Minute, 6*time.Hour),
		redelivery.WithLongest(6*time.Hour),
		redelivery.WithLogger(slog.Default()),
		redelivery.WithTotals(func(_ context.Context, t redelivery.Totals) { fmt.Println(t.Changed, t.Refused, t.Late, t.Err) }),
	) != nil)
	// Output: true
}
