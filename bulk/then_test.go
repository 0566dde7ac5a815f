package bulk_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/kafka"
)

var silent = troupe.WithLogger(slog.New(slog.DiscardHandler))

// enrich makes a processor whose handler gets a record's identifier and returns it behind a v if handle
// returns nil. write gets what was returned.
func enrich(source string, handle func(ctx context.Context, id string) error, write func(context.Context, []string) error, options ...troupe.Option) lambda.Handler {
	options = append([]troupe.Option{silent}, options...)
	value := func(ctx context.Context, id string) (string, error) { return "v" + id, handle(ctx, id) }
	switch source {
	case "kinesis":
		return bulk.KinesisThen(troupe.Returning(func(ctx context.Context, r events.KinesisEventRecord) (string, error) {
			return value(ctx, r.Kinesis.SequenceNumber)
		}), write, options...)
	case "dynamodb":
		return bulk.DynamoDBThen(troupe.Returning(func(ctx context.Context, r events.DynamoDBEventRecord) (string, error) {
			return value(ctx, r.Change.SequenceNumber)
		}), write, options...)
	default:
		return bulk.SQSThen(troupe.Returning(func(ctx context.Context, m events.SQSMessage) (string, error) {
			return value(ctx, m.MessageId)
		}), write, options...)
	}
}

// SPEC R2: what is written, and what is reported for a record that fails and for one that the write refuses.
func TestEnrichThenWrite(t *testing.T) {
	policy := troupe.WithPolicy
	for name, c := range map[string]struct {
		source, groups string
		options        []troupe.Option
		fails          string // the records whose handler fails
		written        string // the records whose values are written
		returned       error  // by the write
		reported       string
	}{
		"all is well":                            {"sqs", "aba", nil, "", "1 2 3", nil, ""},
		"a handler fails, without order":         {"sqs", "aaa", nil, "2", "1 3", nil, "2"},
		"no handler succeeds":                    {"sqs", "aab", []troupe.Option{troupe.WithErrorWhen(troupe.ErrorWhenNever)}, "1 2 3", "", nil, "1 2 3"},
		"a record cannot be decoded":             {"sqs", "aBa", nil, "", "1 3", nil, "2"},
		"the write refuses, without order":       {"sqs", "aaa", nil, "", "1 2 3", bulk.Failures{1: errItem}, "2"},
		"the write refuses behind a failure":     {"sqs", "aaa", nil, "1", "2 3", bulk.Failures{1: errItem}, "1 3"},
		"Failures without a failure":             {"sqs", "aaa", nil, "", "1 2 3", bulk.Failures{1: nil}, ""},
		"wrapped Failures":                       {"sqs", "aaa", nil, "", "1 2 3", fmt.Errorf("index: %w", bulk.Failures{0: errItem}), "1"},
		"an error of the call":                   {"sqs", "aaa", nil, "2", "1 3", errItem, "1 2 3"},
		"an index that there is not":             {"sqs", "aaa", nil, "2", "1 3", bulk.Failures{2: errItem}, "1 2 3"},
		"values behind a failure of a stream":    {"kinesis", "abab", nil, "1", "2 4", nil, "1 3"},
		"values behind a failure of an item":     {"dynamodb", "abab", nil, "2", "1 3", nil, "2 4"},
		"values behind an undecodable one":       {"kinesis", "aAba", nil, "", "1 3", nil, "2 4"},
		"refused of a stream":                    {"kinesis", "abab", nil, "", "1 2 3 4", bulk.Failures{0: errItem}, "1 3"},
		"refused of a stream, the last":          {"kinesis", "abab", nil, "", "1 2 3 4", bulk.Failures{3: errItem}, "4"},
		"refused of an item":                     {"dynamodb", "aaab", nil, "", "1 2 3 4", bulk.Failures{1: errItem}, "2 3"},
		"refused, and failed elsewhere":          {"kinesis", "abcab", nil, "2", "1 3 4", bulk.Failures{0: errItem}, "1 2 4 5"},
		"an error of the call on a stream":       {"kinesis", "abab", nil, "1", "2 4", errItem, "1 2 3 4"},
		"a stream under Continue":                {"kinesis", "aaa", []troupe.Option{policy(troupe.Continue)}, "1", "2 3", bulk.Failures{0: errItem}, "1 2"},
		"a stream without order":                 {"kinesis", "aaa", []troupe.Option{troupe.WithoutOrder()}, "1", "2 3", bulk.Failures{0: errItem}, "1 2"},
		"refused of a FIFO queue":                {"sqs.fifo", "abab", nil, "", "1 2 3 4", bulk.Failures{0: errItem}, "1 3"},
		"a FIFO queue stops":                     {"sqs.fifo", "abab", []troupe.Option{troupe.WithConcurrency(1)}, "2", "1", nil, "2 3 4"},
		"a standard queue by group":              {"sqs", "abab", []troupe.Option{troupe.WithGroup(func(m events.SQSMessage) string { return m.Attributes["MessageGroupId"] }), policy(troupe.StopGroup)}, "", "1 2 3 4", bulk.Failures{1: errItem}, "2 4"},
		"the lowest only":                        {"kinesis", "abab", []troupe.Option{troupe.WithLowestOnly()}, "4", "1 2 3", bulk.Failures{1: errItem}, "2"},
		"a retry saves a record":                 {"kinesis", "aba", []troupe.Option{troupe.WithRetry(troupe.Retry{Times: 1})}, "1once", "1 2 3", nil, ""},
		"a last resort drops what cannot be had": {"kinesis", "aba", []troupe.Option{troupe.WithLastResort(func(context.Context, troupe.Record, error) error { return nil })}, "1", "2 3", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var written []string
				calls := 0
				p := enrich(c.source, func(ctx context.Context, id string) error {
					rec, _ := troupe.RecordFrom(ctx)
					for _, n := range strings.Fields(c.fails) {
						if n == id || n == id+"once" && rec.Attempt == 1 {
							return errItem
						}
					}
					return nil
				}, func(_ context.Context, values []string) error {
					calls++
					written = append(written, values...)
					return c.returned
				}, c.options...)
				got, err := p.Invoke(t.Context(), document(c.source, c.groups))
				if strings.Count(c.reported, " ")+1 == len(c.groups) && c.options == nil {
					require.ErrorIs(t, err, errItem)
				} else {
					require.NoError(t, err)
					assert.JSONEq(t, answer(c.reported), string(got))
				}
				want := strings.Fields(c.written)
				for i := range want {
					want[i] = "v" + want[i]
				}
				assert.Equal(t, want, append([]string{}, written...), "in batch order")
				assert.Equal(t, min(len(want), 1), calls, "the write is called once, and never with nothing")
			})
		})
	}
}

