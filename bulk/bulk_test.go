package bulk_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
)

var errItem = errors.New("item failed")

// document writes an event of records numbered from 1, of the groups that the letters name. A record of an
// upper-case letter cannot be decoded, and of "?" not even its group can be read.
func document(source, groups string) []byte {
	records := make([]string, len(groups))
	for i, group := range groups {
		data, key := `"`+base64.StdEncoding.EncodeToString([]byte("data"))+`"`, strings.ToLower(fmt.Sprintf("%q", string(group)))
		if group < 'a' {
			data = "1"
		}
		if group == '?' {
			key = "1"
		}
		switch source {
		case "sqs", "sqs.fifo":
			records[i] = fmt.Sprintf(`{"messageId":"%d","body":%s,"attributes":{"MessageGroupId":%s},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:%s"}`, i+1, data, key, source)
		case "kinesis":
			records[i] = fmt.Sprintf(`{"kinesis":{"partitionKey":%s,"sequenceNumber":"%d","data":%s},"eventSource":"aws:kinesis"}`, key, i+1, data)
		case "dynamodb":
			records[i] = fmt.Sprintf(`{"eventSource":"aws:dynamodb","dynamodb":{"Keys":{"pk":{"S":%s}},"SequenceNumber":"%d","NewImage":{"data":{"B":%s}}}}`, key, i+1, data)
		}
	}
	return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

// process makes a processor whose handler gets the identifiers of the batch.
func process(source string, handle func(ctx context.Context, ids []string) error, options ...troupe.Option) lambda.Handler {
	switch source {
	case "kinesis":
		return bulk.Kinesis(func(ctx context.Context, batch []events.KinesisEventRecord) error {
			ids := make([]string, len(batch))
			for i := range batch {
				ids[i] = batch[i].Kinesis.SequenceNumber
			}
			return handle(ctx, ids)
		}, options...)
	case "dynamodb":
		return bulk.DynamoDB(func(ctx context.Context, batch []events.DynamoDBEventRecord) error {
			ids := make([]string, len(batch))
			for i := range batch {
				ids[i] = batch[i].Change.SequenceNumber
			}
			return handle(ctx, ids)
		}, options...)
	default:
		return bulk.SQS(func(ctx context.Context, batch []events.SQSMessage) error {
			ids := make([]string, len(batch))
			for i := range batch {
				ids[i] = batch[i].MessageId
			}
			return handle(ctx, ids)
		}, options...)
	}
}

// answer is the response that reports the numbers.
func answer(numbers string) string {
	items := []string{}
	for _, n := range strings.Fields(numbers) {
		items = append(items, `{"itemIdentifier":"`+n+`"}`)
	}
	return `{"batchItemFailures":[` + strings.Join(items, ",") + `]}`
}

// What the handler returns decides, and what the policy has to say comes on top (SPEC P1 to P4, D6).
func TestWhatIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		source, groups string
		options        []troupe.Option
		returned       error
		given          string // to the handler
		reported       string
	}{
		"nil":                               {"sqs", "aba", nil, nil, "1 2 3", ""},
		"failures without order":            {"sqs", "aabb", nil, bulk.Failures{1: errItem, 2: errItem}, "1 2 3 4", "2 3"},
		"no failures":                       {"sqs", "aba", nil, bulk.Failures{}, "1 2 3", ""},
		"nil failures":                      {"sqs", "aba", nil, bulk.Failures(nil), "1 2 3", ""},
		"failures that are nil":             {"sqs", "aba", nil, bulk.Failures{0: nil, 1: errItem, 2: nil}, "1 2 3", "2"},
		"failures that are wrapped":         {"sqs", "aba", nil, fmt.Errorf("indexing: %w", bulk.Failures{1: errItem}), "1 2 3", "2"},
		"failures of a FIFO queue":          {"sqs.fifo", "abab", nil, bulk.Failures{1: errItem}, "1 2 3 4", "2 3 4"},
		"the same by group":                 {"sqs.fifo", "abab", []troupe.Option{troupe.WithPolicy(troupe.StopGroup)}, bulk.Failures{1: errItem}, "1 2 3 4", "2 4"},
		"the same, going on":                {"sqs.fifo", "abab", []troupe.Option{troupe.WithPolicy(troupe.Continue)}, bulk.Failures{1: errItem}, "1 2 3 4", "2"},
		"the same without order":            {"sqs.fifo", "abab", []troupe.Option{troupe.WithoutOrder(), troupe.WithPolicy(troupe.StopGroup)}, bulk.Failures{1: errItem}, "1 2 3 4", "2"},
		"failures of a stream":              {"kinesis", "aabba", nil, bulk.Failures{1: errItem}, "1 2 3 4 5", "2 5"},
		"failures of a table":               {"dynamodb", "aabba", nil, bulk.Failures{1: errItem}, "1 2 3 4 5", "2 5"},
		"a stream without order":            {"kinesis", "aabba", []troupe.Option{troupe.WithoutOrder()}, bulk.Failures{1: errItem}, "1 2 3 4 5", "2"},
		"the lowest of a stream":            {"kinesis", "aabba", []troupe.Option{troupe.WithLowestOnly()}, bulk.Failures{3: errItem, 1: errItem}, "1 2 3 4 5", "2"},
		"undecodable, queue":                {"sqs", "aBc", nil, nil, "1 3", "2"},
		"undecodable beside a failure":      {"sqs", "aBcd", nil, bulk.Failures{1: errItem}, "1 3 4", "2 3"},
		"undecodable, FIFO queue":           {"sqs.fifo", "aBc", nil, nil, "1", "2 3"},
		"undecodable, stream":               {"kinesis", "abBcb", nil, nil, "1 2 4", "3 5"},
		"undecodable behind a failure":      {"kinesis", "abBc", nil, bulk.Failures{1: errItem}, "1 2 4", "2 3"},
		"undecodable, going on":             {"kinesis", "abBcb", []troupe.Option{troupe.WithPolicy(troupe.Continue)}, nil, "1 2 4 5", "3"},
		"a group that cannot be read":       {"kinesis", "a?bc", nil, nil, "1", "2 3 4"},
		"a group that cannot, going on":     {"kinesis", "a?bc", []troupe.Option{troupe.WithPolicy(troupe.Continue)}, nil, "1", "2 3 4"},
		"a group that nobody reads":         {"kinesis", "a?bc", []troupe.Option{troupe.WithoutOrder()}, nil, "1 3 4", "2"},
		"a failure and a group that cannot": {"kinesis", "ab?a", nil, bulk.Failures{0: errItem}, "1 2", "1 3 4"},
	} {
		t.Run(name, func(t *testing.T) {
			given := ""
			p := process(c.source, func(_ context.Context, ids []string) error {
				given = strings.Join(ids, " ")
				return c.returned
			}, append(c.options, troupe.WithLogger(slog.New(slog.DiscardHandler)))...)
			response, err := p.Invoke(t.Context(), document(c.source, c.groups))
			require.NoError(t, err)
			assert.JSONEq(t, answer(c.reported), string(response))
			assert.Equal(t, c.given, given)
		})
	}
}

