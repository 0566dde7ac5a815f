package sqspoll_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/sqspoll"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// consumer writes down what a Run does, in the terms of a history: an invocation is a batch of which a record was
// started. What belongs together is one write, shorter than a pipe guarantees to keep whole, so that it is complete if the
// process is killed.
type consumer struct {
	sqspoll.Client
	name string // without spaces
	out  io.Writer

	mu      sync.Mutex
	batches int
	of      map[string]*received // by receipt
}

type received struct {
	number   int // 0: not begun
	messages []events.SQSMessage
	settled  map[string]bool // by receipt
}

func newConsumer(client sqspoll.Client, name string, out io.Writer) *consumer {
	return &consumer{Client: client, name: name, out: out, of: make(map[string]*received)}
}

// put writes events in one write: a process is killed before or after them.
func (c *consumer) put(events ...history.Event) {
	var lines strings.Builder
	for _, e := range events {
		lines.WriteString(c.name + " " + e.String() + "\n")
	}
	_, _ = io.WriteString(c.out, lines.String())
}

// begun returns the batch of a message, which begins with the first call. (mu)
func (c *consumer) begun(receipt string) *received {
	b := c.of[receipt]
	if b.number == 0 {
		c.batches++
		b.number = c.batches
		var began []history.Event
		for _, m := range b.messages {
			began = append(began, history.Event{Kind: history.Received, Invocation: b.number, Record: m.MessageId, Number: 1})
		}
		c.put(append(began, history.Event{Kind: history.Invoked, Invocation: b.number, Number: len(b.messages), Until: time.Hour})...)
	}
	return b
}

func (c *consumer) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, o ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	output, err := c.Client.ReceiveMessage(ctx, in, o...)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &received{settled: make(map[string]bool)}
	for _, m := range output.Messages {
		b.messages = append(b.messages, events.SQSMessage{MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle})
		c.of[*m.ReceiptHandle] = b
	}
	return output, nil
}

func (c *consumer) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, o ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	output, err := c.Client.DeleteMessageBatch(ctx, in, o...)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, done := range output.Successful {
		for _, e := range in.Entries {
			if *e.Id == *done.Id {
				c.settle(history.Deleted, *e.ReceiptHandle)
			}
		}
	}
	return output, nil
}

// settle books what became of a message. (mu)
func (c *consumer) settle(kind history.Kind, receipt string) {
	b := c.of[receipt]
	for _, m := range b.messages {
		if m.ReceiptHandle == receipt && !b.settled[receipt] {
			b.settled[receipt] = true
			c.put(history.Event{Kind: kind, Invocation: b.number, Record: m.MessageId})
		}
	}
}

// watch goes around a handler.
func (c *consumer) watch(handle func(context.Context, events.SQSMessage) error) func(context.Context, events.SQSMessage) error {
	return func(ctx context.Context, m events.SQSMessage) error {
		c.mu.Lock()
		number := c.begun(m.ReceiptHandle).number
		c.put(history.Event{Kind: history.Started, Invocation: number, Record: m.MessageId, Digest: lambdasim.Digest(m)})
		c.mu.Unlock()
		err := handle(ctx, m)
		outcome := history.OK
		if err != nil {
			outcome = history.Fail
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.put(history.Event{Kind: history.Ended, Invocation: number, Record: m.MessageId, Detail: outcome})
		return err
	}
}

// answered is an observer of the processor: the report is what Lambda would be answered.
func (c *consumer) answered(ctx context.Context, report *troupe.Report) {
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	var failed []string
	receipt := ""
	for i, record := range report.Records {
		m, err := troupe.MessageAt[events.SQSMessage](ctx, i)
		if err != nil {
			panic(err)
		}
		receipt = m.ReceiptHandle
		if record.Outcome == troupe.Failed {
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.ID})
			failed = append(failed, m.ReceiptHandle)
		}
	}
	text, _ := json.Marshal(response)
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.begun(receipt)
	c.put(history.Event{Kind: history.Answered, Invocation: b.number, Detail: string(text)})
	for _, receipt := range failed {
		c.settle(history.Returned, receipt)
	}
}

// journal puts the events of all consumers of a queue together, and judges them.
type journal struct {
	t     testing.TB
	began time.Time

	mu         sync.Mutex
	checker    *check.Checker
	log        []string
	numbers    map[string]int // of invocations, by consumer and its own number
	open       map[int]*openBatch
	deliveries map[string]int
	handled    map[string]bool
	messages   map[string]history.Event
	again      int            // delivered although deleted, which a standard queue may do
	copies     map[string]int // that the source has, as far as the checker knows
	undeleted  int            // handled, and not deleted by the batch that handled them
	rest       string         // an incomplete line
	overlaps   bool           // overlapping handlers of a group are judged elsewhere
}

type openBatch struct {
	consumer string
	answered bool
	records  []string // not settled
}

func newJournal(t testing.TB, rules check.Rules) *journal {
	j := &journal{
		t: t, began: time.Now(), checker: check.New(rules),
		numbers: make(map[string]int), open: make(map[int]*openBatch),
		deliveries: make(map[string]int), handled: make(map[string]bool), copies: make(map[string]int), messages: make(map[string]history.Event),
	}
	j.record(history.Event{Kind: history.Began, Detail: rules.String()})
	return j
}

