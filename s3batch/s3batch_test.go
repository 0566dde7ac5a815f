package s3batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

const (
	sample1 = "../testdata/events/s3batch-1.0.json"
	sample2 = "../testdata/events/s3batch-2.0.json"
)

var quiet = troupe.WithLogger(slog.New(slog.DiscardHandler))

var errHandler = errors.New("the handler failed")

func sampleOf(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}

// reported is what S3 writes to the completion report. The error says why S3 would take the response for none: the rules
// are those of "Invoke AWS Lambda function" in the Amazon S3 User Guide.
func reported(event, response []byte) (code, text string, err error) {
	var asked struct {
		InvocationSchemaVersion, InvocationID string
		Tasks                                 []struct{ TaskID string }
	}
	if err := json.Unmarshal(event, &asked); err != nil {
		return "", "", err
	}
	var answer map[string]any
	if err := json.Unmarshal(response, &answer); err != nil {
		return "", "", err
	}
	results, _ := answer["results"].([]any)
	switch {
	case len(response) >= 6<<20:
		return "", "", fmt.Errorf("%d bytes", len(response))
	case len(answer) != 4 || answer["invocationSchemaVersion"] != asked.InvocationSchemaVersion || answer["invocationId"] != asked.InvocationID ||
		answer["treatMissingKeysAs"] != "TemporaryFailure":
		return "", "", fmt.Errorf("not the response to this event: %s", response)
	case len(results) != len(asked.Tasks) || results == nil:
		return "", "", fmt.Errorf("%d results of %d tasks", len(results), len(asked.Tasks))
	case len(results) == 0:
		return "", "", nil
	}
	result, _ := results[0].(map[string]any)
	code, _ = result["resultCode"].(string)
	text, isText := result["resultString"].(string)
	switch {
	case len(result) != 3 || result["taskId"] != asked.Tasks[0].TaskID || !isText:
		return "", "", fmt.Errorf("not the result of this task: %v", result)
	case code != "Succeeded" && code != "TemporaryFailure" && code != "PermanentFailure":
		return "", "", fmt.Errorf("the result code %q", code)
	}
	return code, text, nil
}

// The checker would find a response that S3 does not take.
func TestAResponseThatS3DoesNotTakeIsFound(t *testing.T) {
	event := []byte(`{"invocationSchemaVersion":"1.0","invocationId":"i","tasks":[{"taskId":"t"}]}`)
	good := `{"invocationSchemaVersion":"1.0","treatMissingKeysAs":"TemporaryFailure","invocationId":"i","results":[{"taskId":"t","resultCode":"Succeeded","resultString":"x"}]}`
	code, text, err := reported(event, []byte(good))
	require.NoError(t, err)
	require.Equal(t, []string{"Succeeded", "x"}, []string{code, text})
	for _, change := range [][2]string{
		{`{"inv`, `{inv`}, {`"1.0"`, `"2.0"`}, {`"i"`, `"j"`}, {`"t"`, `"u"`}, {`"TemporaryFailure"`, `"PermanentFailure"`}, {`"Succeeded"`, `"Ok"`}, {`"x"`, `null`},
		{`"results"`, `"result"`}, {`[{`, `[{},{`}, {`"x"`, `"` + strings.Repeat("x", 6<<20) + `"`},
	} {
		_, _, err := reported(event, []byte(strings.Replace(good, change[0], change[1], 1)))
		require.Error(t, err, change[1][:1])
	}
}

// invoke returns what is reported of a task.
func invoke(t *testing.T, p *Processor, event []byte) (code, text string) {
	t.Helper()
	response, err := p.Invoke(t.Context(), event)
	require.NoError(t, err)
	code, text, err = reported(event, response)
	require.NoError(t, err)

	// The typed response is the same.
	var read Event
	require.NoError(t, json.Unmarshal(event, &read))
	typed, err := p.Process(t.Context(), read)
	require.NoError(t, err)
	again, err := json.Marshal(typed)
	require.NoError(t, err)
	if strings.HasPrefix(code, "S") {
		assert.Equal(t, string(response), string(again))
	}
	return code, text
}

