package sources

import (
	"errors"
	"strings"

	"github.com/troupe-go/troupe/messages"
)

// Rest returns what the bytes of an event have beside its records: the event as a JSON object without
// Records, such as {"window":{…},"state":{…}}. It is for sources whose events say more than that, and one
// quick pass over them. The error matches messages.ErrEvent: payload is not JSON, or not an object. The result
// does not refer to payload.
func Rest(payload []byte) ([]byte, error) {
	s := scanner{text: string(payload)}
	rest, end := s.rest(s.space(0))
	if end >= 0 {
		if end = s.space(end); end < len(s.text) {
			end = s.fail(end)
		}
	}
	switch {
	case end < 0:
		return nil, messages.Because(messages.ErrEvent, s.err())
	case rest == nil:
		kind := kindOf(s.text[s.space(0):])
		return nil, messages.Because(messages.ErrEvent, errors.New("the event is "+article(kind)+" where an object was expected"))
	}
	return rest, nil
}

// rest copies the members of the object at i, but for the records. It returns nil if there is no object.
func (s *scanner) rest(i int) (rest []byte, end int) {
	if !s.is(i, '{') {
		return nil, s.value(i, 0)
	}
	rest = append(rest, '{')
	i, more := s.first(i, '}', 0)
	for more {
		start := i
		if i, _ = s.quote(i); i < 0 {
			return nil, i
		}
		records := strings.EqualFold(s.unquote(start, i), "Records")
		if i = s.colon(i); i >= 0 {
			i = s.value(i, 1)
		}
		if i < 0 {
			return nil, i
		}
		if !records {
			if len(rest) > 1 {
				rest = append(rest, ',')
			}
			rest = append(rest, s.text[start:i]...)
		}
		i, more = s.next(i, '}')
	}
	return append(rest, '}'), i
}
