package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
)

func TestWhatIsNotValidFailsWithoutACall(t *testing.T) {
	var emails []string
	processor := troupe.SQS(handler(func(ctx context.Context, r registration) error {
		emails = append(emails, r.Email)
		return register(ctx, r)
	}), troupe.WithConcurrency(1))

	var event events.SQSEvent
	bodies := []string{
		`{"email":"ann@example.com","country":"NL","age":40}`,
		`{"email":"s3cr3t","country":"NL","age":40}`,
		`{"email":"bob@example.com","country":"s3","age":40}`,
		`{"email":"eve@example.com","country":"NL","age":17}`,
		`{"email":"eve@example.com"`,
		`{"email":"eve@example.com","age":"s3cr3t"}`,
	}
	for i, body := range bodies {
		event.Records = append(event.Records, events.SQSMessage{MessageId: string(rune('a' + i)), Body: body})
	}
	response, report, err := processor.ProcessReport(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}

	if !slices.Equal(emails, []string{"ann@example.com"}) {
		t.Error("registered:", emails)
	}
	if n := len(response.BatchItemFailures); n != 5 {
		t.Error("failures:", n)
	}
	for i, want := range []string{
		"body.registration.Email: does not satisfy email",
		"body.registration.Country: does not satisfy iso3166_1_alpha2",
		"body.registration.Age: does not satisfy gte",
		"body: JSON is cut short",
		"body.age: string where int was expected",
	} {
		err := report.Records[i+1].Err
		if !errors.Is(err, troupe.ErrUndecodable) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Error(err)
		}
	}
}