func TestATaskHasOneOfThreeResults(t *testing.T) {
	for name, c := range map[string]struct {
		handler    func() (string, error)
		code, text string
	}{
		"text":             {func() (string, error) { return "3 labels <&>", nil }, Succeeded, "3 labels <&>"},
		"no text":          {func() (string, error) { return "", nil }, Succeeded, ""},
		"dropped":          {func() (string, error) { return "x", troupe.Drop(errHandler) }, Succeeded, "the handler failed"},
		"failed":           {func() (string, error) { return "x", errHandler }, TemporaryFailure, "the handler failed"},
		"permanent":        {func() (string, error) { return "x", troupe.Permanent(errHandler) }, PermanentFailure, "the handler failed"},
		"wrapped":          {func() (string, error) { return "x", fmt.Errorf("a: %w", troupe.Permanent(errHandler)) }, PermanentFailure, "a: the handler failed"},
		"partly permanent": {func() (string, error) { return "x", errors.Join(errHandler, troupe.Permanent(errHandler)) }, TemporaryFailure, "the handler failed\nthe handler failed"},
		"panic":            {func() (string, error) { panic("at once") }, TemporaryFailure, "troupe: handler panicked: at once"},
		"Goexit":           {func() (string, error) { runtime.Goexit(); return "", nil }, TemporaryFailure, "troupe: handler called runtime.Goexit"},
		"undecodable":      {func() (string, error) { return "", troupe.Permanent(&batch.DecodeError{Offset: -1}) }, TemporaryFailure, "troupe: record cannot be decoded"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{sample1, sample2} {
				code, text := invoke(t, New(troupe.Returning(func(context.Context, Task) (string, error) { return c.handler() }), quiet), sampleOf(t, path))
				assert.Equal(t, []string{c.code, c.text}, []string{code, text})
			}
		})
	}

	code, text := invoke(t, New(func(context.Context, Task) error { return nil }), sampleOf(t, sample1))
	assert.Equal(t, []string{Succeeded, ""}, []string{code, text})
	code, text = invoke(t, New(troupe.Returning(func(context.Context, troupe.Lazy[Task]) ([]byte, error) { return []byte("bytes"), nil })), sampleOf(t, sample1))
	assert.Equal(t, []string{Succeeded, "bytes"}, []string{code, text})
	resort := troupe.WithLastResort(func(context.Context, troupe.Record, error) error { return nil })
	code, _ = invoke(t, New(func(context.Context, Task) error { return errHandler }, resort), sampleOf(t, sample1))
	assert.Equal(t, Succeeded, code)

	response, err := New(troupe.Returning(func(context.Context, Task) (string, error) { return "text", nil })).Invoke(t.Context(), sampleOf(t, sample2))
	require.NoError(t, err)
	assert.Equal(t, `{"invocationSchemaVersion":"2.0","treatMissingKeysAs":"TemporaryFailure","invocationId":"YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo",`+
		`"results":[{"taskId":"dGFza2lkZ29lc2hlcmUK","resultCode":"Succeeded","resultString":"text"}]}`, string(response))
}

// What was abandoned or never started may be tried again, whatever the handler said of it.
func TestWhatThereIsNoTimeForIsATemporaryFailure(t *testing.T) {
	for name, c := range map[string]struct {
		left   time.Duration
		reason error
	}{"abandoned": {time.Second, troupe.ErrAbandoned}, "not started": {10 * time.Millisecond, troupe.ErrNotStarted}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.left)
				defer cancel()
				release := make(chan struct{})
				var report *troupe.Report
				p := New(func(context.Context, Task) error {
					<-release
					return troupe.Permanent(errHandler)
				}, quiet, troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
				response, err := p.Invoke(ctx, sampleOf(t, sample1))
				require.NoError(t, err)
				code, text, err := reported(sampleOf(t, sample1), response)
				require.NoError(t, err)
				assert.Equal(t, TemporaryFailure, code)
				assert.Contains(t, text, "troupe: ")
				assert.ErrorIs(t, report.Records[0].Err, c.reason)
				close(release)
				synctest.Wait()
			})
		})
	}
}

