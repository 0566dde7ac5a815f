// Package jsonfault finds what keeps a JSON text from being decoded into a Go type, and says so in words that are
// the same for every version of Go and hold nothing of the text (SPEC S9).
//
// The errors of encoding/json do neither. They quote characters, numbers, strings and names of the text; the path
// in an UnmarshalTypeError contains the keys of maps since Go 1.27; offsets and texts differ between versions; and
// the error of an UnmarshalJSON contains whatever its author wrote. So after encoding/json has refused a text, this
// package goes through the text and the type once more, and asks encoding/json only whether a single value can be
// decoded, never why not.
package jsonfault

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/troupe-go/troupe/internal/jsonscan"
)

// Fault is the first value of a text that cannot be decoded.
type Fault struct {
	// Path leads to the value: "lines[1].sku". Its names are those of the Go type's fields; a * stands for the key
	// of a map and for the name of an unknown field. It is empty for the text as a whole.
	Path string
	// Offset is the index of the value's first byte, or of the first byte that is not JSON; −1 if unknown.
	Offset int
	// Problem says what came and what was expected: "string where int was expected".
	Problem string
	// Kind is the kind of the value: "array", "boolean", "null", "number", "object", "string"; it is empty if the
	// text is not JSON.
	Kind string
	// Type is the type that the value could not be decoded into, without pointers; nil if the text is not JSON.
	Type reflect.Type
	// OutOfRange is set if the value is a number that the type has no room for.
	OutOfRange bool
	// Refusal is the error of an UnmarshalJSON or UnmarshalText. It may quote the text, so it must not be printed
	// and nothing that is returned to users may wrap it.
	Refusal error
}

// Error returns path, problem and offset: "lines[1].sku: number where string was expected (at byte 17)".
func (f *Fault) Error() string {
	text := f.Problem
	if f.Path != "" {
		text = f.Path + ": " + text
	}
	if f.Offset >= 0 {
		text += fmt.Sprintf(" (at byte %d)", f.Offset)
	}
	return text
}

// Unmarshal decodes a text as json.Unmarshal does, into what a pointer points at. Where that fails it returns the
// fault. strict is as in Find.
func Unmarshal(text []byte, into any, strict bool) *Fault {
	var err error
	if strict {
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err = d.Decode(into); err == nil && len(bytes.TrimLeft(text[d.InputOffset():], jsonSpace)) > 0 {
			return Syntax(text)
		}
	} else {
		err = json.Unmarshal(text, into)
	}
	if err == nil {
		return nil
	}
	t := reflect.TypeOf(into).Elem()
	if f := Find(text, t, strict); f != nil {
		return f
	}
	return &Fault{Offset: -1, Problem: fmt.Sprintf("not a valid %s: the decoder returned an error of type %T", TypeName(t), err), Type: t}
}

// Syntax returns what keeps a text from being a JSON value, and nil if it is one.
func Syntax(text []byte) *Fault {
	s := jsonscan.Scanner{Text: string(text)}
	start := s.Space(0)
	if start == len(text) {
		return &Fault{Problem: "empty where JSON was expected"}
	}
	end := s.Value(start, 0)
	if end >= 0 && s.End(end) >= 0 {
		return nil
	}
	f := &Fault{Offset: s.FailedAt(), Problem: "not JSON"}
	switch {
	case end >= 0:
		f.Problem = "more after the JSON value"
	case s.TooDeep():
		f.Problem = fmt.Sprintf("nested deeper than %d levels", jsonscan.MaxDepth)
	case f.Offset >= len(text):
		f.Problem = "JSON is cut short"
	}
	return f
}

// Find returns the first value of a text that encoding/json cannot decode into a new value of type t. strict
// refuses names that a struct has no field for, as json.Decoder.DisallowUnknownFields does. Find returns nil if it
// finds nothing.
//
// Find calls the UnmarshalJSON and UnmarshalText methods of the types in t, on the caller's goroutine and with bytes
// of their own. A panic counts as a refusal.
func Find(text []byte, t reflect.Type, strict bool) *Fault {
	if f := Syntax(text); f != nil {
		return f
	}
	w := walk{Scanner: jsonscan.Scanner{Text: string(text)}, strict: strict, structs: map[reflect.Type]fields{}}
	w.value(w.Space(0), t, "")
	if w.found != nil {
		w.found.Path = strings.TrimPrefix(w.found.Path, ".")
	}
	return w.found
}

