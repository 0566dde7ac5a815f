package sources

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"
	"github.com/troupe-go/troupe/batch"
)

// The oracle is the plain way to do what this package does, with encoding/json alone. Decode has to agree
// with it about every document.

// expectation is what the oracle makes of a document.
type expectation[T any] struct {
	err      error // of the event
	ids      []string
	groups   []string // of the ordered batch
	readable []bool   // whether a group is
	fifo     bool
	records  []T
	errs     []error
}

// subject is a source as tests see it.
type subject[E, T any] struct {
	source *Source[E, T]
	origin string
	// identity reads what matters from a decoded record.
	identity func(T) (id, group, origin, arn string)
	records  func(E) []T
	sender[T]
	// pipe is the sender of bare arrays.
	pipe sender[T]
}

// sender is how records come.
type sender[T any] struct {
	// idPath leads to the identifier.
	idPath []string
	// idOf reads it from a decoded record; nil for that of identity.
	idOf func(T) string
	// groupOf reads the group of a record that cannot be decoded.
	groupOf func(raw []byte) (string, bool)
	// plain decodes a record; nil for encoding/json.
	plain func(raw []byte, record *T) error
	// alien is a name that no member may have, unless it is null.
	alien string
}

func sqsSubject() subject[events.SQSEvent, events.SQSMessage] {
	both := sender[events.SQSMessage]{
		idPath: []string{"messageId"},
		groupOf: func(raw []byte) (string, bool) {
			var (
				m     struct{ Attributes map[string]json.RawMessage }
				group string
			)
			if json.Unmarshal(raw, &m) != nil {
				return "", false
			}
			value, ok := m.Attributes["MessageGroupId"]
			readable := !ok || json.Unmarshal(value, &group) == nil
			return group, readable
		},
	}
	return subject[events.SQSEvent, events.SQSMessage]{
		source: SQS(),
		origin: "aws:sqs",
		identity: func(m events.SQSMessage) (id, group, origin, arn string) {
			return m.MessageId, m.Attributes["MessageGroupId"], m.EventSource, m.EventSourceARN
		},
		records: func(e events.SQSEvent) []events.SQSMessage { return e.Records },
		sender:  both,
		pipe:    both,
	}
}

func kinesisSubject() subject[events.KinesisEvent, events.KinesisEventRecord] {
	return subject[events.KinesisEvent, events.KinesisEventRecord]{
		source: Kinesis(),
		origin: "aws:kinesis",
		identity: func(r events.KinesisEventRecord) (id, group, origin, arn string) {
			return r.Kinesis.SequenceNumber, r.Kinesis.PartitionKey, r.EventSource, ""
		},
		records: func(e events.KinesisEvent) []events.KinesisEventRecord { return e.Records },
		sender: sender[events.KinesisEventRecord]{
			idPath: []string{"kinesis", "sequenceNumber"},
			groupOf: func(raw []byte) (string, bool) {
				var r struct{ Kinesis struct{ PartitionKey string } }
				err := json.Unmarshal(raw, &r)
				return r.Kinesis.PartitionKey, err == nil
			},
		},
		pipe: sender[events.KinesisEventRecord]{
			idPath: []string{"eventID"},
			idOf:   func(r events.KinesisEventRecord) string { return r.EventID },
			groupOf: func(raw []byte) (string, bool) {
				var r struct{ PartitionKey string }
				err := json.Unmarshal(raw, &r)
				return r.PartitionKey, err == nil
			},
			// The record's own members and those that a mapping nests, each decoded by itself.
			plain: func(raw []byte, r *events.KinesisEventRecord) error {
				if err := unmarshal(raw, r); err != nil {
					return err
				}
				return unmarshal(raw, &r.Kinesis)
			},
			alien: "kinesis",
		},
	}
}

