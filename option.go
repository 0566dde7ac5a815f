package troupe

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/supervisor"
)

// Option changes how a Processor works. Every option's documentation states its default. If two options set the same
// thing, the later one counts; middleware, observers and failure hooks add up.
type Option interface {
	apply(*settings) error
}

// settings are what the options of one processor come to.
type settings struct {
	named       string            // what the option being applied is called, if not by its own name
	called      map[string]string // what options of the processor are called, where that is not their own name
	policy      Policy
	policyGiven bool // by an option, not by a variable
	errorWhen   ErrorWhen
	whenGiven   bool // errorWhen, by an option, not by a variable
	lowestOnly  bool
	unordered   bool
	group       any // func(T) string, checked by the constructor that knows T
	resorts     []func(context.Context, Record, error) error
	redelivery  []redelivery
	ignore      func([]byte) bool
	limits      sources.Limits
	middleware  []Middleware
	observers   []func(context.Context, *Report)
	hooks       []func(context.Context, Record, error)
	logger      *slog.Logger
	supervisor  supervisor.Config

	stacks sync.Map // of the panics that have been logged, by the address of their text
}

// option is an Option implemented by a function.
type option func(*settings) error

func (o option) apply(s *settings) error { return o(s) }

// errorf returns the error of an option that was given something it does not allow. name is the option as the
// user called it, unless a package around has a name of its own for it.
func (s *settings) errorf(name, format string, args ...any) error {
	return fmt.Errorf("troupe: "+s.nameOf(name)+format, args...)
}

func (s *settings) nameOf(option string) string {
	if s.named != "" {
		return s.named
	}
	return option
}

// taken notes what an option is called that has been applied, for errors about the processor's options together.
func (s *settings) taken(option string) {
	if s.called == nil {
		s.called = map[string]string{}
	}
	s.called[option] = s.nameOf(option)
}

// name is what an option that has been applied is called.
func (s *settings) name(option string) string { return cmp.Or(s.called[option], option) }

// Options combines several options into one, for packages that need more than one. They apply in the given order.
func Options(options ...Option) Option {
	return option(func(s *settings) error { return s.applyAll(options) })
}

// Named is Options for a package that gives options a name of its own: errors about them call it name, such as
// "kafka.ByKey".
func Named(name string, options ...Option) Option {
	return option(func(s *settings) error {
		outer := s.named
		s.named = name
		defer func() { s.named = outer }()
		return s.applyAll(options)
	})
}

func (s *settings) applyAll(options []Option) error {
	for i, o := range options {
		if o == nil {
			if s.named != "" {
				return fmt.Errorf("troupe: %s: option %d is nil; must be an Option", s.named, i+1)
			}
			return fmt.Errorf("troupe: option %d is nil; must be an Option", i+1)
		}
		if err := o.apply(s); err != nil {
			return err
		}
	}
	return nil
}

// Policy determines how the failure of a record affects the other records of its batch.
type Policy = batch.Policy

// The policies. The constants of package batch have the details: go doc batch.StopGroup.
const (
	Derive    = batch.Derive    // choose by the source
	Continue  = batch.Continue  // handle all other records
	StopGroup = batch.StopGroup // start no later record of the failed record's group
	StopBatch = batch.StopBatch // start no further record of the batch
)

// WithPolicy sets the policy for failed records. Any policy may be given for any source; package window allows
// StopBatch only. Default: Derive.
func WithPolicy(policy Policy) Option {
	return option(func(s *settings) error {
		if policy > StopBatch {
			return s.errorf("WithPolicy", "(%v): must be Derive, Continue, StopGroup or StopBatch", policy)
		}
		s.taken("WithPolicy")
		s.policy, s.policyGiven = policy, policy != Derive
		return nil
	})
}

