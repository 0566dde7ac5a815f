package lambdasim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

var reporting = []string{lambdasim.ReportBatchItemFailures}

// outcome is what came of a simulation.
type outcome struct {
	check.Verdict
	events []history.Event
}

// simulate runs a simulation in virtual time. It fails the test on an error, not on a verdict.
func simulate(t *testing.T, s lambdasim.Simulation) (o outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s.Observe = func(e history.Event) { o.events = append(o.events, e) }
		var err error
		if o.Verdict, err = s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour) // whatever hangs comes to its end
	})
	return o
}

// of returns the events of some kinds.
func (o outcome) of(kinds ...history.Kind) []history.Event {
	return slices.DeleteFunc(slices.Clone(o.events), func(e history.Event) bool { return !slices.Contains(kinds, e.Kind) })
}

// sizes returns the numbers of records that the invocations had.
func (o outcome) sizes() (n []int) {
	for _, e := range o.of(history.Invoked) {
		n = append(n, e.Number)
	}
	return n
}

// instants returns the whole seconds at which events of a kind happened.
func (o outcome) instants(kind history.Kind) (seconds []int) {
	for _, e := range o.of(kind) {
		seconds = append(seconds, int(e.At/time.Second))
	}
	return seconds
}

// event is what functions here know of an event: the parts that all sources have in common.
type event struct {
	Records []struct {
		MessageID  string            `json:"messageId"`
		Body       string            `json:"body"`
		Attributes map[string]string `json:"attributes"`
		Kinesis    struct {
			SequenceNumber string `json:"sequenceNumber"`
			PartitionKey   string `json:"partitionKey"`
			Data           []byte `json:"data"`
		} `json:"kinesis"`
		DynamoDB struct {
			SequenceNumber string `json:"SequenceNumber"`
		} `json:"dynamodb"`
	} `json:"Records"`
	State json.RawMessage `json:"state"`
	Final bool            `json:"isFinalInvokeForWindow"`
	Early bool            `json:"isWindowTerminatedEarly"`
}

func (e event) ids() (ids []string) {
	for _, r := range e.Records {
		ids = append(ids, r.MessageID+r.Kinesis.SequenceNumber+r.DynamoDB.SequenceNumber)
	}
	return ids
}

// function is a Lambda function that has nothing to do with troupe. It tells the history that it has handled
// every record of its batch, one after the other, and has failed with those that it reports. Where records have an
// order it starts on none that it reports after a failure.
type function struct {
	// answer gives the response to the n-th invocation, from 1; nil is success.
	answer func(n int, e event) (string, error)
	// fails tells whether the handling of a record fails; nil is never.
	fails func(ctx context.Context, id string) bool
	takes time.Duration // for a batch

	mu     sync.Mutex
	events []event
}

func (f *function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.events = append(f.events, e)
	n := len(f.events)
	f.mu.Unlock()
	var response string
	var err error
	if f.answer != nil {
		response, err = f.answer(n, e)
	}
	failed := false
	for i, id := range e.ids() {
		fails := err != nil || strings.Contains(response, `"`+id+`"`) || f.fails != nil && f.fails(ctx, id)
		if fails && failed && (e.Records[i].MessageID == "" || e.Records[i].Attributes["SequenceNumber"] != "") {
			continue
		}
		failed = failed || fails
		if end := lambdasim.Begin(ctx, id); fails {
			end(history.Fail)
		} else {
			end(history.OK)
		}
	}
	time.Sleep(f.takes)
	return []byte(response), err
}

// reportIDs is the response that reports records.
func reportIDs(ids ...string) string {
	items := make([]string, len(ids))
	for i, id := range ids {
		items[i] = fmt.Sprintf(`{"itemIdentifier":%q}`, id)
	}
	return `{"batchItemFailures":[` + strings.Join(items, ",") + `]}`
}

// kinesisOf returns a stream with n records of a partition key.
func kinesisOf(n int) *lambdasim.KinesisStream {
	s := &lambdasim.KinesisStream{}
	for i := range n {
		s.Put(lambdasim.KinesisRecord{PartitionKey: "key", Data: fmt.Appendf(nil, "data %d", i)})
	}
	return s
}

// queueOf returns a queue with n messages. Those of a FIFO queue are of one group.
func queueOf(name string, n int) *lambdasim.Queue {
	q := &lambdasim.Queue{Name: name}
	for i := range n {
		m := lambdasim.Message{Body: fmt.Sprint(i)}
		if strings.HasSuffix(name, ".fifo") {
			m.Group = "group"
		}
		q.Send(m)
	}
	return q
}

// decoder is a function that decodes its event and is content.
type decoder struct{ into any }

func decoding(into any) decoder { return decoder{into} }

func (d decoder) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	if !utf8.Valid(payload) {
		return nil, errors.New("the event is not UTF-8")
	}
	return nil, json.Unmarshal(payload, d.into)
}
