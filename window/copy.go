package window

import (
	"encoding"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
)

// copier makes deep copies of values of one type, and bounds the length of their JSON without encoding them. It
// supports types that consist of numbers, booleans, strings, and structs, arrays, slices and maps of these.
type copier struct {
	// copy sets to, which is settable and zero, to a copy of from. Nil: an assignment copies all.
	copy func(to, from reflect.Value)
	// size returns a number of bytes that the JSON of v is not longer than, or unbounded.
	size func(v reflect.Value) int
}

// unbounded is the size of a value that may have no JSON.
const unbounded = math.MaxInt32

const (
	sizeOfNumber = 24 // "-1.2345678901234567e-308"
	sizeOfBool   = 5
	sizeOfNull   = 4
)

// sizeOfString is for the worst case that each byte is written as \u0000.
func sizeOfString(n int) int { return 6*n + 2 }

// copierOf returns the copier of a type, if it has one. outer are the types that t is a part of.
func copierOf(t reflect.Type, outer ...reflect.Type) (c copier, ok bool) {
	if slices.Contains(outer, t) || marshals(t) {
		return c, false
	}
	outer = append(slices.Clone(outer), t)
	switch t.Kind() {
	case reflect.Bool:
		return copier{size: func(reflect.Value) int { return sizeOfBool }}, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return copier{size: func(reflect.Value) int { return sizeOfNumber }}, true
	case reflect.Float32, reflect.Float64:
		return copier{size: func(v reflect.Value) int { return sizeOfFloat(v.Float()) }}, true
	case reflect.String:
		return copier{size: func(v reflect.Value) int { return sizeOfString(v.Len()) }}, true
	case reflect.Struct:
		return structCopier(t, outer)
	case reflect.Array, reflect.Slice:
		return listCopier(t, outer)
	case reflect.Map:
		return mapCopier(t, outer)
	default:
		return c, false
	}
}

// marshals reports whether the type defines its own JSON form.
func marshals(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Marshaler]()) || p.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

func sizeOfFloat(f float64) int {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return unbounded
	}
	return sizeOfNumber
}

// sum adds sizes.
func sum(a, b int) int { return min(a+b, unbounded) }

func structCopier(t reflect.Type, outer []reflect.Type) (c copier, ok bool) {
	type field struct {
		index int
		copier
	}
	var deep, all []field
	overhead := 2
	for i := range t.NumField() {
		f := t.Field(i)
		of, ok := copierOf(f.Type, outer...)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !ok, slices.Contains(strings.Split(options, ","), "string"),
			of.copy != nil && !f.IsExported(): // reflect cannot set it
			return c, false
		case of.copy != nil:
			deep = append(deep, field{i, of})
		}
		all = append(all, field{i, of})
		overhead += sizeOfString(max(len(name), len(f.Name))) + 2
	}
	c.size = func(v reflect.Value) int {
		size := overhead
		for _, f := range all {
			size = sum(size, f.size(v.Field(f.index)))
		}
		return size
	}
	if deep != nil {
		c.copy = func(to, from reflect.Value) {
			to.Set(from)
			for _, f := range deep {
				into := to.Field(f.index)
				into.SetZero()
				f.copy(into, from.Field(f.index))
			}
		}
	}
	return c, true
}

func listCopier(t reflect.Type, outer []reflect.Type) (c copier, ok bool) {
	element, ok := copierOf(t.Elem(), outer...)
	if !ok {
		return c, false
	}
	slice := t.Kind() == reflect.Slice
	fixed := fixedSize(t.Elem())
	c.size = func(v reflect.Value) int {
		if fixed > 0 {
			return min(sizeOfNull+v.Len()*(fixed+1), unbounded)
		}
		size := sizeOfNull
		for i := range v.Len() {
			size = sum(size, element.size(v.Index(i))+1)
		}
		return size
	}
	if !slice && element.copy == nil {
		return c, true
	}
	c.copy = func(to, from reflect.Value) {
		if slice {
			if from.IsNil() {
				return
			}
			to.Set(reflect.MakeSlice(t, from.Len(), from.Len()))
		}
		if element.copy == nil {
			reflect.Copy(to, from)
			return
		}
		for i := range from.Len() {
			element.copy(to.Index(i), from.Index(i))
		}
	}
	return c, true
}

