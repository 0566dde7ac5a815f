package sqspoll

import "time"

// WithClock replaces the monotonic clock.
func WithClock(now func() time.Duration) Option {
	return func(s *settings) error { s.clock = now; return nil }
}
