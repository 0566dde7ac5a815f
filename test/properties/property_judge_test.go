package properties

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe"
	vocabulary "github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/test/properties/model"
)

// certainty is how closely an answer could be compared.
type certainty uint8

const (
	exact  certainty = iota // there is one answer
	oneOf                   // it is among the answers that the model allows
	lawful                  // there are too many: it breaks no law
)

// Bounds of what is looked at of the model's answers to a batch: how many, and for how many records.
const (
	answersTried = 2000
	mostRecords  = 16
)

// compare looks for what came among the model's answers. If it is not there, answer is the one most like
// it, and differences are to that.
func compare(p *plan, b batch, came *seen) (answer model.Answer, how certainty, differences []string) {
	if p.made == together {
		answer = model.Whole(b.Batch, b.whole)
		return answer, exact, unlikeness(p, b, answer, came)
	}
	if len(b.Records) > mostRecords && p.made != windowed { // a window leaves nothing to chance
		return answer, lawful, nil
	}
	forks := 0
	model.Run(b.Batch, func(int) int { forks++; return 0 })
	if forks > 0 {
		how = oneOf
	}
	tried := 0
	for a := range model.Answers(b.Batch) {
		d := unlikeness(p, b, a, came)
		if len(d) == 0 {
			return a, how, nil
		}
		if tried == 0 || len(d) < len(differences) {
			answer, differences = a, d
		}
		if tried++; tried == answersTried {
			return answer, lawful, nil
		}
	}
	if how == oneOf {
		differences = append(differences, fmt.Sprintf("(the other answers that the model allows, %d in all, are less like it)", tried))
	}
	return answer, how, differences
}

// unlikeness tells in what way what came is not a.
func unlikeness(p *plan, b batch, a model.Answer, came *seen) (differences []string) {
	differ := func(what string, want, got any) {
		if want != got {
			differences = append(differences, fmt.Sprintf("%s: want %v, got %v", what, want, got))
		}
	}
	failed := a.Count(0)
	closing, closes := p.closing(b, a)
	failing := p.errorWhen != troupe.ErrorWhenNever && failed > 0 && (p.errorWhen == troupe.ErrorWhenAny || failed == len(b.ids))
	differ("an error (S7)", failing || closing.Count(0) > 0, came.err != nil)
	if failing = failing || closing.Count(0) > 0; !failing || !p.raw {
		differ("response (S3, S8)", fmt.Sprintf("%q", a.Reported(b.ids, p.lowestOnly && !p.pipe)), fmt.Sprintf("%q", came.reported))
	}
	differ("answered at", max(a.End+closing.End, came.changed), came.took)

	report := came.report
	dropped := 0
	for _, result := range a.Results {
		if result.Dropped {
			dropped++
		}
	}
	differ("report: succeeded", len(b.ids)-failed-dropped, report.Succeeded)
	differ("report: failed", failed, report.Failed)
	differ("report: dropped", dropped, report.Dropped)
	differ("report: not started", a.Count(model.NotStarted), report.NotStarted)
	abandoned := a.Count(model.Abandoned)
	if p.made == together {
		abandoned = min(1, abandoned) // it is handlers that are counted
	}
	differ("report: abandoned", abandoned, report.Abandoned)
	differ("report: duration", a.End, report.Duration)
	retried, wrapped := 0, 0
	for i, want := range a.Results {
		got, record := report.Records[i], fmt.Sprintf("record %d: ", i)
		differ(record+"outcome", outcome(want), got.Outcome)
		differ(record+"reasons", want.Why, reasons(got.Err)&^(want.Maybe&^want.Why))
		if p.made != together && !b.Records[i].Acts[0].Within && want.Why.OneOf(model.Erred|model.ErredForGood|model.Panicked) {
			of := fault{record: i, attempt: want.Attempts}
			if isPointer(got.Err) && !want.Why.Has(model.Panicked) {
				of = fault{} // there is no more to it
			}
			differ(record+"error of the attempt", of, blamed(got.Err))
		}
		differ(record+"attempts", want.Attempts, got.Attempts)
		differ(record+"queued", want.Queued, got.Queued)
		differ(record+"duration", want.Duration, got.Duration)
		retried += max(0, want.Attempts-1)
		if !b.spoiled[i] && (b.carriers == nil || b.carriers[i].packing != unusable) {
			wrapped += want.Attempts
		}
	}
	differ("report: retried", retried, report.Retried)
	if p.middleware {
		differ("calls of the middleware (D6)", wrapped, came.wrapped)
	}
	if p.made == windowed {
		differences = append(differences, p.windowUnlike(b, a, closing, closes, failing, came)...)
	}
	if p.made == together {
		differences = append(differences, wholeUnlike(b, a, came)...)
	}
	differences = append(differences, callsUnlike(b, a, came)...)
	differences = append(differences, lettersUnlike(a, came)...)
	return append(differences, hooksUnlike(a, came)...)
}

