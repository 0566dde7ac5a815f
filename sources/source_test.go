package sources

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/troupe-go/troupe/batch"
)

// D6: the same as encoding/json, value for value.
func TestDecodeAgreesWithEncodingJSONOnTheEventsOfAWS(t *testing.T) {
	sqsSubject().agree(t, document(t, "sqs.json"))
	sqsSubject().agree(t, document(t, "sqs-fifo.json"))
	kinesisSubject().agree(t, document(t, "kinesis.json"))
	dynamoSubject().agree(t, document(t, "dynamodb.json"))
	kinesisSubject().agree(t, document(t, "kinesis-pipe.json"))
	for _, pipe := range []string{"sqs.json", "sqs-fifo.json"} {
		sqsSubject().agree(t, pipeOf(t, pipe))
	}
	dynamoSubject().agree(t, pipeOf(t, "dynamodb.json"))
}

// pipeOf is what a pipe sends for the records of a document.
func pipeOf(t testing.TB, name string) []byte {
	t.Helper()
	var event struct{ Records json.RawMessage }
	require.NoError(t, json.Unmarshal(document(t, name), &event))
	return event.Records
}

func TestD6DecodeAgreesWithEncodingJSONOnOddities(t *testing.T) {
	for _, record := range []string{
		`{"messageId":"1","body":"\"` + "\xff" + `"}`,
		`{"messageId":"1","body":"` + "\xff" + `plain"}`,
		`{"messageId":"1","body":"` + strings.Repeat("plain", 60) + "\xa2\xdc" + strings.Repeat(`\n`, 300) + `"}`,
		`{"messageId":"1","body":"\u00E9 \u00e9 \uABCD \uD83D\uDE00"}`,
		`{"messageId":"1","body":"\ud83d\ud83d\ude00\ud83d"}`,
		`{"messageId":"1","body":"x","body":null}`,
		`{"messageId":"1","attributes":{"a":"b","a":null},"attributes":null}`,
		`{"messageId":"1","messageAttributes":{"a":{"stringValue":"x","stringValue":null,"binaryValue":"AA==","binaryValue":null}}}`,
		`{"messageId":"1","messageAttributes":{"a":{"stringListValues":["x","y"],"stringListValues":[null]}}}`,
		`{"messageId":"1","messageAttributes":{"a":{"binaryListValues":[null,"AA=="],"DataType":"x"},"b":null}}`,
	} {
		sqsSubject().agree(t, []byte(`{"Records":[`+record+`]}`))
	}
	others := []string{`null`, `"x"`, `""`, `1`, `true`, `[]`, `["x"]`, `{}`, `{"a":"b"}`, `{"a":1}`, `{"a":{}}`, `{"a":"x"}`}
	for _, other := range others { // in the place of what is expected
		for _, member := range []string{`"attributes":`, `"messageAttributes":`, `"body":`, `"eventSourceARN":`} {
			sqsSubject().agree(t, []byte(`{"Records":[{"messageId":"1",`+member+other+`}]}`))
		}
		for _, name := range append(messageAttributeNames, "unknown") {
			for _, value := range []string{other, `["AA==",` + other + `]`, `"AA==","` + name + `":` + other, `["AA=="],"` + name + `":` + other} {
				sqsSubject().agree(t, []byte(`{"Records":[{"messageId":"1","messageAttributes":{"m":{"`+name+`":`+value+`,"dataType":"String"}}}]}`))
			}
		}
		for _, member := range []string{`"kinesis":{"sequenceNumber":"1"},"awsRegion":`, `"kinesis":{"sequenceNumber":"1"},"kinesis":`} {
			kinesisSubject().agree(t, []byte(`{"Records":[{`+member+other+`}]}`))
		}
		for _, member := range []string{"partitionKey", "data", "approximateArrivalTimestamp", "encryptionType", "kinesisSchemaVersion"} {
			kinesisSubject().agree(t, []byte(`{"Records":[{"kinesis":{"sequenceNumber":"1","`+member+`":`+other+`}}]}`))
		}
		for _, member := range []string{"ApproximateCreationDateTime", "Keys", "NewImage", "OldImage", "SizeBytes", "StreamViewType"} {
			dynamoSubject().agree(t, []byte(`{"Records":[{"dynamodb":{"SequenceNumber":"1","`+member+`":`+other+`}}]}`))
		}
		for _, member := range []string{`"userIdentity":` + other, `"userIdentity":{"type":` + other + `,"principalId":"p"}`,
			`"userIdentity":{"unknown":` + other + `,"type":"Service","principalId":"p"}`,
			`"userIdentity":{"type":"Service","principalId":"p","principalId":` + other + `}`, `"eventName":` + other} {
			dynamoSubject().agree(t, []byte(`{"Records":[{"dynamodb":{"SequenceNumber":"1"},`+member+`}]}`))
		}
		for _, kind := range []string{"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS", "X"} {
			for _, value := range []string{other, `[` + other + `]`, `{"a":` + other + `}`, other + `,"S":"x"`} {
				dynamoSubject().agree(t, []byte(`{"Records":[{"dynamodb":{"SequenceNumber":"1","NewImage":{"k":{"`+kind+`":`+value+`}}}}]}`))
			}
		}
	}
	for _, member := range []string{
		`"approximateArrivalTimestamp":null`, `"approximateArrivalTimestamp":-1.5`, `"approximateArrivalTimestamp":1e300`,
		`"approximateArrivalTimestamp":1e999`, `"approximateArrivalTimestamp":-0.0000001`, `"data":null`, `"data":"A\u0041=\u003d"`,
		`"data":"AA\n=="`, `"data":"` + "AA=\xff" + `"`, `"sequenceNumber":null`, `"partitionKey":"a","PARTITIONKEY":"b"`,
	} {
		kinesisSubject().agree(t, []byte(`{"Records":[{"kinesis":{"sequenceNumber":"1",`+member+`}}]}`))
	}
	for _, member := range []string{
		`"NULL":false`, `"NULL":{}`, `"NULL":1e999`, `"NULL":[{"a":1e999}]`, `"BOOL":null`, `"BOOL":"true"`, `"S":null`, `"N":1`, `"B":"A"`,
		`"BS":[null]`, `"SS":null`, `"SS":[]`, `"L":[null]`, `"M":{"a":null}`, `"M":{"a":{"S":1},"a":{"S":"x"}}`, `"S":1,"S":"x"`, `"s":"x"`, ``, `"\u0053":"x"`,
	} {
		dynamoSubject().agree(t, []byte(`{"Records":[{"dynamodb":{"SequenceNumber":"1","Keys":{"k":{`+member+`}},"SizeBytes":-0}}]}`))
		dynamoSubject().agree(t, []byte(`{"Records":[{"dynamodb":{"SequenceNumber":"1","NewImage":{"k":{"L":[{`+member+`}]}}}}]}`))
	}
	for _, size := range []string{`1.0`, `1e2`, `9223372036854775808`, `null`, `"1"`} {
		dynamoSubject().agree(t, []byte(`{"Records":[{"dynamodb":{"SequenceNumber":"1","SizeBytes":`+size+`}}]}`))
	}
}

