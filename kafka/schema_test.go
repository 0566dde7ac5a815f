package kafka_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/typed"
)

// wrapper is Confluent or Glue for a handler of whole records.
type wrapper func(troupe.Handler[kafka.Record], ...kafka.SchemaOption) troupe.Handler[kafka.Record]

// lazily makes the same of one for Lazy records.
func lazily(wrap func(troupe.Handler[troupe.Lazy[kafka.Record]], ...kafka.SchemaOption) troupe.Handler[troupe.Lazy[kafka.Record]]) wrapper {
	return func(next troupe.Handler[kafka.Record], options ...kafka.SchemaOption) troupe.Handler[kafka.Record] {
		return func(ctx context.Context, r kafka.Record) error {
			lazy := sources.LazyOf(
				func() ([]byte, error) { return bytes.Clone(r.Value), nil },
				func() (kafka.Record, error) { return r, nil })
			return wrap(func(ctx context.Context, lazy troupe.Lazy[kafka.Record]) error {
				payload, err := lazy.Payload()
				if err != nil {
					return err
				}
				whole, err := lazy.Open()
				if err != nil {
					return err
				}
				if !bytes.Equal(payload, whole.Value) || (payload == nil) != (whole.Value == nil) {
					return fmt.Errorf("payload %x, value %x", payload, whole.Value)
				}
				for i := range payload {
					payload[i] = '#'
				}
				return next(ctx, whole)
			}, options...)(ctx, lazy)
		}
	}
}

// wrappers are both, for whole and for Lazy records.
var wrappers = map[string][]wrapper{
	"Confluent": {kafka.Confluent[kafka.Record], lazily(kafka.Confluent[troupe.Lazy[kafka.Record]])},
	"Glue":      {kafka.Glue[kafka.Record], lazily(kafka.Glue[troupe.Lazy[kafka.Record]])},
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return b
}

// version is what a mapping's registry has found.
func metadata(id string) *kafka.SchemaMetadata {
	return &kafka.SchemaMetadata{DataFormat: "PROTOBUF", SchemaID: id}
}

const (
	guid    = "89791762-2336-4186-9674-299b90a802e2" // of the tests of confluent-kafka-go, as are the bytes with it
	version = "b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63"
)

