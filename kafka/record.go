package kafka

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonscan"
)

// Record is a record of a Kafka topic.
type Record struct {
	// Topic and Partition identify the partition, and Offset the position in it. Together they identify the record.
	Topic     string
	Partition int32
	Offset    int64
	// Timestamp is in whole milliseconds, in UTC. TimestampType is CREATE_TIME for the producer's time and
	// LOG_APPEND_TIME for the broker's. The zero Timestamp means none, which Lambda writes as -1.
	Timestamp     time.Time
	TimestampType string
	// Key is nil for a record without a key, and not nil for an empty one.
	Key []byte
	// Value is nil for a tombstone, the mark of a deletion in a compacted topic, and not nil for an empty value.
	Value []byte
	// Headers are in the record's order; a key may occur more than once.
	Headers []Header
	// KeySchemaMetadata and ValueSchemaMetadata are set if the mapping has a schema registry for them.
	KeySchemaMetadata, ValueSchemaMetadata *SchemaMetadata
}

// Header is a header of a record.
type Header struct {
	Key string
	// Value is nil if the header has none.
	Value []byte
}

// SchemaMetadata describes the schema of a record's key or value.
type SchemaMetadata struct {
	// DataFormat is that of the schema registry: AVRO, JSON or PROTOBUF.
	DataFormat string `json:"dataFormat,omitempty"`
	// SchemaID is the identifier of the schema in the registry. A number is kept as its text.
	SchemaID string `json:"schemaId,omitempty"`
}

// ID returns the identifier of the record in troupe and its reports, such as "orders-0@15" for offset
// 15 in partition 0 of topic orders. It is unambiguous: the last @ separates partition and offset.
func (r Record) ID() string { return ItemIdentifier{r.partition(), r.Offset}.String() }

// partition is the name of the record's partition.
func (r Record) partition() string { return partitionName(r.Topic, r.Partition) }

func partitionName(topic string, number int32) string {
	return topic + "-" + strconv.FormatInt(int64(number), 10)
}

// onWire is a Record the way that encoding/json writes it.
type onWire struct {
	Topic         string          `json:"topic"`
	Partition     int32           `json:"partition"`
	Offset        int64           `json:"offset"`
	Timestamp     *int64          `json:"timestamp,omitempty"`
	TimestampType string          `json:"timestampType,omitempty"`
	Key           []byte          `json:"key,omitzero"` // omitted if nil, not if empty
	Value         []byte          `json:"value"`
	Headers       []Header        `json:"headers,omitzero"`
	KeySchema     *SchemaMetadata `json:"keySchemaMetadata,omitempty"`
	ValueSchema   *SchemaMetadata `json:"valueSchemaMetadata,omitempty"`
}