// WithDecider registers a function that chooses, for each record that has failed for good, what happens to the
// others: Continue, StopGroup or StopBatch. Derive leaves the choice to the policy that applies without a decider.
// decide is not called for records that were never started, nor for those that are reported because the deadline
// is near: there is nothing left to decide then.
//
// The batch supervisor waits for decide, one call at a time within a batch, so it must return quickly: while it
// runs, the slots of failed records stay taken. A panic or runtime.Goexit in it is logged and counts as Derive. After
// Continue for an abandoned record its group still does not continue (SPEC D4). Default: none.
func WithDecider(decide func(rec Record, err error) Policy) Option {
	return option(func(s *settings) error {
		if decide == nil {
			return s.errorf("WithDecider", "(nil): must be a function")
		}
		s.taken("WithDecider")
		s.supervisor.Decide = decide
		return nil
	})
}

// ErrorWhen determines for which batches the invocation returns an error instead of a response (SPEC S7). Lambda
// retries the whole batch of an invocation that returns an error.
type ErrorWhen = response.When

const (
	// ErrorWhenAll returns an error when every record of a batch has failed, so that the function's error metric
	// shows it.
	ErrorWhenAll = response.All
	// ErrorWhenAny returns an error when any record has failed. It is meant for event source mappings without
	// ReportBatchItemFailures, where Lambda ignores the response.
	ErrorWhenAny = response.Any
	// ErrorWhenNever reports failed records only in the response.
	ErrorWhenNever = response.Never
)

// WithErrorWhen sets for which batches the invocation returns an error. Packages firehose and s3batch allow
// ErrorWhenNever only. Default: ErrorWhenAll.
func WithErrorWhen(when ErrorWhen) Option {
	return option(func(s *settings) error {
		if when < ErrorWhenAll || when > ErrorWhenNever {
			return s.errorf("WithErrorWhen", "(%d): must be ErrorWhenAll, ErrorWhenAny or ErrorWhenNever", uint8(when))
		}
		s.errorWhen, s.whenGiven = when, true
		return nil
	})
}

// WithConcurrency bounds how many handlers run at once in one invocation; abandoned ones do not count.
// With 1, records are handled one by one in batch order, for every source. Default: 16, unless the
// POWERTOOLS_BATCH_… variables set it. n must be at least 1.
func WithConcurrency(n int) Option {
	return option(func(s *settings) error {
		if n < 1 {
			return s.errorf("WithConcurrency", "(%d): must be at least 1", n)
		}
		s.supervisor.Concurrency = n
		return nil
	})
}

// WithGroup orders the records by group, a function of the record, in place of the source's own rule:
// records with the same group are handled one at a time in batch order. T is the record type of the
// source, such as events.SQSMessage; the constructor of another source refuses the option.
//
// group is called for one record after the other, in batch order, before any handler runs, and must be quick and free
// of side effects. The calls end at the first record that cannot be decoded, or for which group panics, calls
// runtime.Goexit or has not returned by the cutoff: that record fails, and no later record is started, since any of
// them might belong to the same group. The first attempt at a record receives the value that group received. The
// policy that Derive chooses stays the same: on a standard queue it is Continue; use StopGroup if the rest of a group
// must wait for a failed record. Default: the source's own rule (message group, partition key, item key; none for SQS
// standard queues).
func WithGroup[T any](group func(T) string) Option {
	return option(func(s *settings) error {
		if group == nil {
			return s.errorf("WithGroup", "(nil): must be a function")
		}
		s.taken("WithGroup")
		s.group, s.unordered = group, false
		return nil
	})
}

// WithoutOrder handles every record independently of its group, so FIFO queues and streams lose their
// order. Default: SQS FIFO queues and streams are ordered.
func WithoutOrder() Option {
	return option(func(s *settings) error {
		s.taken("WithoutOrder")
		s.group, s.unordered = nil, true
		return nil
	})
}

