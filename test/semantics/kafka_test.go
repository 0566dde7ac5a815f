package semantics_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
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
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/test/semantics/order"
	"github.com/troupe-go/troupe/typed"
)

// kafkaRecords returns n records in batch order: dealt out evenly to partitions, the keys to each in turn.
func kafkaRecords(n, partitions int, keys ...string) (records []kafka.Record) {
	for p := range partitions {
		for k := range n / partitions {
			r := kafka.Record{Topic: "orders", Partition: int32(p), Offset: int64(100 + k), Value: fmt.Append(nil, "value ", k)}
			if len(keys) > 0 && keys[k%len(keys)] != "" {
				r.Key = []byte(keys[k%len(keys)])
			}
			records = append(records, r)
		}
	}
	return records
}

func kafkaEvent(records ...kafka.Record) kafka.Event {
	event := kafka.Event{EventSource: "aws:kafka", Records: map[string][]kafka.Record{}}
	for _, r := range records {
		partition, _, _ := strings.Cut(r.ID(), "@")
		event.Records[partition] = append(event.Records[partition], r)
	}
	return event
}

func kafkaDocument(t testing.TB, records ...kafka.Record) []byte {
	t.Helper()
	text, err := json.Marshal(kafkaEvent(records...))
	require.NoError(t, err)
	return text
}

