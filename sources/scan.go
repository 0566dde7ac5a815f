package sources

import (
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// maxDepth is how deep encoding/json lets values nest.
const maxDepth = 10000

// scanner checks JSON text and finds the ends of values in it, by the rules of encoding/json. Its methods
// take the index where something starts and return the one after its end, or −1 once the text is not JSON.
// A text that has passed once never fails again, so that later passes need not look.
type scanner struct {
	text string
	at   int    // where the scan failed
	why  string // instead of a syntax error
}

func (s *scanner) fail(i int) int {
	s.at = i
	return -1
}

// err says where the text stops being JSON. It quotes none of it.
func (s *scanner) err() error {
	switch {
	case s.why != "":
		return errors.New(s.why)
	case len(s.text) == 0:
		return errors.New("the payload is empty where JSON was expected")
	case s.at >= len(s.text):
		return fmt.Errorf("the JSON is cut short after %d bytes", len(s.text))
	default:
		return fmt.Errorf("not JSON at byte %d of %d", s.at, len(s.text))
	}
}

// space returns the index of the first byte from i on that is not white space.
func (s *scanner) space(i int) int {
	for i < len(s.text) {
		if c := s.text[i]; c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			break
		}
		i++
	}
	return i
}

// is reports whether the byte at i is c.
func (s *scanner) is(i int, c byte) bool { return i < len(s.text) && s.text[i] == c }

// value scans the value that starts at i, inside of depth objects and arrays.
func (s *scanner) value(i, depth int) int {
	if i >= len(s.text) {
		return s.fail(i)
	}
	switch c := s.text[i]; {
	case c == '"':
		i, _ = s.str(i)
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
		return s.fail(i)
	}
}

func (s *scanner) object(i, depth int) int {
	i, more := s.first(i, '}', depth)
	for more {
		if i = s.key(i); i < 0 {
			return i
		}
		if i = s.value(i, depth+1); i < 0 {
			return i
		}
		i, more = s.next(i, '}')
	}
	return i
}

func (s *scanner) array(i, depth int) int {
	i, more := s.first(i, ']', depth)
	for more {
		if i = s.value(i, depth+1); i < 0 {
			return i
		}
		i, more = s.next(i, ']')
	}
	return i
}

// first enters the object or array that starts at i, and returns where its first member starts, or its end
// if it has none.
func (s *scanner) first(i int, closing byte, depth int) (_ int, more bool) {
	if depth >= maxDepth {
		s.why = fmt.Sprintf("nested deeper than %d levels at byte %d", maxDepth, i)
		return s.fail(i), false
	}
	i = s.space(i + 1)
	if s.is(i, closing) {
		return i + 1, false
	}
	return i, true
}

// next goes from the end of one member to the start of the next, or to the end of the whole.
func (s *scanner) next(i int, closing byte) (_ int, more bool) {
	if i = s.space(i); i >= len(s.text) {
		return s.fail(i), false
	}
	switch s.text[i] {
	case ',':
		return s.space(i + 1), true
	case closing:
		return i + 1, false
	default:
		return s.fail(i), false
	}
}

// key scans the key at i and returns where its value starts.
func (s *scanner) key(i int) int {
	if i, _ = s.quote(i); i < 0 {
		return i
	}
	return s.colon(i)
}

// quote is str where there may be no string.
func (s *scanner) quote(i int) (end int, special bool) {
	if !s.is(i, '"') {
		return s.fail(i), false
	}
	return s.str(i)
}

func (s *scanner) colon(i int) int {
	if i = s.space(i); !s.is(i, ':') {
		return s.fail(i)
	}
	return s.space(i + 1)
}

// str scans the string that starts at i. It is special if its value is perhaps not what stands between the
// quotes: if there is an escape in it, or anything but ASCII, which may be invalid UTF-8.
func (s *scanner) str(i int) (end int, special bool) {
	if i = s.run(i); s.is(i, '"') {
		return i + 1, false
	}
	return s.special(i), true
}

// run scans the string that starts at i up to the first byte that is not plain: it returns the index of a
// quote, a backslash, a control character, a byte beyond ASCII, or the end of the text.
func (s *scanner) run(i int) int {
	text := s.text
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

// special is str for the rest of a special string.
func (s *scanner) special(i int) int {
	text := s.text
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
		if s.is(i, '"') {
			return i + 1
		}
		if !s.is(i, '\\') { // a control character, or the end
			return s.fail(i)
		}
		if s.is(i+1, '"') { // by far the most frequent
			i += 2
		} else if i = s.escape(i); i < 0 {
			return i
		}
	}
}

func (s *scanner) escape(i int) int {
	if i++; i >= len(s.text) {
		return s.fail(i)
	}
	switch s.text[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for range 4 {
			if i++; i >= len(s.text) || hexDigit(s.text[i]) < 0 {
				return s.fail(i)
			}
		}
		return i + 1
	default:
		return s.fail(i)
	}
}

func (s *scanner) literal(i int, word string) int {
	for k := range len(word) {
		if !s.is(i+k, word[k]) {
			return s.fail(i + k)
		}
	}
	return i + len(word)
}

func (s *scanner) number(i int) int {
	if s.is(i, '-') {
		i++
	}
	if s.is(i, '0') {
		i++
	} else if i = s.digits(i); i < 0 {
		return i
	}
	if s.is(i, '.') {
		if i = s.digits(i + 1); i < 0 {
			return i
		}
	}
	if s.is(i, 'e') || s.is(i, 'E') {
		i++
		if s.is(i, '+') || s.is(i, '-') {
			i++
		}
		return s.digits(i)
	}
	return i
}

// digits scans one digit or more.
func (s *scanner) digits(i int) int {
	start := i
	for i < len(s.text) && '0' <= s.text[i] && s.text[i] <= '9' {
		i++
	}
	if i == start {
		return s.fail(i)
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
