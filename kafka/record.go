package kafka

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/batch"
)

// Record is a record of a Kafka topic.
type Record struct {
	// Topic and Partition tell the partition, and Offset the place in it. Together they identify the record.
	Topic     string
	Partition int32
	Offset    int64
	// Timestamp is in whole milliseconds, in UTC; TimestampType tells whose it is: CREATE_TIME for the
	// producer's, LOG_APPEND_TIME for the broker's. The zero Timestamp stands for none.
	Timestamp     time.Time
	TimestampType string
	// Key is nil for a record without a key, which is something else than an empty one.
	Key []byte
	// Value is nil for a tombstone, the mark of a deletion in a compacted topic, which is something else than
	// an empty value.
	Value []byte
	// Headers are in the record's order; a key may come more than once.
	Headers []Header
	// KeySchemaMetadata and ValueSchemaMetadata are there if the mapping has a schema registry for them.
	KeySchemaMetadata, ValueSchemaMetadata *SchemaMetadata
}

// Header is a header of a record.
type Header struct {
	Key string
	// Value is nil if the header has none.
	Value []byte
}

// SchemaMetadata tells the schema of a record's key or value.
type SchemaMetadata struct {
	// DataFormat is that of the schema registry: AVRO, JSON or PROTOBUF.
	DataFormat string `json:"dataFormat,omitempty"`
	// SchemaID is what the registry knows the schema by.
	SchemaID string `json:"schemaId,omitempty"`
}

// ID returns what troupe and its reports identify the record by, such as "orders-0@15" for offset 15 in
// partition 0 of topic orders. It is unambiguous: the last @ divides the partition from the offset.
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
	Key           []byte          `json:"key,omitzero"` // left out if nil, not if empty
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

