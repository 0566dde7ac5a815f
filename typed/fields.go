package typed

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// field is a field of a struct, or of a struct that is embedded in it.
type field struct {
	name     string // of the attribute
	tagged   bool   // the name is from the tag
	asString bool
	index    []int
	kind     reflect.Type
}

// fields are those of one struct that attributes may be for.
type fields struct {
	list   []field        // by index
	places map[string]int // in list, by name
}

// fieldsOf finds the fields. If several fields have the same name, the least deeply embedded one counts, then the one
// whose name is from its tag; if several remain, none does.
func fieldsOf(t reflect.Type) *fields {
	byName := map[string][]field{}
	for _, f := range candidates(t, nil, nil) {
		byName[f.name] = append(byName[f.name], f)
	}
	fs := &fields{places: map[string]int{}}
	for _, rivals := range byName {
		slices.SortFunc(rivals, byRank)
		if len(rivals) > 1 && byRank(rivals[0], rivals[1]) == 0 {
			continue
		}
		fs.list = append(fs.list, rivals[0])
	}
	slices.SortFunc(fs.list, func(a, b field) int { return slices.Compare(a.index, b.index) })
	for k, f := range fs.list {
		fs.places[f.name] = k
	}
	return fs
}

func byRank(a, b field) int {
	if c := cmp.Compare(len(a.index), len(b.index)); c != 0 || a.tagged == b.tagged {
		return c
	}
	if a.tagged {
		return -1
	}
	return 1
}

// candidates are all fields of t, those that others hide too. around are the structs that t is embedded in.
func candidates(t reflect.Type, index []int, around []reflect.Type) (found []field) {
	if slices.Contains(around, t) {
		return nil // a struct hides what it embeds of itself
	}
	around = append(around, t)
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("dynamodbav"), ",")
		if name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		at := append(slices.Clone(index), i)
		embedded := f.Type
		if embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		switch {
		case f.Anonymous && name == "" && embedded.Kind() == reflect.Struct:
			found = append(found, candidates(embedded, at, around)...)
		case f.IsExported():
			found = append(found, field{
				name:     cmp.Or(name, f.Name),
				tagged:   name != "",
				asString: slices.Contains(strings.Split(options, ","), "string"),
				index:    at,
				kind:     f.Type,
			})
		}
	}
	return found
}

// folded returns the place of the first field whose name is name in another case, or −1.
func (fs *fields) folded(name string) int {
	return slices.IndexFunc(fs.list, func(f field) bool { return strings.EqualFold(f.name, name) })
}

// foldedMatch is an attribute and the field, by its place in the list, that it is for by a name in another case.
type foldedMatch struct {
	attribute string
	field     int
}

// inAnotherCase finds attributes for the fields without an exact match. If several match a field, the
// first in alphabetical order counts.
func (fs *fields) inAnotherCase(attributes map[string]attribute) (matches []foldedMatch) {
	for name := range attributes {
		if _, exact := fs.places[name]; exact {
			continue
		}
		i := fs.folded(name)
		if i < 0 {
			continue
		}
		if _, exact := attributes[fs.list[i].name]; !exact {
			matches = append(matches, foldedMatch{name, i})
		}
	}
	slices.SortFunc(matches, func(a, b foldedMatch) int {
		return cmp.Or(cmp.Compare(a.field, b.field), cmp.Compare(a.attribute, b.attribute))
	})
	return slices.CompactFunc(matches, func(a, b foldedMatch) bool { return a.field == b.field })
}
