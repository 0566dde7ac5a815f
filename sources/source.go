package sources

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/troupe-go/troupe/batch"
)

// Source reads one kind of event: E is the aws-lambda-go type of the event and T that of its records. It is
// immutable.
type Source[E, T any] struct {
	kind   batch.Source
	origin string // the eventSource that its records carry
	stream bool   // ordered by nature; a queue is if it is a FIFO queue
	// mapping and pipe are the formats of records from an event source mapping and from an EventBridge pipe.
	mapping, pipe form[T]
	// originAt and arnAt are fields of both layouts.
	originAt, arnAt int

	// decode reads a record that has nothing unusual about it. (By value, lest each call allocate.)
	decode func(fields) (record T, ok bool)
	// group reads the group of such a record.
	group func(fields) (group string, ok bool)
	// payload reads the payload of such a record as a copy; nil if records have none.
	payload func(fields) (payload []byte, ok bool)
	// images finds the images of such a record; nil if records have none.
	images func(fields) (images Images, ok bool)

	// records, factsOf, groupOf and payloadOf are for events that have been decoded.
	records   func(E) []T
	factsOf   func(*T) facts
	groupOf   func(*T) string
	payloadOf func(*T) []byte
}

// Kind returns the service that the events come from.
func (s *Source[E, T]) Kind() batch.Source { return s.kind }

// Limits allows every option.
func (s *Source[E, T]) Limits() Limits { return Limits{NotAnEvent: WithoutRecords} }

// form is how one sender writes the records of a source.
type form[T any] struct {
	layout layout
	id     int // a field of layout
	// sift reads the facts of any record with encoding/json.
	sift func(raw string) facts
	// siftGroup reads the group of any record with encoding/json, if possible.
	siftGroup func(raw string) (string, bool)
	// plain decodes any record with encoding/json, into a wire.
	plain func(raw string) (T, error)
	wire  reflect.Type
	// untold completes the error of a record without identifier.
	untold string
}

const (
	untoldLambda = ", so that its failure could not be reported"
	untoldPipe   = ", so that its failure could not be reported: an input transformer must keep the identifier"
)

// pipeWithin is how long a pipe waits for the response of a function (AWS: "Amazon EventBridge Pipes targets").
const pipeWithin = 5 * time.Minute

// formOf returns the form of an event's records: a pipe sends a bare array.
func (s *Source[E, T]) formOf(payload []byte) *form[T] {
	if isArray(payload) {
		return &s.pipe
	}
	return &s.mapping
}

// isArray reports whether the payload, if it is JSON, is an array.
func isArray(payload []byte) bool {
	for _, c := range payload {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c == '['
		}
	}
	return false
}

// facts are the identifying parts of a record.
type facts struct {
	id     string
	fault  string // the problem if there is no valid identifier
	alien  string // why the record is of another form, if it is
	origin string
	arn    string
}

// Decode reads the bytes of an event: an object from an event source mapping, or the bare array of an
// EventBridge pipe. The error matches batch.ErrEvent.
//
// Nothing in the Batch refers to payload, because Lambda's runtime reuses it for the next invocation. The
// text of each record is copied; neighbors share a block of 64 KB, or of the record's size if that is more. A
// handler that keeps one of its strings keeps the block; a strings.Clone keeps less. Identifiers are
// separate, so keeping results is cheap.
func (s *Source[E, T]) Decode(payload []byte) (*Batch[T], error) {
	form := s.formOf(payload)
	x, err := split(payload, &form.layout, s.admission(form))
	if err != nil {
		return nil, batch.Because(batch.ErrEvent, err)
	}
	b := &Batch[T]{
		IDs:  x.ids(),
		Open: func(i int) (T, error) { return s.record(form, x.record(i)) },
		Text: func(i int) []byte { return []byte(x.record(i).Text) },
	}
	if s.payload != nil {
		b.Payload = func(i int) ([]byte, error) { return s.payloadIn(form, x.record(i)) }
	}
	if s.images != nil {
		b.Images = func(i int) (images Images, ok bool) {
			f := x.record(i)
			if f.fallback {
				return images, false
			}
			return s.images(f)
		}
	}
	if form == &s.pipe {
		b.NoLowest, b.Within = true, pipeWithin
	}
	s.order(b, x.fifo(), func(i int) (string, bool) { return s.ownGroup(form, x.record(i)) })
	return b, nil
}