// UnmarshalJSON reads a record as Lambda writes it. The error is a *batch.DecodeError; a record without
// topic, partition or offset is one.
func (r *Record) UnmarshalJSON(raw []byte) error {
	if checked(raw) != nil {
		return &batch.DecodeError{Offset: -1, Problem: "not JSON"}
	}
	text := string(raw)
	if text == "null" {
		return nil
	}
	record, err := decode(text)
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
	if checked(raw) != nil {
		return &batch.DecodeError{Field: "headers", Offset: -1, Problem: "not JSON"}
	}
	text := string(raw)
	if text == "null" {
		return nil
	}
	list, at, problem := appendHeaders(nil, text, root(text))
	if problem == "" && len(list) != 1 {
		problem = strconv.Itoa(len(list)) + " headers where one was expected"
	}
	if problem != "" {
		return &batch.DecodeError{Field: "headers", Offset: int64(at), Problem: problem}
	}
	*h = list[0]
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

// fieldOf returns the field that encoding/json would take a key for.
func fieldOf(key string) int {
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

// decode reads a record's JSON. The error is a *batch.DecodeError.
func decode(text string) (Record, error) {
	at := root(text)
	if text[at.start] != '{' {
		return Record{}, &batch.DecodeError{Offset: int64(at.start), Problem: kindOf(at.of(text)) + " where an object was expected"}
	}
	place, field, problem := locate(text, at)
	if problem != "" {
		return Record{}, &batch.DecodeError{Field: field, Offset: -1, Problem: problem}
	}
	r := Record{Topic: place.topic, Partition: place.partition, Offset: place.offset}
	for key, at := range members(text, at.start) {
		k, stopped := fieldOf(key), at.start
		value := at.of(text)
		var problem string
		switch k {
		case timestampField:
			var ms int64
			if problem = integer(&ms, value, 64); problem == "" && value != "null" {
				r.Timestamp = time.UnixMilli(ms).UTC()
			}
		case timestampTypeField:
			problem = str(&r.TimestampType, value)
		case keyField:
			r.Key, problem = base64Bytes(value)
		case valueField:
			r.Value, problem = base64Bytes(value)
		case headersField:
			r.Headers, stopped, problem = headers(text, at)
		case keySchemaField:
			r.KeySchemaMetadata, problem = schema(value)
		case valueSchemaField:
			r.ValueSchemaMetadata, problem = schema(value)
		}
		if problem != "" {
			return Record{}, &batch.DecodeError{Field: fieldNames[k], Offset: int64(stopped), Problem: problem}
		}
	}
	return r, nil
}

// place identifies a record.
type place struct {
	topic     string
	partition int32
	offset    int64
}

// locate reads what identifies the record at a place of the text. The problem tells of the field that does
// not do.
func locate(text string, record span) (p place, field, problem string) {
	var topic string
	partition, offset := int64(-1), int64(-1)
	for key, at := range members(text, record.start) {
		k, value := fieldOf(key), at.of(text)
		switch k {
		case topicField:
			problem = str(&topic, value)
		case partitionField:
			problem = integer(&partition, value, 32)
		case offsetField:
			problem = integer(&offset, value, 64)
		default:
			continue
		}
		switch {
		case problem != "":
			return place{}, fieldNames[k], problem
		case value == "null":
			return place{}, fieldNames[k], "null"
		case value[0] == '-':
			return place{}, fieldNames[k], "negative"
		}
	}
	switch {
	case topic == "":
		return place{}, fieldNames[topicField], "missing or empty"
	case partition < 0:
		return place{}, fieldNames[partitionField], "missing"
	case offset < 0:
		return place{}, fieldNames[offsetField], "missing"
	}
	return place{topic, int32(partition), offset}, "", ""
}

// The functions below read a value, and say what is wrong with it; null is no value.

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

func schema(value string) (*SchemaMetadata, string) {
	var m *SchemaMetadata
	if json.Unmarshal([]byte(value), &m) != nil {
		if value[0] != '{' {
			return nil, kindOf(value) + " where an object was expected"
		}
		return nil, "value of the wrong kind inside of it"
	}
	return m, ""
}

// headers reads an array of headers. stopped is where it stopped at a problem.
func headers(text string, list span) (found []Header, stopped int, problem string) {
	switch text[list.start] {
	case '[':
	case 'n':
		return nil, 0, ""
	default:
		return nil, list.start, kindOf(list.of(text)) + " where an array was expected"
	}
	found = []Header{}
	for _, at := range elements(text, list.start) {
		if found, stopped, problem = appendHeaders(found, text, at); problem != "" {
			return nil, stopped, problem
		}
	}
	return found, 0, ""
}

// appendHeaders reads the headers of an object, of which Lambda puts one into each.
func appendHeaders(found []Header, text string, object span) (_ []Header, stopped int, problem string) {
	if text[object.start] != '{' {
		return nil, object.start, kindOf(object.of(text)) + " where an object was expected"
	}
	for key, at := range members(text, object.start) {
		h := Header{Key: key}
		if h.Value, stopped, problem = signed(text, at); problem != "" {
			return nil, stopped, problem
		}
		found = append(found, h)
	}
	return found, 0, ""
}

// signed reads an array of signed bytes.
func signed(text string, list span) (b []byte, stopped int, problem string) {
	switch text[list.start] {
	case '[':
	case 'n':
		return nil, 0, ""
	default:
		return nil, list.start, kindOf(list.of(text)) + " where an array of bytes was expected"
	}
	b = []byte{}
	for _, at := range elements(text, list.start) {
		value := at.of(text)
		n, err := strconv.ParseInt(value, 10, 8)
		switch {
		case err == nil:
			b = append(b, byte(n))
		case value[0] == '-' || '0' <= value[0] && value[0] <= '9':
			return nil, at.start, "a number where a byte from -128 to 127 was expected"
		default:
			return nil, at.start, kindOf(value) + " where a byte from -128 to 127 was expected"
		}
	}
	return b, 0, ""
}
