package typed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonfault"
)

const jsonSpace = " \t\r\n"

// jsonDecoder returns a function that reads a payload that is JSON.
func jsonDecoder[T any](strict bool) func([]byte) (T, error) {
	nullable := takesNull(reflect.TypeFor[T]())
	return func(payload []byte) (value T, err error) {
		if !nullable && isNull(payload) {
			return value, &batch.DecodeError{Problem: "null where " + jsonfault.TypeName(reflect.TypeFor[T]()) + " was expected"}
		}
		if fault := jsonfault.Unmarshal(payload, &value, strict); fault != nil {
			return value, fault
		}
		return value, nil
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

// explain describes the error of a decoder without any part of the payload (SPEC S9).
func explain(err error, payload []byte, t reflect.Type) *batch.DecodeError {
	if e, ok := errors.AsType[*batch.DecodeError](err); ok {
		return e
	}
	if fault := faultOf(err, payload, t); fault != nil {
		return decodeError(fault)
	}
	switch {
	case len(bytes.Trim(payload, jsonSpace)) == 0:
		return &batch.DecodeError{Problem: "empty where " + jsonfault.TypeName(t) + " was expected"}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &batch.DecodeError{Offset: int64(len(payload)), Problem: "cut short"}
	}
	return &batch.DecodeError{Offset: -1, Problem: fmt.Sprintf("not a valid %s: the decoder returned an error of type %T", jsonfault.TypeName(t), err)}
}

// faultOf returns what keeps a payload from being decoded by encoding/json, if the error of its decoder is one of
// encoding/json; otherwise nil.
func faultOf(err error, payload []byte, t reflect.Type) *jsonfault.Fault {
	if fault, ok := errors.AsType[*jsonfault.Fault](err); ok {
		return fault
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return jsonfault.Find(payload, t, false)
	}
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return jsonfault.Find(payload, t, false)
	}
	return nil
}

// decodeError returns a fault as a DecodeError. An UnmarshalJSON may have returned its own DecodeError for its
// value.
func decodeError(fault *jsonfault.Fault) *batch.DecodeError {
	e, ok := errors.AsType[*batch.DecodeError](fault.Refusal)
	if !ok {
		return &batch.DecodeError{Field: fault.Path, Offset: int64(fault.Offset), Problem: fault.Problem}
	}
	e = within(fault.Path, e)
	if e.Offset >= 0 {
		e.Offset += int64(fault.Offset)
	}
	return e
}

// within prepends the field that contains the payload, or a part of it, to the path of a problem.
func within(field string, cause *batch.DecodeError) *batch.DecodeError {
	e := *cause
	if field != "" && e.Field != "" && e.Field[0] != '[' { // which is an element
		field += "."
	}
	e.Field = field + e.Field
	return &e
}
