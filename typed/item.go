package typed

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

type attribute = events.DynamoDBAttributeValue

var (
	attributeType       = reflect.TypeFor[attribute]()
	timeType            = reflect.TypeFor[time.Time]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// mismatch is an attribute that does not fit the Go type. It contains no part of the item: the path has
// names of Go types' fields, and a * for the key of a map.
type mismatch struct{ path, problem string }

// at prepends the path of the container of the attribute.
func (m *mismatch) at(place string) *mismatch {
	if m != nil {
		m.path = place + m.path
	}
	return m
}

// cannot is the mismatch of a kind of attribute and a type.
func cannot(kind string, to reflect.Value) *mismatch {
	return &mismatch{problem: kind + " where " + to.Type().String() + " was expected"}
}

// items decodes attributes into values of one type and the types it consists of. It is read-only.
type items struct{ structs map[reflect.Type]*fields }

// decode sets to, which must be settable, to the value of v. asString: the field's number is stored as a
// string.
func (d items) decode(v attribute, to reflect.Value, asString bool) *mismatch {
	switch {
	case to.Type() == attributeType:
		to.Set(reflect.ValueOf(v))
		return nil
	case v.IsNull(): // whatever its type: the zero value's type is binary
		to.SetZero()
		return nil
	case to.Kind() == reflect.Pointer:
		if to.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
		}
		return d.decode(v, to.Elem(), asString)
	case to.Kind() == reflect.Interface:
		return toInterface(v, to)
	}
	switch v.DataType() {
	case events.DataTypeString:
		if asString {
			return toNumber("string", v.String(), to)
		}
		return toString(v.String(), to)
	case events.DataTypeNumber:
		return toNumber("number", v.Number(), to)
	case events.DataTypeBinary:
		return toBinary(append([]byte{}, v.Binary()...), to)
	case events.DataTypeBoolean:
		if to.Kind() != reflect.Bool {
			return cannot("boolean", to)
		}
		to.SetBool(v.Boolean())
		return nil
	case events.DataTypeList:
		list := v.List()
		return d.toList("list", len(list), func(i int) attribute { return list[i] }, to)
	case events.DataTypeStringSet:
		set := v.StringSet()
		return d.toList("string set", len(set), func(i int) attribute { return events.NewStringAttribute(set[i]) }, to)
	case events.DataTypeNumberSet:
		set := v.NumberSet()
		return d.toList("number set", len(set), func(i int) attribute { return events.NewNumberAttribute(set[i]) }, to)
	case events.DataTypeBinarySet:
		set := v.BinarySet()
		return d.toList("binary set", len(set), func(i int) attribute { return events.NewBinaryAttribute(set[i]) }, to)
	case events.DataTypeMap:
		if to.Kind() == reflect.Map {
			return d.toMap(v.Map(), to)
		}
		return d.toStruct(v.Map(), to)
	default:
		return cannot("attribute of an unknown type", to)
	}
}

func toString(s string, to reflect.Value) *mismatch {
	switch {
	case to.Type().ConvertibleTo(timeType):
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return cannot("string that is no RFC 3339 time", to)
		}
		to.Set(reflect.ValueOf(t).Convert(to.Type()))
	case to.Addr().Type().Implements(textUnmarshalerType):
		return toText("string", s, to)
	case to.Kind() == reflect.String:
		to.SetString(s)
	default:
		return cannot("string", to)
	}
	return nil
}

func toText(kind, s string, to reflect.Value) *mismatch {
	if to.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)) != nil { // the error's text may contain the payload
		return cannot(kind+" that its UnmarshalText refuses", to)
	}
	return nil
}

func toNumber(kind, n string, to reflect.Value) *mismatch {
	var err error
	switch to.Kind() {
	case reflect.String:
		to.SetString(n)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var i int64
		i, err = strconv.ParseInt(n, 10, to.Type().Bits())
		to.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var u uint64
		u, err = strconv.ParseUint(n, 10, to.Type().Bits())
		to.SetUint(u)
	case reflect.Float32, reflect.Float64:
		var f float64
		f, err = strconv.ParseFloat(n, to.Type().Bits())
		to.SetFloat(f)
	default:
		switch {
		case to.Type().ConvertibleTo(timeType):
			var seconds int64
			seconds, err = strconv.ParseInt(n, 10, 64)
			to.Set(reflect.ValueOf(time.Unix(seconds, 0)).Convert(to.Type()))
		case to.Addr().Type().Implements(textUnmarshalerType):
			return toText(kind, n, to)
		default:
			return cannot(kind, to)
		}
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return cannot(kind+" out of range", to)
	case err != nil:
		return cannot(kind+" of another form", to)
	}
	return nil
}

// toBinary may keep b.
func toBinary(b []byte, to reflect.Value) *mismatch {
	switch {
	case to.Kind() == reflect.Slice && to.Type().Elem().Kind() == reflect.Uint8:
		to.SetBytes(b)
		return nil
	case to.Kind() == reflect.Array && to.Type().Elem().Kind() == reflect.Uint8:
		if to.Len() != len(b) {
			return cannot("binary of another length", to)
		}
	default:
		return cannot("binary", to)
	}
	for i, c := range b { // element by element, for their type may be a named one
		to.Index(i).SetUint(uint64(c))
	}
	return nil
}

