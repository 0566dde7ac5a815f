package semantics_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// streams are the sources whose events carry order; their errors speak of other fields than a queue's.
var streams = []string{kinesis, dynamodb}

// refusing invokes a processor that must not call its handler, and returns the error.
func refusing(t *testing.T, source string, payload []byte) error {
	t.Helper()
	p := process(source, func(context.Context, string) error {
		assert.Fail(t, "a handler ran")
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithObserver(func(context.Context, *troupe.Report) {
		assert.Fail(t, "there is nothing to report")
	}))
	response, err := p.Invoke(context.Background(), payload)
	assert.Nil(t, response)
	require.ErrorIs(t, err, troupe.ErrEvent)
	assert.Regexp(t, "^troupe: event cannot be processed: ", err.Error())
	return err
}

// SPEC S6: what is no event of the source fails the invocation, with an error that names what came and what
// was expected, and no handler runs.
func TestADocumentThatIsNoEventIsRefused(t *testing.T) {
	for _, source := range sources {
		good := written(source, record{id: "1", group: "g", body: "b"})
		for _, c := range []struct {
			name, text string
			says       []string
		}{
			{"nothing", ``, []string{"empty"}},
			{"white space", " \n", []string{"short"}},
			{"no JSON", `Records`, []string{"not JSON", "byte 0"}},
			{"JSON and something else", `{"Records":[]} x`, []string{"not JSON", "byte 15"}},
			{"two events", `{"Records":[]}{"Records":[]}`, []string{"not JSON", "byte 14"}},
			{"array in the array of a pipe", `[[` + good + `]]`, []string{"record 0", "array", "object"}},
			{"string", `"Records"`, []string{"string", "object"}},
			{"number", `1`, []string{"number", "object"}},
			{"null", `null`, []string{"null", "object"}},
			{"boolean", `true`, []string{"boolean", "object"}},
			{"empty object", `{}`, []string{`"Records"`, "missing"}},
			{"other fields", `{"records_":[],"key":"value"}`, []string{`"Records"`, "missing"}},
			{"null records", `{"Records":null}`, []string{`"Records"`, "null", "array"}},
			{"object as records", `{"Records":{}}`, []string{`"Records"`, "object", "array"}},
			{"string as records", `{"Records":"[]"}`, []string{`"Records"`, "string", "array"}},
			{"records twice", `{"Records":[],"Records":[]}`, []string{`"Records"`, "duplicate"}},
			{"records twice in another case", `{"Records":[` + good + `],"records":[]}`, []string{`"Records"`, "duplicate"}},
			{"null record", `{"Records":[` + good + `,null]}`, []string{"record 1", "null", "object"}},
			{"array as record", `{"Records":[[]]}`, []string{"record 0", "array", "object"}},
			{"string as record", `{"Records":[` + good + `,` + good + `,"x"]}`, []string{"record 2", "string", "object"}},
			{"trailing comma", `{"Records":[` + good + `,]}`, []string{"not JSON"}},
			{"cut short", `{"Records":[` + good, []string{"cut short"}},
			{"cut short in a record", `{"Records":[` + good[:len(good)/2], []string{"cut short"}},
			{"bad escape", `{"Records":[{"x":"\q"}]}`, []string{"not JSON", "byte 19"}},
			{"control character", "{\"Records\":[{\"x\":\"\n\"}]}", []string{"not JSON", "byte 18"}},
			{"bad number", `{"Records":[{"x":01}]}`, []string{"not JSON", "byte 18"}},
			{"byte order mark", "\uFEFF" + `{"Records":[]}`, []string{"not JSON", "byte 0"}},
			{"nested too deep", `{"Records":[{"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}]}`, []string{"deep"}},
			{"nested too deep and cut short", `{"Records":[{"x":` + strings.Repeat(`{"a":`, 100_000), []string{"deep"}},
		} {
			t.Run(source+"/"+c.name, func(t *testing.T) {
				err := refusing(t, source, []byte(c.text))
				for _, says := range c.says {
					assert.Contains(t, err.Error(), says)
				}
				assert.Less(t, len(err.Error()), 300)
			})
		}
	}
}

// SPEC S6: every place at which an event can be cut off.
func TestAnEventThatIsCutShortIsRefusedWhereverItIsCut(t *testing.T) {
	for _, source := range sources {
		whole := document(source, numbered(2, groups(2))...)
		require.True(t, json.Valid(whole))
		for cut := range whole {
			refusing(t, source, whole[:cut])
		}
	}
}

// SPEC S6: a record of another source is refused; one that does not say whose it is is accepted.
func TestARecordOfAnotherSourceIsRefused(t *testing.T) {
	for _, source := range sources {
		for _, other := range sources {
			if other == source || other == fifo || source == fifo {
				continue
			}
			t.Run(source+" given "+other, func(t *testing.T) {
				origin := "aws:" + other
				text := written(source, record{id: "2", group: "g"})
				foreign := replace(t, text, `"eventSource":"aws:`+source+`"`, `"eventSource":"`+origin+`"`)
				err := refusing(t, source, event(written(source, record{id: "1", group: "g"}), foreign))
				for _, says := range []string{"record 1", "eventSource", origin, "aws:" + source} {
					assert.Contains(t, err.Error(), says)
				}
			})
		}
		t.Run(source+" given nothing", func(t *testing.T) {
			name := strings.Replace("aws:"+source, fifo, standard, 1)
			for _, instead := range []string{"", `"eventSource":null,`, `"eventSource":"",`} {
				text := replace(t, written(source, record{id: "1", group: "g"}), `"eventSource":"`+name+`",`, instead)
				p := process(source, func(context.Context, string) error { return nil })
				_, err := p.Invoke(context.Background(), event(text))
				assert.NoError(t, err, instead)
			}
		})
	}
}

// SPEC S6: no records, no failures.
func TestAnEmptyBatchIsASuccess(t *testing.T) {
	for _, source := range sources {
		for _, when := range []troupe.ErrorWhen{troupe.ErrorWhenAll, troupe.ErrorWhenAny, troupe.ErrorWhenNever} {
			for _, text := range []string{`{"Records":[]}`, " {\t\"Records\" : [ \n] }\r\n", `{"a":{"Records":1},"records":[],"b":null}`} {
				var seen reported
				p := process(source, func(context.Context, string) error { return errHandler }, troupe.WithErrorWhen(when), troupe.WithObserver(seen.observe))
				response, err := p.Invoke(context.Background(), []byte(text))
				require.NoError(t, err, "%s: %s", source, text)
				assert.Equal(t, `{"batchItemFailures":[]}`, string(response))
				require.NotNil(t, seen.Report, "SPEC 2: after each batch a report")
				assert.Zero(t, seen.Failed)
			}
		}
	}
}

// SPEC S6: to the typed method a nil slice is the same error, and an empty one the same success.
func TestProcessTellsNilRecordsFromNone(t *testing.T) {
	ctx := context.Background()
	{
		p := troupe.SQS(ignore[events.SQSMessage])
		_, err := p.Process(ctx, events.SQSEvent{})
		assert.ErrorIs(t, err, troupe.ErrEvent)
		assert.ErrorContains(t, err, `"Records" is nil`)
		r, err := p.Process(ctx, events.SQSEvent{Records: []events.SQSMessage{}})
		require.NoError(t, err)
		text, _ := json.Marshal(r)
		assert.Equal(t, `{"batchItemFailures":[]}`, string(text))
	}
	{
		p := troupe.Kinesis(ignore[events.KinesisEventRecord])
		_, err := p.Process(ctx, events.KinesisEvent{})
		assert.ErrorIs(t, err, troupe.ErrEvent)
		r, err := p.Process(ctx, events.KinesisEvent{Records: []events.KinesisEventRecord{}})
		require.NoError(t, err)
		text, _ := json.Marshal(r)
		assert.Equal(t, `{"batchItemFailures":[]}`, string(text))
	}
	{
		p := troupe.DynamoDB(ignore[events.DynamoDBEventRecord])
		_, err := p.Process(ctx, events.DynamoDBEvent{})
		assert.ErrorIs(t, err, troupe.ErrEvent)
		r, err := p.Process(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{}})
		require.NoError(t, err)
		text, _ := json.Marshal(r)
		assert.Equal(t, `{"batchItemFailures":[]}`, string(text))
	}
}

