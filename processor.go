package troupe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/supervisor"
)

// Processor handles batches of one source: events of type E, answered with R. It is a lambda.Handler, so
// that it can be given to lambda.Start, and has Process for users with a handler of their own.
//
// A Processor is made by SQS, Kinesis or DynamoDB, or by a package beside this one. It is safe for concurrent
// use, keeps nothing from one batch to the next, and has no goroutine once every handler, observer and hook has
// returned.
type Processor[E, R any] struct {
	settings *settings
	decode   func([]byte) (work, error)
	read     func(E) (work, error)
	answer   response.Answer[R]
}

// work is an event made ready for the supervisor, whatever its source.
type work struct {
	batch *messages.Batch
	fifo  bool
	whole func(messages.Directive) func(*messages.Report) // sources.Batch.Whole
}

// chooser is a Reader that cannot bear every option. Its error says which one, and why.
type chooser interface{ Accept(sources.Choices) error }

// New returns a processor for a source that has no constructor here: src reads its events, answer makes its
// responses. The packages beside this one are made of it; functions are better off with theirs.
//
// It panics if handler is nil or an option or variable is bad.
func New[E, R, T any](src sources.Reader[E, T], answer response.Answer[R], handler func(context.Context, T) error, options ...Option) *Processor[E, R] {
	if handler == nil {
		panic(fmt.Errorf("troupe: the %s handler is nil; a function is needed", src.Kind()))
	}
	s, err := settingsOf(options)
	if err != nil {
		panic(err)
	}
	if s.lowestOnly && answer.Lowest == nil {
		panic(fmt.Errorf("troupe: WithLowestOnly is for streams, which Lambda restarts at the lowest; on %s the failures left out would be lost", src.Kind()))
	}
	if c, ok := src.(chooser); ok {
		if err := c.Accept(s.choices()); err != nil {
			panic(err)
		}
	}
	grouping := sources.Grouping[T]{Off: s.unordered}
	if s.group != nil {
		by, ok := s.group.(func(T) string)
		if !ok {
			panic(fmt.Errorf("troupe: WithGroup was given a %T, which is for another source; %s needs a %T", s.group, src.Kind(), by))
		}
		grouping.By = by
	}

	call := chain(s.middleware, handler)
	ready := func(b *sources.Batch[T], err error) (work, error) {
		if err != nil {
			return work{}, err
		}
		return work{fifo: b.FIFO, whole: b.Whole, batch: &messages.Batch{
			Source: src.Kind(), Results: b.Results, Ordered: b.Ordered, Barrier: b.Barrier,
			Handle: func(a *messages.Attempt) error {
				payload, err := b.Record(int(a.Index))
				if err != nil {
					return messages.Permanent(err)
				}
				return call(a, payload)
			},
		}}, nil
	}
	return &Processor[E, R]{
		settings: s,
		decode:   func(payload []byte) (work, error) { return ready(src.Decode(payload, grouping)) },
		read:     func(event E) (work, error) { return ready(src.Read(event, grouping)) },
		answer:   answer,
	}
}

// settingsOf puts the environment and the options together.
func settingsOf(options []Option) (*settings, error) {
	s, err := environmentSettings(os.Getenv)
	if err != nil {
		return nil, err
	}
	for i, o := range options {
		if o == nil {
			return nil, fmt.Errorf("troupe: option %d is nil", i+1)
		}
		if err := o.apply(s); err != nil {
			return nil, err
		}
	}
	if s.decider != nil {
		s.supervisor.Decide = func(rec messages.Record, err error) messages.Directive {
			return s.decider(rec, err).directive()
		}
	}
	return s, nil
}

// choices are what a Reader is asked about.
func (s *settings) choices() sources.Choices {
	return sources.Choices{
		Policy: s.policy.directive(), Decider: s.decider != nil,
		Unordered: s.unordered, Group: s.group != nil,
		Retry: s.supervisor.Retry.Times > 0, RecordTimeout: s.supervisor.RecordTimeout > 0,
		Middleware: len(s.middleware) > 0,
	}
}