// Marks that troupe adds do not make a failure permanent.
func TestOnlyAHandlerMakesAFailurePermanent(t *testing.T) {
	for _, reason := range []troupe.Reason{troupe.ErrUndecodable, troupe.ErrAbandoned, troupe.ErrNotStarted} {
		assert.False(t, isPermanent(batch.Because(reason, troupe.Permanent(errHandler))), reason)
	}
	assert.True(t, isPermanent(batch.Because(troupe.ErrDeadline, troupe.Permanent(errHandler))))
	assert.True(t, isPermanent(batch.Permanent(troupe.ErrPanic)))
}

func TestOptionsThatS3HasNoUseForAreRefused(t *testing.T) {
	handler := func(context.Context, Task) error { return nil }
	for want, option := range map[string]troupe.Option{
		"troupe: WithErrorWhen(ErrorWhenAll): must be ErrorWhenNever, which is the default: ": troupe.WithErrorWhen(troupe.ErrorWhenAll),
		"troupe: WithErrorWhen(ErrorWhenAny): must be ErrorWhenNever, which is the default: ": troupe.WithErrorWhen(troupe.ErrorWhenAny),
		"troupe: WithIgnore is not allowed: ":                                                 troupe.WithIgnore(func([]byte) bool { return true }),
		"troupe: WithLowestOnly is for streams":                                               troupe.WithLowestOnly(),
	} {
		_, err := troupe.NewProcessor(Source{}, Answer(), handler, option)
		assert.ErrorContains(t, err, want)
		assert.Panics(t, func() { New(handler, option) })
	}
	assert.NotPanics(t, func() { New(handler, troupe.WithErrorWhen(troupe.ErrorWhenNever)) })
	assert.Panics(t, func() { New[Task](nil) })
}

