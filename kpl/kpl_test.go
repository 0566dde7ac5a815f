package kpl_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kpl"
)

var errUser = errors.New("user record failed")

// bytesField and number write fields of protobuf messages.
func bytesField(field protowire.Number, value string) string {
	return string(protowire.AppendString(protowire.AppendTag(nil, field, protowire.BytesType), value))
}

func number(field protowire.Number, n uint64) string {
	return string(protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), n))
}

// sealed makes data of a message: with the magic number and the sum.
func sealed(message string) string {
	sum := md5.Sum([]byte(message))
	return "\xf3\x89\x9a\xc2" + message + string(sum[:])
}

// aggregate packs user records, written as "key=data", as the Kinesis Producer Library does: keys in a table.
func aggregate(users ...string) string {
	var keys []string
	var message string
	for _, u := range users {
		if key, _, _ := strings.Cut(u, "="); !slices.Contains(keys, key) {
			keys = append(keys, key)
			message += bytesField(1, key)
		}
	}
	for _, u := range users {
		key, data, _ := strings.Cut(u, "=")
		message += bytesField(3, number(1, uint64(slices.Index(keys, key)))+bytesField(3, data))
	}
	return sealed(message)
}

// astray is an aggregate whose user record has a key that is not in the table.
var astray = sealed(bytesField(3, number(1, 0)+bytesField(3, "data")))