func dynamoSubject() subject[events.DynamoDBEvent, events.DynamoDBEventRecord] {
	groupOf := func(raw []byte) (string, bool) {
		var r struct {
			DynamoDB struct {
				Keys map[string]events.DynamoDBAttributeValue
			}
		}
		err := unmarshal(raw, &r)
		return itemKey(r.DynamoDB.Keys), err == nil
	}
	return subject[events.DynamoDBEvent, events.DynamoDBEventRecord]{
		source: DynamoDB(),
		origin: "aws:dynamodb",
		identity: func(r events.DynamoDBEventRecord) (id, group, origin, arn string) {
			return r.Change.SequenceNumber, itemKey(r.Change.Keys), r.EventSource, ""
		},
		records: func(e events.DynamoDBEvent) []events.DynamoDBEventRecord { return e.Records },
		sender:  sender[events.DynamoDBEventRecord]{idPath: []string{"dynamodb", "SequenceNumber"}, groupOf: groupOf},
		pipe: sender[events.DynamoDBEventRecord]{
			idPath:  []string{"eventID"},
			idOf:    func(r events.DynamoDBEventRecord) string { return r.EventID },
			groupOf: groupOf,
		},
	}
}

// unmarshal is json.Unmarshal, which the attribute values of aws-lambda-go can make panic.
func unmarshal(raw []byte, v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return json.Unmarshal(raw, v)
}

// expect is the oracle.
func (s subject[E, T]) expect(payload []byte) expectation[T] {
	raws, err := s.split(payload)
	if err != nil {
		return expectation[T]{err: err}
	}
	from := s.sender
	if isArray(payload) {
		from = s.pipe
	}
	if from.plain == nil {
		from.plain = func(raw []byte, record *T) error { return unmarshal(raw, record) }
	}
	want := expectation[T]{records: make([]T, len(raws)), errs: make([]error, len(raws))}
	for i, raw := range raws {
		if raw[0] != '{' {
			return expectation[T]{err: errors.New("not an object")}
		}
		var (
			id, group, origin, arn string
			readable               = true
		)
		if want.errs[i] = from.plain(raw, &want.records[i]); want.errs[i] == nil {
			id, group, origin, arn = s.identity(want.records[i])
			if from.idOf != nil {
				id = from.idOf(want.records[i])
			}
		} else {
			id = lookUp(raw, from.idPath...)
			origin = lookUp(raw, "eventSource")
			arn = lookUp(raw, "eventSourceARN")
			group, readable = from.groupOf(raw)
		}
		if from.alien != "" && hasMember(raw, from.alien) {
			return expectation[T]{err: errors.New("of another form")}
		}
		if id == "" || origin != "" && origin != s.origin {
			return expectation[T]{err: errors.New("inadmissible")}
		}
		want.ids = append(want.ids, id)
		want.groups = append(want.groups, group)
		want.readable = append(want.readable, readable)
		want.fifo = want.fifo || s.origin == "aws:sqs" && strings.HasSuffix(strings.ToLower(arn), ".fifo")
	}
	return want
}

func (s subject[E, T]) split(payload []byte) ([]json.RawMessage, error) {
	if !json.Valid(payload) {
		return nil, errors.New("invalid")
	}
	if isArray(payload) {
		var raws []json.RawMessage
		return raws, json.Unmarshal(payload, &raws)
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("no object")
	}
	var lists []json.RawMessage
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if strings.EqualFold(key.(string), "Records") {
			lists = append(lists, value)
		}
	}
	if len(lists) != 1 {
		return nil, errors.New("no Records, or several")
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(lists[0], &raws); err != nil || raws == nil {
		return nil, errors.New("no array")
	}
	return raws, nil
}

// lookUp finds a string in a record that need not be decodable: what encoding/json would set a string field
// to. It is empty if anything but strings and nulls is meant for that field.
func lookUp(raw []byte, path ...string) string {
	value, ok := "", true
	var walk func(raw []byte, path []string)
	walk = func(raw []byte, path []string) {
		d := json.NewDecoder(bytes.NewReader(raw))
		if open, err := d.Token(); err != nil || open != json.Delim('{') {
			return // of the wrong kind itself, which is the fault of another field
		}
		for d.More() {
			key, _ := d.Token()
			var member json.RawMessage
			ok = d.Decode(&member) == nil && ok
			switch {
			case !strings.EqualFold(key.(string), path[0]):
			case len(path) > 1:
				walk(member, path[1:])
			default:
				ok = json.Unmarshal(member, &value) == nil && ok
			}
		}
	}
	walk(raw, path)
	if !ok {
		return ""
	}
	return value
}

