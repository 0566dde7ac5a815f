package kafka

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
)

var _ sources.Reader[Event, Record] = Source{}

// groupsOf returns the groups of all records, and whether each of them can be read.
func groupsOf(b *sources.Batch[Record]) (groups []string, all bool) {
	all = true
	for i := range b.IDs {
		group, ok := b.Group(i)
		groups, all = append(groups, group), all && ok
	}
	return groups, all
}

// at is a record with nothing but its place.
func at(topic string, partition, offset int) string {
	return fmt.Sprintf(`{"topic":%q,"partition":%d,"offset":%d,"value":"YQ=="}`, topic, partition, offset)
}

// SPEC 9: partitions by name, their numbers as numbers, then offset; whatever the order of the event, and the
// same for both ways in.
func TestABatchIsInTheOrderOfPartitionsAndOffsets(t *testing.T) {
	payload := `{"records":{
		"b-0":[` + at("b", 0, 1) + `],
		"a-10":[` + at("a", 10, 7) + `,` + at("a", 10, 6) + `],
		"a-2":[` + at("a", 2, 100) + `,` + at("a", 2, 99) + `,` + at("a", 2, 1000) + `],
		"a-b-0":[` + at("a-b", 0, 5) + `]}}`
	want := []string{"a-2@99", "a-2@100", "a-2@1000", "a-10@6", "a-10@7", "a-b-0@5", "b-0@1"}
	var event Event
	require.NoError(t, json.Unmarshal([]byte(payload), &event))
	read, err := Source{}.Read(event)
	require.NoError(t, err)
	decoded, err := Source{}.Decode([]byte(payload))
	require.NoError(t, err)
	for _, b := range []*sources.Batch[Record]{read, decoded} {
		assert.Equal(t, want, b.IDs)
		for i, id := range want {
			r, err := b.Open(i)
			require.NoError(t, err)
			assert.Equal(t, id, r.ID())
			group, ok := b.Group(i)
			assert.True(t, ok)
			assert.Equal(t, id[:strings.Index(id, "@")], group, "SPEC O3: the partition")
			value, err := b.Payload(i)
			require.NoError(t, err)
			assert.Equal(t, r.Value, value)
		}
		assert.Equal(t, batch.Derive, b.Ordered, "no policy of its own, unlike a FIFO queue")
		assert.Equal(t, batch.Derive, b.Unordered)
	}
}

func TestTheSamplesAreRead(t *testing.T) {
	for _, path := range samples {
		var event Event
		require.NoError(t, json.Unmarshal(read(t, path), &event))
		b, err := Source{}.Decode(read(t, path))
		require.NoError(t, err)
		n := 0
		for i := range b.IDs {
			r, err := b.Open(i)
			require.NoError(t, err)
			group, ok := b.Group(i)
			require.True(t, ok)
			assert.Contains(t, event.Records[group], r)
			value, err := b.Payload(i)
			require.NoError(t, err)
			assert.Equal(t, r.Value, value)
			n++
		}
		for _, records := range event.Records {
			n -= len(records)
		}
		assert.Zero(t, n)
	}
}