// SPEC S5: a record that could not be reported fails the invocation before any handler runs, whatever its
// place, and by either way in.
func TestARecordWithoutAnIdentifierFailsTheInvocation(t *testing.T) {
	fields := map[string]string{standard: "messageId", fifo: "messageId", kinesis: "sequenceNumber", dynamodb: "SequenceNumber"}
	paths := map[string]string{standard: "messageId", fifo: "messageId", kinesis: "kinesis.sequenceNumber", dynamodb: "dynamodb.SequenceNumber"}
	for _, source := range sources {
		member := `"` + fields[source] + `":"KEY"`
		for _, c := range []struct{ name, instead, says string }{
			{"missing", `"other":"KEY"`, "missing"},
			{"null", `"` + fields[source] + `":null`, "null"},
			{"empty", `"` + fields[source] + `":""`, "empty"},
			{"number", `"` + fields[source] + `":7`, "number"},
			{"object", `"` + fields[source] + `":{}`, "object"},
			{"array", `"` + fields[source] + `":["KEY"]`, "array"},
		} {
			for at := range 3 {
				t.Run(fmt.Sprint(source, "/", c.name, "/", at), func(t *testing.T) {
					var texts []string
					for i := range 3 {
						text := written(source, record{id: "KEY", group: "g"})
						if i == at {
							text = replace(t, text, member, c.instead)
						}
						texts = append(texts, text)
					}
					err := refusing(t, source, event(texts...))
					assert.ErrorContains(t, err, fmt.Sprint("record ", at))
					assert.ErrorContains(t, err, paths[source])
					assert.ErrorContains(t, err, c.says)
				})
			}
		}
	}
	for _, source := range streams { // the object that it is in
		name := map[string]string{kinesis: "kinesis", dynamodb: "dynamodb"}[source]
		for _, instead := range []string{`{"eventSource":"aws:` + name + `"}`, `{"` + name + `":null}`, `{"` + name + `":7}`, `{"` + name + `":[]}`} {
			err := refusing(t, source, event(written(source, record{id: "1"}), instead))
			assert.ErrorContains(t, err, "record 1")
		}
	}
	fail := func(context.Context) error { assert.Fail(t, "a handler ran"); return nil }
	ctx := context.Background()
	_, err := troupe.SQS(func(ctx context.Context, _ events.SQSMessage) error { return fail(ctx) }).
		Process(ctx, events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1"}, {}}})
	assert.ErrorIs(t, err, troupe.ErrEvent)
	_, err = troupe.Kinesis(func(ctx context.Context, _ events.KinesisEventRecord) error { return fail(ctx) }).
		Process(ctx, events.KinesisEvent{Records: []events.KinesisEventRecord{{EventID: "shardId-0:1"}}})
	assert.ErrorIs(t, err, troupe.ErrEvent)
	_, err = troupe.DynamoDB(func(ctx context.Context, _ events.DynamoDBEventRecord) error { return fail(ctx) }).
		Process(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{{EventID: "1"}}})
	assert.ErrorIs(t, err, troupe.ErrEvent)
}

