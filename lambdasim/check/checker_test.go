package check_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// judge judges a history written down by hand; instants are the numbers of its lines. What an event before the last
// one leaves open is closed: invocations by a crash, and records by what their response asks for.
func judge(t *testing.T, rules check.Rules, lines string) check.Verdict {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "0 began d=%q\n", rules)
	for i, line := range closed(t, rules, lines) {
		fmt.Fprintf(&text, "%d %s\n", i+1, line)
	}
	verdict, err := check.Judge(strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return verdict
}

// closed returns the lines of a history and what is missing at its end.
func closed(t *testing.T, rules check.Rules, text string) (lines []string) {
	var open []int
	over := make(map[int]history.Event)
	batches := make(map[int][]string)
	var last []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if len(last) > 0 || strings.HasPrefix(line, "finished") {
			last = append(last, line)
			continue
		}
		lines = append(lines, line)
		var e history.Event
		if err := e.UnmarshalText([]byte("0 " + line)); err != nil {
			t.Fatal(err)
		}
		switch i := e.Invocation; e.Kind {
		case history.Received:
			batches[i] = append(batches[i], e.Record)
		case history.Invoked:
			open = append(open, i)
		case history.Answered, history.Failed, history.Crashed, history.TimedOut:
			if slices.Contains(open, i) {
				open = slices.DeleteFunc(open, func(n int) bool { return n == i })
				over[i] = e
			}
		case history.Deleted, history.Checkpointed, history.Returned, history.Stale:
			if at := slices.Index(batches[i], e.Record); at >= 0 && over[i].Kind != 0 {
				batches[i] = slices.Delete(batches[i], at, at+1)
			}
		}
	}
	for _, i := range open {
		lines = append(lines, fmt.Sprintf("crashed i=%d", i))
	}
	for i := range len(batches) {
		for _, r := range batches[i+1] {
			if over[i+1].Kind == 0 && !slices.Contains(open, i+1) {
				continue // it never began
			}
			kind := history.Returned
			if e := over[i+1]; e.Kind == history.Answered && !strings.Contains(e.Detail, `"`+r+`"`) {
				kind = history.Deleted
				if rules.Replays || rules.Pipe {
					kind = history.Checkpointed
				}
			}
			lines = append(lines, fmt.Sprintf("%v i=%d r=%s", kind, i+1, r))
		}
	}
	if len(last) == 0 {
		last = []string{"finished d=stopped"}
	}
	return append(lines, last...)
}

var (
	fifo     = check.Rules{Order: check.Strict, Reports: true}
	stream   = check.Rules{Order: check.Strict, Reports: true, Replays: true}
	standard = check.Rules{Reports: true}
	pipe     = check.Rules{Order: check.Strict, Stops: check.StopsGroup, Reports: true, Pipe: true}
)

