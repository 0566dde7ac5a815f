package troupe

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/supervisor"
)

// Option changes how a Processor works. Every option's documentation says what holds without it. Of two
// options that set the same thing the later one counts; middleware, observers and failure hooks add up.
type Option interface {
	apply(*settings) error
}

// settings are what the options of one processor come to.
type settings struct {
	policy     Policy
	decider    func(Record, error) Policy
	errorWhen  ErrorWhen
	lowestOnly bool
	unordered  bool
	group      any // func(T) string, checked by the constructor that knows T
	middleware []Middleware
	observers  []func(context.Context, *Report)
	hooks      []func(context.Context, Record, error)
	logger     *slog.Logger
	supervisor supervisor.Config
}

// option is an Option made of a function.
type option func(*settings) error

func (o option) apply(s *settings) error { return o(s) }

// Policy says what a failed record means for the others. A policy is an Option; the default is Derive. A
// policy may be given for any source.
type Policy uint8

const (
	// Derive chooses by the event: Continue for SQS standard queues, Stop for SQS FIFO queues, StopGroup
	// for streams. With WithoutOrder it is Continue for streams, and still Stop for FIFO queues. It is the
	// default (SPEC P4).
	Derive Policy = iota
	// Continue: everything else goes on. In an ordered source so does the rest of the record's group: it
	// overtakes the failed record, so order is given up (SPEC P1).
	Continue
	// StopGroup: nothing more of the failed record's group starts, the other groups go on. Order holds
	// within every group. Without groups it is Continue (SPEC P3). Recommended for FIFO queues with many
	// groups, where under Stop one bad message makes every group wait.
	StopGroup
	// Stop: once a failure is known nothing new starts; what runs may finish and counts as what it is
	// (SPEC P2).
	Stop
)

// String returns the name that the demo's --policy flag knows the policy by.
func (p Policy) String() string {
	switch p {
	case Derive:
		return "derive"
	case Continue:
		return "continue"
	case StopGroup:
		return "stop-group"
	case Stop:
		return "stop"
	default:
		return fmt.Sprintf("policy %d", uint8(p))
	}
}

func (p Policy) apply(s *settings) error {
	if p > Stop {
		return fmt.Errorf("troupe: %v is not a policy; allowed are Derive, Continue, StopGroup and Stop", p)
	}
	s.policy = p
	return nil
}

// WithDecider has decide choose, for each record that has failed for good, what happens to the others:
// Continue, StopGroup or Stop; Derive leaves it to the policy that holds without a decider: the one given
// beside it, or that of the source. It is not asked about records that were never started or that are
// reported as they are shortly before the deadline: there is nothing left to decide then.
//
// The batch supervisor waits for decide, one call at a time within a batch, so it must return quickly:
// while it runs, the slots of failed records stay taken. A panic or runtime.Goexit in it is logged and
// counts as Derive. Default: none.
func WithDecider(decide func(rec Record, err error) Policy) Option {
	return option(func(s *settings) error {
		if decide == nil {
			return fmt.Errorf("troupe: WithDecider was given a nil function")
		}
		s.decider = decide
		return nil
	})
}

// ErrorWhen says for which batches the invocation returns an error instead of a response (SPEC S7). It is
// an Option; the default is ErrorWhenAll. Lambda retries the whole batch of an invocation that returned
// an error.
type ErrorWhen uint8

const (
	// ErrorWhenAll: when every record of a batch has failed, so that the function's error metric shows it.
	// This is the default.
	ErrorWhenAll = ErrorWhen(response.All)
	// ErrorWhenAny: when any record has failed. It is meant for event source mappings without
	// ReportBatchItemFailures, where Lambda ignores the response.
	ErrorWhenAny = ErrorWhen(response.Any)
	// ErrorNever: failed records are told in the response alone.
	ErrorNever = ErrorWhen(response.Never)
)

