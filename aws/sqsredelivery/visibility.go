package sqsredelivery

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/troupe-go/troupe/redelivery"
)

// ChangesVisibility is the method of *sqs.Client that a Visibility calls.
type ChangesVisibility interface {
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// Visibility is a redelivery.Visibility. It is safe for concurrent use if its client is; *sqs.Client is.
type Visibility struct {
	client ChangesVisibility
	url    string
}

var _ redelivery.Visibility = (*Visibility)(nil)

// NewVisibility returns a Visibility that calls client. The URL of a queue follows from the ARN in its messages. It
// panics if client is nil.
func NewVisibility(client ChangesVisibility) *Visibility {
	if client == nil {
		panic(errors.New("troupe: sqsredelivery: NewVisibility: the client is nil"))
	}
	return &Visibility{client: client}
}

// For returns a Visibility for a queue with that URL, for queues whose URL does not follow from their ARN, such as those
// of an emulator. It panics if the URL is empty.
func (v *Visibility) For(queueURL string) *Visibility {
	if queueURL == "" {
		panic(errors.New("troupe: sqsredelivery: For: the URL of the queue is empty"))
	}
	return &Visibility{client: v.client, url: queueURL}
}

// ChangeVisibility makes one call of ChangeMessageVisibilityBatch.
func (v *Visibility) ChangeVisibility(ctx context.Context, queueARN string, changes []redelivery.Change) ([]error, error) {
	url := v.url
	if url == "" {
		var err error
		if url, err = urlOf(queueARN); err != nil {
			return nil, err
		}
	}
	input := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url}
	for i, c := range changes {
		input.Entries = append(input.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(c.Receipt), VisibilityTimeout: int32(c.Timeout / time.Second),
		})
	}
	output, err := v.client.ChangeMessageVisibilityBatch(ctx, input)
	if err != nil {
		return nil, fmt.Errorf("troupe: sqsredelivery: visibility timeouts of %s: %w", queueARN, err)
	}
	failed := make([]error, len(changes))
	for i := range failed {
		failed[i] = fmt.Errorf("troupe: sqsredelivery: visibility timeout of message %s: SQS returned no result", changes[i].ID)
	}
	for _, done := range output.Successful {
		if i := index(done.Id, len(changes)); i >= 0 {
			failed[i] = nil
		}
	}
	for _, entry := range output.Failed {
		if i := index(entry.Id, len(changes)); i >= 0 {
			failed[i] = refusal(changes[i].ID, entry)
		}
	}
	return failed, nil
}

// index returns which of n entries an identifier stands for, or −1.
func index(id *string, n int) int {
	i, err := strconv.Atoi(aws.ToString(id))
	if err != nil || i < 0 || i >= n {
		return -1
	}
	return i
}

// refusal returns the error of an entry. What SQS says about a timeout has no receipt handle in it.
func refusal(id string, entry types.BatchResultErrorEntry) error {
	text := aws.ToString(entry.Message)
	if strings.Contains(text, "parameter VisibilityTimeout is invalid") {
		return fmt.Errorf("troupe: sqsredelivery: message %s: %s: %w", id, text, redelivery.ErrTimeout)
	}
	return fmt.Errorf("troupe: sqsredelivery: visibility timeout of message %s: %s", id, aws.ToString(entry.Code))
}

// urlOf returns the URL of a queue. SQS looks at account and name.
func urlOf(arn string) (string, error) {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sqs" || parts[3] == "" || parts[4] == "" || parts[5] == "" {
		return "", fmt.Errorf("troupe: sqsredelivery: a message has the eventSourceARN %q; arn:…:sqs:region:account:name was expected", arn)
	}
	domain := "amazonaws.com"
	if parts[1] == "aws-cn" {
		domain = "amazonaws.com.cn"
	}
	return "https://sqs." + parts[3] + "." + domain + "/" + parts[4] + "/" + parts[5], nil
}
