package sources

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/troupe-go/troupe/messages"
)

// Batch is an event split into its records, before any handler has run.
type Batch[T any] struct {
	// Results has one entry per record, in batch order. ID is always set, Group only if Ordered, and
	// everything else is zero: a record has failed until something says otherwise.
	Results []messages.Result
	// Ordered: the records of one group must be handled in order.
	Ordered bool
	// FIFO: the batch comes from an SQS FIFO queue, whether or not it is to be handled in order.
	FIFO bool
	// Barrier is the index of the first record whose group cannot be read, if the batch is ordered, and
	// len(Results) otherwise. Its Record is an error, and no record after it may be handled: any of them
	// might belong to the same group.
	Barrier int
	// Record returns the payload of record i, decoding it now. The error is a *messages.DecodeError, or a
	// *messages.PanicError if the group function panicked on the record. It may be called from several
	// goroutines at once, more than once for a record, and for as long as the Batch is kept.
	Record func(i int) (T, error)
	// Whole, if not nil, says that one actor handles the batch as a whole: Results has the one entry for it,
	// and T is what its handler is given. Whole is called once, when it is known what the failure of a record
	// means for the others and before anything runs; what it returns is called with the report about that
	// one entry, and makes it one about the records.
	Whole func(messages.Directive) (spread func(*messages.Report))
}

// Choices are what the options of a processor come to, as far as a Reader may be unable to bear them. Each
// is false, or zero, without the option.
type Choices struct {
	Policy        messages.Directive // 0: left to be derived
	Decider       bool               // WithDecider
	Unordered     bool               // WithoutOrder
	Group         bool               // WithGroup
	Retry         bool               // Retry
	RecordTimeout bool               // WithRecordTimeout
	Middleware    bool               // WithMiddleware
}

// Grouping says how a batch is ordered. The zero value is the source's own rule.
type Grouping[T any] struct {
	// Off: no order, whatever the source.
	Off bool
	// By names the group of a record, and makes the batch of any source an ordered one. It is called once
	// per decodable record, in batch order, by the goroutine that reads the event; handlers are given the
	// very value that it saw. A panic in it is the record's failure. Nil means the source's own rule.
	By func(T) string
}

// Reader reads one kind of event: E is its decoded type and T that of its records. *Source is one.
type Reader[E, T any] interface {
	// Kind returns the service that the events come from.
	Kind() messages.Source
	// Decode reads the bytes of an event. The error matches messages.ErrEvent. The Batch must not refer to
	// payload.
	Decode(payload []byte, g Grouping[T]) (*Batch[T], error)
	// Read is Decode for an event that has been decoded already.
	Read(event E, g Grouping[T]) (*Batch[T], error)
}

// Source reads one kind of event: E is the aws-lambda-go type of the event and T that of its records. It is
// immutable.
type Source[E, T any] struct {
	kind   messages.Source
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

	// records, factsOf and groupOf are for events that have been decoded.
	records func(E) []T
	factsOf func(*T) facts
	groupOf func(*T) string
}

// Kind returns the service that the events come from.
func (s *Source[E, T]) Kind() messages.Source { return s.kind }

// facts are what a record says about itself.
type facts struct {
	id     string
	fault  string // what is wrong with the identifier, if there is none
	origin string
	arn    string
}

// Decode reads the bytes of an event. The error matches messages.ErrEvent.
//
// Nothing in the Batch refers to payload, because Lambda's runtime uses it again for the next invocation. The
// text of each record is copied, that of neighbours to one place of 64 KB, or of the record's size if that is
// more: a handler that keeps one of its strings for long keeps that much, and a strings.Clone keeps less.
// Identifiers and groups are apart from that, so that keeping results is cheap.
func (s *Source[E, T]) Decode(payload []byte, g Grouping[T]) (*Batch[T], error) {
	x, err := split(payload, &s.layout, s.admit)
	if err != nil {
		return nil, messages.Because(messages.ErrEvent, err)
	}
	b := &Batch[T]{Results: x.results(), FIFO: x.fifo()}
	b.Record = func(i int) (T, error) { return s.record(x.record(i)) }
	b.Arrange(g, s.stream || b.FIFO, func(i int) (string, bool) { return s.ownGroup(x.record(i)) })
	b.keepGroups()
	return b, nil
}