// The events of AWS must not need encoding/json, which would be right but slow.
func TestTheEventsOfAWSAreDecodedWithoutEncodingJSON(t *testing.T) {
	onlyFast(t, SQS(), document(t, "sqs.json"))
	onlyFast(t, SQS(), document(t, "sqs-fifo.json"))
	onlyFast(t, Kinesis(), document(t, "kinesis.json"))
	onlyFast(t, DynamoDB(), document(t, "dynamodb.json"))
	onlyFast(t, Kinesis(), document(t, "kinesis-pipe.json"))
}

func onlyFast[E, T any](t *testing.T, s *Source[E, T], payload []byte) {
	t.Helper()
	x, err := split(payload, &s.formOf(payload).layout, func(int, fields) (string, bool, error) { return "", false, nil })
	require.NoError(t, err)
	for i := range x.len() {
		f := x.record(i)
		require.False(t, f.fallback, "record %d", i)
		_, ok := s.decode(f)
		require.True(t, ok, "record %d", i)
		_, ok = s.group(f)
		require.True(t, ok, "record %d", i)
	}
}

func TestS6WhatIsNoEventIsAnError(t *testing.T) {
	for name, test := range map[string]struct{ payload, message string }{
		"nothing":                {``, `the payload is empty where JSON was expected`},
		"white space":            {" \n", `the JSON is cut short after 2 bytes`},
		"not JSON":               {`{"Records":[x]}`, `not JSON at byte 12 of 15`},
		"cut short":              {`{"Records":[{"messageId":"1`, `the JSON is cut short after 27 bytes`},
		"cut in an escape":       {`{"Records":[{"messageId":"\u00`, `the JSON is cut short after 30 bytes`},
		"two documents":          {`{"Records":[]}{}`, `not JSON at byte 14 of 16`},
		"a trailing comma":       {`{"Records":[],}`, `not JSON at byte 14 of 15`},
		"a bad number":           {`{"a":01,"Records":[]}`, `not JSON at byte 6 of 21`},
		"a control character":    {"{\"a\":\"\x01\",\"Records\":[]}", `not JSON at byte 6 of 22`},
		"a short literal":        {`{"a":tru,"Records":[]}`, `not JSON at byte 8 of 22`},
		"a sign alone":           {`{"a":-,"Records":[]}`, `not JSON at byte 6 of 20`},
		"cut in a literal":       {`{"a":fals`, `the JSON is cut short after 9 bytes`},
		"cut behind a backslash": {`{"a":"\`, `the JSON is cut short after 7 bytes`},
		"a bad digit":            {`{"a":"\u00Eg","Records":[]}`, `not JSON at byte 11 of 27`},
		"control after escape":   {"{\"Records\":[{\"messageId\":\"1\",\"body\":\"\\n\x01\"}]}", `not JSON at byte 39 of 44`},
		"a bad escape":           {`{"a":"\x","Records":[]}`, `not JSON at byte 7 of 23`},
		"null":                   {`null`, `the event is null where an object with "Records" was expected`},
		"a null in a list":       {`[{"messageId":"1"},null]`, `record 1: null where an object was expected`},
		"a list in a list":       {`[[]]`, `record 0: an array where an object was expected`},
		"a list cut short":       {`[{"messageId":"1"}`, `the JSON is cut short after 18 bytes`},
		"a list of two sources":  {`[{"messageId":"1","eventSource":"aws:sqs"},{"messageId":"2","eventSource":"aws:kinesis"}]`, `record 1: "eventSource" is aws:kinesis where aws:sqs was expected`},
		"two lists":              {`[][]`, `not JSON at byte 2 of 4`},
		"a string":               {`"Records"`, `the event is a string where an object with "Records" was expected`},
		"a number":               {` 1 `, `the event is a number where an object with "Records" was expected`},
		"no Records":             {`{"detail":{}}`, `"Records" is missing`},
		"null Records":           {`{"Records":null}`, `"Records" is null where an array was expected`},
		"an object as Records":   {`{"Records":{}}`, `"Records" is an object where an array was expected`},
		"a boolean as Records":   {`{"Records":true}`, `"Records" is a boolean where an array was expected`},
		"Records twice":          {`{"Records":[],"Records":[]}`, `duplicate "Records"`},
		"Records twice, folded":  {`{"Records":[],"recordſ":[]}`, `duplicate "Records"`},
		"Records and null":       {`{"Records":[],"Records":null}`, `duplicate "Records"`},
		"Records twice, escaped": {`{"Records":[],"\u0052ecords":[]}`, `duplicate "Records"`},
		"a null record":          {`{"Records":[{"messageId":"1"},null]}`, `record 1: null where an object was expected`},
		"a string as record":     {`{"Records":["a"]}`, `record 0: a string where an object was expected`},
		"another source":         {`{"Records":[{"messageId":"1","eventSource":"aws:kinesis"}]}`, `record 0: "eventSource" is aws:kinesis where aws:sqs was expected`},
		"another source, folded": {`{"Records":[{"EventSource":"aws:sns"}]}`, `record 0: "eventSource" is aws:sns where aws:sqs was expected`},
		"another, undecodable":   {`{"Records":[{"messageId":"1","body":5,"eventSource":"aws:s3"}]}`, `record 0: "eventSource" is aws:s3 where aws:sqs was expected`},
		"an unknown source":      {`{"Records":[{"messageId":"1","eventSource":"secret"}]}`, `record 0: "eventSource" is of an unknown service where aws:sqs was expected`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := arrange(SQS().Decode([]byte(test.payload)))
			require.Nil(t, got)
			require.ErrorIs(t, err, batch.ErrEvent)
			require.EqualError(t, err, "troupe: event cannot be processed: "+test.message)
		})
	}
}

func TestS6WhatIsAnEventIsNoError(t *testing.T) {
	for name, payload := range map[string]string{
		"an empty array":      `{"Records":[]}`,
		"an empty pipe":       " [ ] ",
		"a pipe":              `[{"messageId":"1"}]`,
		"white space":         " {\r\n\t\"Records\" : [ ] } \n",
		"records":             `{"records":[]}`,
		"folded":              `{"RECORDſ":[]}`,
		"more members":        `{"window":{},"Records":[],"state":[1,{"Records":null}]}`,
		"no eventSource":      `{"Records":[{"messageId":"1"}]}`,
		"a null eventSource":  `{"Records":[{"messageId":"1","eventSource":null}]}`,
		"an escaped source":   `{"Records":[{"messageId":"1","eventSource":"\u0061ws:sqs"}]}`,
		"a last eventSource":  `{"Records":[{"messageId":"1","eventSource":"aws:s3","eventSource":"aws:sqs"}]}`,
		"a numeric source":    `{"Records":[{"messageId":"1","eventSource":5}]}`,
		"an unfinished guess": `{"Records":[{"m":1,"messageId":"1"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := arrange(SQS().Decode([]byte(payload)))
			require.NoError(t, err)
			require.Equal(t, len(got.Results), got.Barrier)
		})
	}
}

func TestS6NestingIsLimitedAsInEncodingJSON(t *testing.T) {
	nested := func(levels int) []byte {
		levels-- // the event
		return []byte(`{"a":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `,"Records":[]}`)
	}
	deep := func(levels int) []byte {
		levels -= 3 // event, Records, record
		return []byte(`{"Records":[{"messageId":"1","a":` + strings.Repeat(`{"b":`, levels) + "1" + strings.Repeat("}", levels) + `}]}`)
	}
	// within puts arrays in the place of what is expected in a record, which starts two levels down.
	within := func(open, shut string) func(int) []byte {
		return func(levels int) []byte {
			levels -= 2 + strings.Count(open, "{")
			return []byte(`{"Records":[` + open + strings.Repeat("[", levels) + strings.Repeat("]", levels) + shut + `]}`)
		}
	}
	for _, document := range []func(int) []byte{
		nested, deep, within("", ""), within(`{"messageId":"1","x":`, `}`), within(`{"messageId":"1","body":`, `}`), within(`{"messageId":"1","attributes":`, `}`),
		within(`{"messageId":"1","attributes":{"a":`, `}}`), within(`{"messageId":"1","messageAttributes":{"a":{"dataType":`, `}}}`),
	} {
		require.True(t, json.Valid(document(10000)))
		err := scan(string(document(10000)), &sqsLayout)
		require.NotContains(t, fmt.Sprint(err), "nested deeper")

		require.False(t, json.Valid(document(10001)))
		_, err = arrange(SQS().Decode(document(10001)))
		require.ErrorIs(t, err, batch.ErrEvent)
		require.ErrorContains(t, err, "nested deeper than 10000 levels")
	}
	for _, document := range []func(int) []byte{within(`{"kinesis":{"sequenceNumber":"1","data":`, `}}`), within(`{"kinesis":{"sequenceNumber":"1","x":`, `}}`)} {
		err := scan(string(document(10000)), &kinesisLayout)
		require.NoError(t, err)
		err = scan(string(document(10001)), &kinesisLayout)
		require.ErrorContains(t, err, "nested deeper than 10000 levels")
	}
	_, err := arrange(SQS().Decode(bytes.Repeat([]byte("["), 100_000)))
	require.ErrorContains(t, err, "nested deeper than 10000 levels")

	// In the array of a pipe a record is one level further up.
	piped := func(levels int) []byte {
		return []byte(`[{"messageId":"1","a":` + strings.Repeat("[", levels-2) + strings.Repeat("]", levels-2) + `}]`)
	}
	require.True(t, json.Valid(piped(10000)))
	_, err = SQS().Decode(piped(10000))
	require.NoError(t, err)
	require.False(t, json.Valid(piped(10001)))
	_, err = SQS().Decode(piped(10001))
	require.ErrorContains(t, err, "nested deeper than 10000 levels")
}

func TestS6ReadWantsRecords(t *testing.T) {
	_, err := arrange(SQS().Read(events.SQSEvent{}))
	require.ErrorIs(t, err, batch.ErrEvent)
	require.ErrorContains(t, err, `"Records" is nil where a slice was expected`)

	got, err := arrange(Kinesis().Read(events.KinesisEvent{Records: []events.KinesisEventRecord{}}))
	require.NoError(t, err)
	require.Empty(t, got.Results)

	_, err = arrange(SQS().Read(events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", EventSource: "aws:kinesis"}}}))
	require.ErrorIs(t, err, batch.ErrEvent)
	require.ErrorContains(t, err, `record 0: "eventSource" is aws:kinesis where aws:sqs was expected`)
}

func TestS4TheIdentifierIsWhatLambdaKnows(t *testing.T) {
	assert.Equal(t, []string{"059f36b4-87a3-44ab-83d2-661975830a7d", "2e1424d4-f796-459a-8184-9c92662be6da"}, ids(t, SQS(), "sqs.json"))
	assert.Equal(t, []string{"49590338271490256608559692538361571095921575989136588898", "49590338271490256608559692540925702759324208523137515618"}, ids(t, Kinesis(), "kinesis.json"))
	assert.Equal(t, []string{"4421584500000000017450439091", "4421584500000000017450439092", "4421584500000000017450439093"}, ids(t, DynamoDB(), "dynamodb.json"))
}

// S10: the identifier is the message's for SQS, and the event's for Kinesis and DynamoDB. It is no position, and the
// pipe waits for five minutes.
func TestS10TheIdentifierIsWhatThePipeKnows(t *testing.T) {
	sqs, err := SQS().Decode(pipeOf(t, "sqs.json"))
	require.NoError(t, err)
	assert.Equal(t, []string{"059f36b4-87a3-44ab-83d2-661975830a7d", "2e1424d4-f796-459a-8184-9c92662be6da"}, sqs.IDs)

	kinesis, err := Kinesis().Decode(document(t, "kinesis-pipe.json"))
	require.NoError(t, err)
	const shard = "shardId-000000000006:"
	assert.Equal(t, []string{shard + "49590338271490256608559692538361571095921575989136588898", shard + "49590338271490256608559692540925702759324208523137515618"}, kinesis.IDs)
	record, err := kinesis.Open(1)
	require.NoError(t, err)
	mapped, err := Kinesis().Decode(document(t, "kinesis.json"))
	require.NoError(t, err)
	same, err := mapped.Open(1)
	require.NoError(t, err)
	assert.Equal(t, same, record, "a handler gets the same from a pipe as from a mapping")
	group, ok := kinesis.Group(1)
	assert.True(t, ok)
	assert.Equal(t, "clé-2", group)

	dynamo, err := DynamoDB().Decode(pipeOf(t, "dynamodb.json"))
	require.NoError(t, err)
	assert.Equal(t, eventIDs(t, "dynamodb.json"), dynamo.IDs)

	assert.True(t, sqs.NoLowest && kinesis.NoLowest && dynamo.NoLowest)
	assert.Equal(t, []time.Duration{5 * time.Minute, 5 * time.Minute, 5 * time.Minute}, []time.Duration{sqs.Within, kinesis.Within, dynamo.Within})
	assert.False(t, mapped.NoLowest)
	assert.Zero(t, mapped.Within)
}

func eventIDs(t *testing.T, name string) (ids []string) {
	t.Helper()
	var event struct{ Records []struct{ EventID string } }
	require.NoError(t, json.Unmarshal(document(t, name), &event))
	for _, r := range event.Records {
		ids = append(ids, r.EventID)
	}
	return ids
}

// S5, S10: what an input transformer has left of a record must have its identifier, and the form of a pipe.
func TestS10ARecordThatThePipeWouldNotKnowIsAnError(t *testing.T) {
	const told = ", so that its failure could not be reported: an input transformer must keep the identifier"
	refused := func(decoded any, err error, message string) {
		t.Helper()
		assert.ErrorIs(t, err, batch.ErrEvent)
		assert.EqualError(t, err, "troupe: event cannot be processed: "+message)
	}
	b, err := SQS().Decode([]byte(`[{"messageId":"1"},{"body":"x"}]`))
	refused(b, err, `record 1: "messageId" is missing`+told)
	for record, message := range map[string]string{
		`{"sequenceNumber":"1","data":""}`:              `"eventID" is missing` + told,
		`{"sequenceNumber":"1","eventID":null}`:         `"eventID" is null` + told,
		`{"sequenceNumber":"1","eventID":""}`:           `"eventID" is empty` + told,
		`{"sequenceNumber":"1","eventID":7}`:            `"eventID" is a number where a string was expected` + told,
		`{"eventID":"s:1","kinesis":{"data":"AA=="}}`:   `"kinesis" is an object where none was expected: a pipe's records have its members themselves`,
		`{"eventID":"s:1","Kinesis":{"data":"AA=="}}`:   `"kinesis" is an object where none was expected: a pipe's records have its members themselves`,
		`{"eventID":"s:1","kinesis":"a"}`:               `"kinesis" is a string where none was expected: a pipe's records have its members themselves`,
		`{"eventID":"s:1","eventSource":"aws:sqs"}`:     `"eventSource" is aws:sqs where aws:kinesis was expected`,
		`{"eventId":"s:1","eventID":5,"partition":"x"}`: `"eventID" is a number where a string was expected` + told,
	} {
		b, err := Kinesis().Decode([]byte(`[{"eventID":"s:0"},` + record + `]`))
		refused(b, err, "record 1: "+message)
	}
	d, err := DynamoDB().Decode([]byte(`[{"dynamodb":{"SequenceNumber":"1"}}]`))
	refused(d, err, `record 0: "eventID" is missing`+told)

	k, err := Kinesis().Decode([]byte(`[{"eventID":"s:0","kinesis":null,"data":"AA=="}]`))
	require.NoError(t, err)
	record, err := k.Open(0)
	require.NoError(t, err)
	assert.Equal(t, []byte{0}, record.Kinesis.Data)
}

// D6: an error about a flat record names the field as the pipe does.
func TestS10AFlatRecordThatCannotBeDecoded(t *testing.T) {
	b, err := Kinesis().Decode([]byte(`[{"eventID":"s:0","partitionKey":"p","data":"secret!"}]`))
	require.NoError(t, err)
	_, err = b.Open(0)
	var fault *batch.DecodeError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, batch.DecodeError{Field: "data", Offset: 43, Problem: "not base64"}, *fault)
	_, err = b.Payload(0)
	require.ErrorIs(t, err, batch.ErrUndecodable)
}

func ids[E, T any](t *testing.T, s *Source[E, T], name string) (ids []string) {
	t.Helper()
	got, err := arrange(s.Decode(document(t, name)))
	require.NoError(t, err)
	for _, r := range got.Results {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestS5ARecordWithoutIdentifierIsAnError(t *testing.T) {
	const told = ", so that its failure could not be reported"
	for record, message := range map[string]string{
		`{}`:                                       `"messageId" is missing`,
		`{"messageId":null}`:                       `"messageId" is null`,
		`{"messageId":""}`:                         `"messageId" is empty`,
		`{"messageId":5}`:                          `"messageId" is a number where a string was expected`,
		`{"messageId":{"a":"b"}}`:                  `"messageId" is an object where a string was expected`,
		`{"messageId":[]}`:                         `"messageId" is an array where a string was expected`,
		`{"messageId":true}`:                       `"messageId" is a boolean where a string was expected`,
		`{"messageId":"1","MessageID":false}`:      `"messageId" is a boolean where a string was expected`,
		`{"messageId":"","eventSource":"aws:sqs"}`: `"messageId" is empty`,
	} {
		_, err := arrange(SQS().Decode([]byte(`{"Records":[{"messageId":"0"},` + record + `]}`)))
		assert.ErrorIs(t, err, batch.ErrEvent, record)
		assert.EqualError(t, err, "troupe: event cannot be processed: record 1: "+message+told, record)
	}

	_, err := arrange(Kinesis().Decode([]byte(`{"Records":[{"eventID":"shard:1","kinesis":{}}]}`)))
	assert.EqualError(t, err, `troupe: event cannot be processed: record 0: "kinesis.sequenceNumber" is missing`+told)
	_, err = arrange(DynamoDB().Decode([]byte(`{"Records":[{"eventID":"1","dynamodb":null}]}`)))
	assert.EqualError(t, err, `troupe: event cannot be processed: record 0: "dynamodb.SequenceNumber" is missing`+told)
	_, err = arrange(SQS().Read(events.SQSEvent{Records: []events.SQSMessage{{}}}))
	assert.EqualError(t, err, `troupe: event cannot be processed: record 0: "messageId" is missing or empty`+told)
}

func TestP4ABatchIsFIFOByTheNameOfItsQueue(t *testing.T) {
	for arn, fifo := range map[string]bool{
		`"arn:aws:sqs:us-east-2:123456789012:q.fifo"`: true,
		`"arn:aws:sqs:us-east-2:123456789012:q.FiFo"`: true,
		`"q.fif\u006f"`:   true,
		`".fifo"`:         true,
		`"arn:fifo"`:      false,
		`"q.fifo.backup"`: false,
		`""`:              false,
		`null`:            false,
		`5`:               false,
	} {
		payload := []byte(`{"Records":[{"messageId":"0","attributes":{"MessageGroupId":"a"}},{"messageId":"1","attributes":{"MessageGroupId":"b"},"eventSourceARN":` + arn + `}]}`)
		got, err := arrange(SQS().Decode(payload))
		require.NoError(t, err)
		assert.Equal(t, fifo, got.FIFO, arn)
		assert.Equal(t, fifo, got.Ordered, arn)
		if fifo {
			assert.Equal(t, []batch.Result{{ID: "0", Group: "a"}, {ID: "1", Group: "b"}}, got.Results)
		} else {
			assert.Equal(t, []batch.Result{{ID: "0"}, {ID: "1"}}, got.Results)
		}
	}
	got, err := arrange(Kinesis().Decode([]byte(`{"Records":[{"kinesis":{"sequenceNumber":"1"},"eventSourceARN":"stream.fifo"}]}`)))
	require.NoError(t, err)
	assert.False(t, got.FIFO)
}

func TestO2MessagesOfAFIFOQueueAreGroupedByMessageGroup(t *testing.T) {
	assert.Equal(t, []string{"1", `grün "2"`, ""}, groups(t, SQS(), document(t, "sqs-fifo.json")))
	assert.Equal(t, []string{"", ""}, groups(t, SQS(), document(t, "sqs.json")))
}

func TestO3StreamsAreGroupedByKey(t *testing.T) {
	assert.Equal(t, []string{"1", "clé-2"}, groups(t, Kinesis(), document(t, "kinesis.json")))
	assert.Equal(t, []string{`{"Id":{"N":"101"}}`, `{"part":{"B":"AAEqQQ=="},"sort":{"S":"2020-01-01"}}`, `{"a":{"S":"1"},"b":{"N":"2"}}`},
		groups(t, DynamoDB(), document(t, "dynamodb.json")))
}

func TestO3RecordsWithoutAKeyFormOneGroup(t *testing.T) {
	assert.Equal(t, []string{"", "", ""}, groups(t, Kinesis(), []byte(`{"Records":[
		{"kinesis":{"sequenceNumber":"1"}}, {"kinesis":{"sequenceNumber":"2","partitionKey":null}}, {"kinesis":{"sequenceNumber":"3","partitionKey":""}}]}`)))
	assert.Equal(t, []string{"", "", ""}, groups(t, DynamoDB(), []byte(`{"Records":[
		{"dynamodb":{"SequenceNumber":"1"}}, {"dynamodb":{"SequenceNumber":"2","Keys":null}}, {"dynamodb":{"SequenceNumber":"3","Keys":{}}}]}`)))
}

func groups[E, T any](t *testing.T, s *Source[E, T], payload []byte) (groups []string) {
	t.Helper()
	got, err := arrange(s.Decode(payload))
	require.NoError(t, err)
	require.Equal(t, len(got.Results), got.Barrier)
	for _, r := range got.Results {
		groups = append(groups, r.Group)
	}
	return groups
}

func TestD6AnUndecodableRecordFailsByItself(t *testing.T) {
	for name, test := range map[string]struct {
		decode func([]byte) (barrier int, group string, err error)
		record string
		want   batch.DecodeError
		group  string
	}{
		"a number as body": {trySQS, `{"messageId":"1","body":5}`,
			batch.DecodeError{Field: "body", Offset: 24, Problem: "number where a string was expected"}, ""},
		"a folded body": {trySQS, `{"messageId":"1", "BODY":true}`,
			batch.DecodeError{Field: "body", Offset: 25, Problem: "boolean where a string was expected"}, ""},
		"a numeric attribute": {trySQS, `{"messageId":"1","attributes":{"SentTimestamp":5,"MessageGroupId":"g"}}`,
			batch.DecodeError{Field: "attributes", Offset: 30, Problem: "number where a string was expected inside of it"}, "g"},
		"an object as attribute": {trySQS, `{"messageId":"1","attributes":{"SentTimestamp":{},"MessageGroupId":"g"}}`,
			batch.DecodeError{Field: "attributes", Offset: 30, Problem: "object where a string was expected inside of it"}, "g"},
		"bad base64 in an attribute": {trySQS, `{"messageId":"1","attributes":{"MessageGroupId":"g"},"messageAttributes":{"a":{"binaryValue":"!"}}}`,
			batch.DecodeError{Field: "messageAttributes", Offset: 73, Problem: "not base64 inside of it"}, "g"},
		"a string as list": {trySQS, `{"messageId":"1","attributes":{"MessageGroupId":"g"},"messageAttributes":{"a":{"stringListValues":"x"}}}`,
			batch.DecodeError{Field: "messageAttributes", Offset: 73, Problem: "string where an array was expected inside of it"}, "g"},
		"a number beside what is unknown": {trySQS, `{"x":5,"messageId":"1","y":5,"body":5}`,
			batch.DecodeError{Field: "body", Offset: 36, Problem: "number where a string was expected"}, ""},
		"a numeric eventSource": {trySQS, `{"messageId":"1","eventSource":1}`,
			batch.DecodeError{Field: "eventSource", Offset: 31, Problem: "number where a string was expected"}, ""},
		"bad base64": {tryKinesis, `{"kinesis":{"sequenceNumber":"1","partitionKey":"k","data":"AAA"}}`,
			batch.DecodeError{Field: "kinesis.data", Offset: 59, Problem: "not base64"}, "k"},
		"a string as timestamp": {tryKinesis, `{"kinesis":{"sequenceNumber":"1","partitionKey":"k","approximateArrivalTimestamp":"1"}}`,
			batch.DecodeError{Field: "kinesis.approximateArrivalTimestamp", Offset: 82, Problem: "string where a number was expected"}, "k"},
		"a string as version": {tryKinesis, `{"kinesis":{"sequenceNumber":"1","partitionKey":"k","kinesisSchemaVersion":7}}`,
			batch.DecodeError{Field: "kinesis.kinesisSchemaVersion", Offset: 75, Problem: "number where a string was expected"}, "k"},
		"a string as creation time": {tryDynamoDB, `{"dynamodb":{"SequenceNumber":"1","Keys":{"a":{"S":"x"}},"ApproximateCreationDateTime":"1"}}`,
			batch.DecodeError{Field: "dynamodb.ApproximateCreationDateTime", Offset: 87, Problem: "string where a number was expected"}, `{"a":{"S":"x"}}`},
		"a timestamp out of range": {tryKinesis, `{"kinesis":{"sequenceNumber":"1","partitionKey":"k","approximateArrivalTimestamp":1e999}}`,
			batch.DecodeError{Field: "kinesis.approximateArrivalTimestamp", Offset: 82, Problem: "number out of range"}, "k"},
		"an array as data": {tryKinesis, `{"kinesis":{"sequenceNumber":"1","partitionKey":"k","data":{}}}`,
			batch.DecodeError{Field: "kinesis.data", Offset: 59, Problem: "object where a base64 string was expected"}, "k"},
		"a later kinesis": {tryKinesis, `{"kinesis":{"sequenceNumber":"1","partitionKey":"k"},"kinesis":7}`,
			batch.DecodeError{Field: "kinesis", Offset: 63, Problem: "number where an object was expected"}, "BARRIER"},
		"a fractional size": {tryDynamoDB, `{"dynamodb":{"SequenceNumber":"1","Keys":{"a":{"S":"x"}},"SizeBytes":1.5}}`,
			batch.DecodeError{Field: "dynamodb.SizeBytes", Offset: 69, Problem: "number where an integer was expected"}, `{"a":{"S":"x"}}`},
		"an unknown attribute type": {tryDynamoDB, `{"dynamodb":{"SequenceNumber":"1","Keys":{"a":{"S":"x"}},"NewImage":{"b":{"X":"y"}}}}`,
			batch.DecodeError{Field: "dynamodb.NewImage", Offset: 68, Problem: "attribute of an unknown type inside of it"}, `{"a":{"S":"x"}}`},
		"a number in a binary set": {tryDynamoDB, `{"dynamodb":{"SequenceNumber":"1","Keys":{"a":{"S":"x"}},"NewImage":{"b":{"BS":[1]}}}}`,
			batch.DecodeError{Field: "dynamodb.NewImage", Offset: 68, Problem: "value of the wrong kind inside of it"}, `{"a":{"S":"x"}}`},
		"an unreadable partition key": {tryKinesis, `{"kinesis":{"sequenceNumber":"1","partitionKey":5}}`,
			batch.DecodeError{Field: "kinesis.partitionKey", Offset: 48, Problem: "number where a string was expected"}, "BARRIER"},
		"an unreadable item key": {tryDynamoDB, `{"dynamodb":{"SequenceNumber":"1","Keys":{"a":{"S":1}}}}`,
			batch.DecodeError{Field: "dynamodb.Keys", Offset: 41, Problem: "value of the wrong kind inside of it"}, "BARRIER"},
		"an unreadable message group": {trySQS, `{"messageId":"1","attributes":{"MessageGroupId":5}}`,
			batch.DecodeError{Field: "attributes", Offset: 30, Problem: "number where a string was expected inside of it"}, "BARRIER"},
		"unreadable attributes": {trySQS, `{"messageId":"1","attributes":[]}`,
			batch.DecodeError{Field: "attributes", Offset: 30, Problem: "array where an object was expected"}, "BARRIER"},
	} {
		t.Run(name, func(t *testing.T) {
			barrier, group, err := test.decode([]byte(`{"Records":[` + test.record + `]}`))
			require.ErrorIs(t, err, batch.ErrUndecodable)
			var undecodable *batch.DecodeError
			require.ErrorAs(t, err, &undecodable)
			assert.Equal(t, test.want, *undecodable)
			if test.group == "BARRIER" {
				assert.Equal(t, 0, barrier)
				return
			}
			assert.Equal(t, 1, barrier)
			assert.Equal(t, test.group, group)
		})
	}
}

// trySQS makes the batch a FIFO one.
func trySQS(payload []byte) (barrier int, group string, err error) {
	records := bytes.TrimSuffix(payload, []byte("]}"))
	return try(SQS(), append(records, `,{"messageId":"2","eventSourceARN":"q.fifo"}]}`...), -1)
}

func tryKinesis(payload []byte) (int, string, error) { return try(Kinesis(), payload, 0) }

func tryDynamoDB(payload []byte) (int, string, error) { return try(DynamoDB(), payload, 0) }

func try[E, T any](s *Source[E, T], payload []byte, less int) (barrier int, group string, err error) {
	got, err := arrange(s.Decode(payload))
	if err != nil {
		return 0, "", err
	}
	_, err = got.Record(0)
	barrier = got.Barrier
	if barrier > 0 {
		barrier += less
	}
	return barrier, got.Results[0].Group, err
}

// D3: Lambda's runtime uses the payload again.
func TestD3NothingInABatchRefersToThePayload(t *testing.T) {
	overwritten(t, SQS(), document(t, "sqs.json"))
	overwritten(t, SQS(), document(t, "sqs-fifo.json"))
	overwritten(t, Kinesis(), document(t, "kinesis.json"))
	overwritten(t, DynamoDB(), document(t, "dynamodb.json"))
}

func overwritten[E, T any](t *testing.T, s *Source[E, T], payload []byte) {
	t.Helper()
	decode := func(payload []byte) (*arranged[T], []T) {
		got, err := arrange(s.Decode(payload))
		require.NoError(t, err)
		records := make([]T, len(got.Results))
		for i := range records {
			records[i], err = got.Record(i)
			require.NoError(t, err)
		}
		return got, records
	}
	want, records := decode(bytes.Clone(payload))
	got, early := decode(payload)
	for i := range payload {
		payload[i] = '#'
	}
	assert.Equal(t, want.Results, got.Results)
	assert.Equal(t, records, early)
	for i := range records {
		late, err := got.Record(i)
		require.NoError(t, err)
		assert.Equal(t, records[i], late)
	}
}

// Observers may keep reports for long.
func TestKeepingTheIdentifiersDoesNotKeepTheEvent(t *testing.T) {
	light(t, SQS(), sqsEvent(20), func(m events.SQSMessage) string { return m.ReceiptHandle })
	light(t, SQS(), bytes.ReplaceAll(sqsEvent(20), []byte("my-queue"), []byte("my.fifo")), func(m events.SQSMessage) string { return m.ReceiptHandle })
	light(t, Kinesis(), kinesisEvent(20), func(r events.KinesisEventRecord) string { return r.EventID })
	light(t, DynamoDB(), dynamoEvent(20), func(r events.DynamoDBEventRecord) string { return r.EventID })
}

func light[E, T any](t *testing.T, s *Source[E, T], payload []byte, part func(T) string) {
	t.Helper()
	got, err := s.Decode(payload)
	require.NoError(t, err)
	record, err := got.Open(0)
	require.NoError(t, err)
	text := weak.Make(unsafe.StringData(part(record)))
	ids := got.IDs
	require.NotNil(t, text.Value())
	runtime.KeepAlive(got)
	runtime.KeepAlive(record)
	runtime.GC()
	require.Nil(t, text.Value())
	require.NotEmpty(t, ids[0])
}

// Texts are copied piece by piece, whose ends no record may notice.
func TestRecordsOfAnySizeAreDecodedAlike(t *testing.T) {
	for _, sizes := range [][]int{
		{pieceSize, 1, pieceSize, 1}, {pieceSize - 500, pieceSize + 1, 3 * pieceSize, 10}, {1, 5 * pieceSize, 2, 3},
		slices.Repeat([]int{900}, 100), slices.Repeat([]int{pieceSize / 2}, 9),
	} {
		for _, character := range []string{"b", `\"`} { // a body as it is, and one to be unescaped
			sqsSubject().agree(t, event(len(sizes), func(i int) string {
				return fmt.Sprintf(`{"messageId":"m-%d","body":"%s","md5OfBody":"%d"}`, i, strings.Repeat(character, sizes[i]), i)
			}))
		}
	}
}

// A handler may keep a string of a record without keeping the records far from it.
func TestKeepingARecordDoesNotKeepTheEvent(t *testing.T) {
	got, err := arrange(SQS().Decode(sqsEvent(500)))
	require.NoError(t, err)
	first, err := got.Record(0)
	require.NoError(t, err)
	last, err := got.Record(499)
	require.NoError(t, err)
	text := weak.Make(unsafe.StringData(last.ReceiptHandle))
	runtime.KeepAlive(last)
	runtime.KeepAlive(got)
	runtime.GC()
	require.Nil(t, text.Value())
	require.NotEmpty(t, first.ReceiptHandle)
}

// S9: no error holds any of the payload.
func TestS9ErrorsDoNotQuoteThePayload(t *testing.T) {
	secrets := []string{"hunter2", "31337"}
	quiet := func(err error) {
		t.Helper()
		for ; err != nil; err = errors.Unwrap(err) {
			for _, secret := range secrets {
				assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), secret)
			}
		}
	}
	for _, record := range []string{
		`hunter2`, `{"messageId":31337}`, `{"messageId":"1","eventSource":"hunter2"}`, `{"messageId":"1","body":31337}`,
		`{"messageId":"1","attributes":{"hunter2":31337}}`, `{"messageId":"1","messageAttributes":{"hunter2":{"binaryValue":"hunter2!"}}}`,
		`{"messageId":"1","messageAttributes":{"hunter2":{"stringValue":{"hunter2":31337}}}}`,
		`{"kinesis":{"sequenceNumber":"1","data":"hunter2!"}}`, `{"kinesis":{"sequenceNumber":"1","approximateArrivalTimestamp":31337e999}}`,
		`{"dynamodb":{"SequenceNumber":"1","Keys":{"hunter2":{"hunter2":"hunter2"}}}}`, `{"dynamodb":{"SequenceNumber":"1","SizeBytes":31337.5}}`,
		`{"dynamodb":{"SequenceNumber":"1","NewImage":{"hunter2":{"N":31337}}}}`, `{"dynamodb":{"SequenceNumber":"1","NewImage":{"hunter2":31337}}}`,
	} {
		payload := []byte(`{"Records":[` + record + `]}`)
		_, _, err := try(SQS(), payload, 0)
		quiet(err)
		_, _, err = try(Kinesis(), payload, 0)
		quiet(err)
		_, _, err = try(DynamoDB(), payload, 0)
		quiet(err)
		_, err = Detect(payload)
		quiet(err)
	}
}

// Events of services that are no event source mappings have members of their own.
func TestDetectKnowsFirehoseAndS3Batch(t *testing.T) {
	for payload, want := range map[string]batch.Source{
		`{"invocationId":"i","deliveryStreamArn":"arn","region":"r","records":[{"recordId":"1","data":""}]}`: batch.Firehose,
		`{"records":[],"DELIVERYSTREAMARN":null}`:                                                            batch.Firehose,
		`{"invocationSchemaVersion":"2.0","invocationId":"i","job":{},"tasks":[]}`:                           batch.S3Batch,
		`{"deliveryStreamArn":"arn","records":{}}`:                                                           batch.Kafka,
	} {
		got, err := Detect([]byte(payload))
		require.NoError(t, err)
		assert.Equal(t, want, got, payload)
	}
	_, err := Detect([]byte(`{"deliveryStreamArn":"arn","records":[`))
	assert.ErrorIs(t, err, batch.ErrEvent)
}

func TestDetectGoesByTheFirstRecordOrTheEvent(t *testing.T) {
	for payload, want := range map[string]batch.Source{
		`{"Records":[]}`: batch.SQS,
		`{"Records":[{"eventSource":"aws:sqs"}]}`:                        batch.SQS,
		`{"Records":[{"a":1,"eventSource":"aws:kinesis"},{}]}`:           batch.Kinesis,
		`{"Records":[{"eventSource":"aws:dynamodb"},{"eventSource":5}]}`: batch.DynamoDB,
		`{"Records":[{"EventSource":"aws:dynamodb"}]}`:                   batch.DynamoDB,
		`{"eventSource":"aws:kafka","records":{}}`:                       batch.Kafka,
		`{"records":{"a-0":[{}]},"eventSource":"SelfManagedKafka"}`:      batch.Kafka,
		`{"records":{"a-0":[{}]},"eventSource":"aws:SelfManagedKafka"}`:  batch.Kafka,
		`{"RECORDS":{}}`:                                           batch.Kafka, // whoever sent it
		`{"eventSource":"aws:mq","records":{}}`:                    batch.Kafka, // whose reader says what is wrong
		`{"eventSource":"somebody's","r\u0065cords" : {"a-0":[]}}`: batch.Kafka,
		`{"eventSource":"aws:kafka"}`:                              batch.Kafka,
		`{"eventSource":"aws:SelfManagedKafka","records":[]}`:      batch.Kafka,
		`{"eventSource":5,"Records":[{"eventSource":"aws:sqs"}]}`:  batch.SQS,
		`[]`:                                   batch.SQS,
		` [{"eventSource":"aws:sqs"}]`:         batch.SQS,
		`[{"eventSource":"aws:kinesis"}]`:      batch.Kinesis,
		`[{"eventSource":"aws:kafka"}]`:        batch.Kafka, // pipes send these as well
		`[{"eventSource":"SelfManagedKafka"}]`: batch.Kafka,
	} {
		got, err := Detect([]byte(payload))
		assert.NoError(t, err, payload)
		assert.Equal(t, want, got, payload)
	}
	for payload, message := range map[string]string{
		`{}`:                                        `"Records" is missing`,
		`{"Records":[{}]}`:                          `record 0: "eventSource" is missing or no string where aws:sqs, aws:kinesis or aws:dynamodb was expected`,
		`{"Records":[{"eventSource":7}]}`:           `record 0: "eventSource" is missing or no string where aws:sqs, aws:kinesis or aws:dynamodb was expected`,
		`{"Records":[{"eventSource":"aws:s3"}]}`:    `record 0: "eventSource" is aws:s3 where aws:sqs, aws:kinesis or aws:dynamodb was expected`,
		`{"Records":[{"eventSource":"x"}]}`:         `record 0: "eventSource" is of an unknown service where aws:sqs, aws:kinesis or aws:dynamodb was expected`,
		`{"Records":[null]}`:                        `record 0: null where an object was expected`,
		`{"eventSource":"aws:kafka","records":`:     `the JSON is cut short after 37 bytes`,
		`["aws:kafka"]`:                             `record 0: a string where an object was expected`,
		`{"Records":[{"eventSource":"aws:kafka"}]}`: `record 0: "eventSource" is aws:kafka where aws:sqs, aws:kinesis or aws:dynamodb was expected`,
		``: `the payload is empty where JSON was expected`,
	} {
		got, err := Detect([]byte(payload))
		assert.Empty(t, got, payload)
		assert.ErrorIs(t, err, batch.ErrEvent, payload)
		assert.EqualError(t, err, "troupe: event cannot be processed: "+message, payload)
	}
}

func TestRecordsAreDecodedConcurrently(t *testing.T) {
	const size = 200
	got, err := arrange(SQS().Decode(sqsEvent(size)))
	require.NoError(t, err)
	var all sync.WaitGroup
	for i := range size {
		all.Go(func() {
			for range 3 {
				record, err := got.Record(i)
				assert.NoError(t, err)
				assert.Equal(t, got.Results[i].ID, record.MessageId)
				record.Attributes["mine"] = "alone"
			}
		})
	}
	all.Wait()
	record, err := got.Record(0)
	require.NoError(t, err)
	assert.NotContains(t, record.Attributes, "mine", "each call decodes anew")
}

func TestItemKeysAreTheSameForTheSameKeyOnly(t *testing.T) {
	s, n, b := events.NewStringAttribute, events.NewNumberAttribute, events.NewBinaryAttribute
	for want, keys := range map[string]item{
		``:                                       nil,
		`{"a":{"S":"1"}}`:                        {"a": s("1")},
		`{"a":{"N":"1"}}`:                        {"a": n("1")},
		`{"a":{"N":"1.0"}}`:                      {"a": n("1.0")},
		`{"a":{"B":"MQ=="}}`:                     {"a": b([]byte("1"))},
		`{"a":{"S":"1"},"b":{"S":"2"}}`:          {"b": s("2"), "a": s("1")},
		`{"a":{"S":"1\"},\"b\":{\"S\":\"2"}}`:    {"a": s(`1"},"b":{"S":"2`)},
		`{"a":{"S":"\u0001\\é` + "\xff" + `"}}`:  {"a": s("\x01\\é\xff")},
		`{"a":{"NULL":true},"b":{"NULL":true}}`:  {"a": events.NewNullAttribute(), "b": {}},
		`{"a":{"BOOL":true},"b":{"BOOL":false}}`: {"a": events.NewBooleanAttribute(true), "b": events.NewBooleanAttribute(false)},
		`{"a":{"SS":["x","y"]},"b":{"NS":[]},"c":{"BS":["MQ=="]}}`: {"a": events.NewStringSetAttribute([]string{"x", "y"}),
			"b": events.NewNumberSetAttribute(nil), "c": events.NewBinarySetAttribute([][]byte{[]byte("1")})},
		`{"a":{"L":[{"M":{"b":{"S":""}}},{"M":{}}]}}`: {"a": events.NewListAttribute([]events.DynamoDBAttributeValue{
			events.NewMapAttribute(item{"b": s("")}), events.NewMapAttribute(nil)})},
	} {
		assert.Equal(t, want, itemKey(keys))
	}
}

func TestItemKeysInTheSpellingOfAWSAreTakenAsTheyAre(t *testing.T) {
	for text, taken := range map[string]bool{
		`{"a":{"S":"x"}}`:                true,
		`{"a":{"S":"x"},"b":{"N":"1"}}`:  true,
		`{"b":{"S":"x"},"a":{"N":"1"}}`:  false,
		`{"a":{"S":"x"},"a":{"S":"y"}}`:  false,
		`{"a":{"S":"1"},"a!":{"S":"2"}}`: true,
		`{"a!":{"S":"2"},"a":{"S":"1"}}`: false,
		`{"a": {"S":"x"}}`:               false,
		`{"a":{"S":"x" }}`:               false,
		`{"a":{"S":"x"},"b":{"B":""}}`:   false,
		`{"a":{"S":"x","N":"1"}}`:        false,
		`{"a":{"S":"\u0061"}}`:           false,
		`{"\u0061":{"S":"a"}}`:           false,
		`{"a":{"S":"é"}}`:                false,
		`{}`:                             false,
		`null`:                           false,
		`""`:                             false,
		`"{"`:                            false,
		`[]`:                             false,
	} {
		assert.Equal(t, taken, isItemKey(text), text)
	}
}