func (w ErrorWhen) apply(s *settings) error {
	if w < ErrorWhenAll || w > ErrorNever {
		return fmt.Errorf("troupe: ErrorWhen(%d) is not known; allowed are ErrorWhenAll, ErrorWhenAny and ErrorNever", uint8(w))
	}
	s.errorWhen = w
	return nil
}

// WithConcurrency bounds how many handlers run at once in one invocation; abandoned ones do not count. 1
// handles the records one by one in batch order, whatever the source. Default: 16, unless the
// POWERTOOLS_BATCH_… variables say otherwise. n must be at least 1.
func WithConcurrency(n int) Option {
	return option(func(s *settings) error {
		if n < 1 {
			return fmt.Errorf("troupe: WithConcurrency(%d): at least 1 is needed", n)
		}
		s.supervisor.Concurrency = n
		return nil
	})
}

// WithGroup orders the records by group, a function of the record, in place of the source's own rule:
// records with the same group are handled one at a time in batch order. T is the record type of the
// source, such as events.SQSMessage; the constructor of another source refuses the option.
//
// group is called once per record before any handler runs, and must be quick and free of side effects. If
// it panics, or a record cannot be decoded for it, that record fails and no later one is started: any of
// them might belong to the same group. The policy that Derive chooses stays the same: on a standard queue
// it is Continue; give StopGroup where the rest of a group has to wait for a failed record. Default: the
// source's own rule (message group, partition key, item key; none for SQS standard queues).
func WithGroup[T any](group func(T) string) Option {
	return option(func(s *settings) error {
		if group == nil {
			return fmt.Errorf("troupe: WithGroup was given a nil function")
		}
		s.group, s.unordered = group, false
		return nil
	})
}

// WithoutOrder handles every record by itself, whatever group it belongs to. On a FIFO queue or a stream
// that gives up order. Default: SQS FIFO queues and streams are ordered.
func WithoutOrder() Option {
	return option(func(s *settings) error {
		s.group, s.unordered = nil, true
		return nil
	})
}

// WithLowestOnly reports only the lowest failed sequence number of a stream's batch, which is all that
// Lambda needs: it restarts there (SPEC S8). Constructors for queues and for Kafka refuse it. Default: every failed
// record is reported.
func WithLowestOnly() Option {
	return option(func(s *settings) error {
		s.lowestOnly = true
		return nil
	})
}

// WithReserve sets how long before the invocation's deadline handlers' contexts end and nothing new
// starts. Handlers may still finish until the last quarter of it, which is kept for the response; those
// that have not are abandoned then. More than half of the time that is left when
// the batch arrives is cut to that half, and logged. Default: 500 ms or 20 % of the time left on arrival,
// whichever is smaller, and at least 10 ms (SPEC D1). reserve must be at least 10 ms.
func WithReserve(reserve time.Duration) Option {
	return option(func(s *settings) error {
		if reserve < supervisor.MinReserve {
			return fmt.Errorf("troupe: WithReserve(%v): must be at least %v", reserve, supervisor.MinReserve)
		}
		s.supervisor.Reserve = reserve
		return nil
	})
}

// WithRecordTimeout bounds one attempt at a record: its context ends after limit. A handler that returns
// nil within the next 100 ms has succeeded; one that returns an error has failed and is not retried in
// place; one that does not return is abandoned: its record has failed, and its group goes no further in
// this batch, whatever the policy (SPEC D4). Default: none but the invocation's own. limit must be
// positive.
func WithRecordTimeout(limit time.Duration) Option {
	return option(func(s *settings) error {
		if limit <= 0 {
			return fmt.Errorf("troupe: WithRecordTimeout(%v): a positive duration is needed", limit)
		}
		s.supervisor.RecordTimeout = limit
		return nil
	})
}

