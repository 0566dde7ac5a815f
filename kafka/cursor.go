package kafka

import (
	"iter"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonscan"
)

// span is where a value is.
type span struct{ start, end int }

func (s span) of(text string) string { return text[s.start:s.end] }

// cursor scans text that is known to be JSON, so it cannot fail. Its methods take the index where a value starts.
type cursor struct{ jsonscan.Scanner }

func cursorOver(text string) *cursor { return &cursor{jsonscan.Scanner{Text: text}} }

// object returns a cursor over raw and where its object begins. The cursor is nil if raw is null. The error is a
// *batch.DecodeError about field.
func object(raw []byte, field string) (*cursor, span, error) {
	text := string(raw)
	if checked(text) != nil {
		return nil, span{}, &batch.DecodeError{Field: field, Offset: -1, Problem: "not JSON"}
	}
	if text == "null" {
		return nil, span{}, nil
	}
	c := cursorOver(text)
	at := c.root()
	if text[at.start] != '{' {
		return nil, span{}, &batch.DecodeError{Field: field, Offset: int64(at.start), Problem: kindOf(at.of(text)) + " where an object was expected"}
	}
	return c, at, nil
}

// root returns the value that the text is.
func (c *cursor) root() span {
	i := c.Space(0)
	return span{i, c.Value(i, 0)}
}

// members yields the members of the object at i: the keys, and where the values are.
func (c *cursor) members(i int) iter.Seq2[string, span] {
	return func(yield func(string, span) bool) {
		i, more := c.First(i, '}', 0)
		for more {
			end, _ := c.Str(i)
			key := c.Unquote(i, end)
			value := span{start: c.Colon(end)}
			value.end = c.Value(value.start, 0)
			if !yield(key, value) {
				return
			}
			i, more = c.Next(value.end, '}')
		}
	}
}

// elements yields where the elements of the array at i are, with their indices.
func (c *cursor) elements(i int) iter.Seq2[int, span] {
	return func(yield func(int, span) bool) {
		i, more := c.First(i, ']', 0)
		for n := 0; more; n++ {
			value := span{i, c.Value(i, 0)}
			if !yield(n, value) {
				return
			}
			i, more = c.Next(value.end, ']')
		}
	}
}

// unquote returns the value of a JSON string. Without escapes it is a substring of the text.
func unquote(quoted string) string {
	return cursorOver(quoted).Unquote(0, len(quoted))
}

// kindOf names the kind of a JSON value with its article.
func kindOf(value string) string { return jsonscan.Article(jsonscan.Kind(value)) }

// checked returns an error if text is not JSON. It quotes none of it.
func checked(text string) error {
	s := jsonscan.Scanner{Text: text}
	i := s.Value(s.Space(0), 0)
	if i >= 0 {
		i = s.End(i)
	}
	if i < 0 {
		return s.Err()
	}
	return nil
}
