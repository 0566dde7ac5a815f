package lambdasim_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// What becomes of three records whose invocation is answered like that.
const (
	everything = 3 // all are done with
	nothing    = 0 // all are redelivered
)

// bodies are responses, with B for the identifier of the second record (E2).
var bodies = []struct {
	name    string
	body    string
	unknown lambdasim.Unknown
	done    int // on a queue
	passed  int // on a stream
}{
	{name: "empty", body: ``, done: everything, passed: everything},
	{name: "empty string", body: `""`, done: everything, passed: everything},
	{name: "null", body: `null`, done: everything, passed: everything},
	{name: "empty list", body: `[]`, done: everything, passed: everything},
	{name: "empty object", body: `{}`, done: everything, passed: everything},
	{name: "no failures", body: `{"batchItemFailures":[]}`, done: everything, passed: everything},
	{name: "failures null", body: ` {"batchItemFailures": null} `, done: everything, passed: everything},
	{name: "the second", body: `{"batchItemFailures":[{"itemIdentifier":"B"}]}`, done: 2, passed: 1},
	{name: "the second twice", body: `{"batchItemFailures":[{"itemIdentifier":"B"},{"itemIdentifier":"B"}]}`, done: 2, passed: 1},
	{name: "no identifier", body: `{"batchItemFailures":[{}]}`, done: nothing},
	{name: "element null", body: `{"batchItemFailures":[null]}`, done: nothing},
	{name: "identifier empty", body: `{"batchItemFailures":[{"itemIdentifier":""}]}`, done: nothing},
	{name: "identifier null", body: `{"batchItemFailures":[{"itemIdentifier":null}]}`, done: nothing},
	{name: "identifier a number", body: `{"batchItemFailures":[{"itemIdentifier":7}]}`, done: nothing},
	{name: "identifier misspelt", body: `{"batchItemFailures":[{"ItemIdentifier":"B"}]}`, done: nothing},
	{name: "identifier unknown", body: `{"batchItemFailures":[{"itemIdentifier":"x"}]}`, done: nothing},
	{name: "identifier unknown, passed over", body: `{"batchItemFailures":[{"itemIdentifier":"x"}]}`, unknown: lambdasim.Unknown{IgnoreForeignIdentifiers: true}, done: nothing},
	{name: "unknown beside good", body: `{"batchItemFailures":[{"itemIdentifier":"B"},{"itemIdentifier":"x"}]}`, done: nothing},
	{name: "unknown beside good, passed over", body: `{"batchItemFailures":[{"itemIdentifier":"x"},{"itemIdentifier":"B"}]}`, unknown: lambdasim.Unknown{IgnoreForeignIdentifiers: true}, done: 2, passed: 1},
	{name: "empty beside good, passed over", body: `{"batchItemFailures":[{"itemIdentifier":"B"},{"itemIdentifier":""}]}`, unknown: lambdasim.Unknown{IgnoreForeignIdentifiers: true}, done: nothing},
	{name: "no list", body: `{"batchItemFailures":"B"}`, done: nothing},
	{name: "list of strings", body: `{"batchItemFailures":["B"]}`, done: nothing},
	{name: "key misspelt", body: `{"BatchItemFailures":[{"itemIdentifier":"B"}]}`, done: everything, passed: everything},
	{name: "key misspelt, refused", body: `{"BatchItemFailures":[{"itemIdentifier":"B"}]}`, unknown: lambdasim.Unknown{RefuseForeignBodies: true}, done: nothing},
	{name: "another body", body: `"thank you"`, done: everything, passed: everything},
	{name: "another body, refused", body: `"thank you"`, unknown: lambdasim.Unknown{RefuseForeignBodies: true}, done: nothing},
	{name: "no JSON", body: `thank you`, done: everything, passed: everything},
	{name: "no JSON, refused", body: `thank you`, unknown: lambdasim.Unknown{RefuseForeignBodies: true}, done: nothing},
	{name: "no failures, others refused", body: `null`, unknown: lambdasim.Unknown{RefuseForeignBodies: true}, done: everything, passed: everything},
}

// answerOnce gives the first invocation that answer and all others success.
func answerOnce(body string, err error) *function {
	return &function{answer: func(n int, e event) (string, error) {
		if n > 1 {
			return "", nil
		}
		return strings.ReplaceAll(body, "B", e.ids()[1]), err
	}}
}

// afterFirst counts the records that the first invocation did away with.
func afterFirst(o outcome) (n int) {
	for _, e := range o.of(history.Deleted, history.Checkpointed) {
		if e.Invocation == 1 {
			n++
		}
	}
	return n
}

func TestResponsesMeanWhatTheyMeanToLambda(t *testing.T) {
	for _, c := range bodies {
		t.Run(c.name, func(t *testing.T) {
			s := lambdasim.Simulation{Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}, Unknown: c.unknown}
			s.Source, s.Handler = queueOf("queue", 3), answerOnce(c.body, nil)
			if n := afterFirst(simulate(t, s)); n != c.done {
				t.Errorf("%d messages are deleted, want %d", n, c.done)
			}
			s.Source, s.Handler = kinesisOf(3), answerOnce(c.body, nil)
			if n := afterFirst(simulate(t, s)); n != c.passed {
				t.Errorf("the checkpoint moves by %d records, want %d", n, c.passed)
			}
		})
	}
}

// E1: without ReportBatchItemFailures the body does not count.
func TestWithoutReportingOnlyErrorsCount(t *testing.T) {
	for _, c := range bodies {
		s := lambdasim.Simulation{Source: queueOf("queue", 3), Handler: answerOnce(c.body, nil), Unknown: c.unknown}
		if n := afterFirst(simulate(t, s)); n != everything {
			t.Errorf("%s: %d messages are deleted", c.name, n)
		}
	}
	s := lambdasim.Simulation{Source: queueOf("queue", 3), Handler: answerOnce("", errors.New("no"))}
	o := simulate(t, s)
	if n := afterFirst(o); n != nothing || o.Totals.FunctionErrors != 1 || o.Totals.Deleted != 3 {
		t.Errorf("after an error %d messages are deleted: %v", n, o)
	}
}

func TestAResponseThatIsTooLargeIsAnError(t *testing.T) {
	s := lambdasim.Simulation{Source: queueOf("queue", 3), Handler: answerOnce(fmt.Sprintf("%7000000d", 1), nil)}
	o := simulate(t, s)
	if failed := o.of(history.Failed); len(failed) != 1 || !strings.Contains(failed[0].Detail, "7000000 bytes") || afterFirst(o) != nothing {
		t.Errorf("%v: %v", failed, o)
	}
}