// kafkaFailures reads a response, which has to be of the very form that Lambda knows.
func kafkaFailures(t testing.TB, response []byte) []string {
	t.Helper()
	var form struct {
		BatchItemFailures []struct {
			ItemIdentifier struct {
				Partition *string `json:"partition"`
				Offset    *int64  `json:"offset"`
			} `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(response)))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&form), "%s", response)
	require.NotNil(t, form.BatchItemFailures, "%s", response)
	ids := []string{}
	for _, item := range form.BatchItemFailures {
		require.NotNil(t, item.ItemIdentifier.Partition, "%s", response)
		require.NotNil(t, item.ItemIdentifier.Offset, "%s", response)
		ids = append(ids, fmt.Sprintf("%s@%d", *item.ItemIdentifier.Partition, *item.ItemIdentifier.Offset))
	}
	return ids
}

// SPEC O1, O3, P1 to P3, P6, S3: of a partition, or of a key, one record at a time and in order of the offsets,
// whatever handlers do, while others go on beside.
func TestKafkaKeepsTheOrderOfPartitionsAndKeys(t *testing.T) {
	seed := uint64(0)
	for _, byKey := range []bool{false, true} {
		for _, policy := range []troupe.Policy{troupe.StopGroup, troupe.StopBatch, troupe.Continue} {
			for _, concurrency := range []int{1, 2, 16, 1000} {
				for _, retries := range []int{0, 2} {
					seed++
					t.Run(fmt.Sprintf("by key %v/%v/concurrency %d/%d retries", byKey, policy, concurrency, retries), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { playKafka(t, seed, byKey, policy, concurrency, retries) })
					})
				}
			}
		}
	}
}

func playKafka(t *testing.T, seed uint64, byKey bool, policy troupe.Policy, concurrency, retries int) {
	records := kafkaRecords(240, 8, "ann", "bob", "", "cyd", "dan", "eve", "")
	draw := rand.New(rand.NewPCG(seed, 9))
	deeds := make([][3]deed, len(records))
	for i := range deeds {
		for n := range deeds[i] {
			d := deed{"ok", time.Duration(1+draw.IntN(20))*time.Millisecond + time.Duration(3*i+n+1)*time.Microsecond}
			switch p := draw.Float64(); {
			case i < 30 && policy == troupe.StopBatch: // so that a stop has something to stop
			case p < 0.06:
				d.do = "fail"
			case p < 0.08:
				d.do = "panic"
			case p < 0.10:
				d.do = "exit"
			}
			deeds[i][n] = d
		}
	}
	rules := order.Rules{Concurrency: concurrency, Policy: policy, Exact: true}
	for _, r := range records {
		group, _, _ := strings.Cut(r.ID(), "@")
		if byKey {
			group = string(r.Key)
		}
		rules.Groups = append(rules.Groups, group)
	}
	backoff := func(attempt int) time.Duration { return time.Duration(attempt)*15*time.Millisecond + 1 }
	watched := order.Observe()
	var seen reported
	options := []troupe.Option{troupe.WithPolicy(policy), troupe.WithConcurrency(concurrency), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever),
		troupe.WithMiddleware(watched.Watch), troupe.WithObserver(seen.observe)}
	if byKey {
		options = append(options, kafka.ByKey())
	}
	if retries > 0 {
		options = append(options, troupe.WithRetry(troupe.Retry{Times: retries, Backoff: backoff}))
		rules.Retry = func(e order.Event) (time.Duration, bool) {
			return backoff(e.Attempt), e.Attempt <= retries && deeds[e.Record][e.Attempt-1].do == "fail"
		}
	}
	p := kafka.New(func(ctx context.Context, r kafka.Record) error {
		rec, _ := troupe.RecordFrom(ctx)
		require.Equal(t, records[rec.Index].ID(), r.ID())
		require.Equal(t, rec.ID, r.ID())
		require.Equal(t, batch.Kafka, rec.Source)
		d := deeds[rec.Index][rec.Attempt-1]
		time.Sleep(d.last)
		switch d.do {
		case "fail":
			return errDeed
		case "panic":
			panic(errDeed)
		case "exit":
			runtime.Goexit()
		}
		return nil
	}, options...)

	payload := kafkaDocument(t, records...)
	*watched = *order.Observe()
	response, err := p.Invoke(context.Background(), payload)
	require.NoError(t, err)
	assert.Empty(t, rules.Judge(watched.History(), seen.Records))
	if concurrency > 1 {
		assert.Greater(t, order.Overlap(watched.History()), 1)
	}
	failed := []string{}
	for i, r := range seen.Records {
		assert.Equal(t, records[i].ID(), r.ID)
		if r.Outcome != troupe.Succeeded {
			failed = append(failed, r.ID)
		}
	}
	assert.Equal(t, failed, kafkaFailures(t, response), "SPEC S2, S3")
	assert.NotEmpty(t, failed)
}

// SPEC P4: what a failure stops follows from how the batch is ordered.
func TestKafkaDerivesItsPolicy(t *testing.T) {
	records := kafkaRecords(12, 2, "ann", "bob", "")
	for _, c := range []struct {
		name    string
		options []troupe.Option
		fails   string
		want    []string
	}{
		{"by partition", nil, "orders-0@103", []string{"orders-0@103", "orders-0@104", "orders-0@105"}},
		{"by key", []troupe.Option{kafka.ByKey()}, "orders-0@103", []string{"orders-0@103", "orders-1@100", "orders-1@103"}},
		{"without a key", []troupe.Option{kafka.ByKey()}, "orders-0@105", []string{"orders-0@105", "orders-1@102", "orders-1@105"}},
		{"without order", []troupe.Option{troupe.WithoutOrder()}, "orders-0@103", []string{"orders-0@103"}},
		{"by a function", []troupe.Option{troupe.WithGroup(func(r kafka.Record) string { return r.Topic })}, "orders-1@104", []string{"orders-1@104", "orders-1@105"}},
		{"continue", []troupe.Option{troupe.WithPolicy(troupe.Continue)}, "orders-0@103", []string{"orders-0@103"}},
		{"stop", []troupe.Option{troupe.WithPolicy(troupe.StopBatch), troupe.WithConcurrency(1)}, "orders-1@104", []string{"orders-1@104", "orders-1@105"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := kafka.New(func(_ context.Context, r kafka.Record) error {
				if r.ID() == c.fails {
					return errHandler
				}
				return nil
			}, append(c.options, troupe.WithLogger(slog.New(slog.DiscardHandler)))...)
			response, err := p.Invoke(context.Background(), kafkaDocument(t, records...))
			require.NoError(t, err)
			assert.Equal(t, c.want, kafkaFailures(t, response))
		})
	}
}

// SPEC O3: WithoutOrder gives every record an actor of its own, also those of a partition.
func TestKafkaWithoutOrderOverlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watched := order.Observe()
		p := kafka.New(func(context.Context, kafka.Record) error { time.Sleep(time.Millisecond); return nil },
			troupe.WithMiddleware(watched.Watch), troupe.WithoutOrder(), troupe.WithConcurrency(4))
		_, err := p.Invoke(context.Background(), kafkaDocument(t, kafkaRecords(20, 1)...))
		require.NoError(t, err)
		assert.Equal(t, 4, order.Overlap(watched.History()))
	})
}

// SPEC D1, D2: handlers that hang are reported, and the response leaves before the deadline.
func TestKafkaAnswersBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		release := make(chan struct{})
		defer close(release)
		var seen reported
		p := kafka.New(func(_ context.Context, r kafka.Record) error {
			if r.Partition == 1 && r.Offset == 101 {
				<-release
			}
			return nil
		}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(seen.observe))
		response, err := p.Invoke(ctx, kafkaDocument(t, kafkaRecords(9, 3)...))
		require.NoError(t, err)
		require.NoError(t, ctx.Err())
		assert.Equal(t, []string{"orders-1@101", "orders-1@102"}, kafkaFailures(t, response))
		assert.ErrorIs(t, seen.Records[4].Err, troupe.ErrAbandoned)
		assert.ErrorIs(t, seen.Records[5].Err, troupe.ErrNotStarted)
	})
}

// SPEC D6: a record that cannot be decoded fails in its turn: what is before it in its partition is handled, what
// follows waits, and other partitions go on. By key nothing after it starts, for it might have any key.
func TestKafkaRecordsThatCannotBeDecodedFailAlone(t *testing.T) {
	text := replace(t, string(kafkaDocument(t, kafkaRecords(9, 3, "ann")...)), `"partition":1,"offset":101,"key":"YW5u"`, `"partition":1,"offset":101,"key":7`)
	for _, c := range []struct {
		option troupe.Option
		want   []string
	}{
		{troupe.WithPolicy(troupe.Derive), []string{"orders-1@101", "orders-1@102"}},
		{troupe.WithPolicy(troupe.Continue), []string{"orders-1@101"}},
		{kafka.ByKey(), []string{"orders-1@101", "orders-1@102", "orders-2@100", "orders-2@101", "orders-2@102"}},
	} {
		var seen reported
		p := kafka.New(func(context.Context, kafka.Record) error { return nil }, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(seen.observe), c.option)
		response, err := p.Invoke(context.Background(), []byte(text))
		require.NoError(t, err)
		assert.Equal(t, c.want, kafkaFailures(t, response))
		require.ErrorIs(t, seen.Records[4].Err, troupe.ErrUndecodable)
		var undecodable *troupe.DecodeError
		require.ErrorAs(t, seen.Records[4].Err, &undecodable)
		assert.Equal(t, "key", undecodable.Field)
		assert.Equal(t, 1, seen.Records[4].Attempts)
	}
}

// SPEC S12: side data that cannot be read stops nothing. It is left out, and the report says so, by record; in JSON, too.
// What never started has no note.
func TestKafkaSideDataThatCannotBeReadIsNotedInTheReport(t *testing.T) {
	const document = `{"eventSource":"aws:SelfManagedKafka","records":{"t-0":[
		{"topic":"t","partition":0,"offset":0,"value":"YQ=="},
		{"topic":"t","partition":0,"offset":1,"value":"Yg==","headers":[{"s3cr3t":["s3cr3t"]}],"timestamp":"s3cr3t"},
		{"topic":"t","partition":0,"offset":2,"value":"ZmFpbA==","timestamp":-1},
		{"topic":"t","partition":0,"offset":3,"value":"Yw==","headers":7}]}}`
	var (
		seen   reported
		values []string
	)
	handle := func(_ context.Context, r kafka.Record) error {
		values = append(values, string(r.Value))
		if string(r.Value) == "fail" {
			return errors.New("no")
		}
		return nil
	}
	for name, p := range map[string]lambda.Handler{
		"records": kafka.New(handle, troupe.WithObserver(seen.observe), troupe.WithLogger(slog.New(slog.DiscardHandler))),
		"typed": kafka.New(typed.Kafka(func(ctx context.Context, value string) error { return handle(ctx, kafka.Record{Value: []byte(value)}) },
			typed.WithDecoder(func(payload []byte) (string, error) { return string(payload), nil })),
			troupe.WithObserver(seen.observe), troupe.WithLogger(slog.New(slog.DiscardHandler))),
	} {
		values = nil
		response, err := p.Invoke(t.Context(), []byte(document))
		require.NoError(t, err, name)
		assert.Equal(t, []string{"t-0@2", "t-0@3"}, kafkaFailures(t, response), name)
		assert.Equal(t, []string{"a", "b", "fail"}, values, name)
		if name == "typed" {
			assert.Empty(t, seen.Notes, "the handler took the value alone")
			continue
		}
		want := "headers left out: number 0: a string where a byte from -128 to 255 was expected; timestamp left out: a string where an integer was expected"
		assert.Equal(t, []batch.Note{{Index: 1, Text: want}}, seen.Notes)
		text, err := json.Marshal(seen.Report)
		require.NoError(t, err)
		assert.Contains(t, string(text), `"notes":[{"index":1,"text":"headers left out: `)
		assert.NotContains(t, string(text), "s3cr3t")
	}
}

// SPEC S5, S6: an event that is none, or a record that could not be reported, fails the invocation before any
// handler runs.
func TestKafkaRefusesWhatIsNoEvent(t *testing.T) {
	p := kafka.New(func(context.Context, kafka.Record) error {
		t.Error("a handler ran")
		return nil
	})
	good := string(kafkaDocument(t, kafkaRecords(2, 1)...))
	for _, payload := range []string{
		``, `[]`, `{}`, good[:len(good)-1], `{"records":[]}`, `{"records":{"orders-0":{}}}`,
		replace(t, good, `"aws:kafka"`, `"aws:kinesis"`), replace(t, good, `"offset":101`, `"offset":"101"`),
		replace(t, good, `"topic":"orders",`, ``), string(document(standard, numbered(1, nil)...)),
	} {
		_, err := p.Invoke(context.Background(), []byte(payload))
		assert.ErrorIs(t, err, troupe.ErrEvent, payload)
	}
	_, err := p.Process(context.Background(), kafka.Event{})
	assert.ErrorIs(t, err, troupe.ErrEvent)

	for _, source := range []string{"aws:kafka", "SelfManagedKafka", ""} {
		response, err := p.Invoke(context.Background(), []byte(`{"eventSource":"`+source+`","records":{}}`))
		require.NoError(t, err)
		assert.Equal(t, `{"batchItemFailures":[]}`, string(response), "SPEC S3, S6")
	}
}

// SPEC S1, S3, S7: both ways in come to the same, and an identifier is reported once.
func TestKafkaInvokeAndProcessAgree(t *testing.T) {
	records := kafkaRecords(6, 2)
	records = append(records, records[5]) // the same once more
	handle := func(_ context.Context, r kafka.Record) error {
		if r.Offset >= 101 {
			return errHandler
		}
		return nil
	}
	p := kafka.New(handle, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithPolicy(troupe.Continue))
	payload, err := p.Invoke(context.Background(), kafkaDocument(t, records...))
	require.NoError(t, err)
	typed, err := p.Process(context.Background(), kafkaEvent(records...))
	require.NoError(t, err)
	text, err := json.Marshal(typed)
	require.NoError(t, err)
	assert.Equal(t, string(payload), string(text))
	assert.Equal(t, []string{"orders-0@101", "orders-0@102", "orders-1@101", "orders-1@102"}, kafkaFailures(t, payload))

	all := kafka.New(func(context.Context, kafka.Record) error { return errHandler }, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	response, err := all.Process(context.Background(), kafkaEvent(records...))
	require.ErrorIs(t, err, errHandler)
	assert.ErrorContains(t, err, `record "orders-0@100"`)
	assert.Len(t, response.BatchItemFailures, 6)
}

// The bytes of the answer to a sample event.
func TestKafkaResponsesAreWhatTheyWere(t *testing.T) {
	p := kafka.New(func(_ context.Context, r kafka.Record) error {
		if strings.Contains(string(r.Value), `"do"`) {
			return errHandler
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	for file, want := range map[string]string{
		"kafka-msk.json": `{"batchItemFailures":[{"itemIdentifier":{"partition":"orders-0","offset":42}},{"itemIdentifier":{"partition":"orders-0","offset":43}},` +
			`{"itemIdentifier":{"partition":"orders-10","offset":9007199254740993}},{"itemIdentifier":{"partition":"orders-10","offset":9007199254740994}}]}`,
		"kafka-selfmanaged.json": `{"batchItemFailures":[{"itemIdentifier":{"partition":"payments.eu-west_1-0","offset":1}}]}`,
	} {
		payload, err := os.ReadFile("../../testdata/events/" + file)
		require.NoError(t, err)
		response, err := p.Invoke(context.Background(), payload)
		require.NoError(t, err)
		assert.Equal(t, want, string(response))
	}
}

// SPEC D3: nothing that a handler keeps refers to the buffer of the invocation.
func TestKafkaRecordsOutliveTheirPayload(t *testing.T) {
	records := kafkaRecords(6, 2, "ann")
	for i := range records {
		records[i].Headers = []kafka.Header{{Key: "trace", Value: []byte("header")}}
	}
	for _, options := range [][]troupe.Option{nil, {kafka.ByKey()}} {
		var kept []kafka.Record
		p := kafka.New(func(_ context.Context, r kafka.Record) error {
			kept = append(kept, r)
			return nil
		}, append(options, troupe.WithConcurrency(1))...)
		payload := kafkaDocument(t, records...)
		_, err := p.Invoke(context.Background(), payload)
		require.NoError(t, err)
		for i := range payload {
			payload[i] = '#'
		}
		assert.Equal(t, records, kept)
	}
}

// SPEC S9: nothing of a payload, and no key, gets into an error or a log line.
func TestKafkaTellsNothingOfAPayload(t *testing.T) {
	const long = secret + secret + secret
	record := func(i int) kafka.Record {
		return kafka.Record{Topic: "t", Offset: int64(i), Key: []byte(long), Value: []byte(long), Headers: []kafka.Header{{Key: long, Value: []byte(long)}}}
	}
	whole := string(kafkaDocument(t, record(1), record(2), record(3)))
	for name, payload := range map[string]string{
		"good":            whole,
		"no base64":       replace(t, whole, `"value":"`, `"value":"`+long+`!`),
		"a bad header":    replace(t, whole, `"headers":[`, `"headers":["`+long+`",`),
		"a bad key":       replace(t, whole, `"key":`, `"key":["`+long+`"],"KEY":`),
		"no offset":       replace(t, whole, `"offset":1`, `"offset":"`+long+`"`),
		"no partition":    replace(t, whole, `"t-0":[`, `"`+long+`":"`+long+`","t-0":[`),
		"another service": replace(t, whole, `aws:kafka`, long),
		"no JSON":         replace(t, whole, `"offset":1`, long),
	} {
		for _, option := range []troupe.Option{troupe.WithPolicy(troupe.Derive), kafka.ByKey()} {
			t.Run(name, func(t *testing.T) {
				logger, text := logged()
				var told []string
				p := kafka.New(func(context.Context, kafka.Record) error { return errHandler }, troupe.WithLogger(logger), option,
					troupe.WithFailureHook(func(_ context.Context, _ troupe.Record, err error) { told = append(told, texts(err)...) }))
				_, err := p.Invoke(context.Background(), []byte(payload))
				require.Error(t, err)
				for _, what := range append(told, append(texts(err), text.String())...) {
					assert.Empty(t, leaks(what), "%s", what)
				}
			})
		}
	}
}

func TestKafkaRefusesBadOptions(t *testing.T) {
	none := func(context.Context, kafka.Record) error { return nil }
	assert.ErrorContains(t, panicked(t, func() { kafka.New[kafka.Record](nil) }), "the kafka handler is nil")
	assert.ErrorContains(t, panicked(t, func() { kafka.New(none, troupe.WithLowestOnly()) }), "on kafka the failed records left out would be lost", "SPEC S2, S8")
	assert.ErrorContains(t, panicked(t, func() { kafka.New(none, troupe.WithGroup(func(events.SQSMessage) string { return "" })) }), "for kafka it must be a func(kafka.Record) string")
	assert.ErrorContains(t, panicked(t, func() {
		troupe.SQS(func(context.Context, events.SQSMessage) error { return nil }, kafka.ByKey())
	}), "the record of the source, also where")
}