// SPEC S4: streams are reported by sequence number and never by eventID.
func TestStreamsAreReportedBySequenceNumber(t *testing.T) {
	for _, source := range streams {
		text := written(source, record{id: "49590338271490256608559692538361571095921575989136588898", group: "g"})
		require.Contains(t, text, "eventID")
		p := process(source, func(context.Context, string) error { return errHandler }, troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)))
		response, err := p.Invoke(context.Background(), event(text))
		require.NoError(t, err)
		assert.Equal(t, []string{"49590338271490256608559692538361571095921575989136588898"}, failures(t, response))
	}
}

// spoil makes the payload of a record unreadable; its identifier and group are left alone.
var spoil = map[string]map[string][2]string{
	standard: {"number as body": {`"body":"b"`, `"body":7`}, "object as body": {`"body":"b"`, `"body":{}`}, "array of attributes": {`"messageAttributes":{}`, `"messageAttributes":[]`}},
	fifo:     {"number as body": {`"body":"b"`, `"body":7`}, "bad binary attribute": {`"messageAttributes":{}`, `"messageAttributes":{"a":{"dataType":"Binary","binaryValue":"%"}}`}},
	kinesis:  {"bad base64": {`"data":"Yg=="`, `"data":"Yg="`}, "number as data": {`"data":"Yg=="`, `"data":7`}, "text as time": {`1545084650.987`, `"now"`}},
	dynamodb: {"number as image": {`{"S":"b"}`, `7`}, "unknown type": {`{"S":"b"}`, `{"Q":"b"}`}, "number as string": {`{"S":"b"}`, `{"S":7}`}, "text as size": {`"SizeBytes":26`, `"SizeBytes":"26"`}},
}

