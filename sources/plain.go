package sources

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"

	"github.com/aws/aws-lambda-go/events"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonfault"
	"github.com/troupe-go/troupe/internal/jsonscan"
)

// decodePlain decodes a record, or part of one, with encoding/json.
func decodePlain(raw string, record any) (err error) {
	defer func() {
		// The attribute values of aws-lambda-go panic on a binary set with elements that are not strings.
		if recover() != nil {
			err = errWrongKind
		}
	}()
	return json.Unmarshal([]byte(raw), record)
}

// decodeAs is decodePlain for the type that a record has.
func decodeAs[T any](raw string) (record T, err error) {
	err = decodePlain(raw, &record)
	return record, err
}

var errWrongKind = errors.New("value of the wrong kind")

// undecodable returns the error of a record, naming the field that cannot be decoded. It decodes each field by itself.
func undecodable(raw string, wire reflect.Type, l *layout) error {
	if fault := faultIn(&jsonscan.Scanner{Text: raw}, wire, 0, l, 0, "", ""); fault != nil {
		return fault
	}
	// Not covered: a record that cannot be decoded has a field that cannot. A guard in case encoding/json sees that differently.
	return &batch.DecodeError{Offset: -1, Problem: errWrongKind.Error()}
}

// faultIn returns the first field that cannot be decoded in the object at i, whose first name is base. open and shut
// turn the object into a record.
func faultIn(s *jsonscan.Scanner, wire reflect.Type, i int, l *layout, base int, open, shut string) *batch.DecodeError {
	i, more := s.First(i, '}', 0)
	for more {
		start := i
		i, _ = s.Str(i)
		k := l.fold(base, s.Unquote(start, i))
		at := s.Colon(i)
		i = s.Value(at, 0)
		if k >= 0 {
			value, open, shut := s.Text[at:i], open+`{"`+l.names[k]+`":`, "}"+shut
			if err := decodePlain(open+value+shut, reflect.New(wire).Interface()); err != nil {
				if k == l.nest && value[0] == '{' {
					return faultIn(s, wire, at, l, l.outer, open, shut)
				}
				return &batch.DecodeError{Field: l.path(k), Offset: int64(at), Problem: problem(open+value+shut, wire, len(open), err)}
			}
		}
		i, more = s.Next(i, '}')
	}
	return nil // not covered, as in undecodable
}

// problem describes the fault of a value at an offset of a text that cannot be decoded into a wire, without any part of
// the value.
func problem(text string, wire reflect.Type, offset int, err error) string {
	fault := jsonfault.Find([]byte(text), wire, false)
	if fault == nil { // not covered, as in undecodable
		fault = &jsonfault.Fault{Offset: offset + 1}
	}
	said := errWrongKind.Error()
	var (
		corrupt base64.CorruptInputError
		unknown events.UnsupportedDynamoDBTypeError
	)
	switch {
	case errors.As(err, &corrupt):
		said = "not base64"
	case errors.As(err, &unknown):
		said = "attribute of an unknown type"
	case fault.Refusal != nil:
		said = refusal(fault)
	case fault.Type != nil:
		said = mismatch(fault)
	}
	if first := text[offset]; fault.Offset > offset && (first == '{' || first == '[') {
		said += " inside of it"
	}
	return said
}

// refusal returns the problem of a value whose type decodes itself: its kind, and the kind that its
// UnmarshalJSON expects.
func refusal(fault *jsonfault.Fault) string {
	switch fault.Type {
	case reflect.TypeFor[events.SecondsEpochTime]():
		return mismatch(&jsonfault.Fault{Kind: fault.Kind, Type: reflect.TypeFor[float64](), OutOfRange: fault.Kind == "number"})
	case reflect.TypeFor[events.DynamoDBAttributeValue]():
		if fault.Kind != "object" && fault.Kind != "null" {
			return mismatch(&jsonfault.Fault{Kind: fault.Kind, Type: reflect.TypeFor[map[string]any]()})
		}
	}
	return errWrongKind.Error()
}

func mismatch(fault *jsonfault.Fault) string {
	if fault.OutOfRange && fault.Type.Kind() == reflect.Float64 {
		return "number out of range"
	}
	return fault.Kind + " where " + wanted(fault.Type) + " was expected"
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Int64:
		return "an integer"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a base64 string"
		}
		return "an array"
	default:
		return "an object"
	}
}

// lenient is a string that accepts any other value, for reading records that cannot be decoded, or have not been.
type lenient struct {
	value string
	came  string // the given kind; empty if absent
}

// UnmarshalJSON decodes a string like encoding/json, but never fails.
func (l *lenient) UnmarshalJSON(raw []byte) error {
	switch kind := jsonscan.Kind(string(raw)); {
	case !l.readable():
	case kind == "string":
		l.came = kind
		return json.Unmarshal(raw, &l.value)
	default:
		l.came = kind
	}
	return nil
}

// readable reports whether the value was a string, null or absent.
func (l *lenient) readable() bool { return l.came == "" || l.came == "null" || l.came == "string" }

// text returns the string, or "".
func (l *lenient) text() string {
	if !l.readable() {
		return ""
	}
	return l.value
}

// identifier returns the string as an identifier, or a description of its fault.
func (l *lenient) identifier() (id, fault string) {
	switch {
	case !l.readable():
		return "", jsonscan.Article(l.came) + " where a string was expected"
	case l.value != "":
		return l.value, ""
	case l.came == "":
		return "", "missing"
	case l.came == "null":
		return "", "null"
	default:
		return "", "empty"
	}
}
