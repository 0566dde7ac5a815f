package firehose

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

var quiet = troupe.WithLogger(slog.New(slog.DiscardHandler))

var errHandler = errors.New("the handler failed")

// eventOf is the event of a stream with Direct PUT.
func eventOf(data ...string) []byte {
	var text strings.Builder
	text.WriteString(`{"invocationId":"i","deliveryStreamArn":"arn","region":"eu-west-1","records":[`)
	for i, d := range data {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"recordId":"r%d","approximateArrivalTimestamp":1507217624302,"data":%q}`, i, base64.StdEncoding.EncodeToString([]byte(d)))
	}
	text.WriteString("]}")
	return []byte(text.String())
}

// transform does as the data says.
func transform(_ context.Context, r Record) (Output, error) {
	switch what := string(r.Data); what {
	case "drop":
		return Output{}, troupe.Drop(errHandler)
	case "fail":
		return Output{}, errHandler
	case "panic":
		panic("as the data says")
	case "exit":
		runtime.Goexit()
		return Output{}, nil
	case "keys":
		return Output{Data: r.Data, PartitionKeys: map[string]string{"b": "<2>", "a": "1"}}, nil
	case "table":
		return Output{Data: r.Data, Table: &Table{Database: "d", Name: "t", Operation: "update"}}, nil
	case "empty":
		return Output{}, nil
	default:
		return Output{Data: []byte(strings.ToUpper(what))}, nil
	}
}

// invoke returns what Firehose makes of the response to an event.
func invoke(t *testing.T, p *Processor, event []byte) []string {
	t.Helper()
	response, err := p.Invoke(t.Context(), event)
	require.NoError(t, err)
	results, err := delivered(event, response)
	require.NoError(t, err, "%s", response)

	// The typed response is the same.
	var read Event
	if json.Unmarshal(event, &read) == nil {
		typed, err := p.Process(t.Context(), read)
		require.NoError(t, err)
		text, err := json.Marshal(typed)
		require.NoError(t, err)
		require.Equal(t, string(response), string(text))
	}
	return results
}

func TestEachRecordComesBackOnceWithItsResult(t *testing.T) {
	p := New(troupe.Returning(transform), quiet)
	assert.Equal(t, []string{"Ok ONE", "Dropped", "ProcessingFailed fail", "ProcessingFailed panic", "ProcessingFailed exit", "Ok keys", "Ok table", "Ok", "Ok LAST"},
		invoke(t, p, eventOf("one", "drop", "fail", "panic", "exit", "keys", "table", "empty", "last")))
	assert.Empty(t, invoke(t, p, eventOf()))

	response, err := p.Invoke(t.Context(), eventOf("keys", "table", "empty"))
	require.NoError(t, err)
	assert.Equal(t, `{"records":[`+
		`{"recordId":"r0","result":"Ok","data":"a2V5cw==","metadata":{"partitionKeys":{"a":"1","b":"\u003c2\u003e"}}},`+
		`{"recordId":"r1","result":"Ok","data":"dGFibGU=","metadata":{"otfMetadata":{"destinationDatabaseName":"d","destinationTableName":"t","operation":"update"}}},`+
		`{"recordId":"r2","result":"Ok","data":""}]}`, string(response))
}

// A stream from Amazon MSK has kafkaRecordValue in place of data, and so has the response.
func TestRecordsOfMSKAreAnsweredByTheirOwnName(t *testing.T) {
	p := New(troupe.Returning(transform), quiet)
	event := []byte(strings.ReplaceAll(string(eventOf("one", "drop", "fail")), `"data"`, `"kafkaRecordValue"`))
	assert.Equal(t, []string{"Ok ONE", "Dropped", "ProcessingFailed fail"}, invoke(t, p, event))
	response, err := p.Invoke(t.Context(), event)
	require.NoError(t, err)
	assert.Contains(t, string(response), `{"recordId":"r0","result":"Ok","kafkaRecordValue":"T05F"}`)
}

// A failure is the record's own: whatever the batch, no error is returned, and no variable changes that.
func TestNoRecordFailsTheInvocation(t *testing.T) {
	t.Setenv("POWERTOOLS_BATCH_THROW_ON_FULL_BATCH_FAILURE", "true")
	for _, p := range []*Processor{New(troupe.Returning(transform), quiet), New(troupe.Returning(transform), quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever))} {
		assert.Equal(t, []string{"ProcessingFailed fail", "ProcessingFailed panic"}, invoke(t, p, eventOf("fail", "panic")))
	}
}

func TestOptionsThatFirehoseHasNoUseForAreRefused(t *testing.T) {
	for want, option := range map[string]troupe.Option{
		"troupe: WithErrorWhen(ErrorWhenAll): must be ErrorWhenNever, which is the default: ": troupe.WithErrorWhen(troupe.ErrorWhenAll),
		"troupe: WithErrorWhen(ErrorWhenAny): must be ErrorWhenNever, which is the default: ": troupe.WithErrorWhen(troupe.ErrorWhenAny),
		"troupe: WithIgnore is not allowed: ":                                                 troupe.WithIgnore(func([]byte) bool { return true }),
		"troupe: WithLowestOnly is for streams":                                               troupe.WithLowestOnly(),
	} {
		_, err := troupe.NewProcessor(Source{}, Answer(), troupe.Returning(transform), option)
		assert.ErrorContains(t, err, want)
		assert.Panics(t, func() { New(troupe.Returning(transform), option) })
	}
	assert.Panics(t, func() { New[Record](nil) })
}

// What a handler may leave: an Output, bytes or a text, and nothing else, since it would be lost.
func TestAHandlerLeavesWhatTheRecordBecomes(t *testing.T) {
	failed := func(p *Processor) string {
		_, report, err := p.ProcessReport(t.Context(), Event{Records: []Record{{ID: "a", Data: []byte("own")}}})
		require.NoError(t, err)
		require.Equal(t, []int{0, 1}, []int{report.Succeeded, report.Failed})
		assert.Nil(t, report.Records[0].Value)
		return report.Records[0].Err.Error()
	}
	assert.Equal(t, []string{"Ok x"}, invoke(t, New(troupe.Returning(func(context.Context, Record) ([]byte, error) { return []byte("x"), nil })), eventOf("a")))
	assert.Equal(t, []string{"Ok x"}, invoke(t, New(troupe.Returning(func(context.Context, troupe.Lazy[Record]) (string, error) { return "x", nil })), eventOf("a")))
	number := New(troupe.Returning(func(context.Context, Record) (int, error) { return 7, nil }), quiet)
	assert.Equal(t, []string{"ProcessingFailed a"}, invoke(t, number, eventOf("a")))
	assert.Equal(t, "troupe: the handler returned no firehose.Output, []byte or string but a int; wrap it with troupe.Returning", failed(number))
	nothing := New(func(context.Context, Record) error { return nil }, quiet)
	assert.Equal(t, []string{"ProcessingFailed a"}, invoke(t, nothing, eventOf("a")))
	assert.Contains(t, failed(nothing), "wrap it with troupe.Returning")
}

func TestJSONEndsEachRecordWithANewline(t *testing.T) {
	output, err := JSON(map[string]int{"n": 1})
	require.NoError(t, err)
	assert.Equal(t, "{\"n\":1}\n", string(output.Data))
	_, err = JSON(make(chan int))
	assert.True(t, batch.IsPermanent(err))
}

// Failed records are in the report and reach the hooks, whenever they failed, and observers see the final report.
func TestTheReportHasWhatDidNotFit(t *testing.T) {
	var hooked []string
	var observed int
	p := New(troupe.Returning(func(context.Context, Record) ([]byte, error) { return make([]byte, 4<<20), nil }), quiet,
		troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) {
			assert.ErrorIs(t, err, ErrTooLarge)
			hooked = append(hooked, rec.ID)
		}), troupe.WithObserver(func(_ context.Context, r *troupe.Report) { observed = r.Failed }))
	response, err := p.Invoke(t.Context(), eventOf("a", "b", "c"))
	require.NoError(t, err)
	results, err := delivered(eventOf("a", "b", "c"), response)
	require.NoError(t, err)
	assert.Equal(t, []string{"ProcessingFailed b", "ProcessingFailed c"}, results[1:])
	assert.Equal(t, []string{"r1", "r2"}, hooked)
	assert.Equal(t, 2, observed)
}

// The last records are failed first, only as many as it takes, and none whose failure would not help. One that cannot
// fit by itself does not cost the others.
func TestWhatDoesNotFitFailsLastInBatchOrderFirst(t *testing.T) {
	const mb = 1 << 20
	results := func(sizes ...int) []string {
		data := make([]string, len(sizes))
		for i := range sizes {
			data[i] = fmt.Sprint(sizes[i])
		}
		p := New(troupe.Returning(func(_ context.Context, r Record) (string, error) {
			var n int
			_, err := fmt.Sscan(string(r.Data), &n)
			return strings.Repeat("x", n), err
		}), quiet)
		var short []string
		for _, result := range invoke(t, p, eventOf(data...)) {
			short = append(short, strings.TrimRight(result, "x"))
		}
		return short
	}
	failed := func(n int) string { return "ProcessingFailed " + fmt.Sprint(n) }
	assert.Equal(t, []string{"Ok ", "Ok ", failed(2 * mb)}, results(2*mb, 2*mb, 2*mb))
	assert.Equal(t, []string{"Ok ", "Ok ", "Ok"}, results(2*mb, 2*mb, 0))
	assert.Equal(t, []string{"Ok ", "Ok ", failed(1 * mb), "Ok"}, results(2*mb, 2*mb, mb, 0), "an empty Ok is shorter than a failure")
	assert.Equal(t, []string{"Ok ", failed(5 * mb), "Ok "}, results(mb, 5*mb, mb), "which fits with nothing")
	assert.Equal(t, []string{"Ok ", failed(4 * mb), failed(300)}, results(2*mb, 4*mb, 300), "the last one first")

	// To the byte.
	frame := len(`{"records":[{"recordId":"r0","result":"Ok","data":""}]}`)
	most := (6*mb - 1 - frame) / 4 * 3
	assert.Equal(t, []string{"Ok "}, results(most))
	assert.Equal(t, []string{failed(most + 1)}, results(most+1))
}

// Metadata counts, too.
func TestPartitionKeysCount(t *testing.T) {
	p := New(troupe.Returning(func(context.Context, Record) (Output, error) {
		return Output{PartitionKeys: map[string]string{"k": strings.Repeat("\"", 2<<20)}}, nil // a backslash for each
	}), quiet)
	assert.Equal(t, []string{"Ok", "ProcessingFailed b"}, invoke(t, p, eventOf("a", "b")))
}

// Failed records have their own data back while there is room, the first ones first.
func TestFailedRecordsHaveTheirDataBackWhileThereIsRoom(t *testing.T) {
	large := strings.Repeat("y", 3<<20)
	p := New(troupe.Returning(func(_ context.Context, r Record) (string, error) {
		if len(r.Data) > 10 {
			return "", errHandler
		}
		return strings.Repeat("x", 1<<20), nil
	}), quiet)
	results := invoke(t, p, eventOf("a", large, large, "b"))
	var short []string
	for _, result := range results {
		short = append(short, fmt.Sprint(result[:4], len(result)))
	}
	assert.Equal(t, []string{fmt.Sprint("Ok x", 3+1<<20), fmt.Sprint("Proc", len("ProcessingFailed")), fmt.Sprint("Proc", len("ProcessingFailed")), fmt.Sprint("Ok x", 3+1<<20)}, short)
	assert.Equal(t, []string{"ProcessingFailed " + large, "ProcessingFailed", "Ok"}, first(invoke(t, p, eventOf(large, large, "a")), 0, 1), "the first of them fits")
}

// first returns the results at the given places, and the word of the last one.
func first(results []string, places ...int) (some []string) {
	for _, i := range places {
		some = append(some, results[i])
	}
	word, _, _ := strings.Cut(results[len(results)-1], " ")
	return append(some, word)
}

// The reason of what was never started, or was abandoned, is in the report; the result is final.
func TestWhatThereIsNoTimeForHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		release := make(chan struct{})
		var report *troupe.Report
		p := New(troupe.Returning(func(_ context.Context, r Record) (string, error) {
			if string(r.Data) == "hang" {
				<-release
			}
			return "done", nil
		}), quiet, troupe.WithConcurrency(1), troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
		event := eventOf("a", "hang", "b")
		response, err := p.Invoke(ctx, event)
		require.NoError(t, err)
		results, err := delivered(event, response)
		require.NoError(t, err)
		assert.Equal(t, []string{"Ok done", "ProcessingFailed hang", "ProcessingFailed b"}, results)
		assert.ErrorIs(t, report.Records[1].Err, troupe.ErrAbandoned)
		assert.ErrorIs(t, report.Records[2].Err, troupe.ErrNotStarted)

		// The event's own record is its handler's as long as that runs.
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		typed, err := p.Process(ctx, Event{Records: []Record{{ID: "a", Data: []byte("hang")}, {ID: "b", Data: []byte("b")}}})
		require.NoError(t, err)
		assert.Equal(t, []ResponseRecord{{ID: "a", Result: ProcessingFailed}, {ID: "b", Result: ProcessingFailed, Data: []byte("b")}}, typed.Records)
		close(release)
		synctest.Wait()
	})
}

// Firehose waits for five minutes at most, however long the function may take.
func TestTheDeadlineIsFiveMinutesAfterArrival(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{15 * time.Minute: 5 * time.Minute, time.Minute: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			began := time.Now()
			p := New(troupe.Returning(func(ctx context.Context, _ Record) (string, error) {
				deadline, ok := troupe.DeadlineFrom(ctx)
				require.True(t, ok)
				assert.Equal(t, want, deadline.Sub(began))
				<-ctx.Done()
				return "", ctx.Err()
			}), quiet)
			_, err := p.Invoke(ctx, eventOf("a"))
			require.NoError(t, err)
			assert.Less(t, time.Since(began), want)
		})
	}
}

// A stop leaves the records behind it failed for good; a retry and a last resort come before.
func TestPoliciesAndRetriesApply(t *testing.T) {
	assert.Equal(t, []string{"Ok A", "ProcessingFailed fail", "ProcessingFailed b"},
		invoke(t, New(troupe.Returning(transform), quiet, troupe.WithPolicy(troupe.StopBatch), troupe.WithConcurrency(1)), eventOf("a", "fail", "b")))
	calls := 0
	again := New(troupe.Returning(func(context.Context, Record) (string, error) {
		if calls++; calls%2 == 1 {
			return "", errHandler
		}
		return "second", nil
	}), quiet, troupe.WithRetry(troupe.Retry{Times: 1, Base: time.Nanosecond}))
	assert.Equal(t, []string{"Ok second"}, invoke(t, again, eventOf("a")))
	resort := New(troupe.Returning(transform), quiet, troupe.WithLastResort(func(context.Context, troupe.Record, error) error { return nil }))
	assert.Equal(t, []string{"Dropped"}, invoke(t, resort, eventOf("fail")))
}

// SPEC D3: nothing refers to the payload.
func TestNothingRefersToThePayload(t *testing.T) {
	event := eventOf("one", "fail")
	b, err := Source{}.Decode(event)
	require.NoError(t, err)
	for i := range event {
		event[i] = 'x'
	}
	r, err := b.Open(0)
	require.NoError(t, err)
	assert.Equal(t, "one", string(r.Data))
	assert.Equal(t, []string{"r0", "r1"}, b.IDs)
	payload, err := b.Payload(1)
	require.NoError(t, err)
	assert.Equal(t, "fail", string(payload))
}

// SPEC S9: nothing of a payload in errors and logs.
func TestThePayloadStaysOutOfErrorsAndLogs(t *testing.T) {
	var log strings.Builder
	p := New(troupe.Returning(transform), troupe.WithLogger(slog.New(slog.NewTextHandler(io.Writer(&log), nil))))
	for _, event := range []string{
		`{"records":[{"recordId":"a","data":"secret!"}]}`, `{"records":[{"recordId":"a","data":{"secret":1}}]}`,
		`{"records":[{"recordId":{"secret":1}}]}`, `{"records":[{"recordId":"secret","data":""},{"recordId":"secret","data":""}]}`, `{"records":"secret"}`, `"secret"`, `secret`,
	} {
		_, err := p.Invoke(t.Context(), []byte(event))
		assert.NotContains(t, fmt.Sprint(err), "secret")
	}
	assert.NotContains(t, log.String(), "secret")
	assert.Contains(t, log.String(), "data: string that is not base64 where []uint8 was expected")
}

// The response has at most one byte less than the limit, whatever makes the last byte.
func TestTheLimitHoldsToTheByte(t *testing.T) {
	sized := func(total int) *Processor { // whose first result makes the response that long, if the second has no data
		return New(troupe.Returning(func(_ context.Context, r Record) (Output, error) {
			switch string(r.Data) {
			case "second":
				return Output{Data: make([]byte, 300)}, nil
			case "failed":
				return Output{}, errors.New("no")
			}
			others := ResponseRecord{ID: "r1", Result: ProcessingFailed}
			bare := ResponseRecord{ID: "r0", Result: Ok, PartitionKeys: map[string]string{"k": ""}}
			size := len(head) + len(tail) + bare.size()
			if string(r.Data) == "first of two" {
				size += len(",") + others.size()
			}
			return Output{PartitionKeys: map[string]string{"k": strings.Repeat("x", total-size)}}, nil
		}), quiet)
	}
	words := func(results []string) (words []string) {
		for _, result := range results {
			word, _, _ := strings.Cut(result, " ")
			words = append(words, word)
		}
		return words
	}
	assert.Equal(t, []string{"Ok"}, words(invoke(t, sized(limit-1), eventOf("only"))))
	assert.Equal(t, []string{"ProcessingFailed"}, words(invoke(t, sized(limit), eventOf("only"))))
	assert.Equal(t, []string{"Ok", "ProcessingFailed"}, words(invoke(t, sized(limit-1), eventOf("first of two", "second"))))
	assert.Equal(t, []string{"ProcessingFailed", "Ok"}, words(invoke(t, sized(limit), eventOf("first of two", "second"))), "the first fits with nothing")

	// The last one fails if both together have exactly the limit.
	both := limit - ((&ResponseRecord{Result: Ok, Data: make([]byte, 300)}).size() - (&ResponseRecord{Result: ProcessingFailed}).size())
	assert.Equal(t, []string{"Ok", "ProcessingFailed"}, words(invoke(t, sized(both), eventOf("first of two", "second"))))
	assert.Equal(t, []string{"Ok", "Ok"}, words(invoke(t, sized(both-1), eventOf("first of two", "second"))))

	// A failed record has its data back if there is room for all of it.
	data := base64.StdEncoding.EncodedLen(len("failed"))
	assert.Equal(t, "ProcessingFailed failed", invoke(t, sized(limit-1-data), eventOf("first of two", "failed"))[1])
	assert.Equal(t, "ProcessingFailed", strings.TrimSpace(invoke(t, sized(limit-data), eventOf("first of two", "failed"))[1]))
}