// TypeName returns the name of a type, which is the same for every version of Go.
func TypeName(t reflect.Type) string {
	return strings.ReplaceAll(t.String(), rawMessage, "json.RawMessage")
}

// rawMessage is the name that this version of Go prints for json.RawMessage: since Go 1.27 it is jsontext.Value.
var rawMessage = raw.String()

var (
	raw             = reflect.TypeFor[json.RawMessage]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	number          = reflect.TypeFor[json.Number]()
	anything        = reflect.TypeFor[any]()
)

const (
	stop      = -1
	jsonSpace = " \t\r\n"
)

// walk goes through a text that is JSON, up to the first fault.
type walk struct {
	jsonscan.Scanner
	strict  bool
	structs map[reflect.Type]fields
	found   *Fault
}

// each calls member for every member of the object or element of the array at a place, in order, with the index of
// its value and, in an object, of its key. member returns the index after the value, or stop. each returns the index
// after the whole, or stop.
func (w *walk) each(at int, member func(key, at int) int) int {
	closing := byte(']')
	if w.Text[at] == '{' {
		closing = '}'
	}
	i, more := w.First(at, closing, 0)
	for more {
		key := i
		if closing == '}' {
			i, _ = w.Str(i)
			i = w.Colon(i)
		}
		if i = member(key, i); i == stop {
			return stop
		}
		i, more = w.Next(i, closing)
	}
	return i
}

func (w *walk) fault(path string, at int, t reflect.Type, problem string) int {
	w.found = &Fault{Path: path, Offset: at, Kind: jsonscan.Kind(w.Text[at:]), Type: t, Problem: problem}
	return stop
}

// mismatch is the fault of a value that a type cannot hold. qualified is the kind of the value, and what is wrong
// with it besides.
func (w *walk) mismatch(path string, at int, t reflect.Type, qualified string) int {
	return w.fault(path, at, t, qualified+" where "+TypeName(t)+" was expected")
}

// value checks the value at a place, which is decoded into a t. It returns the index after it, or stop.
func (w *walk) value(at int, t reflect.Type, path string) int {
	method, to := unmarshaler(t)
	first := w.Text[at]
	switch {
	case to == raw:
		return w.Value(at, 0)
	case method == "UnmarshalJSON", method != "" && first == '"':
		end := w.Value(at, 0)
		if err := decode(w.Text[at:end], t); err != nil {
			w.mismatch(path, at, to, jsonscan.Kind(w.Text[at:])+" that its "+method+" refuses")
			w.found.Refusal = err
			return stop
		}
		return end
	case method != "", first == 'n':
		end := w.Value(at, 0)
		if decode(w.Text[at:end], t) != nil {
			return w.mismatch(path, at, to, jsonscan.Kind(w.Text[at:]))
		}
		return end
	case first == '{' && to.Kind() == reflect.Struct:
		return w.object(at, to, path)
	case first == '{' && to.Kind() == reflect.Map:
		return w.mapping(at, to, path)
	case first == '{' && to == anything:
		return w.each(at, func(_, at int) int { return w.value(at, to, path+".*") })
	case first == '[' && (to.Kind() == reflect.Slice || to.Kind() == reflect.Array):
		return w.list(at, to.Elem(), to, path)
	case first == '[' && to == anything:
		return w.list(at, to, to, path)
	default:
		return w.leaf(at, to, path)
	}
}

// list checks an array. Elements that a Go array has no room for are not decoded.
func (w *walk) list(at int, element, t reflect.Type, path string) int {
	room := len(w.Text) // of a slice: enough
	if t.Kind() == reflect.Array {
		room = t.Len()
	}
	i := -1
	return w.each(at, func(_, at int) int {
		if i++; i >= room {
			return w.Value(at, 0)
		}
		return w.value(at, element, fmt.Sprintf("%s[%d]", path, i))
	})
}

