package lambdasim

import (
	"context"
	"io"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// Simulation is a source, a mapping and a function, and how to watch them. Run runs it. Several simulations,
// each with a source of its own, may run at once.
type Simulation struct {
	// Source is a *Queue, *KinesisStream, *DynamoDBStream or *KafkaTopic. Each run needs a new one.
	Source Source
	// Handler is the function: any lambda.Handler, so also what lambda.NewHandler makes of a plain
	// function, or a runtimeapi.Function for one that is a process of its own. It is called by several
	// goroutines at once, as many as there are batches under way.
	//
	// A panic, or runtime.Goexit, is a crash of the function. The payload is overwritten and used again
	// as soon as the handler returns, as the runtime client of aws-lambda-go does.
	Handler lambda.Handler
	// Mapping holds the parameters of the event source mapping.
	Mapping Mapping
	// Pipe holds the parameters of a pipe of EventBridge that reads the source in place of a mapping. Its events are bare
	// arrays, whose records have the identifiers of pipes: the history has messageId for messages, and eventID for records of
	// streams. Begin, Drop, Delivery and Work accept sequence numbers as well. nil is a mapping.
	Pipe *Pipe

	// Timeout is the function's: the context of an invocation has it as its deadline, and a handler that
	// has not returned by then has timed out. Nothing can stop it, so it goes on, but whatever it does or
	// answers later is ignored. Up to 15 minutes; default 3 s.
	Timeout time.Duration
	// Concurrency is how many invocations of the function there may be at once; with 1 a run in virtual time
	// repeats itself event by event, if the handler does. Default 1,000, like an account's quota.
	Concurrency int
	// Invocations is how many invocations of the function there may be in all. After the last of them Run
	// returns, and what is left stays in the source. Default: no limit.
	Invocations int

	// Seed decides whatever is left to chance. The default is 0, a seed like any other.
	Seed uint64
	// Unknown settles what AWS does not document.
	Unknown Unknown

	// Order is what the checker expects of the records of a group. Default: none for standard queues,
	// Strict for all other sources.
	Order *check.Order
	// Stops is what a failure may keep from being handled in its batch, which depends on the processor's policy.
	// Default: the rest of the batch where Order is Strict, else nothing.
	Stops check.Stop
	// Errors is when the function may return an error. Default: when a record has failed.
	Errors check.Errors
	// Attempts is how often a handler may be started on a record in one delivery. Default: no limit; after a
	// success there must be no other start.
	Attempts int
	// Unhandled makes the checker accept that records are reported, and function errors returned, without a failure
	// of a handler: payloads that cannot be decoded, a function that is not ready.
	Unhandled bool
	// Payloads makes the checker expect that every handler shows its payload, as those that are watched do.
	Payloads bool
	// Overlap makes the checker expect that different groups were handled at the same time.
	Overlap bool

	// Observe is called with every event, one call at a time, in order. It must be quick, and must not
	// call into the simulation. Default: none.
	Observe func(history.Event)
	// History gets the events in their text form. Default: none.
	History io.Writer
}

// Unknown settles questions that AWS's documentation leaves open. The zero value is what is thought to be
// most likely.
type Unknown struct {
	// DuplicateRate is how likely a standard queue is to deliver a message it hands out a second time
	// beside, from 0 to 1. The documentation says that it happens, not how often. Default 0.
	DuplicateRate float64
	// IgnoreForeignIdentifiers: an identifier in a response that is not in the batch is passed over if
	// there are good ones beside it. Default: the whole batch has failed.
	IgnoreForeignIdentifiers bool
	// RefuseForeignBodies: a response that is not empty and has no key batchItemFailures, or is no JSON
	// object, is a failure of the whole batch. Default: it is a success.
	RefuseForeignBodies bool
	// KeepReported: what is reported to a pipe with AutomaticBisect is retried as one batch. Default: it is halved, as a
	// batch that fails as a whole is. AWS documents neither.
	KeepReported bool
	// RestartRetries: when a partial response moves a stream's checkpoint, the retries of what is left
	// are counted from the start. Default: they go on being counted.
	RestartRetries bool
	// ChargeSplits: a partial response that bisects a batch uses up a retry. Default: it does not, as
	// halving does not.
	ChargeSplits bool
	// KeepOnBadResponse: a response that fails the whole batch does not halve it, under
	// BisectBatchOnFunctionError. Default: it does, like a function error.
	KeepOnBadResponse bool
	// ResendFromLowest: after a partial response everything of a Kafka partition is redelivered from the lowest
	// offset reported, later successes too. Default: what was reported is redelivered and nothing else, which
	// is what the documentation says in passing.
	ResendFromLowest bool
	// RestoreVisibility: a message that the function reports, and whose visibility timeout it has changed, comes back
	// when it would have done without the change. Default: the mapping leaves the message alone, so that the change
	// holds. AWS does not document what the mapping does with a message that is reported.
	RestoreVisibility bool
	// RetryDelay is how long a stream's batch waits before it is tried again, given how often it has
	// failed so far, from 1. Default: 100 ms, doubled each time, up to a minute. It has to be positive.
	RetryDelay func(failures int) time.Duration
}

func defaultRetryDelay(failures int) time.Duration {
	return min(100*time.Millisecond<<min(failures-1, 20), time.Minute)
}

// check looks at what a simulation is made of, and fills in defaults.
func (s *Simulation) check() error {
	var c complaints
	if s.Handler == nil {
		c.add("Handler is missing")
	}
	if s.Timeout == 0 {
		s.Timeout = 3 * time.Second
	}
	if s.Timeout < 0 || s.Timeout > maxTimeout {
		c.add("Timeout is %v; allowed is up to %v", s.Timeout, maxTimeout)
	}
	if s.Concurrency == 0 {
		s.Concurrency = defaultConcurrency
	}
	if s.Concurrency < 0 {
		c.add("Concurrency is %d; at least 1 is needed", s.Concurrency)
	}
	if s.Invocations < 0 {
		c.add("Invocations is %d; allowed is from 1, or 0 for no limit", s.Invocations)
	}
	if s.Attempts < 0 {
		c.add("Attempts is %d; allowed is from 1, or 0 for no limit", s.Attempts)
	}
	if r := s.Unknown.DuplicateRate; r < 0 || r > 1 {
		c.add("Unknown.DuplicateRate is %v; allowed is 0 to 1", r)
	}
	if s.Unknown.RetryDelay == nil {
		s.Unknown.RetryDelay = defaultRetryDelay
	}
	if s.Source == nil {
		c.add("Source is missing")
		return c.err()
	}
	if s.Pipe != nil {
		s.usePipe(&c)
	}
	filters, err := s.Mapping.FilterCriteria.compile()
	if err != nil {
		c = append(c, err)
	}
	s.Mapping.FilterCriteria.compiled = filters
	s.Source.check(s, &c)
	return c.err()
}

// rules are what the run is to be judged by.
func (s *Simulation) rules() check.Rules {
	rules := check.Rules{
		Order: s.Source.order(), Stops: s.Stops, Errors: s.Errors, Attempts: s.Attempts,
		Unhandled: s.Unhandled, Payloads: s.Payloads, Overlap: s.Overlap, Reports: s.Mapping.reports(),
	}
	switch s.Source.(type) {
	case *KafkaTopic:
		rules.Composite, rules.Replays = true, s.Unknown.ResendFromLowest
	case *KinesisStream, *DynamoDBStream:
		rules.Pipe = s.Pipe != nil
		rules.Replays, rules.Windows = !rules.Pipe, s.Mapping.TumblingWindowInSeconds > 0
	}
	if s.Order != nil {
		rules.Order = *s.Order
	}
	return rules
}

// Run delivers what the source holds, and what it is sent or fed meanwhile, until every record is
// accounted for: handled, dead-lettered, discarded, expired or filtered. It blocks until then, or until
// the last of its Invocations, and returns the checker's verdict, whose Drained tells which it was.
//
// When ctx ends, nothing more is received; Run waits for the invocations under way, at most until their
// deadlines, and returns the verdict so far with the cause as the error. ctx is not what cancels handlers:
// Lambda has no such thing. Other errors are about parameters, before anything has run, about a record that
// AWS would not accept, or about writing the history.
func (s Simulation) Run(ctx context.Context) (check.Verdict, error) {
	if err := s.check(); err != nil {
		return check.Verdict{}, err
	}
	e := newEngine(ctx, s)
	if err := s.Source.claim(e); err != nil {
		return check.Verdict{}, err
	}
	return e.run(ctx)
}

// Source is where records come from: *Queue, *KinesisStream, *DynamoDBStream or *KafkaTopic.
type Source interface {
	// check looks at the source's own parameters and at the mapping's.
	check(*Simulation, *complaints)
	order() check.Order
	// claim makes the source the engine's.
	claim(*engine) error
}
