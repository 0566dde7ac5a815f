package guard

import (
	"fmt"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// Bounds of what Show prints. A value may hold itself, so what bounds the work is the number of values looked at.
const (
	maxShown = 1 << 10 // bytes
	maxDepth = 6
	maxItems = 100
)

// Show returns a value as text, much as fmt.Sprint does, but for any value: in a bounded number of bytes, and without
// following pointers round in circles, which overflows the stack. It calls the Error or String method of the value and
// of values in it, and tolerates that one panics. One that ends the goroutine or hangs does so to the caller.
func Show(v any) string {
	s := shower{left: maxItems}
	s.value(reflect.ValueOf(v), 0)
	return Bounded(string(s.text), maxShown)
}

// Text returns the result of an error's Error method. If that panics, it says so with the type of the error.
func Text(err error) (text string) {
	if err == nil {
		return "<nil>"
	}
	if isNilPointer(reflect.ValueOf(err)) {
		return fmt.Sprintf("a nil %T as an error", err)
	}
	defer func() {
		if v := recover(); v != nil {
			text = panicked(err, "Error", v)
		}
	}()
	return err.Error()
}

// Bounded is text in at most limit bytes and a mark of what is missing.
func Bounded(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) { // not inside a rune
		limit--
	}
	return text[:limit] + "…"
}

func panicked(v any, method string, with any) string {
	text := fmt.Sprintf("a %T whose %s method panicked", v, method)
	switch with := with.(type) { // nothing that has methods: they may panic as well
	case string:
		text += ": " + with
	case fmt.Stringer, error:
		text += fmt.Sprintf(" with a %T", with)
	}
	return Bounded(text, maxShown)
}

func isNilPointer(v reflect.Value) bool { return v.Kind() == reflect.Pointer && v.IsNil() }

type shower struct {
	text []byte
	left int // values to look at
}

func (s *shower) add(text string) { s.text = append(s.text, text...) }

func (s *shower) value(v reflect.Value, depth int) {
	if s.left--; s.left < 0 || depth > maxDepth || len(s.text) > maxShown {
		s.add("…")
		return
	}
	if !v.IsValid() {
		s.add("<nil>")
		return
	}
	if s.method(v) {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		s.text = strconv.AppendBool(s.text, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.text = strconv.AppendInt(s.text, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		s.text = strconv.AppendUint(s.text, v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		s.text = strconv.AppendFloat(s.text, v.Float(), 'g', -1, v.Type().Bits())
	case reflect.Complex64, reflect.Complex128:
		s.text = append(s.text, strconv.FormatComplex(v.Complex(), 'g', -1, v.Type().Bits())...)
	case reflect.String:
		s.add(Bounded(v.String(), maxShown))
	case reflect.Interface:
		s.value(v.Elem(), depth)
	case reflect.Pointer:
		switch {
		case v.IsNil():
			s.add("<nil>")
		case depth == 0:
			s.add("&")
			s.value(v.Elem(), depth+1)
		default:
			s.text = append(s.text, "0x"...)
			s.text = strconv.AppendUint(s.text, uint64(v.Pointer()), 16)
		}
	case reflect.Struct:
		s.list("{", v.NumField(), func(i int) { s.value(v.Field(i), depth+1) }, "}")
	case reflect.Slice, reflect.Array:
		s.list("[", v.Len(), func(i int) { s.value(v.Index(i), depth+1) }, "]")
	case reflect.Map:
		keys := v.MapRange()
		s.list("map[", v.Len(), func(int) {
			if keys.Next() { // else it is changed while it is printed
				s.value(keys.Key(), depth+1)
				s.add(":")
				s.value(keys.Value(), depth+1)
			}
		}, "]")
	default: // channels, functions
		s.add(v.Type().String())
	}
}

func (s *shower) list(begin string, n int, item func(i int), end string) {
	s.add(begin)
	for i := range n {
		if i > 0 {
			s.add(" ")
		}
		if s.left <= 0 || len(s.text) > maxShown {
			s.add("…")
			break
		}
		item(i)
	}
	s.add(end)
}

// method adds what the Error or String method of a value returns, if it has one and it is in reach.
func (s *shower) method(v reflect.Value) (has bool) {
	if !v.CanInterface() || v.Kind() == reflect.Interface {
		return false
	}
	switch of := v.Interface().(type) {
	case error:
		s.add(Bounded(Text(of), maxShown))
	case fmt.Stringer:
		if isNilPointer(v) {
			return false
		}
		s.add(Bounded(stringOf(of), maxShown))
	default:
		return false
	}
	return true
}

func stringOf(v fmt.Stringer) (text string) {
	defer func() {
		if with := recover(); with != nil {
			text = panicked(v, "String", with)
		}
	}()
	return v.String()
}
