package semantics_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/kpl"
	"github.com/troupe-go/troupe/typed"
	"github.com/troupe-go/troupe/window"
)

// SPEC S10: the bare arrays of EventBridge Pipes.

func pipedSQS(id, group, body, queue string) string {
	return fmt.Sprintf(`{"messageId":%q,"body":%q,"attributes":{"MessageGroupId":%q},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:%s"}`, id, body, group, queue)
}

func pipedKinesis(number, key, data string) string {
	return fmt.Sprintf(`{"kinesisSchemaVersion":"1.0","partitionKey":%q,"sequenceNumber":%q,"data":%q,"approximateArrivalTimestamp":1764000000.123,"eventSource":"aws:kinesis","eventID":"shardId-0:%s"}`, key, number, data, number)
}

func pipedDynamoDB(number, item string) string {
	return fmt.Sprintf(`{"eventID":"e%s","eventName":"INSERT","eventSource":"aws:dynamodb","dynamodb":{"Keys":{"Id":{"S":%q}},"NewImage":{"Id":{"S":%[2]q}},"SequenceNumber":%[1]q}}`, number, item)
}

func array(records ...string) []byte { return []byte("[" + strings.Join(records, ",") + "]") }

func pipeFailures(t *testing.T, response []byte, err error) (ids []string) {
	t.Helper()
	require.NoError(t, err)
	var r events.SQSEventResponse
	require.NoError(t, json.Unmarshal(response, &r))
	for _, f := range r.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

var errPiped = errors.New("no")

// A group's later records are all reported, since the pipe delivers nothing else again; the lowest alone never is.
func TestS10AStoppedGroupIsReportedWhole(t *testing.T) {
	kinesisBatch := array(pipedKinesis("1", "a", "YQ=="), pipedKinesis("2", "b", "YQ=="), pipedKinesis("3", "a", "YQ=="), pipedKinesis("4", "b", "YQ=="), pipedKinesis("5", "a", "YQ=="))
	fail := func(_ context.Context, r events.KinesisEventRecord) error {
		if r.Kinesis.SequenceNumber == "1" {
			return errPiped
		}
		return nil
	}
	want := []string{"shardId-0:1", "shardId-0:3", "shardId-0:5"}
	for _, options := range [][]troupe.Option{nil, {troupe.WithLowestOnly()}} {
		response, err := troupe.Kinesis(fail, options...).Invoke(t.Context(), kinesisBatch)
		assert.Equal(t, want, pipeFailures(t, response, err))
	}

	failChange := func(_ context.Context, r events.DynamoDBEventRecord) error {
		if r.EventID == "e2" {
			return errPiped
		}
		return nil
	}
	changes := array(pipedDynamoDB("1", "a"), pipedDynamoDB("2", "b"), pipedDynamoDB("3", "a"), pipedDynamoDB("4", "b"))
	response, err := troupe.DynamoDB(failChange, troupe.WithLowestOnly()).Invoke(t.Context(), changes)
	assert.Equal(t, []string{"e2", "e4"}, pipeFailures(t, response, err))

	failMessage := func(_ context.Context, m events.SQSMessage) error {
		if m.MessageId == "m2" {
			return errPiped
		}
		return nil
	}
	messages := func(queue string) []byte {
		return array(pipedSQS("m1", "a", "x", queue), pipedSQS("m2", "b", "x", queue), pipedSQS("m3", "a", "x", queue), pipedSQS("m4", "b", "x", queue))
	}
	response, err = troupe.SQS(failMessage).Invoke(t.Context(), messages("q"))
	assert.Equal(t, []string{"m2"}, pipeFailures(t, response, err), "a standard queue")
	response, err = troupe.SQS(failMessage, troupe.WithConcurrency(1)).Invoke(t.Context(), messages("q.fifo"))
	assert.Equal(t, []string{"m2", "m3", "m4"}, pipeFailures(t, response, err), "a FIFO queue stops")
	response, err = troupe.SQS(failMessage, troupe.WithPolicy(troupe.StopGroup)).Invoke(t.Context(), messages("q.fifo"))
	assert.Equal(t, []string{"m2", "m4"}, pipeFailures(t, response, err))
}

func TestS10ThePackagesAroundTakePipes(t *testing.T) {
	type order struct{ Do string }
	var did []string
	p := troupe.Kinesis(typed.Kinesis(func(_ context.Context, o order) error {
		did = append(did, o.Do)
		if o.Do == "fail" {
			return errPiped
		}
		return nil
	}), troupe.WithConcurrency(1))
	response, err := p.Invoke(t.Context(), array(pipedKinesis("1", "a", "eyJkbyI6ICJvayJ9"), pipedKinesis("2", "a", "eyJkbyI6ICJmYWlsIn0=")))
	assert.Equal(t, []string{"shardId-0:2"}, pipeFailures(t, response, err))
	assert.Equal(t, []string{"ok", "fail"}, did)

	b := bulk.Kinesis(func(_ context.Context, records []events.KinesisEventRecord) error {
		return bulk.Failures{1: errPiped}
	})
	response, err = b.Invoke(t.Context(), array(pipedKinesis("1", "a", "YQ=="), pipedKinesis("2", "a", "YQ=="), pipedKinesis("3", "a", "YQ==")))
	assert.Equal(t, []string{"shardId-0:2", "shardId-0:3"}, pipeFailures(t, response, err))

	// An aggregate of two user records, of which the second fails: they share their carrier's identifier.
	message := "\x0a\x01a" + strings.Repeat("\x1a\x05\x08\x00\x1a\x01x", 2)
	sum := md5.Sum([]byte(message))
	aggregate := base64.StdEncoding.EncodeToString([]byte("\xf3\x89\x9a\xc2" + message + string(sum[:])))
	var users atomic.Int32
	k := kpl.Kinesis(func(_ context.Context, r kpl.UserRecord) error {
		if users.Add(1); r.SubSequenceNumber == 1 {
			return errPiped
		}
		return nil
	})
	response, err = k.Invoke(t.Context(), array(pipedKinesis("1", "shared", aggregate), pipedKinesis("2", "other", "YQ==")))
	assert.Equal(t, []string{"shardId-0:1"}, pipeFailures(t, response, err))
	assert.EqualValues(t, 3, users.Load())

	w := window.Kinesis(func(_ context.Context, n int, _ events.KinesisEventRecord) (int, error) { return n + 1, nil }, nil)
	_, err = w.Invoke(t.Context(), array(pipedKinesis("1", "a", "YQ==")))
	require.ErrorIs(t, err, troupe.ErrEvent)
	require.ErrorContains(t, err, "the event is an array, as a pipe of EventBridge sends, where an object was expected")
}

// A pipe waits for five minutes, or until the function's deadline if that is earlier.
func TestS10TheDeadlineOfAPipe(t *testing.T) {
	for name, c := range map[string]struct{ function, want time.Duration }{
		"none":    {0, 5 * time.Minute},
		"earlier": {time.Minute, time.Minute},
		"later":   {15 * time.Minute, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, ctx := time.Now(), t.Context()
				if c.function > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.function)
					defer cancel()
				}
				handle := func(ctx context.Context, m events.SQSMessage) error {
					deadline, ok := troupe.DeadlineFrom(ctx)
					assert.True(t, ok)
					assert.Equal(t, began.Add(c.want), deadline)
					if m.MessageId == "m1" {
						return nil
					}
					<-ctx.Done()
					return ctx.Err()
				}
				response, err := troupe.SQS(handle).Invoke(ctx, array(pipedSQS("m1", "", "x", "q"), pipedSQS("m2", "", "x", "q")))
				assert.Equal(t, []string{"m2"}, pipeFailures(t, response, err))
				assert.Equal(t, c.want-500*time.Millisecond, time.Since(began), "the cutoff")
			})
		})
	}
}

