package sources

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/internal/jsonscan"
)

// itemKey writes key attributes so that two items have the same text if and only if they have the same key.
// It is empty for an item without key attributes.
func itemKey(keys item) string {
	if len(keys) == 0 {
		return ""
	}
	return string(appendItem(nil, keys))
}

func appendItem(b []byte, attributes item) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(attributes)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, name)
		b = append(b, ':')
		b = appendValue(b, attributes[name])
	}
	return append(b, '}')
}

// appendValue writes any attribute value: DynamoDB allows strings, numbers and binaries as keys, but an event may
// contain other types.
func appendValue(b []byte, v events.DynamoDBAttributeValue) []byte {
	if v.IsNull() { // whatever its type: the zero value's type is binary
		return append(b, `{"NULL":true}`...)
	}
	switch v.DataType() {
	case events.DataTypeString:
		b = appendQuoted(append(b, `{"S":`...), v.String())
	case events.DataTypeNumber:
		b = appendQuoted(append(b, `{"N":`...), v.Number())
	case events.DataTypeBinary:
		b = appendBinary(append(b, `{"B":`...), v.Binary())
	case events.DataTypeBoolean:
		if v.Boolean() {
			b = append(b, `{"BOOL":true`...)
		} else {
			b = append(b, `{"BOOL":false`...)
		}
	case events.DataTypeStringSet:
		b = appendList(append(b, `{"SS":`...), v.StringSet(), appendQuoted)
	case events.DataTypeNumberSet:
		b = appendList(append(b, `{"NS":`...), v.NumberSet(), appendQuoted)
	case events.DataTypeBinarySet:
		b = appendList(append(b, `{"BS":`...), v.BinarySet(), appendBinary)
	case events.DataTypeList:
		b = appendList(append(b, `{"L":`...), v.List(), appendValue)
	case events.DataTypeMap:
		b = appendItem(append(b, `{"M":`...), v.Map())
	}
	return append(b, '}')
}

func appendList[V any](b []byte, values []V, write func([]byte, V) []byte) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = write(b, v)
	}
	return append(b, ']')
}

func appendBinary(b []byte, value []byte) []byte {
	b = base64.StdEncoding.AppendEncode(append(b, '"'), value)
	return append(b, '"')
}

// appendQuoted quotes like JSON, but leaves everything else unchanged, including invalid UTF-8: different strings must
// stay different.
func appendQuoted(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// isItemKey reports whether the JSON of key attributes, which has been scanned, equals the result of itemKey: it does
// for strings and numbers in the spelling of AWS, which most keys are. It may report false for others.
func isItemKey(keys string) bool {
	s := jsonscan.Scanner{Text: keys}
	if !s.Is(0, '{') {
		return false
	}
	previous := ""
	for i := 1; s.Is(i, '"'); i++ {
		end, special := s.Str(i)
		name := keys[i+1 : end-1]
		if special || name <= previous {
			return false
		}
		if tag := keys[end:]; !strings.HasPrefix(tag, `:{"S":"`) && !strings.HasPrefix(tag, `:{"N":"`) {
			return false
		}
		if end, special = s.Str(end + len(`:{"S":`)); special || !s.Is(end, '}') {
			return false
		}
		if i = end + 1; s.Is(i, '}') {
			return true
		}
		previous = name
	}
	return false
}
