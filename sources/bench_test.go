package sources

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"
)

// The benchmarks go from bytes to the payload of every record, and so does their rival: encoding/json over
// the types of aws-lambda-go, which is what a handler written without this package gets.

func BenchmarkSQS(b *testing.B) {
	compare(b, SQS(), sqsEvent, func(e *events.SQSEvent) []events.SQSMessage { return e.Records })
}

func BenchmarkSQSPlainBody(b *testing.B) {
	compare(b, SQS(), sqsPlainEvent, func(e *events.SQSEvent) []events.SQSMessage { return e.Records })
}

func BenchmarkKinesis(b *testing.B) {
	compare(b, Kinesis(), kinesisEvent, func(e *events.KinesisEvent) []events.KinesisEventRecord { return e.Records })
}

func BenchmarkDynamoDB(b *testing.B) {
	compare(b, DynamoDB(), dynamoEvent, func(e *events.DynamoDBEvent) []events.DynamoDBEventRecord { return e.Records })
}

func compare[E, T any](b *testing.B, s *Source[E, T], document func(int) []byte, records func(*E) []T) {
	for _, size := range []int{10, 100, 1000, 6000} {
		payload := document(size)
		b.Run(fmt.Sprintf("%d/troupe", size), func(b *testing.B) {
			measure(b, payload, size, func() (sum int) {
				got, err := arrange(s.Decode(payload))
				require.NoError(b, err)
				for i := range got.Results {
					if _, err := got.Record(i); err == nil {
						sum++
					}
				}
				return sum
			})
		})
		b.Run(fmt.Sprintf("%d/json", size), func(b *testing.B) {
			measure(b, payload, size, func() (sum int) {
				var event E
				require.NoError(b, json.Unmarshal(payload, &event))
				for range records(&event) {
					sum++
				}
				return sum
			})
		})
	}
}

func measure(b *testing.B, payload []byte, size int, run func() int) {
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if run() != size {
			b.Fatal("records are missing")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/record")
}

// event writes an event as AWS does: without white space.
func event(size int, record func(i int) string) []byte {
	var b strings.Builder
	b.WriteString(`{"Records":[`)
	for i := range size {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(record(i))
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

// sqsEvent has messages of 780 bytes, whose bodies are JSON.
func sqsEvent(size int) []byte {
	return sqsBodies(size, func(i int) string {
		return `{"orderId":"o-` + strconv.Itoa(100000+i) + `","customer":"c-` + strconv.Itoa(1000+i%9000) +
			`","currency":"EUR","total":1234.5,"express":true,"note":"leave it at the door"}`
	})
}

// sqsPlainEvent has bodies without anything to unescape.
func sqsPlainEvent(size int) []byte {
	return sqsBodies(size, func(int) string { return strings.Repeat("plain text ", 14) })
}

func sqsBodies(size int, body func(i int) string) []byte {
	return event(size, func(i int) string {
		quoted, _ := json.Marshal(body(i))
		id := fmt.Sprintf("%08x-87a3-44ab-83d2-661975830a7d", i)
		text := `{"messageId":"` + id + `","receiptHandle":"` + "%" + `","body":` + string(quoted) +
			`,"attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1545082649183","SenderId":"AIDAIENQZJOLO23YVJ4VO",` +
			`"ApproximateFirstReceiveTimestamp":"1545082649185"},"messageAttributes":{},"md5OfBody":"e4e68fb7bd0e697a0ae8f1bb342846b3",` +
			`"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-2:123456789012:my-queue","awsRegion":"us-east-2"}`
		return strings.Replace(text, "%", strings.Repeat("AQEBwJnK", 100)[:780-len(text)+1], 1)
	})
}

func kinesisEvent(size int) []byte {
	return event(size, func(i int) string {
		number := fmt.Sprintf("495903382714902566085596925383615710959215759%011d", i)
		data := base64.StdEncoding.EncodeToString([]byte(`{"device":"d-` + strconv.Itoa(i%500) + `","reading":[1.5,2.25,3.125],"status":"nominal, nothing to report at all","site":"north"}`))
		return `{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"key-` + strconv.Itoa(i%500) + `","sequenceNumber":"` + number +
			`","data":"` + data + `","approximateArrivalTimestamp":1545084650.987},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000006:` + number +
			`","eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::123456789012:role/lambda-role","awsRegion":"us-east-2",` +
			`"eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"}`
	})
}

func dynamoEvent(size int) []byte {
	return event(size, func(i int) string {
		image := func(status string) string {
			return `{"Id":{"N":"` + strconv.Itoa(i) + `"},"Customer":{"S":"c-` + strconv.Itoa(i%500) + `"},"Status":{"S":"` + status +
				`"},"Total":{"N":"1234.50"},"Express":{"BOOL":true},"Tags":{"SS":["a","b"]},"Address":{"M":{"City":{"S":"Bern"},"Zip":{"S":"3011"}}}}`
		}
		return `{"eventID":"` + fmt.Sprintf("%032x", i) + `","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1",` +
			`"dynamodb":{"ApproximateCreationDateTime":1479499740,"Keys":{"Id":{"N":"` + strconv.Itoa(i) + `"}},"NewImage":` + image("paid") + `,"OldImage":` + image("open") +
			`,"SequenceNumber":"` + fmt.Sprintf("44215845000000000174%08d", i) + `","SizeBytes":226,"StreamViewType":"NEW_AND_OLD_IMAGES"},` +
			`"eventSourceARN":"arn:aws:dynamodb:us-east-1:123456789012:table/T/stream/2015-06-27T00:48:05.899"}`
	})
}