func outcome(r model.Result) troupe.Outcome {
	switch {
	case r.Dropped:
		return troupe.Dropped
	case r.Why == 0:
		return troupe.Succeeded
	default:
		return troupe.Failed
	}
}

// callsUnlike compares the calls of the handler. At concurrency 1 they come in one order; otherwise
// several may start at an instant, in any order.
func callsUnlike(b batch, a model.Answer, came *seen) (differences []string) {
	want, got := slices.Clone(a.Attempts), slices.Clone(came.attempts)
	want = slices.DeleteFunc(want, func(at model.Attempt) bool { return at.Within })
	if b.Concurrency > 1 {
		slices.SortFunc(want, func(x, y model.Attempt) int {
			return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(x.Record, y.Record), cmp.Compare(x.Number, y.Number))
		})
		slices.SortFunc(got, func(x, y *call) int {
			return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.record, y.record), cmp.Compare(x.number, y.number))
		})
	}
	if len(want) != len(got) {
		return []string{fmt.Sprintf("want %d calls of the handler, got %d", len(want), len(got))}
	}
	for i, w := range want {
		g := got[i]
		if w.Record != g.record || w.Number != g.number || w.Start != g.start || w.Limit != g.limit || !w.Abandoned && w.End != g.end {
			differences = append(differences, fmt.Sprintf("call %d: want record %d, attempt %d from %v to %v with deadline %v; got record %d, attempt %d from %v to %v with deadline %v",
				i, w.Record, w.Number, w.Start, w.End, w.Limit, g.record, g.number, g.start, g.end, g.limit))
		}
	}
	return differences
}

// hooksUnlike compares the calls of the failure hook: one for each failure, when it is certain. That a
// record will not be started may be told later.
func hooksUnlike(a model.Answer, came *seen) (differences []string) {
	told := map[int]hooked{}
	for _, h := range came.hooked {
		told[h.record] = h
	}
	if len(told) != len(came.hooked) || len(told) != a.Count(0) {
		differences = append(differences, fmt.Sprintf("failure hook: want %d calls, got %d for %d records", a.Count(0), len(came.hooked), len(told)))
	}
	for i, want := range a.Results {
		h, ok := told[i]
		switch {
		case ok != want.Failed():
			differences = append(differences, fmt.Sprintf("failure hook: called for record %d: %v", i, ok))
		case !ok:
		case h.err != came.report.Records[i].Err || h.attempt != want.Attempts:
			differences = append(differences, fmt.Sprintf("failure hook: record %d, attempt %d: %v", i, h.attempt, h.err))
		case h.at < want.Settled || h.at > want.Settled && !want.Why.Has(model.NotStarted):
			differences = append(differences, fmt.Sprintf("failure hook: record %d: want at %v, got at %v", i, want.Settled, h.at))
		}
	}
	return differences
}

