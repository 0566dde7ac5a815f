package lambdasim

import (
	"context"
	"io"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// Simulation configures a run: a source, a mapping, a function, and how to observe them. Run runs it. Several
// simulations, each with its own source, may run at once.
type Simulation struct {
	// Source is a *Queue, *KinesisStream, *DynamoDBStream or *KafkaTopic. Each run needs a new one.
	Source Source
	// Handler is the function: any lambda.Handler, including the result of lambda.NewHandler and a runtimeapi.Function,
	// which is a separate process. It is called concurrently, once per running batch.
	//
	// A panic, or runtime.Goexit, is a crash of the function. The payload is overwritten and reused as soon as the
	// handler returns, as in the runtime client of aws-lambda-go.
	Handler lambda.Handler
	// Mapping holds the parameters of the event source mapping.
	Mapping Mapping
	// Pipe holds the parameters of an EventBridge pipe that reads the source instead of a mapping. Its events are bare
	// arrays, whose records have the identifiers of pipes: the history has messageId for messages, and eventID for
	// records of streams. Begin, Drop, Delivery and Work accept sequence numbers as well. nil: a mapping.
	Pipe *Pipe

	// Timeout is the timeout of the function. It sets the deadline of an invocation's context, and a handler that has
	// not returned by then has timed out. Nothing can stop the handler, but its later effects and response are ignored.
	// Up to 15 minutes; default 3 s.
	Timeout time.Duration
	// Concurrency bounds the concurrent invocations of the function. With 1, a run in virtual time is reproducible
	// event by event, if the handler is. Default 1,000, the quota of an account.
	Concurrency int
	// Invocations bounds the total number of invocations. After the last one Run returns, and the remaining records
	// stay in the source. Default: no limit.
	Invocations int

	// Seed determines all random choices. Default: 0, which is a valid seed.
	Seed uint64
	// Unknown decides behavior that AWS does not document.
	Unknown Unknown

	// Order is the order of the records of a group that the checker expects. Default: none for standard queues, Strict
	// for all other sources.
	Order *check.Order
	// Stops are the records of a batch that a failure may prevent from starting, depending on the policy of the
	// processor. Default: the rest of the batch if Order is Strict, otherwise none.
	Stops check.Stop
	// Errors sets when the function may return an error. Default: when a record has failed.
	Errors check.Errors
	// Attempts limits how many times a handler may be started for a record in one delivery. Default: no limit. After
	// a success the handler must not be started again.
	Attempts int
	// Unhandled makes the checker accept that records are reported, and function errors returned, without a failure
	// of a handler: payloads that cannot be decoded, a function that is not ready.
	Unhandled bool
	// Payloads makes the checker expect a payload from every handler, as Watch provides it.
	Payloads bool
	// Overlap makes the checker expect that different groups were handled at the same time.
	Overlap bool

	// Observe is called with every event, one call at a time, in order. It must return quickly and must not call the
	// simulation. Default: none.
	Observe func(history.Event)
	// History receives the events in their text form. Default: none.
	History io.Writer
}

// Unknown decides questions that AWS's documentation leaves open. The zero value is the most likely behavior.
type Unknown struct {
	// DuplicateRate is the probability, from 0 to 1, that a standard queue delivers a message a second time. The
	// documentation does not say how often this happens. Default 0.
	DuplicateRate float64
	// IgnoreForeignIdentifiers: an identifier that is not in the batch is ignored if the response also has valid ones.
	// Default: the whole batch has failed.
	IgnoreForeignIdentifiers bool
	// RefuseForeignBodies: a response that is not empty and has no key batchItemFailures, or is not a JSON object,
	// fails the whole batch. Default: it is a success.
	RefuseForeignBodies bool
	// KeepReported: the records reported to a pipe with AutomaticBisect are retried as one batch. Default: the batch is
	// halved, like one that fails as a whole. AWS documents neither.
	KeepReported bool
	// RestartRetries: when a partial response moves a stream's checkpoint, the count of retries of the rest starts
	// again. Default: it continues.
	RestartRetries bool
	// ChargeSplits: a partial response that bisects a batch uses up a retry. Default: it does not, and neither does
	// halving.
	ChargeSplits bool
	// KeepOnBadResponse: a response that fails the whole batch does not halve it, under
	// BisectBatchOnFunctionError. Default: it does, like a function error.
	KeepOnBadResponse bool
	// ResendFromLowest: after a partial response everything of a Kafka partition is redelivered from the lowest
	// reported offset, including later successes. Default: only the reported records are redelivered, as the
	// documentation mentions.
	ResendFromLowest bool
	// RestoreVisibility: a reported message whose visibility timeout the function has changed is redelivered as if it
	// had not been changed. Default: the mapping does not touch the message, so the change remains in effect. AWS
	// does not document what the mapping does with a reported message.
	RestoreVisibility bool
	// RetryDelay returns the delay before a retry of a stream's batch, given the number of its failures so far, from 1.
	// Default: 100 ms, doubled each time, up to a minute. It must be positive.
	RetryDelay func(failures int) time.Duration
}

func defaultRetryDelay(failures int) time.Duration {
	return min(100*time.Millisecond<<min(failures-1, 20), time.Minute)
}

// check checks the fields of a simulation and fills in defaults.
func (s *Simulation) check() error {
	var c complaints
	if s.Handler == nil {
		c.add("Handler is missing")
	}
	if s.Timeout == 0 {
		s.Timeout = 3 * time.Second
	}
	if s.Timeout < 0 || s.Timeout > maxTimeout {
		c.add("Timeout is %v; must be at most %v", s.Timeout, maxTimeout)
	}
	if s.Concurrency == 0 {
		s.Concurrency = defaultConcurrency
	}
	if s.Concurrency < 0 {
		c.add("Concurrency is %d; must be at least 1", s.Concurrency)
	}
	if s.Invocations < 0 {
		c.add("Invocations is %d; must be at least 1, or 0 for no limit", s.Invocations)
	}
	if s.Attempts < 0 {
		c.add("Attempts is %d; must be at least 1, or 0 for no limit", s.Attempts)
	}
	if r := s.Unknown.DuplicateRate; r < 0 || r > 1 {
		c.add("Unknown.DuplicateRate is %v; must be from 0 to 1", r)
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

// rules returns the rules by which the checker judges the run.
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

// Run delivers the records of the source, including those that are sent or fed meanwhile, until every record is
// accounted for: handled, dead-lettered, discarded, expired or filtered. It blocks until then, or until the last of its
// Invocations, and returns the checker's verdict. Its field Drained distinguishes the two.
//
// When ctx ends, nothing more is received; Run waits for running invocations, at most until their deadlines, and
// returns the verdict so far with the cause as the error. ctx does not cancel handlers, since Lambda does not either.
// Other errors concern parameters, before anything has run, records that AWS would refuse, or writing the history.
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

// Source is the origin of records: *Queue, *KinesisStream, *DynamoDBStream or *KafkaTopic.
type Source interface {
	// check checks the parameters of the source and of the mapping.
	check(*Simulation, *complaints)
	order() check.Order
	// claim assigns the source to the engine.
	claim(*engine) error
}
