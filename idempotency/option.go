package idempotency

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"
)

// Option changes what Wrap and Returning do.
type Option func(*settings) error

type settings struct {
	function     string
	rawKey       bool
	emptyKeys    bool
	lease        time.Duration
	skew         time.Duration
	expiry       time.Duration
	failFast     bool
	unrecorded   bool
	validation   any // a func(context.Context, T) string
	validatedFor string
	logger       *slog.Logger
}

const (
	functionVariable = "AWS_LAMBDA_FUNCTION_NAME"

	defaultSkew   = 5 * time.Second
	defaultExpiry = 24 * time.Hour

	minLease    = 100 * time.Millisecond
	maxDuration = 10 * 365 * 24 * time.Hour
)

// WithFunction sets the first part of the stored keys, so that the same handler has the same keys within Lambda and
// outside. Default: the value of AWS_LAMBDA_FUNCTION_NAME; where that is not set, the option is mandatory. The name
// must not be empty and must not contain '.' or '#', which terminate it in a key.
func WithFunction(name string) Option {
	return func(s *settings) error {
		if name == "" || strings.ContainsAny(name, ".#") {
			return fmt.Errorf("WithFunction(%q): must not be empty and must not contain '.' or '#'", name)
		}
		s.function = name
		return nil
	}
}

// WithRawKey stores keys as the key function returns them, for stores that are shared with others, such
// as Powertools (see PowertoolsKey). Without it the stored key is <function>.<name>#<key>.
func WithRawKey() Option {
	return func(s *settings) error { s.rawKey = true; return nil }
}

// WithEmptyKeys calls the handler for records without a key, as if there were no Wrap. Default: such a record
// fails with an error that matches ErrKey.
func WithEmptyKeys() Option {
	return func(s *settings) error { s.emptyKeys = true; return nil }
}

// WithLease sets the length of a claim where there is no deadline; the claim is renewed after each third of it while
// the handler runs. Without a deadline it is mandatory, and records fail if it is missing. It must be at least 100
// ms. It has no effect where there is a deadline: the lease then ends at the deadline plus WithSkew.
func WithLease(lease time.Duration) Option {
	return duration("WithLease", lease, minLease, func(s *settings) { s.lease = lease })
}

// WithSkew sets how far the clocks of processes may differ: leases are extended by that much. Default: 5 s. 0 is
// allowed.
func WithSkew(skew time.Duration) Option {
	return duration("WithSkew", skew, 0, func(s *settings) { s.skew = skew })
}

// WithExpiry sets how long a completion is remembered, from 1 s. It should exceed the time in which a record can
// be redelivered: the retention of the queue or stream, 14 days at most for SQS, 365 for Kinesis. Default: 24 h.
func WithExpiry(expiry time.Duration) Option {
	return duration("WithExpiry", expiry, time.Second, func(s *settings) { s.expiry = expiry })
}

// WithFailFast fails a record of a stream or topic at once if its key is in progress elsewhere, as records of
// queues do. Default: the record waits for the claim up to the cutoff, since an early failure uses up retries
// and holds back the shard all the same.
func WithFailFast() Option {
	return func(s *settings) error { s.failFast = true; return nil }
}

// WithFailUnrecorded fails a record whose work is done but whose completion could not be stored, so that its
// work is done again. Default: the record succeeds, is marked as unrecorded in the report, and logged.
func WithFailUnrecorded() Option {
	return func(s *settings) error { s.unrecorded = true; return nil }
}

// WithValidation stores a hash of what a record is about, and compares it when the key is found completed: a record
// of the same key that is about something else fails with ErrPayload, which is permanent. hash returns the hash, for
// example one computed by Hash or PowertoolsHash; if it is "", nothing is checked. T is the type that the handler
// takes.
func WithValidation[T any](hash func(ctx context.Context, record T) string) Option {
	return func(s *settings) error {
		if hash == nil {
			return errors.New("WithValidation(nil): must be a function")
		}
		s.validation, s.validatedFor = hash, fmt.Sprintf("%T", hash)
		return nil
	}
}

// WithLogger sets where unrecorded completions, values that cannot be stored, lost leases and failures of the store
// without consequences are logged. nil means slog.Default(), which is also the default.
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings) error { s.logger = logger; return nil }
}

func duration(name string, d, least time.Duration, set func(*settings)) Option {
	return func(s *settings) error {
		if d < least || d > maxDuration {
			return fmt.Errorf("%s(%v): must be from %v to 87600h (ten years)", name, d, least)
		}
		set(s)
		return nil
	}
}

func (s *settings) log() *slog.Logger {
	if s.logger != nil {
		return s.logger
	}
	return slog.Default()
}

func settingsOf(options []Option) (*settings, error) {
	s := &settings{function: os.Getenv(functionVariable), skew: defaultSkew, expiry: defaultExpiry}
	for i, o := range options {
		if o == nil {
			return nil, fmt.Errorf("option %d is nil", i+1)
		}
		if err := o(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}
