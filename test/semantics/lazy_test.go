package semantics_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/typed"
)

// keyed is an item whose decoding waits in the key.
type keyed struct {
	Key  waiting `dynamodbav:"pk"`
	Body string  `dynamodbav:"body"`
}

type waiting string

var waitInKey func()

func (w *waiting) UnmarshalText(text []byte) error {
	waitInKey()
	*w = waiting(text)
	return nil
}

// D3 for lazy records: a decoder may still be at work when Invoke has returned, and a handler may open its record even
// later. Neither sees the runtime's buffer, which is in use again by then. The race detector looks on.
func TestADecoderMayStillBeAtWorkWhenTheBufferIsUsedAgain(t *testing.T) {
	const topic = "kafka"
	bodies := []string{"body of 1", "body of 2"}
	type at struct{ running, after chan struct{} }
	for _, source := range append([]string{topic}, sources...) {
		synctest.Test(t, func(t *testing.T) {
			gate := at{make(chan struct{}), make(chan struct{})}
			seen := make(chan string, 64)
			// Each reads what it has over and over: while the buffer is overwritten, and afterwards.
			again := func(what string, read func() (string, error)) {
				tell := func() {
					text, err := read()
					seen <- fmt.Sprint(what, ": ", text, " ", err)
				}
				<-gate.running
				for range 5 {
					tell()
				}
				<-gate.after
				tell()
			}
			decode := typed.WithDecoder(func(payload []byte) (string, error) {
				again("decoder", func() (string, error) { return string(payload), nil })
				return string(payload), nil
			})
			type lazy interface {
				Payload() ([]byte, error)
			}
			read := func(record lazy, open func() (string, error)) error {
				again("payload", func() (string, error) { payload, err := record.Payload(); return string(payload), err })
				again("record", open)
				return nil
			}
			quiet := []troupe.Option{troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithoutOrder()}
			none := func(context.Context, string) error { return nil }
			var handlers []lambda.Handler
			payload := []byte(nil)
			switch source {
			case standard, fifo:
				handlers = []lambda.Handler{
					troupe.SQS(typed.SQS(none, decode), quiet...),
					troupe.SQS(func(_ context.Context, m troupe.Lazy[events.SQSMessage]) error {
						return read(m, func() (string, error) { r, err := m.Open(); return r.Body, err })
					}, quiet...),
				}
			case kinesis:
				handlers = []lambda.Handler{
					troupe.Kinesis(typed.Kinesis(none, decode), quiet...),
					troupe.Kinesis(func(_ context.Context, r troupe.Lazy[events.KinesisEventRecord]) error {
						return read(r, func() (string, error) { r, err := r.Open(); return string(r.Kinesis.Data), err })
					}, quiet...),
				}
			case dynamodb: // its handlers decode attributes, by no decoder: a key is decoded all the while, and the image only then
				waitInKey = func() { <-gate.running; <-gate.after }
				handlers = []lambda.Handler{
					troupe.DynamoDB(typed.DynamoDB(func(_ context.Context, change typed.Change[keyed]) error {
						again("item", func() (string, error) { return change.New.Body, nil })
						return nil
					}), quiet...),
					troupe.DynamoDB(typed.DynamoDB(func(_ context.Context, change typed.Change[struct {
						Body string `dynamodbav:"body"`
					}]) error {
						again("item", func() (string, error) { return change.New.Body, nil })
						return nil
					}), quiet...),
					troupe.DynamoDB(func(_ context.Context, r troupe.Lazy[events.DynamoDBEventRecord]) error {
						again("image", func() (string, error) { images, _ := r.Images(); return images.New, nil })
						return nil
					}, quiet...),
					troupe.DynamoDB(func(_ context.Context, r troupe.Lazy[events.DynamoDBEventRecord]) error {
						again("record", func() (string, error) { r, err := r.Open(); return r.Change.NewImage["body"].String(), err })
						return nil
					}, quiet...),
				}
			case topic:
				handlers = []lambda.Handler{
					kafka.New(typed.Kafka(none, decode), quiet...),
					kafka.New(func(_ context.Context, r troupe.Lazy[kafka.Record]) error {
						return read(r, func() (string, error) { r, err := r.Open(); return string(r.Value), err })
					}, quiet...),
				}
				payload = fmt.Appendf(nil, `{"eventSource":"aws:kafka","records":{"orders-0":[{"topic":"orders","partition":0,"offset":1,"value":%q},{"topic":"orders","partition":0,"offset":2,"value":%q}]}}`,
					base64.StdEncoding.EncodeToString([]byte(bodies[0])), base64.StdEncoding.EncodeToString([]byte(bodies[1])))
			}
			for _, handler := range handlers {
				gate = at{make(chan struct{}), make(chan struct{})}
				buffer := append([]byte(nil), payload...)
				if source != topic {
					buffer = document(source, numbered(2, nil)...)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				response, err := handler.Invoke(ctx, buffer)
				cancel()
				require.NoError(t, err)
				assert.Contains(t, string(response), `"itemIdentifier"`, "both were abandoned")
				close(gate.running) // they read while it is overwritten
				for i := range buffer {
					buffer[i] = '#'
				}
				synctest.Wait()
				close(gate.after)
				synctest.Wait()
				require.NotEmpty(t, seen)
				for len(seen) > 0 {
					text := <-seen
					assert.Contains(t, text, "body of ", "%s", source)
					assert.Contains(t, text, "<nil>", "%s", source)
				}
			}
		})
	}
}
