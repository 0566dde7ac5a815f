package jsonfault

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/troupe-go/troupe/internal/jsonscan"
)

// field is a field of a struct, or of a struct embedded in it, by the rules of encoding/json.
type field struct {
	name       string // in JSON
	tagged     bool   // the name is from the tag
	quoted     bool   // the tag has the option string, and the type is one that it applies to
	unsettable bool   // it is behind an embedded pointer to an unexported struct, which encoding/json cannot set
	depth      int
	kind       reflect.Type
}

type fields []field

// named returns the field that a name in JSON is for: that of this very name, or else the first that differs in
// case alone. It returns nil if there is none.
func (fs fields) named(name string) *field {
	for i := range fs {
		if fs[i].name == name {
			return &fs[i]
		}
	}
	for i := range fs {
		if strings.EqualFold(fs[i].name, name) {
			return &fs[i]
		}
	}
	return nil
}

// fieldsOf returns the fields of a struct. Of several with one name the least deeply embedded counts, then the one
// whose name is from its tag; if that leaves several, none counts.
func fieldsOf(t reflect.Type) fields {
	all := candidates(t, 0, false, nil)
	var kept fields
	for i, f := range all {
		best := !slices.ContainsFunc(all[:i], func(g field) bool { return g.name == f.name && rank(g, f) <= 0 }) &&
			!slices.ContainsFunc(all[i+1:], func(g field) bool { return g.name == f.name && rank(g, f) <= 0 })
		if best {
			kept = append(kept, f)
		}
	}
	return kept
}

// rank is negative if a hides b.
func rank(a, b field) int {
	if c := cmp.Compare(a.depth, b.depth); c != 0 || a.tagged == b.tagged {
		return c
	}
	if a.tagged {
		return -1
	}
	return 1
}

// candidates returns the fields of t, hidden ones too. around are the structs that t is embedded in.
func candidates(t reflect.Type, depth int, unsettable bool, around []reflect.Type) (found []field) {
	if slices.Contains(around, t) {
		return nil // what a struct embeds of itself is hidden
	}
	around = append(slices.Clip(around), t)
	for f := range t.Fields() {
		embedded := f.Type
		if embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		tag := f.Tag.Get("json")
		if tag == "-" || !f.IsExported() && !(f.Anonymous && embedded.Kind() == reflect.Struct) {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if !valid(name) {
			name = ""
		}
		switch {
		case f.Anonymous && name == "" && embedded.Kind() == reflect.Struct:
			behind := unsettable || f.Type.Kind() == reflect.Pointer && !f.IsExported()
			found = append(found, candidates(embedded, depth+1, behind, around)...)
		default:
			found = append(found, field{
				name:       cmp.Or(name, f.Name),
				tagged:     name != "",
				quoted:     slices.Contains(strings.Split(options, ","), "string") && quotable(embedded),
				unsettable: unsettable,
				depth:      depth,
				kind:       f.Type,
			})
		}
	}
	return found
}

// valid reports whether encoding/json takes the name of a tag.
func valid(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// quotable reports whether the option string applies to a type.
func quotable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64:
		return true
	default:
		return integer(t)
	}
}

func integer(t reflect.Type) bool { return signed(t) || unsigned(t) }

func signed(t reflect.Type) bool { return reflect.Int <= t.Kind() && t.Kind() <= reflect.Int64 }

func unsigned(t reflect.Type) bool { return reflect.Uint <= t.Kind() && t.Kind() <= reflect.Uintptr }

// holds reports whether a value is one that a t, which has no methods to decode itself, can certainly hold. It spares
// most values of a text a call of encoding/json.
func holds(value string, t reflect.Type) bool {
	var err error
	switch kind := jsonscan.Kind(value); {
	case kind == "string":
		return t.Kind() == reflect.String && t != number || t == anything
	case kind == "boolean":
		return t.Kind() == reflect.Bool || t == anything
	case kind != "number":
		return false
	case signed(t):
		_, err = strconv.ParseInt(value, 10, t.Bits())
	case unsigned(t):
		_, err = strconv.ParseUint(value, 10, t.Bits())
	case t.Kind() == reflect.Float32, t.Kind() == reflect.Float64:
		_, err = strconv.ParseFloat(value, t.Bits())
	case t == anything:
		_, err = strconv.ParseFloat(value, 64)
	default:
		return false
	}
	return err == nil
}

// whole reports whether a number is written as the type's integers are: without a fraction, an exponent or, if
// they have none, a sign.
func whole(value string, t reflect.Type) bool {
	return !strings.ContainsAny(value, ".eE") && (signed(t) || value[0] != '-')
}

// unknown reports whether encoding/json, too, has no field for a key of a struct.
func unknown(key string, t reflect.Type) bool {
	d := json.NewDecoder(strings.NewReader("{" + key + ":null}"))
	d.DisallowUnknownFields()
	return d.Decode(reflect.New(t).Interface()) != nil
}