// SPEC 3: a value's schema is found wherever a serializer or Lambda has put it, and taken off.
func TestASchemaIsTakenOffItsValue(t *testing.T) {
	header := func(value string) []kafka.Header {
		return []kafka.Header{
			{Key: "__key_schema_id", Value: unhex(t, "00 00000009")},
			{Key: "__value_schema_id", Value: unhex(t, "00 00000008")}, // the last one counts
			{Key: "__value_schema_id", Value: unhex(t, value)},
			{Key: "trace", Value: []byte{1}},
		}
	}
	proto := kafka.WithProtobuf()
	for _, c := range []struct {
		name, of string
		record   kafka.Record
		options  []kafka.SchemaOption
		schema   kafka.Schema
		value    string // in hex
	}{
		// confluentinc/confluent-kafka-go, schemaregistry/serde/serde_test.go.
		{"a number", "Confluent", kafka.Record{Value: unhex(t, "00 00000001 7b7d")}, nil, kafka.Schema{ID: "1"}, "7b7d"},
		{"a GUID", "Confluent", kafka.Record{Value: unhex(t, "01 89791762233641869674299b90a802e2 7b7d")}, nil, kafka.Schema{ID: guid}, "7b7d"},
		{"a number and indexes", "Confluent", kafka.Record{Value: unhex(t, "00 00000001 06020406 0a00")}, []kafka.SchemaOption{proto}, kafka.Schema{ID: "1", Message: []int{1, 2, 3}}, "0a00"},
		{"a GUID and indexes", "Confluent", kafka.Record{Value: unhex(t, "01 89791762233641869674299b90a802e2 06020406 0a00")}, []kafka.SchemaOption{proto}, kafka.Schema{ID: guid, Message: []int{1, 2, 3}}, "0a00"},
		{"one zero", "Confluent", kafka.Record{Value: unhex(t, "00 00000001 00 0a0568656c6c6f")}, []kafka.SchemaOption{proto}, kafka.Schema{ID: "1", Message: []int{0}}, "0a0568656c6c6f"},

		{"a large number", "Confluent", kafka.Record{Value: unhex(t, "00 fffffffe")}, nil, kafka.Schema{ID: "4294967294"}, ""},
		{"the message that is wanted", "Confluent", kafka.Record{Value: unhex(t, "00 00000001 04 02 00 0a00")}, []kafka.SchemaOption{kafka.WithProtobuf(1, 0)}, kafka.Schema{ID: "1", Message: []int{1, 0}}, "0a00"},
		{"an index of two bytes", "Confluent", kafka.Record{Value: unhex(t, "00 00000001 02 8001 0a00")}, []kafka.SchemaOption{proto}, kafka.Schema{ID: "1", Message: []int{64}}, "0a00"},
		{"a header with a GUID", "Confluent", kafka.Record{Value: unhex(t, "00 00000001 7b7d"), Headers: header("01 89791762233641869674299b90a802e2")}, nil, kafka.Schema{ID: guid}, "00000000017b7d"},
		{"a header with a number", "Confluent", kafka.Record{Value: unhex(t, "7b7d"), Headers: header("00 00000102")}, nil, kafka.Schema{ID: "258"}, "7b7d"},
		{"a header with indexes", "Confluent", kafka.Record{Value: unhex(t, "0a00"), Headers: header("01 89791762233641869674299b90a802e2 06020406")}, []kafka.SchemaOption{proto}, kafka.Schema{ID: guid, Message: []int{1, 2, 3}}, "0a00"},
		{"an empty header", "Confluent", kafka.Record{Value: unhex(t, "00 00000001 7b7d"), Headers: header("")}, nil, kafka.Schema{ID: "1"}, "7b7d"},
		{"stripped JSON", "Confluent", kafka.Record{Value: unhex(t, "7b7d"), ValueSchemaMetadata: metadata("7")}, nil, kafka.Schema{ID: "7"}, "7b7d"},
		{"a stripped value before a header", "Confluent", kafka.Record{Value: unhex(t, "7b7d"), Headers: header("00 00000102"), ValueSchemaMetadata: metadata("7")}, nil, kafka.Schema{ID: "7"}, "7b7d"},
		{"a registry without an identifier", "Confluent", kafka.Record{Value: unhex(t, "00 00000001 7b7d"), ValueSchemaMetadata: metadata("")}, nil, kafka.Schema{ID: "1"}, "7b7d"},
		{"a stripped empty value", "Confluent", kafka.Record{Value: []byte{}, ValueSchemaMetadata: metadata("7")}, nil, kafka.Schema{ID: "7"}, ""},

		// By zlib of Python 3.
		{"plain", "Glue", kafka.Record{Value: unhex(t, "03 00 b7b4a7f09c964e4aa687fb5de9ef0c63 7b226964223a226f2d31227d")}, nil, kafka.Schema{ID: version}, "7b226964223a226f2d31227d"},
		{"compressed", "Glue", kafka.Record{Value: unhex(t, "03 05 b7b4a7f09c964e4aa687fb5de9ef0c63 789cab56ca4c51b252cad73554aa050016890355")}, nil, kafka.Schema{ID: version}, "7b226964223a226f2d31227d"},
		{"compressed with an index", "Glue", kafka.Record{Value: unhex(t, "03 05 b7b4a7f09c964e4aa687fb5de9ef0c63 789c63e662ced7350400022e00de")}, []kafka.SchemaOption{proto}, kafka.Schema{ID: version, Message: []int{3}}, "0a036f2d31"},
		{"an index that is not zigzag", "Glue", kafka.Record{Value: unhex(t, "03 00 b7b4a7f09c964e4aa687fb5de9ef0c63 8001 0a00")}, []kafka.SchemaOption{kafka.WithProtobuf(128)}, kafka.Schema{ID: version, Message: []int{128}}, "0a00"},
		{"as large as may be", "Glue", kafka.Record{Value: unhex(t, "03 05 b7b4a7f09c964e4aa687fb5de9ef0c63 789cab56ca4c51b252cad73554aa050016890355")}, []kafka.SchemaOption{kafka.WithMaxSize(12)}, kafka.Schema{ID: version}, "7b226964223a226f2d31227d"},
		{"nothing after the header", "Glue", kafka.Record{Value: unhex(t, "03 00 b7b4a7f09c964e4aa687fb5de9ef0c63")}, nil, kafka.Schema{ID: version}, ""},
		{"stripped Avro", "Glue", kafka.Record{Value: unhex(t, "0602"), ValueSchemaMetadata: metadata(version)}, nil, kafka.Schema{ID: version}, "0602"},
	} {
		for i, wrap := range wrappers[c.of] {
			t.Run(fmt.Sprint(c.of, " ", c.name, " ", i), func(t *testing.T) {
				before := bytes.Clone(c.record.Value)
				called := false
				err := wrap(func(ctx context.Context, r kafka.Record) error {
					called = true
					schema, ok := kafka.SchemaFrom(ctx)
					assert.True(t, ok)
					assert.Equal(t, c.schema, schema)
					assert.NotNil(t, r.Value, "no tombstone")
					assert.Equal(t, c.value, hex.EncodeToString(r.Value))
					assert.Equal(t, c.record.Headers, r.Headers)
					return nil
				}, c.options...)(t.Context(), c.record)
				assert.NoError(t, err)
				assert.True(t, called)
				assert.Equal(t, before, c.record.Value)
			})
		}
	}
}