// broken tells which laws a batch broke. They hold whatever happened first, and need no model.
func broken(p *plan, b batch, came *seen) (laws []string) {
	break_ := func(format string, args ...any) { laws = append(laws, fmt.Sprintf(format, args...)) }
	laws = append(laws, came.faults...)
	if came.leaked != "" {
		break_("goroutines are left:\n%s", came.leaked)
	}
	if came.reports != 1 || came.report == nil || len(came.report.Records) != len(b.ids) {
		came.report = cmp.Or(came.report, &troupe.Report{})
		break_("S1: %d reports, with %d records", came.reports, len(came.report.Records))
		return laws
	}

	// S1, S2: every record has one outcome, and is reported as what it is.
	if p.made != together {
		laws = append(laws, misvalued(p, came)...)
	}
	failed := []string{}
	groups := map[string]string{}
	ungrouped := false
	for i, r := range came.report.Records {
		if r.ID != b.ids[i] || (r.Outcome == troupe.Succeeded) == (r.Err != nil) {
			break_("S1: record %d: %+v", i, r)
		}
		if r.Outcome == troupe.Failed && !slices.Contains(failed, r.ID) {
			failed = append(failed, r.ID)
		}
		want := ""
		switch group := b.Records[i].Group; {
		case !b.Ordered:
		case p.order == grouped && ungrouped: // the group function is not asked about what is behind
		case b.Records[i].Ungrouped:
			want = r.Group // nobody knows
			ungrouped = true
		case p.order == grouped && came.report.NotStarted == len(came.report.Records):
			want = "" // it was too late on arrival to ask for groups
			if r.Group == group {
				want = group
			}
		case p.source != dynamodb || p.order == grouped || p.made == windowed:
			want = group
		case groups[group] == "": // the form is the processor's
			want, groups[group] = r.Group, r.Group
		default:
			want = groups[group]
		}
		if r.Group != want {
			break_("O3: record %d is in group %q, want %q", i, r.Group, want)
		}
		if (r.Attempts == 0) != reasons(r.Err).Has(model.NotStarted) {
			break_("S1: record %d after %d attempts: %v", i, r.Attempts, r.Err)
		}
	}
	if (came.err == nil || !p.raw) && (!p.lowestOnly || p.pipe) && (came.reported == nil || !slices.Equal(failed, came.reported)) {
		break_("S3: %q failed, %q are reported", failed, came.reported)
	}
	if came.err != nil && (came.report.Failed > 0 || p.made != windowed) { // else it is of the end of a window
		var all interface{ Unwrap() []error }
		if !errors.As(came.err, &all) || len(all.Unwrap()) != came.report.Failed || !errors.Is(came.err, firstError(came.report)) {
			break_("S7: the error is %v", came.err)
		}
	}
	if b.Left > 0 && came.took >= b.Left {
		break_("D1: answered at %v, the deadline was %v", came.took, b.Left)
	}
	laws = append(laws, disorder(b, came)...)
	laws = append(laws, mischanged(p, b, came)...)
	if p.made == together {
		return laws // none of its records has an attempt of its own
	}
	return append(laws, unexplained(p, b, came)...)
}

// misvalued tells which records have another value than the one of the attempt that they succeeded at (R1).
func misvalued(p *plan, came *seen) (laws []string) {
	for i, r := range came.report.Records {
		value, ok := troupe.Value[string](r)
		if ok != (p.returns && r.Outcome == troupe.Succeeded) || ok && value != valueOf(i, r.Attempts) {
			laws = append(laws, fmt.Sprintf("R1: record %d, %v after %d attempts, has the value %q, %v", i, r.Outcome, r.Attempts, value, ok))
		}
	}
	return laws
}

