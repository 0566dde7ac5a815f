package typed

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/messages"
)

// SQS returns a handler for troupe.SQS that decodes the body of each message. It panics if handler is nil or
// an option is bad.
func SQS[T any](handler func(context.Context, T, events.SQSMessage) error, options ...Option) func(context.Context, events.SQSMessage) error {
	return From("body", func(m events.SQSMessage) []byte { return []byte(m.Body) }, handler, options...)
}

// Kinesis returns a handler for troupe.Kinesis that decodes the data of each record. It panics if handler is
// nil or an option is bad.
func Kinesis[T any](handler func(context.Context, T, events.KinesisEventRecord) error, options ...Option) func(context.Context, events.KinesisEventRecord) error {
	return From("kinesis.data", func(r events.KinesisEventRecord) []byte {
		if r.Kinesis.Data == nil {
			return []byte{} // a record without data is not one without a payload
		}
		return r.Kinesis.Data
	}, handler, options...)
}

// Kafka returns a handler for kafka.New that decodes the value of each record. For a tombstone, whose Value is
// nil, nothing is decoded and the handler is called with the zero T: a handler of a compacted topic looks at the
// record's Value, or takes a pointer for T, which is nil then. An empty value is no tombstone, and as JSON an error.
//
// As with any failure, what is behind a record that cannot be decoded in its partition is not started, unless a
// policy or DropUndecodable says otherwise. It panics if handler is nil or an option is bad.
func Kafka[T any](handler func(context.Context, T, kafka.Record) error, options ...Option) func(context.Context, kafka.Record) error {
	return From("value", func(r kafka.Record) []byte { return r.Value }, handler, options...)
}

// Detail returns a handler for envelope.EventBridge that decodes the detail of each event. It panics if
// handler is nil or an option is bad.
func Detail[T any](handler func(context.Context, T, events.EventBridgeEvent) error, options ...Option) func(context.Context, events.EventBridgeEvent) error {
	return From("detail", func(e events.EventBridgeEvent) []byte {
		if e.Detail == nil {
			return []byte{}
		}
		return e.Detail
	}, handler, options...)
}

// From returns a handler for records of type R that decodes what payload returns; field is what errors call
// it. The other functions for payloads are made of it.
//
// Where payload returns nil the record has no payload, as a tombstone of Kafka has none: the handler is called
// with the zero T, and nothing is decoded. An empty payload that is not nil is decoded, so that as JSON it is
// an error. The decoder must not change what payload returns.
//
// It panics if payload or handler is nil or an option is bad.
func From[T, R any](field string, payload func(R) []byte, handler func(context.Context, T, R) error, options ...Option) func(context.Context, R) error {
	if payload == nil || handler == nil {
		panic(errors.New("troupe: typed: the handler or payload function is nil; a function is needed"))
	}
	s := settingsOf(options)
	decode := jsonDecoder[T](s.strict)
	if s.decoder != nil {
		own, ok := s.decoder.(func([]byte) (T, error))
		switch {
		case !ok:
			panic(fmt.Errorf("troupe: typed: Decoder was given a %T; this handler needs a %T", s.decoder, own))
		case s.strict:
			panic(errors.New("troupe: typed: DisallowUnknownFields is for JSON; a Decoder has to see to it itself"))
		}
		decode = own
	}
	return func(ctx context.Context, record R) error {
		var value T
		if data := payload(record); data != nil {
			var err error
			if value, err = decode(data); err != nil {
				return s.undecodable(ctx, within(field, explain(err, data, reflect.TypeFor[T]())))
			}
		}
		return handler(ctx, value, record)
	}
}

// Error is the error of a record whose payload could not be decoded: which record, where and why, and nothing
// of the payload.
type Error struct {
	// ID is the record's identifier and Index its place in the batch, from 0. Without a record in the
	// handler's context, as in a test that calls the handler itself, they are empty and −1.
	ID    string
	Index int
	// Cause tells where and why. Its Offset counts the bytes of the payload, and is −1 if there is no saying.
	Cause *messages.DecodeError
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
func (s *settings) undecodable(ctx context.Context, cause *messages.DecodeError) error {
	e := &Error{Index: -1, Cause: cause}
	if rec, ok := messages.RecordFrom(ctx); ok {
		e.ID, e.Index = rec.ID, rec.Index
	}
	if s.drop {
		return messages.Drop(e)
	}
	return e
}
