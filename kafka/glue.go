package kafka

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/troupe-go/troupe"
)

// Glue returns a handler for records whose values were written by a serializer of the AWS Glue schema registry. next
// receives the record with the value decompressed and without its header; SchemaFrom returns the schema version. It
// wraps a handler of package typed, as Confluent does.
//
// A value starts with 0x03, followed by 0x00, or 0x05 if the rest is compressed with zlib, and the sixteen bytes of
// the schema version. With WithProtobuf the index of the message follows inside the compressed part: one varint, not
// zigzag. (awslabs/aws-glue-schema-registry at eed1506, GlueSchemaRegistryDeserializerDataParser and
// ProtobufWireFormatDecoder.) If the event source mapping has a schema registry, Lambda has removed the header, put
// the version into Record.ValueSchemaMetadata, and left only the index.
//
// A tombstone is passed on unchanged. A value without a header, with a truncated one, or with data that cannot be
// decompressed or is larger than WithMaxSize allows cannot be decoded: the record fails alone, with a
// *batch.DecodeError that contains no part of it (SPEC S9). A typed.WithDropUndecodable inside has no effect on
// that. Keys are left unchanged.
//
// It panics if next is nil or an option is invalid. The returned handler is as safe for concurrent use as next.
func Glue[M Record | troupe.Lazy[Record]](next troupe.Handler[M], options ...SchemaOption) troupe.Handler[M] {
	return withSchema("Glue", glue, next, options)
}

const (
	glueVersion  = 3
	gluePlain    = 0
	glueZlib     = 5
	glueHeader   = 18 // bytes
	glueMaxBytes = 16 << 20
)

func glue(r Record, s *schemaSettings) (schema Schema, value []byte, err error) {
	value = r.Value
	var ok bool
	if schema.ID, ok = stripped(r); !ok {
		if schema.ID, value, err = glueID(value, s); err != nil {
			return Schema{}, nil, err
		}
	}
	if s.protobuf {
		index, size := binary.Uvarint(value)
		switch {
		case size == 0:
			return Schema{}, nil, unreadable("cut short in the index of the Protobuf message")
		case size < 0 || index > math.MaxInt32:
			return Schema{}, nil, unreadable("out of range in the index of the Protobuf message")
		}
		schema.Message, value = []int{int(index)}, value[size:]
	}
	return s.accept(schema, value)
}

// glueID reads the header and returns the bytes after it, decompressed.
func glueID(b []byte, s *schemaSettings) (id string, value []byte, err error) {
	switch {
	case len(b) == 0:
		return "", nil, unreadable("empty where a header of the Glue schema registry was expected")
	case b[0] != glueVersion:
		return "", nil, unreadable("no header of the Glue schema registry: its first byte is not 3")
	case len(b) > 1 && b[1] != gluePlain && b[1] != glueZlib:
		return "", nil, unreadable("an unknown compression in the header of the Glue schema registry: its second byte is neither 0 nor 5")
	case len(b) < glueHeader:
		return "", nil, unreadable("cut short in the header of the Glue schema registry: " + countOf(len(b)) + " where at least 18 were expected")
	}
	id, value = uuid(b[2:glueHeader]), b[glueHeader:]
	if b[1] == glueZlib {
		value, err = s.inflate(value)
	}
	return id, value, err
}

// inflate decompresses a value up to the allowed size.
func (s *schemaSettings) inflate(compressed []byte) ([]byte, error) {
	limit := s.limit
	if limit == 0 {
		limit = glueMaxBytes
	}
	r, err := zlib.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, unreadable(zlibProblem(err))
	}
	value, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case len(value) > limit:
		return nil, unreadable("more than " + countOf(limit) + " when decompressed, which is the limit")
	case err != nil:
		return nil, unreadable(zlibProblem(err))
	}
	return value, nil
}

func zlibProblem(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "compressed data that is cut short"
	}
	return "compressed data that is not zlib"
}
