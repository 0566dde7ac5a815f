package kafka

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
)

// oracleEvent is an event by encoding/json alone.
type oracleEvent struct {
	Records map[string][]oracleRecord `json:"records"`
}

type oracleRecord struct {
	Topic         string               `json:"topic"`
	Partition     int32                `json:"partition"`
	Offset        int64                `json:"offset"`
	Timestamp     int64                `json:"timestamp"`
	TimestampType string               `json:"timestampType"`
	Key           []byte               `json:"key"`
	Value         []byte               `json:"value"`
	Headers       []map[string][]int16 `json:"headers"`
	KeySchema     *oracleSchema        `json:"keySchemaMetadata"`
	ValueSchema   *oracleSchema        `json:"valueSchemaMetadata"`
}

type oracleSchema struct {
	DataFormat string   `json:"dataFormat"`
	SchemaID   oracleID `json:"schemaId"`
}

// oracleID is a string, or the text of a number (SPEC S12).
type oracleID string

func (o *oracleID) UnmarshalJSON(text []byte) error {
	var (
		s string
		n json.Number
	)
	switch {
	case string(text) == "null":
	case text[0] != '"' && json.Unmarshal(text, &n) == nil:
		*o = oracleID(n)
	default:
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		*o = oracleID(s)
	}
	return nil
}

// strictRecord is what decides whether a record can be decoded at all (SPEC S5, S12).
type strictRecord struct {
	Topic     string `json:"topic"`
	Partition *int32 `json:"partition"`
	Offset    *int64 `json:"offset"`
	Key       []byte `json:"key"`
	Value     []byte `json:"value"`
}

// agree compares a record with what encoding/json made of it.
func agree(t *testing.T, want oracleRecord, got Record) {
	t.Helper()
	ms := int64(0)
	if !got.Timestamp.IsZero() {
		ms = got.Timestamp.UnixMilli()
	}
	if want.Timestamp == -1 { // SPEC S12
		want.Timestamp = 0
	}
	// A map has its last value for a key alone.
	headers := make(map[string][]byte)
	for _, h := range want.Headers {
		for key, value := range h {
			b := []byte{}
			for _, n := range value {
				b = append(b, byte(n))
			}
			headers[key] = b
		}
	}
	ours := make(map[string][]byte)
	for _, h := range got.Headers {
		ours[h.Key] = append([]byte{}, h.Value...)
	}
	require.Equal(t, want.Topic, got.Topic)
	require.Equal(t, want.Partition, got.Partition)
	require.Equal(t, want.Offset, got.Offset)
	require.Equal(t, want.Timestamp, ms)
	require.Equal(t, want.TimestampType, got.TimestampType)
	require.Equal(t, want.Key == nil, got.Key == nil)
	require.Equal(t, want.Value == nil, got.Value == nil)
	require.True(t, bytes.Equal(want.Key, got.Key) && bytes.Equal(want.Value, got.Value))
	require.Equal(t, headers, ours)
	for _, s := range []struct {
		want *oracleSchema
		got  *SchemaMetadata
	}{{want.KeySchema, got.KeySchemaMetadata}, {want.ValueSchema, got.ValueSchemaMetadata}} {
		require.Equal(t, s.want == nil, s.got == nil)
		if s.want != nil {
			require.Equal(t, SchemaMetadata{s.want.DataFormat, string(s.want.SchemaID)}, *s.got)
		}
	}
}

// inRange reports whether all header values are bytes.
func inRange(headers []map[string][]int16) bool {
	for _, h := range headers {
		for _, value := range h {
			if slices.ContainsFunc(value, func(n int16) bool { return n < -128 || n > 255 }) {
				return false
			}
		}
	}
	return true
}

func seeds(f *testing.F) {
	for _, path := range samples {
		f.Add(read(f, path))
	}
	for _, payload := range []string{
		`[]`, ` [ {"topic":"t","partition":0,"offset":0,"value":"AA==","eventSource":"aws:kafka"}, {"topic":"t","partition":0,"offset":1} ] `, `[null]`, `[{"eventSource":"aws:sqs"}]`,
		``, `{}`, `null`, `{"records":{}}`, `{"records":{"t-0":[]}}`, `{"records":{"t-0":[{"topic":"t","partition":0,"offset":0}]}}`,
		`{"records":{"t-0":[{"topic":"t","partition":0,"offset":0,"headers":[{"a":[-128,127]},{"a":null},{}]}]}}`,
		`{"records":{"t-0":[{"Topic":"t","pARTITION":1,"offset":0,"offset":2,"key":"\u0059Q==","value":null}]},"eventSource":"SelfManagedKafka"}`,
		`{"records":{"\ud800-0":[{"topic":"\ud800","partition":0,"offset":-0}]}}`,
		"{\"records\":{\"\xff-0\":[{\"topic\":\"\xff\\\\\",\"partition\":0,\"offset\":9223372036854775807}]}}",
		`{"records":{"t-0":[{"topic":"t","partition":0,"offset":0},{"topic":"t","partition":0,"offset":0}],"a":[[{"]":"[\\\""}]]}}`,
	} {
		f.Add([]byte(payload))
	}
}

