package sqsredelivery

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/troupe-go/troupe/redelivery"
)

// SendsMessages is the method of *sqs.Client that a Sender calls.
type SendsMessages interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// Sender is a redelivery.Sender that sends to a queue, standard or FIFO. It is safe for concurrent use if its client is;
// *sqs.Client is.
type Sender struct {
	client SendsMessages
	url    string
	fifo   bool
}

var _ redelivery.Sender = (*Sender)(nil)

// NewSender returns a Sender for the queue with that URL; the queue is FIFO if the URL ends in ".fifo". It panics if
// client is nil or queueURL is empty.
func NewSender(client SendsMessages, queueURL string) *Sender {
	switch {
	case client == nil:
		panic(errors.New("troupe: sqsredelivery: NewSender: the client is nil"))
	case queueURL == "":
		panic(errors.New("troupe: sqsredelivery: NewSender: the URL of the dead-letter queue is empty"))
	}
	return &Sender{client, queueURL, strings.HasSuffix(queueURL, ".fifo")}
}

// Send sends a letter by one call of SendMessage.
func (s *Sender) Send(ctx context.Context, letter redelivery.Letter) error {
	input := &sqs.SendMessageInput{QueueUrl: &s.url, MessageBody: &letter.Body}
	if s.fifo {
		input.MessageDeduplicationId = &letter.Deduplication
	}
	if s.fifo || letter.Fair {
		input.MessageGroupId = &letter.Group
	}
	if letter.TraceHeader != "" {
		input.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
			string(types.MessageSystemAttributeNameForSendsAWSTraceHeader): {DataType: &stringType, StringValue: &letter.TraceHeader},
		}
	}
	for name, a := range letter.Attributes {
		if input.MessageAttributes == nil {
			input.MessageAttributes = make(map[string]types.MessageAttributeValue, len(letter.Attributes))
		}
		input.MessageAttributes[name] = types.MessageAttributeValue{DataType: &a.DataType, StringValue: a.StringValue, BinaryValue: a.BinaryValue}
	}
	if _, err := s.client.SendMessage(ctx, input); err != nil {
		return fmt.Errorf("troupe: sqsredelivery: dead letter: %w", err)
	}
	return nil
}

var stringType = "String"