// mapping checks an object that is decoded into a map. Its keys are the text's, so none gets into the path.
func (w *walk) mapping(at int, t reflect.Type, path string) int {
	of := t.Key()
	byMethod := reflect.PointerTo(of).Implements(textUnmarshaler)
	if !byMethod && !integer(of) && of.Kind() != reflect.String {
		return w.mismatch(path, at, t, "object")
	}
	path += ".*"
	keys := reflect.MapOf(of, anything)
	return w.each(at, func(key, at int) int {
		if byMethod || integer(of) {
			err := decode("{"+w.Text[key:w.Value(key, 0)]+":null}", keys)
			switch {
			case err != nil && byMethod:
				w.mismatch(path, key, of, "key that its UnmarshalText refuses")
				w.found.Refusal = err
				return stop
			case err != nil:
				return w.mismatch(path, key, of, "key of another form")
			}
		}
		return w.value(at, t.Elem(), path)
	})
}

func (w *walk) object(at int, t reflect.Type, path string) int {
	fs, known := w.structs[t]
	if !known {
		fs = fieldsOf(t)
		w.structs[t] = fs
	}
	return w.each(at, func(key, at int) int {
		end, _ := w.Str(key)
		f := fs.named(w.Unquote(key, end))
		switch {
		case f == nil && w.strict && unknown(w.Text[key:end], t):
			return w.fault(path, key, t, "a field that "+TypeName(t)+" does not have")
		case f == nil:
			return w.Value(at, 0)
		case f.unsettable:
			return w.mismatch(path+"."+f.name, at, f.kind, jsonscan.Kind(w.Text[at:])+" of an embedded pointer to an unexported type")
		case f.quoted:
			return w.quoted(at, f, t, path+"."+f.name)
		default:
			return w.value(at, f.kind, path+"."+f.name)
		}
	})
}

// quoted checks the value of a field that has its value in a string. What that means for which type is left to
// encoding/json.
func (w *walk) quoted(at int, f *field, t reflect.Type, path string) int {
	end := w.Value(at, 0)
	name, _ := json.Marshal(f.name)
	if err := decode(fmt.Sprintf("{%s:%s}", name, w.Text[at:end]), t); err == nil {
		return end
	}
	_, to := unmarshaler(f.kind)
	kind := jsonscan.Kind(w.Text[at:])
	if kind == "string" {
		return w.mismatch(path, at, to, "string of another form")
	}
	return w.fault(path, at, to, kind+" where a string that holds "+TypeName(to)+" was expected")
}

// leaf checks a value that does not have to be looked into.
func (w *walk) leaf(at int, t reflect.Type, path string) int {
	end := w.Value(at, 0)
	value := w.Text[at:end]
	if holds(value, t) || decode(value, t) == nil {
		return end
	}
	kind := jsonscan.Kind(value)
	switch {
	case kind == "string" && t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return w.mismatch(path, at, t, "string that is not base64")
	case kind == "number" && integer(t) && !whole(value, t):
		return w.mismatch(path, at, t, "number of another form")
	case kind == "number" && (integer(t) || t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64):
		w.mismatch(path, at, t, "number out of range")
		w.found.OutOfRange = true
		return stop
	case kind == "number" && t == anything:
		t = reflect.TypeFor[float64]()
		w.mismatch(path, at, t, "number out of range")
		w.found.OutOfRange = true
		return stop
	default:
		return w.mismatch(path, at, t, kind)
	}
}

// unmarshaler returns the method by which a t is decoded, or "", and t without the pointers that lead to what is
// decoded.
func unmarshaler(t reflect.Type) (method string, to reflect.Type) {
	if to = bare(t); to == number { // which has a method since Go 1.27
		return "", to
	}
	for {
		p := reflect.PointerTo(t)
		if p.Implements(jsonUnmarshaler) {
			return "UnmarshalJSON", to
		}
		if _, has := p.MethodByName("UnmarshalJSONFrom"); has { // of Go 1.27
			return "UnmarshalJSON", to
		}
		if p.Implements(textUnmarshaler) {
			return "UnmarshalText", to
		}
		if t.Kind() != reflect.Pointer {
			return "", t
		}
		t = t.Elem()
	}
}

func bare(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

var errPanic = fmt.Errorf("panic")

// decode reports whether encoding/json can decode a value into a new t. Its error says nothing more than that it
// cannot.
func decode(value string, t reflect.Type) (err error) {
	defer func() {
		if recover() != nil { // some unmarshalers panic, of aws-lambda-go too
			err = errPanic
		}
	}()
	return json.Unmarshal([]byte(value), reflect.New(t).Interface())
}