// SPEC S11: an option knows warmers and health checks. It is asked about objects without Records that were refused,
// and about nothing else.
func TestS11WarmersCanBeIgnored(t *testing.T) {
	var asked []string
	ignore := troupe.WithIgnore(func(payload []byte) bool {
		asked = append(asked, string(payload))
		return strings.Contains(string(payload), "warm")
	})
	log := &strings.Builder{}
	p := troupe.SQS(func(context.Context, events.SQSMessage) error { t.Error("called"); return nil }, ignore, troupe.WithLogger(slog.New(slog.NewTextHandler(log, nil))),
		troupe.WithObserver(func(context.Context, *troupe.Report) { t.Error("observed") }))
	for _, payload := range []string{`{"source":"warmup"}`, ` {"warmer":true,"Record":[]} `} {
		response, err := p.Invoke(t.Context(), []byte(payload))
		require.NoError(t, err)
		assert.Equal(t, `{"batchItemFailures":[]}`, string(response))
		assert.Equal(t, []string{payload}, asked)
		assert.Contains(t, log.String(), "level=INFO msg=\"troupe: payload ignored")
		assert.NotContains(t, log.String(), "warm")
		asked = nil
	}
	for _, payload := range []string{`{"source":"other"}`, `{}`} {
		_, err := p.Invoke(t.Context(), []byte(payload))
		require.ErrorIs(t, err, troupe.ErrEvent)
		assert.Equal(t, []string{payload}, asked)
		asked = nil
	}
	for _, payload := range []string{``, `null`, `"warm"`, `["warm"]`, `[{"warm":1}]`, `{"warm":1`, `{"warm":1}x`, `{"warm":1,"Records":null}`, `{"warm":1,"records":{}}`,
		`{"warm":1,"RECORDS":[{}]}`, `{"warm":1,"\u0052ecords":5}`, `{"Records":[{"warm":1}]}`} {
		_, err := p.Invoke(t.Context(), []byte(payload))
		require.ErrorIs(t, err, troupe.ErrEvent, payload)
		assert.Empty(t, asked, payload)
	}
}

