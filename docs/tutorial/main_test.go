package main

import (
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

func TestOnlyTheBadOrderIsReported(t *testing.T) {
	response, err := newProcessor().Process(t.Context(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: `{"id": "o1", "amount": 5}`},
		{MessageId: "m2", Body: `{"id": "o2", "amount": 0}`},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if f := response.BatchItemFailures; len(f) != 1 || f[0].ItemIdentifier != "m2" {
		t.Errorf("reported %v, want m2 alone", f)
	}
}
