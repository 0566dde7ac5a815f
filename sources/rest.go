package sources

import (
	"errors"
	"strings"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonscan"
)

// Rest returns the event as a JSON object without Records, such as {"window":{…},"state":{…}}, for sources whose events
// have other members. It scans the event once. The error matches batch.ErrEvent: payload is not JSON, or not an object.
// The result does not refer to payload.
func Rest(payload []byte) ([]byte, error) {
	s := jsonscan.Scanner{Text: string(payload)}
	rest, end := restOf(&s, s.Space(0))
	if end >= 0 {
		end = s.End(end)
	}
	switch {
	case end < 0:
		return nil, batch.Because(batch.ErrEvent, s.Err())
	case rest == nil:
		kind := jsonscan.Article(jsonscan.Kind(s.Text[s.Space(0):]))
		if kind == "an array" {
			kind += ", as a pipe of EventBridge sends,"
		}
		return nil, batch.Because(batch.ErrEvent, errors.New("the event is "+kind+" where an object was expected"))
	}
	return rest, nil
}

// WithoutRecords reports whether payload is a JSON object without a key Records, in any letter
// case.
func WithoutRecords(payload []byte) bool {
	s := jsonscan.Scanner{Text: string(payload)}
	i := s.Space(0)
	if !s.Is(i, '{') {
		return false
	}
	is := true
	i = s.Object(i, 0, func(key string, at int) int {
		is = is && !strings.EqualFold(key, "Records")
		return s.Value(at, 1)
	})
	return is && i >= 0 && s.End(i) >= 0
}

// restOf copies the members of the object at i, except the records. It returns nil if there is no object.
func restOf(s *jsonscan.Scanner, i int) (rest []byte, end int) {
	if !s.Is(i, '{') {
		return nil, s.Value(i, 0)
	}
	rest = append(rest, '{')
	i, more := s.First(i, '}', 0)
	for more {
		start := i
		if i, _ = s.Quote(i); i < 0 {
			return nil, i
		}
		records := strings.EqualFold(s.Unquote(start, i), "Records")
		if i = s.Colon(i); i >= 0 {
			i = s.Value(i, 1)
		}
		if i < 0 {
			return nil, i
		}
		if !records {
			if len(rest) > 1 {
				rest = append(rest, ',')
			}
			rest = append(rest, s.Text[start:i]...)
		}
		i, more = s.Next(i, '}')
	}
	return append(rest, '}'), i
}
