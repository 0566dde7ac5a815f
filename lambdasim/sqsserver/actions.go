package sqsserver

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim"
)

// request has the parameters of all actions.
type request struct {
	QueueURL  string `json:"QueueUrl"`
	QueueName string
	message
	entry
	Entries []struct {
		ID string `json:"Id"`
		message
		entry
	}

	MaxNumberOfMessages         *int
	WaitTimeSeconds             *int
	AttributeNames              []string
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string
}

// message is the message in SendMessage.
type message struct {
	MessageBody             string
	DelaySeconds            *int
	MessageAttributes       map[string]attribute
	MessageSystemAttributes map[string]attribute
	MessageDeduplicationID  string `json:"MessageDeduplicationId"`
	MessageGroupID          string `json:"MessageGroupId"`
}

// entry is a received message in the other calls.
type entry struct {
	ReceiptHandle     string
	VisibilityTimeout *int
}

// attribute is a message attribute.
type attribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`
}

// result is the result for a sent message, or for an entry of a batch.
type result struct {
	ID                     string `json:"Id,omitempty"`
	MessageID              string `json:"MessageId,omitempty"`
	MD5OfMessageBody       string `json:",omitempty"`
	MD5OfMessageAttributes string `json:",omitempty"`
	SequenceNumber         string `json:",omitempty"`
}

// failure is the result for a failed entry of a batch.
type failure struct {
	ID          string `json:"Id"`
	SenderFault bool
	Code        string
	Message     string
}

// batch is the response to a batch.
type batch struct {
	Successful []result
	Failed     []failure `json:",omitempty"`
}

func (b *batch) add(id string, r result, err error) {
	if err == nil {
		r.ID = id
		b.Successful = append(b.Successful, r)
		return
	}
	f := failure{ID: id, Code: "InternalError", Message: err.Error()}
	if refusal := new(lambdasim.QueueError); errors.As(err, &refusal) {
		f.Code, f.Message, f.SenderFault = refusal.Code, refusal.Message, refusal.Code != "RequestThrottled"
	}
	b.Failed = append(b.Failed, f)
}

var entryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkIDs checks the identifiers of the entries of a batch.
func (r *request) checkIDs() error {
	seen := make(map[string]bool)
	for _, e := range r.Entries {
		switch {
		case !entryID.MatchString(e.ID):
			return &lambdasim.QueueError{Code: "AWS.SimpleQueueService.InvalidBatchEntryId", Message: "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."}
		case seen[e.ID]:
			return &lambdasim.QueueError{Code: "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", Message: "Id " + e.ID + " repeated."}
		}
		seen[e.ID] = true
	}
	return nil
}

// sent converts the message to one of lambdasim.
func (m message) sent() (lambdasim.Message, error) {
	x := lambdasim.Message{Body: m.MessageBody, Group: m.MessageGroupID, Deduplication: m.MessageDeduplicationID}
	if trace := m.MessageSystemAttributes["AWSTraceHeader"].StringValue; trace != nil {
		x.TraceHeader = *trace
	}
	if m.DelaySeconds != nil {
		x.Delay = seconds(*m.DelaySeconds)
	}
	for name, a := range m.MessageAttributes {
		if a.DataType == "" || (a.StringValue == nil) == (a.BinaryValue == nil) {
			return x, &lambdasim.QueueError{Code: "InvalidParameterValue", Message: "The message attribute " + strconv.Quote(name) + " needs a DataType and one value, StringValue or BinaryValue."}
		}
		if x.Attributes == nil {
			x.Attributes = make(map[string]events.SQSMessageAttribute)
		}
		x.Attributes[name] = events.SQSMessageAttribute{DataType: a.DataType, StringValue: a.StringValue, BinaryValue: a.BinaryValue}
	}
	return x, nil
}

func (m message) result(id, sequence string) result {
	return result{MessageID: id, MD5OfMessageBody: md5Of([]byte(m.MessageBody)), MD5OfMessageAttributes: md5OfAttributes(m.MessageAttributes), SequenceNumber: sequence}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func send(ctx context.Context, q *served, r *request) (any, error) {
	m, err := r.message.sent()
	if err != nil {
		return nil, err
	}
	id, sequence, err := q.direct.Send(ctx, m)
	if err != nil {
		return nil, err
	}
	return r.message.result(id, sequence), nil
}

func sendBatch(ctx context.Context, q *served, r *request) (any, error) {
	if err := r.checkIDs(); err != nil {
		return nil, err
	}
	var list []lambdasim.Message
	for _, e := range r.Entries {
		m, err := e.message.sent()
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	sent, err := q.direct.SendBatch(ctx, list)
	if err != nil {
		return nil, err
	}
	b := batch{Successful: []result{}}
	for i, e := range r.Entries {
		b.add(e.ID, e.message.result(sent[i].ID, sent[i].Sequence), sent[i].Err)
	}
	return b, nil
}

// received is a message as ReceiveMessage returns it.
type received struct {
	MessageID              string `json:"MessageId"`
	ReceiptHandle          string
	MD5OfBody              string
	Body                   string
	Attributes             map[string]string    `json:",omitempty"`
	MD5OfMessageAttributes string               `json:",omitempty"`
	MessageAttributes      map[string]attribute `json:",omitempty"`
}

func receive(ctx context.Context, q *served, r *request) (any, error) {
	most, visibility, wait := 1, time.Duration(-1), time.Duration(0)
	if r.MaxNumberOfMessages != nil {
		most = *r.MaxNumberOfMessages
	}
	if r.VisibilityTimeout != nil {
		if visibility = seconds(*r.VisibilityTimeout); visibility < 0 {
			return nil, &lambdasim.QueueError{Code: "InvalidParameterValue", Message: "Value " + strconv.Itoa(*r.VisibilityTimeout) + " for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided."}
		}
	}
	if r.WaitTimeSeconds != nil {
		if wait = seconds(*r.WaitTimeSeconds); wait < 0 || wait > 20*time.Second {
			return nil, &lambdasim.QueueError{Code: "InvalidParameterValue", Message: "Value " + strconv.Itoa(*r.WaitTimeSeconds) + " for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."}
		}
	}
	messages, err := q.direct.Receive(ctx, most, visibility, wait)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	list := make([]received, len(messages))
	for i, m := range messages {
		x := received{MessageID: m.MessageId, ReceiptHandle: m.ReceiptHandle, MD5OfBody: m.Md5OfBody, Body: m.Body}
		for name, value := range m.Attributes {
			if wanted(name, append(r.AttributeNames, r.MessageSystemAttributeNames...)) {
				if x.Attributes == nil {
					x.Attributes = make(map[string]string)
				}
				x.Attributes[name] = value
			}
		}
		for name, a := range m.MessageAttributes {
			if wanted(name, r.MessageAttributeNames) {
				if x.MessageAttributes == nil {
					x.MessageAttributes = make(map[string]attribute)
				}
				x.MessageAttributes[name] = attribute{a.DataType, a.StringValue, a.BinaryValue}
			}
		}
		x.MD5OfMessageAttributes = md5OfAttributes(x.MessageAttributes)
		list[i] = x
	}
	return map[string]any{"Messages": list}, nil
}

// wanted reports whether a client requested an attribute: by name, all of them, or those with a prefix.
func wanted(name string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		prefix, isPrefix := strings.CutSuffix(n, ".*")
		return n == name || n == "All" || isPrefix && strings.HasPrefix(name, prefix)
	})
}

func remove(ctx context.Context, q *served, r *request) (any, error) {
	return nil, q.direct.Delete(ctx, r.ReceiptHandle)
}

func removeBatch(ctx context.Context, q *served, r *request) (any, error) {
	if err := r.checkIDs(); err != nil {
		return nil, err
	}
	var receipts []string
	for _, e := range r.Entries {
		receipts = append(receipts, e.ReceiptHandle)
	}
	failed, err := q.direct.DeleteBatch(ctx, receipts)
	return r.answered(failed, err)
}

// answered is the response to a batch without results.
func (r *request) answered(failed []error, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	b := batch{Successful: []result{}}
	for i, e := range r.Entries {
		b.add(e.ID, result{}, failed[i])
	}
	return b, nil
}

func (e entry) timeout() (time.Duration, error) {
	if e.VisibilityTimeout == nil {
		return 0, &lambdasim.QueueError{Code: "MissingParameter", Message: "The request must contain the parameter VisibilityTimeout."}
	}
	return seconds(*e.VisibilityTimeout), nil
}

func change(ctx context.Context, q *served, r *request) (any, error) {
	timeout, err := r.entry.timeout()
	if err != nil {
		return nil, err
	}
	return nil, q.queue.ChangeVisibility(ctx, r.ReceiptHandle, timeout)
}

func changeBatch(ctx context.Context, q *served, r *request) (any, error) {
	if err := r.checkIDs(); err != nil {
		return nil, err
	}
	var changes []lambdasim.VisibilityChange
	for _, e := range r.Entries {
		c := lambdasim.VisibilityChange{Receipt: e.ReceiptHandle}
		if e.VisibilityTimeout != nil {
			c.Timeout = seconds(*e.VisibilityTimeout)
		}
		changes = append(changes, c)
	}
	failed, err := q.queue.ChangeVisibilityBatch(ctx, changes)
	return r.answered(failed, err)
}

func attributes(_ context.Context, q *served, r *request) (any, error) {
	visible, inFlight, delayed, err := q.direct.Counts()
	if err != nil {
		return nil, err
	}
	all := map[string]string{
		"QueueArn":                              q.queue.ARN(),
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(inFlight),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(delayed),
		"VisibilityTimeout":                     "30",
		"DelaySeconds":                          "0",
		"ReceiveMessageWaitTimeSeconds":         "0",
	}
	if v := q.queue.VisibilityTimeout; v > 0 {
		all["VisibilityTimeout"] = strconv.Itoa(int(v.Seconds()))
	}
	if strings.HasSuffix(q.queue.Name, ".fifo") {
		all["FifoQueue"] = "true"
		all["ContentBasedDeduplication"] = strconv.FormatBool(q.queue.ContentBasedDeduplication)
	}
	if p := q.queue.RedrivePolicy; p.DeadLetterQueue != nil {
		text, _ := json.Marshal(map[string]any{"deadLetterTargetArn": p.DeadLetterQueue.ARN(), "maxReceiveCount": p.MaxReceiveCount})
		all["RedrivePolicy"] = string(text)
	}
	maps.DeleteFunc(all, func(name, _ string) bool { return !wanted(name, r.AttributeNames) })
	return map[string]any{"Attributes": all}, nil
}

func md5Of(text []byte) string {
	sum := md5.Sum(text)
	return hex.EncodeToString(sum[:])
}

// md5OfAttributes returns the sum with which SDKs check attributes. (Developer Guide of SQS, "Calculating the MD5
// message digest for message attributes")
func md5OfAttributes(attributes map[string]attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	var b []byte
	add := func(part []byte) { b = append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...) }
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		add([]byte(name))
		add([]byte(a.DataType))
		if a.StringValue != nil {
			b = append(b, 1)
			add([]byte(*a.StringValue))
		} else {
			b = append(b, 2)
			add(a.BinaryValue)
		}
	}
	return md5Of(b)
}
