package sources

import (
	"errors"
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/batch"
)

// Source reads one kind of event: E is the aws-lambda-go type of the event and T that of its records. It is
// immutable.
type Source[E, T any] struct {
	kind   batch.Source
	origin string // the eventSource that its records carry
	stream bool   // ordered by nature; a queue is if it is a FIFO queue
	layout layout
	// id, originAt and arnAt are fields of layout.
	id, originAt, arnAt int

	// decode reads a record that has nothing unusual about it. (By value, lest each call allocate.)
	decode func(fields) (record T, ok bool)
	// group reads the group of such a record.
	group func(fields) (group string, ok bool)
	// sift finds out about any record, with encoding/json.
	sift func(raw string) facts
	// siftGroup finds the group of any record, with encoding/json, if it can be read.
	siftGroup func(raw string) (string, bool)

	// payload reads the payload of such a record, into bytes of their own; nil if records have none.
	payload func(fields) (payload []byte, ok bool)

	// records, factsOf, groupOf and payloadOf are for events that have been decoded.
	records   func(E) []T
	factsOf   func(*T) facts
	groupOf   func(*T) string
	payloadOf func(*T) []byte
}

// Kind returns the service that the events come from.
func (s *Source[E, T]) Kind() batch.Source { return s.kind }

// facts are what a record says about itself.
type facts struct {
	id     string
	fault  string // what is wrong with the identifier, if there is none
	origin string
	arn    string
}

// Decode reads the bytes of an event. The error matches batch.ErrEvent.
//
// Nothing in the Batch refers to payload, because Lambda's runtime uses it again for the next invocation. The
// text of each record is copied, that of neighbors to one place of 64 KB, or of the record's size if that is
// more: a handler that keeps one of its strings for long keeps that much, and a strings.Clone keeps less.
// Identifiers are apart from that, so that keeping results is cheap.
func (s *Source[E, T]) Decode(payload []byte) (*Batch[T], error) {
	x, err := split(payload, &s.layout, s.admit)
	if err != nil {
		return nil, batch.Because(batch.ErrEvent, err)
	}
	b := &Batch[T]{IDs: x.ids(), Open: func(i int) (T, error) { return s.record(x.record(i)) }}
	if s.payload != nil {
		b.Payload = func(i int) ([]byte, error) { return s.payloadIn(x.record(i)) }
	}
	s.order(b, x.fifo(), func(i int) (string, bool) { return s.ownGroup(x.record(i)) })
	return b, nil
}

// Read is Decode for an event that has been decoded already. The Batch refers to the event's records.
func (s *Source[E, T]) Read(event E) (*Batch[T], error) {
	records := s.records(event)
	if records == nil {
		return nil, batch.Because(batch.ErrEvent, errors.New(`"Records" is nil where a slice was expected`))
	}
	fifo := false
	b := &Batch[T]{IDs: make([]string, len(records)), Open: func(i int) (T, error) { return records[i], nil }}
	for i := range records {
		facts := s.factsOf(&records[i])
		if err := s.check(i, facts); err != nil {
			return nil, batch.Because(batch.ErrEvent, err)
		}
		fifo = fifo || s.fifo(facts)
		b.IDs[i] = facts.id
	}
	if s.payload != nil {
		b.Payload = func(i int) ([]byte, error) { return s.payloadOf(&records[i]), nil }
	}
	s.order(b, fifo, func(i int) (string, bool) { return s.groupOf(&records[i]), true })
	return b, nil
}

// order sets what a batch says about its groups: streams have them, and FIFO queues, which derive StopBatch with
// order and without it.
func (s *Source[E, T]) order(b *Batch[T], fifo bool, group func(int) (string, bool)) {
	if s.stream || fifo {
		b.Group = group
	}
	if fifo {
		b.Ordered, b.Unordered = batch.StopBatch, batch.StopBatch
	}
}

// payloadIn returns the payload of a record in bytes of its own.
func (s *Source[E, T]) payloadIn(f fields) ([]byte, error) {
	if !f.odd {
		if payload, ok := s.payload(f); ok {
			return payload, nil
		}
	}
	record, err := s.record(f)
	if err != nil {
		return nil, err
	}
	return s.payloadOf(&record), nil
}

// facts looks at a record without decoding it.
func (s *Source[E, T]) facts(f fields) facts {
	if f.odd {
		return s.sift(f.Text)
	}
	id := f.string(s.id)
	if id == "" {
		return s.sift(f.Text) // knows why
	}
	return facts{id: id, origin: f.string(s.originAt), arn: f.string(s.arnAt)}
}

// ownGroup reads the group that the source itself puts a record in.
func (s *Source[E, T]) ownGroup(f fields) (string, bool) {
	if !f.odd {
		if group, ok := s.group(f); ok {
			return group, true
		}
	}
	return s.siftGroup(f.Text)
}

func (s *Source[E, T]) record(f fields) (T, error) {
	if !f.odd {
		if record, ok := s.decode(f); ok {
			return record, nil
		}
	}
	var record, none T
	if decodePlain(f.Text, &record) != nil {
		return none, undecodable[T](f.Text, &s.layout)
	}
	return record, nil
}

// admit is an admission.
func (s *Source[E, T]) admit(i int, f fields) (id string, fifo bool, err error) {
	facts := s.facts(f)
	return facts.id, s.fifo(facts), s.check(i, facts)
}

// check refuses a record that is another source's or could not be reported.
func (s *Source[E, T]) check(i int, f facts) error {
	if f.origin != "" && f.origin != s.origin {
		return recordError(i, `"eventSource" is `+OriginName(f.origin)+" where "+s.origin+" was expected")
	}
	if f.id == "" {
		return recordError(i, `"`+s.layout.path(s.id)+`" is `+f.fault+", so that its failure could not be reported")
	}
	return nil
}

func recordError(i int, problem string) error { return fmt.Errorf("record %d: %s", i, problem) }

// fifo reports whether a record is from a FIFO queue.
func (s *Source[E, T]) fifo(f facts) bool {
	const suffix = ".fifo"
	return !s.stream && len(f.arn) >= len(suffix) && strings.EqualFold(f.arn[len(f.arn)-len(suffix):], suffix)
}