// toList decodes n elements. Elements that do not fit into an array are omitted, as in encoding/json.
func (d items) toList(kind string, n int, element func(int) attribute, to reflect.Value) *mismatch {
	switch to.Kind() {
	case reflect.Slice:
		to.Set(reflect.MakeSlice(to.Type(), n, n))
	case reflect.Array:
		to.SetZero()
		n = min(n, to.Len())
	default:
		return cannot(kind, to)
	}
	for i := range n {
		if m := d.decode(element(i), to.Index(i), false); m != nil {
			return m.at("[" + strconv.Itoa(i) + "]")
		}
	}
	return nil
}

func (d items) toMap(attributes map[string]attribute, to reflect.Value) *mismatch {
	to.Set(reflect.MakeMapWithSize(to.Type(), len(attributes)))
	for name, v := range attributes {
		key := reflect.New(to.Type().Key()).Elem()
		if m := toKey(name, key); m != nil {
			return m.at(".*")
		}
		element := reflect.New(to.Type().Elem()).Elem()
		if m := d.decode(v, element, false); m != nil {
			return m.at(".*")
		}
		to.SetMapIndex(key, element)
	}
	return nil
}

func toKey(name string, to reflect.Value) *mismatch {
	switch {
	case to.Addr().Type().Implements(textUnmarshalerType):
		return toText("name of an attribute", name, to)
	case to.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(name)
		if err != nil {
			return cannot("name of an attribute", to)
		}
		to.SetBool(b)
		return nil
	default:
		return toNumber("name of an attribute", name, to) // strings too
	}
}

func (d items) toStruct(attributes map[string]attribute, to reflect.Value) *mismatch {
	fs := d.structs[to.Type()]
	if fs == nil {
		return cannot("map", to)
	}
	found := 0
	for i := range fs.list {
		f := &fs.list[i]
		if v, ok := attributes[f.name]; ok {
			found++
			if m := d.toField(v, to, f); m != nil {
				return m
			}
		}
	}
	if found == len(attributes) || found == len(fs.list) {
		return nil
	}
	for _, other := range fs.inAnotherCase(attributes) {
		if m := d.toField(attributes[other.attribute], to, &fs.list[other.field]); m != nil {
			return m
		}
	}
	return nil
}

func (d items) toField(v attribute, to reflect.Value, f *field) *mismatch {
	in, m := f.in(to)
	if m == nil {
		m = d.decode(v, in, f.asString)
	}
	return m.at("." + f.name)
}

// in returns the field of a struct, which it allocates embedded pointers for.
func (f *field) in(to reflect.Value) (reflect.Value, *mismatch) {
	for i, k := range f.index {
		if i > 0 && to.Kind() == reflect.Pointer { // an embedded one
			if to.IsNil() {
				if !to.CanSet() {
					return to, cannot("attribute of an embedded pointer to an unexported type", to)
				}
				to.Set(reflect.New(to.Type().Elem()))
			}
			to = to.Elem()
		}
		to = to.Field(k)
	}
	return to, nil
}

// toInterface sets an any; other interfaces do not name a type to create.
func toInterface(v attribute, to reflect.Value) *mismatch {
	if to.NumMethod() > 0 {
		return cannot("attribute", to)
	}
	value, m := plain(v)
	if m == nil && value != nil {
		to.Set(reflect.ValueOf(value))
	}
	return m
}

// plain is an attribute in Go's own types.
func plain(v attribute) (any, *mismatch) {
	if v.IsNull() {
		return nil, nil
	}
	switch v.DataType() {
	case events.DataTypeString:
		return v.String(), nil
	case events.DataTypeBoolean:
		return v.Boolean(), nil
	case events.DataTypeMap:
		return plainOf[map[string]any](v)
	case events.DataTypeList:
		return plainOf[[]any](v)
	case events.DataTypeNumber:
		return plainOf[float64](v)
	case events.DataTypeNumberSet:
		return plainOf[[]float64](v)
	case events.DataTypeStringSet:
		return plainOf[[]string](v)
	case events.DataTypeBinarySet:
		return plainOf[[][]byte](v)
	default:
		return plainOf[[]byte](v)
	}
}

func plainOf[T any](v attribute) (any, *mismatch) {
	var value T
	m := items{}.decode(v, reflect.ValueOf(&value).Elem(), false)
	return value, m
}

// itemsOf prepares for items of type t, which must be able to hold the attributes of an item.
func itemsOf(t reflect.Type) (items, error) {
	d := items{map[reflect.Type]*fields{}}
	if err := d.learn(t, map[reflect.Type]bool{}); err != nil {
		return d, err
	}
	item := t
	for item.Kind() == reflect.Pointer {
		item = item.Elem()
	}
	if item.Kind() == reflect.Map || item.Kind() == reflect.Interface && item.NumMethod() == 0 || d.structs[item] != nil {
		return d, nil
	}
	return d, fmt.Errorf("troupe: typed.DynamoDB: handler of %v: must be of a struct, a map or an interface", t)
}

// learn examines a type and the types it consists of.
func (d items) learn(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] || t == attributeType || t.ConvertibleTo(timeType) && !decodesItself(t) {
		return nil
	}
	seen[t] = true
	if decodesItself(t) {
		return fmt.Errorf("troupe: typed.DynamoDB: %v has an UnmarshalDynamoDBAttributeValue, which only the AWS SDK can call; use events.DynamoDBAttributeValue, or a time.Time for a time", t)
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return d.learn(t.Elem(), seen)
	case reflect.Struct:
		d.structs[t] = fieldsOf(t)
		for _, f := range d.structs[t].list {
			if err := d.learn(f.kind, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

func decodesItself(t reflect.Type) bool {
	_, has := reflect.PointerTo(t).MethodByName("UnmarshalDynamoDBAttributeValue")
	return has
}
