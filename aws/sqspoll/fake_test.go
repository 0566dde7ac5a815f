package sqspoll_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/lambdasim"
)

// call is a call of a client.
type call struct {
	action     string // receive, change or delete
	ids        []string
	timeout    int32 // of a change
	began      time.Duration
	ended      time.Duration
	err        error
	successful []string
}

// fake is a client of a simulated queue, in the process and in the time of a synctest bubble.
type fake struct {
	queue  *lambdasim.Queue
	direct *lambdasim.Direct
	start  time.Time

	// before, if not nil, is called for each call: it may wait, and fail the call before the queue sees it. after is
	// called when the queue has seen it: an answer may be lost.
	before, after func(ctx context.Context, c *call) error
	// entry, if not nil, fails an entry of a batch before the queue sees it.
	entry func(c *call, id string) *types.BatchResultErrorEntry
	// received changes what a receive returns.
	received func([]types.Message) []types.Message

	mu    sync.Mutex
	names map[string]string // receipt to message identifier
	calls []*call
}

func newFake(t testing.TB, queue *lambdasim.Queue) *fake {
	direct, err := queue.Direct()
	require.NoError(t, err)
	return &fake{queue: queue, direct: direct, start: time.Now(), names: make(map[string]string)}
}

func (f *fake) send(t testing.TB, messages ...lambdasim.Message) {
	for _, m := range messages {
		_, _, err := f.direct.Send(t.Context(), m)
		require.NoError(t, err)
	}
}

// of returns the calls of an action.
func (f *fake) of(action string) (list []*call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c.action == action {
			list = append(list, c)
		}
	}
	return list
}

// left returns how many messages are in the queue.
func (f *fake) left(t testing.TB) int {
	visible, inFlight, delayed, err := f.direct.Counts()
	require.NoError(t, err)
	return visible + inFlight + delayed
}

func (f *fake) begin(ctx context.Context, c *call) error {
	c.began = time.Since(f.start)
	f.mu.Lock()
	f.calls = append(f.calls, c)
	f.mu.Unlock()
	if f.before != nil {
		if err := f.before(ctx, c); err != nil {
			f.end(c, err)
			return err
		}
	}
	return ctx.Err()
}

func (f *fake) end(c *call, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.ended, c.err = time.Since(f.start), err
}

func (f *fake) GetQueueAttributes(ctx context.Context, _ *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	c := &call{action: "attributes"}
	if err := f.begin(ctx, c); err != nil {
		return nil, err
	}
	defer f.end(c, nil)
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{"QueueArn": f.queue.ARN()}}, nil
}

func (f *fake) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	c := &call{action: "receive"}
	if err := f.begin(ctx, c); err != nil {
		return nil, err
	}
	list, err := f.direct.Receive(ctx, int(in.MaxNumberOfMessages), seconds(in.VisibilityTimeout), seconds(in.WaitTimeSeconds))
	if err == nil && f.after != nil {
		err = f.after(ctx, c)
	}
	output := &sqs.ReceiveMessageOutput{}
	for _, m := range list {
		output.Messages = append(output.Messages, messageOf(m))
	}
	if f.received != nil {
		output.Messages = f.received(output.Messages)
	}
	f.mu.Lock()
	for _, m := range output.Messages {
		if m.MessageId != nil && m.ReceiptHandle != nil {
			f.names[*m.ReceiptHandle] = *m.MessageId
			c.ids = append(c.ids, *m.MessageId)
		}
	}
	f.mu.Unlock()
	f.end(c, err)
	if err != nil {
		return nil, err
	}
	return output, nil
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }

// messageOf returns a message as a client receives it.
func messageOf(m events.SQSMessage) types.Message {
	out := types.Message{MessageId: &m.MessageId, ReceiptHandle: &m.ReceiptHandle, Body: &m.Body, MD5OfBody: &m.Md5OfBody, Attributes: m.Attributes}
	if m.Md5OfMessageAttributes != "" {
		out.MD5OfMessageAttributes = &m.Md5OfMessageAttributes
	}
	for name, a := range m.MessageAttributes {
		if out.MessageAttributes == nil {
			out.MessageAttributes = make(map[string]types.MessageAttributeValue)
		}
		out.MessageAttributes[name] = types.MessageAttributeValue{DataType: &a.DataType, StringValue: a.StringValue, BinaryValue: a.BinaryValue}
	}
	return out
}

