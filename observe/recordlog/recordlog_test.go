package recordlog_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/observe/recordlog"
)

// event is a Kinesis event with a record of each "key:data"; the sequence numbers are 1, 2, …
func event(records ...string) []byte {
	var texts []string
	for i, r := range records {
		key, data, _ := strings.Cut(r, ":")
		texts = append(texts, fmt.Sprintf(`{"kinesis":{"partitionKey":%q,"sequenceNumber":"%d","data":%q,"approximateArrivalTimestamp":1},"eventSource":"aws:kinesis"}`,
			key, i+1, base64.StdEncoding.EncodeToString([]byte(data))))
	}
	return []byte(`{"Records":[` + strings.Join(texts, ",") + `]}`)
}

// obey does what the data say.
func obey(_ context.Context, rec events.KinesisEventRecord) error {
	switch string(rec.Kinesis.Data) {
	case "fail":
		return errors.New("failed as directed")
	case "panic":
		panic("told to panic")
	case "exit":
		runtime.Goexit()
	case "hang":
		time.Sleep(time.Hour)
	case "long":
		return errors.New(strings.Repeat("x", 10_000))
	case "broken":
		return brokenError{}
	}
	return nil
}

type brokenError struct{}

func (brokenError) Error() string { panic("Error panics") }

// lines reads JSON lines, their times left out.
func lines(t *testing.T, text string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &m), line)
		delete(m, slog.TimeKey)
		all = append(all, m)
	}
	return all
}

// SPEC 2, S1: each failed record is a line, whatever it failed for, and nothing else is.
func TestEachFailedRecordIsALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := troupe.Kinesis(obey, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithConcurrency(1), troupe.WithRecordTimeout(time.Second),
			troupe.WithRetry(troupe.Retry{Times: 1, Base: 1}), recordlog.Failures(slog.New(slog.NewJSONHandler(&out, nil))))
		_, err := p.Invoke(t.Context(), event("a:ok", "b:fail", "c:panic", "b:ok", "d:exit", "e:hang", ":fail"))
		require.NoError(t, err)
		time.Sleep(2 * time.Hour) // what hangs has returned then

		line := func(level, id string, index, attempt float64, group, reason, text string) map[string]any {
			m := map[string]any{"level": level, "msg": "troupe: record failed", "source": "kinesis", "id": id,
				"index": index, "attempt": attempt, "reason": reason, "error": text}
			if group != "" {
				m["group_hash"] = batch.GroupHash(group)
			}
			return m
		}
		assert.ElementsMatch(t, []map[string]any{
			line("WARN", "2", 1, 2, "b", "error", "failed as directed"),
			line("WARN", "3", 2, 1, "c", "panic", "troupe: handler panicked: told to panic"),
			line("INFO", "4", 3, 0, "b", "not_started", "troupe: not started: the record's group was stopped by an earlier failure"),
			line("WARN", "5", 4, 1, "d", "goexit", "troupe: handler called runtime.Goexit"),
			line("WARN", "6", 5, 1, "e", "abandoned", "troupe: handler did not return in time and was abandoned: record timeout"),
			line("WARN", "7", 6, 2, "", "error", "failed as directed"),
		}, lines(t, out.String()))
	})
}

// SPEC S9: no payload and no group, and no more than a few hundred bytes of an error.
func TestALineHoldsNothingOfPayloadsAndIsBounded(t *testing.T) {
	var out bytes.Buffer
	p := troupe.Kinesis(obey, troupe.WithLogger(slog.New(slog.DiscardHandler)), recordlog.Failures(slog.New(slog.NewJSONHandler(&out, nil))))
	undecodable := `{"kinesis":{"partitionKey":"s3cr3t","sequenceNumber":"9","data":"s3cr3t!"},"eventSource":"aws:kinesis"}`
	payload := strings.Replace(string(event("s3cr3t-1:long", "s3cr3t-2:broken")), "]}", ","+undecodable+"]}", 1)
	_, err := p.Invoke(context.Background(), []byte(payload))
	require.Error(t, err, "all failed")
	assert.NotContains(t, out.String(), "s3cr3t")
	got := lines(t, out.String())
	require.Len(t, got, 3)
	for _, line := range got {
		assert.Less(t, len(line["error"].(string)), 400)
	}
	assert.Contains(t, out.String(), `"reason":"undecodable"`)
	assert.Contains(t, out.String(), "Error panics")
}

type traceKey struct{}

// tracing is a slog.Handler that adds what it finds in the context.
type tracing struct{ slog.Handler }

func (h tracing) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.Any("trace", ctx.Value(traceKey{})))
	return h.Handler.Handle(ctx, r)
}

// The invocation's context is the logger's, so that lines can be told apart by request or trace.
func TestTheLoggerGetsTheContextOfTheInvocation(t *testing.T) {
	var out bytes.Buffer
	p := troupe.Kinesis(obey, troupe.WithLogger(slog.New(slog.DiscardHandler)), recordlog.Failures(slog.New(tracing{slog.NewJSONHandler(&out, nil)})))
	_, _ = p.Invoke(context.WithValue(context.Background(), traceKey{}, "t1"), event("a:fail"))
	assert.Contains(t, out.String(), `"trace":"t1"`)
}

func TestNilMeansTheDefaultLoggerOfTheMoment(t *testing.T) {
	p := troupe.Kinesis(obey, troupe.WithLogger(slog.New(slog.DiscardHandler)), recordlog.Failures(nil))
	var out bytes.Buffer
	was := slog.Default()
	defer slog.SetDefault(was)
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	_, _ = p.Invoke(context.Background(), event("a:fail"))
	assert.Contains(t, out.String(), "failed as directed")
}

// A level that is off costs no text.
func TestALevelThatIsOffMakesNoLines(t *testing.T) {
	var out bytes.Buffer
	p := troupe.Kinesis(obey, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithConcurrency(1), troupe.WithPolicy(troupe.StopBatch),
		recordlog.Failures(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))))
	_, _ = p.Invoke(context.Background(), event("a:fail", "b:ok", "c:ok"))
	assert.Len(t, lines(t, out.String()), 1)
}

func TestOverlappingInvocationsLogWholeLines(t *testing.T) {
	var out bytes.Buffer // slog's handlers write under a lock
	p := troupe.Kinesis(obey, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever), recordlog.Failures(slog.New(slog.NewJSONHandler(&out, nil))))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := p.Invoke(context.Background(), event("a:fail", "b:fail", "c:ok"))
			assert.NoError(t, err)
		})
	}
	all.Wait()
	assert.Len(t, lines(t, out.String()), 100)
}

func BenchmarkFailures(b *testing.B) {
	for name, options := range map[string][]troupe.Option{
		"without": nil, "with": {recordlog.Failures(slog.New(slog.NewJSONHandler(new(discard), nil)))},
	} {
		b.Run(name, func(b *testing.B) {
			p := troupe.Kinesis(obey, append(options, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithoutOrder())...)
			payload := event(strings.Split(strings.Repeat("a:fail ", 100), " ")[:100]...)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = p.Invoke(context.Background(), payload)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/record")
		})
	}
}

type discard struct{}

func (*discard) Write(p []byte) (int, error) { return len(p), nil }
