package sources

import (
	"reflect"

	"github.com/aws/aws-lambda-go/events"
	"github.com/troupe-go/troupe/batch"
)

const groupAttribute = "MessageGroupId"

// The fields of an SQS message.
const (
	sqsMessageID = iota
	sqsReceiptHandle
	sqsBody
	sqsAttributes
	sqsMessageAttributes
	sqsMD5OfMessageAttributes
	sqsMD5OfBody
	sqsEventSource
	sqsEventSourceARN
	sqsAWSRegion
)

var sqsLayout = newLayout([]string{"messageId", "receiptHandle", "body", "attributes", "messageAttributes",
	"md5OfMessageAttributes", "md5OfBody", "eventSource", "eventSourceARN", "awsRegion"}, "attributes", "")

// SQS reads the events of standard and FIFO queues. A batch is ordered, by message group, if it comes from a
// FIFO queue. Only the queue's name counts, since messages of standard queues may have a MessageGroupId for
// fairness.
func SQS() *Source[events.SQSEvent, events.SQSMessage] {
	mapping := form[events.SQSMessage]{
		layout: sqsLayout, id: sqsMessageID, sift: siftSQS, siftGroup: siftGroupSQS,
		plain: decodeAs[events.SQSMessage], wire: reflect.TypeFor[events.SQSMessage](), untold: untoldLambda,
	}
	pipe := mapping
	pipe.untold = untoldPipe
	return &Source[events.SQSEvent, events.SQSMessage]{
		kind:     batch.SQS,
		origin:   "aws:sqs",
		mapping:  mapping,
		pipe:     pipe,
		originAt: sqsEventSource,
		arnAt:    sqsEventSourceARN,
		decode:   decodeSQS,
		group:    groupSQS,
		records:  func(e events.SQSEvent) []events.SQSMessage { return e.Records },
		factsOf: func(m *events.SQSMessage) facts {
			return facts{id: m.MessageId, fault: "missing or empty", origin: m.EventSource, arn: m.EventSourceARN}
		},
		groupOf: func(m *events.SQSMessage) string { return m.Attributes[groupAttribute] },
		payload: func(f fields) ([]byte, bool) {
			body := f.string(sqsBody)
			return []byte(body), !f.fallback
		},
		payloadOf: func(m *events.SQSMessage) []byte { return []byte(m.Body) },
	}
}

func decodeSQS(f fields) (events.SQSMessage, bool) {
	m := events.SQSMessage{
		MessageId:              f.string(sqsMessageID),
		ReceiptHandle:          f.string(sqsReceiptHandle),
		Body:                   f.string(sqsBody),
		Md5OfBody:              f.string(sqsMD5OfBody),
		Md5OfMessageAttributes: f.string(sqsMD5OfMessageAttributes),
		Attributes:             f.attributes(),
		MessageAttributes:      f.messageAttributes(),
		EventSourceARN:         f.string(sqsEventSourceARN),
		EventSource:            f.string(sqsEventSource),
		AWSRegion:              f.string(sqsAWSRegion),
	}
	return m, !f.fallback
}

func (f *fields) attributes() map[string]string {
	pairs := f.pairs
	if len(pairs) == 0 {
		if _, ok := f.objectAt(sqsAttributes); !ok {
			return nil
		}
	}
	attributes := make(map[string]string, len(pairs))
	for _, p := range pairs {
		key, value := f.pair(p)
		attributes[key] = value
	}
	return attributes
}

func (f *fields) messageAttributes() map[string]events.SQSMessageAttribute {
	i, ok := f.objectAt(sqsMessageAttributes)
	if !ok {
		return nil
	}
	attributes := map[string]events.SQSMessageAttribute{}
	i, more := f.First(i, '}', 0)
	for more {
		var key string
		key, i = f.member(i)
		attributes[key], i = f.messageAttribute(i)
		i, more = f.Next(i, '}')
	}
	return attributes
}

var messageAttributeNames = []string{"stringValue", "binaryValue", "stringListValues", "binaryListValues", "dataType"}

func (f *fields) messageAttribute(i int) (a events.SQSMessageAttribute, end int) {
	if f.Text[i] != '{' {
		f.fallback = true
		return a, f.Value(i, 0)
	}
	var seen uint32
	i, more := f.First(i, '}', 0)
	for more {
		var k int
		k, i = f.field(i, messageAttributeNames, &seen)
		if f.Text[i] == 'n' {
			k = -1 // a null leaves the field alone
		}
		switch k {
		case 0:
			a.StringValue = new(string)
			*a.StringValue, i = f.quoted(i)
		case 1:
			a.BinaryValue, i = f.binary(i)
		case 2:
			a.StringListValues, i = f.stringList(i)
		case 3:
			a.BinaryListValues, i = f.bytesList(i)
		case 4:
			a.DataType, i = f.quoted(i)
		default:
			i = f.Value(i, 0)
		}
		i, more = f.Next(i, '}')
	}
	return a, i
}

func groupSQS(f fields) (group string, ok bool) {
	pairs := f.pairs
	if len(pairs) == 0 {
		f.objectAt(sqsAttributes)
	}
	for _, p := range pairs {
		if key, value := f.pair(p); key == groupAttribute {
			group = value
		}
	}
	return group, !f.fallback
}

func siftSQS(raw string) facts {
	var m struct {
		MessageID      lenient `json:"messageId"`
		EventSource    lenient `json:"eventSource"`
		EventSourceARN lenient `json:"eventSourceARN"`
	}
	_ = decodePlain(raw, &m)
	id, fault := m.MessageID.identifier()
	return facts{id: id, fault: fault, origin: m.EventSource.text(), arn: m.EventSourceARN.text()}
}

func siftGroupSQS(raw string) (string, bool) {
	var m struct {
		Attributes map[string]lenient `json:"attributes"`
	}
	err := decodePlain(raw, &m)
	group := m.Attributes[groupAttribute]
	return group.text(), err == nil && group.readable()
}
