package typed

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/firehose"
	"github.com/troupe-go/troupe/kafka"
)

// SQS returns a handler for troupe.SQS that decodes only the body of each message. It panics if handler is nil or
// an option is invalid.
func SQS[T any](handler troupe.Handler[T], options ...Option) troupe.Handler[troupe.Lazy[events.SQSMessage]] {
	return lazy[T, events.SQSMessage]("SQS", "body", handler, options)
}

// Kinesis returns a handler for troupe.Kinesis that decodes only the data of each record. It
// panics if handler is nil or an option is invalid.
func Kinesis[T any](handler troupe.Handler[T], options ...Option) troupe.Handler[troupe.Lazy[events.KinesisEventRecord]] {
	return lazy[T, events.KinesisEventRecord]("Kinesis", "kinesis.data", handler, options)
}

// Kafka returns a handler for kafka.New that decodes only the value of each record. For a tombstone, which has no
// value, nothing is decoded and handler is called with the zero T: a handler of a compacted topic takes a pointer for
// T, which is nil then. An empty value is not a tombstone; as JSON it is an error.
//
// As after any failure, later records of the partition do not start after a record that cannot be decoded, unless a
// policy or WithDropUndecodable changes that. It panics if handler is nil or an option is invalid.
func Kafka[T any](handler troupe.Handler[T], options ...Option) troupe.Handler[troupe.Lazy[kafka.Record]] {
	const tombstones = true
	return lazily[T, kafka.Record]("Kafka", "value", tombstones, handler, options)
}

// Firehose returns a handler for firehose.New that decodes only the data of each record. handler is wrapped by
// troupe.Returning, and returns the transformed record. A record that cannot be decoded fails, which is final, or is
// dropped with WithDropUndecodable. It panics if handler is nil or an option is invalid.
func Firehose[T any](handler troupe.Handler[T], options ...Option) troupe.Handler[troupe.Lazy[firehose.Record]] {
	return lazy[T, firehose.Record]("Firehose", "data", handler, options)
}

// Detail returns a handler for envelope.EventBridge that decodes the detail of each event. It panics if handler is
// nil or an option is invalid.
func Detail[T any](handler troupe.Handler[T], options ...Option) troupe.Handler[events.EventBridgeEvent] {
	d := decodingOf[T]("Detail", "detail", handler == nil, options)
	return func(ctx context.Context, event events.EventBridgeEvent) error {
		return decoded(ctx, d, orEmpty(event.Detail), handler)
	}
}

// With is a decoded payload with the record that contained it.
type With[T, R any] struct {
	Value  T
	Record R
}

// From returns a handler for records of type R that decodes what payload returns, and passes on the value together
// with the record. field names the payload in errors.
//
// If payload returns nil, the record has no payload, like a Kafka tombstone: handler is called with the zero T, and
// nothing is decoded. An empty payload that is not nil is decoded, which is an error for JSON. The decoder must not
// change the bytes that payload returns.
//
// It panics if payload or handler is nil or an option is invalid.
func From[T, R any](field string, payload func(R) []byte, handler troupe.Handler[With[T, R]], options ...Option) troupe.Handler[R] {
	d := decodingOf[T]("From", field, payload == nil || handler == nil, options)
	return func(ctx context.Context, record R) error {
		return decoded(ctx, d, payload(record), func(ctx context.Context, value T) error {
			return handler(ctx, With[T, R]{value, record})
		})
	}
}

// decoding is how payloads are decoded into a T.
type decoding[T any] struct {
	*settings
	field  string
	decode func([]byte) (T, error)
}

func decodingOf[T any](name, field string, isNil bool, options []Option) *decoding[T] {
	if isNil {
		panic(fmt.Errorf("troupe: typed.%s(nil): must be a function", name))
	}
	s := settingsOf(options)
	decode := jsonDecoder[T](s.strict)
	if s.decoder != nil {
		own, ok := s.decoder.(func([]byte) (T, error))
		switch {
		case !ok:
			panic(fmt.Errorf("troupe: typed.WithDecoder: %T: must be %T for this handler", s.decoder, own))
		case s.strict:
			panic(errors.New("troupe: typed.WithDisallowUnknownFields is not allowed with typed.WithDecoder, nor for a payload with a fixed decoder, such as the envelopes of package envelope: only JSON that is decoded by default has unknown fields"))
		}
		decode = own
	}
	return &decoding[T]{s, field, decode}
}