// SPEC R2: a topic's partitions are its groups.
func TestEnrichThenWriteOfATopic(t *testing.T) {
	var written []int64
	p := bulk.KafkaThen(troupe.Returning(func(_ context.Context, r kafka.Record) (int64, error) { return r.Offset, nil }),
		func(_ context.Context, offsets []int64) error {
			written = offsets
			return bulk.Failures{1: errItem, 5: errItem}
		}, silent)
	got, err := p.Invoke(t.Context(), topic(""))
	require.NoError(t, err)
	assert.Equal(t, []int64{1, 2, 3, 1, 2, 3}, written)
	assert.JSONEq(t, topicAnswer("0@2 0@3 1@3"), string(got))
}

// SPEC R2: handlers run in parallel, one at a time within a group, whatever the write waits for.
func TestRecordsAreEnrichedInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := enrich("kinesis", func(context.Context, string) error { time.Sleep(time.Second); return nil },
			func(context.Context, []string) error {
				assert.Equal(t, 2*time.Second, time.Since(start))
				return nil
			})
		_, err := p.Invoke(t.Context(), document("kinesis", "abcadb"))
		require.NoError(t, err)
	})
}

// SPEC R2: enriching ends at half of the time to the cutoff, and the write has the rest.
func TestEnrichingEndsAtHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		at := func(ctx context.Context) time.Duration { d, _ := ctx.Deadline(); return d.Sub(start) }
		ctx, cancel := context.WithTimeout(t.Context(), 21*time.Second)
		defer cancel()
		var report *troupe.Report
		p := enrich("kinesis", func(ctx context.Context, id string) error {
			assert.Equal(t, 10*time.Second, at(ctx), "half of the time to the cutoff")
			deadline, _ := troupe.DeadlineFrom(ctx)
			assert.Equal(t, 21*time.Second, deadline.Sub(start))
			switch id {
			case "2":
				<-ctx.Done()
				assert.ErrorIs(t, context.Cause(ctx), troupe.ErrDeadline)
				return ctx.Err()
			case "3":
				<-ctx.Done()
				return nil // late, but done
			case "4":
				time.Sleep(time.Hour) // abandoned
			}
			return nil
		}, func(ctx context.Context, values []string) error {
			assert.Equal(t, 20*time.Second, at(ctx), "the cutoff")
			assert.Equal(t, []string{"v1", "v3", "v5"}, values)
			assert.Equal(t, 10750*time.Millisecond, time.Since(start), "when the last handler is abandoned")
			time.Sleep(9 * time.Second)
			return nil
		}, troupe.WithReserve(time.Second), troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
		got, err := p.Invoke(ctx, document("kinesis", "abcda"))
		require.NoError(t, err)
		assert.JSONEq(t, answer("2 4"), string(got))
		assert.Equal(t, 1, report.Abandoned)
		assert.Equal(t, 19750*time.Millisecond, report.Duration)
		require.ErrorIs(t, report.Records[1].Err, troupe.ErrDeadline)
		require.ErrorIs(t, report.Records[3].Err, troupe.ErrAbandoned)
		time.Sleep(time.Hour)
	})
}

