package typed_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/typed"
)

// kafkaDocument has {"id":"a"}, a value that is no JSON, an empty one, a tombstone and {"id":"b"}.
const kafkaDocument = `{"eventSource":"aws:kafka","records":{"orders-0":[
	{"topic":"orders","partition":0,"offset":1,"value":"eyJpZCI6ImEifQ=="},
	{"topic":"orders","partition":0,"offset":2,"value":"b29wcw=="},
	{"topic":"orders","partition":0,"offset":3,"value":""},
	{"topic":"orders","partition":0,"offset":4,"value":null},
	{"topic":"orders","partition":0,"offset":5,"value":"eyJpZCI6ImIifQ=="}]}}`

// SPEC 9, D6: values are decoded, and what cannot be fails alone, as far as the policy leaves it alone, or is
// dropped by option. A tombstone has nothing to decode.
func TestValuesOfKafkaAreDecoded(t *testing.T) {
	for name, c := range map[string]struct {
		typed    []typed.Option
		options  []troupe.Option
		handled  []string
		reported []int // offsets
		dropped  int
	}{
		"alone":                        {nil, []troupe.Option{troupe.WithPolicy(troupe.Continue)}, []string{"1 a", "4 tombstone", "5 b"}, []int{2, 3}, 0},
		"under its own policy":         {nil, nil, []string{"1 a"}, []int{2, 3, 4, 5}, 0},
		"dropped, which is no failure": {[]typed.Option{typed.WithDropUndecodable()}, nil, []string{"1 a", "4 tombstone", "5 b"}, nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var handled []string
			handler := typed.Kafka(func(ctx context.Context, o order) error {
				record, err := troupe.MessageFrom[kafka.Record](ctx)
				require.NoError(t, err)
				if record.Value == nil {
					assert.Zero(t, o)
					o.ID = "tombstone"
				}
				handled = append(handled, fmt.Sprint(record.Offset, " ", o.ID))
				return nil
			}, c.typed...)
			response, report := run(t, func(options ...troupe.Option) lambda.Handler { return kafka.New(handler, options...) }, []byte(kafkaDocument), c.options...)
			items := []kafka.BatchItemFailure{}
			for _, offset := range c.reported {
				items = append(items, kafka.BatchItemFailure{ItemIdentifier: kafka.ItemIdentifier{Partition: "orders-0", Offset: int64(offset)}})
			}
			assert.JSONEq(t, string(written(t, kafka.Response{BatchItemFailures: items})), response)
			assert.Equal(t, c.handled, handled)
			assert.Equal(t, c.dropped, report.Dropped)
			require.ErrorIs(t, report.Records[1].Err, troupe.ErrUndecodable)
			assert.EqualError(t, report.Records[1].Err, `troupe: record "orders-0@2", index 1, cannot be decoded: value: not JSON (at byte 0 of the payload)`)
		})
	}
}