// decoded decodes a payload, unless it is nil, and calls handler with the value.
func decoded[T any](ctx context.Context, d *decoding[T], payload []byte, handler troupe.Handler[T]) error {
	var value T
	if payload != nil {
		var err error
		if value, err = d.decode(payload); err != nil {
			return d.undecodable(ctx, within(d.field, explain(err, payload, reflect.TypeFor[T]())))
		}
	}
	return handler(ctx, value)
}

// Payload returns a handler of Lazy records of type R that decodes their payload: for sources that have no function
// here, such as typed.Payload[kpl.UserRecord]("kinesis.data", handler). field names the payload in errors; a record
// without one has an empty payload. It panics if handler is nil or an option is invalid.
func Payload[R, T any](field string, handler troupe.Handler[T], options ...Option) troupe.Handler[troupe.Lazy[R]] {
	return lazy[T, R]("Payload", field, handler, options)
}

// FromLazy is From for Lazy records: it decodes only the payload, and passes the value and the record, which the
// handler may open. It is for packages that unwrap payloads. It panics if handler is nil or an option is invalid.
func FromLazy[T, R any](field string, handler troupe.Handler[With[T, troupe.Lazy[R]]], options ...Option) troupe.Handler[troupe.Lazy[R]] {
	d := decodingOf[T]("FromLazy", field, handler == nil, options)
	return func(ctx context.Context, record troupe.Lazy[R]) error {
		payload, err := record.Payload()
		if err != nil {
			return err
		}
		return decoded(ctx, d, orEmpty(payload), func(ctx context.Context, value T) error {
			return handler(ctx, With[T, troupe.Lazy[R]]{value, record})
		})
	}
}

// lazy returns a handler of Lazy records that decodes their payload. A record without a payload has an empty one.
func lazy[T, R any](name, field string, handler troupe.Handler[T], options []Option) troupe.Handler[troupe.Lazy[R]] {
	return lazily[T, R](name, field, false, handler, options)
}

// lazily is lazy; with tombstones, handler is called with the zero T where there is no payload.
func lazily[T, R any](name, field string, tombstones bool, handler troupe.Handler[T], options []Option) troupe.Handler[troupe.Lazy[R]] {
	d := decodingOf[T](name, field, handler == nil, options)
	return func(ctx context.Context, record troupe.Lazy[R]) error {
		payload, err := record.Payload()
		if err != nil {
			return err
		}
		if !tombstones {
			payload = orEmpty(payload)
		}
		return decoded(ctx, d, payload, handler)
	}
}

// orEmpty is a payload that is not nil: without one there is something to decode, and nothing in it.
func orEmpty(payload []byte) []byte {
	if payload == nil {
		return []byte{}
	}
	return payload
}

// Error is the error of a record whose payload could not be decoded. It contains the record, the position and
// the reason, but no part of the payload.
type Error struct {
	// ID is the record's identifier and Index its place in the batch, from 0. Without a record in the
	// handler's context, as in a test that calls the handler itself, they are empty and −1.
	ID    string
	Index int
	// Cause has the position and the reason. Its Offset counts the bytes of the payload, and is −1 if unknown.
	Cause *batch.DecodeError
}

// Error names the record, the field, the position and the problem.
func (e *Error) Error() string {
	text := "troupe: record cannot be decoded"
	if e.Index >= 0 {
		text = fmt.Sprintf("troupe: record %q, index %d, cannot be decoded", e.ID, e.Index)
	}
	text += ": " + e.Cause.Field + ": " + e.Cause.Problem
	if e.Cause.Offset >= 0 {
		text += fmt.Sprintf(" (at byte %d of the payload)", e.Cause.Offset)
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// undecodable is what to return for a record that cannot be decoded.
func (s *settings) undecodable(ctx context.Context, cause *batch.DecodeError) error {
	e := &Error{Index: -1, Cause: cause}
	if rec, ok := batch.RecordFrom(ctx); ok {
		e.ID, e.Index = rec.ID, rec.Index
	}
	if s.drop {
		return batch.Drop(e)
	}
	return e
}