// Anything that is not about single records is about all of them, and then the invocation is an error (SPEC
// S7).
func TestWhatFailsAllRecords(t *testing.T) {
	for name, c := range map[string]struct {
		handle func() error
		want   error
	}{
		"an error":                     {func() error { return errItem }, errItem},
		"a panic":                      {func() error { panic("bulk") }, troupe.ErrPanic},
		"Goexit":                       {func() error { runtime.Goexit(); return nil }, troupe.ErrGoexit},
		"failures beside other errors": {func() error { return errors.Join(bulk.Failures{0: errItem}, errors.New("and more")) }, errItem},
		"an index too high":            {func() error { return bulk.Failures{0: errors.New("first"), 3: errItem} }, errItem},
		"an index too low":             {func() error { return bulk.Failures{-1: errItem} }, errItem},
		"each record":                  {func() error { return bulk.Failures{0: errItem, 1: errItem, 2: errItem} }, errItem},
		"the first of a FIFO queue":    {func() error { return bulk.Failures{0: errItem} }, errItem},
	} {
		t.Run(name, func(t *testing.T) {
			var report *troupe.Report
			p := process("sqs.fifo", func(context.Context, []string) error { return c.handle() },
				troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
			_, err := p.Invoke(t.Context(), document("sqs.fifo", "aba"))
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, "3 of 3 records failed")
			assert.Equal(t, []int{0, 3, 0}, []int{report.Succeeded, report.Failed, report.NotStarted})
		})
	}
}