// What Lambda leaves of a value is known from events that AWS's own library is tested with: packages/kafka/tests/events
// of Powertools for AWS Lambda (TypeScript) 2.35, protobuf-complex.confluent.json and protobuf-complex.glue.json.
func TestTheIndexIsAllThatIsLeftOfAStrippedHeader(t *testing.T) {
	for _, c := range []struct {
		of, topic, id, value string
		message              []int
		user, email          string
	}{
		{"Confluent", "confluent_proto", "1", "AgIKJGE4ZTQwOTcxLTE1NTItNDIwZC1hN2M5LWI4OTgyMzI1NzAyZBIDQm9iGg9ib2JAZXhhbXBsZS5jb20gHCgBMgoyMDI0LTAyLTAyOgR0YWcxOgR0YWcyQQAAAAAAAFZASg4KBXRoZW1lEgVsaWdodFIZCgcxMjMgQXZlEgdTZWF0dGxlGgU5ODEwMQ==",
			[]int{1}, "a8e40971-1552-420d-a7c9-b8982325702d", "bob@example.com"},
		{"Glue", "gsr_proto", "12345678-1234-1234-1234-123456789012", "AQoDMTIzEgRUZXN0Ggx0ZXN0QGdteC5jb20gCjIKMjAyNS0wNi0yMDoEdGFnMToEdGFnMkoOCgV0aGVtZRIFbGlnaHRSGgoKTXl0aGVucXVhaRIGWnVyaWNoGgQ4MDAy",
			[]int{1}, "123", "test@gmx.com"},
	} {
		document := fmt.Sprintf(`{"records":{"%s-0":[{"topic":%[1]q,"partition":0,"offset":18,"value":%q,"valueSchemaMetadata":{"dataFormat":"PROTOBUF","schemaId":%q}}]}}`, c.topic, c.value, c.id)
		called := 0
		for _, wrap := range wrappers[c.of] {
			p := kafka.New(wrap(func(ctx context.Context, r kafka.Record) error {
				called++
				schema, _ := kafka.SchemaFrom(ctx)
				assert.Equal(t, kafka.Schema{ID: c.id, Message: c.message}, schema)
				fields := textFields(t, r.Value)
				assert.Equal(t, c.user, fields[1])
				assert.Equal(t, c.email, fields[3])
				return nil
			}, kafka.WithProtobuf(c.message...)))
			_, err := p.Invoke(t.Context(), []byte(document))
			assert.NoError(t, err)
		}
		assert.Equal(t, 2, called)
	}
}

