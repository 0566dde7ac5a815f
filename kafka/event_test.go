package kafka

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
)

var samples = []string{"../testdata/events/kafka-msk.json", "../testdata/events/kafka-selfmanaged.json"}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}

// The types mirror the wire: "Using Lambda with Amazon MSK" and "Using Lambda with self-managed Apache Kafka" in
// the AWS Lambda Developer Guide.
func TestEventsComeBackFromJSONAsTheyWere(t *testing.T) {
	for _, path := range samples {
		text := read(t, path)
		var event Event
		require.NoError(t, json.Unmarshal(text, &event))
		again, err := json.Marshal(event)
		require.NoError(t, err)
		assert.JSONEq(t, string(text), string(again), path)
	}
}

// What both can express reads the same as with aws-lambda-go.
func TestEventsReadAsWithAWSLambdaGo(t *testing.T) {
	for _, path := range samples {
		var ours Event
		var theirs events.KafkaEvent
		require.NoError(t, json.Unmarshal(read(t, path), &ours))
		require.NoError(t, json.Unmarshal(read(t, path), &theirs))
		assert.Equal(t, theirs.EventSource, ours.EventSource)
		assert.Equal(t, theirs.EventSourceARN, ours.EventSourceARN)
		assert.Equal(t, theirs.BootstrapServers, ours.BootstrapServers)
		require.Len(t, ours.Records, len(theirs.Records))
		for name, records := range theirs.Records {
			require.Len(t, ours.Records[name], len(records))
			for i, their := range records {
				our := ours.Records[name][i]
				assert.Equal(t, their.Topic, our.Topic)
				assert.EqualValues(t, their.Partition, our.Partition)
				assert.Equal(t, their.Offset, our.Offset)
				assert.True(t, their.Timestamp.Equal(our.Timestamp), "%v %v", their.Timestamp, our.Timestamp)
				assert.Equal(t, their.TimestampType, our.TimestampType)
				require.Len(t, our.Headers, len(their.Headers))
				for k, header := range their.Headers {
					assert.Equal(t, header, map[string]events.JSONNumberBytes{our.Headers[k].Key: our.Headers[k].Value})
				}
			}
		}
	}
}

func TestASampleRecordIsWhatItSays(t *testing.T) {
	var msk, own Event
	require.NoError(t, json.Unmarshal(read(t, samples[0]), &msk))
	require.NoError(t, json.Unmarshal(read(t, samples[1]), &own))
	assert.Equal(t, Record{
		Topic: "orders", Partition: 0, Offset: 42, Timestamp: time.Date(2025, 11, 22, 4, 0, 0, 125e6, time.UTC), TimestampType: "CREATE_TIME",
		Key: []byte("customer-2"), Value: []byte(`{"order":2,"do":"fail"}`),
		Headers: []Header{{"attempt", []byte{1}}, {"attempt", []byte{0x80, 0xff, 0}}, {"empty", []byte{}}},
	}, msk.Records["orders-0"][1])
	assert.Equal(t, "orders-0@42", msk.Records["orders-0"][1].ID())
	assert.Equal(t, "orders-10@9007199254740993", msk.Records["orders-10"][0].ID(), "an offset that no float64 holds")
	assert.Equal(t, &SchemaMetadata{DataFormat: "AVRO", SchemaID: "9b3a2bd0-1e6a-4c32-8a5b-5ea0a3d5e4f1"}, own.Records["payments.eu-west_1-0"][0].ValueSchemaMetadata)
	assert.Nil(t, msk.Records["orders-0"][0].ValueSchemaMetadata)
}

// A tombstone is no empty value, and a record without a key none with an empty one; there and back.
func TestAbsentAndEmptyAreToldApart(t *testing.T) {
	const head = `{"topic":"t","partition":0,"offset":1,`
	for text, want := range map[string]struct {
		key, value []byte
		again      string
	}{
		`"key":null,"value":null}`: {nil, nil, `"value":null}`},
		`"value":null}`:            {nil, nil, `"value":null}`},
		`"key":"","value":""}`:     {[]byte{}, []byte{}, `"key":"","value":""}`},
		`"key":"","value":null}`:   {[]byte{}, nil, `"key":"","value":null}`},
		`"value":""}`:              {nil, []byte{}, `"value":""}`},
	} {
		var r Record
		require.NoError(t, json.Unmarshal([]byte(head+text), &r), text)
		assert.Equal(t, want.key, r.Key, text)
		assert.Equal(t, want.value, r.Value, text)
		again, err := json.Marshal(r)
		require.NoError(t, err)
		assert.JSONEq(t, head+want.again, string(again))
	}
}

