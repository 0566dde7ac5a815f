package typed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/typed"
)

// The body of a message is 250 bytes of JSON.
const costBody = `{"id":"o-000001","customer":"c-000001","amount":12.5,"currency":"EUR","lines":[{"sku":"a-1","quantity":1},` +
	`{"sku":"b-22","quantity":3},{"sku":"c-333","quantity":5}],"note":"leave it with the neighbour if nobody is in, and ring twice if the bell is broken"}`

type costOrder struct {
	ID       string  `json:"id"`
	Customer string  `json:"customer"`
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"`
	Lines    []struct {
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
	} `json:"lines"`
	Note string `json:"note"`
}

// costEvent has n messages of 750 bytes with an attribute each.
func costEvent(t *testing.T, n int) []byte {
	var event events.SQSEvent
	for i := range n {
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: fmt.Sprintf("%08x-87a3-44ab-83d2-661975830a7d", i), ReceiptHandle: strings.Repeat("AQEBwJnK", 7), Body: costBody,
			Attributes:        map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"},
			MessageAttributes: map[string]events.SQSMessageAttribute{"type": {StringValue: new("order.created"), DataType: "String"}},
			Md5OfBody:         "e4e68fb7bd0e697a0ae8f1bb342846b3", EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:us-east-2:123456789012:queue", AWSRegion: "us-east-2",
		})
	}
	payload, err := json.Marshal(event)
	require.NoError(t, err)
	return payload
}

// cost returns the bytes and objects that a message takes, as the fewest of several batches.
func cost(t *testing.T, n int, p lambda.Handler, payload []byte) (bytes, objects float64) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for i := range 8 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := p.Invoke(ctx, payload)
		require.NoError(t, err)
		runtime.ReadMemStats(&after)
		b, o := float64(after.TotalAlloc-before.TotalAlloc)/float64(n), float64(after.Mallocs-before.Mallocs)/float64(n)
		if i == 0 || o < objects {
			objects = o
		}
		if i == 0 || b < bytes {
			bytes = b
		}
	}
	return bytes, objects
}

// What a typed message costs in memory is bounded: the body alone is copied, once, and nothing is decoded but
// the body. With a decoder of one's own there is nothing else; by default there is what encoding/json needs.
func TestWhatATypedMessageCosts(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates, too")
	}
	const n = 1000
	payload := costEvent(t, n)
	nothing := troupe.SQS(func(context.Context, troupe.Lazy[events.SQSMessage]) error { return nil })
	raw := troupe.SQS(typed.SQS(func(context.Context, []byte) error { return nil },
		typed.WithDecoder(func(b []byte) ([]byte, error) { return b, nil })))
	decoded := troupe.SQS(typed.SQS(func(context.Context, costOrder) error { return nil }))
	whole := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil })

	var into costOrder
	alone := testing.AllocsPerRun(100, func() {
		into = costOrder{}
		if json.Unmarshal([]byte(costBody), &into) != nil {
			panic("body")
		}
	})
	nothingBytes, nothingObjects := cost(t, n, nothing, payload)
	rawBytes, rawObjects := cost(t, n, raw, payload)
	_, decodedObjects := cost(t, n, decoded, payload)
	wholeBytes, wholeObjects := cost(t, n, whole, payload)
	t.Logf("bytes and objects a message: nothing %.0f, %.1f; own decoder %.0f, %.1f; encoding/json %.1f objects, alone %.0f; the whole message %.0f, %.1f",
		nothingBytes, nothingObjects, rawBytes, rawObjects, decodedObjects, alone, wholeBytes, wholeObjects)

	assert.Less(t, rawObjects, nothingObjects+0.5, "a decoder of one's own is called without reflection or copies")
	assert.Less(t, rawBytes, nothingBytes+64)
	assert.Less(t, decodedObjects, rawObjects+alone+1.5)
	assert.Less(t, rawBytes+500, wholeBytes, "no maps of attributes")
	assert.Less(t, rawObjects+2, wholeObjects)
	assert.Less(t, rawBytes, 2500.0)
	assert.Less(t, rawObjects, 8.0)
}