func TestHistoriesWithoutFaultPass(t *testing.T) {
	for name, c := range map[string]struct {
		rules check.Rules
		lines string
	}{
		"two groups beside each other": {check.Rules{Order: check.Strict, Reports: true, Overlap: true}, `
			sent r=a1 g=a
			sent r=b1 g=b
			received i=1 r=a1 g=a n=1
			received i=1 r=b1 g=b n=1
			invoked i=1 n=2 u=100
			started i=1 r=a1
			started i=1 r=b1
			ended i=1 r=b1 d=ok
			ended i=1 r=a1 d=ok
			answered i=1 d={"batchItemFailures":[]}
			deleted i=1 r=a1
			deleted i=1 r=b1
			finished d=drained`},
		"a failure that is reported and comes again, and what waits behind it": {fifo, `
			sent r=a1 g=a
			sent r=a2 g=a
			received i=1 r=a1 g=a n=1
			received i=1 r=a2 g=a n=1
			invoked i=1 n=2 u=100
			started i=1 r=a1
			ended i=1 r=a1 d=fail
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":"a1"},{"itemIdentifier":"a2"}]}
			returned i=1 r=a1
			returned i=1 r=a2
			received i=2 r=a1 g=a n=2
			received i=2 r=a2 g=a n=2
			invoked i=2 n=2 u=100
			started i=2 r=a1
			ended i=2 r=a1 d=ok
			started i=2 r=a2
			ended i=2 r=a2 d=ok
			answered i=2 d={}
			deleted i=2 r=a1
			deleted i=2 r=a2
			finished d=drained`},
		"attempts in place": {fifo, `
			sent r=a1 g=a
			sent r=a2 g=a
			received i=1 r=a1 g=a n=1
			received i=1 r=a2 g=a n=1
			invoked i=1 n=2 u=100
			started i=1 r=a1 n=1
			ended i=1 r=a1 d=panic
			started i=1 r=a1 n=2
			ended i=1 r=a1 d=ok
			started i=1 r=a2 n=1
			ended i=1 r=a2 d=ok
			answered i=1 d=null
			deleted i=1 r=a1
			deleted i=1 r=a2
			finished d=drained`},
		"a handler abandoned with its invocation, whose record is handled by the next": {fifo, `
			sent r=a1 g=a
			received i=1 r=a1 g=a n=1
			invoked i=1 n=1 u=100
			started i=1 r=a1
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":"a1"}]}
			returned i=1 r=a1
			received i=2 r=a1 g=a n=2
			invoked i=2 n=1 u=100
			started i=2 r=a1
			ended i=1 r=a1 d=ok
			ended i=2 r=a1 d=ok
			answered i=2
			deleted i=2 r=a1
			finished d=drained`},
		"a handler abandoned in the middle of an invocation": {fifo, `
			sent r=a1 g=a
			received i=1 r=a1 g=a n=1
			invoked i=1 n=1 u=100
			started i=1 r=a1
			ended i=1 r=a1 d=abandoned
			failed i=1 d="all failed"
			returned i=1 r=a1
			dead-lettered r=a1 g=a n=1
			finished d=drained`},
		"a stream that replays what had succeeded": {stream, `
			sent r=1 g=a
			sent r=2 g=b
			sent r=3 g=b
			received i=1 r=1 g=a n=1
			received i=1 r=2 g=b n=1
			received i=1 r=3 g=b n=1
			invoked i=1 n=3 u=100
			started i=1 r=1
			ended i=1 r=1 d=fail
			started i=1 r=2
			ended i=1 r=2 d=ok
			started i=1 r=3
			ended i=1 r=3 d=ok
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":"1"}]}
			returned i=1 r=1
			returned i=1 r=2
			returned i=1 r=3
			received i=2 r=1 g=a n=2
			received i=2 r=2 g=b n=2
			received i=2 r=3 g=b n=2
			invoked i=2 n=3 u=100
			started i=2 r=1
			ended i=2 r=1 d=ok
			started i=2 r=2
			ended i=2 r=2 d=fail
			answered i=2 d={"batchItemFailures":[{"itemIdentifier":"2"}]}
			checkpointed i=2 r=1
			returned i=2 r=2
			returned i=2 r=3
			received i=3 r=2 g=b n=3
			received i=3 r=3 g=b n=3
			invoked i=3 n=2 u=100
			started i=3 r=2
			ended i=3 r=2 d=ok
			started i=3 r=3
			ended i=3 r=3 d=ok
			answered i=3
			checkpointed i=3 r=2
			checkpointed i=3 r=3
			finished d=drained`},
		"records that are accounted for without a success": {fifo, `
			sent r=a1 g=a
			sent r=a2 g=a
			sent r=a3 g=a
			sent r=a4 g=a
			sent r=a5 g=a
			sent r=a6 g=a
			expired r=a1
			expired r=a2
			expired r=a3
			filtered r=a4
			received i=1 r=a5 g=a n=1
			received i=1 r=a6 g=a n=1
			invoked i=1 n=2 u=100
			ended i=1 r=a5 d=dropped
			started i=1 r=a6
			ended i=1 r=a6 d=ok
			answered i=1 d=[]
			deleted i=1 r=a5
			deleted i=1 r=a6
			finished d=drained`},
		"a duplicate, and any order, in a standard queue": {standard, `
			sent r=1
			sent r=2
			received i=1 r=2 n=1
			duplicated r=2
			received i=1 r=1 n=1
			invoked i=1 n=2 u=100
			received i=2 r=2 n=2
			invoked i=2 n=1 u=100
			started i=1 r=2
			started i=2 r=2
			started i=1 r=1
			ended i=2 r=2 d=fail
			ended i=1 r=2 d=ok
			ended i=1 r=1 d=ok
			answered i=1 d=""
			deleted i=1 r=2
			deleted i=1 r=1
			answered i=2 d={"batchItemFailures":[{"itemIdentifier":"2"}]}
			returned i=2 r=2
			expired r=2
			finished d=drained`},
		"overtaking, under a policy that continues": {check.Rules{Order: check.Starts, Reports: true}, `
			sent r=a1 g=a
			sent r=a2 g=a
			received i=1 r=a1 g=a n=1
			received i=1 r=a2 g=a n=1
			invoked i=1 n=2 u=100
			started i=1 r=a1
			ended i=1 r=a1 d=fail
			started i=1 r=a2
			ended i=1 r=a2 d=ok
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":"a1"}]}
			returned i=1 r=a1
			deleted i=1 r=a2
			received i=2 r=a1 g=a n=2
			invoked i=2 n=1 u=100
			started i=2 r=a1
			ended i=2 r=a1 d=ok
			answered i=2
			deleted i=2 r=a1
			finished d=drained`},
		"a response that does not count": {check.Rules{}, `
			sent r=1
			received i=1 r=1 n=1
			invoked i=1 n=1 u=100
			started i=1 r=1
			ended i=1 r=1 d=ok
			answered i=1 d="thank you"
			deleted i=1 r=1
			finished d=drained`},
		"a run that was cut short": {fifo, `
			sent r=a1 g=a
			finished d=stopped`},
	} {
		t.Run(name, func(t *testing.T) {
			if v := judge(t, c.rules, c.lines); !v.OK() {
				t.Error(v)
			}
		})
	}
}