// Retry is an Option that handles a failed record again within the same invocation, after a back-off. Only
// the failure of the last attempt is a failure for the policy. A record in back-off takes up no
// concurrency, except at concurrency 1; the rest of its group waits. Errors marked by Permanent, records
// that cannot be decoded, runtime.Goexit, attempts that outlasted the record timeout and abandoned ones are
// not retried; neither is anything once the batch has been stopped or when the back-off would outlast the
// time there is (SPEC P6).
// Default: no retry in place; Lambda delivers failed records again anyway.
type Retry struct {
	// Times is how many more attempts a record gets after the first. At least 1.
	Times int
	// Base is the back-off before the second attempt; it doubles with each further one. Default 100 ms.
	Base time.Duration
	// Max bounds the back-off. Default 5 s.
	Max time.Duration
	// Panics retries attempts that panicked, too. Default: a panic is final.
	Panics bool
	// Backoff, if not nil, gives the back-off before the next attempt in place of Base and Max; attempt is
	// the number of the failed one, from 1; a negative result is 0, and if it panics Base and Max count.
	// Without it the back-off is drawn evenly from the upper half of what Base and Max allow. The batch
	// supervisor waits for it, so it must return quickly.
	Backoff func(attempt int) time.Duration
}

func (r Retry) apply(s *settings) error {
	if r.Times < 1 || r.Base < 0 || r.Max < 0 {
		return fmt.Errorf("troupe: Retry{Times: %d, Base: %v, Max: %v}: Times must be at least 1, Base and Max not negative", r.Times, r.Base, r.Max)
	}
	s.supervisor.Retry = supervisor.Retry(r)
	return nil
}

// WithLogger sets the logger for the WARN line of a batch with failures and for the few other things worth
// telling. nil logs nothing. Default: slog.Default(), looked up when there is something to log. Payloads
// are never logged, groups only as a hash (SPEC S9).
func WithLogger(logger *slog.Logger) Option {
	return option(func(s *settings) error {
		if logger == nil {
			logger = slog.New(slog.DiscardHandler)
		}
		s.logger = logger
		return nil
	})
}

// WithObserver has observe called with the invocation's context and the report of each batch, an empty one
// too, before the response leaves; not for an event that is refused. Observers run one after the other; the
// invocation waits for them as long as its deadline allows and leaves them behind then. A panic in one is
// logged and changes nothing. Default: none.
func WithObserver(observe func(context.Context, *Report)) Option {
	return option(func(s *settings) error {
		if observe == nil {
			return fmt.Errorf("troupe: WithObserver was given a nil function")
		}
		s.observers = append(s.observers, observe)
		return nil
	})
}

// WithFailureHook has hook called once for each record that has failed, as it happens: after the last
// attempt, when a handler is abandoned, and at the end of the batch for the records that were never
// started. ctx is the invocation's. The calls of a batch come one after the other on a goroutine of their
// own, so a slow hook delays no handler; the invocation waits for it as for an observer. Default: none.
func WithFailureHook(hook func(ctx context.Context, rec Record, err error)) Option {
	return option(func(s *settings) error {
		if hook == nil {
			return fmt.Errorf("troupe: WithFailureHook was given a nil function")
		}
		s.hooks = append(s.hooks, hook)
		return nil
	})
}

// Middleware wraps the handler of every record, whatever the source; it sees the context and the record's
// metadata. next must be called with the record that was given, and with its context or one derived from
// it. Middleware is built once per processor and called by several goroutines at once; it is not called for
// records that cannot be decoded.
type Middleware func(next func(context.Context, Record) error) func(context.Context, Record) error

// WithMiddleware puts middleware around the handler, the first one outermost. Default: none.
func WithMiddleware(middleware ...Middleware) Option {
	return option(func(s *settings) error {
		for i, m := range middleware {
			if m == nil {
				return fmt.Errorf("troupe: WithMiddleware: number %d is nil", i+1)
			}
		}
		s.middleware = append(s.middleware, middleware...)
		return nil
	})
}

// directive turns a policy into what the supervisor knows; 0 for Derive and what is no policy.
func (p Policy) directive() messages.Directive {
	switch p {
	case Continue:
		return messages.Continue
	case StopGroup:
		return messages.StopGroup
	case Stop:
		return messages.StopBatch
	default:
		return 0
	}
}
