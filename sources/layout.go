package sources

import (
	"slices"
	"strings"
)

// layout names the fields of a record that decoding reads, in the order in which AWS sends them.
type layout struct {
	names []string
	// names[:outer] are the record's own fields; the others are those of the object in names[nest].
	outer, nest int
	// names[dict] is an object of strings by any name.
	dict int
	// names[alien], if it is not null, makes a record one of another form. −1 for none.
	alien int
}

func newLayout(outer []string, dict, nest string, inner ...string) layout {
	return layout{
		names: slices.Concat(outer, inner),
		outer: len(outer),
		nest:  slices.Index(outer, nest),
		dict:  slices.Index(outer, dict),
		alien: -1,
	}
}

// flat is the layout of the same fields, all of them the record's own. The object that they were nested in makes a
// record one of another form.
func (l *layout) flat() layout {
	return layout{names: l.names, outer: len(l.names), nest: -1, dict: l.dict, alien: l.nest}
}

// from returns the names of the object whose first name is base.
func (l *layout) from(base int) []string {
	if base == 0 {
		return l.names[:l.outer]
	}
	return l.names[base:]
}

// fold returns the field that encoding/json would take key for, in the object whose first name is base, or
// −1.
func (l *layout) fold(base int, key string) int {
	k := slices.IndexFunc(l.from(base), func(name string) bool { return strings.EqualFold(name, key) })
	if k < 0 {
		return -1
	}
	return base + k
}

// path is the path of a field for errors, such as kinesis.data.
func (l *layout) path(k int) string {
	if k >= l.outer {
		return l.names[l.nest] + "." + l.names[k]
	}
	return l.names[k]
}

// shape is where a record is in an index.
type shape struct {
	// Its text and its unescaped values, contiguous.
	piece, start, middle, end uint32
	// Its part of index.pairs.
	from, to uint32
	// A bit per field: it is there; it is a string; it is special, see jsonscan.Scanner.Str; it had escapes and its
	// place is that of its value in what is unescaped.
	seen, strings, specials, escaped uint32
	// irregular: the record repeats a field, spells its name differently, or has values other than strings in its
	// dict. encoding/json has rules for that, and decodes such a record.
	irregular bool
}

// place is where a value is in its record.
type place struct{ start, end uint32 }

func placed(start, end int) place { return place{uint32(start), uint32(end)} }

// pair is where a key and the string for it are.
type pair struct {
	key, value place
	special    bool // the value
}