// MarshalJSON writes the record as Lambda does.
func (r Record) MarshalJSON() ([]byte, error) {
	w := onWire{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, TimestampType: r.TimestampType,
		Key: r.Key, Value: r.Value, Headers: r.Headers, KeySchema: r.KeySchemaMetadata, ValueSchema: r.ValueSchemaMetadata,
	}
	if !r.Timestamp.IsZero() {
		w.Timestamp = new(r.Timestamp.UnixMilli())
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads a record as Lambda writes it. The error is a *batch.DecodeError, for a record without
// topic, partition or offset, and for a key or value that is not base64. Other fields that cannot be read are
// omitted (SPEC S12).
func (r *Record) UnmarshalJSON(raw []byte) error {
	c, at, err := object(raw, "")
	if err != nil || c == nil {
		return err
	}
	var l locator
	for key, at := range c.members(at.start) {
		l.take(fieldOf(key, 0), at.of(c.Text))
	}
	place, field, problem := l.place()
	if problem != "" {
		return &batch.DecodeError{Field: field, Offset: -1, Problem: problem}
	}
	record, _, err := decode(c.Text, place)
	if err != nil {
		return err
	}
	*r = record
	return nil
}

// MarshalJSON writes the header as Lambda does: an object with the value as an array of signed bytes.
func (h Header) MarshalJSON() ([]byte, error) {
	var value []int8
	if h.Value != nil {
		value = make([]int8, len(h.Value))
	}
	for i, b := range h.Value {
		value[i] = int8(b)
	}
	return json.Marshal(map[string][]int8{h.Key: value})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (h *Header) UnmarshalJSON(raw []byte) error {
	c, at, err := object(raw, "headers")
	if err != nil || c == nil {
		return err
	}
	var list []Header
	for key, at := range c.members(at.start) {
		value, problem := c.bytes(at)
		if problem != "" {
			return &batch.DecodeError{Field: "headers", Offset: int64(at.start), Problem: problem}
		}
		list = append(list, Header{key, value})
	}
	if len(list) != 1 {
		return &batch.DecodeError{Field: "headers", Offset: int64(at.start), Problem: strconv.Itoa(len(list)) + " headers where one was expected"}
	}
	*h = list[0]
	return nil
}

// UnmarshalJSON reads a schema as Lambda writes it. An ID that is a number is kept as its text.
func (m *SchemaMetadata) UnmarshalJSON(raw []byte) error {
	c, at, err := object(raw, "")
	if err != nil || c == nil {
		return err
	}
	if problem := c.schema(at, m); problem != "" {
		return &batch.DecodeError{Offset: int64(at.start), Problem: problem}
	}
	return nil
}

// The fields of a record.
const (
	topicField = iota
	partitionField
	offsetField
	timestampField
	timestampTypeField
	keyField
	valueField
	headersField
	keySchemaField
	valueSchemaField
	unknownField
)

var fieldNames = [unknownField]string{"topic", "partition", "offset", "timestamp", "timestampType", "key", "value", "headers",
	"keySchemaMetadata", "valueSchemaMetadata"}

// fieldOf returns the field that encoding/json would take a key for. AWS writes fields in the order of fieldNames, so
// the guess is usually right.
func fieldOf(key string, guess int) int {
	if guess < unknownField && fieldNames[guess] == key {
		return guess
	}
	for k, name := range fieldNames {
		if name == key {
			return k
		}
	}
	for k, name := range fieldNames {
		if strings.EqualFold(name, key) {
			return k
		}
	}
	return unknownField
}

// decode reads a record, an object that is known to be JSON and whose position is known. The error is a
// *batch.DecodeError for a key or value that is not base64. note lists other omitted parts (SPEC S12); it is empty if
// there are none.
func decode(text string, p place) (r Record, note string, err error) {
	r = Record{Topic: p.topic, Partition: p.partition, Offset: p.offset}
	c := cursor{jsonscan.Scanner{Text: text}}
	guess := 0
	for key, at := range c.members(0) {
		k := fieldOf(key, guess)
		guess = k + 1
		value := at.of(text)
		var problem string
		switch k {
		case timestampField:
			var ms int64 = noTime
			if problem = integer(&ms, value, 64); problem == "" && value != "null" {
				r.Timestamp = time.Time{}
				if ms != noTime {
					r.Timestamp = time.UnixMilli(ms).UTC()
				}
			}
		case timestampTypeField:
			problem = str(&r.TimestampType, value)
		case keyField, valueField:
			b, problem := base64Bytes(value)
			if problem != "" {
				return Record{}, "", &batch.DecodeError{Field: fieldNames[k], Offset: int64(at.start), Problem: problem}
			}
			if k == keyField {
				r.Key = b
			} else {
				r.Value = b
			}
		case headersField:
			r.Headers, problem = c.headers(at)
		case keySchemaField:
			r.KeySchemaMetadata, problem = c.schemaAt(at)
		case valueSchemaField:
			r.ValueSchemaMetadata, problem = c.schemaAt(at)
		}
		if problem != "" {
			note = joined(note, fieldNames[k]+" left out: "+problem)
		}
	}
	return r, note, nil
}

func joined(note, more string) string {
	if note == "" {
		return more
	}
	return note + "; " + more
}

// noTime is the timestamp of a record that has none, as Kafka's clients write it.
const noTime = -1

// place identifies a record.
type place struct {
	topic     string
	partition int32
	offset    int64
}

// locator reads what identifies a record, field by field.
type locator struct {
	topic             string
	partition, offset int64
	seen              [offsetField + 1]bool
	field, problem    string // the first thing that is wrong
}

// take reads a field, if it is one of those.
func (l *locator) take(k int, value string) {
	if k > offsetField || l.problem != "" {
		return
	}
	switch k {
	case topicField:
		l.problem = str(&l.topic, value)
	case partitionField:
		l.problem = integer(&l.partition, value, 32)
	case offsetField:
		l.problem = integer(&l.offset, value, 64)
	}
	l.seen[k] = true
	switch {
	case l.problem != "":
	case value == "null":
		l.problem = "null"
	case value[0] == '-':
		l.problem = "negative"
	}
	if l.problem != "" {
		l.field = fieldNames[k]
	}
}

// place returns what identifies the record, or which field does not do, and why.
func (l *locator) place() (p place, field, problem string) {
	switch {
	case l.problem != "":
		return place{}, l.field, l.problem
	case l.topic == "":
		return place{}, fieldNames[topicField], "missing or empty"
	case !l.seen[partitionField]:
		return place{}, fieldNames[partitionField], "missing"
	case !l.seen[offsetField]:
		return place{}, fieldNames[offsetField], "missing"
	}
	return place{l.topic, int32(l.partition), l.offset}, "", ""
}

// The functions below read a value and return what is wrong with it; null counts as absent.

func str(into *string, value string) (problem string) {
	switch value[0] {
	case '"':
		*into = unquote(value)
	case 'n':
	default:
		return kindOf(value) + " where a string was expected"
	}
	return ""
}

func integer(into *int64, value string, bits int) (problem string) {
	switch c := value[0]; {
	case c == 'n':
	case c == '-' || '0' <= c && c <= '9':
		n, err := strconv.ParseInt(value, 10, bits)
		if err != nil {
			return "a number where an integer of " + strconv.Itoa(bits) + " bits was expected"
		}
		*into = n
	default:
		return kindOf(value) + " where an integer was expected"
	}
	return ""
}

func base64Bytes(value string) (b []byte, problem string) {
	switch value[0] {
	case '"':
		b, err := base64.StdEncoding.DecodeString(unquote(value))
		if err != nil {
			return nil, "not base64"
		}
		return b, ""
	case 'n':
		return nil, ""
	default:
		return nil, kindOf(value) + " where a base64 string was expected"
	}
}

// schemaAt reads a schema; parts that cannot be read are omitted.
func (c *cursor) schemaAt(at span) (*SchemaMetadata, string) {
	switch c.Text[at.start] {
	case '{':
	case 'n':
		return nil, ""
	default:
		return nil, kindOf(at.of(c.Text)) + " where an object was expected"
	}
	var m SchemaMetadata
	problem := c.schema(at, &m)
	return &m, problem
}

func (c *cursor) schema(at span, m *SchemaMetadata) (problem string) {
	for key, at := range c.members(at.start) {
		value := at.of(c.Text)
		var wrong string
		switch {
		case strings.EqualFold(key, "dataFormat"):
			wrong = str(&m.DataFormat, value)
		case strings.EqualFold(key, "schemaId"):
			if jsonscan.Kind(value) == "number" {
				m.SchemaID = value
			} else {
				wrong = str(&m.SchemaID, value)
			}
		}
		if wrong != "" {
			problem = wrong + " inside of it"
		}
	}
	return problem
}

// headers reads an array of objects, each of which contains one header. Headers that cannot be read are omitted.
func (c *cursor) headers(list span) (found []Header, problem string) {
	switch c.Text[list.start] {
	case '[':
	case 'n':
		return nil, ""
	default:
		return nil, kindOf(list.of(c.Text)) + " where an array was expected"
	}
	found = []Header{}
	for n, object := range c.elements(list.start) {
		if c.Text[object.start] != '{' {
			problem = joined(problem, "number "+strconv.Itoa(n)+": "+kindOf(object.of(c.Text))+" where an object was expected")
			continue
		}
		for key, at := range c.members(object.start) {
			value, wrong := c.bytes(at)
			if wrong != "" {
				problem = joined(problem, "number "+strconv.Itoa(n)+": "+wrong)
				continue
			}
			found = append(found, Header{key, value})
		}
	}
	return found, problem
}

// bytes reads an array of bytes. Kafka's are signed in Java, and some that write events write them unsigned.
func (c *cursor) bytes(list span) (b []byte, problem string) {
	switch c.Text[list.start] {
	case '[':
	case 'n':
		return nil, ""
	default:
		return nil, kindOf(list.of(c.Text)) + " where an array of bytes was expected"
	}
	b = []byte{}
	for _, at := range c.elements(list.start) {
		value := at.of(c.Text)
		n, err := strconv.ParseInt(value, 10, 16)
		switch {
		case err == nil && -128 <= n && n <= 255:
			b = append(b, byte(n))
		case jsonscan.Kind(value) == "number":
			return nil, "a number where a byte from -128 to 255 was expected"
		default:
			return nil, kindOf(value) + " where a byte from -128 to 255 was expected"
		}
	}
	return b, ""
}
