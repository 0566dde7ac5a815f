package lambdasim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim"
)

func filters(patterns ...string) lambdasim.Mapping {
	var list []lambdasim.Filter
	for _, p := range patterns {
		list = append(list, lambdasim.Filter{Pattern: p})
	}
	return lambdasim.Mapping{FilterCriteria: lambdasim.FilterCriteria{Filters: list}}
}

func TestFiltersLetThroughWhatMatches(t *testing.T) {
	bodies := []string{
		`{"kind":"order","total":5,"tags":["a","b"],"address":{"city":"Ulm"}}`,
		`{"kind":"offer","total":50}`,
		`{"kind":null}`,
		`no JSON`,
	}
	for _, c := range []struct {
		patterns []string
		passes   string // the indexes of the bodies
	}{
		{nil, "0123"},
		{[]string{`{}`}, "0123"},
		{[]string{`{"body":{"kind":["order"]}}`}, "0"},
		{[]string{`{"body":{"kind":["order","offer"]}}`}, "01"},
		{[]string{`{"body":{"kind":["order"]}}`, `{"body":{"total":[50]}}`}, "01"},
		{[]string{`{"body":{"kind":["order"],"total":[50]}}`}, ""},
		{[]string{`{"body":{"kind":[null]}}`}, "2"},
		{[]string{`{"body":{"kind":[{"prefix":"o"}]}}`}, "01"},
		{[]string{`{"body":{"kind":[{"suffix":"er"}]}}`}, "01"},
		{[]string{`{"body":{"kind":[{"equals-ignore-case":"ORDER"}]}}`}, "0"},
		{[]string{`{"body":{"kind":[{"anything-but":"order"}]}}`}, "12"},
		{[]string{`{"body":{"kind":[{"anything-but":["order","offer"]}]}}`}, "2"},
		{[]string{`{"body":{"total":[{"exists":false}]}}`}, "23"},
		{[]string{`{"body":{"total":[{"exists":true}]}}`}, "01"},
		{[]string{`{"body":{"total":[{"numeric":[">",4,"<=",5]}]}}`}, "0"},
		{[]string{`{"body":{"total":[{"numeric":[">=",5]}]}}`}, "01"},
		{[]string{`{"body":{"total":[{"numeric":["<",50]}]}}`, `{"body":{"total":[{"numeric":["=",50]}]}}`}, "01"},
		{[]string{`{"body":{"tags":["b"]}}`}, "0"},
		{[]string{`{"body":{"address":{"city":["Ulm"]}}}`}, "0"},
		{[]string{`{"body":{"address":["Ulm"]}}`}, ""},
		{[]string{`{"body":["no JSON"]}`}, "3"},
		{[]string{`{"eventSource":["aws:sqs"]}`}, "0123"},
		{[]string{`{"eventSource":["aws:kinesis"]}`}, ""},
	} {
		queue := &lambdasim.Queue{}
		for _, body := range bodies {
			queue.Send(lambdasim.Message{Body: body})
		}
		f := &function{}
		o := simulate(t, lambdasim.Simulation{Source: queue, Handler: f, Mapping: filters(c.patterns...)})
		passes := ""
		for i, body := range bodies {
			for _, e := range f.events {
				for _, r := range e.Records {
					if r.Body == body {
						passes += fmt.Sprint(i)
					}
				}
			}
		}
		if passes != c.passes || o.Totals.Filtered != len(bodies)-len(c.passes) || !o.OK() {
			t.Errorf("%v lets %q through, want %q: %v", c.patterns, passes, c.passes, o)
		}
	}
}

func TestFiltersLookIntoStreamRecords(t *testing.T) {
	stream := &lambdasim.KinesisStream{}
	table := &lambdasim.DynamoDBStream{}
	for _, kind := range []string{"order", "offer"} {
		stream.Put(lambdasim.KinesisRecord{PartitionKey: kind, Data: fmt.Appendf(nil, `{"kind":%q}`, kind)})
		table.Put(lambdasim.Change{Name: "INSERT", Keys: map[string]events.DynamoDBAttributeValue{"kind": events.NewStringAttribute(kind)}})
	}
	text := &lambdasim.KinesisStream{}
	text.Put(lambdasim.KinesisRecord{PartitionKey: "k", Data: []byte("plain")})
	text.Put(lambdasim.KinesisRecord{PartitionKey: "k", Data: []byte("other")})
	for name, s := range map[string]lambdasim.Simulation{
		"kinesis":  {Source: stream, Mapping: filters(`{"data":{"kind":["offer"]}}`)},
		"text":     {Source: text, Mapping: filters(`{"data":["plain"],"partitionKey":[{"exists":false}]}`)},
		"dynamodb": {Source: table, Mapping: filters(`{"eventName":["INSERT"],"dynamodb":{"Keys":{"kind":{"S":["offer"]}}}}`)},
	} {
		f := &function{}
		s.Handler = f
		o := simulate(t, s)
		if len(f.events) != 1 || len(f.events[0].Records) != 1 || o.Totals.Filtered != 1 || !o.OK() {
			t.Errorf("%s: %+v: %v", name, f.events, o)
		}
	}
}

func TestFiltersThatAreNotUnderstoodAreRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		`[]`:                                   "not a JSON object",
		`{"body":"x"}`:                         "must be a list of values or an object",
		`{"body":[{"cidr":"10.0.0.0/8"}]}`:     `operator "cidr" is not simulated`,
		`{"body":[{"prefix":1}]}`:              `"prefix" needs a string`,
		`{"body":[{"exists":"yes"}]}`:          `"exists" needs true or false`,
		`{"body":[{"numeric":[">"]}]}`:         "needs pairs",
		`{"body":[{"numeric":["<>",1]}]}`:      `does not know "<>"`,
		`{"body":[{"numeric":[">","1"]}]}`:     "needs a number",
		`{"body":[{"anything-but":{}}]}`:       "strings and numbers only",
		`{"body":[{"prefix":"a","exists":1}]}`: "has one name, this has 2",
	} {
		s := lambdasim.Simulation{Source: queueOf("queue", 1), Handler: &function{}, Mapping: filters(pattern)}
		if _, err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v does not say %q", pattern, err, want)
		}
	}
	s := lambdasim.Simulation{Source: queueOf("queue", 1), Handler: &function{}, Mapping: filters(strings.Split(strings.Repeat("{}|", 10)+"{}", "|")...)}
	if _, err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "11 filters; must be at most 10") {
		t.Error(err)
	}
}