// SPEC D1, D2: the handler's context ends at the cutoff; what it returns before the last call counts, and
// after that it is abandoned and can change nothing.
func TestTheDeadlineOfABatchHandler(t *testing.T) {
	for name, c := range map[string]struct {
		handle    func(ctx context.Context) error
		reported  string // or an error
		reasons   []error
		abandoned int
	}{
		"nil after the cutoff":      {func(ctx context.Context) error { <-ctx.Done(); return nil }, "", nil, 0},
		"an error after the cutoff": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "error", []error{troupe.ErrDeadline, context.DeadlineExceeded}, 0},
		"failures after the cutoff": {func(ctx context.Context) error { <-ctx.Done(); return bulk.Failures{1: errItem} }, "2", []error{troupe.ErrDeadline, errItem}, 0},
		"nothing in time":           {func(context.Context) error { time.Sleep(time.Hour); return nil }, "error", []error{troupe.ErrDeadline, troupe.ErrAbandoned}, 1},
		"failures too late":         {func(context.Context) error { time.Sleep(time.Hour); return bulk.Failures{1: errItem} }, "error", []error{troupe.ErrAbandoned}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				var report *troupe.Report
				p := process("sqs", func(ctx context.Context, _ []string) error { return c.handle(ctx) },
					troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
				response, err := p.Invoke(ctx, document("sqs", "abc"))
				require.NoError(t, ctx.Err(), "the answer is in time")
				if c.reported == "error" {
					require.Error(t, err)
				} else {
					require.NoError(t, err)
					assert.JSONEq(t, answer(c.reported), string(response))
				}
				for _, reason := range c.reasons {
					require.ErrorIs(t, report.Records[1].Err, reason)
				}
				assert.Equal(t, c.abandoned, report.Abandoned)
				time.Sleep(2 * time.Hour)
			})
		})
	}
	t.Run("none left", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var report *troupe.Report
		p := process("sqs", func(context.Context, []string) error { t.Error("called"); return nil },
			troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
		_, err := p.Invoke(ctx, document("sqs", "aBc"))
		require.ErrorIs(t, err, troupe.ErrCancelled)
		assert.Equal(t, 3, report.NotStarted)
		for _, r := range report.Records {
			require.ErrorIs(t, r.Err, troupe.ErrNotStarted)
			assert.Zero(t, r.Attempts)
		}
	})
}

// The report, the hooks and the log line are about the records, as with any handler.
func TestTheReportIsAboutTheRecords(t *testing.T) {
	var (
		report *troupe.Report
		text   bytes.Buffer
		hooked []troupe.Record
	)
	synctest.Test(t, func(t *testing.T) {
		p := process("kinesis", func(context.Context, []string) error {
			time.Sleep(time.Second)
			return bulk.Failures{1: errItem}
		}, troupe.WithLogger(slog.New(slog.NewTextHandler(&text, nil))),
			troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }),
			troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) { hooked = append(hooked, rec) }))
		_, err := p.Invoke(t.Context(), document("kinesis", "abcbC?a"))
		require.NoError(t, err)
	})
	const ok, failed = troupe.Succeeded, troupe.Failed
	for i, want := range []struct {
		outcome  troupe.Outcome
		attempts int
		took     time.Duration
		reasons  []error
	}{
		{ok, 1, time.Second, nil},
		{failed, 1, time.Second, []error{errItem}},
		{ok, 1, time.Second, nil},
		{failed, 1, time.Second, []error{troupe.ErrGroupStopped}}, // handled, behind the failure
		{failed, 1, 0, []error{troupe.ErrUndecodable}},
		{failed, 1, 0, []error{troupe.ErrUndecodable}},
		{failed, 0, 0, []error{troupe.ErrNotStarted, troupe.ErrGroupStopped}}, // behind a group that cannot be read
	} {
		r := report.Records[i]
		assert.Equal(t, want.outcome, r.Outcome, i)
		assert.Equal(t, want.attempts, r.Attempts, i)
		assert.Equal(t, want.took, r.Duration, i)
		assert.Equal(t, want.reasons == nil, r.Err == nil, i)
		for _, reason := range want.reasons {
			require.ErrorIs(t, r.Err, reason, i)
		}
	}
	assert.NotErrorIs(t, report.Records[3].Err, troupe.ErrNotStarted)
	assert.Equal(t, []int{2, 5, 1, 0}, []int{report.Succeeded, report.Failed, report.NotStarted, report.Retried})
	assert.Equal(t, []troupe.Record{
		{ID: "2", Group: "b", Source: "kinesis", Index: 1, Attempt: 1},
		{ID: "4", Group: "b", Source: "kinesis", Index: 3, Attempt: 1},
		{ID: "5", Group: "c", Source: "kinesis", Index: 4, Attempt: 1},
		{ID: "6", Source: "kinesis", Index: 5, Attempt: 1},
		{ID: "7", Group: "a", Source: "kinesis", Index: 6},
	}, hooked)
	assert.Contains(t, text.String(), "records=7 failed=5 not_started=1 abandoned=0")
}

