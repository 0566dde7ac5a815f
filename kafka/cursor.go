package kafka

import (
	"encoding/json"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/troupe-go/troupe/internal/jsonscan"
)

// The functions here take text that encoding/json has found to be JSON, and the index where a value starts,
// and need not look for mistakes.

// span is where a value is.
type span struct{ start, end int }

func (s span) of(text string) string { return text[s.start:s.end] }

// root returns the value that the text is.
func root(text string) span {
	i := space(text, 0)
	return span{i, skip(text, i)}
}

// space returns the index of the first byte from i on that is not white space.
func space(text string, i int) int {
	for text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t' {
		i++
	}
	return i
}

// skip returns the index after the value at i.
func skip(text string, i int) int {
	switch text[i] {
	case '"':
		return skipString(text, i)
	case '{', '[':
		return skipNested(text, i)
	}
	for i < len(text) && !strings.ContainsRune(" \n\r\t,]}", rune(text[i])) {
		i++
	}
	return i
}

func skipString(text string, i int) int {
	i++
	for {
		i += strings.IndexByte(text[i:], '"')
		escapes := 0
		for text[i-1-escapes] == '\\' {
			escapes++
		}
		i++
		if escapes%2 == 0 {
			return i
		}
	}
}

func skipNested(text string, i int) int {
	for depth := 0; ; {
		switch text[i] {
		case '"':
			i = skipString(text, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 {
			return i
		}
	}
}

// members yields the members of the object at i: the keys, and where the values are.
func members(text string, i int) iter.Seq2[string, span] {
	return func(yield func(string, span) bool) {
		for i = space(text, i+1); text[i] != '}'; i = space(text, i) {
			if text[i] == ',' {
				i = space(text, i+1)
			}
			key := span{i, skipString(text, i)}
			i = space(text, key.end)
			i = space(text, i+1) // the colon
			value := span{i, skip(text, i)}
			if !yield(unquote(key.of(text)), value) {
				return
			}
			i = value.end
		}
	}
}

// elements yields where the elements of the array at i are, with their indices.
func elements(text string, i int) iter.Seq2[int, span] {
	return func(yield func(int, span) bool) {
		n := 0
		for i = space(text, i+1); text[i] != ']'; i = space(text, i) {
			if text[i] == ',' {
				i = space(text, i+1)
			}
			value := span{i, skip(text, i)}
			if !yield(n, value) {
				return
			}
			n++
			i = value.end
		}
	}
}

// unquote returns what a JSON string stands for. If it holds nothing unusual that is a part of it.
func unquote(quoted string) string {
	inside := quoted[1 : len(quoted)-1]
	if strings.IndexByte(inside, '\\') < 0 && utf8.ValidString(inside) {
		return inside
	}
	var s string
	_ = json.Unmarshal([]byte(quoted), &s) // it is a JSON string
	return s
}

// kindOf names the kind of a JSON value with its article.
func kindOf(value string) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

// checked returns an error if text is not JSON. It quotes none of it.
func checked(text []byte) error {
	if json.Valid(text) {
		return nil
	}
	s := jsonscan.Scanner{Text: string(text)}
	if end := s.Value(s.Space(0), 0); end >= 0 {
		s.End(end)
	}
	return s.Err()
}