// disorder tells which laws of order and concurrency the calls of a batch broke (SPEC 5). A handler that
// was abandoned counts until then.
func disorder(b batch, came *seen) (laws []string) {
	abandoned := func(c *call) bool {
		r := came.report.Records[c.record]
		return c.number == r.Attempts && reasons(r.Err).Has(model.Abandoned)
	}
	// over reports whether c had ended, or been abandoned, when d started.
	over := func(c, d *call) bool {
		if abandoned(c) {
			r := came.report.Records[c.record]
			return d.start >= r.Queued+r.Duration
		}
		return c.endedAs > 0 && c.endedAs < d.startedAs
	}
	for i, c := range came.attempts {
		atOnce := 1
		for _, earlier := range came.attempts[:i] {
			if !over(earlier, c) {
				atOnce++
			}
			if earlier.record != c.record && (!b.Ordered || b.Records[earlier.record].Group != b.Records[c.record].Group) {
				continue
			}
			switch {
			case abandoned(earlier):
				laws = append(laws, fmt.Sprintf("D4: record %d started after %d of its group had been abandoned", c.record, earlier.record))
			case !over(earlier, c):
				laws = append(laws, fmt.Sprintf("O2: records %d and %d of a group ran at once", earlier.record, c.record))
			case earlier.record > c.record, earlier.record == c.record && earlier.number >= c.number:
				laws = append(laws, fmt.Sprintf("O2: record %d, attempt %d, came after record %d, attempt %d", c.record, c.number, earlier.record, earlier.number))
			}
		}
		if atOnce > b.Concurrency {
			laws = append(laws, fmt.Sprintf("O1: %d handlers at once", atOnce))
		}
	}
	return laws
}

// unexplained tells which outcomes do not follow from what the handler did and which records failed.
func unexplained(p *plan, b batch, came *seen) (laws []string) {
	records := came.report.Records
	barrier := slices.IndexFunc(b.Records, func(r model.Record) bool { return b.Ordered && r.Ungrouped })
	failedWith := func(of func(j int) bool, d model.Directive) bool {
		for j, r := range records {
			why := reasons(r.Err)
			if r.Outcome == troupe.Failed && !why.Has(model.NotStarted) && of(j) && (p.directive(j, why) == d || d == model.StopGroup && why.Has(model.TimedOut|model.Abandoned)) {
				return true
			}
		}
		return false
	}
	stopped := failedWith(func(int) bool { return true }, model.Stop)
	unlimited := b.Left == model.Never && b.Cancel == model.Never
	for i, r := range records {
		why := reasons(r.Err)
		if r.Attempts == 0 {
			blameless := why.Has(model.Deadline) && b.Left == model.Never ||
				why.Has(model.Cancelled) && came.took < b.Cancel ||
				why.Has(model.Stopped) && !stopped ||
				why.Has(model.GroupStopped) && !(barrier >= 0 && i > barrier) && !failedWith(func(j int) bool {
					return j < i && b.Ordered && b.Records[j].Group == b.Records[i].Group
				}, model.StopGroup)
			if blameless || !why.OneOf(model.Deadline|model.Cancelled|model.Stopped|model.GroupStopped) {
				laws = append(laws, fmt.Sprintf("S1: record %d was %v without a cause", i, why))
			}
			continue
		}
		if barrier >= 0 && i > barrier {
			laws = append(laws, fmt.Sprintf("D6: record %d was started, the group of record %d is not known", i, barrier))
		}
		act := b.Records[i].Acts[min(r.Attempts, len(b.Records[i].Acts))-1]
		ended := model.Ending(act.Do)
		if p.redeliver != nil {
			laws = append(laws, misdirected(p, b, came, i)...)
			continue
		}
		if r.Outcome == troupe.Dropped && act.Do != model.Drop && act.Do != model.LeaveOut ||
			r.Outcome != troupe.Dropped && (act.Do == model.Drop || act.Do == model.LeaveOut && why == ended) {
			laws = append(laws, fmt.Sprintf("S1: record %d was %v", i, r.Outcome))
		}
		limited := why.OneOf(model.TimedOut | model.Deadline | model.Cancelled)
		if limited && act.For == 0 && act.Do != model.Hang && act.Do != model.FailMute || !limited && why != ended {
			laws = append(laws, fmt.Sprintf("S1: record %d ended with %v after its handler had ended with %v", i, why, ended))
		}
		if r.Outcome == troupe.Failed && (why == model.Erred || why == model.Panicked && b.RetryPanics) && r.Attempts <= b.Retries && unlimited && !stopped {
			laws = append(laws, fmt.Sprintf("P6: record %d got %d attempts", i, r.Attempts))
		}
	}
	return laws
}

