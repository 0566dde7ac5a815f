package typed

import (
	"errors"
	"fmt"
)

// Option changes how payloads are decoded, or how undecodable ones are handled.
type Option interface{ apply(*settings) error }

type settings struct {
	drop    bool
	strict  bool
	decoder any // nil or a func([]byte) (T, error)
}

type option func(*settings) error

func (o option) apply(s *settings) error { return o(s) }

// settingsOf panics if an option is invalid, so that the function fails during initialization.
func settingsOf(options []Option) *settings {
	s := new(settings)
	for i, o := range options {
		if o == nil {
			panic(fmt.Errorf("troupe: typed: option %d is nil: must be an Option", i+1))
		}
		if err := o.apply(s); err != nil {
			panic(err)
		}
	}
	return s
}

// WithDropUndecodable drops records whose payload cannot be decoded: Lambda does not redeliver them. The Report
// counts them and contains their errors, and a batch with such records logs a line. Default: such a record
// fails. A record whose payload cannot be read at all (SPEC D6), such as a Kinesis record with invalid base64,
// fails either way.
func WithDropUndecodable() Option {
	return option(func(s *settings) error {
		s.drop = true
		return nil
	})
}

// WithDisallowUnknownFields rejects JSON with a field that the Go type does not have as a payload that cannot be
// decoded. It costs some allocations per record. Default: such fields are ignored.
func WithDisallowUnknownFields() Option {
	return option(func(s *settings) error {
		s.strict = true
		return nil
	})
}

// WithDecoder decodes payloads with decode instead of encoding/json: Avro, Protobuf, or JSON with other rules.
// T must be the type of the handler. Several goroutines call the function at once. Its argument is a copy that
// it may keep.
//
// Every error means that the payload cannot be decoded; with WithDropUndecodable the record is then dropped. Work
// that may fail for other reasons, such as a request to a schema registry, belongs in the function's
// initialization or in the handler. An error's text is not passed on, since it may quote the payload; a
// *troupe.DecodeError is. Default: encoding/json.
func WithDecoder[T any](decode func(payload []byte) (T, error)) Option {
	return option(func(s *settings) error {
		switch {
		case decode == nil:
			return errors.New("troupe: typed.WithDecoder(nil): must be a function")
		case s.decoder != nil:
			return errors.New("troupe: typed.WithDecoder: given twice, or for a payload that has a fixed decoder")
		}
		s.decoder = decode
		return nil
	})
}
