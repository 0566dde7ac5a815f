package firehose

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

const (
	sample    = "../testdata/events/firehose.json"
	mskSample = "../testdata/events/firehose-msk.json"
)

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}

func TestEventsComeBackFromJSONAsTheyWere(t *testing.T) {
	for _, path := range []string{sample, mskSample} {
		var event Event
		require.NoError(t, json.Unmarshal(read(t, path), &event))
		again, err := json.Marshal(event)
		require.NoError(t, err)
		assert.JSONEq(t, string(read(t, path)), string(again))
	}
}

// agree holds a record to what aws-lambda-go makes of it.
func agree(t *testing.T, want events.KinesisFirehoseEventRecord, got Record) {
	t.Helper()
	require.Equal(t, want.RecordID, got.ID)
	require.True(t, want.ApproximateArrivalTimestamp.Equal(got.ApproximateArrivalTimestamp.Time))
	if !got.FromMSK {
		require.Equal(t, want.Data, got.Data)
	}
	var metadata events.KinesisFirehoseRecordMetadata
	if got.Kinesis != nil {
		metadata = *got.Kinesis
	}
	require.Equal(t, want.KinesisFirehoseRecordMetadata, metadata)
}

// What both can express reads the same as with aws-lambda-go, whichever way the event takes.
func TestEventsReadAsWithAWSLambdaGo(t *testing.T) {
	var (
		ours   Event
		theirs events.KinesisFirehoseEvent
	)
	require.NoError(t, json.Unmarshal(read(t, sample), &ours))
	require.NoError(t, json.Unmarshal(read(t, sample), &theirs))
	assert.Equal(t, []string{theirs.InvocationID, theirs.DeliveryStreamArn, theirs.SourceKinesisStreamArn, theirs.Region},
		[]string{ours.InvocationID, ours.DeliveryStreamARN, ours.SourceKinesisStreamARN, ours.Region})
	b, err := Source{}.Decode(read(t, sample))
	require.NoError(t, err)
	require.Len(t, ours.Records, len(theirs.Records))
	for i, their := range theirs.Records {
		agree(t, their, ours.Records[i])
		decoded, err := b.Open(i)
		require.NoError(t, err)
		assert.Equal(t, ours.Records[i], decoded)
	}
	assert.EqualValues(t, 7, ours.Records[1].Kinesis.SubsequenceNumber)
}

func TestARecordOfMSKIsWhatItSays(t *testing.T) {
	b, err := Source{}.Decode(read(t, mskSample))
	require.NoError(t, err)
	r, err := b.Open(0)
	require.NoError(t, err)
	at := func(ms int64) events.MilliSecondsEpochTime {
		return events.MilliSecondsEpochTime{Time: time.UnixMilli(ms).UTC()}
	}
	r.MSK.ApproximateArrivalTimestamp.Time = r.MSK.ApproximateArrivalTimestamp.UTC()
	r.ApproximateArrivalTimestamp.Time = r.ApproximateArrivalTimestamp.UTC()
	assert.Equal(t, Record{
		ID: strings.Repeat("0", 62), ApproximateArrivalTimestamp: at(1763784000125), Data: []byte(`{"device":"d-1"}`), FromMSK: true,
		MSK: &MSKMetadata{Offset: "42", PartitionID: "1", ApproximateArrivalTimestamp: at(1763784000100)},
	}, r)
	payload, err := b.Payload(0)
	require.NoError(t, err)
	assert.Equal(t, r.Data, payload)
	var event Event
	require.NoError(t, json.Unmarshal(read(t, mskSample), &event))
	assert.Equal(t, string(r.Data), string(event.Records[0].Data))
	assert.Equal(t, "arn:aws:kafka:eu-west-1:123456789012:cluster/orders/6cc0c0c6-1b2b-4f0a-8f43-111111111111-1", event.SourceMSKARN)
}