// WithLowestOnly reports only the lowest failed sequence number of a stream's batch, which is all that Lambda needs: it
// restarts there (SPEC S8). It has no effect on the batches of a pipe, which retries only the reported records (SPEC
// S10). Constructors for queues and for Kafka refuse it. Default: every failed record is reported.
func WithLowestOnly() Option {
	return option(func(s *settings) error {
		s.taken("WithLowestOnly")
		s.lowestOnly = true
		return nil
	})
}

// WithReserve sets how long before the invocation's deadline handlers' contexts end and nothing new
// starts. Handlers may still finish until the last quarter of the reserve, which is kept for the
// response; handlers that still run then are abandoned. A reserve of more than half of the time left when
// the batch arrives is reduced to that half, and logged. Default: 500 ms or 20 % of the time left on
// arrival, whichever is smaller, and at least 10 ms (SPEC D1). reserve must be at least 10 ms.
func WithReserve(reserve time.Duration) Option {
	return option(func(s *settings) error {
		if reserve < supervisor.MinReserve {
			return s.errorf("WithReserve", "(%v): must be at least %v", reserve, supervisor.MinReserve)
		}
		s.supervisor.Reserve = reserve
		return nil
	})
}

// WithRecordTimeout bounds one attempt at a record: its context ends after limit. A handler that returns
// nil within the next 100 ms has succeeded; one that returns an error has failed and is not retried in
// place; one that does not return is abandoned: its record has failed, and its group does not continue
// in this batch, whatever the policy (SPEC D4). Default: no limit except the deadline. limit must be
// positive.
func WithRecordTimeout(limit time.Duration) Option {
	return option(func(s *settings) error {
		if limit <= 0 {
			return s.errorf("WithRecordTimeout", "(%v): must be positive", limit)
		}
		s.taken("WithRecordTimeout")
		s.supervisor.RecordTimeout = limit
		return nil
	})
}

// Retry configures how often, and after which back-off, a failed record is handled again within the same invocation.
// The policy applies only to the failure of the last attempt. A record in back-off takes up no concurrency, except at
// concurrency 1; later records of its group wait. Errors marked by Permanent, records that cannot be decoded,
// runtime.Goexit, abandoned attempts, and errors after the record timeout or the cutoff are not retried. A record whose
// back-off would reach the cutoff fails at once; one that is in back-off, or waits for a slot after it, when the batch
// is stopped or at the cutoff fails with its last error (SPEC P6). Times counts the attempts after the first; batch.Retry
// describes the other fields.
type Retry = batch.Retry

// WithRetry retries failed records in place. retry.Times must be at least 1, Base and Max must not be negative.
//
// Each attempt receives a newly decoded record, without the changes of earlier attempts. With Process, whose events
// are decoded already, each attempt receives the event's own record; handlers must not change what maps, slices and
// pointers in it refer to.
//
// Default: no retry in place; Lambda redelivers failed records anyway.
func WithRetry(retry Retry) Option {
	return option(func(s *settings) error {
		if retry.Times < 1 || retry.Base < 0 || retry.Max < 0 {
			return s.errorf("WithRetry", "(Retry{Times: %d, Base: %v, Max: %v}): Times must be at least 1, Base and Max must not be negative", retry.Times, retry.Base, retry.Max)
		}
		s.taken("WithRetry")
		s.supervisor.Retry = retry
		return nil
	})
}

// WithLastResort registers a function that is called once for each record that has failed for good: at the end of
// its last attempt, on that attempt's goroutine, while the record keeps its slot and its group waits, and before the
// policy. It is called for panics and for records that cannot be decoded, too. It is not called for abandoned
// records, for records that were never started, after the cutoff, or for a record whose back-off was cut short
// (SPEC R4).
//
// If resolve returns nil, or an error marked by Drop, the record is dropped: Lambda does not redeliver it. Any other
// error is the error that the record fails with; return err to change nothing. ctx ends at the cutoff, not with the
// record timeout, and accepts RecordFrom, MessageFrom and DeadlineFrom. A panic in resolve is added to the record's
// error; after runtime.Goexit the record keeps the error that it had. If there are several last resorts, each
// receives the error of the one before, until one drops the record. Default: none.
func WithLastResort(resolve func(ctx context.Context, rec Record, err error) error) Option {
	return option(func(s *settings) error {
		if resolve == nil {
			return s.errorf("WithLastResort", "(nil): must be a function")
		}
		s.resorts = append(s.resorts, resolve)
		s.taken("WithLastResort")
		return nil
	})
}

