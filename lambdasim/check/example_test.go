package check_test

import (
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// Judge checks a recorded history, such as one that Simulation.History wrote.
func ExampleJudge() {
	verdict, err := check.Judge(strings.NewReader(`0 began d="order=strict reports"
1 sent r=m1 g=ann
2 received i=1 r=m1 g=ann n=1
3 invoked i=1 n=1 u=3000000
4 started i=1 r=m1 n=1
5 ended i=1 r=m1 n=1 d=fail
6 answered i=1 d={"batchItemFailures":[]}
7 deleted i=1 r=m1
8 finished d=drained
`))
	fmt.Println(verdict.Violations[0].Kind, verdict.Violations[0].Record, err)
	// Output: lost m1 <nil>
}

// A custom checker applies custom rules while events happen.
func ExampleNew() {
	checker := check.New(check.Rules{Order: check.Starts})
	for _, e := range []history.Event{
		{Kind: history.Sent, Record: "m1", Group: "ann"},
		{Kind: history.Finished, Detail: history.Stopped},
	} {
		checker.Record(e)
	}
	verdict := checker.Verdict()
	fmt.Println(verdict.OK(), verdict.Totals.Remaining, "left")
	// Output: true 1 left
}

func ExampleParseRules() {
	rules, err := check.ParseRules(check.Rules{Order: check.Strict, Reports: true}.String())
	fmt.Println(rules.Order, rules.Reports, rules.Overlap, err)
	// Output: strict true false <nil>
}
