package kafka

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"

	"github.com/troupe-go/troupe"
)

// Confluent returns a handler for records whose values were written by a serializer of Confluent's schema registry.
// next receives the record with the value without its header; SchemaFrom returns the schema. It wraps a handler of
// package typed:
//
//	kafka.New(kafka.Confluent(typed.Kafka(ship)))                                     // JSON
//	kafka.New(kafka.Confluent(typed.Kafka(ship, typed.WithDecoder(avro))))            // Avro
//	kafka.New(kafka.Confluent(typed.Kafka(ship, typed.WithDecoder(proto)), kafka.WithProtobuf(0)))
//
// The schema is looked for in three places, in this order:
//
//   - Where the event source mapping has a schema registry, Lambda has removed it from the value and put it into
//     Record.ValueSchemaMetadata. Only the index of a Protobuf message is left.
//   - The last header with the key __value_schema_id, unless it is empty, has it: 0x00 and a number of four bytes or
//     0x01 and a GUID of sixteen, and the index of a Protobuf message. The value is unchanged.
//   - The value starts with it: 0x00 and the number, or 0x01 and the GUID, and the index of a Protobuf message.
//
// Numbers are big-endian. The index of a Protobuf message is a list of zigzag varints, preceded by their count; a
// single 0x00 means the first message, [0]. (confluentinc/confluent-kafka-go at b88333d,
// schemaregistry/serde/serde.go.)
//
// A tombstone is passed on unchanged. A value without a schema, or with a truncated one, cannot be decoded: the
// record fails alone, with a *batch.DecodeError that contains no part of it (SPEC S9). A
// typed.WithDropUndecodable inside has no effect on that. Keys are left unchanged.
//
// It panics if next is nil or an option is invalid. The returned handler is as safe for concurrent use as next.
func Confluent[M Record | troupe.Lazy[Record]](next troupe.Handler[M], options ...SchemaOption) troupe.Handler[M] {
	return withSchema("Confluent", confluent, next, options)
}

// valueSchemaHeader is the key of the header that has a value's schema.
const valueSchemaHeader = "__value_schema_id"

const (
	magicNumber = 0 // what follows is the number of a schema
	magicGUID   = 1 // or its GUID
)

func confluent(r Record, s *schemaSettings) (schema Schema, value []byte, err error) {
	field := fieldNames[valueField]
	var ok bool
	if schema.ID, ok = stripped(r); ok {
		value, err = s.indexes(&schema, field, r.Value)
	} else if header := lastHeader(r.Headers, valueSchemaHeader); len(header) > 0 {
		field = "headers." + valueSchemaHeader
		if header, err = confluentID(&schema, field, header); err == nil {
			_, err = s.indexes(&schema, field, header)
		}
		value = r.Value
	} else if value, err = confluentID(&schema, field, r.Value); err == nil {
		value, err = s.indexes(&schema, field, value)
	}
	if err != nil {
		return Schema{}, nil, err
	}
	return s.accept(schema, value)
}

// lastHeader is the last of several headers with one key, as in Confluent's clients for Java.
func lastHeader(headers []Header, key string) (value []byte) {
	for _, h := range headers {
		if h.Key == key {
			value = h.Value
		}
	}
	return value
}

// confluentID reads the identifier of a schema and returns the bytes after it.
func confluentID(schema *Schema, field string, b []byte) (rest []byte, err error) {
	switch {
	case len(b) == 0:
		return nil, unreadableAt(field, "empty where a header of Confluent's schema registry was expected")
	case b[0] != magicNumber && b[0] != magicGUID:
		return nil, unreadableAt(field, "no header of Confluent's schema registry: its first byte is neither 0 nor 1")
	case b[0] == magicNumber && len(b) < 5:
		return nil, unreadableAt(field, "cut short in the number of the schema: "+countOf(len(b))+" where at least 5 were expected")
	case b[0] == magicGUID && len(b) < 17:
		return nil, unreadableAt(field, "cut short in the GUID of the schema: "+countOf(len(b))+" where at least 17 were expected")
	case b[0] == magicNumber:
		schema.ID = strconv.FormatUint(uint64(binary.BigEndian.Uint32(b[1:])), 10)
		return b[5:], nil
	default:
		schema.ID = uuid(b[1:17])
		return b[17:], nil
	}
}

// maxNesting is how deep messages may be nested. The compiler of Protobuf takes no more than 32.
const maxNesting = 100

// indexes reads the list of indexes of a Protobuf message, if values are Protobuf, and returns the bytes after it.
func (s *schemaSettings) indexes(schema *Schema, field string, b []byte) (rest []byte, err error) {
	if !s.protobuf {
		return b, nil
	}
	count, b, problem := zigzag(b)
	if problem == "" && count > maxNesting {
		problem = "out of range"
	}
	message := []int{0}
	if count > 0 && problem == "" {
		message = make([]int, count)
	}
	for i := 0; i < count && problem == ""; i++ {
		message[i], b, problem = zigzag(b)
	}
	if problem != "" {
		return nil, unreadableAt(field, problem+" in the index of the Protobuf message")
	}
	schema.Message = message
	return b, nil
}

// zigzag reads a number that is not negative.
func zigzag(b []byte) (n int, rest []byte, problem string) {
	value, size := binary.Varint(b)
	switch {
	case size == 0:
		return 0, nil, "cut short"
	case size < 0 || value > math.MaxInt32:
		return 0, nil, "out of range"
	case value < 0:
		return 0, nil, "negative"
	}
	return int(value), b[size:], ""
}

// uuid is the usual text of sixteen bytes.
func uuid(b []byte) string {
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func countOf(bytes int) string {
	if bytes == 1 {
		return "1 byte"
	}
	return strconv.Itoa(bytes) + " bytes"
}