// A write that does not return in time is abandoned, and one whose time is up before it begins is not called. Every
// record is reported, and the report says which was handled.
func TestAWriteThatIsNotDone(t *testing.T) {
	for name, c := range map[string]struct {
		write  func(context.Context, []string) error
		cancel bool
		is     []error
		isNot  error
		calls  int
	}{
		"hangs": {func(ctx context.Context, _ []string) error { time.Sleep(time.Hour); return nil }, false, []error{troupe.ErrDeadline, troupe.ErrAbandoned}, troupe.ErrNotStarted, 1},
		"late": {func(ctx context.Context, _ []string) error {
			<-ctx.Done()
			return bulk.Failures{0: errItem, 1: errItem}
		}, false, []error{troupe.ErrDeadline, errItem}, troupe.ErrAbandoned, 1},
		"panics":    {func(context.Context, []string) error { panic(errItem) }, false, []error{troupe.ErrPanic, errItem}, troupe.ErrDeadline, 1},
		"exits":     {func(context.Context, []string) error { runtime.Goexit(); return nil }, false, []error{troupe.ErrGoexit}, troupe.ErrDeadline, 1},
		"cancelled": {func(context.Context, []string) error { return nil }, true, []error{troupe.ErrCancelled}, troupe.ErrNotStarted, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				var report *troupe.Report
				var hooked []string
				var calls atomic.Int64 // an abandoned write is not waited for
				p := enrich("sqs", func(context.Context, string) error {
					if c.cancel {
						time.Sleep(time.Second) // until both have started
						cancel()
					}
					return nil
				}, func(ctx context.Context, values []string) error { calls.Add(1); return c.write(ctx, values) },
					troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }),
					troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
						hooked = append(hooked, rec.ID)
						assert.Equal(t, 1, rec.Attempt)
					}))
				_, err := p.Invoke(ctx, document("sqs", "ab"))
				require.ErrorIs(t, err, c.is[0])
				assert.EqualValues(t, c.calls, calls.Load())
				assert.Equal(t, []string{"1", "2"}, hooked, "once each")
				for _, r := range report.Records {
					assert.Equal(t, troupe.Failed, r.Outcome)
					for _, is := range c.is {
						require.ErrorIs(t, r.Err, is)
					}
					require.NotErrorIs(t, r.Err, c.isNot)
					assert.Nil(t, r.Value)
				}
				assert.Zero(t, report.NotStarted, "every record was handled")
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// The report is about the records, whoever failed them, and every failure hook is called once for each.
func TestTheReportOfEnrichThenWrite(t *testing.T) {
	var report *troupe.Report
	var hooked []string
	p := enrich("kinesis", func(_ context.Context, id string) error {
		if id == "2" {
			return errItem
		}
		return nil
	}, func(context.Context, []string) error { return bulk.Failures{0: errItem} },
		troupe.WithConcurrency(1),
		troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }),
		troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
			hooked = append(hooked, rec.ID+rec.Group)
		}))
	got, err := p.Invoke(t.Context(), document("kinesis", "abcab"))
	require.NoError(t, err)
	assert.JSONEq(t, answer("1 2 4 5"), string(got))
	assert.Equal(t, []int{1, 4, 1}, []int{report.Succeeded, report.Failed, report.NotStarted})
	assert.Equal(t, []string{"2b", "5b", "1a", "4a"}, hooked)
	value, ok := troupe.Value[string](report.Records[2])
	assert.True(t, ok)
	assert.Equal(t, "v3", value)
	require.ErrorIs(t, report.Records[0].Err, errItem)
	require.ErrorIs(t, report.Records[3].Err, troupe.ErrGroupStopped)
	require.NotErrorIs(t, report.Records[3].Err, troupe.ErrNotStarted)
	assert.ErrorContains(t, report.Records[3].Err, "was passed to the write")
	assert.Nil(t, report.Records[3].Value)
}