func TestS11AFunctionThatDoesNotAnswerIgnoresNothing(t *testing.T) {
	for name, c := range map[string]struct {
		ignore func([]byte) bool
		within time.Duration
	}{
		"panic":  {func([]byte) bool { panic("secret") }, 0},
		"goexit": {func([]byte) bool { runtime.Goexit(); return true }, 0},
		"hang":   {func([]byte) bool { time.Sleep(time.Minute); return true }, time.Second},
		"slow":   {func([]byte) bool { time.Sleep(time.Second + 1); return true }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				p := troupe.Kinesis(func(context.Context, events.KinesisEventRecord) error { return nil }, troupe.WithIgnore(c.ignore), troupe.WithLogger(slog.New(slog.DiscardHandler)))
				response, err := p.Invoke(t.Context(), []byte(`{"source":"warmup"}`))
				require.ErrorIs(t, err, troupe.ErrEvent)
				require.ErrorContains(t, err, `"Records" is missing`)
				assert.Nil(t, response)
				assert.Equal(t, c.within, time.Since(began))
				time.Sleep(2 * time.Minute)
			})
		})
	}
	w := window.Kinesis(func(_ context.Context, n int, _ events.KinesisEventRecord) (int, error) { return n + 1, nil }, nil,
		troupe.WithIgnore(func(payload []byte) bool { return strings.Contains(string(payload), "warm") }), troupe.WithLogger(slog.New(slog.DiscardHandler)))
	response, err := w.Invoke(t.Context(), []byte(`{"source":"warmup"}`))
	require.NoError(t, err)
	assert.Equal(t, `{"batchItemFailures":[]}`, string(response))
	_, err = w.Invoke(t.Context(), []byte(`{}`))
	require.ErrorContains(t, err, `"window" is missing`)

	assert.PanicsWithError(t, "troupe: WithIgnore(nil): must be a function", func() {
		troupe.SQS(func(context.Context, events.SQSMessage) error { return nil }, troupe.WithIgnore(nil))
	})
}