func (j *journal) record(e history.Event) {
	e.At = time.Since(j.began)
	if e.Kind == history.Invoked {
		e.Until += e.At
	}
	j.checker.Record(e)
	j.log = append(j.log, e.String())
}

func (j *journal) sent(id string, m lambdasim.Message) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := history.Event{Kind: history.Sent, Record: id, Group: m.Group, Digest: lambdasim.Digest(events.SQSMessage{Body: m.Body, Attributes: map[string]string{"MessageGroupId": m.Group}})}
	j.copies[id], j.messages[id] = 1, e
	j.record(e)
}

// Write takes lines of consumers.
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := j.rest + string(b)
	for {
		line, rest, ok := strings.Cut(text, "\n")
		if !ok {
			j.rest = text
			return len(b), nil
		}
		text = rest
		consumer, event, _ := strings.Cut(line, " ")
		if event == "killed" {
			j.killed(consumer)
			continue
		}
		var e history.Event
		if err := e.UnmarshalText([]byte(event)); err != nil {
			j.t.Errorf("the line %q: %v", line, err)
			continue
		}
		j.take(consumer, e)
	}
}

// take books an event of a consumer. (mu)
func (j *journal) take(consumer string, e history.Event) {
	own := consumer + "/" + strconv.Itoa(e.Invocation)
	if j.numbers[own] == 0 {
		j.numbers[own] = len(j.numbers) + 1
	}
	e.Invocation = j.numbers[own]
	b := j.open[e.Invocation]
	if b == nil {
		b = &openBatch{consumer: consumer}
		j.open[e.Invocation] = b
	}
	switch e.Kind {
	case history.Received:
		if j.copies[e.Record] == 0 { // received before it was deleted, or deleted in vain
			j.again++
			j.copies[e.Record], j.deliveries[e.Record] = 1, 0
			j.record(j.messages[e.Record])
		}
		j.deliveries[e.Record]++
		e.Number = j.deliveries[e.Record]
		b.records = append(b.records, e.Record)
	case history.Ended:
		j.handled[e.Record] = j.handled[e.Record] || e.Detail == history.OK
	case history.Answered:
		b.answered = true
	case history.Deleted, history.Returned:
		i := slices.Index(b.records, e.Record)
		b.records = slices.Delete(b.records, i, i+1)
		switch {
		case j.copies[e.Record] == 0: // another batch has deleted it already
			e.Kind = history.Stale
		case e.Kind == history.Deleted:
			j.copies[e.Record]--
		}
	}
	j.record(e)
}

// killed books the end of a consumer: what it had under way is redelivered, or was deleted by a call whose answer
// nobody has seen. (mu)
func (j *journal) killed(consumer string) {
	for number, b := range j.open {
		if b.consumer != consumer {
			continue
		}
		if !b.answered {
			j.record(history.Event{Kind: history.Crashed, Invocation: number, Detail: "killed"})
		}
		for _, record := range b.records {
			if !b.answered {
				j.record(history.Event{Kind: history.Returned, Invocation: number, Record: record})
				continue
			}
			j.undeleted++
			if j.copies[record] > 0 { // it may be redelivered
				j.copies[record]++
				j.record(history.Event{Kind: history.Duplicated, Record: record})
			}
			j.record(history.Event{Kind: history.Stale, Invocation: number, Record: record})
		}
		delete(j.open, number)
	}
}

// finish ends the history when the queue is empty, and fails the test unless it is as the rules say.
func (j *journal) finish() check.Verdict {
	j.mu.Lock()
	defer j.mu.Unlock()
	consumers := make(map[string]bool)
	for _, b := range j.open {
		consumers[b.consumer] = true
	}
	for consumer := range consumers {
		j.killed(consumer)
	}
	for record, n := range j.copies {
		if !j.handled[record] {
			continue // it is lost, as the checker will find
		}
		for range n { // the queue is empty, so these copies are not there
			j.record(history.Event{Kind: history.Expired, Record: record})
		}
	}
	j.record(history.Event{Kind: history.Finished, Detail: history.Drained})
	verdict := j.checker.Verdict()
	count := verdict.Count
	if j.overlaps {
		count -= verdict.Kinds[check.Overlapped]
	}
	if !assert.Zerof(j.t, count, "the checker found: %v", verdict.Violations) {
		j.t.Logf("the history ends with\n%s", strings.Join(j.log[max(0, len(j.log)-60):], "\n"))
	}
	return verdict
}

// done returns how many different messages were handled.
func (j *journal) done() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, ok := range j.handled {
		if ok {
			n++
		}
	}
	return n
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	deliveries := 0
	for _, n := range j.deliveries {
		deliveries += n
	}
	return fmt.Sprintf("%d messages, %d deliveries, %d batches, %d handled by a batch that did not delete them, %d delivered after that", len(j.deliveries), deliveries, len(j.numbers), j.undeleted, j.again)
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// count returns how often the log contains a text.
func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}
