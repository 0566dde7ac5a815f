// Package batches makes the events that rivals are measured with: the shapes that Lambda sends, complete,
// compact and different from record to record.
package batches

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// MessageSize is the size of one SQS message in its event, in bytes of JSON.
const MessageSize = 780

// SQS returns an event of a standard queue. Bodies are JSON documents, so that their quotes are escaped;
// every message has system and message attributes.
func SQS(size int) []byte {
	return document(size, func(i int) string { return message(i, "orders", "") })
}

// Plain is SQS without message attributes.
func Plain(size int) []byte {
	return document(size, func(i int) string { return messageWith(i, "orders", "", "") })
}

// FIFO returns an event of a FIFO queue whose messages belong to the given number of groups in turn.
func FIFO(size, groups int) []byte {
	return document(size, func(i int) string {
		return message(i, "orders.fifo", fmt.Sprintf(`"SequenceNumber":"188496954370628%05d","MessageGroupId":"customer-%d",`, i, i%groups))
	})
}

func message(i int, queue, attributes string) string {
	return messageWith(i, queue, attributes, fmt.Sprintf(`"messageAttributes":{"type":{"stringValue":"order.created","stringListValues":[],"binaryListValues":[],"dataType":"String"}},`+
		`"md5OfMessageAttributes":"%032x",`, i))
}

func messageWith(i int, queue, attributes, messageAttributes string) string {
	if messageAttributes == "" {
		messageAttributes = `"messageAttributes":{},`
	}
	const filling = "%"
	body, _ := json.Marshal(fmt.Sprintf(`{"orderId":"o-%d","amount":%d.5,"note":"%s"}`, i, i%1000, filling)) // a string always marshals
	text := fmt.Sprintf(`{"messageId":"%08x-87a3-44ab-83d2-661975830a7d",`+
		`"receiptHandle":"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a%08d==",`+
		`"body":%s,`+
		`"attributes":{"ApproximateReceiveCount":"1",%s"SentTimestamp":"15450826491%02d","SenderId":"AIDAIENQZJOLO23YVJ4VO","ApproximateFirstReceiveTimestamp":"1545082649285"},`+
		`%s"md5OfBody":"%032x",`+
		`"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-2:123456789012:%s","awsRegion":"us-east-2"}`,
		i, i, body, attributes, i%100, messageAttributes, ^uint32(i), queue)
	const phrase = "leave it with the neighbour if nobody is in. "
	room := max(MessageSize-len(text)+len(filling), 0)
	return strings.Replace(text, filling, strings.Repeat(phrase, room/len(phrase)+1)[:room], 1)
}

// Kinesis returns an event of a stream with 500 partition keys.
func Kinesis(size int) []byte {
	return document(size, func(i int) string {
		number := fmt.Sprintf("495903382714902566085596925383615710959215759%011d", i)
		data := fmt.Sprintf(`{"device":"d-%d","reading":[1.5,2.25,%d],"status":"nominal","site":"north","note":"nothing to report at all"}`, i%500, i)
		return fmt.Sprintf(`{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"d-%d","sequenceNumber":"%s","data":"%s","approximateArrivalTimestamp":1545084650.987},`+
			`"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000006:%s","eventName":"aws:kinesis:record",`+
			`"invokeIdentityArn":"arn:aws:iam::123456789012:role/lambda-role","awsRegion":"us-east-2","eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/telemetry"}`,
			i%500, number, base64.StdEncoding.EncodeToString([]byte(data)), number)
	})
}

// Window returns an event of a tumbling window on a stream.
func Window(size int) []byte {
	event := Kinesis(size)
	return append(event[:len(event)-1], `,"window":{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:02:00Z"},"shardId":"shard-6"}`...)
}

// Kafka returns an event of a topic with ten partitions.
func Kafka(size int) []byte {
	const partitions = 10
	var out strings.Builder
	out.WriteString(`{"eventSource":"aws:kafka","eventSourceArn":"arn:aws:kafka:us-east-2:123456789012:cluster/telemetry/1","bootstrapServers":"b-1.example:9094","records":{`)
	for p := range partitions {
		if p > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, `"telemetry-%d":[`, p)
		for i := p; i < size; i += partitions {
			if i >= partitions {
				out.WriteByte(',')
			}
			value := fmt.Sprintf(`{"device":"d-%d","reading":[1.5,2.25,%d],"status":"nominal","site":"north","note":"nothing to report at all"}`, i%500, i)
			fmt.Fprintf(&out, `{"topic":"telemetry","partition":%d,"offset":%d,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"%s","value":"%s","headers":[]}`,
				p, i/partitions, base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "d-%d", i%500)), base64.StdEncoding.EncodeToString([]byte(value)))
		}
		out.WriteByte(']')
	}
	out.WriteString(`}}`)
	return []byte(out.String())
}

// DynamoDB returns an event of a table's stream with new and old images of 500 items.
func DynamoDB(size int) []byte {
	return document(size, func(i int) string {
		image := func(status string) string {
			return fmt.Sprintf(`{"Id":{"N":"%d"},"Customer":{"S":"c-%d"},"Status":{"S":"%s"},"Total":{"N":"%d.50"},"Express":{"BOOL":true},`+
				`"Tags":{"SS":["a","b"]},"Address":{"M":{"City":{"S":"Bern"},"Zip":{"S":"3011"}}}}`, i%500, i%77, status, i)
		}
		return fmt.Sprintf(`{"eventID":"%032x","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1",`+
			`"dynamodb":{"ApproximateCreationDateTime":1479499740,"Keys":{"Id":{"N":"%d"}},"NewImage":%s,"OldImage":%s,"SequenceNumber":"44215845000000000174%08d",`+
			`"SizeBytes":226,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventSourceARN":"arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2015-06-27T00:48:05.899"}`,
			i, i%500, image("paid"), image("open"), i)
	})
}

func document(size int, record func(i int) string) []byte {
	var out strings.Builder
	out.WriteString(`{"Records":[`)
	for i := range size {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(record(i))
	}
	out.WriteString(`]}`)
	return []byte(out.String())
}

// Decode returns an SQS event as encoding/json reads it.
func Decode(document []byte) events.SQSEvent {
	var event events.SQSEvent
	if err := json.Unmarshal(document, &event); err != nil {
		panic(err) // the documents are this package's
	}
	return event
}

// Failing marks every nth message of the event, by its body, as one whose handler is to fail.
func Failing(event events.SQSEvent, nth int) events.SQSEvent {
	for i := nth - 1; i < len(event.Records); i += nth {
		event.Records[i].Body = "fail " + strconv.Itoa(i)
	}
	return event
}