// Both schemas give a handler the same, and the key is decoded.
func TestATaskIsWhatBothSchemasSay(t *testing.T) {
	want := Task{ID: "dGFza2lkZ29lc2hlcmUK", Key: "photos/2025/my dog+1.jpg", RawKey: "photos%2F2025/my+dog%2B1.jpg", Bucket: "amzn-s3-demo-bucket",
		Job: Job{ID: "f3cc4f60-61f6-4a2b-8a21-d07600c373ce"}}
	one, two := want, want
	one.VersionID, one.BucketARN = "1", "arn:aws:s3:::amzn-s3-demo-bucket"
	two.Job.UserArguments = map[string]string{"width": "200", "format": "webp"}
	for path, want := range map[string]Task{sample1: one, sample2: two} {
		payload := sampleOf(t, path)
		b, err := Source{}.Decode(payload)
		require.NoError(t, err)
		for i := range payload { // SPEC D3
			payload[i] = 'x'
		}
		got, err := b.Open(0)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		key, err := b.Payload(0)
		require.NoError(t, err)
		assert.Equal(t, want.Key, string(key))
		assert.Equal(t, []string{want.ID}, b.IDs)

		var event Event
		require.NoError(t, json.Unmarshal(sampleOf(t, path), &event))
		b, err = Source{}.Read(event)
		require.NoError(t, err)
		got, err = b.Open(0)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

// What both can express reads the same as with aws-lambda-go.
func TestEventsReadAsWithAWSLambdaGo(t *testing.T) {
	var (
		ours1, ours2 Event
		one          events.S3BatchJobEvent
		two          events.S3BatchJobEventV2
	)
	for path, into := range map[string][]any{sample1: {&ours1, &one}, sample2: {&ours2, &two}} {
		for _, event := range into {
			require.NoError(t, json.Unmarshal(sampleOf(t, path), event))
		}
	}
	agree1(t, one, ours1)
	agree2(t, two, ours2)
	again, err := json.Marshal(ours1)
	require.NoError(t, err)
	assert.JSONEq(t, string(sampleOf(t, sample1)), string(again))
	again, err = json.Marshal(Response{"1.0", "PermanentFailure", "i", []Result{{"t", "Succeeded", "x"}}})
	require.NoError(t, err)
	theirs, err := json.Marshal(events.S3BatchJobResponse{InvocationSchemaVersion: "1.0", TreatMissingKeysAs: "PermanentFailure", InvocationID: "i",
		Results: []events.S3BatchJobResult{{TaskID: "t", ResultCode: "Succeeded", ResultString: "x"}}})
	require.NoError(t, err)
	assert.Equal(t, string(theirs), string(again))
}

func agree1(t *testing.T, want events.S3BatchJobEvent, got Event) {
	t.Helper()
	require.Equal(t, []string{want.InvocationSchemaVersion, want.InvocationID, want.Job.ID}, []string{got.InvocationSchemaVersion, got.InvocationID, got.Job.ID})
	require.Len(t, got.Tasks, len(want.Tasks))
	for i, task := range want.Tasks {
		our := got.Tasks[i]
		require.Equal(t, task, events.S3BatchJobTask{TaskID: our.TaskID, S3Key: our.S3Key, S3VersionID: our.S3VersionID, S3BucketARN: our.S3BucketARN})
	}
}

func agree2(t *testing.T, want events.S3BatchJobEventV2, got Event) {
	t.Helper()
	require.Equal(t, []string{want.InvocationSchemaVersion, want.InvocationID, want.Job.ID}, []string{got.InvocationSchemaVersion, got.InvocationID, got.Job.ID})
	require.Equal(t, want.Job.UserArguments, got.Job.UserArguments)
	require.Len(t, got.Tasks, len(want.Tasks))
	for i, task := range want.Tasks {
		our := got.Tasks[i]
		require.Equal(t, task, events.S3BatchJobTaskV2{TaskID: our.TaskID, S3Key: our.S3Key, S3VersionID: our.S3VersionID, S3Bucket: our.S3Bucket})
	}
}

// SPEC S5, S6: an event that is none is refused before the handler runs, and the error says what is wrong.
func TestWhatIsNoEventIsRefused(t *testing.T) {
	p := New(func(context.Context, Task) error { panic("must not be called") }, quiet)
	const about = `"invocationSchemaVersion":"1.0","invocationId":"i"`
	for payload, want := range map[string]string{
		``:                                      "empty where JSON was expected (at byte 0)",
		`{"tasks":[`:                            "JSON is cut short (at byte 10)",
		`{"tasks":[]} x`:                        "more after the JSON value (at byte 13)",
		`[]`:                                    "an array where an object was expected",
		` null `:                                "null where an object was expected",
		`{}`:                                    `"tasks" is missing`,
		`{"tasks":null}`:                        `"tasks" is null where an array was expected`,
		`{"tasks":{}}`:                          `"tasks" is an object where an array was expected`,
		`{` + about + `,"tasks":[],"TASKS":[]}`: `duplicate "tasks"`,
		`{"tasks":[]}`:                          `"invocationSchemaVersion" must be "1.0" or "2.0"`,
		`{"invocationSchemaVersion":"3.0","invocationId":"i","tasks":[]}`: `"invocationSchemaVersion" must be "1.0" or "2.0"`,
		`{"invocationSchemaVersion":1.0,"invocationId":"i","tasks":[]}`:   `"invocationSchemaVersion" is a number where a string was expected, so that the response could not name it`,
		`{"invocationSchemaVersion":"1.0","tasks":[]}`:                    `"invocationId" is missing or empty, so that the response could not name it`,
		`{` + about + `,"tasks":[{"taskId":"a"},{"taskId":"b"}]}`:         `"tasks" has 2 tasks where one was expected: S3 Batch Operations invokes the function for each task`,
		`{` + about + `,"tasks":[{"s3Key":"a"}]}`:                         `task 0: "taskId" is missing or empty, so that the response could not name it`,
		`{` + about + `,"tasks":[{"taskId":7}]}`:                          `task 0: "taskId" is a number where a string was expected, so that the response could not name it`,
		`{` + about + `,"tasks":[7]}`:                                     `task 0: a number where an object was expected`,
		`{` + about + `,"tasks":[null]}`:                                  `task 0: null where an object was expected`,
	} {
		response, err := p.Invoke(t.Context(), []byte(payload))
		assert.Nil(t, response)
		var refused *troupe.EventError
		if assert.ErrorAs(t, err, &refused, payload) {
			assert.Equal(t, want, refused.Cause.Error(), payload)
		}
	}
	two := []EventTask{{TaskID: "a"}, {TaskID: "b"}}
	for want, event := range map[string]Event{
		`"tasks" is nil where a slice was expected`: {},
		`"invocationSchemaVersion"`:                 {Tasks: two},
		`"invocationId"`:                            {InvocationSchemaVersion: "2.0", Tasks: two},
		`"tasks" has 2 tasks`:                       {InvocationSchemaVersion: "2.0", InvocationID: "i", Tasks: two},
		`task 0: "taskId" is missing`:               {InvocationSchemaVersion: "2.0", InvocationID: "i", Tasks: []EventTask{{}}},
	} {
		_, err := p.Process(t.Context(), event)
		assert.ErrorIs(t, err, troupe.ErrEvent)
		assert.ErrorContains(t, err, want)
	}
}

// SPEC S6: no task is a success.
func TestNoTaskIsASuccess(t *testing.T) {
	code, _ := invoke(t, New(func(context.Context, Task) error { return errHandler }), []byte(`{"invocationSchemaVersion":"2.0","invocationId":"i","tasks":[]}`))
	assert.Empty(t, code)
}

// A task that cannot be decoded is a temporary failure, with an error without anything of the payload (SPEC S9).
func TestATaskThatCannotBeDecodedIsATemporaryFailure(t *testing.T) {
	p := New(func(context.Context, Task) error { panic("must not be called") }, quiet)
	for members, want := range map[string]string{
		`"tasks":[{"taskId":"t","s3Key":"secret%"}]`:                                "troupe: record cannot be decoded: s3Key: not URL-encoded: a % without two hexadecimal digits after it",
		`"tasks":[{"taskId":"t","s3Key":{"secret":1}}]`:                             "troupe: record cannot be decoded: tasks[0].s3Key: object where string was expected",
		`"job":{"userArguments":{"secret":1}},"tasks":[{"taskId":"t","s3Key":"k"}]`: "troupe: record cannot be decoded: job.userArguments.*: number where string was expected",
		`"job":"secret","tasks":[{"taskId":"t","s3Key":"k"}]`:                       "troupe: record cannot be decoded: job: string where s3batch.Job was expected",
	} {
		event := []byte(`{"invocationSchemaVersion":"2.0","invocationId":"i",` + members + `}`)
		response, err := p.Invoke(t.Context(), event)
		require.NoError(t, err)
		code, text, err := reported(event, response)
		require.NoError(t, err)
		assert.Equal(t, []string{TemporaryFailure, want}, []string{code, text})
		b, err := Source{}.Decode(event)
		require.NoError(t, err)
		_, err = b.Payload(0)
		assert.ErrorIs(t, err, troupe.ErrUndecodable)
	}
}

// A text that the response has no room for fails the task; to try again would not help.
func TestATextThatDoesNotFitIsAPermanentFailure(t *testing.T) {
	frame := len(`{"invocationSchemaVersion":"1.0","treatMissingKeysAs":"TemporaryFailure","invocationId":"i","results":[{"taskId":"t","resultCode":"Succeeded","resultString":""}]}`)
	event := []byte(`{"invocationSchemaVersion":"1.0","invocationId":"i","tasks":[{"taskId":"t","s3Key":"k"}]}`)
	var hooked int
	p := func(n int) *Processor {
		return New(troupe.Returning(func(context.Context, Task) (string, error) { return strings.Repeat("x", n), nil }), quiet,
			troupe.WithFailureHook(func(context.Context, troupe.Record, error) { hooked++ }))
	}
	code, text := invoke(t, p(limit-1-frame), event)
	assert.Equal(t, Succeeded, code)
	assert.Len(t, text, limit-1-frame)
	assert.Zero(t, hooked)
	code, text = invoke(t, p(limit-frame), event)
	assert.Equal(t, []string{PermanentFailure, "troupe: the response with the handler's text has 6291456 bytes; it must stay below 6291456"}, []string{code, text})
	assert.Equal(t, 2, hooked)
}
