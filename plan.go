package troupe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/sources"
	"github.com/troupe-go/troupe/supervisor"
)

// arrangement is what the options of a processor say about order and policy.
type arrangement[T any] struct {
	policy    Policy // Derive if none was given
	unordered bool
	by        func(T) string
	limits    sources.Limits
}

// arrange is the one place that knows both a batch and the options: it decides about groups, order and policy.
// ctx is the handlers': it ends at the cutoff, so that a group function that hangs costs records, not the
// response.
func (a *arrangement[T]) arrange(ctx context.Context, b *sources.Batch[T], kind Source) (*sources.Plan[T], error) {
	n := len(b.IDs)
	if n > 0 && b.Open == nil {
		return nil, fmt.Errorf("troupe: the %s Reader returned %d records without Open; this is a fault of the Reader", kind, n)
	}
	results := make([]batch.Result, n)
	p := &sources.Plan[T]{
		IDs: b.IDs, Results: results, Barrier: n, Open: b.Open, Payload: b.Payload, Images: b.Images, Text: b.Text, Handling: b.Handling,
	}
	p.Ordered = !a.unordered && (a.by != nil || b.Group != nil)
	p.Policy = a.policyOf(b, p.Ordered)
	groupOf := b.Group
	if a.unordered || a.by != nil {
		groupOf = nil
	}
	for i, id := range b.IDs {
		if id == "" {
			return nil, fmt.Errorf("troupe: the %s Reader returned no identifier for record %d, so that its failure could not be reported", kind, i)
		}
		r := &results[i]
		r.ID = id
		if groupOf != nil {
			group, known := groupOf(i)
			if !known {
				p.Barrier = min(p.Barrier, i)
			}
			r.Group = group
		}
	}
	if p.Ordered && a.by != nil {
		groupBy(ctx, p, a.by)
	}
	return p, nil
}

// policyOf resolves Derive (SPEC P4). What is derived goes by the source and not by whether the batch is ordered
// now: WithGroup on a standard queue stays at Continue.
func (a *arrangement[T]) policyOf(b *sources.Batch[T], ordered bool) Policy {
	given := a.policy
	if a.limits.Policy != Derive {
		given = a.limits.Policy
	}
	derived, otherwise := b.Unordered, Continue
	if ordered {
		derived = b.Ordered
		if b.Group != nil {
			otherwise = StopGroup
		}
	}
	switch {
	case given != Derive:
		return given
	case derived != Derive:
		return derived
	default:
		return otherwise
	}
}

// errNoGroup is why the record at the barrier fails: nothing after it may start, since any of it might belong to
// the same group.
var errNoGroup = errors.New("troupe: the function given to WithGroup did not return a group")

// groupBy asks the user's function on a goroutine of its own, up to the first record that has no group. A panic
// or runtime.Goexit in it costs that record and those after it. When ctx ends, the records without a group keep
// none: nothing starts any more, whatever their group is. The first attempt at a record gets the very value that
// the function saw.
func groupBy[T any](ctx context.Context, p *sources.Plan[T], by func(T) string) {
	n := len(p.Results)
	if ctx.Err() != nil {
		return
	}
	var (
		open    = p.Open
		records = make([]T, n)
		groups  = make([]string, n)
		named   atomic.Int64 // what is before it in records and groups does not change any more
	)
	failure := batch.TryWithin(ctx.Done(), func() error {
		for i := range n {
			if ctx.Err() != nil {
				return batch.ErrAbandoned // nobody waits any more
			}
			record, err := open(i)
			if err != nil {
				return err
			}
			records[i], groups[i] = record, by(record)
			named.Store(int64(i) + 1)
		}
		return nil
	})
	reached := int(named.Load())
	for i, group := range groups[:reached] {
		p.Results[i].Group = group
	}
	switch failure {
	case nil:
	case batch.ErrAbandoned:
		failure = errNoGroup
	case batch.ErrGoexit:
		p.Barrier, failure = reached, batch.Because(batch.ErrGoexit, errNoGroup)
	default:
		p.Barrier = reached
	}
	p.Images = nil // the function may have changed the record
	given := make([]atomic.Bool, reached)
	p.Open = func(i int) (T, error) {
		switch {
		case i >= reached:
			var none T
			return none, failure
		case given[i].Swap(true):
			return open(i) // for another attempt, which must not see what the last one did to the record
		default:
			return records[i], nil
		}
	}
}

