package window

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonfault"
)

// MaxState is the maximum length of the JSON of a state, in bytes. AWS documents 1 MB per shard, without
// defining the megabyte, and ends a window early if its state is larger.
const MaxState = 1 << 20

// empty is the state that a window begins with.
const empty = "{}"

// initial decodes the state of an event. It returns the JSON to go back to as well.
func initial[S any](raw json.RawMessage) (state S, text json.RawMessage, err error) {
	if isEmpty(raw) {
		if json.Unmarshal([]byte(empty), &state) != nil { // S is no object
			var zero S
			state = zero
		}
		return state, json.RawMessage(empty), nil
	}
	if fault := jsonfault.Unmarshal(raw, &state, false); fault != nil {
		return state, nil, refused(fmt.Errorf(`"state" cannot be decoded into a %s: %s`, nameOf[S](), fault.Error()))
	}
	return state, raw, nil
}

// nameOf returns the name of a state's type.
func nameOf[S any]() string { return jsonfault.TypeName(reflect.TypeFor[S]()) }

// isEmpty reports whether raw is absent, null or {}.
func isEmpty(raw json.RawMessage) bool {
	if len(raw) > 16 {
		return false
	}
	switch string(bytes.Join(bytes.Fields(raw), nil)) {
	case "", "null", "{}":
		return true
	default:
		return false
	}
}

// encode makes the JSON of a state. The error is not worth another attempt.
func encode[S any](state S) (json.RawMessage, error) {
	text, err := json.Marshal(state)
	switch {
	case err != nil:
		return nil, batch.Permanent(fmt.Errorf("troupe: the state, a %s, cannot be encoded: %s", nameOf[S](), unencodable(err)))
	case len(text) > MaxState:
		return nil, batch.Permanent(fmt.Errorf("troupe: the JSON of the state has %d bytes; must be at most %d", len(text), MaxState))
	case isEmpty(text): // null may pass for no state at all, which Lambda takes for a failure
		return json.RawMessage(empty), nil
	}
	return text, nil
}

// unencodable describes why encoding/json cannot encode a state, without its error text: it may quote the
// state, and the type it names differs between versions of Go.
func unencodable(err error) string {
	if e, ok := errors.AsType[*json.UnsupportedTypeError](err); ok {
		return "JSON has nothing for a " + jsonfault.TypeName(e.Type)
	}
	if _, ok := errors.AsType[*json.UnsupportedValueError](err); ok {
		return "a number in it is not finite, or a value in it contains itself"
	}
	return "a marshaler failed"
}

// plain reports whether an assignment copies values of type t completely, and they always have a JSON form
// whose size depends only on the type.
func plain(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	if p.Implements(reflect.TypeFor[json.Marshaler]()) || p.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return false
	}
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Array:
		return plain(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !plain(t.Field(i).Type) {
				return false
			}
		}
		return true
	default:
		return false
	}
}