// A handler that keeps nothing, or something else, fails its record: nothing of it could be written. What is behind it
// in its group is not written either.
func TestAHandlerWithoutAValue(t *testing.T) {
	var written []string
	p := bulk.KinesisThen(func(ctx context.Context, r events.KinesisEventRecord) error {
		switch r.Kinesis.SequenceNumber {
		case "1":
			return nil
		case "2":
			return troupe.Returning(func(context.Context, int) (int, error) { return 1, nil })(ctx, 0)
		}
		return troupe.Returning(func(context.Context, int) (string, error) { return r.Kinesis.SequenceNumber, nil })(ctx, 0)
	}, func(_ context.Context, values []string) error { written = values; return nil }, silent)
	got, err := p.Invoke(t.Context(), document("kinesis", "abcab"))
	require.NoError(t, err)
	assert.JSONEq(t, answer("1 2 4 5"), string(got))
	assert.Equal(t, []string{"3"}, written)
	_, err = p.Invoke(t.Context(), document("kinesis", "a"))
	assert.ErrorContains(t, err, "troupe: the handler returned no string to write; wrap it with troupe.Returning")
}

// Lazy handlers, Process, an empty batch and a refused event are as with any other processor.
func TestThenIsAProcessorLikeOthers(t *testing.T) {
	calls := 0
	p := bulk.SQSThen(troupe.Returning(func(_ context.Context, m troupe.Lazy[events.SQSMessage]) (string, error) {
		body, err := m.Payload()
		return string(body), err
	}), func(_ context.Context, bodies []string) error {
		calls++
		assert.Equal(t, []string{"x", "y"}, bodies)
		return nil
	}, silent)
	got, report, err := p.ProcessReport(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "a", Body: "x"}, {MessageId: "b", Body: "y"}}})
	require.NoError(t, err)
	assert.Empty(t, got.BatchItemFailures)
	assert.Equal(t, 2, report.Succeeded)
	_, err = p.Invoke(t.Context(), document("sqs", ""))
	require.NoError(t, err)
	_, err = p.Invoke(t.Context(), []byte(`{}`))
	require.ErrorIs(t, err, troupe.ErrEvent)
	assert.Equal(t, 1, calls)
}

// A group function has the handlers' time, since no handler runs before it has returned.
func TestAGroupFunctionThatHangsLeavesTheWriteItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 21*time.Second)
		defer cancel()
		start := time.Now()
		p := enrich("sqs", func(context.Context, string) error { return nil }, func(context.Context, []string) error { return nil },
			troupe.WithReserve(time.Second), troupe.WithGroup(func(events.SQSMessage) string { time.Sleep(time.Minute); return "" }))
		_, err := p.Invoke(ctx, document("sqs", "ab"))
		require.ErrorIs(t, err, troupe.ErrDeadline)
		assert.Equal(t, 10*time.Second, time.Since(start))
		time.Sleep(time.Hour)
	})
}

func TestWhatThenRefuses(t *testing.T) {
	handler := troupe.Returning(func(context.Context, events.SQSMessage) (int, error) { return 0, nil })
	write := func(context.Context, []int) error { return nil }
	assert.Contains(t, refusal(t, func() {
		bulk.SQSThen(handler, write, troupe.WithDecider(func(troupe.Record, error) troupe.Policy { return troupe.Derive }))
	}), "troupe: WithDecider is not allowed: one write is for all records")
	assert.Contains(t, refusal(t, func() { bulk.SQSThen(handler, write, troupe.WithRedelivery(batch.Redelivery{})) }), "troupe: WithRedelivery is not allowed: a record that the write fails")
	assert.Contains(t, refusal(t, func() { bulk.SQSThen(handler, write, troupe.WithLowestOnly()) }), "WithLowestOnly is for streams")
	assert.Contains(t, refusal(t, func() { bulk.SQSThen[events.SQSMessage](handler, (func(context.Context, []int) error)(nil)) }), "troupe: the write of the sqs batch is nil; must be a function")
	assert.Contains(t, refusal(t, func() { bulk.SQSThen(troupe.Handler[events.SQSMessage](nil), write) }), "troupe: the sqs handler is nil")
}
