package sources

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/batch"
)

// Batch describes the records of an event. A Reader sets IDs and Open; if other fields have their zero values,
// features are missing, but no record is lost.
type Batch[T any] struct {
	// IDs are the records' identifiers in batch order, one for each record of the event: Lambda's item identifiers. A
	// record without one would be neither handled nor reported. None may be empty; several records may share one. For
	// an event with an empty list of records, IDs is empty and not nil. Nil means that there is no such list, and the
	// event is refused.
	IDs []string
	// Open decodes record i. The error is a *batch.DecodeError. It is called from any goroutine, any number of
	// times, for as long as the Batch is kept, even after the invocation has ended. Each call returns a record that
	// shares nothing with earlier ones, since a handler may change its record and be called again.
	Open func(i int) (T, error)
	// Payload returns a copy of the body, data or value of record i, without decoding the rest. It is called
	// like Open. Nil: the records have no separate payload.
	Payload func(i int) ([]byte, error)
	// Images returns the keys and images of record i, which Open decodes. It is called like Open. ok is false if they have
	// to be read with Open: it may return an error, or the JSON is unusual. Nil: that is so for all records.
	Images func(i int) (images Images, ok bool)
	// Text returns a copy of the JSON of record i, whether or not it can be decoded. It is called like Open. Nil:
	// unknown.
	Text func(i int) []byte
	// Group returns the group in which the source puts record i; ok is false if it cannot be read. Nil: the
	// source has no order of its own.
	Group func(i int) (group string, ok bool)
	// Ordered and Unordered are the policies that Derive selects, with order and without it. Zero:
	// StopGroup and Continue for a source with an order of its own, Continue for others.
	Ordered, Unordered batch.Policy
	// Notes returns what Open has omitted from records, for the report, in batch order. It is called once the
	// batch has ended, perhaps while Open runs. Nil: Open omits nothing.
	Notes func() []batch.Note
	// NoLowest reports that the identifiers of this event are not positions to resume from, so that
	// WithLowestOnly has no effect.
	NoLowest bool
	// Within is how long the sender of this event waits for the response, counted from its arrival. Zero: until the
	// function's deadline, which counts in any case if it is earlier.
	Within time.Duration
	// NoResponse is the reason why the sender of this event ignores which records are reported. The event is
	// then refused unless the processor has ErrorWhenAny, since failed records would be lost. Empty: the sender
	// reads the response.
	NoResponse string
	// Handling is the unit for which handlers are called. Zero: each record.
	Handling batch.Handling
	// Review receives the outcomes of all records before they are reported, and may turn a success into a failure,
	// such as for a record whose result does not fit into the response. It is called once, on the invocation's
	// goroutine. Nil: the outcomes are final.
	Review func(report *batch.Report)
	// About are the parts of the event that the response repeats, for response.Answer.For. Nil: none.
	About any
}

// Reader reads one kind of event: E is its decoded type and T that of its records. *Source is one.
//
// A Reader reads events. It does not depend on options: package troupe arranges the records by them. Its methods and
// the functions of the Batch run on the invocation's goroutine, except Open, Payload and Text, and nothing contains a
// panic in them or ends them in time. A Reader that embeds another one inherits its Limits.
type Reader[E, T any] interface {
	// Kind returns the service that the events come from.
	Kind() batch.Source
	// Decode reads the bytes of an event. The error matches batch.ErrEvent. The Batch must not refer to
	// payload.
	Decode(payload []byte) (*Batch[T], error)
	// Read is Decode for an event that has been decoded already.
	Read(event E) (*Batch[T], error)
	// Limits returns the options that do not apply to the source. It is called once, when a processor is constructed.
	Limits() Limits
}

// Limits are the options that a Reader cannot honor. The zero value allows all but WithIgnore. Each text completes the
// sentence "WithDecider is not allowed: …".
type Limits struct {
	// NotAnEvent reports whether payload, which Decode has refused, is certainly not an event of the source: WithIgnore
	// is called only for such payloads. WithoutRecords is the function for events with a list called Records. Nil:
	// WithIgnore is refused.
	NotAnEvent func(payload []byte) bool
	// Policy, if it is not Derive, is the only policy. An option that sets another is refused, and a variable of
	// the environment has no effect.
	Policy batch.Policy
	// Why is the reason why only Policy is allowed.
	Why string

	NoDecider, NoWithoutOrder, NoGroup, NoRetry, NoRecordTimeout, NoMiddleware, NoLastResort, NoLowestOnly, NoIgnore, NoRedelivery string

	// NoError is the reason why only ErrorWhenNever is allowed: an option that sets another value is refused, and
	// an environment variable has no effect.
	NoError string
}