// batchOf makes a call with entries: do makes it for those that entry lets through.
func (f *fake) batchOf(ctx context.Context, c *call, ids, receipts []string, do func(receipts []string) ([]error, error)) (done []string, failed []types.BatchResultErrorEntry, err error) {
	f.mu.Lock()
	for _, receipt := range receipts {
		c.ids = append(c.ids, f.names[receipt])
	}
	f.mu.Unlock()
	if err := f.begin(ctx, c); err != nil {
		return nil, nil, err
	}
	defer func() { f.end(c, err) }()
	var through, names []string
	for i, id := range ids {
		if f.entry != nil {
			if e := f.entry(c, c.ids[i]); e != nil {
				e.Id = &ids[i]
				failed = append(failed, *e)
				continue
			}
		}
		through, names = append(through, receipts[i]), append(names, id)
	}
	if len(through) > 0 {
		errs, err := do(through)
		if err != nil {
			return nil, nil, err
		}
		for i, err := range errs {
			if err == nil {
				done = append(done, names[i])
				continue
			}
			e := types.BatchResultErrorEntry{Id: &names[i], Code: ptr("InternalError"), Message: ptr(err.Error())}
			if refused := new(lambdasim.QueueError); errors.As(err, &refused) {
				e.Code, e.SenderFault = ptr(refused.Code), true
			}
			failed = append(failed, e)
		}
	}
	if f.after != nil {
		if err := f.after(ctx, c); err != nil {
			return nil, nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, id := range ids {
		if contains(done, id) {
			c.successful = append(c.successful, c.ids[i])
		}
	}
	return done, failed, nil
}

func contains(list []string, s string) bool {
	return strings.Contains("\x00"+strings.Join(list, "\x00")+"\x00", "\x00"+s+"\x00")
}

func ptr[T any](v T) *T { return &v }

func (f *fake) ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	var ids, receipts []string
	timeouts := make(map[string]int32)
	for _, e := range in.Entries {
		ids, receipts = append(ids, *e.Id), append(receipts, *e.ReceiptHandle)
		timeouts[*e.ReceiptHandle] = e.VisibilityTimeout
	}
	c := &call{action: "change", timeout: in.Entries[0].VisibilityTimeout}
	done, failed, err := f.batchOf(ctx, c, ids, receipts, func(receipts []string) ([]error, error) {
		var entries []lambdasim.VisibilityChange
		for _, r := range receipts {
			entries = append(entries, lambdasim.VisibilityChange{Receipt: original(r), Timeout: seconds(timeouts[r])})
		}
		return f.queue.ChangeVisibilityBatch(ctx, entries)
	})
	if err != nil {
		return nil, err
	}
	output := &sqs.ChangeMessageVisibilityBatchOutput{Failed: failed}
	for i := range done {
		output.Successful = append(output.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: &done[i]})
	}
	return output, nil
}

// original returns the receipt that copyOf copied.
func original(receipt string) string { return strings.TrimSuffix(receipt, "+copy") }

// copyOf returns a second delivery of a message.
func copyOf(m types.Message) types.Message {
	m.ReceiptHandle = ptr(*m.ReceiptHandle + "+copy")
	return m
}

func (f *fake) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	var ids, receipts []string
	for _, e := range in.Entries {
		ids, receipts = append(ids, *e.Id), append(receipts, *e.ReceiptHandle)
	}
	done, failed, err := f.batchOf(ctx, &call{action: "delete"}, ids, receipts, func(receipts []string) ([]error, error) {
		var originals []string
		for _, r := range receipts {
			originals = append(originals, original(r))
		}
		return f.direct.DeleteBatch(ctx, originals)
	})
	if err != nil {
		return nil, err
	}
	output := &sqs.DeleteMessageBatchOutput{Failed: failed}
	for i := range done {
		output.Successful = append(output.Successful, types.DeleteMessageBatchResultEntry{Id: &done[i]})
	}
	return output, nil
}

// bodies are messages with the given bodies, each "group/body" or "body".
func bodies(list ...string) (messages []lambdasim.Message) {
	for _, b := range list {
		m := lambdasim.Message{Body: b}
		if group, body, ok := strings.Cut(b, "/"); ok {
			m = lambdasim.Message{Body: body, Group: group, Deduplication: fmt.Sprint(b)}
		}
		messages = append(messages, m)
	}
	return messages
}
