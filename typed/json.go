package typed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/troupe-go/troupe/messages"
)

const jsonSpace = " \t\r\n"

// jsonDecoder returns a function that reads a payload that is JSON.
func jsonDecoder[T any](strict bool) func([]byte) (T, error) {
	read := json.Unmarshal
	if strict {
		read = unmarshalStrict
	}
	nullable := takesNull(reflect.TypeFor[T]())
	return func(payload []byte) (value T, err error) {
		if !nullable && isNull(payload) {
			return value, &messages.DecodeError{Problem: "null where " + reflect.TypeFor[T]().String() + " was expected"}
		}
		return value, read(payload, &value)
	}
}

// takesNull reports whether null is a value of the type. For others json.Unmarshal would ignore it, and the
// handler be given something that was never sent.
func takesNull(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return true
	default:
		return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
	}
}

func isNull(payload []byte) bool {
	return string(bytes.Trim(payload, jsonSpace)) == "null"
}

// unmarshalStrict is json.Unmarshal without unknown fields.
func unmarshalStrict(payload []byte, value any) error {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(value); err != nil {
		if _, mistyped := errors.AsType[*json.UnmarshalTypeError](err); !mistyped && strings.HasPrefix(err.Error(), "json: unknown field ") {
			return &messages.DecodeError{Offset: -1, Problem: "a field that " + reflect.TypeOf(value).Elem().String() + " does not have"}
		}
		return err
	}
	rest := payload[d.InputOffset():]
	if after := bytes.TrimLeft(rest, jsonSpace); len(after) > 0 {
		return &messages.DecodeError{Offset: int64(len(payload) - len(after)), Problem: "more after the JSON value"}
	}
	return nil
}

// explain says what a decoder's error means, in words that hold nothing of the payload (SPEC S9). Errors of
// encoding/json quote characters, numbers, strings and names of the payload, and those of an UnmarshalJSON
// may quote anything.
func explain(err error, payload []byte, t reflect.Type) *messages.DecodeError {
	if e, ok := errors.AsType[*messages.DecodeError](err); ok {
		return e
	}
	size := int64(len(payload))
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		switch {
		case len(bytes.Trim(payload, jsonSpace)) == 0:
			return &messages.DecodeError{Problem: "empty where JSON was expected"}
		case e.Offset >= size && e.Error() == "unexpected end of JSON input":
			return &messages.DecodeError{Offset: size, Problem: "JSON is cut short"}
		}
		return &messages.DecodeError{Offset: max(0, e.Offset-1), Problem: "not JSON"}
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Type != nil {
		return &messages.DecodeError{
			Field:   goPath(e.Field, t),
			Offset:  e.Offset,
			Problem: kindOf(e.Value) + " where " + e.Type.String() + " was expected",
		}
	}
	switch {
	case len(bytes.Trim(payload, jsonSpace)) == 0:
		return &messages.DecodeError{Problem: "empty where " + t.String() + " was expected"}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &messages.DecodeError{Offset: size, Problem: "cut short"}
	}
	return &messages.DecodeError{Offset: -1, Problem: fmt.Sprintf("no %v, says its decoder with an error of type %T", t, err)}
}

// kindOf is the kind of JSON value that encoding/json speaks of; behind it may be the value.
func kindOf(value string) string {
	kind, _, _ := strings.Cut(value, " ")
	switch kind {
	case "array", "bool", "null", "number", "object", "string":
		return kind
	default:
		return "value"
	}
}

// goPath is a path of field names, with a * for what is no name of t's: the key of a map is of the payload.
func goPath(path string, t reflect.Type) string {
	if path == "" {
		return ""
	}
	known := map[string]bool{}
	fieldNames(t, known, map[reflect.Type]bool{})
	parts := strings.Split(path, ".")
	for i, part := range parts {
		if !known[part] {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, ".")
}

// fieldNames collects the names of fields, in Go and in JSON, of t and the types it is made of.
func fieldNames(t reflect.Type, names map[string]bool, seen map[reflect.Type]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		fieldNames(t.Elem(), names, seen)
	case reflect.Struct:
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			names[field.Name], names[name] = true, true
			fieldNames(field.Type, names, seen)
		}
	}
}

// within puts the field that holds the payload before the path of a problem.
func within(field string, cause *messages.DecodeError) *messages.DecodeError {
	e := *cause
	if e.Field != "" {
		field += "." + e.Field
	}
	e.Field = field
	return &e
}
