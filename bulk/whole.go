package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
)

// whole is a batch that is handled as one.
type whole[T any] struct {
	handler func(context.Context, []T) error
	plan    *sources.Plan[T]
	results []batch.Result // the records'

	records  []T   // for the handler
	indexes  []int // of each of them in results
	returned error // by the handler: why all have failed; nil if failed says which
	failed   []error
}

// errReturned is what the supervisor learns of an error that the handler returned: it says nothing of the
// other records, and what may be in it is not about the batch.
var errReturned = errors.New("troupe: the batch handler returned an error")

// errBehind tells of a record that was handled, maybe well, and comes again.
var errBehind = errors.New("it was handed to the handler, and is reported so that order holds")

// Admit decides what the handler is given: all but the records that cannot be decoded and those that the policy
// stops behind them.
func (w *whole[T]) Admit(p *sources.Plan[T]) func(context.Context) error {
	w.plan = p
	w.results = make([]batch.Result, len(p.IDs))
	w.records = make([]T, 0, len(p.IDs))
	for i := range w.results {
		w.results[i].ID = p.IDs[i]
		if p.Groups != nil {
			w.results[i].Group = p.Groups[i]
		}
	}
	halt := w.halts()
	for i := range w.results {
		r := &w.results[i]
		if why := halt.of(i); why != 0 {
			r.Err = batch.Because(batch.ErrNotStarted, why)
			continue
		}
		record, err := p.Open(i)
		if err != nil {
			r.Attempts, r.Err = 1, err
			halt.after(i)
			continue
		}
		w.records = append(w.records, record)
		w.indexes = append(w.indexes, i)
	}
	if len(w.records) == 0 {
		return nil
	}
	return w.handle
}

// handle calls the handler. What it returns is read here, once: its methods are the user's, as the handler is, and so is
// the map of Failures, which may change later.
func (w *whole[T]) handle(ctx context.Context) error {
	err := w.handler(ctx, w.records)
	if err == nil {
		return nil
	}
	failures, ok := failuresIn(err)
	if !ok {
		w.returned = batch.Tell(err)
		return errReturned
	}
	failed, any := make([]error, len(w.records)), false
	for _, i := range failures.sorted() {
		switch {
		case failures[i] == nil:
			continue
		case i < 0 || i >= len(failed):
			w.returned = batch.Tell(fmt.Errorf("troupe: Failures has index %d where the handler was given %d records; so all of them have failed: %w", i, len(w.records), err))
			return errReturned
		}
		failed[i], any = batch.Tell(failures[i]), true
	}
	if !any {
		return nil
	}
	w.failed = failed
	return errReturned
}

// Spread turns the report about the one attempt into one about the records.
func (w *whole[T]) Spread(report *batch.Report) {
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
			r.Outcome = batch.Succeeded
		}
	}
	w.hold()

	report.Records = w.results
}

// failure tells for each record that the handler was given why it has failed, if it has.
func (w *whole[T]) failure(one batch.Result) func(k int) error {
	all := func(err error) func(int) error { return func(int) error { return err } }
	// Not errors.Is, which asks the error's own Is method: one that a handler panicked with could pass for
	// errReturned, and nothing has been returned then.
	reasons, cause := batch.Cause(one.Err)
	if one.Outcome == batch.Succeeded || cause != errReturned {
		return all(one.Err)
	}
	// The handler returned in time, so that nobody writes w.returned and w.failed any more.
	late := func(err error) error {
		for _, why := range slices.Backward(reasons) {
			err = batch.Because(why, err)
		}
		return err
	}
	if w.returned != nil {
		return all(late(w.returned))
	}
	return func(k int) error {
		if err := w.failed[k]; err != nil {
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
		if why := halt.of(i); why != 0 && r.Outcome == batch.Succeeded {
			r.Outcome, r.Err = batch.Failed, batch.Because(why, errBehind)
		}
		if r.Outcome == batch.Failed {
			halt.after(i)
		}
	}
}

// halts is what a policy makes of failures, in batch order.
type halts struct {
	policy  batch.Policy
	results []batch.Result
	ordered bool
	barrier int
	batch   bool
	groups  map[string]bool
}

func (w *whole[T]) halts() *halts {
	return &halts{policy: w.plan.Policy, results: w.results, ordered: w.plan.Ordered, barrier: w.plan.Barrier, groups: map[string]bool{}}
}

// after takes note of a failure.
func (h *halts) after(i int) {
	switch {
	case h.policy == batch.StopBatch:
		h.batch = true
	case h.policy == batch.StopGroup && h.ordered:
		h.groups[h.results[i].Group] = true
	}
}

// of says why record i must not pass, if it must not.
func (h *halts) of(i int) batch.Reason {
	switch {
	case h.batch:
		return batch.ErrStopped
	case i > h.barrier || i < h.barrier && h.groups[h.results[i].Group]:
		return batch.ErrGroupStopped
	default:
		return 0
	}
}
