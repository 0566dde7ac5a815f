package sources

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/internal/jsonscan"
)

// fields reads the values of one record. They share the text. If a value is unusual, fallback is set, and
// encoding/json decodes the record; so a method here only has to be right about the values it accepts.
type fields struct {
	jsonscan.Scanner        // of the record's JSON
	unescaped        string // the values of the fields that have escapes
	*shape
	places   []place
	pairs    []pair // of the record's dict
	fallback bool
}

// objectAt returns where field k starts, if it is there and an object. A null is like no value: encoding/json
// leaves the field alone.
func (f *fields) objectAt(k int) (i int, ok bool) {
	bit := uint32(1) << k
	if f.seen&bit == 0 {
		return 0, false
	}
	if f.strings&bit != 0 {
		f.fallback = true
		return 0, false
	}
	i = int(f.places[k].start)
	switch f.Text[i] {
	case '{':
		return i, true
	case 'n':
		return 0, false
	default:
		f.fallback = true
		return 0, false
	}
}

// literal is the text of field k's value, if it is there and no string.
func (f *fields) literal(k int) (s string, ok bool) {
	bit := uint32(1) << k
	if f.seen&bit == 0 {
		return "", false
	}
	f.fallback = f.fallback || f.strings&bit != 0
	return f.Text[f.places[k].start:f.places[k].end], !f.fallback
}

// string reads a string, and bytes reads a base64 string; null is not a value.
func (f *fields) string(k int) string {
	s, _ := f.stringAt(k)
	return s
}

func (f *fields) bytes(k int) []byte {
	s, ok := f.stringAt(k)
	if !ok {
		return nil
	}
	return f.base64(s)
}

// stringAt avoids reading the text, which for a large event would have to come from memory.
func (f *fields) stringAt(k int) (s string, ok bool) {
	p := f.places[k]
	switch bit := uint32(1) << k; {
	case f.escaped&bit != 0:
		return f.unescaped[p.start:p.end], true
	case f.specials&bit != 0:
		return f.Unquote(int(p.start), int(p.end)), true
	case f.strings&bit != 0:
		return f.Text[p.start+1 : p.end-1], true
	case f.seen&bit != 0:
		f.fallback = f.fallback || f.Text[p.start] != 'n'
	}
	return "", false
}

// int64 reads an integer; null leaves it zero.
func (f *fields) int64(k int) int64 {
	s, ok := f.literal(k)
	if !ok || s == "null" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	f.fallback = f.fallback || err != nil
	return n
}

// time reads a number of seconds, with the arithmetic of events.SecondsEpochTime. That type decodes null
// as 1970, so null is not accepted here.
func (f *fields) time(k int) (t events.SecondsEpochTime) {
	s, ok := f.literal(k)
	if !ok {
		return t
	}
	seconds, err := strconv.ParseFloat(s, 64)
	f.fallback = f.fallback || err != nil
	whole := int64(seconds)
	t.Time = time.Unix(whole, int64((seconds-float64(whole))*1e9))
	return t
}

func (f *fields) base64(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	f.fallback = f.fallback || err != nil
	return b
}

// The methods below read nested values: they take the index where a value starts and return the index
// after its end.

// quoted reads a string.
func (f *fields) quoted(i int) (string, int) {
	if f.Text[i] != '"' {
		f.fallback = true
		return "", f.Value(i, 0)
	}
	end, special := f.Str(i)
	if special {
		return f.Unquote(i, end), end
	}
	return f.Text[i+1 : end-1], end
}

// binary reads a base64 string.
func (f *fields) binary(i int) ([]byte, int) {
	s, end := f.quoted(i)
	return f.base64(s), end
}

// member reads the key at i and returns where the value starts.
func (f *fields) member(i int) (key string, value int) {
	key, i = f.quoted(i)
	return key, f.Colon(i)
}

// field is member for the objects that aws-lambda-go reads into a struct: it returns which of names the
// key is, or −1.
func (f *fields) field(i int, names []string, seen *uint32) (k, value int) {
	end, special := f.Str(i)
	key := f.Text[i+1 : end-1]
	k = slices.Index(names, key)
	switch {
	case k >= 0:
		f.fallback = f.fallback || *seen>>k&1 != 0
		*seen |= 1 << k
	case special || slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, key) }):
		f.fallback = true
	}
	return k, f.Colon(end)
}

// stringList reads an array of strings.
func (f *fields) stringList(i int) ([]string, int) {
	list := []string{}
	if f.Text[i] != '[' {
		f.fallback = true
		return nil, f.Value(i, 0)
	}
	i, more := f.First(i, ']', 0)
	for more {
		var s string
		s, i = f.quoted(i)
		list = append(list, s)
		i, more = f.Next(i, ']')
	}
	return list, i
}

// pair returns the key and the value of a pair.
func (f *fields) pair(p pair) (key, value string) {
	key, value = f.Text[p.key.start:p.key.end], f.Text[p.value.start:p.value.end]
	if p.special {
		value = f.Unquote(int(p.value.start)-1, int(p.value.end)+1)
	}
	return key, value
}

// bytesList reads an array of base64 strings.
func (f *fields) bytesList(i int) ([][]byte, int) {
	encoded, i := f.stringList(i)
	list := make([][]byte, len(encoded))
	for k, s := range encoded {
		list[k] = f.base64(s)
	}
	return list, i
}
