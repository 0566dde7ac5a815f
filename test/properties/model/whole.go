package model

import (
	"slices"
	"time"
)

// Whole is what becomes of a batch that is handed over as a whole (package bulk). handler is the one act, and
// where that is to succeed, the first act of each record says whether its handler reports it as failed.
// Nothing happens by record, so b's concurrency, retries and record timeout do not matter.
func Whole(b Batch, handler Act) Answer {
	a := Answer{Results: make([]Result, len(b.Records))}
	if len(b.Records) == 0 {
		return a
	}
	given := b.given(a.Results)
	if len(given) == 0 {
		handler = Act{} // it is not called
	}
	one := Run(Batch{
		Records: []Record{{Acts: []Act{handler}}}, Concurrency: 1, Directive: b.Directive,
		Reserve: b.Reserve, Left: b.Left, Cancel: b.Cancel,
	}, nil)
	if len(given) > 0 {
		a.Attempts = one.Attempts
	}
	a.End = one.End
	all := one.Results[0]
	for i := range a.Results {
		r := &a.Results[i]
		r.Queued, r.Settled = all.Queued, all.Settled
		if all.Attempts == 0 { // nobody's turn has come
			r.Why, r.Attempts = all.Why, 0
		}
	}
	for _, i := range given {
		r := &a.Results[i]
		r.Why, r.Attempts, r.Duration = all.Why, all.Attempts, all.Duration
		if r.Why == 0 && b.Records[i].Acts[0].Do != OK {
			r.Why = Erred | b.late(one.End)
		}
	}
	b.holdBack(a.Results)
	return a
}

// given are the records that the handler is given. The others cannot be decoded, or are stopped behind one
// that cannot.
func (b Batch) given(results []Result) (given []int) {
	held := holds{b: b}
	for i := range results {
		switch why := held.of(i); {
		case why != 0:
			results[i].Why = NotStarted | why
		case b.Records[i].Acts[0].Do == Undecodable:
			results[i].Why, results[i].Attempts = Unread, 1
			held.after(i, Unread)
		default:
			given = append(given, i)
		}
	}
	return given
}

// holdBack has the records fail that have succeeded behind one that failed, as far as the policy says so: if
// only the one came again, it would come after them.
func (b Batch) holdBack(results []Result) {
	held := holds{b: b}
	for i := range results {
		r := &results[i]
		if r.Why == 0 {
			r.Why = held.of(i)
		}
		if r.Why != 0 {
			held.after(i, r.Why)
		}
	}
}

// late is what a failure is for, too, that is reported at this time.
func (b Batch) late(end time.Duration) Why {
	r := run{Batch: b}
	if r.limits(); end < r.cutoff {
		return 0
	}
	return r.cutoffWhy
}

// holds is what a policy holds back behind failures.
type holds struct {
	b      Batch
	all    bool
	groups []string
}

func (h *holds) after(i int, why Why) {
	switch h.b.Directive(i, why) {
	case Stop:
		h.all = true
	case StopGroup:
		if h.b.Ordered {
			h.groups = append(h.groups, h.b.Records[i].Group)
		}
	}
}

func (h *holds) of(i int) Why {
	switch {
	case h.all:
		return Stopped
	case slices.Contains(h.groups, h.b.Records[i].Group):
		return GroupStopped
	default:
		return 0
	}
}
