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

// ship is the handler under test. The carrier rejects one order in five at first.
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

// docs/testing.md shows this code.
func TestThePageAboutTestingShowsTheseLines(t *testing.T) {
	page, err := os.ReadFile("../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(code), "\n// ship is the handler under test.")
	shown, _, _ = strings.Cut("// ship is the handler under test."+shown, "\n// docs/testing.md shows this code.")
	if !strings.Contains(string(page), "```go\n"+shown+"```\n") {
		t.Errorf("docs/testing.md does not contain\n%s", shown)
	}
}
