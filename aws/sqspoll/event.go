package sqspoll

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// queue is what an event says about its queue.
type queue struct {
	arn, region string
	fifo        bool
}

func queueOf(arn string) (queue, error) {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sqs" || parts[3] == "" || parts[5] == "" {
		return queue{}, fmt.Errorf("troupe: sqspoll: SQS returned the ARN %q; arn:…:sqs:region:account:name was expected", arn)
	}
	return queue{arn, parts[3], strings.HasSuffix(arn, ".fifo")}, nil
}

var errIncomplete = errors.New("troupe: sqspoll: SQS returned a message without identifier or receipt handle")

// event returns messages as Lambda passes them on.
func (q queue) event(messages []types.Message) (events.SQSEvent, error) {
	event := events.SQSEvent{Records: make([]events.SQSMessage, len(messages))}
	for i := range messages {
		m := &messages[i]
		if m.MessageId == nil || m.ReceiptHandle == nil {
			return event, errIncomplete
		}
		event.Records[i] = events.SQSMessage{
			MessageId:              *m.MessageId,
			ReceiptHandle:          *m.ReceiptHandle,
			Body:                   text(m.Body),
			Md5OfBody:              text(m.MD5OfBody),
			Md5OfMessageAttributes: text(m.MD5OfMessageAttributes),
			Attributes:             m.Attributes,
			MessageAttributes:      attributes(m.MessageAttributes),
			EventSourceARN:         q.arn,
			EventSource:            "aws:sqs",
			AWSRegion:              q.region,
		}
		if m.Attributes == nil {
			event.Records[i].Attributes = map[string]string{}
		}
	}
	return event, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func attributes(given map[string]types.MessageAttributeValue) map[string]events.SQSMessageAttribute {
	all := make(map[string]events.SQSMessageAttribute, len(given))
	for name, a := range given {
		all[name] = events.SQSMessageAttribute{
			DataType:         text(a.DataType),
			StringValue:      a.StringValue,
			BinaryValue:      a.BinaryValue,
			StringListValues: append([]string{}, a.StringListValues...),
			BinaryListValues: append([][]byte{}, a.BinaryListValues...),
		}
	}
	return all
}
