package s3batch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/s3batch"
	"github.com/troupe-go/troupe/typed"
)

// resize stands for work on an object. Its text appears in the completion report.
func resize(ctx context.Context, task s3batch.Task) (string, error) {
	if task.Key == "notes.txt" {
		return "", troupe.Permanent(errors.New("not an image"))
	}
	return fmt.Sprintf("%s in %s: resized to %s", task.Key, task.Bucket, task.Job.UserArguments["width"]), nil
}

// The key of a task is decoded. A Lambda function calls lambda.Start(s3batch.New(troupe.Returning(resize))).
func Example() {
	processor := s3batch.New(troupe.Returning(resize), troupe.WithLogger(slog.New(slog.DiscardHandler)))
	for _, key := range []string{"photos%2Fmy+dog.jpg", "notes.txt"} {
		response, err := processor.Invoke(context.Background(), fmt.Appendf(nil, `{
			"invocationSchemaVersion": "2.0", "invocationId": "YXNkbGZq", "job": {"id": "f3cc4f60", "userArguments": {"width": "200"}},
			"tasks": [{"taskId": "dGFza2lk", "s3Key": %q, "s3VersionId": null, "s3Bucket": "amzn-s3-demo-bucket"}]
		}`, key))
		fmt.Println(string(response), err)
	}
	// Output:
	// {"invocationSchemaVersion":"2.0","treatMissingKeysAs":"TemporaryFailure","invocationId":"YXNkbGZq","results":[{"taskId":"dGFza2lk","resultCode":"Succeeded","resultString":"photos/my dog.jpg in amzn-s3-demo-bucket: resized to 200"}]} <nil>
	// {"invocationSchemaVersion":"2.0","treatMissingKeysAs":"TemporaryFailure","invocationId":"YXNkbGZq","results":[{"taskId":"dGFza2lk","resultCode":"PermanentFailure","resultString":"not an image"}]} <nil>
}

// rename is what a manifest has in place of a key, as JSON.
type rename struct{ From, To string }

// A manifest may have JSON in place of keys, with information for each task.
func ExampleNew() {
	processor := s3batch.New(typed.Payload[s3batch.Task]("s3Key", func(ctx context.Context, r rename) error {
		fmt.Println("copy", r.From, "to", r.To)
		return nil
	}))
	response, err := processor.Process(context.Background(), s3batch.Event{
		InvocationSchemaVersion: "1.0", InvocationID: "YXNkbGZq",
		Tasks: []s3batch.EventTask{{TaskID: "dGFza2lk", S3Key: "%7B%22From%22%3A%22a%22%2C%22To%22%3A%22b%22%7D"}},
	})
	fmt.Println(response.Results, err)
	// Output:
	// copy a to b
	// [{dGFza2lk Succeeded }] <nil>
}

// Source and Answer are for processors whose options are not known in advance: New panics for a wrong one.
func ExampleAnswer() {
	handler := func(ctx context.Context, task s3batch.Task) error { return nil }
	_, err := troupe.NewProcessor(s3batch.Source{}, s3batch.Answer(), handler, troupe.WithConcurrency(0))
	fmt.Println(err)
	// Output: troupe: WithConcurrency(0): must be at least 1
}
