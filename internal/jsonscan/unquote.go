package jsonscan

import (
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Unquote returns the value of the special string from start to end. It shares the text where it can.
func (s *Scanner) Unquote(start, end int) string {
	raw := s.Text[start+1 : end-1]
	if strings.IndexByte(raw, '\\') < 0 && utf8.ValidString(raw) {
		return raw
	}
	var room [256]byte
	if plain, _, valid := s.Unescape(start, room[:0]); valid {
		return string(plain)
	}
	var value string
	_ = json.Unmarshal([]byte(s.Text[start:end]), &value) // replaces what is invalid; cannot fail
	return value
}

// Unescape scans the string that starts at i and appends its value to b. The value is not valid if it would
// have to be repaired, because the string is not valid UTF-8.
//
// It goes by eight bytes at a time through a buffer on the stack: message bodies are often JSON themselves,
// with an escaped quote every few bytes.
func (s *Scanner) Unescape(i int, b []byte) (out []byte, end int, valid bool) {
	const size = 256
	var (
		text  = s.Text
		start = i
		buf   [size + 12]byte // room for a step: seven bytes and a character
		n     int
		all   uint64
	)
	for i++; ; {
		if n >= size {
			b = append(b, buf[:n]...)
			n = 0
		}
		if i+8 <= len(text) {
			w := load(text, i)
			all |= w
			binary.LittleEndian.PutUint64(buf[n:], w)
			plain := bits.TrailingZeros64(stops(w)) / 8 // 8 if it does not stop
			i += plain
			n += plain
			if plain == 8 {
				continue
			}
		} else if i < len(text) && ' ' <= text[i] && text[i] != '"' && text[i] != '\\' {
			all |= uint64(text[i])
			buf[n] = text[i]
			i++
			n++
			continue
		}
		switch {
		case s.Is(i, '"'):
			b = append(b, buf[:n]...)
			return b, i + 1, all&highs == 0 || utf8.ValidString(text[start:i])
		case !s.Is(i, '\\'):
			return b, s.Fail(i), false
		case s.Is(i+1, '"'): // by far the most frequent
			buf[n] = '"'
			i += 2
			n++
			continue
		}
		end := s.escape(i)
		if end < 0 {
			return b, end, false
		}
		if text[i+1] == 'u' {
			r, length := unicodeEscape(text[i:])
			n += utf8.EncodeRune(buf[n:], r)
			i += length
			continue
		}
		buf[n] = unescaped(text[i+1])
		i = end
		n++
	}
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
	case 't':
		return '\t'
	default: // quote, backslash, slash
		return c
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

// hex4 reads four digits. It is negative if they are none.
func hex4(s string) (r rune) {
	for i := range 4 {
		r = r<<4 | hexDigit(s[i])
	}
	return r
}