// opening is a batch of two records of a group and one of another.
const opening = `
	sent r=a1 g=a
	sent r=a2 g=a
	sent r=b1 g=b
	received i=1 r=a1 g=a n=1
	received i=1 r=a2 g=a n=1
	received i=1 r=b1 g=b n=1
	invoked i=1 n=3 u=100
`

// single is a batch of one record.
const single = `
	sent r=a1 g=a
	received i=1 r=a1 g=a n=1
	invoked i=1 n=1 u=100
`

// again is the second delivery of that record, whose work is done.
const again = `
	returned i=1 r=a1
	received i=2 r=a1 g=a n=2
	invoked i=2 n=1 u=200
	started i=2 r=a1 d=key
	worked i=2 r=a1 d=key
`

// allHandled is how the batch of three goes well.
const allHandled = `
	started i=1 r=a1
	ended i=1 r=a1 d=ok
	started i=1 r=a2
	ended i=1 r=a2 d=ok
	started i=1 r=b1
	ended i=1 r=b1 d=ok
`

func TestEveryViolationIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		rules check.Rules
		lines string
		kind  check.Kind
		words []string
	}{
		"deleted after a failure": {fifo, single + `
			started i=1 r=a1
			ended i=1 r=a1 d=fail
			answered i=1
			deleted i=1 r=a1`, check.Lost, []string{"record a1", `group "a"`, "the queue deleted it after invocation 1", "ended with fail"}},
		"deleted and never handled": {standard, opening + `
			started i=1 r=b1
			ended i=1 r=b1 d=ok
			started i=1 r=a1
			ended i=1 r=a1 d=ok
			answered i=1
			deleted i=1 r=a2`, check.Lost, []string{"record a2", "had not been handled"}},
		"deleted after a failure, although an earlier delivery had succeeded": {standard, single + `
			started i=1 r=a1
			ended i=1 r=a1 d=ok
			crashed i=1
			returned i=1 r=a1
			received i=2 r=a1 n=2
			invoked i=2 n=1 u=100
			started i=2 r=a1
			ended i=2 r=a1 d=fail
			answered i=2`, check.Lost, []string{"record a1", "after invocation 2, in which it had a handler that ended with fail"}},
		"not reported, and kept by another delivery only": {standard, single + `
			received i=2 r=a1 n=2
			invoked i=2 n=1 u=100
			started i=2 r=a1
			ended i=2 r=a1 d=ok
			started i=1 r=a1
			ended i=1 r=a1 d=fail
			answered i=1
			stale i=1 r=a1
			answered i=2`, check.Lost, []string{"record a1", "not reported", "ended with fail"}},
		"passed by the checkpoint while its handler ran": {stream, single + `
			started i=1 r=a1
			answered i=1
			checkpointed i=1 r=a1`, check.Lost, []string{"record a1", "the checkpoint moved past it", "never came to an end"}},
		"deleted on the strength of a success that came after the end": {standard, single + `
			started i=1 r=a1
			answered i=1
			ended i=1 r=a1 d=ok
			deleted i=1 r=a1`, check.Lost, []string{"record a1"}},
		"never heard of again": {standard, opening + allHandled + `
			answered i=1
			sent r=d1
			finished d=drained`, check.Lost, []string{"record d1", "nothing is known of what became of it"}},
		"one of two copies that nobody handled": {standard, single + `
			duplicated r=a1
			received i=2 r=a1 n=2
			invoked i=2 n=1 u=100
			started i=2 r=a1
			ended i=2 r=a1 d=ok
			answered i=1
			answered i=2`, check.Lost, []string{"record a1", "after invocation 1"}},
		"a group in parallel": {fifo, opening + `
			started i=1 r=a1
			started i=1 r=a2`, check.Overlapped, []string{`group "a"`, "record a2 of invocation 1", "a1 of invocation 1"}},
		"a group in two invocations at once": {fifo, opening + `
			started i=1 r=a1
			received i=2 r=a2 g=a n=2
			invoked i=2 n=1 u=100
			started i=2 r=a2`, check.Overlapped, []string{"record a2 of invocation 2", "a1 of invocation 1"}},
		"a group out of order within a batch": {fifo, opening + `
			started i=1 r=a2
			ended i=1 r=a2 d=fail
			started i=1 r=a1`, check.Disordered, []string{"record a1", "was started after a2"}},
		"a group out of order even where failures may be overtaken": {check.Rules{Order: check.Starts}, opening + `
			started i=1 r=a2
			ended i=1 r=a2 d=ok
			started i=1 r=a1`, check.Disordered, []string{"record a1", "was started after a2"}},
		"a failure overtaken": {fifo, opening + `
			started i=1 r=a1
			ended i=1 r=a1 d=fail
			started i=1 r=a2
			ended i=1 r=a2 d=ok`, check.Disordered, []string{"record a2", "after a1", "ended with fail"}},
		"a record that was skipped overtaken by the next invocation": {fifo, opening + `
			crashed i=1
			returned i=1 r=a1
			returned i=1 r=a2
			returned i=1 r=b1
			received i=2 r=a2 g=a n=2
			invoked i=2 n=1 u=100
			started i=2 r=a2
			ended i=2 r=a2 d=ok`, check.Disordered, []string{"record a2", "in invocation 2", "before a1", "had not been handled"}},
		"the identifier of another kind": {fifo, opening + allHandled + `
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":"shardId-0:a1"}]}`, check.BadResponse, []string{"invocation 1", `"shardId-0:a1"`, "not the identifier of a record in the batch"}},
		"an empty identifier": {fifo, opening + allHandled + `
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":""}]}`, check.BadResponse, []string{"empty", "whole batch as failed"}},
		"an identifier that is null": {fifo, opening + allHandled + `
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":null}]}`, check.BadResponse, []string{"empty"}},
		"an identifier that is a number": {fifo, opening + allHandled + `
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":5}]}`, check.BadResponse, []string{"else than a string"}},
		"an identifier under another key": {fifo, opening + allHandled + `
			answered i=1 d={"batchItemFailures":[{"ItemIdentifier":"a1"}]}`, check.BadResponse, []string{`no key "itemIdentifier"`}},
		"an element that is a string": {fifo, opening + allHandled + `
			answered i=1 d={"batchItemFailures":["a1"]}`, check.BadResponse, []string{"element 0", "not an object"}},
		"a list that is none": {fifo, opening + allHandled + `
			answered i=1 d={"batchItemFailures":"a1"}`, check.BadResponse, []string{"not an array"}},
		"the key misspelt": {fifo, opening + allHandled + `
			answered i=1 d={"BatchItemFailures":[{"itemIdentifier":"a1"}]}`, check.BadResponse, []string{`"BatchItemFailures" is misspelt`, "success"}},
		"another body": {fifo, opening + allHandled + `
			answered i=1 d={"ok":true}`, check.BadResponse, []string{"no key", "success"}},
		"no JSON": {fifo, opening + allHandled + `
			answered i=1 d=done`, check.BadResponse, []string{"not a JSON object"}},
		"no answer in time": {fifo, strings.ReplaceAll(opening, "u=100", "u=8") + `
			timed-out i=1`, check.Late, []string{"invocation 1", "deadline"}},
		"an answer after the deadline": {check.Rules{}, strings.ReplaceAll(opening, "u=100", "u=8") + allHandled + `
			answered i=1`, check.Late, []string{"invocation 1", "6µs after its deadline"}},
		"a handler after the end of its invocation": {fifo, opening + `
			crashed i=1
			started i=1 r=a1`, check.Stray, []string{"record a1", "invocation 1", "over"}},
		"a handler on a record of another batch": {fifo, opening + `
			sent r=c1 g=c
			started i=1 r=c1`, check.Stray, []string{"record c1", "not in the batch of invocation 1"}},
		"groups one after the other": {check.Rules{Order: check.Strict, Overlap: true}, opening + allHandled + `
			answered i=1
			finished d=stopped`, check.NeverBeside, []string{"no two groups"}},
		"records one after the other": {check.Rules{Overlap: true}, opening + allHandled + `
			answered i=1
			finished d=stopped`, check.NeverBeside, []string{"no two records"}},
		"handled twice in a delivery": {fifo, single + `
			started i=1 r=a1 n=1
			ended i=1 r=a1 n=1 d=ok
			started i=1 r=a1 n=2
			ended i=1 r=a1 n=2 d=ok
			answered i=1`, check.Repeated, []string{"record a1", "again in invocation 1"}},
		"handled twice at once": {standard, single + `
			started i=1 r=a1 n=1
			started i=1 r=a1 n=2
			ended i=1 r=a1 n=1 d=fail`, check.Repeated, []string{"record a1", "while another one was handling it"}},
		"tried too often": {check.Rules{Attempts: 2}, single + `
			started i=1 r=a1
			ended i=1 r=a1 d=fail
			started i=1 r=a1
			ended i=1 r=a1 d=fail
			started i=1 r=a1
			ended i=1 r=a1 d=ok
			answered i=1`, check.Repeated, []string{"record a1", "handled 3 times in invocation 1", "allowed are 2"}},
		"the payload of another record": {fifo, strings.Replace(single, "g=a", "g=a p=00", 1) + `
			started i=1 r=a1 p=01`, check.Garbled, []string{"record a1", "another payload"}},
		"no payload where one has to be shown": {check.Rules{Payloads: true}, strings.Replace(single, "g=a", "g=a p=00", 1) + `
			started i=1 r=a1`, check.Garbled, []string{"record a1", "does not show the payload"}},
		"a success reported": {standard, single + `
			started i=1 r=a1
			ended i=1 r=a1 d=ok
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":"a1"}]}`, check.OverReported, []string{"record a1", "handled successfully"}},
		"a success reported before a failure of its group": {fifo, opening + `
			started i=1 r=a1
			ended i=1 r=a1 d=ok
			started i=1 r=a2
			ended i=1 r=a2 d=fail
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":"a1"},{"itemIdentifier":"a2"},{"itemIdentifier":"b1"}]}`, check.OverReported, []string{"record a1"}},
		"another group reported, where a failure stops its own": {check.Rules{Order: check.Strict, Reports: true, Stops: check.StopsGroup}, opening + `
			started i=1 r=a1
			ended i=1 r=a1 d=fail
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":"a1"},{"itemIdentifier":"a2"},{"itemIdentifier":"b1"}]}`, check.OverReported, []string{"record b1", "had not started a handler on it"}},
		"the rest of the batch reported, where a failure stops nothing": {standard, opening + `
			started i=1 r=a1
			ended i=1 r=a1 d=ok
			started i=1 r=a2
			ended i=1 r=a2 d=fail
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":"a2"},{"itemIdentifier":"b1"}]}`, check.OverReported, []string{"record b1", "had no failure that keeps it"}},
		"an error and no failure": {standard, single + `
			started i=1 r=a1
			ended i=1 r=a1 d=ok
			failed i=1 d=no`, check.OverReported, []string{"invocation 1 returned a function error", "no handler in it had failed"}},
		"an error although a record succeeded": {check.Rules{Errors: check.ErrorsAll}, opening + `
			started i=1 r=a1
			ended i=1 r=a1 d=ok
			started i=1 r=a2
			ended i=1 r=a2 d=fail
			failed i=1 d=no`, check.OverReported, []string{"although records in it had been handled successfully"}},
		"an error of a processor that promises none": {check.Rules{Errors: check.ErrorsNever}, single + `
			started i=1 r=a1
			ended i=1 r=a1 d=fail
			failed i=1 d=no`, check.OverReported, []string{"promises none"}},
		"a pipe that delivers again what was not reported": {pipe, single + `
			started i=1 r=a1
			ended i=1 r=a1 d=ok
			answered i=1
			returned i=1 r=a1`, check.Incoherent, []string{"returns a record that the invocation did not report"}},
		"a pipe that lets go of what was reported": {pipe, single + `
			started i=1 r=a1
			ended i=1 r=a1 d=late
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":"a1"}]}
			checkpointed i=1 r=a1`, check.Incoherent, []string{"lets go of a record that the invocation reported"}},
		"a group's rest that is not reported to a pipe": {pipe, opening + `
			started i=1 r=a1
			ended i=1 r=a1 d=fail
			started i=1 r=b1
			ended i=1 r=b1 d=ok
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":"a1"}]}
			returned i=1 r=a1
			checkpointed i=1 r=a2`, check.Lost, []string{"record a2", "the checkpoint moved past it after invocation 1", "had not been handled"}},
		"an error after the deadline": {standard, strings.ReplaceAll(single, "u=100", "u=5") + `
			started i=1 r=a1
			ended i=1 r=a1 d=fail
			failed i=1 d=no`, check.Late, []string{"invocation 1 was failed 1µs after its deadline"}},
		"a success without its work": {standard, single + `
			started i=1 r=a1 d=key
			ended i=1 r=a1 d=ok
			answered i=1`, check.Undone, []string{"record a1", `the key "key" was never done`}},
		"work done again without a cause": {standard, single + `
			started i=1 r=a1 n=1 d=key
			worked i=1 r=a1 d=key
			ended i=1 r=a1 n=1 d=fail
			started i=1 r=a1 n=2 d=key
			worked i=1 r=a1 d=key
			ended i=1 r=a1 n=2 d=ok
			answered i=1`, check.Redone, []string{`the key "key" was done 2 times`, "explain 0 more than one"}},
		"work done again after a crash that came when it had been recorded": {standard, single + `
			started i=1 r=a1 d=key
			worked i=1 r=a1 d=key
			ended i=1 r=a1 d=ok
			crashed i=1` + again + `
			ended i=2 r=a1 d=ok
			answered i=2`, check.Redone, []string{`the key "key" was done 2 times`, "explain 0 more than one"}},
		"work done again, with a lost lease of what the end of its invocation excuses": {standard, single + `
			started i=1 r=a1 d=key
			worked i=1 r=a1 d=key
			answered i=1 d={"batchItemFailures":[{"itemIdentifier":"a1"}]}
			lease-lost i=1 d=key` + again + `
			ended i=2 r=a1 d=fail
			answered i=2 d={"batchItemFailures":[{"itemIdentifier":"a1"}]}` + strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(again, "i=2", "i=3"), "i=1", "i=2"), "n=2", "n=3") + `
			ended i=3 r=a1 d=ok
			answered i=3`, check.Redone, []string{`the key "key" was done 3 times`, "explain 1 more than one"}},
		"work done twice by a handler": {standard, single + `
			started i=1 r=a1 n=1 d=key
			worked i=1 r=a1 d=key
			worked i=1 r=a1 d=key
			lease-lost i=1 d=key
			ended i=1 r=a1 n=1 d=ok
			answered i=1`, check.Redone, []string{"twice by one handler of record a1"}},
		"other work than the handler's": {standard, single + `
			started i=1 r=a1 d=key
			worked i=1 r=a1 d=key
			ended i=1 r=a1 d=fail
			lapsed d=other`, check.Incoherent, []string{"work that was not done"}},
		"no handler in sight": {fifo, opening + `
			answered i=1
			deleted i=1 r=a1
			deleted i=1 r=a2
			deleted i=1 r=b1
			finished d=drained`, check.Unobserved, []string{"3 times", "lambdasim.Watch"}},
		"a record sent twice":                 {fifo, "sent r=a1\nsent r=a1", check.Incoherent, []string{"there already"}},
		"a delivery of what was never sent":   {fifo, "received i=1 r=a1 n=1", check.Incoherent, []string{"never sent"}},
		"a delivery of what had been deleted": {fifo, opening + allHandled + "answered i=1\ndeleted i=1 r=a1\nreceived i=2 r=a1 n=2", check.Incoherent, []string{"accounted for already"}},
		"an invocation that ends twice":       {fifo, opening + "crashed i=1\ncrashed i=1", check.Incoherent, []string{"over"}},
		"a handler that ends twice": {standard, single + `
			started i=1 r=a1
			ended i=1 r=a1 d=fail
			ended i=1 r=a1 d=ok`, check.Incoherent, []string{"had ended"}},
		"something after the end of the history":  {fifo, "finished d=drained\nsent r=a1", check.Incoherent, []string{"after the end"}},
		"rules in the middle":                     {fifo, "sent r=a1\nbegan d=order=none", check.Incoherent, []string{"not the first one"}},
		"a duplicate of what was never there":     {fifo, `duplicated r=a1`, check.Incoherent, []string{"never sent"}},
		"a return of what was never there at all": {fifo, `returned i=1 r=a1`, check.Incoherent, []string{"never was"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(t, c.rules, c.lines)
			if v.Count != 1 || v.Violations[0].Kind != c.kind {
				t.Fatalf("not one violation of the kind %q: %v", c.kind, v)
			}
			for _, words := range c.words {
				if !strings.Contains(v.Violations[0].Text, words) {
					t.Errorf("%q does not say %s", v.Violations[0].Text, words)
				}
			}
			if v.OK() || v.Err() == nil || !strings.HasPrefix(v.Err().Error(), "FAIL, 1 violations: ") {
				t.Errorf("the verdict does not tell of it: %v", v.Err())
			}
		})
	}
}

