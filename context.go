package troupe

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/troupe-go/troupe/batch"
)

// RecordFrom returns the record that ctx belongs to. It accepts the contexts of handlers, middleware and last
// resorts, and those derived from them; ok is false for any other context.
func RecordFrom(ctx context.Context) (rec Record, ok bool) { return batch.RecordFrom(ctx) }

// DeadlineFrom returns the time when Lambda ends the invocation. ctx.Deadline of a handler's context is earlier, at
// the cutoff (SPEC D1). It accepts the contexts of handlers, middleware, last resorts and observers, and those
// derived from them; ok is false for any other context, and if the invocation has no deadline.
func DeadlineFrom(ctx context.Context) (deadline time.Time, ok bool) {
	if turn, found := batch.TurnFrom(ctx); found {
		deadline = turn.Times().Deadline
	} else if view, found := batch.ViewFrom(ctx); found {
		deadline = view.Times.Deadline
	}
	return deadline, !deadline.IsZero()
}

// MessageFrom returns the source's record that a handler was called for, even if the handler takes another
// type. T is the record type of the source, such as events.SQSMessage. It decodes the record from the batch's
// own copy at each call. It accepts the contexts that RecordFrom does. It returns an error if ctx is another
// context, if T is not the source's record type, or if the record cannot be decoded.
func MessageFrom[T any](ctx context.Context) (message T, err error) {
	turn, ok := batch.TurnFrom(ctx)
	if !ok {
		return message, errors.New("troupe: MessageFrom: the context is not that of a handler")
	}
	return messageAs[T](turn.Message())
}

// MessageAt returns record i of the batch that an observer was called for, like MessageFrom. i is the index in the
// report, from 0. It accepts an observer's context and those derived from it.
func MessageAt[T any](ctx context.Context, i int) (message T, err error) {
	view, ok := batch.ViewFrom(ctx)
	if !ok {
		return message, errors.New("troupe: MessageAt: the context is not that of an observer")
	}
	return messageAs[T](view.Message(i))
}

func messageAs[T any](message any, err error) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if m, ok := message.(T); ok {
		return m, nil
	}
	return none, fmt.Errorf("troupe: a %v was asked for, but the source's record is a %T", reflect.TypeFor[T](), message)
}

// Returning returns a Handler that keeps the value that handler returns in the report, as Result.Value; Value[V]
// returns it typed. Only the value of a successful attempt is kept. It panics if handler is nil.
func Returning[T, V any](handler func(context.Context, T) (V, error)) Handler[T] {
	if handler == nil {
		panic(errors.New("troupe: Returning(nil): must be a function"))
	}
	return func(ctx context.Context, message T) error {
		value, err := handler(ctx, message)
		if err != nil {
			return err
		}
		if turn, ok := batch.TurnFrom(ctx); ok {
			turn.Keep(value)
		}
		return nil
	}
}

// Value returns the value of a record's handler, if Returning kept it and it is a V.
func Value[V any](r Result) (value V, ok bool) { return batch.Value[V](r) }
