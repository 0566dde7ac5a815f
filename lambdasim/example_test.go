package lambdasim_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
)

func TestTheOrderThatCannotBeShippedIsReported(t *testing.T) {
	ship := func(_ context.Context, msg events.SQSMessage) error {
		if msg.Body == "an anvil" {
			return errors.New("too heavy")
		}
		return nil
	}
	response, err := troupe.SQS(ship, troupe.WithLogger(slog.New(slog.DiscardHandler))).Process(t.Context(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: "a feather"}, {MessageId: "m2", Body: "an anvil"},
	}})
	if failed := response.BatchItemFailures; err != nil || len(failed) != 1 || failed[0].ItemIdentifier != "m2" {
		t.Error(failed, err)
	}
}

// ship is the handler under test. The carrier turns one order in five down at first.
func ship(ctx context.Context, msg events.SQSMessage) error {
	if lambdasim.Draw(1, "carrier", msg.MessageId, lambdasim.Delivery(ctx, msg.MessageId)) < 0.2 {
		return errors.New("no carrier")
	}
	return nil
}

func TestOrdersOfACustomerAreShippedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := &lambdasim.Queue{Name: "orders.fifo"}
		sent, shipped := map[string][]string{}, map[string][]string{} // order ids by customer
		for i := range 100 {
			customer := fmt.Sprint("customer-", i%7)
			sent[customer] = append(sent[customer], queue.Send(lambdasim.Message{Group: customer, Body: fmt.Sprint(i)}))
		}
		verdict, err := lambdasim.Simulation{
			Source:  queue,
			Handler: troupe.SQS(lambdasim.Watch(ship), troupe.WithPolicy(troupe.StopGroup), troupe.WithLogger(slog.New(slog.DiscardHandler))),
			Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
			Observe: func(e history.Event) {
				if e.Kind == history.Ended && e.Detail == history.OK {
					shipped[e.Group] = append(shipped[e.Group], e.Record)
				}
			},
		}.Run(t.Context())
		if err != nil || !verdict.OK() || !reflect.DeepEqual(sent, shipped) {
			t.Error(err, shipped)
		}
		t.Log(verdict)
	})
}

// The page about testing shows the code that is tested here.
func TestThePageAboutTestingShowsTheseLines(t *testing.T) {
	page, err := os.ReadFile("../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(code), "\nfunc TestTheOrderThatCannot")
	shown, _, _ = strings.Cut("func TestTheOrderThatCannot"+shown, "\n// The page about testing")
	first, second, _ := strings.Cut(shown, "\n// ship is the handler under test.")
	for _, shown := range []string{first, "// ship is the handler under test." + second} {
		if !strings.Contains(string(page), "```go\n"+shown+"```\n") {
			t.Errorf("docs/testing.md does not contain\n%s", shown)
		}
	}
}