// Plan is a batch arranged by the options of a processor.
type Plan[T any] struct {
	// IDs are those of the Batch.
	IDs []string
	// Results has an entry per record, with its ID and, if the batch is Ordered, its Group. Records count as failed
	// until their outcome is known. The processor or a Whole sets the outcomes.
	Results []batch.Result
	// Ordered reports whether the records of a group are handled one at a time in batch order.
	Ordered bool
	// Barrier is the index of the first record whose group is not known, if the batch is ordered, and len(IDs)
	// otherwise. Its Open returns an error, and no later record may be handled: any of them might belong to
	// the same group.
	Barrier int
	// Policy determines how the failure of a record affects the others. It is not Derive.
	Policy batch.Policy
	// Handling is that of the Batch.
	Handling batch.Handling
	// Open, Payload, Images and Text are those of the Batch. If the records were grouped by a user's function, Open returns
	// the values that the function received, and its failure for the record at the barrier; Images is nil then.
	Open    func(i int) (T, error)
	Payload func(i int) ([]byte, error)
	Images  func(i int) (images Images, ok bool)
	Text    func(i int) []byte
}

// Raw returns the body, data or value of record i unchanged. If that is empty or cannot be read, whole is true and raw
// is the JSON of the record, or nil if it is unknown.
func (p *Plan[T]) Raw(i int) (raw []byte, whole bool) {
	if p.Payload != nil {
		if payload, err := p.Payload(i); err == nil && len(payload) > 0 {
			return payload, false
		}
	}
	if p.Text == nil {
		return nil, true
	}
	return p.Text(i), true
}

// Whole handles all records of a batch in one call. A value handles one batch.
type Whole[T any] interface {
	// Admit is called once with the arranged records, before anything runs. It returns the function for the
	// one attempt; nil if there is nothing to call.
	Admit(p *Plan[T]) (handle func(context.Context) error)
	// Spread turns the report about the one attempt into one about the records, by setting its Records.
	Spread(report *batch.Report)
}

// Then ends a batch whose records have been handled one by one with a single call for all of them. A value serves one
// batch.
type Then[T any] interface {
	// Admit is called once every record has its outcome, with the arranged records and the report so far. It returns
	// the function for the one attempt; nil if there is nothing to call.
	Admit(p *Plan[T], report *batch.Report) (handle func(context.Context) error)
	// Spread turns the result of that attempt into outcomes of records. It is not called if Admit returned nil.
	Spread(report *batch.Report, one batch.Result)
}

// Lazy is a record of type T with only its payload read, or its images found; the rest is decoded on demand. It may be
// kept and used from any goroutine.
type Lazy[T any] struct {
	payload []byte
	images  *Images
	opened  *T // if the record has been decoded already
	funcs   *lazyFuncs[T]
	plan    *Plan[T]
	index   int
}

type lazyFuncs[T any] struct {
	payload func() ([]byte, error)
	open    func() (T, error)
}

// Payload returns the record's body, data or value as a copy; nil if the record has none. Several calls may return the
// same bytes. The error is a *batch.DecodeError, or states that records of this source, such as DynamoDB's, have no
// payload.
func (l Lazy[T]) Payload() ([]byte, error) {
	switch {
	case l.funcs != nil:
		return l.funcs.payload()
	case l.plan == nil || l.plan.Payload == nil:
		return nil, errNoPayload
	}
	return l.payload, nil
}

// errNoPayload is no *batch.DecodeError, for nothing is wrong with the record.
var errNoPayload = errors.New("troupe: records of this source have no separate payload: use Open")

// Images returns the keys and images of a record of a DynamoDB stream as JSON, for packages that decode them. ok is false if
// they have to be read with Open: the record was not read from JSON, or its JSON is unusual.
func (l Lazy[T]) Images() (images Images, ok bool) {
	if l.images == nil {
		return Images{}, false
	}
	return *l.images, true
}

// Open decodes the whole record. The error is a *batch.DecodeError.
func (l Lazy[T]) Open() (T, error) {
	switch {
	case l.opened != nil:
		return *l.opened, nil
	case l.funcs != nil:
		return l.funcs.open()
	default:
		return l.plan.Open(l.index)
	}
}

// LazyOf returns a Lazy with the given functions, for packages that unwrap payloads. They may be called from any
// goroutine, any number of times.
func LazyOf[T any](payload func() ([]byte, error), open func() (T, error)) Lazy[T] {
	return Lazy[T]{funcs: &lazyFuncs[T]{payload, open}}
}

// Lazy returns record i of the plan. It returns an error if the payload, or a record without a payload, cannot be
// decoded. A record whose images are found is decoded by Open, which succeeds then.
func (p *Plan[T]) Lazy(i int) (l Lazy[T], err error) {
	l = Lazy[T]{plan: p, index: i}
	if p.Payload != nil {
		l.payload, err = p.Payload(i)
		return l, err
	}
	if p.Images != nil {
		if images, ok := p.Images(i); ok {
			l.images = &images
			return l, nil
		}
	}
	record, err := p.Open(i)
	l.opened = &record
	return l, err
}