// A record is what its own fields say, which is what AWS's examples report, wherever in the map it stands.
func TestARecordIsIdentifiedByItsOwnFields(t *testing.T) {
	b, err := Source{}.Decode([]byte(`{"records":{"another-9":[` + at("t", 1, 2) + `]}}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"t-1@2"}, b.IDs)
}

// SPEC S6: an empty map is a success.
func TestAnEmptyMapIsAnEmptyBatch(t *testing.T) {
	for _, payload := range []string{`{"records":{}}`, `{"Records":{"t-0":[]}}`, ` {"eventSource":null,"records" : { } } `} {
		b, err := Source{}.Decode([]byte(payload))
		require.NoError(t, err, payload)
		assert.Empty(t, b.IDs)
	}
	b, err := Source{}.Read(Event{Records: map[string][]Record{}})
	require.NoError(t, err)
	assert.Empty(t, b.IDs)
}

// SPEC S5, S6: what is no event, and a record that could not be reported. The errors say what came and what was
// expected, and nothing of the payload.
func TestWhatIsNoEventIsRefused(t *testing.T) {
	good := at("t", 0, 0)
	for payload, want := range map[string]string{
		``:                                     `the payload is empty where JSON was expected`,
		`{"records":{}`:                        `the JSON is cut short after 13 bytes`,
		`{"records":s3cr3t}`:                   `not JSON at byte 11 of 18`,
		`{"records":{}} s3cr3t`:                `not JSON at byte 15 of 21`,
		`null`:                                 `the event is null where an object with "records" was expected`,
		` [1]`:                                 `record 0: a number where an object was expected`,
		`{}`:                                   `"records" is missing`,
		`{"records":null}`:                     `"records" is null where an object was expected`,
		`{"Records":[{"s3cr3t":1}]}`:           `"records" is an array where an object was expected`,
		`{"records":"s3cr3t"}`:                 `"records" is a string where an object was expected`,
		`{"records":{},"records":{}}`:          `duplicate "records"`,
		`{"records":{},"RECORDS":{}}`:          `duplicate "records"`,
		`{"records":{"t-0":[],"s3cr3t":null}}`: `partition 1 in "records" is null where an array was expected`,
		`{"records":{"s3cr3t":{}}}`:            `partition 0 in "records" is an object where an array was expected`,
		`{"records":{"t-0":[` + good + `],"t-0":[` + good + `]}}`:     `duplicate partition 1 in "records"`,
		`{"records":{"t-0":[],"\u0074-0":[]}}`:                        `duplicate partition 1 in "records"`,
		`{"records":{"t-0":[` + good + `,null]}}`:                     `record 1 of partition 0 in "records": null where an object was expected`,
		`{"records":{"t-0":["s3cr3t"]}}`:                              `record 0 of partition 0 in "records": a string where an object was expected`,
		`{"eventSource":"aws:sqs","records":{}}`:                      `"eventSource" is aws:sqs where aws:kafka or SelfManagedKafka was expected`,
		`{"eventSource":"s3cr3t","records":{}}`:                       `"eventSource" is of an unknown service where aws:kafka or SelfManagedKafka was expected`,
		`{"eventSource":["s3cr3t"],"records":{}}`:                     `"eventSource" is an array where a string was expected`,
		`{"bootstrapServers":7,"records":{}}`:                         `"bootstrapServers" is a number where a string was expected`,
		`{"records":{"s3cr3t":[{}]}}`:                                 `record 0 of partition 0 in "records": "topic" is missing or empty, so that its failure could not be reported`,
		`{"records":{"t-0":[{"topic":"t","partition":0}]}}`:           `"offset" is missing, so that`,
		`{"records":{"t-0":[{"topic":"t","offset":0}]}}`:              `"partition" is missing, so that`,
		`{"records":{"t-0":[{"topic":"","partition":0,"offset":0}]}}`: `"topic" is missing or empty, so that`,
		`{"records":{"t-0":[{"topic":["s3cr3t"],"partition":0}]}}`:    `"topic" is an array where a string was expected, so that`,
		`{"records":{"t-0":[{"topic":"t","partition":"0"}]}}`:         `"partition" is a string where an integer was expected, so that`,
		`{"records":{"t-0":[{"topic":"t","partition":2147483648}]}}`:  `"partition" is a number where an integer of 32 bits was expected, so that`,
		`{"records":{"t-0":[{"offset":9223372036854775808}]}}`:        `"offset" is a number where an integer of 64 bits was expected, so that`,
		`{"records":{"t-0":[{"offset":1.5}]}}`:                        `"offset" is a number where an integer of 64 bits was expected, so that`,
		`{"records":{"t-0":[{"offset":-1}]}}`:                         `"offset" is negative, so that`,
		`{"records":{"t-0":[{"offset":null}]}}`:                       `"offset" is null, so that`,
		`{"records":{"t-0":[` + good + `],"u-0":[` + good + `,{}]}}`:  `record 1 of partition 1 in "records": "topic" is missing`,
	} {
		_, err := Source{}.Decode([]byte(payload))
		require.ErrorIs(t, err, batch.ErrEvent, payload)
		assert.ErrorContains(t, err, "troupe: event cannot be processed: ", payload)
		assert.ErrorContains(t, err, want, payload)
		assert.NotContains(t, err.Error(), "s3cr3t")
	}
	for want, event := range map[string]Event{
		`"records" is nil where a map was expected`:                         {},
		`"eventSource" is aws:mq where`:                                     {EventSource: "aws:mq", Records: map[string][]Record{}},
		`record 1 of partition 0 in "records": "topic" is missing or empty`: {Records: map[string][]Record{"t-0": {{Topic: "t"}, {}}}},
		`"partition" or "offset" is negative`:                               {Records: map[string][]Record{"t-0": {{Topic: "t", Offset: -1}}}},
	} {
		_, err := Source{}.Read(event)
		require.ErrorIs(t, err, batch.ErrEvent, want)
		assert.ErrorContains(t, err, want)
	}
}

// SPEC D6, S9: the record fails by itself, and the error tells field and position but nothing of the payload.
func TestARecordThatCannotBeDecodedSaysWhere(t *testing.T) {
	const head = `{"topic":"t","partition":0,"offset":1,`
	for text, want := range map[string]batch.DecodeError{
		`"value":"s3cr3t!"}`:  {Field: "value", Offset: 46, Problem: "not base64"},
		`"value":7}`:          {Field: "value", Offset: 46, Problem: "a number where a base64 string was expected"},
		`"key":{"s3cr3t":1}}`: {Field: "key", Offset: 44, Problem: "an object where a base64 string was expected"},
		`"key":"YQ="}`:        {Field: "key", Offset: 44, Problem: "not base64"},
	} {
		payload := `{"records":{"t-0":[` + at("t", 0, 0) + `,` + head + text + `,` + at("t", 0, 2) + `]}}`
		b, err := Source{}.Decode([]byte(payload))
		require.NoError(t, err, text)
		assert.Equal(t, []string{"t-0@0", "t-0@1", "t-0@2"}, b.IDs)
		groups, all := groupsOf(b)
		assert.True(t, all, "its partition can be read")
		assert.Equal(t, []string{"t-0", "t-0", "t-0"}, groups)
		for range 2 {
			_, err = b.Open(1)
			got, ok := err.(*batch.DecodeError)
			require.True(t, ok, "%s: %v", text, err)
			assert.Equal(t, want, *got, text)
			assert.NotContains(t, got.Error(), "s3cr3t")
		}
		_, err = b.Open(2)
		require.NoError(t, err)

		// The value alone does not depend on the rest.
		value, err := b.Payload(1)
		if want.Field == "value" {
			assert.Equal(t, &want, err)
			assert.NotContains(t, err.Error(), "s3cr3t")
		} else {
			require.NoError(t, err)
		}
		assert.Nil(t, value)
		value, err = b.Payload(2)
		require.NoError(t, err)
		assert.Equal(t, "a", string(value))
	}
}

// SPEC S12, S9: what is neither key nor value and cannot be read is left out and noted, and the rest of the record is as it
// was sent. The note says what is left out, and holds nothing of the payload.
func TestSideDataThatCannotBeReadIsLeftOutAndNoted(t *testing.T) {
	const good = `"value":"Yg==","timestamp":5,"timestampType":"CREATE_TIME","headers":[{"a":[1]}],`
	for text, want := range map[string]struct {
		change func(*Record)
		note   string
	}{
		`"x":0}`:                            {func(*Record) {}, ""},
		`"timestamp":-1}`:                   {func(r *Record) { r.Timestamp = time.Time{} }, ""},
		`"timestamp":"s3cr3t"}`:             {func(*Record) {}, "timestamp left out: a string where an integer was expected"},
		`"timestamp":1.5}`:                  {func(*Record) {}, "timestamp left out: a number where an integer of 64 bits was expected"},
		`"timestampType":true}`:             {func(*Record) {}, "timestampType left out: a boolean where a string was expected"},
		`"headers":{"s3cr3t":1}}`:           {func(r *Record) { r.Headers = nil }, "headers left out: an object where an array was expected"},
		`"headers":["s3cr3t",{"b":[2]}]}`:   {func(r *Record) { r.Headers = []Header{{"b", []byte{2}}} }, "headers left out: number 0: a string where an object was expected"},
		`"headers":[{"b":[2]},null]}`:       {func(r *Record) { r.Headers = []Header{{"b", []byte{2}}} }, "headers left out: number 1: null where an object was expected"},
		`"headers":[{"s3cr3t":"s3cr3t"}]}`:  {func(r *Record) { r.Headers = []Header{} }, "headers left out: number 0: a string where an array of bytes was expected"},
		`"headers":[{"b":[128,255,-128]}]}`: {func(r *Record) { r.Headers = []Header{{"b", []byte{128, 255, 128}}} }, ""},
		`"headers":[{"b":[256]}]}`:          {func(r *Record) { r.Headers = []Header{} }, "headers left out: number 0: a number where a byte from -128 to 255 was expected"},
		`"headers":[{"b":[-129]}]}`:         {func(r *Record) { r.Headers = []Header{} }, "headers left out: number 0: a number where a byte from -128 to 255 was expected"},
		`"headers":[{"b":[1.5]},{"b":[null]}]}`: {func(r *Record) { r.Headers = []Header{} }, "headers left out: number 0: a number where a byte from -128 to 255 was expected; " +
			"number 1: null where a byte from -128 to 255 was expected"},
		`"keySchemaMetadata":"s3cr3t"}`:                  {func(*Record) {}, "keySchemaMetadata left out: a string where an object was expected"},
		`"keySchemaMetadata":{"schemaId":7,"x":1}}`:      {func(r *Record) { r.KeySchemaMetadata = &SchemaMetadata{SchemaID: "7"} }, ""},
		`"valueSchemaMetadata":{"schemaId":["s3cr3t"]}}`: {func(r *Record) { r.ValueSchemaMetadata = &SchemaMetadata{} }, "valueSchemaMetadata left out: an array where a string was expected inside of it"},
		`"timestamp":{},"keySchemaMetadata":1}`:          {func(*Record) {}, "timestamp left out: an object where an integer was expected; keySchemaMetadata left out: a number where an object was expected"},
	} {
		payload := `{"records":{"t-0":[` + at("t", 0, 0) + `,{"topic":"t","partition":0,"offset":1,` + good + text + `]}}`
		b, err := Source{}.Decode([]byte(payload))
		require.NoError(t, err, text)
		assert.Empty(t, b.Notes(), "nothing has been opened")
		for i := range 2 { // any number of times
			_, err := b.Open(i)
			require.NoError(t, err)
			got, err := b.Open(1)
			require.NoError(t, err, text)
			expected := Record{
				Topic: "t", Offset: 1, Value: []byte("b"), Timestamp: time.UnixMilli(5).UTC(), TimestampType: "CREATE_TIME", Headers: []Header{{"a", []byte{1}}},
			}
			want.change(&expected)
			assert.Equal(t, expected, got, text)
		}
		if want.note == "" {
			assert.Empty(t, b.Notes(), text)
			continue
		}
		assert.Equal(t, []batch.Note{{Index: 1, Text: want.note}}, b.Notes(), text)
		assert.NotContains(t, want.note, "s3cr3t")
	}
}

// SPEC S12: what others have sent, which was refused or stopped a partition once.
func TestSideDataOfOtherSendersIsTaken(t *testing.T) {
	b, err := Source{}.Decode(read(t, "testdata/events/aws-prefix.json"))
	require.NoError(t, err)
	assert.Equal(t, []string{"orders-0@15"}, b.IDs)
	b, err = Source{}.Decode(read(t, "testdata/events/schema-id-as-number.json"))
	require.NoError(t, err)
	require.Equal(t, []string{"orders-0@1", "orders-0@2"}, b.IDs)
	r, err := b.Open(0)
	require.NoError(t, err)
	assert.Equal(t, &SchemaMetadata{DataFormat: "AVRO", SchemaID: "100"}, r.ValueSchemaMetadata)
	assert.Empty(t, b.Notes())
	var m SchemaMetadata
	require.NoError(t, json.Unmarshal([]byte(`{"dataFormat":"JSON","schemaId":1e2}`), &m))
	assert.Equal(t, SchemaMetadata{DataFormat: "JSON", SchemaID: "1e2"}, m)
	require.NoError(t, json.Unmarshal([]byte(`null`), &m))
	assert.ErrorIs(t, json.Unmarshal([]byte(`[]`), &m), batch.ErrUndecodable)
	assert.ErrorIs(t, json.Unmarshal([]byte(`{"schemaId":{}}`), &m), batch.ErrUndecodable)
	assert.ErrorIs(t, m.UnmarshalJSON([]byte(`{`)), batch.ErrUndecodable)
}

// SPEC D3: nothing that a handler gets refers to the payload, and what is kept of a batch does not refer to the
// event either.
func TestNothingRefersToThePayload(t *testing.T) {
	payload := read(t, samples[0])
	b, err := Source{}.Decode(payload)
	require.NoError(t, err)
	copied := make([]byte, len(payload))
	copy(copied, payload)
	for i := range payload {
		payload[i] = '#'
	}
	want, err := Source{}.Decode(copied)
	require.NoError(t, err)
	assert.Equal(t, want.IDs, b.IDs)
	wanted, _ := groupsOf(want)
	groups, all := groupsOf(b)
	assert.True(t, all)
	assert.Equal(t, wanted, groups)
	for i := range b.IDs {
		got, err := b.Open(i)
		require.NoError(t, err)
		expected, err := want.Open(i)
		require.NoError(t, err)
		assert.Equal(t, expected, got)
		assert.NotSame(t, unsafe.StringData(got.Topic), unsafe.StringData(groups[i]))
		value, err := b.Payload(i)
		require.NoError(t, err)
		assert.Equal(t, expected.Value, value)
	}
	// One record's bytes are not another call's.
	first, _ := b.Open(0)
	first.Value[0] ^= 1
	again, _ := b.Open(0)
	assert.NotEqual(t, first.Value, again.Value)
	payloadOnce, _ := b.Payload(0)
	payloadOnce[0] ^= 1
	payloadAgain, _ := b.Payload(0)
	assert.Equal(t, again.Value, payloadAgain)
}

// A fraction of the event is all that identifiers take.
func TestIdentifiersShareTheirMemory(t *testing.T) {
	const records = 1000
	texts := make([]string, records)
	for i := range texts {
		texts[i] = at("t", 0, i)
	}
	payload := []byte(`{"records":{"t-0":[` + strings.Join(texts, ",") + `]}}`)
	allocations := testing.AllocsPerRun(10, func() {
		if _, err := (Source{}).Decode(payload); err != nil {
			t.Fatal(err)
		}
	})
	assert.Less(t, allocations, 0.2*records)
}

func BenchmarkDecode(b *testing.B) {
	value := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("payload ", 60)))
	texts := make([]string, 1000)
	for i := range texts {
		texts[i] = fmt.Sprintf(`{"topic":"orders","partition":0,"offset":%d,"timestamp":1763784000120,"timestampType":"CREATE_TIME","key":"Y3VzdG9tZXItMQ==","value":%q,"headers":[{"trace":[48,48,45,52,98,102,57,50,102,51]}]}`, i, value)
	}
	payload := []byte(`{"eventSource":"aws:kafka","records":{"orders-0":[` + strings.Join(texts, ",") + `]}}`)
	b.Run("troupe", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			batch, err := Source{}.Decode(payload)
			if err != nil {
				b.Fatal(err)
			}
			for i := range batch.IDs {
				if _, err := batch.Open(i); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			var event oracleEvent
			if err := json.Unmarshal(payload, &event); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The value of a record is read without the rest of it: nil for a tombstone, empty for an empty one, and as
// encoding/json reads it where a name comes twice or in another case. Both ways in agree.
func TestTheValueAloneIsTheRecords(t *testing.T) {
	for text, want := range map[string][]byte{
		`"value":"YWI="`:                           []byte("ab"),
		`"value":""`:                               {},
		`"value":null`:                             nil,
		`"key":"YQ=="`:                             nil,
		`"VALUE":"YWI="`:                           []byte("ab"),
		`"value":"YQ==","Value":"YWI="`:            []byte("ab"),
		`"value":"YWI=","value":null`:              nil,
		`"v\u0061lue":"YWI\u003d"`:                 []byte("ab"),
		`"headers":[{"value":[1]}],"value":"YWI="`: []byte("ab"),
		`"value":"YWI=","other":{"value":"Yw=="},"key":null`: []byte("ab"),
	} {
		b, err := Source{}.Decode([]byte(`{"records":{"t-0":[{"topic":"t","partition":0,"offset":1,` + text + `}]}}`))
		require.NoError(t, err, text)
		value, err := b.Payload(0)
		require.NoError(t, err, text)
		assert.Equal(t, want, value, text)
		record, err := b.Open(0)
		require.NoError(t, err, text)
		assert.Equal(t, want, record.Value, text)

		read, err := Source{}.Read(Event{Records: map[string][]Record{"t-0": {record}}})
		require.NoError(t, err, text)
		value, err = read.Payload(0)
		require.NoError(t, err, text)
		assert.Equal(t, want, value, text)
		for i := range value {
			value[i] = '#'
		}
		again, err := read.Open(0)
		require.NoError(t, err, text)
		assert.Equal(t, want, again.Value, "a payload is in bytes of its own")
	}
}

// The JSON of a record is there whether or not it can be decoded, in bytes of its own.
func TestTheTextOfARecordIsThere(t *testing.T) {
	const record = `{"topic":"t","partition":0,"offset":1,"value":"!"}`
	b, err := Source{}.Decode([]byte(`{"records":{"t-0":[` + record + `]}}`))
	require.NoError(t, err)
	_, err = b.Open(0)
	require.Error(t, err)
	clear(b.Text(0))
	assert.Equal(t, record, string(b.Text(0)))

	read, err := Source{}.Read(Event{Records: map[string][]Record{"t-0": {{Topic: "t", Offset: 1}}}})
	require.NoError(t, err)
	assert.Contains(t, string(read.Text(0)), `"offset":1`)
}
