package sqsredelivery_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/aws/sqsredelivery"
	"github.com/troupe-go/troupe/redelivery"
)

// client answers with what it is given and keeps the inputs.
type client struct {
	output  sqs.ChangeMessageVisibilityBatchOutput
	changes []*sqs.ChangeMessageVisibilityBatchInput
	sends   []*sqs.SendMessageInput
}

func (c *client) ChangeMessageVisibilityBatch(_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	c.changes = append(c.changes, in)
	return &c.output, nil
}

func (c *client) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	c.sends = append(c.sends, in)
	return &sqs.SendMessageOutput{}, nil
}

// The URL of a queue follows from its ARN, in every partition that SQS names its endpoints so.
func TestTheURLFollowsFromTheARN(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:sqs:eu-west-1:123456789012:orders.fifo":  "https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo",
		"arn:aws-us-gov:sqs:us-gov-west-1:123456789012:a": "https://sqs.us-gov-west-1.amazonaws.com/123456789012/a",
		"arn:aws-cn:sqs:cn-north-1:123456789012:a":        "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/a",
		"":                                      "",
		"arn:aws:sns:eu-west-1:123456789012:a":  "",
		"arn:aws:sqs:eu-west-1:123456789012:a:": "",
	} {
		c := &client{}
		_, err := sqsredelivery.NewVisibility(c).ChangeVisibility(t.Context(), arn, []redelivery.Change{{ID: "1"}})
		if want == "" {
			assert.EqualError(t, err, fmt.Sprintf("troupe: sqsredelivery: a message has the eventSourceARN %q; arn:…:sqs:region:account:name was expected", arn))
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, want, *c.changes[0].QueueUrl)
	}
	c := &client{}
	_, err := sqsredelivery.NewVisibility(c).For("http://localhost/0/q").ChangeVisibility(t.Context(), "", []redelivery.Change{{ID: "1", Receipt: "r", Timeout: 90 * time.Second}})
	require.NoError(t, err)
	assert.Equal(t, "http://localhost/0/q", *c.changes[0].QueueUrl)
	assert.Equal(t, []types.ChangeMessageVisibilityBatchRequestEntry{{Id: aws.String("0"), ReceiptHandle: aws.String("r"), VisibilityTimeout: 90}}, c.changes[0].Entries)
}

// An entry has changed only if SQS says so.
func TestAnEntryWithoutAResultHasFailed(t *testing.T) {
	c := &client{output: sqs.ChangeMessageVisibilityBatchOutput{
		Successful: []types.ChangeMessageVisibilityBatchResultEntry{{Id: aws.String("1")}, {Id: aws.String("7")}, {Id: aws.String("-1")}, {}},
		Failed:     []types.BatchResultErrorEntry{{Id: aws.String("2"), Code: aws.String("Oops")}, {Id: aws.String("x")}},
	}}
	failed, err := sqsredelivery.NewVisibility(c).For("q").ChangeVisibility(t.Context(), "", []redelivery.Change{{ID: "a"}, {ID: "b"}, {ID: "c"}})
	require.NoError(t, err)
	assert.EqualError(t, failed[0], "troupe: sqsredelivery: visibility timeout of message a: SQS returned no result")
	assert.NoError(t, failed[1])
	assert.EqualError(t, failed[2], "troupe: sqsredelivery: visibility timeout of message c: Oops")
}

// A standard queue takes no deduplication identifier, and a group only if the message had one for fairness.
func TestALetterForEachKindOfQueue(t *testing.T) {
	for _, k := range []struct {
		url        string
		fair       bool
		group, ded bool
	}{{"https://q/dead", false, false, false}, {"https://q/dead", true, true, false}, {"https://q/dead.fifo", false, true, true}} {
		c := &client{}
		require.NoError(t, sqsredelivery.NewSender(c, k.url).Send(t.Context(), redelivery.Letter{Body: "b", Group: "g", Fair: k.fair, Deduplication: "d"}))
		in := c.sends[0]
		assert.Equal(t, k.group, in.MessageGroupId != nil)
		assert.Equal(t, k.ded, in.MessageDeduplicationId != nil)
		assert.Equal(t, "b", *in.MessageBody)
		assert.Nil(t, in.MessageAttributes)
		assert.Nil(t, in.MessageSystemAttributes)
	}
}

func TestWhatIsRefused(t *testing.T) {
	c := &client{}
	assert.PanicsWithError(t, "troupe: sqsredelivery: NewVisibility: the client is nil", func() { sqsredelivery.NewVisibility(nil) })
	assert.PanicsWithError(t, "troupe: sqsredelivery: For: the URL of the queue is empty", func() { sqsredelivery.NewVisibility(c).For("") })
	assert.PanicsWithError(t, "troupe: sqsredelivery: NewSender: the client is nil", func() { sqsredelivery.NewSender(nil, "q") })
	assert.PanicsWithError(t, "troupe: sqsredelivery: NewSender: the URL of the dead-letter queue is empty", func() { sqsredelivery.NewSender(c, "") })
}