// A handler is not called for nothing.
func TestAnEmptyBatch(t *testing.T) {
	p := process("sqs", func(context.Context, []string) error { t.Error("called"); return nil }, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	response, err := p.Invoke(t.Context(), document("sqs", ""))
	require.NoError(t, err)
	assert.JSONEq(t, answer(""), string(response))
	_, err = p.Invoke(t.Context(), document("sqs", "AB"))
	require.ErrorIs(t, err, troupe.ErrUndecodable)
	_, err = p.Invoke(t.Context(), []byte(`{}`))
	require.ErrorIs(t, err, troupe.ErrEvent)
}

// Process is Invoke for decoded events.
func TestProcessOfABatch(t *testing.T) {
	p := bulk.SQS(func(_ context.Context, batch []events.SQSMessage) error {
		batch[0].Body = "changed"
		return bulk.Failures{1: errItem}
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	event := events.SQSEvent{Records: []events.SQSMessage{{MessageId: "a", Body: "a"}, {MessageId: "b"}}}
	response, err := p.Process(t.Context(), event)
	require.NoError(t, err)
	assert.Equal(t, []events.SQSBatchItemFailure{{ItemIdentifier: "b"}}, response.BatchItemFailures)
	assert.Equal(t, "a", event.Records[0].Body, "the slice is the handler's")
}

func TestOptionsThatABatchHandlerRefuses(t *testing.T) {
	nothing := func(context.Context, []events.SQSMessage) error { return nil }
	for says, option := range map[string]troupe.Option{
		"WithDecider is not allowed: ": troupe.WithDecider(func(troupe.Record, error) troupe.Policy { return troupe.StopBatch }),
		"WithGroup is not allowed: ":   troupe.WithGroup(func(events.SQSMessage) string { return "" }),
		"WithMiddleware is not allowed: ": troupe.WithMiddleware(func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
			return next
		}),
		"WithRetry is not allowed: ":         troupe.WithRetry(troupe.Retry{Times: 1}),
		"WithRecordTimeout is not allowed: ": troupe.WithRecordTimeout(time.Second),
		"WithLowestOnly is for":              troupe.WithLowestOnly(),
	} {
		assert.Contains(t, refusal(t, func() { bulk.SQS(nothing, option) }), "troupe: "+says)
	}
	assert.Contains(t, refusal(t, func() { bulk.SQS(nil) }), "troupe: the sqs batch handler is nil")
	assert.Contains(t, refusal(t, func() { bulk.Kinesis(nil) }), "troupe: the kinesis batch handler is nil")
	assert.Contains(t, refusal(t, func() { bulk.DynamoDB(nil) }), "troupe: the dynamodb batch handler is nil")
}

func refusal(t *testing.T, construct func()) (text string) {
	t.Helper()
	defer func() {
		err, ok := recover().(error)
		require.True(t, ok, "it panics with an error")
		text = err.Error()
	}()
	construct()
	return ""
}

func TestWhatFailuresSay(t *testing.T) {
	assert.EqualError(t, bulk.Failures{4: errors.New("later"), 2: errItem, 1: nil}, "troupe: 2 records of the batch failed; the first, at index 2: item failed")
	assert.EqualError(t, bulk.Failures{1: nil}, "troupe: no record of the batch failed")
	assert.ErrorIs(t, bulk.Failures{1: nil, 2: errItem}, errItem)
}

// pretender is an error that passes for any other.
type pretender struct{}

func (pretender) Error() string { return "pretender" }
func (pretender) Is(error) bool { return true }

// SPEC S2: a batch handler that panics has failed, whatever the Is method of the panic's value says.
func TestAPanicWithAnErrorThatIsEverythingIsNoSuccess(t *testing.T) {
	p := process("sqs", func(context.Context, []string) error { panic(pretender{}) }, troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(nil))
	got, err := p.Invoke(t.Context(), document("sqs", "ab"))
	require.NoError(t, err)
	assert.Equal(t, answer("1 2"), string(got))
}