// Header values are signed bytes, in order, and keys may repeat.
func TestHeadersAreSignedBytesInOrder(t *testing.T) {
	for text, want := range map[string][]Header{
		`[]`:                              {},
		`null`:                            nil,
		`[{"a":[]}]`:                      {{"a", []byte{}}},
		`[{"a":null}]`:                    {{"a", nil}},
		`[{"a":[0,127,-128,-1]}]`:         {{"a", []byte{0, 127, 128, 255}}},
		`[{"b":[1]},{"a":[2]},{"b":[3]}]`: {{"b", []byte{1}}, {"a", []byte{2}}, {"b", []byte{3}}},
		` [ { "" : [ 1 , 2 ] } , {"\u00e9":[]} ] `: {{"", []byte{1, 2}}, {"é", []byte{}}},
		`[{"b":[1],"a":[2],"b":[3]},{}]`:           {{"b", []byte{1}}, {"a", []byte{2}}, {"b", []byte{3}}},
	} {
		var r Record
		require.NoError(t, json.Unmarshal([]byte(`{"topic":"t","partition":0,"offset":1,"headers":`+text+`}`), &r), text)
		assert.Equal(t, want, r.Headers, text)
		again, err := json.Marshal(r)
		require.NoError(t, err)
		var twice Record
		require.NoError(t, json.Unmarshal(again, &twice))
		assert.Equal(t, want, twice.Headers, text)
	}
	var h Header
	require.NoError(t, json.Unmarshal([]byte(`{"a":[-1]}`), &h))
	assert.Equal(t, Header{"a", []byte{255}}, h)
	assert.ErrorIs(t, json.Unmarshal([]byte(`{}`), &h), batch.ErrUndecodable)
	assert.ErrorIs(t, json.Unmarshal([]byte(`{"a":[1],"b":[2]}`), &h), batch.ErrUndecodable)
}

// Every sum of a record survives: also one that encoding/json alone would not have written.
func TestARecordWithoutATimestampHasNone(t *testing.T) {
	var r Record
	require.NoError(t, json.Unmarshal([]byte(`{"topic":"t","partition":0,"offset":1}`), &r))
	assert.True(t, r.Timestamp.IsZero())
	text, err := json.Marshal(r)
	require.NoError(t, err)
	assert.JSONEq(t, `{"topic":"t","partition":0,"offset":1,"value":null}`, string(text))
	require.NoError(t, json.Unmarshal([]byte(`{"topic":"t","partition":0,"offset":1,"timestamp":-1}`), &r))
	assert.True(t, r.Timestamp.IsZero(), "-1 is how Kafka writes that there is none (SPEC S12)")
}

// encoding/json would keep the last of the two and lose the records of the first.
func TestAnEventWithAPartitionTwiceIsRefused(t *testing.T) {
	var event Event
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"records":{"t-0":[],"t-0":[]}}`), &event), `duplicate partition 1 in "records"`)
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"records":{},"Records":{}}`), &event), `duplicate "records"`)
	assert.Error(t, json.Unmarshal([]byte(`[]`), &event))
	assert.Error(t, event.UnmarshalJSON([]byte(`{"records":`)))
	assert.NoError(t, json.Unmarshal([]byte(`null`), &event))
	assert.Equal(t, Event{}, event)
}

func TestARecordThatNothingIdentifiesIsNone(t *testing.T) {
	for _, text := range []string{`{}`, `[]`, `{"topic":"t","partition":0}`, `{"topic":"t","offset":0}`, `{"partition":0,"offset":0}`, `{"topic":"","partition":0,"offset":0}`} {
		var r Record
		assert.ErrorIs(t, json.Unmarshal([]byte(text), &r), batch.ErrUndecodable, text)
	}
	var r Record
	assert.ErrorIs(t, r.UnmarshalJSON([]byte(`{"topic":`)), batch.ErrUndecodable)
	assert.NoError(t, json.Unmarshal([]byte(`null`), &r))
	assert.Equal(t, Record{}, r)
}

// The names of fields are known in any case, as by encoding/json, and the last of several counts.
func TestFieldsAreReadAsEncodingJSONDoes(t *testing.T) {
	var r Record
	text := `{"Topic":"x","OFFSET":1,"topic":"t","partition":3,"offset":2,"\u006bey":"YQ==","VALUE":"Yg==","value":"Y\/8=","other":{"topic":["a]",{"offset":9}]},"timestampType":null}`
	require.NoError(t, json.Unmarshal([]byte(text), &r))
	assert.Equal(t, Record{Topic: "t", Partition: 3, Offset: 2, Key: []byte("a"), Value: []byte{0x63, 0xff}}, r)
}

// SPEC S4, section 9: the identifier is an object, and reports have it in one text.
func TestIdentifiersSurviveBeingText(t *testing.T) {
	for _, i := range []ItemIdentifier{{"orders-0", 15}, {"a-b.c_d-10", 0}, {"odd@3-0", 1<<63 - 1}, {"@-0", 7}, {`"é"` + "\n-1", 1}} {
		assert.Equal(t, i, identifierOf(i.String()))
	}
	assert.Equal(t, "orders-0@15", ItemIdentifier{"orders-0", 15}.String())
}

// The form is AWS's: "Configuring error handling controls for Kafka event sources".
func TestTheResponseIsTheOneThatAWSDocuments(t *testing.T) {
	answer := Answer()
	ids := []string{"orders-0@15", "orders-10@9007199254740993"}
	const want = `{"batchItemFailures":[{"itemIdentifier":{"partition":"orders-0","offset":15}},{"itemIdentifier":{"partition":"orders-10","offset":9007199254740993}}]}`
	assert.Equal(t, want, string(answer.JSON(nil, ids)))
	typed, err := json.Marshal(answer.Typed(nil, ids))
	require.NoError(t, err)
	assert.Equal(t, want, string(typed))
	for _, none := range [][]string{nil, {}} { // SPEC S3
		assert.Equal(t, `{"batchItemFailures":[]}`, string(answer.JSON(nil, none)))
		assert.NotNil(t, answer.Typed(nil, none).BatchItemFailures)
	}
	assert.Equal(t, `{"batchItemFailures":[{"itemIdentifier":{"partition":"odd@\"-0","offset":1}}]}`, string(answer.JSON(nil, []string{`odd@"-0@1`})))
}