// fixedSize is the size of all values of a type alike, or 0.
func fixedSize(t reflect.Type) int {
	switch t.Kind() {
	case reflect.Bool:
		return sizeOfBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return sizeOfNumber
	default:
		return 0
	}
}

func mapCopier(t reflect.Type, outer []reflect.Type) (c copier, ok bool) {
	for _, known := range knownMaps {
		if !marshals(t.Key()) && !marshals(t.Elem()) && t.ConvertibleTo(known.kind) {
			return known.copierOf(t), true
		}
	}
	switch t.Key().Kind() {
	case reflect.Float32, reflect.Float64, reflect.Bool, reflect.Struct, reflect.Array: // none of them can be a key in JSON
		return c, false
	}
	key, ok := copierOf(t.Key(), outer...)
	if !ok {
		return c, false
	}
	element, ok := copierOf(t.Elem(), outer...)
	if !ok {
		return c, false
	}
	c.size = func(v reflect.Value) int {
		size := sizeOfNull
		k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		for entry := v.MapRange(); entry.Next(); {
			k.SetIterKey(entry)
			e.SetIterValue(entry)
			size = sum(size, sum(key.size(k), element.size(e))+4)
		}
		return size
	}
	c.copy = func(to, from reflect.Value) {
		if from.IsNil() {
			return
		}
		to.Set(reflect.MakeMapWithSize(t, from.Len()))
		k, e, copied := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem(), reflect.New(t.Elem()).Elem()
		for entry := from.MapRange(); entry.Next(); {
			k.SetIterKey(entry)
			e.SetIterValue(entry)
			if element.copy == nil {
				to.SetMapIndex(k, e)
				continue
			}
			copied.SetZero()
			element.copy(copied, e)
			to.SetMapIndex(k, copied)
		}
	}
	return c, true
}

// knownMap copies maps of one type by maps.Clone, which is many times as fast as reflect.
type knownMap struct {
	kind  reflect.Type
	clone func(reflect.Value) reflect.Value
	size  func(reflect.Value) int
}

func (m knownMap) copierOf(t reflect.Type) copier {
	return copier{
		copy: func(to, from reflect.Value) {
			if !from.IsNil() {
				to.Set(m.clone(from.Convert(m.kind)).Convert(t))
			}
		},
		size: func(v reflect.Value) int { return m.size(v.Convert(m.kind)) },
	}
}

func knownMapOf[K comparable, V any](entry func(K, V) int) knownMap {
	return knownMap{
		kind:  reflect.TypeFor[map[K]V](),
		clone: func(v reflect.Value) reflect.Value { return reflect.ValueOf(maps.Clone(v.Interface().(map[K]V))) },
		size: func(v reflect.Value) int {
			size := sizeOfNull
			for k, v := range v.Interface().(map[K]V) {
				size = sum(size, entry(k, v))
			}
			return size
		},
	}
}

// An entry has, in addition to key and value, a colon, a comma, and the quotes around a key that is a number.
var knownMaps = []knownMap{
	knownMapOf(func(k string, _ int) int { return sizeOfString(len(k)) + sizeOfNumber + 2 }),
	knownMapOf(func(k string, _ int64) int { return sizeOfString(len(k)) + sizeOfNumber + 2 }),
	knownMapOf(func(k string, v float64) int { return sum(sizeOfString(len(k))+2, sizeOfFloat(v)) }),
	knownMapOf(func(k string, _ bool) int { return sizeOfString(len(k)) + sizeOfBool + 2 }),
	knownMapOf(func(k, v string) int { return sizeOfString(len(k)) + sizeOfString(len(v)) + 2 }),
	knownMapOf(func(_, _ int) int { return 2*sizeOfNumber + 4 }),
	knownMapOf(func(_ int64, v float64) int { return sum(sizeOfNumber+4, sizeOfFloat(v)) }),
	knownMapOf(func(_, _ int64) int { return 2*sizeOfNumber + 4 }),
}
