package typed

import (
	"errors"
	"fmt"
)

// Option changes how payloads are decoded, or what becomes of a record whose payload cannot be.
type Option interface{ apply(*settings) error }

type settings struct {
	drop    bool
	strict  bool
	decoder any // nil or a func([]byte) (T, error)
}

type option func(*settings) error

func (o option) apply(s *settings) error { return o(s) }

// settingsOf panics if an option is bad: the function then fails as it initialises.
func settingsOf(options []Option) *settings {
	s := new(settings)
	for i, o := range options {
		if o == nil {
			panic(fmt.Errorf("troupe: typed: option %d is nil", i+1))
		}
		if err := o.apply(s); err != nil {
			panic(err)
		}
	}
	return s
}

// DropUndecodable leaves out records whose payload cannot be decoded: they are Dropped, so that Lambda does not
// deliver them again. The Report counts them and has their errors, and the log has a line for each batch with
// any. Without the option such a record fails, and so does, with it too, one that is unreadable before there
// is a payload (SPEC D6), such as a Kinesis record with bad base64.
func DropUndecodable() Option {
	return option(func(s *settings) error {
		s.drop = true
		return nil
	})
}

// DisallowUnknownFields makes JSON that has a field which the Go type does not have one that cannot be decoded.
// Without the option such fields are ignored. It costs some allocations per record.
func DisallowUnknownFields() Option {
	return option(func(s *settings) error {
		s.strict = true
		return nil
	})
}

// Decoder has payloads decoded by decode instead of encoding/json: Avro, Protobuf, or JSON read in another way.
// T has to be the handler's. The function is called by several goroutines at once and must not keep or change
// the bytes it is given.
//
// Every error of it means that the payload cannot be decoded, and with DropUndecodable that the record is gone.
// So it is no place for what may fail for other reasons, such as asking a schema registry: do that as the
// function initialises, or in the handler. An error's text is not passed on, since it may quote the payload; a
// *troupe.DecodeError is.
func Decoder[T any](decode func(payload []byte) (T, error)) Option {
	return option(func(s *settings) error {
		switch {
		case decode == nil:
			return errors.New("troupe: typed: Decoder was given nil; a function is needed")
		case s.decoder != nil:
			return errors.New("troupe: typed: Decoder was given twice, or where the payload is not the user's to decode")
		}
		s.decoder = decode
		return nil
	})
}
