package emf_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/observe/emf"
)

// A Lambda function ends with lambda.Start(processor), and the line is written to standard output.
func ExampleObserve() {
	var out bytes.Buffer // to show some of it
	charge := func(ctx context.Context, msg events.SQSMessage) error {
		if msg.Body == "bad" {
			return errors.New("no such order")
		}
		return nil
	}
	processor := troupe.SQS(charge, troupe.WithLogger(slog.New(slog.DiscardHandler)), emf.Observe("Orders", emf.WithWriter(&out)))

	_, _ = processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: "good"}, {MessageId: "m2", Body: "bad"},
	}})
	var line struct {
		Source                     string
		Processed, Failed, Retried int
	}
	err := json.Unmarshal(out.Bytes(), &line)
	fmt.Println(line.Source, line.Processed, line.Failed, line.Retried, err)
	// Output: sqs 2 1 0 <nil>
}

// A custom dimension, and metrics per stage in addition to those per stage and source.
func ExampleWithDimensionSets() {
	var out bytes.Buffer
	processor := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil },
		emf.Observe("Orders",
			emf.WithDimension("Stage", "prod"),
			emf.WithDimensionSets([]string{"Stage"}, []string{"Stage", "Source"}),
			emf.WithWriter(&out)))

	_, _ = processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{}})
	fmt.Println(strings.Contains(out.String(), `"Dimensions":[["Stage"],["Stage","Source"]]`))
	// Output: true
}

func ExampleWithDimension() {
	var out bytes.Buffer
	processor := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil },
		emf.Observe("Orders", emf.WithDimension("Stage", "prod"), emf.WithWriter(&out)))

	_, _ = processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{}})
	fmt.Println(strings.Contains(out.String(), `"Stage":"prod"`))
	// Output: true
}

// Each line is written by one call of Write.
func ExampleWithWriter() {
	var out bytes.Buffer
	processor := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil },
		emf.Observe("Orders", emf.WithWriter(&out)))

	for range 3 {
		_, _ = processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{}})
	}
	fmt.Println(strings.Count(out.String(), "\n"))
	// Output: 3
}