// SPEC S5, S6: an event that is none is refused before any handler runs, and the error says what is wrong.
func TestWhatIsNoEventIsRefused(t *testing.T) {
	p := New(troupe.Returning(func(context.Context, Record) (string, error) { panic("must not be called") }), quiet)
	for payload, want := range map[string]string{
		``:                            "the payload is empty where JSON was expected",
		`{"records":[`:                "the JSON is cut short after 12 bytes",
		`{"records":[]} x`:            "not JSON at byte 15 of 16",
		`{"records":[]`:               "the JSON is cut short after 13 bytes",
		`{"records" []}`:              "not JSON at byte 11 of 14",
		`{records:[]}`:                "not JSON at byte 1 of 12",
		`{"a":tru}`:                   "not JSON at byte 8 of 9",
		`[]`:                          "an array where an object was expected",
		`null`:                        "null where an object was expected",
		`nul`:                         "the JSON is cut short after 3 bytes",
		`{}`:                          `"records" is missing`,
		`{"records":null}`:            `"records" is null where an array was expected`,
		`{"records":{}}`:              `"records" is an object where an array was expected`,
		`{"records":{`:                "the JSON is cut short after 12 bytes",
		`{"records":[7]}`:             "record 0: a number where an object was expected",
		`{"records":[7`:               "the JSON is cut short after 13 bytes",
		`{"records":[tr]}`:            "not JSON at byte 14 of 16",
		`{"records":[{]}`:             "not JSON at byte 13 of 15",
		`{"records":[{"a"]}`:          "not JSON at byte 16 of 18",
		`{"records":[{"a":1`:          "the JSON is cut short after 18 bytes",
		`{"records":[{"a":]`:          "not JSON at byte 17 of 18",
		`{"records":[],"Records":[]}`: `duplicate "records"`,
		`{"records":[],"Records":[`:   "the JSON is cut short after 25 bytes",
		`{"records":[{"data":""}]}`:   `record 0: "recordId" is missing, so that the response could not name it`,
		`{"records":[{"recordId":"a"},{"recordId":""}]}`:                        `record 1: "recordId" is empty, so that the response could not name it`,
		`{"records":[{"recordId":null}]}`:                                       `record 0: "recordId" is null where a string was expected, so that the response could not name it`,
		`{"records":[{"recordId":7}]}`:                                          `record 0: "recordId" is a number where a string was expected, so that the response could not name it`,
		`{"records":[{"recordId":"a","RECORDID":"a"}]}`:                         `record 0: duplicate "recordId"`,
		`{"records":[{"recordId":"a"},{},{"recordId":"\u0061"}]}`:               `record 1: "recordId" is missing, so that the response could not name it`,
		`{"records":[{"recordId":"b"},{"recordId":"a"},{"recordId":"\u0061"}]}`: `records 1 and 2 have the same "recordId"; must be unique`,
	} {
		response, err := p.Invoke(t.Context(), []byte(payload))
		assert.Nil(t, response)
		var refused *troupe.EventError
		if assert.ErrorAs(t, err, &refused, payload) {
			assert.Equal(t, want, refused.Cause.Error(), payload)
		}
	}
	for want, records := range map[string][]Record{
		`"records" is nil where a slice was expected`: nil,
		`record 0: "recordId" is empty`:               {{}},
		`records 0 and 1 have the same "recordId"`:    {{ID: "a"}, {ID: "a"}},
	} {
		_, err := p.Process(t.Context(), Event{Records: records})
		assert.ErrorIs(t, err, troupe.ErrEvent)
		assert.ErrorContains(t, err, want)
	}
}

// The response names each record, which alone must not pass the limit.
func TestAnEventWithoutRoomForAResponseIsRefused(t *testing.T) {
	var event Event
	for i := range 100 {
		event.Records = append(event.Records, Record{ID: fmt.Sprint(i, strings.Repeat("\x01", 11_000))}) // six bytes each
	}
	_, err := Source{}.Read(event)
	assert.ErrorIs(t, err, troupe.ErrEvent)
	assert.ErrorContains(t, err, "100 records need a response of 66")
	assert.ErrorContains(t, err, "bytes even without data; must be less than 6291456")
	event.Records = event.Records[:90]
	_, err = Source{}.Read(event)
	assert.NoError(t, err)
}