// job is an arranged batch, whatever its source.
type job struct {
	batch    *messages.Batch
	noLowest bool
	notes    func() []batch.Note      // sources.Batch.Notes
	spread   func(*batch.Report)      // sources.Whole.Spread
	ids      []string                 // of the records, where there is a spread
	review   func(*batch.Report)      // sources.Batch.Review
	about    any                      // sources.Batch.About
	then     *finale                  // of a batch that ends with one call
	message  func(i int) (any, error) // decodes record i, whether or not it has a group
}

// startBy asks a delivery before each attempt. All records of a batch that is handled in one call start together.
func (j *job) startBy(d batch.Delivery) {
	if j.spread != nil {
		d.Arranged(nil)
		j.batch.Start = func(int) error { return d.Start(0, len(j.ids)) }
		return
	}
	var groups []string
	if j.batch.Ordered {
		groups = make([]string, len(j.batch.Results))
		for i, r := range j.batch.Results {
			groups[i] = r.Group
		}
	}
	d.Arranged(groups)
	j.batch.Start = func(i int) error { return d.Start(i, i+1) }
}

// recordJob makes the job of a batch whose records are handled one by one.
func recordJob[T any](kind Source, p *sources.Plan[T], call func(a *messages.Attempt, p *sources.Plan[T]) error) *job {
	return &job{batch: &messages.Batch{
		Source: kind, Handling: p.Handling, Results: p.Results, Ordered: p.Ordered, Barrier: p.Barrier, Policy: p.Policy,
		Handle: func(a *messages.Attempt) error { return call(a, p) }, Raw: p.Raw,
	}}
}

// finale is the call that ends a batch: the methods of a sources.Then.
type finale struct {
	admit  func(*batch.Report) func(context.Context) error
	spread func(*batch.Report, batch.Result)
}

// finaleOf returns the finale of a batch.
func finaleOf[T any](p *sources.Plan[T], t sources.Then[T]) *finale {
	return &finale{spread: t.Spread, admit: func(r *batch.Report) func(context.Context) error { return t.Admit(p, r) }}
}

// run makes the call, after the records of report have been handled, and adds what comes of it to report. failed, if
// not nil, is called for each record that fails by it. settings are the call's: one attempt, which no timeout of a
// record bounds.
func (f *finale) run(in *supervisor.Invocation, warn func(string, ...any), report *batch.Report, failed func(batch.Record, error)) {
	defer noticing(report, failed)()
	before := slices.Clone(report.Records)
	handle := f.admit(report)
	report.Records = kept(before, report.Records)
	if handle != nil {
		admitted := slices.Clone(report.Records)
		ended := in.Run(&supervisor.Config{Concurrency: 1}, &messages.Batch{
			Source: report.Source, Handling: batch.WholeBatch, Results: make([]batch.Result, 1), Barrier: 1, Policy: batch.StopBatch,
			Handle:  func(a *messages.Attempt) error { return handle(a) },
			Message: func(int) (any, error) { return nil, errNoMessage },
			Raw:     noPayload,
			Warn:    warn,
		})
		f.spread(report, ended.Records[0])
		report.Records = kept(admitted, report.Records)
		failUnless(report.Records, ended.Records[0], func(i int) bool { return admitted[i].Outcome != batch.Failed })
		report.Abandoned += ended.Abandoned
		report.Running, report.Duration = ended.Running, ended.Duration
	}
}

// reviewed lets the Reader review the outcomes.
func (j *job) reviewed(report *batch.Report) {
	defer noticing(report, j.batch.Failed)()
	before := slices.Clone(report.Records)
	j.review(report)
	report.Records = kept(before, report.Records)
}

