package sources

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/troupe-go/troupe/messages"
)

// decodePlain decodes a record, or part of one, with encoding/json.
func decodePlain(raw string, record any) (err error) {
	defer func() {
		// The attribute values of aws-lambda-go panic on a binary set that holds anything but strings.
		if recover() != nil {
			err = errWrongKind
		}
	}()
	return json.Unmarshal([]byte(raw), record)
}

var errWrongKind = errors.New("value of the wrong kind")

// undecodable says which field of a record it is that cannot be decoded, by decoding each by itself.
func undecodable[T any](raw string, l *layout) error {
	var fault *messages.DecodeError
	var walk func(at, field int, before, after string)
	walk = func(at, field int, before, after string) {
		s := scanner{text: raw}
		names := l.names[field:]
		if field == 0 {
			names = names[:l.outer]
		}
		i, more := s.first(at, '}', 0)
		for more && fault == nil {
			start := i
			i, _ = s.str(i)
			key := unquote(raw[start+1 : i-1])
			i = s.colon(i)
			at = i
			i = s.value(i, 0)
			for k, name := range names {
				if !strings.EqualFold(name, key) {
					continue
				}
				open, shut := before+`{"`+name+`":`, "}"+after
				err := decodePlain(open+raw[at:i]+shut, new(T))
				if err == nil {
					continue
				}
				if field == 0 && k == l.nest && raw[at] == '{' {
					walk(at, l.outer, open, shut)
				}
				if fault == nil {
					fault = &messages.DecodeError{Field: l.path(field + k), Offset: int64(at), Problem: problem(raw[at:i], err)}
				}
			}
			i, more = s.next(i, '}')
		}
	}
	walk(0, 0, "", "")
	if fault == nil {
		fault = &messages.DecodeError{Offset: -1, Problem: errWrongKind.Error()}
	}
	return fault
}

// problem puts the error for a value in words that hold nothing of the value, as those of encoding/json and
// aws-lambda-go do.
func problem(raw string, err error) string {
	var (
		kind    *json.UnmarshalTypeError
		corrupt base64.CorruptInputError
	)
	switch {
	case errors.As(err, &corrupt):
		return "not base64"
	case !errors.As(err, &kind):
		return errWrongKind.Error()
	}
	// Value is "number 1e400" if the number is one that does not fit.
	given, literal, _ := strings.Cut(kind.Value, " ")
	if given == "bool" {
		given = "boolean"
	}
	text := given + " where " + wanted(kind.Type) + " was expected"
	if literal != "" && kind.Type.Kind() == reflect.Float64 {
		text = "number out of range"
	}
	if kindOf(raw) != given {
		text += " inside of it"
	}
	return text
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

// lenient is a string that does not mind being something else, for looking into records that cannot be
// decoded, or have not been.
type lenient struct {
	value string
	came  string // what came; empty if nothing has
}

// UnmarshalJSON does as encoding/json does with a string, except that it never fails.
func (l *lenient) UnmarshalJSON(raw []byte) error {
	switch kind := kindOf(string(raw)); {
	case !l.readable():
	case kind == "string":
		l.came = kind
		return json.Unmarshal(raw, &l.value)
	default:
		l.came = kind
	}
	return nil
}

// readable reports whether there is a value: a null changes nothing.
func (l *lenient) readable() bool { return l.came == "" || l.came == "null" || l.came == "string" }

// identifier returns the string as an identifier, or says what is wrong with it.
func (l *lenient) identifier() (id, fault string) {
	switch {
	case !l.readable():
		return "", article(l.came) + " where a string was expected"
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

// kindOf names the kind of a JSON value by its first byte.
func kindOf(raw string) string {
	switch raw[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	default:
		return "number"
	}
}

func article(kind string) string {
	switch kind {
	case "null":
		return kind
	case "object", "array":
		return "an " + kind
	default:
		return "a " + kind
	}
}