// textFields returns the fields of a Protobuf message that have bytes, by number.
func textFields(t *testing.T, b []byte) map[protowire.Number]string {
	fields := map[protowire.Number]string{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		require.Positive(t, n)
		b = b[n:]
		if kind == protowire.BytesType {
			text, _ := protowire.ConsumeBytes(b)
			fields[number] = string(text)
		}
		n = protowire.ConsumeFieldValue(number, kind, b)
		require.Positive(t, n)
		b = b[n:]
	}
	return fields
}

// A header cut short, or none, is a clear error that holds nothing of the value (SPEC S9), and next is not called.
func TestAHeaderThatCannotBeRead(t *testing.T) {
	proto := []kafka.SchemaOption{kafka.WithProtobuf()}
	header := func(value string) kafka.Record {
		return kafka.Record{Value: []byte("s3cr3t"), Headers: []kafka.Header{{Key: "__value_schema_id", Value: unhex(t, value)}}}
	}
	value := func(value string) kafka.Record { return kafka.Record{Value: unhex(t, value)} }
	left := func(value string) kafka.Record {
		return kafka.Record{Value: unhex(t, value), ValueSchemaMetadata: metadata("1")}
	}
	const glueHeader = "b7b4a7f09c964e4aa687fb5de9ef0c63"
	for _, c := range []struct {
		of      string
		record  kafka.Record
		options []kafka.SchemaOption
		want    string
	}{
		{"Confluent", value(""), nil, "value: empty where a header of Confluent's schema registry was expected"},
		{"Confluent", value("7b7d"), nil, "value: no header of Confluent's schema registry: its first byte is neither 0 nor 1"},
		{"Confluent", value("00"), nil, "value: cut short in the number of the schema: 1 byte where at least 5 were expected"},
		{"Confluent", value("00 000001"), nil, "value: cut short in the number of the schema: 4 bytes where at least 5 were expected"},
		{"Confluent", value("01 89791762233641869674299b90a802"), nil, "value: cut short in the GUID of the schema: 16 bytes where at least 17 were expected"},
		{"Confluent", value("00 00000001"), proto, "value: cut short in the index of the Protobuf message"},
		{"Confluent", value("00 00000001 04 02"), proto, "value: cut short in the index of the Protobuf message"},
		{"Confluent", value("00 00000001 04 02 80"), proto, "value: cut short in the index of the Protobuf message"},
		{"Confluent", value("00 00000001 09 00"), proto, "value: negative in the index of the Protobuf message"},
		{"Confluent", value("00 00000001 0a 05 68656c6c6f"), proto, "value: negative in the index of the Protobuf message"},
		{"Confluent", value("00 00000001 02 ffffffffffffffffffff01"), proto, "value: out of range in the index of the Protobuf message"},
		{"Confluent", value("00 00000001 02 8080808010"), proto, "value: out of range in the index of the Protobuf message"},
		{"Confluent", value("00 00000001 feffffff0f 00"), proto, "value: out of range in the index of the Protobuf message"},
		{"Confluent", value("00 00000001 00 0a00"), []kafka.SchemaOption{kafka.WithProtobuf(1)}, "value: another Protobuf message where that with index [1] was expected"},
		{"Confluent", header("02"), nil, "headers.__value_schema_id: no header of Confluent's schema registry: its first byte is neither 0 nor 1"},
		{"Confluent", header("00 0000"), nil, "headers.__value_schema_id: cut short in the number of the schema: 3 bytes where at least 5 were expected"},
		{"Confluent", header("01 00"), nil, "headers.__value_schema_id: cut short in the GUID of the schema: 2 bytes where at least 17 were expected"},
		{"Confluent", header("00 00000001"), proto, "headers.__value_schema_id: cut short in the index of the Protobuf message"},
		{"Confluent", left(""), proto, "value: cut short in the index of the Protobuf message"},

		{"Glue", value(""), nil, "value: empty where a header of the Glue schema registry was expected"},
		{"Glue", value("00 00000001 7b7d"), nil, "value: no header of the Glue schema registry: its first byte is not 3"},
		{"Glue", value("03 01 " + glueHeader), nil, "value: an unknown compression in the header of the Glue schema registry: its second byte is neither 0 nor 5"},
		{"Glue", value("03"), nil, "value: cut short in the header of the Glue schema registry: 1 byte where at least 18 were expected"},
		{"Glue", value("03 00 b7b4a7f09c964e4aa687fb5de9ef0c"), nil, "value: cut short in the header of the Glue schema registry: 17 bytes where at least 18 were expected"},
		{"Glue", value("03 05 " + glueHeader), nil, "value: compressed data that is cut short"},
		{"Glue", value("03 05 " + glueHeader + "789cab56ca4c51b2"), nil, "value: compressed data that is cut short"},
		{"Glue", value("03 05 " + glueHeader + "789cab56ca4c51b252cad73554aa0500168903"), nil, "value: compressed data that is cut short"},
		{"Glue", value("03 05 " + glueHeader + "789cab56ca4c51b252cad73554aa050016890354"), nil, "value: compressed data that is not zlib"},
		{"Glue", value("03 05 " + glueHeader + "7b226964223a226f2d31227d"), nil, "value: compressed data that is not zlib"},
		{"Glue", value("03 05 " + glueHeader + "789cab56ca4c51b252cad73554aa050016890355"), []kafka.SchemaOption{kafka.WithMaxSize(11)}, "value: more than 11 bytes when decompressed, which is the limit"},
		{"Glue", value("03 00 " + glueHeader), proto, "value: cut short in the index of the Protobuf message"},
		{"Glue", value("03 00 " + glueHeader + "8080808010"), proto, "value: out of range in the index of the Protobuf message"},
		{"Glue", value("03 00 " + glueHeader + "ffffffffffffffffffff01"), proto, "value: out of range in the index of the Protobuf message"},
		{"Glue", value("03 00 " + glueHeader + "01 0a00"), []kafka.SchemaOption{kafka.WithProtobuf(0)}, "value: another Protobuf message where that with index [0] was expected"},
		{"Glue", left("80"), proto, "value: cut short in the index of the Protobuf message"},
	} {
		for _, wrap := range wrappers[c.of] {
			err := wrap(func(context.Context, kafka.Record) error {
				t.Error("called")
				return nil
			}, c.options...)(t.Context(), c.record)
			assert.EqualError(t, err, "troupe: record cannot be decoded: "+c.want)
			assert.ErrorIs(t, err, troupe.ErrUndecodable)
			assert.True(t, batch.IsPermanent(err), "not retried in place")
		}
	}
}