// SPEC D6: a record whose identifier can be read but whose rest cannot fails in its turn, as if its handler
// had failed: the policy applies, in-place retry does not.
func TestAnUndecodableRecordFailsInItsTurn(t *testing.T) {
	want := map[troupe.Policy]map[string][]string{
		troupe.Derive:    {standard: {"2"}, fifo: {"2", "3", "4"}, kinesis: {"2", "4"}, dynamodb: {"2", "4"}},
		troupe.Continue:  {standard: {"2"}, fifo: {"2"}, kinesis: {"2"}, dynamodb: {"2"}},
		troupe.StopGroup: {standard: {"2"}, fifo: {"2", "4"}, kinesis: {"2", "4"}, dynamodb: {"2", "4"}},
		troupe.StopBatch: {standard: {"2", "3", "4"}, fifo: {"2", "3", "4"}, kinesis: {"2", "3", "4"}, dynamodb: {"2", "3", "4"}},
	}
	for _, source := range sources {
		for name, change := range spoil[source] {
			for policy, failed := range want {
				t.Run(fmt.Sprint(source, "/", name, "/", policy), func(t *testing.T) {
					var texts []string
					for i := range 4 {
						text := written(source, record{id: fmt.Sprint(i + 1), group: groups(2)(i), body: "b"})
						if i == 1 {
							text = replace(t, text, change[0], change[1])
						}
						texts = append(texts, text)
					}
					var handled calls
					var seen reported
					var hooked []error
					p := process(source, func(ctx context.Context, _ string) error {
						rec, _ := troupe.RecordFrom(ctx)
						handled.note(rec.ID)
						return nil
					}, troupe.WithPolicy(policy), troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithRetry(troupe.Retry{Times: 3}), troupe.WithObserver(seen.observe),
						troupe.WithFailureHook(func(_ context.Context, _ troupe.Record, err error) { hooked = append(hooked, err) }))
					response, err := p.Invoke(context.Background(), event(texts...))
					require.NoError(t, err)
					assert.Equal(t, failed[source], failures(t, response))
					assert.Zero(t, handled.of["2"])
					assert.Len(t, handled.of, 4-len(failed[source]))

					got := seen.Records[1].Err
					assert.ErrorIs(t, got, troupe.ErrUndecodable)
					assert.NotErrorIs(t, got, troupe.ErrNotStarted)
					var decode *troupe.DecodeError
					require.ErrorAs(t, got, &decode)
					assert.NotEmpty(t, decode.Field)
					assert.NotEmpty(t, decode.Problem)
					assert.Len(t, hooked, len(failed[source]))
					assert.ErrorIs(t, hooked[0], troupe.ErrUndecodable)
				})
			}
		}
	}
}

