package sqspoll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Option changes how Run polls.
type Option func(*settings) error

type settings struct {
	batches    int
	size       int
	wait       time.Duration
	visibility time.Duration
	timeout    time.Duration
	drain      time.Duration
	logger     *slog.Logger
	observers  []func(context.Context, Batch)
	health     *Health
	clock      func() time.Duration // monotonic; tests let it jump
}

const (
	maxBatches    = 1000
	maxSize       = 10
	maxWait       = 20 * time.Second
	minVisibility = 2 * time.Second
	maxVisibility = 12 * time.Hour
)

// WithBatches sets the number of batches in flight, 1 to 1,000. Each has a goroutine that receives and processes, so it
// is the number of parallel receives of an idle queue as well. Default: 5.
//
// At most WithBatches × WithBatchSize messages are handled at once. On a standard queue the deletes of a batch overlap
// the next batch, so as many again may be in the process. How many handlers run at once in a batch is the processor's
// WithConcurrency.
func WithBatches(n int) Option {
	return func(s *settings) error {
		if n < 1 || n > maxBatches {
			return fmt.Errorf("WithBatches(%d): must be 1 to %d", n, maxBatches)
		}
		s.batches = n
		return nil
	}
}

// WithBatchSize sets the largest number of messages in a batch, 1 to 10. Default: 10.
func WithBatchSize(n int) Option {
	return func(s *settings) error {
		if n < 1 || n > maxSize {
			return fmt.Errorf("WithBatchSize(%d): must be 1 to %d, what one receive returns", n, maxSize)
		}
		s.size = n
		return nil
	}
}

// WithWait sets how long a receive waits for a message, in whole seconds from 1 s to 20 s. Default: 20 s. Stopping waits
// for the receives under way, so a shorter wait stops an idle process sooner and costs more requests.
func WithWait(d time.Duration) Option {
	return func(s *settings) error {
		if d < time.Second || d > maxWait || d%time.Second != 0 {
			return fmt.Errorf("WithWait(%v): must be 1s to %v in whole seconds", d, maxWait)
		}
		s.wait = d
		return nil
	}
}

// WithVisibility sets the visibility timeout that receives ask for, and that is renewed when half of it has passed while
// a batch is processed, in whole seconds from 2 s to 12 h; it must be longer than WithWait. Default: 30 s. The queue's own
// visibility timeout has no effect.
//
// It is how long a message stays invisible after it failed, unless something changes that, and after its process
// crashed. The connection to SQS may be interrupted for half of it before messages that wait are left to others.
func WithVisibility(d time.Duration) Option {
	return func(s *settings) error {
		if d < minVisibility || d > maxVisibility || d%time.Second != 0 {
			return fmt.Errorf("WithVisibility(%v): must be %v to %v in whole seconds", d, minVisibility, maxVisibility)
		}
		s.visibility = d
		return nil
	}
}

// WithBatchTimeout sets the deadline of a batch, as the timeout of a function does, 1 s to 12 h. Default: 15 min.
func WithBatchTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d < time.Second || d > maxVisibility {
			return fmt.Errorf("WithBatchTimeout(%v): must be 1s to %v, the longest that SQS keeps a message invisible", d, maxVisibility)
		}
		s.timeout = d
		return nil
	}
}

// WithDrain sets how long handlers may run once the context of Run has ended, 0 to 12 h. Default: 20 s, which fits into
// the 30 s that ECS and Kubernetes wait after SIGTERM.
func WithDrain(d time.Duration) Option {
	return func(s *settings) error {
		if d < 0 || d > maxVisibility {
			return fmt.Errorf("WithDrain(%v): must be 0s to %v", d, maxVisibility)
		}
		s.drain = d
		return nil
	}
}

// WithLogger sets the logger of Run. Default: slog.Default(), also for nil. The processor has a logger of its own.
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings) error { s.logger = logger; return nil }
}

// WithObserver registers a function that receives the Batch of every receive that returned messages, after its deletes.
// It is called by several goroutines at once, and holds up the batch after the next one, on a FIFO queue the next one. A
// panic in it is logged. Functions run in the order given. Observers of the processor see the report earlier, as under
// Lambda.
func WithObserver(observe func(context.Context, Batch)) Option {
	return func(s *settings) error {
		if observe == nil {
			return errors.New("WithObserver(nil): must be a function")
		}
		s.observers = append(s.observers, observe)
		return nil
	}
}

// WithHealth makes h show the state of this Run.
func WithHealth(h *Health) Option {
	return func(s *settings) error {
		if h == nil {
			return errors.New("WithHealth(nil): must be a *Health")
		}
		s.health = h
		return nil
	}
}

func settingsOf(options []Option) (*settings, error) {
	began := time.Now()
	s := &settings{
		batches: 5, size: maxSize, wait: maxWait, visibility: 30 * time.Second, timeout: 15 * time.Minute, drain: 20 * time.Second,
		health: new(Health),
		clock:  func() time.Duration { return time.Since(began) },
	}
	for i, option := range options {
		if option == nil {
			return nil, fmt.Errorf("troupe: sqspoll: option %d is nil", i+1)
		}
		if err := option(s); err != nil {
			return nil, fmt.Errorf("troupe: sqspoll: %w", err)
		}
	}
	if s.visibility <= s.wait {
		return nil, fmt.Errorf("troupe: sqspoll: WithVisibility(%v) with WithWait(%v): must be longer than the wait, since a message may have been received at its start", s.visibility, s.wait)
	}
	return s, nil
}

func (s *settings) log() *slog.Logger {
	if s.logger != nil {
		return s.logger
	}
	return slog.Default()
}