// log is the logger of the moment: slog.Default may be set after the processor is made.
func (s *settings) log() *slog.Logger {
	if s.logger != nil {
		return s.logger
	}
	return slog.Default()
}

// chain puts the middleware around the handler, once per processor. Middleware is the same for all sources,
// so the payload passes it by in the context.
func chain[T any](middleware []Middleware, handler func(context.Context, T) error) func(*messages.Attempt, T) error {
	if len(middleware) == 0 {
		return func(a *messages.Attempt, payload T) error { return handler(a, payload) }
	}
	next := func(ctx context.Context, rec Record) error {
		p, ok := ctx.Value(payloadKey{}).(*carrier[T])
		if !ok || p.Record() != rec {
			return errors.New("troupe: a middleware passed on another record, or a context that does not derive from the one it was given")
		}
		return handler(ctx, p.payload)
	}
	for i := len(middleware) - 1; i >= 0; i-- {
		if next = middleware[i](next); next == nil {
			panic(fmt.Errorf("troupe: WithMiddleware: number %d returned nil; a function is needed", i+1))
		}
	}
	return func(a *messages.Attempt, payload T) error {
		return next(&carrier[T]{Attempt: a, payload: payload}, a.Record())
	}
}

type payloadKey struct{}

// carrier is a handler's context with the payload in it.
type carrier[T any] struct {
	*messages.Attempt
	payload T
}

func (c *carrier[T]) Value(key any) any {
	if key == (payloadKey{}) {
		return c
	}
	return c.Attempt.Value(key)
}

// Invoke handles the event in payload and returns the response, both as JSON: it is lambda.Handler. It
// blocks until every record has its outcome, at most until shortly before the deadline of ctx. Nothing
// that handlers get refers to payload.
//
// The error is an *EventError if the event cannot be processed; no handler has run then. Otherwise it is a
// *BatchError and tells of failed records, as ErrorWhen says; errors.Is and errors.As find the records' errors
// in it.
func (p *Processor[E, R]) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	w, err := p.decode(payload)
	if err != nil {
		return nil, err
	}
	ids, err := p.process(ctx, w)
	if err != nil {
		return nil, err
	}
	return p.answer.JSON(ids), nil
}

// Process is Invoke for an event that has been decoded already. Handlers get the event's own records; an
// event whose Records is nil is an error, one with no records a success. Together with an error that tells
// of failed records, Process returns the full response.
func (p *Processor[E, R]) Process(ctx context.Context, event E) (R, error) {
	w, err := p.read(event)
	if err != nil {
		var none R
		return none, err
	}
	ids, err := p.process(ctx, w)
	return p.answer.Typed(ids), err
}

// process runs a batch and returns what to report.
func (p *Processor[E, R]) process(ctx context.Context, w work) (ids []string, err error) {
	s := p.settings
	a := &aside{settings: s, ctx: ctx}
	w.batch.Policy = s.policyFor(w).directive()
	w.batch.Warn = a.warn
	var spread func(*messages.Report)
	switch {
	case w.whole != nil:
		spread = w.whole(w.batch.Policy)
	case len(s.hooks) > 0:
		w.batch.Failed = a.failed
	}
	report, leave := supervisor.Run(ctx, &s.supervisor, w.batch)
	if spread != nil {
		spread(report)
		a.failedOf(report)
	}
	a.finish(report, leave)

	ids = response.Failures(report.Records)
	if s.lowestOnly {
		ids = p.answer.Lowest(ids)
	}
	return ids, response.Error(report.Records, response.When(s.errorWhen))
}

// policyFor resolves Derive (SPEC P4).
func (s *settings) policyFor(w work) Policy {
	switch {
	case s.policy != Derive:
		return s.policy
	case w.batch.Source == messages.SQS && w.fifo:
		return Stop
	case w.batch.Source == messages.SQS || s.unordered:
		return Continue
	default:
		return StopGroup
	}
}