// SPEC D6: where a record's group cannot be read in an ordered source, nothing after it in the batch runs,
// whatever the policy; what is before it does.
func TestNothingRunsAfterARecordWhoseGroupCannotBeRead(t *testing.T) {
	changes := map[string][]struct{ name, from, to string }{
		fifo:     {{"number as group", `"MessageGroupId":"g1"`, `"MessageGroupId":7`}, {"array as attributes", `"attributes":{"ApproximateReceiveCount":"1","MessageGroupId":"g1"}`, `"attributes":[]`}},
		kinesis:  {{"number as key", `"partitionKey":"g1"`, `"partitionKey":7`}, {"object as key", `"partitionKey":"g1"`, `"partitionKey":{}`}},
		dynamodb: {{"number as keys", `"Keys":{"pk":{"S":"g1"},"sk":{"N":"1"}}`, `"Keys":7`}, {"broken key", `"Keys":{"pk":{"S":"g1"}`, `"Keys":{"pk":{"S":1}`}},
	}
	for source, list := range changes {
		for _, c := range list {
			for _, policy := range []troupe.Policy{troupe.Derive, troupe.Continue, troupe.StopGroup, troupe.StopBatch} {
				for _, concurrency := range []int{1, 16} {
					t.Run(fmt.Sprint(source, "/", c.name, "/", policy, "/", concurrency), func(t *testing.T) {
						var texts []string
						for i := range 8 {
							text := written(source, record{id: fmt.Sprint(i + 1), group: groups(3)(i), body: "b"})
							if i == 4 {
								text = replace(t, text, c.from, c.to)
							}
							texts = append(texts, text)
						}
						var handled calls
						var seen reported
						p := process(source, func(ctx context.Context, _ string) error {
							rec, _ := troupe.RecordFrom(ctx)
							handled.note(rec.ID)
							return nil
						}, troupe.WithPolicy(policy), troupe.WithConcurrency(concurrency), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(seen.observe))
						response, err := p.Invoke(context.Background(), event(texts...))
						require.NoError(t, err)
						failed := failures(t, response)
						assert.Subset(t, failed, []string{"5", "6", "7", "8"})
						if concurrency == 1 {
							assert.Equal(t, []string{"5", "6", "7", "8"}, failed)
						}
						for _, after := range []string{"5", "6", "7", "8"} {
							assert.NotContains(t, handled.of, after)
						}
						assert.ErrorIs(t, seen.Records[4].Err, troupe.ErrUndecodable)
						for _, r := range seen.Records[5:] {
							assert.ErrorIs(t, r.Err, troupe.ErrNotStarted)
						}
					})
				}
			}
		}
	}
}