// A record whose data cannot be read has failed; the others go on.
func TestARecordWithoutReadableDataHasFailed(t *testing.T) {
	p := New(troupe.Returning(transform), quiet)
	for text, want := range map[string]batch.DecodeError{
		`"data":"a"`:                          {Field: "data", Offset: 23, Problem: "string that is not base64 where []uint8 was expected"},
		`"data":{}`:                           {Field: "data", Offset: 23, Problem: "object where []uint8 was expected"},
		`"kafkaRecordValue":"!"`:              {Field: "kafkaRecordValue", Offset: 35, Problem: "string that is not base64 where []uint8 was expected"},
		`"data":"","kafkaRecordValue":"YQ=="`: {Field: "kafkaRecordValue", Offset: 45, Problem: "given in addition to data"},
	} {
		event := []byte(`{"records":[{"recordId":"a",` + text + `},{"recordId":"b","data":"eA=="}]}`)
		b, err := Source{}.Decode(event)
		require.NoError(t, err)
		_, err = b.Open(0)
		var undecodable *batch.DecodeError
		require.ErrorAs(t, err, &undecodable)
		assert.Equal(t, want, *undecodable, text)
		_, err = b.Payload(0)
		assert.Equal(t, undecodable, err)
		if strings.Count(text, ":") == 1 {
			var record Record
			assert.ErrorIs(t, json.Unmarshal([]byte(`{"recordId":"a",`+text+`}`), &record), troupe.ErrUndecodable)
			assert.Equal(t, []string{"ProcessingFailed", "Ok X"}, invoke(t, p, event))
		}
	}
	var record Record
	assert.ErrorIs(t, json.Unmarshal([]byte(`{"data":"","kafkaRecordValue":""}`), &record), errBoth)
	assert.ErrorIs(t, record.UnmarshalJSON([]byte(`[]`)), troupe.ErrUndecodable)
	assert.NoError(t, json.Unmarshal([]byte(`null`), &record))
	assert.Zero(t, record)
}

// Absent data and null are none. What describes a record is left out if it cannot be read, since a failure is final.
func TestWhatDescribesARecordIsLeftOutIfItCannotBeRead(t *testing.T) {
	for text, want := range map[string]struct {
		record Record
		note   string
	}{
		``:                                       {record: Record{}},
		`,"data":null`:                           {record: Record{}},
		`,"kafkaRecordValue":null`:               {record: Record{FromMSK: true}},
		`,"data":null,"kafkaRecordValue":"eA=="`: {record: Record{FromMSK: true, Data: []byte("x")}},
		`,"data":"eA==","kafkaRecordValue":null`: {record: Record{Data: []byte("x")}},
		`,"DATA":"eA==","data":null`:             {record: Record{}},
		`,"data":"e\u0041=="`:                    {record: Record{Data: []byte("x")}},
		`,"data":"eA==","approximateArrivalTimestamp":"2012-04-23T18:25:43.511Z"`: {record: Record{Data: []byte("x")},
			note: "left out: approximateArrivalTimestamp: string that its UnmarshalJSON refuses where events.MilliSecondsEpochTime was expected"},
		`,"data":"eA==","kinesisRecordMetadata":{"shardId":"s","subsequenceNumber":""},"mskRecordMetadata":7`: {record: Record{Data: []byte("x")},
			note: "left out: kinesisRecordMetadata.subsequenceNumber: string where int64 was expected; mskRecordMetadata: number where firehose.MSKMetadata was expected"},
		`,"data":"eA==","kinesisRecordMetadata":{"shardId":"s"},"mskRecordMetadata":7`: {record: Record{Data: []byte("x"), Kinesis: &events.KinesisFirehoseRecordMetadata{ShardID: "s"}},
			note: "left out: mskRecordMetadata: number where firehose.MSKMetadata was expected"},
		`,"data":"eA==","kinesisRecordMetadata":7,"mskRecordMetadata":{"offset":"1"}`: {record: Record{Data: []byte("x"), MSK: &MSKMetadata{Offset: "1"}},
			note: "left out: kinesisRecordMetadata: number where events.KinesisFirehoseRecordMetadata was expected"},
	} {
		event := []byte(`{"records":[{"recordId":"a"` + text + `}]}`)
		b, err := Source{}.Decode(event)
		require.NoError(t, err)
		record, err := b.Open(0)
		require.NoError(t, err, text)
		want.record.ID = "a"
		assert.Equal(t, want.record, record, text)
		payload, err := b.Payload(0)
		require.NoError(t, err, text)
		assert.Equal(t, string(record.Data), string(payload), text)

		var noted []batch.Note
		if want.note != "" {
			noted = []batch.Note{{Text: want.note}}
		}
		p := New(troupe.Returning(transform), quiet, troupe.WithObserver(func(_ context.Context, r *troupe.Report) { assert.Equal(t, noted, r.Notes, text) }))
		_, err = p.Invoke(t.Context(), event)
		require.NoError(t, err)
	}
}

// A handler of Lazy records gets bytes of its own.
func TestTheDataOfALazyRecordIsTheHandlersOwn(t *testing.T) {
	event := Event{Records: []Record{{ID: "a", Data: []byte("own")}}}
	b, err := Source{}.Read(event)
	require.NoError(t, err)
	payload, err := b.Payload(0)
	require.NoError(t, err)
	payload[0] = 'x'
	assert.Equal(t, "own", string(event.Records[0].Data))
}
