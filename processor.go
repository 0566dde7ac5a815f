package troupe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/supervisor"
)

// Handler handles one record, or the value that a wrapper derives from it: typed.SQS turns a Handler of an
// Order into one of a Lazy SQS message, for example. It returns nil if the record is handled; see the package
// documentation for its other rules.
type Handler[T any] = func(ctx context.Context, message T) error

// Processor handles batches of one source: events of type E, answered with R. It is a lambda.Handler, so that it
// can be passed to lambda.Start, and has Process for functions with a handler of their own.
//
// SQS, Kinesis, DynamoDB and the packages around this one return processors. A Processor is safe for concurrent use,
// keeps nothing from one batch to the next, and has no goroutine once every handler, observer and hook has returned.
type Processor[E, R any] struct {
	settings *settings
	decode   func([]byte) (pending, error)
	read     func(E) (pending, error)
	answer   response.Answer[R]
	kind     Source
	then     bool // a call ends each batch
}

// pending is an event that has been read.
type pending struct {
	within time.Duration // sources.Batch.Within
	// arrange arranges the records when the clock of the batch is running.
	arrange func(context.Context) (*job, error)
}

// NewProcessor returns a processor for a source: src reads its events and answer makes its responses. M is T, the
// source's record type, or Lazy[T]. The packages around this one call it; for functions their constructors are
// simpler.
//
// It returns an error, which states what was given and what is allowed, if handler is nil, M is another
// type, or an option or an environment variable is invalid.
func NewProcessor[E, R, T, M any](src sources.Reader[E, T], answer response.Answer[R], handler Handler[M], options ...Option) (*Processor[E, R], error) {
	return newRecords(src, answer, handler, nil, options)
}

// NewThen is NewProcessor for batches that end with one call for all records: then returns a value for each batch.
// The handler has half of the time to the cutoff, so that there is time for that call. Package bulk calls it.
func NewThen[E, R, T, M any](src sources.Reader[E, T], answer response.Answer[R], handler Handler[M], then func() sources.Then[T], options ...Option) (*Processor[E, R], error) {
	if then == nil {
		return nil, errors.New("troupe: NewThen: then is nil; must be a function")
	}
	p, err := newRecords(src, answer, handler, then, options)
	if err != nil {
		return nil, err
	}
	p.then = true
	return p, nil
}

// newRecords returns a processor that calls handler for each record and, if then is not nil, ends each batch with it.
func newRecords[E, R, T, M any](src sources.Reader[E, T], answer response.Answer[R], handler Handler[M], then func() sources.Then[T], options []Option) (*Processor[E, R], error) {
	if err := complete(src, answer); err != nil {
		return nil, err
	}
	if handler == nil {
		return nil, fmt.Errorf("troupe: the %s handler is nil; must be a function", src.Kind())
	}
	s, err := settingsFor(src, answer.Lowest != nil, options)
	if err != nil {
		return nil, err
	}
	call, err := callOf[T](s, src.Kind(), handler)
	if err != nil {
		return nil, err
	}
	return newProcessor(s, src, answer, func(p *sources.Plan[T]) *job {
		j := recordJob(src.Kind(), p, call)
		if then != nil {
			j.then = finaleOf(p, then())
		}
		return j
	})
}

// NewWhole returns a processor for handlers that take a whole batch: whole returns a value for each. Package bulk
// calls it. The error is that of NewProcessor.
func NewWhole[E, R, T any](src sources.Reader[E, T], answer response.Answer[R], whole func() sources.Whole[T], options ...Option) (*Processor[E, R], error) {
	if err := complete(src, answer); err != nil {
		return nil, err
	}
	if whole == nil {
		return nil, errors.New("troupe: NewWhole: whole is nil; must be a function")
	}
	s, err := settingsFor(src, answer.Lowest != nil, options)
	if err != nil {
		return nil, err
	}
	return newProcessor(s, src, answer, func(p *sources.Plan[T]) *job { return wholeJob(src.Kind(), p, whole()) })
}

// complete refuses a source that cannot be read or answered.
func complete[E, R, T any](src sources.Reader[E, T], answer response.Answer[R]) error {
	switch {
	case src == nil:
		return errors.New("troupe: the Reader is nil")
	case answer.For == nil && (answer.Typed == nil || answer.JSON == nil):
		return fmt.Errorf("troupe: the Answer of %s lacks Typed or JSON; both must be functions, unless it has For", src.Kind())
	}
	return nil
}

