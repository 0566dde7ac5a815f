package rivals_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe/tools/compare/rivals"
)

// handle fails some messages, in each of the ways that all rivals survive.
func handle(_ context.Context, m events.SQSMessage) error {
	switch m.Body {
	case "error":
		return errors.New("no")
	case "panic":
		panic("no")
	default:
		return nil
	}
}

// batch has size messages; every fifth fails and every seventh panics.
func batch(size int) (event events.SQSEvent, failed []string) {
	for i := range size {
		m := events.SQSMessage{MessageId: "m-" + strconv.Itoa(i), EventSource: "aws:sqs", Body: "fine"}
		switch {
		case i%7 == 3:
			m.Body = "panic"
		case i%5 == 1:
			m.Body = "error"
		}
		if m.Body != "fine" {
			failed = append(failed, m.MessageId)
		}
		event.Records = append(event.Records, m)
	}
	return event, failed
}

func quiet(t *testing.T) {
	logger := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(logger) })
}

func identifiers(response events.SQSEventResponse) []string {
	var ids []string
	for _, failure := range response.BatchItemFailures {
		ids = append(ids, failure.ItemIdentifier)
	}
	return ids
}

func TestRivalsGiveTheSameAnswer(t *testing.T) {
	quiet(t)
	for _, size := range []int{1, 2, 37, 500} {
		event, failed := batch(size)
		for _, kind := range rivals.Kinds() {
			for _, concurrency := range []int{1, 8} {
				t.Run(fmt.Sprintf("%s/%d messages, %d at once", kind.Name, size, concurrency), func(t *testing.T) {
					response, err := kind.New(handle, concurrency).Process(t.Context(), event)
					if err != nil {
						t.Fatal(err)
					}
					if got := identifiers(response); !reflect.DeepEqual(got, failed) {
						t.Errorf("failed are %q, want %q", got, failed)
					}
				})
			}
		}
	}
}

// As bytes, the answers of what stands for a whole function must be the same too; with no failure that
// shows an empty list and not null.
func TestInvokeGivesTheSameBytes(t *testing.T) {
	quiet(t)
	const (
		fine   = `{"Records":[{"messageId":"a","body":"fine","eventSource":"aws:sqs"}]}`
		failed = `{"Records":[{"messageId":"a","body":"error","eventSource":"aws:sqs"},{"messageId":"b","body":"fine","eventSource":"aws:sqs"}]}`
	)
	for payload, want := range map[string]string{
		fine:   `{"batchItemFailures":[]}`,
		failed: `{"batchItemFailures":[{"itemIdentifier":"a"}]}`,
	} {
		for _, kind := range rivals.Kinds() {
			rival := kind.New(handle, 8)
			handler, ok := rival.(lambda.Handler)
			if !ok {
				handler = lambda.NewHandler(rival.Process)
			}
			got, err := handler.Invoke(t.Context(), []byte(payload))
			if err != nil {
				t.Fatal(kind.Name, err)
			}
			// lambda.NewHandler ends its answer with a newline in some versions; Lambda does not care.
			if string(trimNewline(got)) != want {
				t.Errorf("%s answered %s, want %s", kind.Name, got, want)
			}
		}
	}
}

func trimNewline(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return b
}
