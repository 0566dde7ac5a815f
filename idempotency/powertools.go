package idempotency

import (
	"bytes"
	"cmp"
	"crypto/md5" //nolint:gosec // what Powertools identifies payloads with
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Powertools is a language of Powertools for AWS Lambda. Each language builds keys in its own way.
type Powertools uint8

const (
	// Python is Powertools for AWS Lambda (Python).
	Python Powertools = iota + 1
	// TypeScript is Powertools for AWS Lambda (TypeScript).
	TypeScript
)

// PowertoolsKey returns the key under which Powertools for AWS Lambda keeps a payload, for tables that are
// shared with it; give it to Wrap with WithRawKey. It returns "", which Wrap refuses, if payload is not one JSON
// value.
//
// function is the name of the Lambda function. handler is what Powertools adds to it: with Python the
// module and the qualified name of the decorated function, such as "app.process_order"; with TypeScript
// nothing, so it is empty. payload is the JSON that the JMESPath expression of Powertools selects, such
// as "\"order-1\"", or the whole event. Where Powertools is configured with a key prefix, the key is the
// prefix, "#" and PowertoolsHash.
//
// The hash is the default one, MD5. As of Powertools for Python 3.37 and for TypeScript 2.35.
func PowertoolsKey(language Powertools, function, handler string, payload []byte) string {
	hash := PowertoolsHash(language, payload)
	switch {
	case hash == "":
		return ""
	case language == TypeScript && handler == "":
		return function + "#" + hash
	}
	return function + "." + handler + "#" + hash
}

// PowertoolsHash returns the hash that Powertools for AWS Lambda computes from a JSON value, for its keys and
// for the validation of payloads: the MD5 of the value with sorted keys, for Python in hexadecimal, for
// TypeScript in base64. It returns "" if payload is not one JSON value, and for TypeScript also if keys of an
// object differ only in case: the hash then depends on their order.
func PowertoolsHash(language Powertools, payload []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return ""
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return ""
	}
	var sum [md5.Size]byte
	switch language {
	case Python:
		sum = md5.Sum(appendPython(nil, value)) //nolint:gosec
		return hex.EncodeToString(sum[:])
	case TypeScript:
		if ambiguous(value) {
			return ""
		}
		sum = md5.Sum(appendTypeScript(nil, value)) //nolint:gosec
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	return ""
}

// appendPython writes a value as json.dumps does with sort_keys: ", " and ": " between elements, ASCII only.
func appendPython(b []byte, value any) []byte {
	switch v := value.(type) {
	case map[string]any:
		b = append(b, '{')
		for i, k := range sorted(v, strings.Compare) { // by bytes, which for UTF-8 is by code point
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendPython(append(appendASCII(b, k), ": "...), v[k])
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendPython(b, e)
		}
		return append(b, ']')
	case string:
		return appendASCII(b, v)
	case json.Number:
		return appendPythonNumber(b, v.String())
	default:
		return appendWord(b, v)
	}
}

// appendPythonNumber writes an integer as it is and anything else as Python's repr of a float.
func appendPythonNumber(b []byte, n string) []byte {
	if !strings.ContainsAny(n, ".eE") {
		if i, ok := new(big.Int).SetString(n, 10); ok { // -0 is 0
			return append(b, i.String()...)
		}
	}
	f, _ := strconv.ParseFloat(n, 64)
	switch abs := math.Abs(f); {
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	case abs != 0 && (abs < 1e-4 || abs >= 1e16):
		return strconv.AppendFloat(b, f, 'e', -1, 64) // two digits of exponent at least, as Python
	}
	from := len(b)
	b = strconv.AppendFloat(b, f, 'f', -1, 64)
	if !bytes.ContainsRune(b[from:], '.') {
		b = append(b, ".0"...)
	}
	return b
}

const hexDigits = "0123456789abcdef"

func appendASCII(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= ' ' && r <= '~':
			b = append(b, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = appendEscape(appendEscape(b, high), low)
		default:
			b = appendControl(b, r)
		}
	}
	return append(b, '"')
}

// appendControl writes a character that has to be escaped, in the short form if there is one.
func appendControl(b []byte, r rune) []byte {
	switch r {
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	}
	return appendEscape(b, r)
}

func appendEscape(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

func appendWord(b []byte, v any) []byte {
	switch v {
	case true:
		return append(b, "true"...)
	case false:
		return append(b, "false"...)
	}
	return append(b, "null"...)
}

// appendTypeScript writes a value as JSON.stringify does after Powertools' deepSort: keys that are array
// indexes first, by number, as JavaScript has them in any object; then the others, without regard to case.
func appendTypeScript(b []byte, value any) []byte {
	switch v := value.(type) {
	case map[string]any:
		b = append(b, '{')
		for i, k := range sorted(v, byJavaScript) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendTypeScript(append(appendJavaScript(b, k), ':'), v[k])
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendTypeScript(b, e)
		}
		return append(b, ']')
	case string:
		return appendJavaScript(b, v)
	case json.Number:
		f, _ := strconv.ParseFloat(v.String(), 64)
		return appendJavaScriptNumber(b, f)
	default:
		return appendWord(b, v)
	}
}

// appendJavaScriptNumber writes what JSON.stringify makes of a number.
func appendJavaScriptNumber(b []byte, f float64) []byte {
	switch abs := math.Abs(f); {
	case math.IsInf(f, 0):
		return append(b, "null"...)
	case f == 0:
		return append(b, '0')
	case abs < 1e-6 || abs >= 1e21:
		text := strconv.FormatFloat(f, 'e', -1, 64)
		mantissa, exponent, _ := strings.Cut(text, "e")
		return append(b, mantissa+"e"+exponent[:1]+strings.TrimLeft(exponent[1:], "0")...)
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

func appendJavaScript(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = appendControl(b, r)
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// ambiguous reports whether keys of an object differ in case alone.
func ambiguous(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		seen := make(map[string]bool, len(v))
		for k, e := range v {
			lower := strings.Map(unicode.ToLower, k)
			if seen[lower] || ambiguous(e) {
				return true
			}
			seen[lower] = true
		}
	case []any:
		return slices.ContainsFunc(v, ambiguous)
	}
	return false
}

func byJavaScript(a, b string) int {
	i, aIndex := arrayIndex(a)
	j, bIndex := arrayIndex(b)
	switch {
	case aIndex && bIndex:
		return cmp.Compare(i, j)
	case aIndex:
		return -1
	case bIndex:
		return 1
	}
	return slices.Compare(lowerUTF16(a), lowerUTF16(b))
}

// arrayIndex reports whether a key is what JavaScript calls an array index, which engines keep apart.
func arrayIndex(key string) (uint64, bool) {
	n, err := strconv.ParseUint(key, 10, 32)
	return n, err == nil && n < math.MaxUint32 && strconv.FormatUint(n, 10) == key
}

func lowerUTF16(s string) []uint16 {
	return utf16.Encode([]rune(strings.Map(unicode.ToLower, s)))
}

func sorted(m map[string]any, by func(a, b string) int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, by)
	return keys
}
