package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
)

// Schema identifies the schema with which a producer has written a value.
type Schema struct {
	// ID is the schema's identifier in its registry: the decimal number of a schema in Confluent's registry, or a
	// UUID, such as "b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63", which is Confluent's GUID or Glue's schema version.
	ID string
	// Message identifies the Protobuf message in the schema; it is nil without WithProtobuf. Confluent writes the path
	// of indexes of nested messages, each in the order of the file: [0] is the first message, [1 0] the first one
	// inside the second. Glue writes one index, in the order of the full names of all messages of the file.
	Message []int
}

type schemaKey struct{}

// SchemaFrom returns the schema of the handler's record. It accepts the context of a handler inside Confluent or
// Glue and those derived from it; ok is false for any other context, and for a tombstone.
func SchemaFrom(ctx context.Context) (schema Schema, ok bool) {
	s, ok := ctx.Value(schemaKey{}).(*Schema)
	if !ok {
		return Schema{}, false
	}
	return *s, true
}

// SchemaOption changes how Confluent and Glue read values.
type SchemaOption interface{ apply(*schemaSettings) error }

type schemaSettings struct {
	protobuf bool
	message  []int // the only one that is accepted, if any
	limit    int   // of the decompressed value; 0 for the default
}

type schemaOption func(*schemaSettings) error

func (o schemaOption) apply(s *schemaSettings) error { return o(s) }

// WithProtobuf declares that values are Protobuf messages, preceded by the index of the message in the schema. With a
// message, as in Schema.Message, values of any other message cannot be decoded; without one, every message is
// accepted and SchemaFrom distinguishes them. Default: values have no such index, as with Avro and JSON.
func WithProtobuf(message ...int) SchemaOption {
	return schemaOption(func(s *schemaSettings) error {
		if slices.ContainsFunc(message, func(i int) bool { return i < 0 }) {
			return fmt.Errorf("troupe: kafka.WithProtobuf%v: indexes must not be negative", message)
		}
		s.protobuf, s.message = true, slices.Clone(message)
		return nil
	})
}

// WithMaxSize limits the size of decompressed values, in bytes. A value that is larger cannot be decoded, and is
// never held in memory as a whole. It is an option for Glue. Default: 16 MiB.
func WithMaxSize(bytes int) SchemaOption {
	return schemaOption(func(s *schemaSettings) error {
		if bytes < 1 {
			return fmt.Errorf("troupe: kafka.WithMaxSize(%d): must be at least 1", bytes)
		}
		s.limit = bytes
		return nil
	})
}

// schemaReader splits the value of a record, which is not nil, into its schema and the encoded data.
type schemaReader func(r Record, s *schemaSettings) (Schema, []byte, error)

// schemaSettingsOf panics if an option is invalid, so that the function fails during initialization.
func schemaSettingsOf(name string, isNil bool, options []SchemaOption) *schemaSettings {
	if isNil {
		panic(fmt.Errorf("troupe: kafka.%s(nil): must be a function", name))
	}
	s := new(schemaSettings)
	for i, o := range options {
		if o == nil {
			panic(fmt.Errorf("troupe: kafka.%s: option %d is nil: must be a SchemaOption", name, i+1))
		}
		if err := o.apply(s); err != nil {
			panic(err)
		}
	}
	if name == "Confluent" && s.limit != 0 {
		panic(errors.New("troupe: kafka.WithMaxSize with kafka.Confluent: only values of Glue are compressed"))
	}
	return s
}

// withSchema returns a handler that takes the schema off a record's value. A tombstone, which has no value, is passed
// on as it is.
func withSchema[M Record | troupe.Lazy[Record]](name string, read schemaReader, next troupe.Handler[M], options []SchemaOption) troupe.Handler[M] {
	s := schemaSettingsOf(name, next == nil, options)
	var handler any
	switch next := any(next).(type) {
	case troupe.Handler[Record]:
		handler = func(ctx context.Context, r Record) error {
			if r.Value == nil {
				return next(ctx, r)
			}
			schema, value, err := read(r, s)
			if err != nil {
				return err
			}
			r.Value = value
			return next(context.WithValue(ctx, schemaKey{}, &schema), r)
		}
	case troupe.Handler[troupe.Lazy[Record]]:
		handler = func(ctx context.Context, lazy troupe.Lazy[Record]) error {
			r, err := lazy.Open() // for the headers, and the metadata of the mapping's registry
			if err != nil {
				return err
			}
			if r.Value == nil {
				return next(ctx, lazy)
			}
			schema, value, err := read(r, s)
			if err != nil {
				return err
			}
			return next(context.WithValue(ctx, schemaKey{}, &schema), withValue(lazy, value))
		}
	}
	return handler.(troupe.Handler[M])
}

// withValue is a record with another value. Each reader of the value receives its own copy.
func withValue(lazy troupe.Lazy[Record], value []byte) troupe.Lazy[Record] {
	return sources.LazyOf(
		func() ([]byte, error) { return bytes.Clone(value), nil },
		func() (Record, error) {
			r, err := lazy.Open()
			if err == nil {
				r.Value = bytes.Clone(value)
			}
			return r, err
		})
}

// stripped returns the schema that the registry of the event source mapping has found. Lambda has then removed the
// header from the value, but not the index of a Protobuf message. (AWS Lambda API Reference, KafkaSchemaRegistryConfig,
// EventRecordFormat: "Lambda removes all schema metadata, such as the schema ID"; for the index that is left, the
// events that package kafka of Powertools for AWS Lambda (TypeScript) 2.35 is tested with.)
func stripped(r Record) (id string, ok bool) {
	if m := r.ValueSchemaMetadata; m != nil && m.SchemaID != "" {
		return m.SchemaID, true
	}
	return "", false
}

// accept returns the schema and the value, unless the value is of another message than the one expected.
func (s *schemaSettings) accept(schema Schema, value []byte) (Schema, []byte, error) {
	if len(s.message) > 0 && !slices.Equal(s.message, schema.Message) {
		return Schema{}, nil, unreadable(fmt.Sprintf("another Protobuf message where that with index %v was expected", s.message))
	}
	return schema, value, nil
}

// unreadable is the error of a value whose header or index cannot be read. It contains no part of the value (SPEC S9).
func unreadable(problem string) error { return unreadableAt(fieldNames[valueField], problem) }

func unreadableAt(field, problem string) error {
	return &batch.DecodeError{Field: field, Offset: -1, Problem: problem}
}