// stillRunning compares the count of abandoned handlers that still run, which is the process's: batches
// that ran one after the other add up.
func stillRunning(p *plan, answers []model.Answer, came []*seen) string {
	if p.overlap {
		return ""
	}
	for i, of := range came {
		want, counted := 0, of.began.Add(of.report.Duration) // before the end of a window, which took includes
		for j := range i + 1 {
			for _, at := range answers[j].Attempts {
				if at.Abandoned && (at.Returns == model.Never || came[j].began.Add(at.Returns).After(counted)) {
					want++
				}
			}
			for _, c := range slices.Concat(answers[j].Resorted, answers[j].Sent) {
				if c.Abandoned && (c.Returns == model.Never || came[j].began.Add(c.Returns).After(counted)) {
					want++
				}
			}
			if closing, _ := p.closing(p.batches[j], answers[j]); j < i && closing.Count(model.Abandoned) > 0 {
				began := came[j].began.Add(answers[j].End)
				if returns := closing.Attempts[0].Returns; returns == model.Never || began.Add(returns).After(counted) {
					want++
				}
			}
		}
		if of.report.Running != want {
			return fmt.Sprintf("batch %d: want %d abandoned handlers still running, got %d", i, want, of.report.Running)
		}
	}
	return ""
}

func firstError(report *troupe.Report) error {
	for _, r := range report.Records {
		if r.Outcome == troupe.Failed {
			return r.Err
		}
	}
	return nil
}

// reasons reads the reasons out of an error.
func reasons(err error) (why model.Why) {
	words := []string(nil) // where errors.Is finds everything
	if _, ok := errors.AsType[bad](err); ok {
		words = wordsOf(err)
	}
	for reason, of := range map[troupe.Reason]model.Why{
		troupe.ErrPanic: model.Panicked, troupe.ErrGoexit: model.Exited, troupe.ErrRecordTimeout: model.TimedOut,
		troupe.ErrDeadline: model.Deadline, troupe.ErrCancelled: model.Cancelled, troupe.ErrAbandoned: model.Abandoned,
		troupe.ErrNotStarted: model.NotStarted, troupe.ErrStopped: model.Stopped, troupe.ErrGroupStopped: model.GroupStopped,
		troupe.ErrUndecodable: model.Unread, troupe.ErrDeadLettered: model.DeadLettered,
	} {
		if words == nil && errors.Is(err, reason) || slices.Contains(words, reason.Word()) {
			why |= of
		}
	}
	if isPointer(err) {
		why |= model.Erred
	}
	if f := new(fault); errors.As(err, f) {
		why |= model.Erred
		if f.permanent {
			why = why&^model.Erred | model.ErredForGood
		}
	}
	return why
}

// wordsOf are the words of an error and of what it wraps, a join too.
func wordsOf(err error) []string {
	words := vocabulary.Words(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		words = append(words, wordsOf(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, branch := range e.Unwrap() {
			words = append(words, wordsOf(branch)...)
		}
	}
	return words
}

// isPointer reports whether an error is the nil pointer that a handler returned.
func isPointer(err error) bool {
	_, everything := errors.AsType[bad](err)
	return !everything && errors.Is(err, (*pointer)(nil))
}

// blamed is the attempt that an error comes from.
func blamed(err error) (f fault) {
	var panicked *troupe.PanicError
	if errors.As(err, &panicked) {
		if text, ok := panicked.Value.(string); ok {
			_, _ = fmt.Sscanf(text, "panic %d.%d", &f.record, &f.attempt)
		}
	}
	errors.As(err, &f)
	if panicked != nil {
		if endless, ok := panicked.Value.(map[any]any); ok {
			for key := range endless {
				if of, ok := key.(fault); ok {
					f = of
				}
			}
		}
	}
	f.permanent, f.busy = false, false
	return f
}