func newProcessor[E, R, T any](s *settings, src sources.Reader[E, T], answer response.Answer[R], jobOf func(*sources.Plan[T]) *job) (*Processor[E, R], error) {
	a := &arrangement[T]{policy: s.policy, unordered: s.unordered, limits: s.limits}
	if s.group != nil {
		by, ok := s.group.(func(T) string)
		if !ok {
			return nil, fmt.Errorf("troupe: %s was given a %T; for %s it must be a %T, the record of the source, also where the handler takes another type", s.name("WithGroup"), s.group, src.Kind(), by)
		}
		a.by = by
	}
	ready := func(b *sources.Batch[T], err error) (pending, error) {
		switch {
		case err != nil:
			if _, ok := err.(*batch.EventError); !ok {
				err = batch.Because(batch.ErrEvent, err)
			}
			return pending{}, err
		case b == nil || b.IDs == nil:
			return pending{}, batch.Because(batch.ErrEvent, errors.New("the Reader has found no list of records: its Batch or the IDs are nil; an event with an empty list has IDs that are empty and not nil"))
		case b.NoResponse != "" && s.errorWhen != ErrorWhenAny:
			return pending{}, batch.Because(batch.ErrEvent, errors.New(b.NoResponse+"; WithErrorWhen(ErrorWhenAny) is needed here"))
		}
		return pending{b.Within, func(ctx context.Context) (*job, error) {
			p, err := a.arrange(ctx, b, src.Kind())
			if err != nil {
				return nil, batch.Because(batch.ErrEvent, err)
			}
			j := jobOf(p)
			j.noLowest, j.notes, j.review, j.about = b.NoLowest, b.Notes, b.Review, b.About
			j.message = func(i int) (any, error) { return b.Open(i) }
			if j.batch.Message == nil {
				j.batch.Message = j.message
			}
			return j, nil
		}}, nil
	}
	return &Processor[E, R]{
		settings: s,
		decode:   func(payload []byte) (pending, error) { return ready(src.Decode(payload)) },
		read:     func(event E) (pending, error) { return ready(src.Read(event)) },
		answer:   answer,
		kind:     src.Kind(),
	}, nil
}

// settingsFor puts the environment, the options and the limits of a source together.
func settingsFor(src interface {
	Kind() Source
	Limits() sources.Limits
}, lowest bool, options []Option) (*settings, error) {
	s, err := environmentSettings(os.Getenv)
	if err != nil {
		return nil, err
	}
	if err := s.applyAll(options); err != nil {
		return nil, err
	}
	if s.lowestOnly && !lowest {
		return nil, fmt.Errorf("troupe: %s is for streams, where Lambda restarts at the lowest failed record; on %s the failed records left out would be lost", s.name("WithLowestOnly"), src.Kind())
	}
	if err := s.redeliverable(src.Kind()); err != nil {
		return nil, err
	}
	s.limits = src.Limits()
	if s.limits.NotAnEvent == nil && s.limits.NoIgnore == "" {
		s.limits.NoIgnore = "this source does not say which payloads are no events of its own"
	}
	if err := s.allowed(); err != nil {
		return nil, err
	}
	return s, nil
}

// redeliverable refuses options about the redelivery of single records where the batch is redelivered as a whole, and
// those that are for another source.
func (s *settings) redeliverable(kind Source) error {
	for _, r := range s.redelivery {
		switch {
		case s.errorWhen == ErrorWhenAny:
			return fmt.Errorf("troupe: %s is not allowed with ErrorWhenAny: after an error Lambda redelivers the whole batch", r.name)
		case r.Sources != nil && !slices.Contains(r.Sources, kind):
			return fmt.Errorf("troupe: %s is for %s, not for %s", r.name, oneOf(r.Sources), kind)
		}
	}
	return nil
}

// oneOf lists sources: "sqs or kinesis".
func oneOf(sources []Source) string {
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = string(s)
	}
	return strings.Join(names, " or ")
}

// allowed refuses the options that the source cannot honor.
func (s *settings) allowed() error {
	l := &s.limits
	if l.Policy != Derive && s.policyGiven && s.policy != l.Policy {
		return fmt.Errorf("troupe: %s(%v): must be %v, which is the default: %s", s.name("WithPolicy"), s.policy, l.Policy, l.Why)
	}
	if l.NoError != "" {
		if s.whenGiven && s.errorWhen != ErrorWhenNever {
			return fmt.Errorf("troupe: WithErrorWhen(%s): must be ErrorWhenNever, which is the default: %s", whenNames[s.errorWhen], l.NoError)
		}
		s.errorWhen = ErrorWhenNever
	}
	redelivery := ""
	if len(s.redelivery) > 0 {
		redelivery = s.redelivery[0].name
	}
	for _, limit := range []struct {
		given       bool
		option, why string
	}{
		{s.supervisor.Decide != nil, "WithDecider", l.NoDecider},
		{s.unordered, "WithoutOrder", l.NoWithoutOrder},
		{s.group != nil, "WithGroup", l.NoGroup},
		{s.supervisor.Retry.Times > 0, "WithRetry", l.NoRetry},
		{s.supervisor.RecordTimeout > 0, "WithRecordTimeout", l.NoRecordTimeout},
		{len(s.middleware) > 0, "WithMiddleware", l.NoMiddleware},
		{len(s.resorts) > 0, "WithLastResort", l.NoLastResort},
		{s.lowestOnly, "WithLowestOnly", l.NoLowestOnly},
		{s.ignore != nil, "WithIgnore", l.NoIgnore},
		{redelivery != "", redelivery, l.NoRedelivery},
	} {
		if limit.given && limit.why != "" {
			return fmt.Errorf("troupe: %s is not allowed: %s", s.name(limit.option), limit.why)
		}
	}
	return nil
}