// Read is Decode for an event that has been decoded already. The Batch refers to the event's records.
func (s *Source[E, T]) Read(event E, g Grouping[T]) (*Batch[T], error) {
	records := s.records(event)
	if records == nil {
		return nil, messages.Because(messages.ErrEvent, errors.New(`"Records" is nil where a slice was expected`))
	}
	b := &Batch[T]{Results: make([]messages.Result, len(records))}
	for i := range records {
		facts := s.factsOf(&records[i])
		if err := s.check(i, facts); err != nil {
			return nil, messages.Because(messages.ErrEvent, err)
		}
		b.FIFO = b.FIFO || s.fifo(facts)
		b.Results[i].ID = facts.id
	}
	b.Record = func(i int) (T, error) { return records[i], nil }
	b.Arrange(g, s.stream || b.FIFO, func(i int) (string, bool) { return s.groupOf(&records[i]), true })
	return b, nil
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
		return recordError(i, `"`+s.layout.path(s.id)+`" is `+f.fault+"; Lambda could not be told of a failure of this record")
	}
	return nil
}

func recordError(i int, problem string) error { return fmt.Errorf("record %d: %s", i, problem) }

// fifo reports whether a record is from a FIFO queue.
func (s *Source[E, T]) fifo(f facts) bool {
	const suffix = ".fifo"
	return !s.stream && len(f.arn) >= len(suffix) && strings.EqualFold(f.arn[len(f.arn)-len(suffix):], suffix)
}

// Arrange sets Ordered, Barrier and the groups of a batch whose Results and Record are there. ordered says
// whether the source is one by itself; own reads the group that the source puts record i in, if it can be
// read, and is not called where g has another rule. Where g has a function, Record gives what that saw.
func (b *Batch[T]) Arrange(g Grouping[T], ordered bool, own func(i int) (group string, ok bool)) {
	b.Barrier = len(b.Results)
	b.Ordered = !g.Off && (g.By != nil || ordered)
	switch {
	case !b.Ordered:
	case g.By != nil:
		b.GroupBy(g.By)
	default:
		for i := range b.Results {
			group, ok := own(i)
			if !ok {
				b.Barrier = min(b.Barrier, i)
			}
			b.Results[i].Group = group
		}
	}
}

// GroupBy sets the groups by the user's function, and the barrier by what it cannot be asked about or fails
// at. It asks at once, and Record returns the very values that were asked about.
func (b *Batch[T]) GroupBy(by func(T) string) {
	records, errs := make([]T, len(b.Results)), make([]error, len(b.Results))
	for i := range b.Results {
		if records[i], errs[i] = b.Record(i); errs[i] == nil {
			b.Results[i].Group, errs[i] = call(by, records[i])
		}
		if errs[i] != nil {
			b.Barrier = min(b.Barrier, i)
		}
	}
	b.Record = func(i int) (T, error) {
		if errs[i] != nil {
			var none T
			return none, errs[i]
		}
		return records[i], nil
	}
}

func call[T any](by func(T) string, record T) (group string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &messages.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return by(record), nil
}

// keepGroups makes the groups independent of the event.
func (b *Batch[T]) keepGroups() {
	if !b.Ordered {
		return
	}
	size := 0
	for i := range b.Results {
		size += len(b.Results[i].Group)
	}
	var arena strings.Builder
	arena.Grow(size)
	for i := range b.Results {
		b.Results[i].Group = keep(&arena, b.Results[i].Group)
	}
}