// The image of an item is 250 bytes of JSON.
const costImage = `{"id":{"S":"o-000001"},"customer":{"S":"c-000001"},"amount":{"N":"12.5"},"count":{"N":"3"},"tags":{"SS":["gift","express"]},` +
	`"address":{"M":{"city":{"S":"Lisbon"},"street":{"S":"Rua da Prata 80"},"lift":{"BOOL":false}}},"note":{"S":"leave it with the neighbour if nobody is in"}}`

type costItem struct {
	ID       string   `dynamodbav:"id"`
	Customer string   `dynamodbav:"customer"`
	Amount   float64  `dynamodbav:"amount"`
	Count    int      `dynamodbav:"count"`
	Tags     []string `dynamodbav:"tags"`
	Address  struct {
		City   string `dynamodbav:"city"`
		Street string `dynamodbav:"street"`
		Lift   bool   `dynamodbav:"lift"`
	} `dynamodbav:"address"`
	Note string `dynamodbav:"note"`
}

// costTable has n records with a key and two images each.
func costTable(t testing.TB, n int) []byte {
	var records []string
	for i := range n {
		records = append(records, fmt.Sprintf(`{"eventID":"%032x","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1",`+
			`"dynamodb":{"ApproximateCreationDateTime":1479499740,"Keys":{"id":{"S":"o-%06d"}},"NewImage":%s,"OldImage":%s,"SequenceNumber":"%d","SizeBytes":500,"StreamViewType":"NEW_AND_OLD_IMAGES"},`+
			`"eventSourceARN":"arn:aws:dynamodb:us-east-1:123456789012:table/T/stream/2015-06-27T00:48:05.899"}`, i, i, costImage, costImage, 1000+i))
	}
	payload := []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
	require.True(t, json.Valid(payload))
	return payload
}

// What a typed change of a table costs is bounded: two images and the keys, and what they refer to. There are no maps of
// attributes, and what is not decoded costs nothing.
func TestWhatATypedChangeCosts(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates, too")
	}
	const n = 1000
	payload := costTable(t, n)
	type none struct{}
	nothing := troupe.DynamoDB(func(context.Context, troupe.Lazy[events.DynamoDBEventRecord]) error { return nil })
	empty := troupe.DynamoDB(typed.DynamoDB(func(context.Context, typed.Change[none]) error { return nil }))
	decoded := troupe.DynamoDB(typed.DynamoDB(func(context.Context, typed.Change[costItem]) error { return nil }))
	whole := troupe.DynamoDB(func(context.Context, events.DynamoDBEventRecord) error { return nil })
	nothingBytes, nothingObjects := cost(t, n, nothing, payload)
	emptyBytes, emptyObjects := cost(t, n, empty, payload)
	decodedBytes, decodedObjects := cost(t, n, decoded, payload)
	wholeBytes, wholeObjects := cost(t, n, whole, payload)
	t.Logf("bytes and objects a change: nothing %.0f, %.1f; of no fields %.0f, %.1f; decoded %.0f, %.1f; the whole record %.0f, %.1f",
		nothingBytes, nothingObjects, emptyBytes, emptyObjects, decodedBytes, decodedObjects, wholeBytes, wholeObjects)

	const values = 3 * unsafe.Sizeof(costItem{})
	assert.Less(t, emptyObjects, nothingObjects+0.5, "what is not decoded is not read")
	assert.Less(t, emptyBytes, nothingBytes+64)
	assert.Less(t, decodedObjects, nothingObjects+3+4+0.5, "three values, and the tags of two: a slice and its header")
	assert.Less(t, decodedBytes, nothingBytes+float64(values)+300)
	assert.Less(t, decodedObjects*2, wholeObjects, "no maps of attributes")
	assert.Less(t, nothingObjects, 9.0)
	assert.Less(t, decodedBytes, 2700.0)
	assert.Less(t, decodedObjects, 16.0)
}