var whenNames = map[ErrorWhen]string{ErrorWhenAll: "ErrorWhenAll", ErrorWhenAny: "ErrorWhenAny"}

// log is the logger of the moment: slog.Default may be set after the processor is constructed.
func (s *settings) log() *slog.Logger {
	if s.logger != nil {
		return s.logger
	}
	return slog.Default()
}

// callOf returns the function that makes an attempt at a record: it opens what the handler takes and calls the
// middleware and the handler.
func callOf[T, M any](s *settings, kind Source, handler Handler[M]) (func(*messages.Attempt, *sources.Plan[T]) error, error) {
	switch h := any(handler).(type) {
	case Handler[T]:
		call, err := chain(s.middleware, h)
		return func(a *messages.Attempt, p *sources.Plan[T]) error {
			message, err := p.Open(int(a.Index))
			if err != nil {
				return batch.Permanent(err)
			}
			return call(a, message)
		}, err
	case Handler[Lazy[T]]:
		call, err := chain(s.middleware, h)
		return func(a *messages.Attempt, p *sources.Plan[T]) error { return lazily(a, p, call) }, err
	default:
		var (
			message T
			lazy    Lazy[T]
		)
		return nil, fmt.Errorf("troupe: the %s handler is a %T; it must take a %T or a %T", kind, handler, message, lazy)
	}
}

// lazily calls a handler that opens its record itself, unless the record is the one whose group is not known.
func lazily[T any](a *messages.Attempt, p *sources.Plan[T], call Handler[Lazy[T]]) error {
	i := int(a.Index)
	if i == p.Barrier {
		if _, err := p.Open(i); err != nil {
			return batch.Permanent(err)
		}
	}
	message, err := p.Lazy(i)
	if err != nil {
		return batch.Permanent(err)
	}
	return call(a, message)
}

// chain puts the middleware around the handler, once per processor. The result is called with an attempt as its context.
// Middleware is the same for all sources, so the message passes it by in the context.
func chain[M any](middleware []Middleware, handler Handler[M]) (Handler[M], error) {
	if len(middleware) == 0 {
		return handler, nil
	}
	next := func(ctx context.Context, rec Record) error {
		c, ok := ctx.Value(messageKey{}).(*messageContext[M])
		if !ok || c.Record() != rec {
			return errors.New("troupe: a middleware passed on another record, or a context that does not derive from the one it was given")
		}
		return handler(ctx, c.message)
	}
	for i := len(middleware) - 1; i >= 0; i-- {
		if next = middleware[i](next); next == nil {
			return nil, fmt.Errorf("troupe: WithMiddleware: number %d returned nil; must be a function", i+1)
		}
	}
	return func(ctx context.Context, message M) error {
		a := ctx.(*messages.Attempt)
		return next(&messageContext[M]{Attempt: a, message: message}, a.Record())
	}, nil
}

type messageKey struct{}

// messageContext is a handler's context with the message in it.
type messageContext[M any] struct {
	*messages.Attempt
	message M
}

func (c *messageContext[M]) Value(key any) any {
	if key == (messageKey{}) {
		return c
	}
	return c.Attempt.Value(key)
}

