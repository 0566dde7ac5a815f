package sources

import (
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote returns the value of a special string from what stands between its quotes. It shares s where it
// can.
func unquote(s string) string {
	if strings.IndexByte(s, '\\') >= 0 {
		if value, ok := unescape(s); ok {
			return value
		}
	} else if utf8.ValidString(s) {
		return s
	}
	var value string
	_ = json.Unmarshal([]byte(`"`+s+`"`), &value) // replaces what is invalid; cannot fail
	return value
}

// unescape is unquote for a string with escapes, unless it is invalid UTF-8. It goes by eight bytes at a time
// through a buffer on the stack: message bodies are often JSON themselves, with an escaped quote every few
// bytes.
func unescape(s string) (_ string, ok bool) {
	const size = 256
	var (
		b   strings.Builder
		buf [size + 12]byte // room for a step: seven bytes and a character
		n   int
		all uint64
	)
	b.Grow(len(s))
	for i := 0; i < len(s); {
		if n >= size {
			b.Write(buf[:n])
			n = 0
		}
		if i+8 <= len(s) {
			w := load(s, i)
			all |= w
			binary.LittleEndian.PutUint64(buf[n:], w)
			plain := bits.TrailingZeros64(backslashes(w)) / 8 // 8 if there is none
			i += plain
			n += plain
			if plain == 8 {
				continue
			}
		} else if s[i] != '\\' {
			all |= uint64(s[i])
			buf[n] = s[i]
			i++
			n++
			continue
		}
		c := s[i+1]
		if c == 'u' {
			r, length := unicodeEscape(s[i:])
			n += utf8.EncodeRune(buf[n:], r)
			i += length
			continue
		}
		if c > '\\' { // not a quote, a backslash or a slash, which stand for themselves
			c = unescaped(c)
		}
		buf[n] = c
		i += 2
		n++
	}
	if all&highs != 0 && !utf8.ValidString(s) {
		return "", false
	}
	b.Write(buf[:n])
	return b.String(), true
}

// backslashes is stops for backslashes alone.
func backslashes(w uint64) uint64 {
	x := w ^ ones*'\\'
	return (x - ones) &^ x & highs
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	default:
		return '\t'
	}
}

// unicodeEscape reads the \uXXXX that s starts with, or two of them that make one character. Half a pair
// becomes U+FFFD.
func unicodeEscape(s string) (r rune, length int) {
	r = hex4(s[2:6])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(s[8:12])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(s string) (r rune) {
	for i := range 4 {
		r = r<<4 | hexDigit(s[i])
	}
	return r
}
