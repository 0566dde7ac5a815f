// Package jsonscan checks JSON text and finds the values in it, by the rules of encoding/json: what that takes for
// JSON this does, and nothing else. Packages that read events find records with it and decode them later; whatever
// is unusual about a value they leave to encoding/json. It is pure and knows nothing of events.
package jsonscan

import (
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// MaxDepth is how deep encoding/json lets values nest.
const MaxDepth = 10000

// Scanner checks JSON text and finds the ends of values in it. Its methods take the index where something
// starts and return the index after its end, or −1 once the text is not JSON. A text that has passed once never
// fails again, so that later passes need not look. It is not safe for concurrent use.
type Scanner struct {
	Text string
	at   int    // where the scan failed
	why  string // instead of a syntax error
}

// Fail notes that the text stops being JSON at i, for Err, and returns −1.
func (s *Scanner) Fail(i int) int {
	s.at = i
	return -1
}

// Err says where the text stops being JSON. It quotes none of it.
func (s *Scanner) Err() error {
	switch {
	case s.why != "":
		return errors.New(s.why)
	case len(s.Text) == 0:
		return errors.New("the payload is empty where JSON was expected")
	case s.at >= len(s.Text):
		return fmt.Errorf("the JSON is cut short after %d bytes", len(s.Text))
	default:
		return fmt.Errorf("not JSON at byte %d of %d", s.at, len(s.Text))
	}
}

// FailedAt returns the index at which the text stops being JSON, once a method has returned −1; it is the length of
// the text where that is cut short.
func (s *Scanner) FailedAt() int { return s.at }

// TooDeep reports whether the scan failed at a value that nests deeper than MaxDepth.
func (s *Scanner) TooDeep() bool { return s.why != "" }

// Space returns the index of the first byte from i on that is not white space.
func (s *Scanner) Space(i int) int {
	for i < len(s.Text) {
		if c := s.Text[i]; c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			break
		}
		i++
	}
	return i
}

// Is reports whether the byte at i is c.
func (s *Scanner) Is(i int, c byte) bool { return i < len(s.Text) && s.Text[i] == c }

// End returns the end of the text if nothing but white space is there from i on.
func (s *Scanner) End(i int) int {
	if i = s.Space(i); i < len(s.Text) {
		return s.Fail(i)
	}
	return i
}

// Value scans the value that starts at i, inside of depth objects and arrays.
func (s *Scanner) Value(i, depth int) int {
	if i >= len(s.Text) {
		return s.Fail(i)
	}
	switch c := s.Text[i]; {
	case c == '"':
		i, _ = s.Str(i)
		return i
	case c == '{':
		return s.object(i, depth)
	case c == '[':
		return s.array(i, depth)
	case c == '-', '0' <= c && c <= '9':
		return s.number(i)
	case c == 't':
		return s.literal(i, "true")
	case c == 'f':
		return s.literal(i, "false")
	case c == 'n':
		return s.literal(i, "null")
	default:
		return s.Fail(i)
	}
}

// Object scans the object that starts at i, inside of depth objects and arrays. It calls member with the key of each
// member and where its value starts; member scans the value and returns its end.
func (s *Scanner) Object(i, depth int, member func(key string, at int) (end int)) int {
	i, more := s.First(i, '}', depth)
	for more {
		start := i
		if i, _ = s.Quote(i); i < 0 {
			return i
		}
		key := s.Unquote(start, i)
		if i = s.Colon(i); i < 0 {
			return i
		}
		if i = member(key, i); i < 0 {
			return i
		}
		i, more = s.Next(i, '}')
	}
	return i
}

func (s *Scanner) object(i, depth int) int {
	i, more := s.First(i, '}', depth)
	for more {
		if i = s.key(i); i < 0 {
			return i
		}
		if i = s.Value(i, depth+1); i < 0 {
			return i
		}
		i, more = s.Next(i, '}')
	}
	return i
}

func (s *Scanner) array(i, depth int) int {
	i, more := s.First(i, ']', depth)
	for more {
		if i = s.Value(i, depth+1); i < 0 {
			return i
		}
		i, more = s.Next(i, ']')
	}
	return i
}

// First enters the object or array that starts at i, and returns where its first member starts, or its end
// if it has none.
func (s *Scanner) First(i int, closing byte, depth int) (_ int, more bool) {
	if depth >= MaxDepth {
		s.why = fmt.Sprintf("nested deeper than %d levels at byte %d", MaxDepth, i)
		return s.Fail(i), false
	}
	i = s.Space(i + 1)
	if s.Is(i, closing) {
		return i + 1, false
	}
	return i, true
}

