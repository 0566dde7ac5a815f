package typed

import (
	"encoding/base64"
	"encoding/json"
	"reflect"

	"github.com/troupe-go/troupe/internal/jsonscan"
)

// reader decodes attributes from the JSON of an image, which has been checked (see sources.Images). It returns what
// items.decode returns for the same attributes, or gives up. It gives up if an attribute does not fit the Go type, so
// that items.decode finds the error, and for what is rare: a name that is repeated, two that mean the same field, and
// deep nesting.
//
// Its methods take the index where a value starts and return the index after its end, or −1 to give up.
type reader struct {
	jsonscan.Scanner // of the image
	items
	depth int // of maps and lists around the value
}

// maxDepth bounds the work for a value: lists are counted before they are decoded, so it grows with the depth. DynamoDB
// lets attributes nest 32 levels deep (AWS: "Quotas in Amazon DynamoDB").
const maxDepth = 64

// read decodes an image if there is one. It reports false if it gave up.
func read[T any](items items, text string) (*T, bool) {
	if text == "" {
		return nil, true
	}
	item := new(T)
	r := reader{Scanner: jsonscan.Scanner{Text: text}, items: items}
	return item, r.value("M", 0, reflect.ValueOf(item).Elem(), false) >= 0
}

// attribute is items.decode.
func (r *reader) attribute(i int, to reflect.Value, asString bool) int {
	i, _ = r.First(i, '}', 0)
	kind, i := r.member(i)
	if i = r.value(kind, i, to, asString); i >= 0 {
		i, _ = r.Next(i, '}')
	}
	return i
}

// member reads the key at i and returns where its value starts.
func (r *reader) member(i int) (key string, value int) {
	key, i = r.text(i)
	return key, r.Colon(i)
}

// text reads a string.
func (r *reader) text(i int) (string, int) {
	end, special := r.Str(i)
	if special {
		return r.Unquote(i, end), end
	}
	return r.Text[i+1 : end-1], end
}

// value decodes the value of an attribute of a kind, such as S, or an element of a set.
func (r *reader) value(kind string, i int, to reflect.Value, asString bool) int {
	switch {
	case to.Type() == attributeType:
		end := r.Value(i, 0)
		if json.Unmarshal([]byte(`{"`+kind+`":`+r.Text[i:end]+`}`), to.Addr().Interface()) != nil {
			return -1 // not covered: the value has been checked
		}
		return end
	case kind == "NULL":
		to.SetZero()
		return r.Value(i, 0)
	case to.Kind() == reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		return r.value(kind, i, to.Elem(), asString)
	case to.Kind() == reflect.Interface:
		return r.plain(kind, i, to)
	}
	switch kind {
	case "M", "L", "SS", "NS", "BS":
		if r.depth++; r.depth > maxDepth {
			return -1
		}
		switch {
		case kind != "M":
			i = r.toList(kind, i, to)
		case to.Kind() == reflect.Map:
			i = r.toMap(i, to)
		default:
			i = r.toStruct(i, to)
		}
		r.depth--
		return i
	case "BOOL":
		if to.Kind() != reflect.Bool {
			return -1
		}
		to.SetBool(r.Text[i] == 't')
		return r.Value(i, 0)
	}
	s, end := r.text(i)
	if scalar(kind, s, to, asString) != nil {
		return -1
	}
	return end
}

// scalar decodes a string, a number or a binary.
func scalar(kind, s string, to reflect.Value, asString bool) *mismatch {
	switch {
	case kind == "B":
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return cannot("binary", to) // not covered: the value has been checked
		}
		return toBinary(b, to)
	case kind == "N", asString:
		return toNumber("", s, to)
	default:
		return toString(s, to)
	}
}

var plainTypes = map[string]reflect.Type{
	"S": reflect.TypeFor[string](), "N": reflect.TypeFor[float64](), "B": reflect.TypeFor[[]byte](), "BOOL": reflect.TypeFor[bool](),
	"M": reflect.TypeFor[map[string]any](), "L": reflect.TypeFor[[]any](),
	"SS": reflect.TypeFor[[]string](), "NS": reflect.TypeFor[[]float64](), "BS": reflect.TypeFor[[][]byte](),
}

// plain is toInterface.
func (r *reader) plain(kind string, i int, to reflect.Value) int {
	if to.NumMethod() > 0 {
		return -1
	}
	if kind == "S" { // the most frequent
		s, end := r.text(i)
		to.Set(reflect.ValueOf(s))
		return end
	}
	value := reflect.New(plainTypes[kind]).Elem()
	if i = r.value(kind, i, value, false); i >= 0 {
		to.Set(value)
	}
	return i
}

func (r *reader) toList(kind string, i int, to reflect.Value) int {
	switch to.Kind() {
	case reflect.Slice:
		n := 0
		for at, more := r.First(i, ']', 0); more; at, more = r.Next(r.Value(at, 0), ']') {
			n++
		}
		to.Set(reflect.MakeSlice(to.Type(), n, n))
	case reflect.Array:
	default:
		return -1
	}
	i, more := r.First(i, ']', 0)
	for k := 0; more; k++ {
		switch {
		case k >= to.Len():
			i = r.Value(i, 0)
		case kind == "L":
			i = r.attribute(i, to.Index(k), false)
		default: // SS consists of S, and so on
			i = r.value(kind[:1], i, to.Index(k), false)
		}
		if i < 0 {
			return i
		}
		i, more = r.Next(i, ']')
	}
	return i
}

func (r *reader) toMap(i int, to reflect.Value) int {
	t := to.Type()
	to.Set(reflect.MakeMap(t))
	key, element := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
	if key.CanFloat() {
		return -1 // NaN is a new key each time
	}
	n := 0
	i, more := r.First(i, '}', 0)
	for ; more; n++ {
		var name string
		name, i = r.member(i)
		key.SetZero()
		element.SetZero()
		if toKey(name, key) != nil {
			return -1
		}
		if i = r.attribute(i, element, false); i < 0 {
			return i
		}
		to.SetMapIndex(key, element)
		i, more = r.Next(i, '}')
	}
	if to.Len() != n {
		return -1 // two names are the same key
	}
	return i
}

func (r *reader) toStruct(i int, to reflect.Value) int {
	fs := r.structs[to.Type()]
	if fs == nil {
		return -1
	}
	var few [64]bool
	seen := append(few[:0], make([]bool, len(fs.list))...)
	i, more := r.First(i, '}', 0)
	for more {
		var name string
		name, i = r.member(i)
		k, exact := fs.places[name]
		if !exact {
			k = fs.folded(name)
		}
		if k < 0 {
			i = r.Value(i, 0)
		} else if i = r.toField(i, to, &fs.list[k], &seen[k]); i < 0 {
			return i
		}
		i, more = r.Next(i, '}')
	}
	return i
}

func (r *reader) toField(i int, to reflect.Value, f *field, seen *bool) int {
	in, m := f.in(to)
	if *seen || m != nil {
		return -1
	}
	*seen = true
	return r.attribute(i, in, f.asString)
}
