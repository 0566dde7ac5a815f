package semantics_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// The sources as these tests name them. A FIFO queue is one of its own: the same event, another ARN.
const (
	standard = "sqs"
	fifo     = "fifo"
	kinesis  = "kinesis"
	dynamodb = "dynamodb"
)

var sources = []string{standard, fifo, kinesis, dynamodb}

// record is one record of a document.
type record struct{ id, group, body string }

// numbered returns n records called 1, 2, 3, … in the group that groupOf names, if it is not nil.
func numbered(n int, groupOf func(i int) string) []record {
	records := make([]record, n)
	for i := range records {
		id := strconv.Itoa(i + 1)
		records[i] = record{id: id, body: "body of " + id}
		if groupOf != nil {
			records[i].group = groupOf(i)
		}
	}
	return records
}

// groups deals records out to n groups in turn.
func groups(n int) func(int) string { return func(i int) string { return "g" + strconv.Itoa(i%n) } }

// quote writes a JSON string.
func quote(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

// written writes a record as the source does.
func written(source string, r record) string {
	switch source {
	case standard, fifo:
		attributes := `"ApproximateReceiveCount":"1"`
		if r.group != "" {
			attributes += `,"MessageGroupId":` + quote(r.group)
		}
		arn := "arn:aws:sqs:eu-west-1:123456789012:orders"
		if source == fifo {
			arn += ".fifo"
		}
		return fmt.Sprintf(`{"messageId":%s,"receiptHandle":"handle","body":%s,"attributes":{%s},"messageAttributes":{},"md5OfBody":"","eventSource":"aws:sqs","eventSourceARN":%q,"awsRegion":"eu-west-1"}`,
			quote(r.id), quote(r.body), attributes, arn)
	case kinesis:
		return fmt.Sprintf(`{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":%s,"sequenceNumber":%s,"data":%q,"approximateArrivalTimestamp":1545084650.987},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":%s,"eventName":"aws:kinesis:record","awsRegion":"eu-west-1","eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/orders"}`,
			quote(r.group), quote(r.id), base64.StdEncoding.EncodeToString([]byte(r.body)), quote("shardId-000000000006:"+r.id))
	case dynamodb:
		return fmt.Sprintf(`{"eventID":%s,"eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"eu-west-1","dynamodb":{"ApproximateCreationDateTime":1428537600,"Keys":{"pk":{"S":%s},"sk":{"N":"1"}},"NewImage":{"pk":{"S":%s},"body":{"S":%s}},"SequenceNumber":%s,"SizeBytes":26,"StreamViewType":"NEW_IMAGE"},"eventSourceARN":"arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/1"}`,
			quote("event "+r.id), quote(r.group), quote(r.group), quote(r.body), quote(r.id))
	default:
		panic("no source " + source)
	}
}

// document writes an event as Lambda hands it over.
func document(source string, records ...record) []byte {
	texts := make([]string, len(records))
	for i, r := range records {
		texts[i] = written(source, r)
	}
	return event(texts...)
}

// event puts records into an event.
func event(records ...string) []byte {
	return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

// process makes a processor of the source whose handler gets the body of each record.
func process(source string, handle func(ctx context.Context, body string) error, options ...troupe.Option) lambda.Handler {
	switch source {
	case standard, fifo:
		return troupe.SQS(func(ctx context.Context, m events.SQSMessage) error { return handle(ctx, m.Body) }, options...)
	case kinesis:
		return troupe.Kinesis(func(ctx context.Context, r events.KinesisEventRecord) error {
			return handle(ctx, string(r.Kinesis.Data))
		}, options...)
	case dynamodb:
		return troupe.DynamoDB(func(ctx context.Context, r events.DynamoDBEventRecord) error {
			return handle(ctx, r.Change.NewImage["body"].String())
		}, options...)
	default:
		panic("no source " + source)
	}
}

// failures reads a response, which has to be of the very form that Lambda knows (SPEC S3).
func failures(t testing.TB, response []byte) []string {
	t.Helper()
	var form map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(response, &form), "%s", response)
	require.Len(t, form, 1, "%s", response)
	require.Contains(t, form, "batchItemFailures")
	require.NotEqual(t, "null", string(form["batchItemFailures"]))
	var items []map[string]string
	require.NoError(t, json.Unmarshal(form["batchItemFailures"], &items), "%s", response)
	ids := []string{}
	for _, item := range items {
		require.Len(t, item, 1, "%s", response)
		require.Contains(t, item, "itemIdentifier")
		ids = append(ids, item["itemIdentifier"])
	}
	return ids
}

// reported hands over the report of a batch.
type reported struct{ *troupe.Report }

func (r *reported) observe(_ context.Context, report *troupe.Report) { r.Report = report }

// replace changes a part of a text that has to be there.
func replace(t testing.TB, text, old, new string) string {
	t.Helper()
	require.Contains(t, text, old)
	return strings.Replace(text, old, new, 1)
}

// keeping makes a processor whose handler gets, in place of the record, a function that tells all of it.
func keeping(source string, handle func(ctx context.Context, tell func() string) error, options ...troupe.Option) lambda.Handler {
	switch source {
	case standard, fifo:
		return troupe.SQS(func(ctx context.Context, m events.SQSMessage) error {
			return handle(ctx, func() string { return fmt.Sprintf("%+v", m) })
		}, options...)
	case kinesis:
		return troupe.Kinesis(func(ctx context.Context, r events.KinesisEventRecord) error {
			return handle(ctx, func() string { return fmt.Sprintf("%+v %s", r, r.Kinesis.Data) })
		}, options...)
	default:
		return troupe.DynamoDB(func(ctx context.Context, r events.DynamoDBEventRecord) error {
			return handle(ctx, func() string {
				return fmt.Sprintf("%+v %s %s", r, r.Change.Keys["pk"].String(), r.Change.NewImage["body"].String())
			})
		}, options...)
	}
}