// SPEC S2, S3, S5, D6: whatever comes, nothing panics; an event that is taken has each of its records under its
// own identifier, none more and none less, and what encoding/json can read is read the same.
func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		b, err := Source{}.Decode(payload)
		if err != nil {
			require.ErrorIs(t, err, batch.ErrEvent)
			return
		}
		var raw struct {
			Records map[string][]json.RawMessage `json:"records"`
		}
		if b.NoResponse != "" { // a pipe's array
			var list []json.RawMessage
			require.NoError(t, json.Unmarshal(payload, &list))
			raw.Records = map[string][]json.RawMessage{"": list}
		} else {
			require.NoError(t, json.Unmarshal(payload, &raw))
		}
		want, got := map[string]int{}, map[string]int{}
		total := 0
		for _, records := range raw.Records {
			for _, text := range records {
				total++
				var o oracleRecord
				if json.Unmarshal(text, &o) == nil {
					want[Record{Topic: o.Topic, Partition: o.Partition, Offset: o.Offset}.ID()]++
				}
			}
		}
		require.Len(t, b.IDs, total)
		for i, id := range b.IDs {
			require.Equal(t, id, identifierOf(id).String())
			group, ok := b.Group(i)
			require.True(t, ok)
			require.Equal(t, identifierOf(id).Partition, group)
			r, err := b.Open(i)
			payload, badPayload := b.Payload(i)
			if err != nil {
				var undecodable *batch.DecodeError
				require.True(t, errors.As(err, &undecodable))
				if badPayload != nil {
					require.True(t, errors.As(badPayload, &undecodable))
					require.Nil(t, payload)
				}
				continue
			}
			require.NoError(t, badPayload)
			require.Equal(t, r.Value, payload)
			require.Equal(t, id, r.ID())
			got[id]++
			text, err := json.Marshal(r)
			require.NoError(t, err)
			var again Record
			require.NoError(t, json.Unmarshal(text, &again))
			require.Equal(t, r, again)
		}
		for id, n := range want {
			require.GreaterOrEqual(t, got[id], n, id)
		}
		require.True(t, slices.IsSortedFunc(b.IDs, func(x, y string) int {
			i, j := identifierOf(x), identifierOf(y)
			if i.Partition != j.Partition {
				return 0
			}
			return int(min(1, max(-1, i.Offset-j.Offset)))
		}))

		var response Response
		ids := b.IDs
		require.NoError(t, json.Unmarshal(Answer().JSON(nil, ids), &response))
		for i, failure := range response.BatchItemFailures {
			require.Equal(t, ids[i], failure.ItemIdentifier.String())
		}
		require.Len(t, response.BatchItemFailures, len(ids))
	})
}

// A record alone: as encoding/json reads it, if that can. It can be decoded if what identifies it, its key and its value
// can (SPEC S12).
func FuzzRecord(f *testing.F) {
	for _, text := range []string{
		`{"topic":"t","partition":0,"offset":1,"timestamp":1763784000125,"timestampType":"CREATE_TIME","key":"YQ==","value":null,"headers":[{"a":[1,-1]},{"b":[]}]}`,
		`{"topic":"t","partition":0,"offset":1,"headers":[{"a":[1],"b":[-128]}],"keySchemaMetadata":{"schemaId":"1","schemaId":null},"valueSchemaMetadata":null}`,
		`{"topic":"é","partition":2147483647,"offset":1,"value":"YQ\u003d=","Value":"","KEY":"\/w=="}`,
		`{"topic":"t","partition":0,"offset":1,"headers":[{"a":[128]}]}`,
		`{"topic":"t","partition":0,"offset":1,"timestamp":-1,"headers":[{"a":[256]},7],"valueSchemaMetadata":{"schemaId":100}}`,
		`{"topic":"t","partition":0,"offset":1,"timestamp":"x","timestampType":1,"headers":{},"keySchemaMetadata":[]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got Record
		err := json.Unmarshal(text, &got)
		if err == nil && string(bytes.TrimSpace(text)) != "null" {
			var strict strictRecord
			require.NoError(t, json.Unmarshal(text, &strict))
			require.Equal(t, place{strict.Topic, *strict.Partition, *strict.Offset}, place{got.Topic, got.Partition, got.Offset})
			require.True(t, bytes.Equal(strict.Key, got.Key) && bytes.Equal(strict.Value, got.Value))
			var o oracleRecord
			if json.Unmarshal(text, &o) == nil && inRange(o.Headers) {
				agree(t, o, got)
			}
		}
		var strict strictRecord
		if err != nil && json.Unmarshal(text, &strict) == nil && !bytes.Contains(text, []byte("null")) {
			identified := strict.Topic != "" && strict.Partition != nil && *strict.Partition >= 0 && strict.Offset != nil && *strict.Offset >= 0
			require.False(t, identified && !bytes.Contains(text, []byte("-")), "%v", err) // one of several may be negative
		}
		if !json.Valid(text) {
			require.Error(t, new(Record).UnmarshalJSON(text))
			require.Error(t, new(Event).UnmarshalJSON(text))
			require.Error(t, new(Header).UnmarshalJSON(text))
		}
	})
}

// Headers of any keys and values come back as they were.
func FuzzHeaders(f *testing.F) {
	f.Add("trace", []byte{0, 1, 127, 128, 255}, "trace", []byte{})
	f.Add("", []byte(nil), "é\n\"", []byte("value"))
	f.Fuzz(func(t *testing.T, a string, x []byte, b string, y []byte) {
		r := Record{Topic: "t", Headers: []Header{{a, x}, {b, y}, {a, nil}}}
		text, err := json.Marshal(r)
		require.NoError(t, err)
		var again Record
		require.NoError(t, json.Unmarshal(text, &again))
		for i := range r.Headers { // JSON has no text that is not UTF-8
			r.Headers[i].Key = string(bytes.ToValidUTF8([]byte(r.Headers[i].Key), []byte("\ufffd")))
		}
		require.Len(t, again.Headers, 3)
		for i, h := range again.Headers {
			require.Equal(t, []rune(r.Headers[i].Key)[:min(1, len([]rune(r.Headers[i].Key)))], []rune(h.Key)[:min(1, len([]rune(h.Key)))])
			require.Equal(t, r.Headers[i].Value == nil, h.Value == nil)
			require.True(t, bytes.Equal(r.Headers[i].Value, h.Value))
		}
	})
}