// What is compressed a thousandfold is never held in memory as a whole.
func TestDecompressionIsBounded(t *testing.T) {
	var compressed bytes.Buffer
	w := zlib.NewWriter(&compressed)
	_, err := io.CopyN(w, zeros{}, 17<<20)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	value := append(unhex(t, "03 05 b7b4a7f09c964e4aa687fb5de9ef0c63"), compressed.Bytes()...)
	handle := kafka.Glue(func(context.Context, kafka.Record) error { return nil })
	assert.EqualError(t, handle(t.Context(), kafka.Record{Value: value}),
		"troupe: record cannot be decoded: value: more than 16777216 bytes when decompressed, which is the limit")
	handle = kafka.Glue(func(context.Context, kafka.Record) error { return nil }, kafka.WithMaxSize(64<<10))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	assert.Error(t, handle(t.Context(), kafka.Record{Value: value}))
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A tombstone has no schema and is passed on; a record that cannot be opened fails.
func TestATombstoneHasNoSchema(t *testing.T) {
	const document = `{"records":{"t-0":[
		{"topic":"t","partition":0,"offset":1,"value":null},
		{"topic":"t","partition":0,"offset":2,"value":"AAAAAAF7fQ==","key":"?"},
		{"topic":"t","partition":0,"offset":3,"value":"AAAAAAF7fQ=="}]}}`
	type order struct{ ID string }
	for name, p := range map[string]*kafka.Processor{
		"whole": kafka.New(kafka.Confluent(func(ctx context.Context, r kafka.Record) error {
			_, ok := kafka.SchemaFrom(ctx)
			assert.Equal(t, r.Value != nil, ok)
			return nil
		}), troupe.WithPolicy(troupe.Continue), troupe.WithLogger(slog.New(slog.DiscardHandler))),
		"typed": kafka.New(kafka.Confluent(typed.Kafka(func(ctx context.Context, o *order) error {
			_, ok := kafka.SchemaFrom(ctx)
			assert.Equal(t, o != nil, ok)
			return nil
		})), troupe.WithPolicy(troupe.Continue), troupe.WithLogger(slog.New(slog.DiscardHandler))),
	} {
		response, err := p.Invoke(t.Context(), []byte(document))
		assert.NoError(t, err, name)
		assert.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":{"partition":"t-0","offset":2}}]}`, string(response), name)
	}
	_, ok := kafka.SchemaFrom(t.Context())
	assert.False(t, ok)
}

// Mistakes in a program are found when it starts.
func TestSchemaOptionsAreChecked(t *testing.T) {
	handle := func(context.Context, kafka.Record) error { return nil }
	for want, construct := range map[string]func(){
		"troupe: kafka.Confluent(nil): must be a function":                                   func() { kafka.Confluent[kafka.Record](nil) },
		"troupe: kafka.Glue(nil): must be a function":                                        func() { kafka.Glue[troupe.Lazy[kafka.Record]](nil) },
		"troupe: kafka.Glue: option 2 is nil: must be a SchemaOption":                        func() { kafka.Glue(handle, kafka.WithProtobuf(), nil) },
		"troupe: kafka.WithProtobuf[0 -1]: indexes must not be negative":                     func() { kafka.Glue(handle, kafka.WithProtobuf(0, -1)) },
		"troupe: kafka.WithMaxSize(0): must be at least 1":                                   func() { kafka.Glue(handle, kafka.WithMaxSize(0)) },
		"troupe: kafka.WithMaxSize with kafka.Confluent: only values of Glue are compressed": func() { kafka.Confluent(handle, kafka.WithMaxSize(1)) },
	} {
		assert.PanicsWithError(t, want, construct)
	}
}

// readableProblem is what errors of schemas may be made of.
var readableProblem = regexp.MustCompile(`^troupe: record cannot be decoded: (value|headers\.__value_schema_id): ` +
	`(empty where a header of [\w' ]+ was expected|no header of [\w', :]+|cut short in the (number|GUID) of the schema: \d+ bytes? where at least \d+ were expected` +
	`|(cut short|negative|out of range) in the index of the Protobuf message|another Protobuf message where that with index \[\d\] was expected` +
	`|an unknown compression in [\w, :]+|cut short in the header of the Glue schema registry: \d+ bytes? where at least 18 were expected` +
	`|compressed data that is (cut short|not zlib)|more than 4096 bytes when decompressed, which is the limit)$`)

// fuzzed gives a record to the wrapper, and checks what is left of it by rebuilding the value.
func fuzzed(t *testing.T, of string, r kafka.Record, rebuild func(kafka.Schema, []byte) []byte, options ...kafka.SchemaOption) {
	before := bytes.Clone(r.Value)
	for _, wrap := range wrappers[of] {
		called := false
		err := wrap(func(ctx context.Context, got kafka.Record) error {
			called = true
			schema, ok := kafka.SchemaFrom(ctx)
			require.Equal(t, r.Value != nil, ok)
			if ok && rebuild != nil {
				require.Equal(t, before, rebuild(schema, got.Value))
			}
			return nil
		}, options...)(t.Context(), r)
		require.Equal(t, err == nil, called)
		if err != nil {
			require.ErrorIs(t, err, troupe.ErrUndecodable)
			require.Regexp(t, readableProblem, err.Error())
		}
		require.Equal(t, before, r.Value)
	}
}

func FuzzConfluent(f *testing.F) {
	for _, seed := range []string{"", "00", "0000000001", "00000000010a", "000000000106020406ff", "00000000010000", "0189791762233641869674299b90a802e206020406", "0102", "7b7d", "00000000019f8080808080808080"} {
		f.Add(unhex(f, seed), []byte(nil), "")
		f.Add([]byte("s3cr3t"), unhex(f, seed), "")
		f.Add(unhex(f, seed), []byte(nil), "7")
	}
	f.Fuzz(func(t *testing.T, value, header []byte, id string) {
		r := kafka.Record{Value: value}
		if len(header) > 0 {
			r.Headers = []kafka.Header{{Key: "__value_schema_id", Value: header}}
		}
		if id != "" {
			r.ValueSchemaMetadata = metadata(id)
		}
		// What was taken off and what is left make up the value, if there was a header in it and it is in its shortest form.
		var plain func(kafka.Schema, []byte) []byte
		switch {
		case value == nil:
		case id != "" || len(header) > 0:
			plain = func(_ kafka.Schema, rest []byte) []byte { return rest }
		default:
			plain = func(s kafka.Schema, rest []byte) []byte {
				return append(idBytes(t, s.ID), rest...)
			}
		}
		fuzzed(t, "Confluent", r, plain)
		fuzzed(t, "Confluent", r, nil, kafka.WithProtobuf())
		fuzzed(t, "Confluent", r, nil, kafka.WithProtobuf(1))
	})
}

// idBytes writes the identifier of a schema as Confluent's clients do.
func idBytes(t *testing.T, id string) []byte {
	if strings.Contains(id, "-") {
		return append([]byte{1}, unhex(t, strings.ReplaceAll(id, "-", ""))...)
	}
	var number uint32
	_, err := fmt.Sscan(id, &number)
	require.NoError(t, err)
	return binary.BigEndian.AppendUint32([]byte{0}, number)
}

func FuzzGlue(f *testing.F) {
	const header = "b7b4a7f09c964e4aa687fb5de9ef0c63"
	for _, seed := range []string{"", "03", "0300", "0300" + header, "0300" + header + "7b7d", "0300" + header + "80", "0305" + header + "789cab56ca4c51b252cad73554aa050016890355",
		"0305" + header + "789c33301805a360140c770000ad1abb81", "0305" + header, "0301" + header, "7b7d"} {
		f.Add(unhex(f, seed), "")
		f.Add(unhex(f, seed), "7")
	}
	f.Fuzz(func(t *testing.T, value []byte, id string) {
		r := kafka.Record{Value: value}
		if id != "" {
			r.ValueSchemaMetadata = metadata(id)
		}
		plain := func(s kafka.Schema, rest []byte) []byte {
			switch {
			case id != "":
				return rest
			case value[1] == 0:
				return append([]byte{3, 0}, append(unhex(t, strings.ReplaceAll(s.ID, "-", "")), rest...)...)
			}
			inflater, err := zlib.NewReader(bytes.NewReader(value[18:]))
			require.NoError(t, err)
			want, err := io.ReadAll(inflater)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, rest))
			require.LessOrEqual(t, len(rest), 4096)
			return value
		}
		fuzzed(t, "Glue", r, plain, kafka.WithMaxSize(4096))
		fuzzed(t, "Glue", r, nil, kafka.WithMaxSize(4096), kafka.WithProtobuf())
		fuzzed(t, "Glue", r, nil, kafka.WithMaxSize(4096), kafka.WithProtobuf(1))
	})
}

// BenchmarkSchemas compares Confluent and Glue with the same work done by hand, for plain and typed handlers.
func BenchmarkSchemas(b *testing.B) {
	type order struct{ ID string }
	body, err := json.Marshal(order{strings.Repeat("x", 200)})
	require.NoError(b, err)
	event := func(value []byte) []byte {
		return fmt.Appendf(nil, `{"records":{"t-0":[{"topic":"t","partition":0,"offset":1,"key":"YQ==","value":%q,"headers":[{"trace":[1,2,3]}]}]}}`, base64.StdEncoding.EncodeToString(value))
	}
	handle := typed.Kafka(func(context.Context, order) error { return nil })
	for _, c := range []struct {
		name  string
		event []byte
		p     *kafka.Processor
	}{
		{"none", event(body), kafka.New(handle)},
		{"Confluent", event(append([]byte{0, 0, 0, 0, 1}, body...)), kafka.New(kafka.Confluent(handle))},
		{"Glue", event(append(unhex(b, "03 00 b7b4a7f09c964e4aa687fb5de9ef0c63"), body...)), kafka.New(kafka.Glue(handle))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.p.Invoke(b.Context(), c.event); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