// Invoke handles the event in payload and returns the response, both as JSON. It implements lambda.Handler. It
// blocks until every record has its outcome, at most until shortly before the deadline of ctx. Nothing that
// handlers receive refers to payload.
//
// payload is the event of an event source mapping, or the bare array of a pipe of EventBridge (SPEC S10). The error is
// an *EventError if the event cannot be processed; no handler has run then. It is a *BatchError if
// records failed and ErrorWhen calls for an error; errors.Is and errors.As find the records' errors in it.
func (p *Processor[E, R]) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	in := supervisor.Begin(ctx, &p.settings.supervisor)
	defer in.End()
	event, err := p.decode(payload)
	if err != nil {
		if p.settings.ignores(in.Handlers(), payload) {
			return p.json(p.answer.To(nil), &Report{Source: p.kind}, []string{})
		}
		return nil, err
	}
	var text []byte
	var unanswered error
	err = p.process(ctx, in, event, func(answer response.Answer[R], report *Report, ids []string) {
		text, unanswered = p.json(answer, report, ids)
	})
	if err == nil {
		err = unanswered
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

// json returns the response as JSON. A response of nothing would be a success of every record.
func (p *Processor[E, R]) json(answer response.Answer[R], report *Report, ids []string) ([]byte, error) {
	text := answer.JSON(report, ids)
	if len(text) == 0 {
		return nil, fmt.Errorf("troupe: the Answer of %s has written an empty response; this is a fault of its JSON function", p.kind)
	}
	return text, nil
}

// Process is like Invoke, for an event of an event source mapping that is already decoded. Handlers receive the
// event's own records. Nil Records are an error, and empty ones a success. With a *BatchError Process returns
// the full response too.
func (p *Processor[E, R]) Process(ctx context.Context, event E) (R, error) {
	r, _, err := p.ProcessReport(ctx, event)
	return r, err
}

// ProcessReport is like Process, and also returns the report. The report is nil if the event cannot be
// processed.
func (p *Processor[E, R]) ProcessReport(ctx context.Context, event E) (R, *Report, error) {
	in := supervisor.Begin(ctx, &p.settings.supervisor)
	defer in.End()
	var none R
	read, err := p.read(event)
	if err != nil {
		return none, nil, err
	}
	typed := none
	var own *Report // which observers do not share
	err = p.process(ctx, in, read, func(answer response.Answer[R], report *Report, ids []string) {
		typed = answer.Typed(report, ids)
		own = report
		if len(p.settings.observers) > 0 {
			kept := *report
			kept.Records = slices.Clone(report.Records)
			own = &kept
		}
	})
	return typed, own, err
}

// process runs a batch. Unless the event cannot be processed, it calls respond with the Answer, the report and the
// identifiers to report to Lambda, and only then the observers, so that what they do to the report does not change the
// response.
func (p *Processor[E, R]) process(ctx context.Context, in *supervisor.Invocation, event pending, respond func(response.Answer[R], *Report, []string)) error {
	s := p.settings
	if event.within > 0 {
		in.Within(&s.supervisor, event.within)
	}
	first := in // of the batch's two parts, if there are two
	if p.then {
		first = in.FirstHalf()
		defer first.End()
	}
	j, err := event.arrange(first.Handlers())
	if err != nil {
		return err
	}
	observed := ctx
	if len(s.observers)+len(s.hooks) > 0 {
		observed = batch.WithView(ctx, &batch.View{Times: in.Times, Message: j.message})
	}
	a := newCallbacks(s, observed)
	j.batch.Warn = a.warn
	delivery := batch.DeliveryFrom(ctx)
	if delivery != nil {
		j.startBy(delivery)
	}
	if j.spread == nil {
		j.batch.LastResort = s.lastResort()
		if len(s.hooks) > 0 {
			j.batch.Failed = a.failed
		}
	}
	report := first.Run(&s.supervisor, j.batch)
	if j.then != nil {
		j.then.run(in, a.warn, report, j.batch.Failed)
	}
	if j.spread != nil {
		j.spreadTo(report)
		report.Count()
		a.failedOf(report)
	}
	if j.review != nil {
		j.reviewed(report)
	}
	if j.notes != nil {
		report.Notes = j.notes()
	}
	if delivery != nil {
		delivery.Settled(report)
	}
	ids := response.Failures(report.Records)
	if s.lowestOnly && !j.noLowest {
		ids = p.lowest(ids)
	}
	if len(ids) > 0 {
		err = response.Error(report.Records, s.errorWhen)
	}
	respond(p.answer.To(j.about), report, ids)
	a.finish(report, in)
	return err
}

// lowest reduces failed identifiers to the lowest, or leaves them as they are if the Answer's Lowest does not return one
// of them.
func (p *Processor[E, R]) lowest(ids []string) []string {
	if len(ids) == 0 {
		return ids
	}
	lowest := p.answer.Lowest(ids)
	if len(lowest) == 0 || slices.ContainsFunc(lowest, func(id string) bool { return !slices.Contains(ids, id) }) {
		return ids
	}
	return lowest
}

// lastResort combines the last resorts, those of redelivery last: each receives the error of the one before, until one
// drops the record. None is called after the cutoff, when the record may have been reported.
func (s *settings) lastResort() func(context.Context, Record, error) error {
	resorts := slices.Clone(s.resorts)
	for _, r := range s.redelivery {
		if r.LastResort != nil {
			resorts = append(resorts, r.LastResort)
		}
	}
	switch len(resorts) {
	case 0:
		return nil
	case 1:
		return resorts[0]
	}
	return func(ctx context.Context, rec Record, err error) error {
		for _, resolve := range resorts {
			if err = resolve(ctx, rec, err); err == nil || batch.IsDrop(err) || ctx.Err() != nil {
				return err
			}
		}
		return err
	}
}
