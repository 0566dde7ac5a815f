package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/sources"
)

// whole is a batch that is handled as one.
type whole[T any] struct {
	batch   *sources.Batch[T]
	results []messages.Result // the records'
	policy  messages.Directive

	records  []T   // for the handler
	indexes  []int // of each of them in results
	returned error // by the handler
}

// errReturned is what the supervisor learns of an error that the handler returned: it says nothing of the
// other records, and what may be in it is not about the batch.
var errReturned = errors.New("troupe: the batch handler returned an error")

// errBehind tells of a record that was handled, maybe well, and comes again.
var errBehind = errors.New("it was handed to the handler, and is reported so that order holds")

// admit decides what the handler is given: all but the records that cannot be decoded and those that the
// policy stops behind them.
func (w *whole[T]) admit(policy messages.Directive) func(*messages.Report) {
	w.policy = policy
	w.records = make([]T, 0, len(w.results))
	halt := w.halts()
	for i := range w.results {
		r := &w.results[i]
		if why := halt.of(i); why != 0 {
			r.Err = messages.Because(messages.ErrNotStarted, why)
			continue
		}
		record, err := w.batch.Record(i)
		if err != nil {
			r.Attempts, r.Err = 1, err
			halt.after(i)
			continue
		}
		w.records = append(w.records, record)
		w.indexes = append(w.indexes, i)
	}
	return w.spread
}

// handle calls the handler, if there is anything for it.
func (w *whole[T]) handle(ctx context.Context, handler func(context.Context, []T) error) error {
	if len(w.records) == 0 {
		return nil
	}
	err := handler(ctx, w.records)
	if f, ok := failuresIn(err); err == nil || ok && len(f.Unwrap()) == 0 {
		return nil
	}
	w.returned = err
	return errReturned
}

// spread makes a report about the records of the report about the one attempt at all of them.
func (w *whole[T]) spread(report *messages.Report) {
	one := report.Records[0]
	failure := w.failure(one)
	for i := range w.results {
		r := &w.results[i]
		r.Queued = one.Queued
		if one.Attempts == 0 { // nobody's turn has come
			r.Attempts, r.Err = 0, one.Err
		}
	}
	for k, i := range w.indexes {
		r := &w.results[i]
		r.Attempts, r.Duration = one.Attempts, one.Duration
		if r.Err = failure(k); r.Err == nil {
			r.Outcome = messages.Succeeded
		}
	}
	w.hold()

	report.Records = w.results
	report.Succeeded, report.Failed, report.NotStarted = 0, 0, 0
	for i := range w.results {
		switch {
		case w.results[i].Outcome == messages.Succeeded:
			report.Succeeded++
			continue
		case w.results[i].Attempts == 0:
			report.NotStarted++
		}
		report.Failed++
	}
}

// failure tells for each record that the handler was given why it has failed, if it has.
func (w *whole[T]) failure(one messages.Result) func(k int) error {
	all := func(err error) func(int) error { return func(int) error { return err } }
	// Not errors.Is, which asks the error's own Is method: one that a handler panicked with could pass for
	// errReturned, and nothing has been returned then.
	reasons, cause := messages.Cause(one.Err)
	if one.Outcome == messages.Succeeded || cause != errReturned {
		return all(one.Err)
	}
	// The handler returned in time, so that nobody writes w.returned any more.
	late := func(err error) error {
		for _, why := range slices.Backward(reasons) {
			err = messages.Because(why, err)
		}
		return err
	}
	failures, ok := failuresIn(w.returned)
	if !ok {
		return all(late(w.returned))
	}
	if i, found := failures.outside(len(w.records)); found {
		return all(late(fmt.Errorf("troupe: Failures has index %d where the handler was given %d records; so all of them have failed: %w", i, len(w.records), w.returned)))
	}
	return func(k int) error {
		if err := failures[k]; err != nil {
			return late(err)
		}
		return nil
	}
}

// hold fails what the policy stops behind a record that has failed.
func (w *whole[T]) hold() {
	halt := w.halts()
	for i := range w.results {
		r := &w.results[i]
		if why := halt.of(i); why != 0 && r.Outcome == messages.Succeeded {
			r.Outcome, r.Err = messages.Failed, messages.Because(why, errBehind)
		}
		if r.Outcome == messages.Failed {
			halt.after(i)
		}
	}
}

// halts is what a policy makes of failures, in batch order.
type halts struct {
	policy  messages.Directive
	results []messages.Result
	ordered bool
	barrier int
	batch   bool
	groups  map[string]bool
}

func (w *whole[T]) halts() *halts {
	return &halts{policy: w.policy, results: w.results, ordered: w.batch.Ordered, barrier: w.batch.Barrier, groups: map[string]bool{}}
}

// after takes note of a failure.
func (h *halts) after(i int) {
	switch {
	case h.policy == messages.StopBatch:
		h.batch = true
	case h.policy == messages.StopGroup && h.ordered:
		h.groups[h.results[i].Group] = true
	}
}

// of says why record i must not pass, if it must not.
func (h *halts) of(i int) messages.Reason {
	switch {
	case h.batch:
		return messages.ErrStopped
	case i > h.barrier || i < h.barrier && h.groups[h.results[i].Group]:
		return messages.ErrGroupStopped
	default:
		return 0
	}
}
