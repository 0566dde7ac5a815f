package dynamodbitem_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/dynamodbitem"
	"github.com/troupe-go/troupe/typed"
)

// money decodes itself.
type money struct{ cents int64 }

func (m *money) UnmarshalDynamoDBAttributeValue(v types.AttributeValue) error {
	text, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		return fmt.Errorf("secret: a %T", v)
	}
	if text.Value == "panic" {
		panic("money")
	}
	units, cents := 0, 0
	if _, err := fmt.Sscanf(text.Value, "%d.%d", &units, &cents); err != nil {
		return fmt.Errorf("secret: %q is no money", text.Value)
	}
	m.cents = int64(units*100 + cents)
	return nil
}

type order struct {
	ID    string                  `dynamodbav:"id"`
	Total money                   `dynamodbav:"total"`
	Paid  attributevalue.UnixTime `dynamodbav:"paid"`
	Tags  []string                `dynamodbav:"tags,stringset"`
	Small int8                    `dynamodbav:"small"`
	Raw   map[string]any          `dynamodbav:"raw"`
}

// event is one with a record for each of the changes, which are JSON.
func event(changes ...string) []byte {
	records := make([]string, len(changes))
	for i, change := range changes {
		records[i] = fmt.Sprintf(`{"eventID":"e%d","eventName":"MODIFY","eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"%d",%s}}`, i, i+1, change)
	}
	return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

const keys = `"Keys":{"id":{"S":"o-1"}}`

func TestItemsAreDecodedAsTheSDKDoes(t *testing.T) {
	var got []typed.Change[order]
	p := troupe.DynamoDB(dynamodbitem.DynamoDB(func(_ context.Context, change typed.Change[order]) error {
		got = append(got, change)
		return nil
	}), troupe.WithConcurrency(1))
	_, err := p.Invoke(t.Context(), event(
		keys+`,"NewImage":{"id":{"S":"o-1"},"total":{"S":"12.34"},"paid":{"N":"1700000000"},"tags":{"SS":["a","b"]},
			"raw":{"M":{"n":{"N":"1.5"},"l":{"L":[{"NULL":true},{"BOOL":true},{"B":"YWJj"},{"NS":["1"]},{"BS":["YWJj"]}]}}}},"OldImage":{"id":{"S":"o-1"}}`,
		keys,
	))
	require.NoError(t, err)
	require.Len(t, got, 2)
	assert.Equal(t, "MODIFY", got[0].Operation)
	assert.Equal(t, order{ID: "o-1"}, got[0].Keys)
	assert.Equal(t, &order{ID: "o-1"}, got[0].Old)
	assert.Equal(t, &order{
		ID: "o-1", Total: money{1234}, Paid: attributevalue.UnixTime(time.Unix(1_700_000_000, 0)), Tags: []string{"a", "b"},
		Raw: map[string]any{"n": 1.5, "l": []any{nil, true, []byte("abc"), []float64{1}, [][]byte{[]byte("abc")}}},
	}, got[0].New)
	assert.Equal(t, typed.Change[order]{Operation: "MODIFY", Keys: order{ID: "o-1"}}, got[1], "KEYS_ONLY")
}

// Options of the SDK's decoder arrive there.
func TestOptionsOfTheDecoder(t *testing.T) {
	type tagged struct {
		Number any `json:"n"`
	}
	var got *tagged
	p := troupe.DynamoDB(dynamodbitem.DynamoDB(func(_ context.Context, change typed.Change[tagged]) error {
		got = change.New
		return nil
	}, dynamodbitem.WithDecoder(func(o *attributevalue.DecoderOptions) { o.TagKey = "json" }, func(o *attributevalue.DecoderOptions) { o.UseNumber = true })))
	_, err := p.Invoke(t.Context(), event(keys+`,"NewImage":{"n":{"N":"12345678901234567890"}}`))
	require.NoError(t, err)
	assert.Equal(t, &tagged{attributevalue.Number("12345678901234567890")}, got)
}

// SPEC S9: what cannot be decoded fails alone, with an error that holds nothing of it.
func TestErrorsHoldNothingOfTheItem(t *testing.T) {
	for name, c := range map[string]struct{ image, problem string }{
		"an unmarshaler refuses":    {`"total":{"S":"secret"}`, "dynamodb.NewImage: what the AWS SDK does not decode as dynamodbitem_test.order"},
		"an unmarshaler of a type":  {`"total":{"N":"4711"}`, "dynamodb.NewImage: what the AWS SDK does not decode as dynamodbitem_test.order"},
		"a number that is too high": {`"small":{"N":"4711"}`, "dynamodb.NewImage: an attribute that the AWS SDK does not decode as int8"},
		"another type":              {`"id":{"L":[{"S":"secret"}]}`, "dynamodb.NewImage: an attribute that the AWS SDK does not decode as string"},
	} {
		t.Run(name, func(t *testing.T) {
			var failed error
			run := func(options ...dynamodbitem.Option) *troupe.Report {
				var report *troupe.Report
				calls := 0
				p := troupe.DynamoDB(dynamodbitem.DynamoDB(func(context.Context, typed.Change[order]) error { calls++; return nil }, options...),
					troupe.WithoutOrder(), troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
				_, err := p.Invoke(t.Context(), event(keys+`,"NewImage":{`+c.image+`}`, keys))
				require.NoError(t, err)
				assert.Equal(t, 1, calls, "the other record")
				failed = report.Records[0].Err
				return report
			}
			assert.Equal(t, 1, run().Failed)
			assert.EqualError(t, failed, "troupe: record cannot be decoded: "+c.problem)
			assert.ErrorIs(t, failed, troupe.ErrUndecodable)
			assert.NotContains(t, failed.Error(), "secret")
			assert.NotContains(t, failed.Error(), "4711")

			assert.Equal(t, 1, run(dynamodbitem.WithDropUndecodable()).Dropped)
			assert.ErrorIs(t, failed, troupe.ErrUndecodable)
		})
	}
}

// A bug in an unmarshaler fails its record as a bug in the handler does.
func TestAnUnmarshalerThatPanics(t *testing.T) {
	var report *troupe.Report
	p := troupe.DynamoDB(dynamodbitem.DynamoDB(func(context.Context, typed.Change[order]) error { return nil }, dynamodbitem.WithDropUndecodable()),
		troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
	_, err := p.Invoke(t.Context(), event(keys+`,"NewImage":{"total":{"S":"panic"}}`))
	require.Error(t, err)
	assert.ErrorIs(t, report.Records[0].Err, troupe.ErrPanic)
}

// The handler's error and context are its own; a record that cannot be decoded at all never gets here.
func TestTheHandlersErrorIsTheRecords(t *testing.T) {
	failure := errors.New("no")
	handler := dynamodbitem.DynamoDB(func(context.Context, typed.Change[order]) error { return failure })
	_, err := troupe.DynamoDB(handler).Invoke(t.Context(), event(keys))
	require.ErrorIs(t, err, failure)
	_, err = troupe.DynamoDB(handler).Process(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{{Change: events.DynamoDBStreamRecord{SequenceNumber: "1"}}}})
	require.ErrorIs(t, err, failure)
	_, err = troupe.DynamoDB(handler).Invoke(t.Context(), event(keys+`,"NewImage":{"a":{"N":1}}`))
	require.ErrorIs(t, err, troupe.ErrUndecodable)
}

func TestBadArgumentsPanic(t *testing.T) {
	for text, make := range map[string]func(){
		"the handler is nil; a function is needed": func() { dynamodbitem.DynamoDB[order](nil) },
		"an option is nil":                         func() { dynamodbitem.DynamoDB(func(context.Context, typed.Change[order]) error { return nil }, nil) },
		"WithDecoder: an option is nil": func() {
			dynamodbitem.DynamoDB(func(context.Context, typed.Change[order]) error { return nil }, dynamodbitem.WithDecoder(nil))
		},
		"a handler for []string was given; an item is a struct, a map, or what has an UnmarshalDynamoDBAttributeValue": func() {
			dynamodbitem.DynamoDB(func(context.Context, typed.Change[[]string]) error { return nil })
		},
	} {
		assert.PanicsWithError(t, "troupe: dynamodbitem: "+text, make)
	}
	dynamodbitem.DynamoDB(func(context.Context, typed.Change[*order]) error { return nil })
	dynamodbitem.DynamoDB(func(context.Context, typed.Change[map[string]any]) error { return nil })
	dynamodbitem.DynamoDB(func(context.Context, typed.Change[any]) error { return nil })
	dynamodbitem.DynamoDB(func(context.Context, typed.Change[money]) error { return nil })
}