// document writes an event of records with those data, numbered from 1, of the partition key "carrier".
func document(data ...string) []byte {
	records := make([]string, len(data))
	for i, d := range data {
		encoded := base64.StdEncoding.EncodeToString([]byte(d))
		if d == "undecodable" {
			encoded = "!"
		}
		records[i] = fmt.Sprintf(`{"kinesis":{"partitionKey":"carrier","sequenceNumber":"%d","data":%q},"eventSource":"aws:kinesis","eventSourceARN":"arn"}`, i+1, encoded)
	}
	return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

// answer is the response that reports the numbers.
func answer(numbers string) string {
	items := []string{}
	for _, n := range strings.Fields(numbers) {
		items = append(items, `{"itemIdentifier":"`+n+`"}`)
	}
	return `{"batchItemFailures":[` + strings.Join(items, ",") + `]}`
}

// SPEC 9, S3: user records are handled one by one, in order by their own partition keys, and a failure of any
// of them reports the one sequence number they share, once.
func TestUserRecords(t *testing.T) {
	for name, c := range map[string]struct {
		data     []string
		options  []troupe.Option
		handled  string // in batch order, as id key=data
		reported string
	}{
		"plain records":              {[]string{"x", "y"}, nil, "1:0 carrier=x, 2:0 carrier=y", ""},
		"an aggregate":               {[]string{aggregate("a=1", "b=2", "a=3")}, nil, "1:0 a=1, 1:1 b=2, 1:2 a=3", ""},
		"both":                       {[]string{"x", aggregate("a=1", "b=2"), "y"}, nil, "1:0 carrier=x, 2:0 a=1, 2:1 b=2, 3:0 carrier=y", ""},
		"one of them fails":          {[]string{"x", aggregate("a=1", "b=fail", "c=3"), "y"}, nil, "1:0 carrier=x, 2:0 a=1, 2:1 b=fail, 2:2 c=3, 3:0 carrier=y", "2"},
		"two of them fail":           {[]string{aggregate("a=fail", "b=fail"), "x"}, nil, "1:0 a=fail, 1:1 b=fail, 2:0 carrier=x", "1"},
		"a key stops":                {[]string{aggregate("a=fail", "b=2", "a=3"), aggregate("a=4", "b=5")}, nil, "1:0 a=fail, 1:1 b=2, 2:1 b=5", "1 2"},
		"a key goes on":              {[]string{aggregate("a=fail", "b=2", "a=3"), aggregate("a=4", "b=5")}, []troupe.Option{troupe.WithPolicy(troupe.Continue)}, "1:0 a=fail, 1:1 b=2, 1:2 a=3, 2:0 a=4, 2:1 b=5", "1"},
		"the lowest only":            {[]string{aggregate("a=fail", "b=2"), aggregate("a=4", "b=fail")}, []troupe.Option{troupe.WithLowestOnly()}, "1:0 a=fail, 1:1 b=2, 2:1 b=fail", "1"},
		"the first failure stops":    {[]string{aggregate("a=1", "b=fail", "c=3"), "y"}, []troupe.Option{troupe.WithPolicy(troupe.StopBatch)}, "1:0 a=1, 1:1 b=fail", "1 2"},
		"a plain key that is packed": {[]string{"fail", aggregate("carrier=1", "b=2")}, nil, "1:0 carrier=fail, 2:1 b=2", "1 2"},
		"a group function":           {[]string{aggregate("a=fail", "b=2"), aggregate("c=3")}, []troupe.Option{troupe.WithGroup(func(kpl.UserRecord) string { return "" })}, "1:0 a=fail", "1 2"},
		"without order":              {[]string{aggregate("a=fail", "a=2")}, []troupe.Option{troupe.WithoutOrder()}, "1:0 a=fail, 1:1 a=2", "1"},
		"malformed":                  {[]string{"x", sealed("\x1a"), "y"}, nil, "1:0 carrier=x, 2:0 carrier=" + sealed("\x1a") + ", 3:0 carrier=y", ""},
		"a key out of the tables":    {[]string{"x", astray, "y"}, nil, "1:0 carrier=x", "2 3"},
		"the same, without order":    {[]string{"x", astray, "y"}, []troupe.Option{troupe.WithoutOrder()}, "1:0 carrier=x, 3:0 carrier=y", "2"},
		"undecodable":                {[]string{"x", "undecodable", "y"}, nil, "1:0 carrier=x", "2 3"},
	} {
		t.Run(name, func(t *testing.T) {
			var handled []string
			p := kpl.Kinesis(func(_ context.Context, r kpl.UserRecord) error {
				handled = append(handled, fmt.Sprintf("%s %s=%s", r.ID(), r.Kinesis.PartitionKey, r.Kinesis.Data))
				assert.Equal(t, "arn", r.EventSourceArn)
				if string(r.Kinesis.Data) == "fail" {
					return errUser
				}
				return nil
			}, append(c.options, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithConcurrency(1))...)
			response, err := p.Invoke(t.Context(), document(c.data...))
			if len(strings.Fields(c.reported)) < len(c.data) {
				require.NoError(t, err)
				assert.JSONEq(t, answer(c.reported), string(response))
			}
			assert.Equal(t, c.handled, strings.Join(handled, ", "))

			handled = nil
			var event events.KinesisEvent
			if json.Unmarshal(document(c.data...), &event) == nil {
				typed, _ := p.Process(t.Context(), event)
				written, err := json.Marshal(typed)
				require.NoError(t, err)
				assert.JSONEq(t, answer(c.reported), string(written))
				assert.Equal(t, c.handled, strings.Join(handled, ", "), "Process is as Invoke")
			}
		})
	}
}

// A report has every user record, with the identifier that they share.
func TestTheReportHasEveryUserRecord(t *testing.T) {
	p := kpl.Kinesis(func(ctx context.Context, r kpl.UserRecord) error {
		rec, ok := troupe.RecordFrom(ctx)
		assert.True(t, ok)
		assert.Equal(t, "1", rec.ID)
		assert.Equal(t, r.Kinesis.PartitionKey, rec.Group)
		if r.SubSequenceNumber == 1 {
			return errUser
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(func(_ context.Context, r *troupe.Report) {
		assert.Equal(t, []int{2, 1}, []int{r.Succeeded, r.Failed})
		require.Len(t, r.Records, 3)
		for i, group := range []string{"a", "b", "c"} {
			assert.Equal(t, "1", r.Records[i].ID)
			assert.Equal(t, group, r.Records[i].Group)
		}
		assert.Equal(t, troupe.Failed, r.Records[1].Outcome)
	}))
	response, err := p.Invoke(t.Context(), document(aggregate("a=1", "b=2", "c=3")))
	require.NoError(t, err, "two of three have succeeded")
	assert.JSONEq(t, answer("1"), string(response))
}

// Everything that the format has is in reach, and unknown fields are passed over.
func TestAllFieldsOfAUserRecord(t *testing.T) {
	message := bytesField(9, "unknown") + number(1, 5) + // 1 with a number is not the table's
		bytesField(1, "key") + bytesField(2, "0") + bytesField(2, "340282366920938463463374607431768211455") +
		bytesField(3, number(1, 7)+number(1, 0)+number(2, 1)+bytesField(3, "")+number(8, 1)+
			bytesField(4, bytesField(1, "tag")+bytesField(2, "value"))+bytesField(4, bytesField(1, "bare")))
	var got kpl.UserRecord
	_, err := kpl.Kinesis(func(_ context.Context, r kpl.UserRecord) error { got = r; return nil }).Invoke(t.Context(), document(sealed(message)))
	require.NoError(t, err)
	assert.True(t, got.Aggregated)
	assert.Equal(t, "key", got.Kinesis.PartitionKey)
	assert.Equal(t, []byte{}, got.Kinesis.Data)
	assert.Equal(t, "340282366920938463463374607431768211455", got.ExplicitHashKey)
	assert.Equal(t, []kpl.Tag{{"tag", "value"}, {"bare", ""}}, got.Tags)
}

// The Kinesis Client Library takes data without the magic number, with a wrong sum, or too short for both, for
// a plain record.
func TestWhatIsNoAggregateIsAPlainRecord(t *testing.T) {
	whole := aggregate("a=1", "b=2")
	for name, data := range map[string]string{
		"nothing":             "",
		"the magic number":    whole[:4],
		"no message":          sealed(""),
		"another magic":       "\xf3\x89\x9a\xc3" + whole[4:],
		"a wrong sum":         whole[:len(whole)-1] + "x",
		"cut short":           whole[:len(whole)-1],
		"something behind":    whole + "x",
		"a byte that changed": whole[:10] + "x" + whole[11:],
	} {
		t.Run(name, func(t *testing.T) {
			var got kpl.UserRecord
			_, err := kpl.Kinesis(func(_ context.Context, r kpl.UserRecord) error { got = r; return nil }).Invoke(t.Context(), document(data))
			require.NoError(t, err)
			assert.Equal(t, data, string(got.Kinesis.Data))
			assert.Equal(t, "carrier", got.Kinesis.PartitionKey)
			assert.False(t, got.Aggregated)
		})
	}
}

// The Kinesis Client Library takes what is no AggregatedRecord of protobuf 2 for a plain record, whatever its sum says.
func TestAMessageThatIsNoAggregateIsAPlainRecord(t *testing.T) {
	for problem, message := range map[string]string{
		"no user record":                  bytesField(1, "key"),
		"cut short":                       bytesField(1, "key") + "\x1a\x7f",
		"not a protobuf message":          "\x00\x00",
		"a user record without data":      bytesField(1, "key") + bytesField(3, number(1, 0)),
		"a user record without a key":     bytesField(1, "key") + bytesField(3, bytesField(3, "data")),
		"a tag without a key":             bytesField(1, "key") + bytesField(3, number(1, 0)+bytesField(3, "data")+bytesField(4, bytesField(2, "value"))),
		"the second one is without a key": bytesField(1, "key") + bytesField(3, number(1, 0)+bytesField(3, "data")) + bytesField(3, bytesField(3, "data")),
	} {
		t.Run(problem, func(t *testing.T) {
			var got []kpl.UserRecord
			p := kpl.Kinesis(func(_ context.Context, r kpl.UserRecord) error { got = append(got, r); return nil }, troupe.WithConcurrency(1))
			response, err := p.Invoke(t.Context(), document(sealed(message), "y"))
			require.NoError(t, err)
			assert.JSONEq(t, answer(""), string(response))
			require.Len(t, got, 2)
			assert.Equal(t, sealed(message), string(got[0].Kinesis.Data))
			assert.Equal(t, "carrier", got[0].Kinesis.PartitionKey)
			assert.False(t, got[0].Aggregated)
		})
	}
}

// An aggregate of a producer on protobuf 3, which leaves out the index 0 and data that are empty. It is delivered, and
// what is behind it as well.
func TestAnAggregateOfProtobuf3IsDelivered(t *testing.T) {
	event, err := os.ReadFile("testdata/proto3.json")
	require.NoError(t, err)
	var got []string
	response, err := kpl.Kinesis(func(_ context.Context, r kpl.UserRecord) error {
		got = append(got, fmt.Sprint(r.ID(), " ", r.Kinesis.PartitionKey, " ", r.Aggregated, " ", len(r.Kinesis.Data)))
		return nil
	}, troupe.WithConcurrency(1)).Invoke(t.Context(), event)
	require.NoError(t, err)
	assert.JSONEq(t, answer(""), string(response))
	assert.Equal(t, []string{"410:0 shared false 60", "411:0 other false 12"}, got)
}

// What one attempt changes in place, as a handler does that decrypts into the buffer it read from, the next does not see.
func TestEveryAttemptHasItsOwnUserRecord(t *testing.T) {
	tagged := sealed(bytesField(1, "key") + bytesField(3, number(1, 0)+bytesField(3, "data")+bytesField(4, bytesField(1, "tag"))))
	for name, options := range map[string][]troupe.Option{
		"its own order": nil, "a group function": {troupe.WithGroup(func(kpl.UserRecord) string { return "" })},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			_, err := kpl.Kinesis(func(_ context.Context, r kpl.UserRecord) error {
				got = append(got, fmt.Sprintf("%s %v", r.Kinesis.Data, r.Tags))
				for i := range r.Kinesis.Data {
					r.Kinesis.Data[i] = '#'
				}
				for i := range r.Tags {
					r.Tags[i].Key = "#"
				}
				return errUser
			}, append(options, troupe.WithRetry(troupe.Retry{Times: 1, Base: 1}), troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithPolicy(troupe.Continue))...).Invoke(t.Context(), document(tagged, "plain"))
			require.Error(t, err)
			assert.Equal(t, []string{"data [{tag }]", "data [{tag }]", "plain []", "plain []"}, got)
		})
	}
}

// SPEC D6, S9: an aggregate with a key that is not in its tables is one failed record; the error tells nothing of what is
// in it.
func TestAnAggregateWithAKeyOutOfItsTablesIsOneFailedRecord(t *testing.T) {
	for problem, message := range map[string]string{
		"partition key number 1 of 1":                   bytesField(1, "secret") + bytesField(3, number(1, 1)+bytesField(3, "secret")),
		"partition key number 9223372036854775808 of 0": bytesField(3, number(1, 1<<63)+bytesField(3, "secret")),
		"explicit hash key number 0 of 0":               bytesField(1, "secret") + bytesField(3, number(1, 0)+number(2, 0)+bytesField(3, "secret")),
	} {
		t.Run(problem, func(t *testing.T) {
			p := kpl.Kinesis(func(context.Context, kpl.UserRecord) error { t.Error("called"); return nil }, troupe.WithLogger(slog.New(slog.DiscardHandler)),
				troupe.WithObserver(func(_ context.Context, r *troupe.Report) { assert.Len(t, r.Records, 1) }))
			_, err := p.Invoke(t.Context(), document(sealed(message)))
			require.ErrorIs(t, err, troupe.ErrUndecodable)
			decode, ok := errors.AsType[*troupe.DecodeError](err)
			require.True(t, ok)
			assert.Equal(t, "kinesis.data", decode.Field)
			assert.Contains(t, decode.Problem, problem)
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

// Handlers may write to their data without touching those of others.
func TestUserRecordsDoNotShareTheirData(t *testing.T) {
	var mu sync.Mutex
	var got []string
	_, err := kpl.Kinesis(func(_ context.Context, r kpl.UserRecord) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(r.Kinesis.Data))
		r.Kinesis.Data = append(r.Kinesis.Data, "overflowing into the next one"...)
		return nil
	}, troupe.WithConcurrency(1)).Invoke(t.Context(), document(aggregate("a=1", "a=2", "a=3")))
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2", "3"}, got)
}

func TestWrongHandlersAndOptionsAreRefused(t *testing.T) {
	handle := func(context.Context, kpl.UserRecord) error { return nil }
	assert.PanicsWithError(t, "troupe: the kinesis handler is nil; must be a function", func() { kpl.Kinesis[kpl.UserRecord](nil) })
	assert.PanicsWithError(t, "troupe: the kinesis handler is nil; must be a function", func() { kpl.Kinesis[troupe.Lazy[kpl.UserRecord]](nil) })
	assert.PanicsWithError(t, "troupe: WithGroup was given a func(events.KinesisEventRecord) string; for kinesis it must be a func(kpl.UserRecord) string, the record of the source, also where the handler takes another type", func() {
		kpl.Kinesis(handle, troupe.WithGroup(func(events.KinesisEventRecord) string { return "" }))
	})
}

// A handler of Lazy records gets the data of its user record, in bytes of its own, and the record if it asks for it.
func TestLazyUserRecords(t *testing.T) {
	data := []string{"plain", aggregate("a=1", "b=", "a=3"), "undecodable"}
	var got []string
	p := kpl.Kinesis(func(ctx context.Context, r troupe.Lazy[kpl.UserRecord]) error {
		payload, err := r.Payload()
		if err != nil {
			t.Error("called for a record whose group is not known")
			return err
		}
		text := string(payload)
		assert.NotNil(t, payload)
		for i := range payload {
			payload[i] = '#'
		}
		whole, err := r.Open()
		require.NoError(t, err)
		assert.Equal(t, text, string(whole.Kinesis.Data))
		same, err := troupe.MessageFrom[kpl.UserRecord](ctx)
		require.NoError(t, err)
		assert.Equal(t, whole, same)
		if rec, _ := troupe.RecordFrom(ctx); rec.Attempt == 1 {
			return errUser
		}
		got = append(got, fmt.Sprintf("%s %s=%s", whole.ID(), whole.Kinesis.PartitionKey, text))
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithConcurrency(1), troupe.WithRetry(troupe.Retry{Times: 1, Base: 1}))
	const want = "1:0 carrier=plain, 2:0 a=1, 2:1 b=, 2:2 a=3"
	response, err := p.Invoke(t.Context(), document(data...))
	require.NoError(t, err)
	assert.JSONEq(t, answer("3"), string(response))
	assert.Equal(t, want, strings.Join(got, ", "))

	got = nil
	var event events.KinesisEvent
	require.NoError(t, json.Unmarshal(document(data[:2]...), &event))
	_, err = p.Process(t.Context(), event)
	require.NoError(t, err)
	assert.Equal(t, want, strings.Join(got, ", "))
	assert.Equal(t, data[0], string(event.Records[0].Kinesis.Data), "the event is as it was")
	assert.Equal(t, data[1], string(event.Records[1].Kinesis.Data))
}

// SPEC D6: a record that cannot be unpacked fails by itself, without a call of a handler of Lazy records either; the
// others are handled if there is no order.
func TestALazyRecordThatCannotBeUnpackedIsNotHandled(t *testing.T) {
	calls := 0
	var report *troupe.Report
	p := kpl.Kinesis(func(_ context.Context, r troupe.Lazy[kpl.UserRecord]) error {
		calls++
		payload, err := r.Payload()
		assert.Equal(t, "plain", string(payload))
		return err
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithoutOrder(), troupe.WithConcurrency(1), troupe.WithRetry(troupe.Retry{Times: 3, Base: 1}),
		troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
	response, err := p.Invoke(t.Context(), document("undecodable", sealed(bytesField(1, "secret")+bytesField(3, number(1, 1)+bytesField(3, "secret"))), "plain"))
	require.NoError(t, err)
	assert.JSONEq(t, answer("1 2"), string(response))
	assert.Equal(t, 1, calls)
	for _, result := range report.Records[:2] {
		require.ErrorIs(t, result.Err, troupe.ErrUndecodable)
		assert.NotContains(t, result.Err.Error(), "secret")
		assert.Equal(t, 1, result.Attempts)
	}
}

// A pipe waits for five minutes, whatever the deadline of the function; user records are no exception (SPEC S10).
func TestS10AggregatesOfAPipeEndWithinFiveMinutes(t *testing.T) {
	const array = `[{"partitionKey":"a","sequenceNumber":"1","data":"e30=","eventSource":"aws:kinesis","eventID":"shardId-0:1"}]`
	synctest.Test(t, func(t *testing.T) {
		p := kpl.Kinesis(func(ctx context.Context, _ kpl.UserRecord) error {
			<-ctx.Done()
			return ctx.Err()
		}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever))
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		began := time.Now()
		response, err := p.Invoke(ctx, []byte(array))
		require.NoError(t, err)
		assert.Less(t, time.Since(began), 5*time.Minute)
		assert.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":"shardId-0:1"}]}`, string(response))
	})
}
