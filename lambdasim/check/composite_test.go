package check_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/lambdasim/check"
)

// The identifiers of Kafka are objects, and nothing else will do for Lambda.
func TestIdentifiersOfKafkaAreObjects(t *testing.T) {
	for identifier, want := range map[string]string{
		`{"partition":"t-0","offset":1}`:           "",
		`"t-0@1"`:                                  "something else than an object",
		`null`:                                     "something else than an object",
		`{"offset":1}`:                             `no text "partition"`,
		`{"partition":null,"offset":1}`:            `no text "partition"`,
		`{"topic-partition":"t-0","offset":1}`:     `no text "partition"`,
		`{"partition":"t-0","offset":"1"}`:         `no integer "offset"`,
		`{"partition":"t-0","offset":1.5}`:         `no integer "offset"`,
		`{"partition":"t-0"}`:                      `no integer "offset"`,
		`{"partition":"t-0","offset":2}`:           `names "t-0@2", which is not the identifier of a record in the batch`,
		`{"partition":"t-0","offset":1,"more":[]}`: "",
	} {
		verdict := judge(t, check.Rules{Order: check.Strict, Reports: true, Composite: true}, fmt.Sprintf(`
			sent r=t-0@1 g=t-0
			received i=1 r=t-0@1 g=t-0 n=1
			invoked i=1 n=1 u=100
			started i=1 r=t-0@1
			ended i=1 r=t-0@1 d=fail
			answered i=1 d=%q
			returned i=1 r=t-0@1
			finished d=stopped`, `{"batchItemFailures":[{"itemIdentifier":`+identifier+`}]}`))
		if (want == "") != verdict.OK() || want != "" && !strings.Contains(verdict.String(), want) {
			t.Errorf("%s: %v", identifier, verdict)
		}
	}
}
