package bulk

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
)

// whole is a batch that is handled as one.
type whole[T any] struct {
	handler func(context.Context, []T) error
	plan    *sources.Plan[T]
	results []batch.Result // the records'

	call    call[T]
	indexes []int // of each of call.given in results
}

// errBehind is the error of a record that was handled, perhaps successfully, and is redelivered.
var errBehind = errors.New("it was passed to the handler; it is reported to preserve order")

// Admit selects the handler's records: all except those that cannot be decoded and the later ones that the
// policy stops.
func (w *whole[T]) Admit(p *sources.Plan[T]) func(context.Context) error {
	w.plan = p
	w.results = p.Results
	w.call = call[T]{handler: w.handler, given: make([]T, 0, len(p.Results))}
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
		w.call.given = append(w.call.given, record)
		w.indexes = append(w.indexes, i)
	}
	if len(w.call.given) == 0 {
		return nil
	}
	return w.call.run
}

// Spread turns the report about the one attempt into one about the records.
func (w *whole[T]) Spread(report *batch.Report) {
	one := report.Records[0]
	failure := w.call.failure(one)
	for i := range w.results {
		r := &w.results[i]
		r.Queued = one.Queued
		if one.Attempts == 0 { // the batch has not started
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

// hold fails the records that the policy stops after a failed record.
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

// halts are the effects of a policy on later records, in batch order.
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

// after records a failure. An unknown policy stops the batch, which neither loses nor reorders anything.
func (h *halts) after(i int) {
	switch h.policy {
	case batch.Continue:
	case batch.StopGroup:
		if h.ordered {
			h.groups[h.results[i].Group] = true
		}
	default:
		h.batch = true
	}
}

// of returns why record i is held back, or nil.
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