// Next goes from the end of one member to the start of the next, or to the end of the whole.
func (s *Scanner) Next(i int, closing byte) (_ int, more bool) {
	if i = s.Space(i); i >= len(s.Text) {
		return s.Fail(i), false
	}
	switch s.Text[i] {
	case ',':
		return s.Space(i + 1), true
	case closing:
		return i + 1, false
	default:
		return s.Fail(i), false
	}
}

// key scans the key at i and returns where its value starts.
func (s *Scanner) key(i int) int {
	if i, _ = s.Quote(i); i < 0 {
		return i
	}
	return s.Colon(i)
}

// Quote is Str for a position that may not hold a string.
func (s *Scanner) Quote(i int) (end int, special bool) {
	if !s.Is(i, '"') {
		return s.Fail(i), false
	}
	return s.Str(i)
}

// Colon scans the colon after a key and returns where the value starts.
func (s *Scanner) Colon(i int) int {
	if i = s.Space(i); !s.Is(i, ':') {
		return s.Fail(i)
	}
	return s.Space(i + 1)
}

// Str scans the string that starts at i. It is special if its value is perhaps not what stands between the
// quotes: if there is an escape in it, or anything but ASCII, which may be invalid UTF-8.
func (s *Scanner) Str(i int) (end int, special bool) {
	if i = s.Run(i); s.Is(i, '"') {
		return i + 1, false
	}
	return s.Special(i), true
}

// Run scans the string that starts at i up to the first byte that is not plain: it returns the index of a
// quote, a backslash, a control character, a byte beyond ASCII, or the end of the text.
func (s *Scanner) Run(i int) int {
	text := s.Text
	for i++; i+8 <= len(text); i += 8 {
		if m := uncommon(load(text, i)); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for i < len(text) && ' ' <= text[i] && text[i] < utf8.RuneSelf && text[i] != '"' && text[i] != '\\' {
		i++
	}
	return i
}

// Special is Str for the rest of a special string, from the byte that Run stopped at.
func (s *Scanner) Special(i int) int {
	text := s.Text
	for {
		for i+8 <= len(text) {
			if m := stops(load(text, i)); m != 0 {
				i += bits.TrailingZeros64(m) / 8
				break
			}
			i += 8
		}
		for i < len(text) && ' ' <= text[i] && text[i] != '"' && text[i] != '\\' {
			i++
		}
		if s.Is(i, '"') {
			return i + 1
		}
		if !s.Is(i, '\\') { // a control character, or the end
			return s.Fail(i)
		}
		if s.Is(i+1, '"') { // by far the most frequent
			i += 2
		} else if i = s.escape(i); i < 0 {
			return i
		}
	}
}

func (s *Scanner) escape(i int) int {
	if i++; i >= len(s.Text) {
		return s.Fail(i)
	}
	switch s.Text[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for range 4 {
			if i++; i >= len(s.Text) || hexDigit(s.Text[i]) < 0 {
				return s.Fail(i)
			}
		}
		return i + 1
	default:
		return s.Fail(i)
	}
}

func (s *Scanner) literal(i int, word string) int {
	for k := range len(word) {
		if !s.Is(i+k, word[k]) {
			return s.Fail(i + k)
		}
	}
	return i + len(word)
}

func (s *Scanner) number(i int) int {
	if s.Is(i, '-') {
		i++
	}
	if s.Is(i, '0') {
		i++
	} else if i = s.digits(i); i < 0 {
		return i
	}
	if s.Is(i, '.') {
		if i = s.digits(i + 1); i < 0 {
			return i
		}
	}
	if s.Is(i, 'e') || s.Is(i, 'E') {
		i++
		if s.Is(i, '+') || s.Is(i, '-') {
			i++
		}
		return s.digits(i)
	}
	return i
}

// digits scans one digit or more.
func (s *Scanner) digits(i int) int {
	start := i
	for i < len(s.Text) && '0' <= s.Text[i] && s.Text[i] <= '9' {
		i++
	}
	if i == start {
		return s.Fail(i)
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// load reads eight bytes. The compiler makes one instruction of it.
func load(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// stops marks, with its high bit, the first byte of w that is a quote, a backslash or a control character.
// Bytes after the first may be marked wrongly.
func stops(w uint64) uint64 {
	quote, backslash := w^ones*'"', w^ones*'\\'
	return ((quote-ones)&^quote | (backslash-ones)&^backslash | (w-ones*' ')&^w) & highs
}

// uncommon is stops for bytes beyond ASCII too, which is less work: of those, the exclusive or with at least
// one of quote and backslash is over 0x80, so that its high bit outlives the subtraction.
func uncommon(w uint64) uint64 {
	return (((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones) | (w - ones*' ')) & highs
}

func hexDigit(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c - 'a' + 10)
	case 'A' <= c && c <= 'F':
		return rune(c - 'A' + 10)
	default:
		return -1
	}
}