// SPEC D6: without order there are no groups to be unreadable.
func TestAnUnreadableGroupIsNoBarrierWithoutOrder(t *testing.T) {
	text := func(i int, group string) string {
		return replace(t, written(kinesis, record{id: fmt.Sprint(i), group: "g", body: "b"}), `"partitionKey":"g"`, `"partitionKey":`+group)
	}
	p := process(kinesis, func(context.Context, string) error { return nil }, troupe.WithoutOrder(), troupe.WithLogger(slog.New(slog.DiscardHandler)))
	response, err := p.Invoke(context.Background(), event(text(1, `"g"`), text(2, `7`), text(3, `"g"`)))
	require.NoError(t, err)
	assert.Equal(t, []string{"2"}, failures(t, response))

	// A standard queue's MessageGroupId is nobody's order.
	p = process(standard, func(context.Context, string) error { return nil }, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	response, err = p.Invoke(context.Background(), event(
		`{"messageId":"1","body":"b"}`, `{"messageId":"2","body":"b","attributes":{"MessageGroupId":7}}`, `{"messageId":"3","body":"b"}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"2"}, failures(t, response))
}

// SPEC D6: what encoding/json makes of an event and what handlers get of it is the same.
func TestHandlersGetWhatEncodingJSONReads(t *testing.T) {
	odd := []string{
		`{"messageId":"1","body":"\u0041\ud83d\ude00\ud83d \u2028 \" \\ \/ \b\f\n\r\t"}`,
		"{\"messageId\":\"2\",\"body\":\"\xff\xfe ok \xe2\x82\"}",
		`{"messageId":"3","MESSAGEID":"3b","body":"first","body":"second"}`,
		`{"messageId":"4","body":null,"attributes":null,"unknown":{"deep":[[[{"a":[1e400,-0,true]}]]]}}`,
		`{"MessageId":"5","Body":"by any case","aTTributes":{"a":"b","a":"c"}}`,
		`{"messageId":"6","messageAttributes":{"n":{"dataType":"Number","stringValue":"1","stringListValues":[],"binaryListValues":["AAA="]},"b":{"dataType":"Binary","binaryValue":"AQI="}}}`,
		`{ "messageId" : "7" , "body" : "` + strings.Repeat(`[`, 5000) + `" }`,
		`{"messageId":"8\u0031","body":"","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q"}`,
	}
	payload := event(odd...)
	var want events.SQSEvent
	require.NoError(t, json.Unmarshal(payload, &want))
	got := make([]events.SQSMessage, len(odd))
	p := troupe.SQS(func(ctx context.Context, m events.SQSMessage) error { got[index(ctx)] = m; return nil })
	_, err := p.Invoke(context.Background(), payload)
	require.NoError(t, err)
	assert.Equal(t, want.Records, got)
}

// SPEC S2, O1: the largest batches there are.
func TestLargeEventsAreNoTrouble(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 5<<20/16)
	for _, c := range []struct {
		name    string
		records func(source string) []record
	}{
		{"10,000 records in 6 MB", func(source string) []record {
			records := numbered(10_000, groups(100))
			for i := range records {
				records[i].body = strings.Repeat("x", (6<<20)/10_000-560) + records[i].id
			}
			return records
		}},
		{"one record of 5 MB among small ones", func(string) []record {
			records := numbered(9, groups(3))
			records[4].body = big
			return records
		}},
	} {
		for _, source := range sources {
			t.Run(c.name+"/"+source, func(t *testing.T) {
				records := c.records(source)
				payload := document(source, records...)
				var mu sync.Mutex
				wrong := 0
				p := process(source, func(ctx context.Context, body string) error {
					i := index(ctx)
					if body != records[i].body {
						mu.Lock()
						defer mu.Unlock()
						wrong++
					}
					if i == 5 {
						return errHandler
					}
					return nil
				}, troupe.WithPolicy(troupe.Continue), troupe.WithLogger(slog.New(slog.DiscardHandler)))
				response, err := p.Invoke(context.Background(), payload)
				require.NoError(t, err)
				assert.Equal(t, []string{"6"}, failures(t, response))
				assert.Zero(t, wrong)
			})
		}
	}
}

// SPEC S4: identifiers are opaque: whatever they are made of, they come back as they came.
func TestIdentifiersComeBackAsTheyCame(t *testing.T) {
	ids := []string{"a b", `"quoted"`, `back\slash`, "<&>", "€uro", "\u2028", "tab\t", "\u0000", "😀", strings.Repeat("9", 500), "-1", "007", "7", "1e3", " ", "null"}
	for _, source := range sources {
		var records []record
		for _, id := range ids {
			records = append(records, record{id: id, group: "g"})
		}
		p := process(source, func(context.Context, string) error { return errHandler }, troupe.WithPolicy(troupe.Continue), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)))
		response, err := p.Invoke(context.Background(), document(source, records...))
		require.NoError(t, err)
		assert.Equal(t, ids, failures(t, response), source)
	}
}

// SPEC S3: the same identifier twice in a batch is reported once if any copy failed, in the place of the
// first that did.
func TestAnIdentifierIsReportedOnce(t *testing.T) {
	for _, c := range []struct {
		ids    string
		failed []int
		want   []string
	}{
		{"a b a c", []int{0}, []string{"a"}},
		{"a b a c", []int{2}, []string{"a"}},
		{"a b a c", []int{1, 2}, []string{"b", "a"}},
		{"a b a c", []int{0, 1, 2}, []string{"a", "b"}},
		{"a a a", []int{1, 2}, []string{"a"}},
		{"a a b", []int{}, []string{}},
	} {
		for _, source := range sources {
			var records []record
			for id := range strings.FieldsSeq(c.ids) {
				records = append(records, record{id: id, group: "g"})
			}
			p := process(source, func(ctx context.Context, _ string) error {
				if slices.Contains(c.failed, index(ctx)) {
					return errHandler
				}
				return nil
			}, troupe.WithPolicy(troupe.Continue), troupe.WithLogger(slog.New(slog.DiscardHandler)))
			response, err := p.Invoke(context.Background(), document(source, records...))
			require.NoError(t, err)
			assert.Equal(t, c.want, failures(t, response), "%s: %s %v", source, c.ids, c.failed)
		}
	}
}

// SPEC S4, S8: one identifier is enough for a stream: the lowest, as an integer of any length, or the first
// if there is one that is none.
func TestLowestOnlyReportsTheLowest(t *testing.T) {
	long := strings.Repeat("4", 60)
	for _, c := range []struct {
		name string
		ids  []string
		want []string
	}{
		{"none", nil, []string{}},
		{"one", []string{"5"}, []string{"5"}},
		{"ascending", []string{"8", "9", "10", "11"}, []string{"8"}},
		{"not by text", []string{"10", "9"}, []string{"9"}},
		{"beyond 64 bits", []string{"49545115243490985018280067714973144582180062593244200962", "49545115243490985018280067714973144582180062593244200961"}, []string{"49545115243490985018280067714973144582180062593244200961"}},
		{"beyond 128 bits, by length", []string{long + "0", long}, []string{long}},
		{"leading zeros", []string{"012", "11"}, []string{"11"}},
		{"no integer", []string{"b", "a", "1"}, []string{"b"}},
		{"an integer among others", []string{"3", "x", "1"}, []string{"3"}},
		{"signs", []string{"5", "-7"}, []string{"5"}},
	} {
		for _, source := range streams {
			t.Run(source+"/"+c.name, func(t *testing.T) {
				records := []record{{id: "100000000000000000000000000000000000000000000000000000000000000000000000", group: "good"}}
				for i, id := range c.ids {
					records = append(records, record{id: id, group: fmt.Sprint(i)})
				}
				p := process(source, func(ctx context.Context, _ string) error {
					if index(ctx) > 0 {
						return errHandler
					}
					return nil
				}, troupe.WithLowestOnly(), troupe.WithLogger(slog.New(slog.DiscardHandler)))
				response, err := p.Invoke(context.Background(), document(source, records...))
				require.NoError(t, err)
				assert.Equal(t, c.want, failures(t, response))
			})
		}
	}
}

// SPEC 2: both ways in answer the same.
func TestInvokeAndProcessAnswerTheSame(t *testing.T) {
	payload := document(fifo, numbered(12, groups(3))...)
	var e events.SQSEvent
	require.NoError(t, json.Unmarshal(payload, &e))
	p := troupe.SQS(func(_ context.Context, m events.SQSMessage) error {
		if m.MessageId == "5" {
			return errHandler
		}
		return nil
	}, troupe.WithPolicy(troupe.StopGroup), troupe.WithLogger(slog.New(slog.DiscardHandler)))
	raw, err := p.Invoke(context.Background(), payload)
	require.NoError(t, err)
	typed, err := p.Process(context.Background(), e)
	require.NoError(t, err)
	text, err := json.Marshal(typed)
	require.NoError(t, err)
	assert.Equal(t, string(text), string(raw))
	assert.Equal(t, []string{"5", "8", "11"}, failures(t, bytes.Clone(raw)))
}