// A history that leaves something out is no proof of anything.
func TestHistoriesHaveToBeComplete(t *testing.T) {
	whole := "0 began d=order=none\n1 sent r=a\n2 received i=1 r=a n=1\n3 invoked i=1 n=1 u=99\n4 started i=1 r=a n=1\n5 ended i=1 r=a n=1 d=ok\n" +
		"6 answered i=1\n7 deleted i=1 r=a\n8 finished d=drained\n"
	lines := slices.Collect(strings.Lines(whole))
	judged := func(lines []string) check.Verdict {
		v, err := check.Judge(strings.NewReader(strings.Join(lines, "")))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := judged(lines); !v.OK() {
		t.Error(v)
	}
	for n := range lines {
		if v := judged(lines[:n]); v.Kinds[check.Incomplete] == 0 {
			t.Errorf("the first %d lines: %v", n, v)
		}
		if v := judged(lines[n+1:]); v.Kinds[check.Incomplete] == 0 {
			t.Errorf("without the first %d lines: %v", n+1, v)
		}
	}
	if v := judged(append(slices.Clone(lines[:6]), "8 finished d=stopped\n")); v.Kinds[check.Incomplete] != 1 || !strings.Contains(v.String(), "invocation 1 never ended") {
		t.Errorf("without a response: %v", v)
	}
	if v := judged(append(slices.Clone(lines[:3]), "8 finished d=stopped\n")); !v.OK() {
		t.Errorf("stopped with a batch that was not sent off: %v", v)
	}
	if v := judged(append(slices.Clone(lines[:3]), "8 finished d=drained\n")); v.Kinds[check.Incomplete] != 1 {
		t.Errorf("drained with a batch that was not sent off: %v", v)
	}
	moved := slices.Clone(lines)
	moved[7] = "7 dead-lettered r=a n=1\n"
	if v := judged(moved); v.Count != 1 || v.Kinds[check.Incomplete] != 1 || !strings.Contains(v.String(), "record a of group \"\" after invocation 1") {
		t.Errorf("dead-lettered in place of deleted: %v", v)
	}
	backwards := slices.Clone(lines)
	backwards[4] = "1 started i=1 r=a n=1\n"
	if v := judged(backwards); v.Count != 1 || !strings.Contains(v.String(), "happened before it") {
		t.Errorf("backwards: %v", v)
	}
}

func TestAVerdictListsTheFirstOfEachKindAndCountsAll(t *testing.T) {
	c := check.New(check.Rules{})
	for i := range 100 {
		c.Record(history.Event{Kind: history.TimedOut, Invocation: i + 1})
	}
	for i := range 12 {
		c.Record(history.Event{Kind: history.Invoked, Invocation: i + 1, Until: time.Duration(i + 1), At: time.Duration(i)})
		c.Record(history.Event{Kind: history.TimedOut, Invocation: i + 1, At: time.Duration(i + 1)})
	}
	c.Record(history.Event{Kind: history.Finished, Detail: history.Drained, At: 100})
	v := c.Verdict()
	if len(v.Violations) != 20 || v.Count != 112 || v.Kinds[check.Incoherent] != 100 || v.Kinds[check.Late] != 12 || !strings.HasSuffix(v.String(), "and 92 more") {
		t.Errorf("%d listed, %d counted: %v", len(v.Violations), v.Count, v)
	}
}

func TestRulesComeBackAsTheyWere(t *testing.T) {
	for _, order := range []check.Order{check.NoOrder, check.Starts, check.Strict} {
		for _, reports := range []bool{false, true} {
			rules := check.Rules{
				Order: order, Reports: reports, Overlap: !reports, Stops: check.Stop(order) + 1, Errors: check.Errors(order), Attempts: int(order),
				Unhandled: reports, Payloads: !reports, Replays: reports, Pipe: !reports, Windows: reports, Composite: !reports,
			}
			if read, err := check.ParseRules(rules.String()); err != nil || read != rules {
				t.Errorf("%v is read as %v, %v", rules, read, err)
			}
		}
	}
}

// A history of any length takes the memory of the records that are live (E9).
func TestMemoryDoesNotGrowWithTheHistory(t *testing.T) {
	c := check.New(fifo)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	number := 0
	round := func(rounds int) {
		for range rounds {
			number++
			id, group := fmt.Sprint("record-", number), fmt.Sprint("group-", number)
			at := time.Duration(number) * time.Second
			for _, e := range []history.Event{
				{Kind: history.Sent, Record: id, Group: group},
				{Kind: history.Received, Invocation: number, Record: id, Group: group, Number: 1},
				{Kind: history.Invoked, Invocation: number, Number: 1, Until: at + time.Second},
				{Kind: history.Started, Invocation: number, Record: id},
				{Kind: history.Ended, Invocation: number, Record: id, Detail: history.OK},
				{Kind: history.Answered, Invocation: number, Detail: `{"batchItemFailures":[]}`},
				{Kind: history.Deleted, Invocation: number, Record: id},
			} {
				e.At = at
				c.Record(e)
			}
		}
	}
	round(10_000)
	before := heap()
	round(200_000)
	if after := heap(); after > before+64<<10 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	c.Record(history.Event{At: time.Duration(number) * time.Second, Kind: history.Finished, Detail: history.Drained})
	if v := c.Verdict(); !v.OK() || v.Totals.Succeeded != 210_000 {
		t.Error(v)
	}
	runtime.KeepAlive(c)
}