// Read is like Decode, for an event that is already decoded. The Batch refers to the event's records.
func (s *Source[E, T]) Read(event E) (*Batch[T], error) {
	records := s.records(event)
	if records == nil {
		return nil, batch.Because(batch.ErrEvent, errors.New(`"Records" is nil where a slice was expected`))
	}
	fifo := false
	b := &Batch[T]{
		IDs:  make([]string, len(records)),
		Open: func(i int) (T, error) { return records[i], nil },
		Text: func(i int) []byte {
			text, _ := json.Marshal(records[i]) // nil if it cannot be encoded
			return text
		},
	}
	for i := range records {
		facts := s.factsOf(&records[i])
		if err := s.check(&s.mapping, i, &facts); err != nil {
			return nil, batch.Because(batch.ErrEvent, err)
		}
		fifo = fifo || s.fifo(&facts)
		b.IDs[i] = facts.id
	}
	if s.payload != nil {
		b.Payload = func(i int) ([]byte, error) { return s.payloadOf(&records[i]), nil }
	}
	s.order(b, fifo, func(i int) (string, bool) { return s.groupOf(&records[i]), true })
	return b, nil
}

// order sets the order of a batch: streams have groups, and so do FIFO queues, which derive StopBatch with order
// and without it.
func (s *Source[E, T]) order(b *Batch[T], fifo bool, group func(int) (string, bool)) {
	if s.stream || fifo {
		b.Group = group
	}
	if fifo {
		b.Ordered, b.Unordered = batch.StopBatch, batch.StopBatch
	}
}

// payloadIn returns the payload of a record as a copy.
func (s *Source[E, T]) payloadIn(form *form[T], f fields) ([]byte, error) {
	if !f.fallback {
		if payload, ok := s.payload(f); ok {
			return payload, nil
		}
	}
	record, err := s.record(form, f)
	if err != nil {
		return nil, err
	}
	return s.payloadOf(&record), nil
}

// facts looks at a record without decoding it.
func (s *Source[E, T]) facts(form *form[T], f fields) facts {
	if f.fallback || form.layout.alien >= 0 && f.seen>>form.layout.alien&1 != 0 {
		return form.sift(f.Text)
	}
	id := f.string(form.id)
	if id == "" {
		return form.sift(f.Text) // finds the reason
	}
	return facts{id: id, origin: f.string(s.originAt), arn: f.string(s.arnAt)}
}

// ownGroup reads the group that the source itself puts a record in.
func (s *Source[E, T]) ownGroup(form *form[T], f fields) (string, bool) {
	if !f.fallback {
		if group, ok := s.group(f); ok {
			return group, true
		}
	}
	return form.siftGroup(f.Text)
}

func (s *Source[E, T]) record(form *form[T], f fields) (T, error) {
	if !f.fallback {
		if record, ok := s.decode(f); ok {
			return record, nil
		}
	}
	record, err := form.plain(f.Text)
	if err != nil {
		var none T
		return none, undecodable(f.Text, form.wire, &form.layout)
	}
	return record, nil
}

// admission returns the function that admits the records of a form.
func (s *Source[E, T]) admission(form *form[T]) admission {
	return func(i int, f fields) (id string, fifo bool, err error) {
		facts := s.facts(form, f)
		return facts.id, s.fifo(&facts), s.check(form, i, &facts)
	}
}

// check refuses a record that is another source's or could not be reported.
func (s *Source[E, T]) check(form *form[T], i int, f *facts) error {
	if f.origin != "" && f.origin != s.origin {
		return recordError(i, `"eventSource" is `+OriginName(f.origin)+" where "+s.origin+" was expected")
	}
	if f.alien != "" {
		return recordError(i, f.alien)
	}
	if f.id == "" {
		return recordError(i, `"`+form.layout.path(form.id)+`" is `+f.fault+form.untold)
	}
	return nil
}

func recordError(i int, problem string) error { return fmt.Errorf("record %d: %s", i, problem) }

// fifo reports whether a record is from a FIFO queue.
func (s *Source[E, T]) fifo(f *facts) bool {
	const suffix = ".fifo"
	return !s.stream && len(f.arn) >= len(suffix) && strings.EqualFold(f.arn[len(f.arn)-len(suffix):], suffix)
}
