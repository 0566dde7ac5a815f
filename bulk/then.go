package bulk

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// SQSThen returns a processor that calls handler for each message, in parallel, and then write once with the values of
// the messages that succeeded, in batch order (SPEC R2). Without a value it does not call write. handler is a function
// that troupe.Returning or idempotency.Returning wraps, possibly with typed or envelope around it; V is the type that
// it returns.
//
// A message succeeds if its handler and the write do. write returns nil if it has written all values, Failures by
// their index in the slice if it refused some of them, and any other error if it has written none: then, and if it
// panics, calls runtime.Goexit or is abandoned, the messages of all values have failed. A message whose handler succeeds
// without a value of type V fails. The slice is write's; it may be changed and kept.
//
// The handlers' context ends at half of the time from the start of the batch to the cutoff, and messages that have not
// started by then fail with troupe.ErrDeadline. The handlers' last call follows by the time from cutoff to last call,
// or by a quarter of the time left if that is less. A write that cannot start by the cutoff fails all. The context of
// write ends at the cutoff; RecordFrom returns nothing useful for it. Without a deadline neither context has a limit.
//
// Order within a group holds for handlers and values: the value of a message after a failed one of its group is not
// written. If write rejects the value of a message, later messages of its group are reported too, although they are
// written; they fail with troupe.ErrGroupStopped. Under troupe.Continue, and in batches without order, each message
// is reported independently.
//
// All of troupe's options apply to handler, except WithDecider, which is refused. Last resorts and retries
// are not called for values that the write rejects. It panics if handler or write is nil or an option is
// invalid.
func SQSThen[M troupe.SQSRecord, V any](handler troupe.Handler[M], write func(ctx context.Context, values []V) error, options ...troupe.Option) *troupe.SQSProcessor {
	return thenOf(sources.SQS(), response.ForSQS(), handler, write, options)
}

// KinesisThen is like SQSThen, for batches of a Kinesis stream.
func KinesisThen[M troupe.KinesisRecord, V any](handler troupe.Handler[M], write func(ctx context.Context, values []V) error, options ...troupe.Option) *troupe.KinesisProcessor {
	return thenOf(sources.Kinesis(), response.ForKinesis(), handler, write, options)
}

// DynamoDBThen is like SQSThen, for batches of a DynamoDB stream.
func DynamoDBThen[M troupe.DynamoDBRecord, V any](handler troupe.Handler[M], write func(ctx context.Context, values []V) error, options ...troupe.Option) *troupe.DynamoDBProcessor {
	return thenOf(sources.DynamoDB(), response.ForDynamoDB(), handler, write, options)
}

// KafkaThen is like SQSThen, for batches of a Kafka topic, with the records and options of package
// kafka.
func KafkaThen[M kafka.Record | troupe.Lazy[kafka.Record], V any](handler troupe.Handler[M], write func(ctx context.Context, values []V) error, options ...troupe.Option) *kafka.Processor {
	return thenOf(kafka.Source{}, kafka.Answer(), handler, write, options)
}

func thenOf[E, R, T, M, V any](src sources.Reader[E, T], answer response.Answer[R], handler troupe.Handler[M], write func(context.Context, []V) error, options []troupe.Option) *troupe.Processor[E, R] {
	if write == nil {
		panic(fmt.Errorf("troupe: the write of the %s batch is nil; must be a function", src.Kind()))
	}
	p, err := troupe.NewThen(enriched[E, T]{src}, answer, handler, func() sources.Then[T] { return &then[T, V]{write: write} }, options...)
	if err != nil {
		panic(err)
	}
	return p
}

// enriched is a Reader whose records end in one write.
type enriched[E, T any] struct{ sources.Reader[E, T] }

// Limits refuses options that could let a group continue after a failed record although the write does not
// expect it.
func (e enriched[E, T]) Limits() sources.Limits {
	l := e.Reader.Limits()
	l.NoDecider = "one write is for all records; use a policy"
	l.NoRedelivery = "a record that the write fails has no attempt of its own"
	return l
}

// then ends a batch with a write of values.
type then[T, V any] struct {
	write   func(context.Context, []V) error
	call    call[V]
	indexes []int // of the record of each of call.given
	plan    *sources.Plan[T]
}

var (
	errUnwritten = errors.New("the record was handled, but its value was not written")
	errWritten   = errors.New("its value was passed to the write; it is reported to preserve order")
)

// Admit collects the values to write: those of the records that succeeded, except after a failed record of their
// group. A record without a value has failed, because a handler wrapped by Returning is meant to return one.
func (t *then[T, V]) Admit(p *sources.Plan[T], report *batch.Report) func(context.Context) error {
	t.plan = p
	t.call = call[V]{handler: t.write}
	halt := t.halts(report)
	for i := range report.Records {
		r := &report.Records[i]
		if r.Outcome == batch.Succeeded {
			value, ok := batch.Value[V](*r)
			switch why := halt.of(i); {
			case why != 0:
				fail(r, batch.Because(why, errUnwritten))
			case !ok:
				fail(r, fmt.Errorf("troupe: the handler returned no %v to write; wrap it with troupe.Returning", reflect.TypeFor[V]()))
			default:
				t.call.given = append(t.call.given, value)
				t.indexes = append(t.indexes, i)
			}
		}
		if r.Outcome == batch.Failed {
			halt.after(i)
		}
	}
	if len(t.call.given) == 0 {
		return nil
	}
	return t.call.run
}

// Spread fails the records whose values were not written, and the later ones of their groups.
func (t *then[T, V]) Spread(report *batch.Report, one batch.Result) {
	failure := t.call.failure(one)
	if one.Attempts == 0 {
		err := unwritten(one.Err)
		failure = func(int) error { return err }
	}
	halt := t.halts(report)
	for k, i := range t.indexes {
		r := &report.Records[i]
		err := failure(k)
		if why := halt.of(i); err == nil && why != 0 {
			err = batch.Because(why, errWritten)
		}
		if err != nil {
			fail(r, err)
			halt.after(i)
		}
	}
}

// unwritten is the error of records whose write was never started, with the cause.
func unwritten(why error) error {
	reasons, _ := batch.Cause(why)
	err := errUnwritten
	for _, reason := range reasons {
		if reason != batch.ErrNotStarted { // the record was
			err = batch.Because(reason, err)
		}
	}
	return err
}

func fail(r *batch.Result, err error) {
	r.Outcome, r.Err, r.Value = batch.Failed, err, nil
}

// halts holds back only the groups of failed records, even under StopBatch: records of other groups have been handled
// already, and their outcomes count (SPEC P2).
func (t *then[T, V]) halts(report *batch.Report) *halts {
	policy := t.plan.Policy
	if policy == batch.StopBatch {
		policy = batch.StopGroup
	}
	return &halts{policy: policy, results: report.Records, ordered: t.plan.Ordered, barrier: t.plan.Barrier, groups: map[string]bool{}}
}