// hasMember reports whether encoding/json would find something but null for the name.
func hasMember(raw []byte, name string) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	_, _ = d.Token()
	for d.More() {
		key, _ := d.Token()
		var member json.RawMessage
		if d.Decode(&member) == nil && strings.EqualFold(key.(string), name) && string(member) != "null" {
			return true
		}
	}
	return false
}

// agree fails the test unless Decode and Read do as the oracle says.
func (s subject[E, T]) agree(t *testing.T, document []byte) {
	t.Helper()
	payload := slices.Clone(document)
	want := s.expect(payload)
	s.source.sameBySeveral(t, payload)
	got, err := arrange(s.source.Decode(payload))
	for i := range payload {
		payload[i] = 'x' // D3
	}
	if want.err != nil {
		require.ErrorIs(t, err, batch.ErrEvent)
		require.Nil(t, got)
		return
	}
	require.NoError(t, err)
	s.agreeOn(t, got, want)

	var event E
	if unmarshal(document, &event) == nil {
		read, err := arrange(s.source.Read(event))
		require.NoError(t, err)
		s.agreeOn(t, read, want)
		require.True(t, reflect.DeepEqual(s.records(event), want.records))
	}
}

func (s subject[E, T]) agreeOn(t *testing.T, got *arranged[T], want expectation[T]) {
	t.Helper()
	require.Len(t, got.Results, len(want.ids))
	require.Equal(t, want.fifo, got.FIFO)
	require.Equal(t, s.origin != "aws:sqs" || want.fifo, got.Ordered)
	barrier := len(want.ids)
	for i := range want.ids {
		result := batch.Result{ID: want.ids[i]}
		if got.Ordered {
			result.Group = want.groups[i]
			if !want.readable[i] {
				result.Group = got.Results[i].Group
				barrier = min(barrier, i)
			}
		}
		require.Equal(t, result, got.Results[i])
		record, err := got.Record(i)
		if want.errs[i] != nil {
			if got.Images != nil {
				_, ok := got.Images(i)
				require.False(t, ok)
			}
			require.ErrorIs(t, err, batch.ErrUndecodable, "record %d: %v", i, want.errs[i])
			continue
		}
		require.NoError(t, err, "record %d", i)
		if !reflect.DeepEqual(want.records[i], record) {
			t.Fatalf("record %d differs:\nwant %#v\ngot  %#v", i, want.records[i], record)
		}
		if got.Payload != nil { // it is the record's, whatever else is in it
			payload, err := got.Payload(i)
			require.NoError(t, err)
			require.Equal(t, string(s.source.payloadOf(&record)), string(payload))
		}
		if change, ok := any(record).(events.DynamoDBEventRecord); ok && got.Images != nil {
			agreeOnImages(t, got, i, change)
		}
	}
	require.Equal(t, barrier, got.Barrier)
}

// agreeOnImages compares the images of record i, if they are found, with those of the record.
func agreeOnImages[T any](t *testing.T, got *arranged[T], i int, record events.DynamoDBEventRecord) {
	t.Helper()
	images, ok := got.Images(i)
	if !ok {
		return
	}
	require.Equal(t, record.EventName, images.Operation)
	for text, want := range map[*string]map[string]events.DynamoDBAttributeValue{
		&images.Keys: record.Change.Keys, &images.New: record.Change.NewImage, &images.Old: record.Change.OldImage,
	} {
		var attributes map[string]events.DynamoDBAttributeValue
		if *text != "" {
			require.NoError(t, json.Unmarshal([]byte(*text), &attributes))
		}
		require.Equal(t, want, attributes)
	}
}

// document reads a file of testdata.
func document(t testing.TB, name string) []byte {
	t.Helper()
	payload, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return payload
}