// noticing returns a function that counts the outcomes anew and calls failed, if it is not nil, for each record that
// has failed since noticing was called.
func noticing(report *batch.Report, failed func(batch.Record, error)) func() {
	before := make([]batch.Outcome, len(report.Records))
	for i := range before {
		before[i] = report.Records[i].Outcome
	}
	return func() {
		report.Count()
		if failed == nil {
			return
		}
		for i, r := range report.Records {
			if r.Outcome == batch.Failed && before[i] != batch.Failed {
				failed(batch.Record{ID: r.ID, Group: r.Group, Source: report.Source, Index: i, Attempt: r.Attempts}, r.Err)
			}
		}
	}
}

// errUnspread is why a record has failed that is missing after a Spread or an Admit.
var errUnspread = errors.New("troupe: the record is missing from the results of the one call for its batch; this is a fault of the package that made them")

// kept returns after, without what a Then may not do: leave out records, or take failures back.
func kept(before, after []batch.Result) []batch.Result {
	if len(after) != len(before) {
		after = before
		for i := range after {
			if after[i].Outcome == batch.Succeeded {
				after[i] = unspread(before[i].ID)
			}
		}
	}
	for i := range after {
		switch {
		case after[i].ID != before[i].ID:
			after[i] = unspread(before[i].ID)
		case before[i].Outcome == batch.Failed && after[i].Outcome != batch.Failed:
			after[i] = before[i]
		}
	}
	return after
}

// spreadTo turns the report about the one attempt of a batch into one about its records: all of them, and at least one
// has failed if the attempt has.
func (j *job) spreadTo(report *batch.Report) {
	one := report.Records[0]
	j.spread(report)
	if len(report.Records) != len(j.ids) {
		report.Records = make([]batch.Result, len(j.ids)) // whose identifiers are not those of j.ids
	}
	for i, id := range j.ids {
		if report.Records[i].ID != id {
			report.Records[i] = unspread(id)
		}
	}
	failUnless(report.Records, one, func(int) bool { return true })
}

// failUnless fails the records that have succeeded if the one attempt for all of them has failed, and none that may
// have failed with it.
func failUnless(records []batch.Result, one batch.Result, may func(i int) bool) {
	if one.Outcome != batch.Failed {
		return
	}
	for i := range records {
		if records[i].Outcome == batch.Failed && may(i) {
			return
		}
	}
	for i := range records {
		if r := &records[i]; r.Outcome == batch.Succeeded {
			r.Outcome, r.Err, r.Value = batch.Failed, one.Err, nil
		}
	}
}

func unspread(id string) batch.Result {
	return batch.Result{ID: id, Err: errUnspread}
}

// noPayload is the Raw of a batch that is handled in one call.
func noPayload(int) ([]byte, bool) { return nil, true }

// errNoMessage is why MessageFrom has nothing to return.
var errNoMessage = errors.New("troupe: a batch handler has no single message")

// wholeJob makes the job of a batch that is handled in one call: a batch of one for the supervisor.
func wholeJob[T any](kind Source, p *sources.Plan[T], w sources.Whole[T]) *job {
	j := &job{batch: &messages.Batch{
		Source: kind, Handling: batch.WholeBatch, Policy: p.Policy,
		Message: func(int) (any, error) { return nil, errNoMessage }, Raw: noPayload,
	}}
	if len(p.IDs) == 0 {
		return j
	}
	if p.Ordered {
		messages.NumberGroups(p.Results, p.Barrier) // copies the names; the supervisor does it for records handled one by one
	}
	handle := w.Admit(p)
	j.spread, j.ids = w.Spread, p.IDs
	j.batch.Results, j.batch.Barrier = make([]batch.Result, 1), 1
	j.batch.Handle = func(a *messages.Attempt) error {
		if handle == nil {
			return nil
		}
		return handle(a)
	}
	return j
}