// redelivery is a batch.Redelivery and what its option is called.
type redelivery struct {
	batch.Redelivery
	name string
}

// WithRedelivery is for packages with an option that decides when, or whether, single records are redelivered, such as
// package redelivery: Named gives it the name of that option. It is refused together with ErrorWhenAny, after which the
// whole batch is redelivered, and by packages that handle a batch as a whole. Several add up. Default: none.
func WithRedelivery(r batch.Redelivery) Option {
	return option(func(s *settings) error {
		s.redelivery = append(s.redelivery, redelivery{r, s.nameOf("WithRedelivery")})
		s.supervisor.LeastReserve = max(s.supervisor.LeastReserve, r.Reserve)
		return nil
	})
}

// WithIgnore registers a function that recognizes the payloads of warmers and health checks, which are not events,
// such as {"source":"serverless-plugin-warmup"}. If it returns true, the invocation returns a response without
// failures, and logs that at INFO; no handler and no observer is called. It is called only for a JSON object without
// a key Records, in any letter case, so never for an array or for the event of an event source mapping. It receives a
// copy of the payload. If it panics, calls runtime.Goexit or has not returned after a second, or by the cutoff, the
// payload is refused, as it would be without the option (SPEC S11). If it is set twice, the later one counts.
// Default: none, and every payload that is not an event is an error.
func WithIgnore(ignore func(payload []byte) bool) Option {
	return option(func(s *settings) error {
		if ignore == nil {
			return s.errorf("WithIgnore", "(nil): must be a function")
		}
		s.taken("WithIgnore")
		s.ignore = ignore
		return nil
	})
}

// WithLogger sets the logger for the WARN line of a batch with failures and for the few other events worth
// logging. nil means the default: slog.Default(), looked up at each use. Payloads are never logged, groups only
// as a hash (SPEC S9).
func WithLogger(logger *slog.Logger) Option {
	return option(func(s *settings) error {
		s.logger = logger
		return nil
	})
}

// WithObserver registers a function that receives the Report of every batch, including empty ones, before the
// response is returned. It is not called for rejected events. Observers run one after the other, with a context that
// accepts MessageAt and DeadlineFrom; the invocation waits for them as long as its deadline allows, and then leaves
// them behind. A panic in one is logged and changes nothing. Observers must not change the report. Default: none.
func WithObserver(observe func(context.Context, *Report)) Option {
	return option(func(s *settings) error {
		if observe == nil {
			return s.errorf("WithObserver", "(nil): must be a function")
		}
		s.observers = append(s.observers, observe)
		return nil
	})
}

// WithFailureHook registers a function that is called once for each failed record, as it happens: after the last
// attempt, when a handler is abandoned, and at the end of the batch for the records that were never started. ctx is
// the invocation's. The calls of a batch run one after the other on a goroutine of their own, so a slow hook delays
// no handler; the invocation waits for it as for an observer. Default: none.
func WithFailureHook(hook func(ctx context.Context, rec Record, err error)) Option {
	return option(func(s *settings) error {
		if hook == nil {
			return s.errorf("WithFailureHook", "(nil): must be a function")
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
				return s.errorf("WithMiddleware", ": number %d is nil; must be a function", i+1)
			}
		}
		s.taken("WithMiddleware")
		s.middleware = append(s.middleware, middleware...)
		return nil
	})
}
