package properties

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/redelivery"
	"github.com/troupe-go/troupe/test/properties/model"
)

// redelivering is what a plan has of last resorts (R4) and of package redelivery (V1 to V4).
type redelivering struct {
	Resorts bool // WithLastResort
	Letters bool // DeadLetter
	After   int
	Backoff bool
	Longest time.Duration // 0: the option is not given
	Delays  []delayed     // by receives, from 1
	First   bool          // the options of package redelivery are given before the others
}

// delayed is what the delay function does.
type delayed struct {
	Do model.Do // OK, Panic, Goexit or Hang
	D  time.Duration
}

// most is how often a message has been received at most.
const mostReceives = 5

// reply is what the queue does with a call to change visibility timeouts that has the message as its first entry, or with
// the message's own entry.
type reply struct {
	Do  replyDo
	For time.Duration // of the call
}

type replyDo uint8

const (
	changes    replyDo = iota
	refuses            // the entry
	rejects            // a time of more than 10 s
	rejectsAll         // any time
	throttles          // the call
	miscounts          // it has too few results
	panics
	exits
	hangs // whatever its context says
	stalls
)

var replyNames = [...]string{"changes it", "refuses it", "rejects a long time", "rejects any time", "throttles the call", "returns too few results", "panics", "exits", "hangs", "stalls"}

// drawRedelivering draws the options, and what they make impossible.
func (p *plan) drawRedelivering(t *rapid.T, sh shape) {
	p.made = oneOfThese(t, "made", plainly, plainly, plainly, typedly)
	p.source = oneOfThese(t, "source", fifo, standard, fifo, standard, kinesis, dynamodb, topic)
	if p.errorWhen == troupe.ErrorWhenAny {
		p.errorWhen = troupe.ErrorWhenAll
	}
	r := &redelivering{
		Resorts: chance(t, "last resort", 4), Letters: !chance(t, "no dead letters", 1), First: rapid.Bool().Draw(t, "first"),
		Backoff: (p.source == standard || p.source == fifo) && !chance(t, "no back-off by visibility", 1),
		After:   oneOfThese(t, "after", 0, 3, 2, 1),
	}
	troubled := oneOfThese(t, "bad delays", 0, 0, 2)
	if sh.stopping {
		p.made, p.order, p.source = plainly, ownOrder, oneOfThese(t, "stream", kinesis, topic, dynamodb)
		r.Resorts, r.Letters, r.Backoff = false, true, false
	}
	if sh.long {
		p.made, p.order, p.source = plainly, ownOrder, fifo
		r.Resorts, r.Letters, r.Backoff, troubled = false, false, true, 0
	}
	if chance(t, "a longest time", 2) {
		r.Longest = oneOfThese(t, "longest", 7*time.Second, 11*time.Hour, time.Second)
	}
	for range mostReceives {
		d := delayed{D: drawDuration(t, "delay", 60_000, 1000, 30_000, 9500, 0, 7_200_000, -5000, decades)}
		if chance(t, "trouble with a delay", troubled) {
			d.Do = oneOfThese(t, "the delay", model.Panic, model.Goexit, model.Hang)
		}
		r.Delays = append(r.Delays, d)
	}
	p.redeliver = r
}

// drawRedelivery draws what a batch meets of it.
func (p *plan) drawRedelivery(t *rapid.T, sh shape, b *batch, no int) {
	r := p.redeliver
	b.Redelivered = r.Letters || r.Backoff
	ends := b.Left != model.Never || b.Cancel != model.Never
	takes := func(label string, i, nth int) time.Duration {
		if sh.instant {
			return 0
		}
		return unlike(drawDuration(t, label, 5, 1, 20, 100, 300, 1000, 40_000), (no*100+i+1)*100+nth)
	}
	letters := model.Letters{Stream: p.source != standard && p.source != fifo, After: r.After}
	trouble, silence := oneOfThese(t, "trouble with last resorts", 3, 0, 6), oneOfThese(t, "trouble with the queue", 3, 0, 6)
	if sh.long {
		silence = 4
	}
	for i := range b.Records {
		for attempt := range b.Records[i].Acts {
			act := &b.Records[i].Acts[attempt]
			act.Busy = !act.Within && (act.Do == model.Fail || act.Do == model.FailForGood) && chance(t, "in progress elsewhere", 1)
		}
		receives := rapid.IntRange(0, mostReceives).Draw(t, "receives")
		b.receives = append(b.receives, receives)
		counted := max(receives, 1)
		if letters.Stream || b.spoiled[i] {
			counted = 0
		}
		letters.Receives = append(letters.Receives, counted)
		send := model.Act{For: takes("a send", i, 97)}
		if chance(t, "trouble with a send", trouble) {
			send.Do = oneOfThese(t, "the send", model.Fail, model.Fail, model.Panic, model.Goexit, model.Hang, model.OK)
			send.Deaf = rapid.Bool().Draw(t, "deaf")
		}
		if send.Do == model.Hang && !ends {
			send.Do = model.Fail
		}
		letters.Sends = append(letters.Sends, send)
		if r.Resorts {
			resort := model.Resort{Do: model.Leave, For: takes("a last resort", i, 98)}
			if chance(t, "it does something", 4) {
				resort.Do = oneOfThese(t, "the last resort", model.Condemn, model.LeaveNil, model.Replace, model.LeaveDrop, model.ResortPanic, model.ResortExit, model.ResortHang)
			}
			if resort.Do == model.ResortHang && !ends {
				resort.Do = model.Leave
			}
			b.Resorts = append(b.Resorts, resort)
		}
		if !r.Backoff {
			continue
		}
		answer := reply{For: unlike(drawDuration(t, "a change", 5, 1, 20, 100, 1000), (no*100+i+1)*100+96)}
		if chance(t, "trouble with a change", silence) {
			answer.Do = oneOfThese(t, "the change", rejects, refuses, throttles, rejects, rejectsAll, miscounts, panics, exits, hangs, stalls)
		}
		if answer.Do == stalls {
			answer.For = unlike(time.Minute, (no*100+i+1)*100+96)
		}
		b.replies = append(b.replies, answer)
	}
	if r.Letters {
		b.Letters = &letters
	}
}

// redelivery describes the faults that a batch meets at record i.
func (b batch) redelivery(i int) (s string) {
	if len(b.receives) > i {
		s += fmt.Sprintf(" received %d times;", b.receives[i])
	}
	if len(b.Resorts) > i {
		s += fmt.Sprintf(" last resort %s after %v;", [...]string{"leaves it", "replaces the error", "condemns it", "leaves it out by nil", "drops it", "panics", "exits", "hangs"}[b.Resorts[i].Do], b.Resorts[i].For)
	}
	if b.Letters != nil {
		s += fmt.Sprintf(" send %+v;", b.Letters.Sends[i])
	}
	if len(b.replies) > i {
		s += fmt.Sprintf(" queue %s after %v", replyNames[b.replies[i].Do], b.replies[i].For)
	}
	return s
}

// received is what SQS says of a received message.
func (s *stage) received(m *events.SQSMessage, no, i int) {
	if s.redeliver == nil {
		return
	}
	m.ReceiptHandle = payload(no, i)
	switch n := s.batches[no].receives[i]; {
	case n > 0:
		m.Attributes["ApproximateReceiveCount"] = strconv.Itoa(n)
	case i%2 == 0:
		m.Attributes["ApproximateReceiveCount"] = "many"
	}
}

// extra is a call of a last resort, or a send.
type extra struct {
	record     int
	start, end time.Duration
	ok         bool
}

// change is a call to change visibility timeouts.
type change struct {
	members  []int
	timeouts []time.Duration
	start    time.Duration
}

// asked is a call of the delay function.
type asked struct {
	receives int
	of       fault
}

func (s *stage) redeliveryOptions() (options []troupe.Option) {
	r := s.redeliver
	if r == nil {
		return nil
	}
	resort := troupe.WithLastResort(s.resort)
	if r.Resorts && !r.First {
		options = append(options, resort)
	}
	if r.Letters {
		options = append(options, redelivery.DeadLetter(sender{s}, r.After))
	}
	if r.Backoff {
		more := []redelivery.Option{redelivery.WithLogger(slog.New(slog.DiscardHandler)), redelivery.WithTotals(s.total)}
		if r.Longest > 0 {
			more = append(more, redelivery.WithLongest(r.Longest))
		}
		options = append(options, redelivery.Backoff(visibility{s}, s.delay, more...))
	}
	if r.Resorts && r.First {
		options = append(options, resort)
	}
	return options
}

// extra notes the start of a call.
func (came *seen) extra(list *[]*extra, record int) *extra {
	x := &extra{record: record, start: time.Since(came.began), end: -1}
	came.mu.Lock()
	defer came.mu.Unlock()
	*list = append(*list, x)
	return x
}

// done notes its end.
func (came *seen) done(x *extra, ok bool) {
	came.mu.Lock()
	defer came.mu.Unlock()
	x.end, x.ok = time.Since(came.began), ok
}

// resort is the user's last resort.
func (s *stage) resort(ctx context.Context, rec troupe.Record, failure error) error {
	no := ctx.Value(batchKey{}).(int)
	came := s.came[no]
	x := came.extra(&came.resorted, rec.Index)
	defer came.done(x, false)
	if from, ok := troupe.RecordFrom(ctx); !ok || from != rec || rec.ID != s.batches[no].ids[rec.Index] {
		came.complain("R4: a last resort was given %+v in the context of %+v", rec, from)
	}
	does := s.batches[no].Resorts[rec.Index]
	if does.Do == model.ResortHang {
		<-s.release
		return failure
	}
	s.pass(context.Background(), does.For)
	switch does.Do {
	case model.Replace:
		return fault{record: rec.Index, attempt: rec.Attempt}
	case model.Condemn:
		return troupe.Permanent(failure)
	case model.LeaveNil:
		return nil
	case model.LeaveDrop:
		return troupe.Drop(failure)
	case model.ResortPanic:
		panic(fmt.Sprintf("panic %d.%d", rec.Index, rec.Attempt))
	case model.ResortExit:
		runtime.Goexit()
	}
	return failure
}

// pass lets time pass. It reports false if the context has ended before.
func (s *stage) pass(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-s.release:
		return false
	}
}

var errSend = errors.New("the dead-letter queue is gone")

// sender is the dead-letter queue.
type sender struct{ *stage }

func (s sender) Send(ctx context.Context, l redelivery.Letter) error {
	no := ctx.Value(batchKey{}).(int)
	rec, ok := troupe.RecordFrom(ctx)
	i := rec.Index
	b, came := s.batches[no], s.came[no]
	x := came.extra(&came.sent, i)
	sent := false
	defer func() { came.done(x, sent) }()
	if !ok || l.ID != b.ids[i] || l.Source != rec.Source || s.made == plainly && !b.spoiled[i] && s.source != dynamodb && l.Body != payload(no, i) ||
		s.source <= fifo && !b.spoiled[i] && s.group(b, i) != "" && l.Group != s.group(b, i) {
		came.complain("V4: the letter for record %d is %+v", i, l)
	}
	act := b.Letters.Sends[i]
	if act.Do == model.Hang {
		<-s.release
		return errSend
	}
	obeyed := ctx
	if act.Deaf {
		obeyed = context.Background()
	}
	if !s.pass(obeyed, act.For) {
		return cmp.Or(ctx.Err(), errSend)
	}
	switch act.Do {
	case model.Panic:
		panic(fmt.Sprintf("panic %d.%d", i, rec.Attempt))
	case model.Goexit:
		runtime.Goexit()
	case model.Fail:
		return errSend
	}
	sent = true
	return nil
}

// delay is the delay function. It has no context: batches come one after the other.
func (s *stage) delay(receives int, err error) time.Duration {
	came := s.came[0]
	for _, later := range s.came[1:] {
		if !later.began.IsZero() {
			came = later
		}
	}
	came.mu.Lock()
	came.delays = append(came.delays, asked{receives, blamed(err)})
	came.mu.Unlock()
	d := s.redeliver.Delays[min(max(receives, 1), mostReceives)-1]
	switch d.Do {
	case model.Panic:
		panic("the delay")
	case model.Goexit:
		runtime.Goexit()
	case model.Hang:
		<-s.release
	}
	return d.D
}

func (s *stage) total(ctx context.Context, t redelivery.Totals) {
	came := s.came[ctx.Value(batchKey{}).(int)]
	came.mu.Lock()
	defer came.mu.Unlock()
	came.totals = append(came.totals, t)
}

// visibility is the queue.
type visibility struct{ *stage }

func (v visibility) ChangeVisibility(ctx context.Context, _ string, list []redelivery.Change) ([]error, error) {
	no := ctx.Value(batchKey{}).(int)
	b, came := v.batches[no], v.came[no]
	c := &change{start: time.Since(came.began)}
	for _, entry := range list {
		of, i := place(entry.Receipt)
		if of != no || entry.ID != b.ids[i] {
			came.complain("V1: batch %d changes %+v", no, entry)
		}
		c.members, c.timeouts = append(c.members, i), append(c.timeouts, entry.Timeout)
	}
	came.mu.Lock()
	came.changes = append(came.changes, c)
	came.mu.Unlock()
	first := b.replies[c.members[0]]
	if first.Do == hangs {
		<-v.release
		return nil, nil
	}
	if !v.pass(ctx, first.For) {
		return nil, cmp.Or(ctx.Err(), errSend)
	}
	switch first.Do {
	case throttles:
		return nil, errors.New("RequestThrottled")
	case miscounts:
		return make([]error, len(list)+1), nil
	case panics:
		panic("the client")
	case exits:
		runtime.Goexit()
	}
	return b.results(c), nil
}

// results are those of the entries of a call that has not failed as a whole.
func (b batch) results(c *change) []error {
	failed := make([]error, len(c.members))
	for k, i := range c.members {
		switch do := b.replies[i].Do; {
		case do == refuses:
			failed[k] = errors.New("ReceiptHandleIsInvalid")
		case do == rejects && c.timeouts[k] > 10*time.Second, do == rejectsAll:
			failed[k] = fmt.Errorf("SQS: %w", redelivery.ErrTimeout)
		}
	}
	return failed
}

// fate is how a call ends and when, seen from a processor that waits for 10 s at most, and until the end of all calls.
// whole: it has failed as a whole.
func (b batch) fate(c *change, limit time.Duration) (end time.Duration, whole bool) {
	first := b.replies[c.members[0]]
	end = c.start + first.For
	if first.Do == hangs {
		end = model.Never
	}
	if patience := min(c.start+10*time.Second, limit); end > patience {
		return patience, true
	}
	return end, first.Do == throttles || first.Do == miscounts || first.Do == panics || first.Do == exits
}

// lettersUnlike compares the calls of the last resort, and the letters.
func lettersUnlike(a model.Answer, came *seen) (differences []string) {
	compare := func(what string, want []model.Call, got []*extra) {
		want, got = slices.Clone(want), slices.Clone(got)
		slices.SortFunc(want, func(x, y model.Call) int {
			return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(x.Record, y.Record))
		})
		slices.SortFunc(got, func(x, y *extra) int { return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.record, y.record)) })
		if len(want) != len(got) {
			differences = append(differences, fmt.Sprintf("%s: want %d calls, got %d", what, len(want), len(got)))
			return
		}
		for k, w := range want {
			if g := got[k]; w.Record != g.record || w.Start != g.start || !w.Abandoned && (w.End != g.end || w.OK != g.ok) {
				differences = append(differences, fmt.Sprintf("%s: call %d: want %+v, got %+v", what, k, w, *g))
			}
		}
	}
	compare("last resort (R4)", a.Resorted, came.resorted)
	compare("dead letters (V2)", a.Sent, came.sent)
	letters := 0
	for _, r := range a.Results {
		if r.Dropped && r.Why.Has(model.DeadLettered) {
			letters++
		}
	}
	if letters != came.report.DeadLettered {
		differences = append(differences, fmt.Sprintf("report: want %d dead-lettered, got %d", letters, came.report.DeadLettered))
	}
	return differences
}

// misdirected returns the laws about last resorts and letters that the outcome of record i breaks. They hold whatever happened
// first.
func misdirected(p *plan, b batch, came *seen, i int) (laws []string) {
	break_ := func(format string, args ...any) {
		laws = append(laws, fmt.Sprintf("record %d: ", i)+fmt.Sprintf(format, args...))
	}
	r := came.report.Records[i]
	why := reasons(r.Err)
	act := b.Records[i].Acts[min(r.Attempts, len(b.Records[i].Acts))-1]
	of := func(list []*extra) (calls []*extra) {
		for _, x := range list {
			if x.record == i {
				calls = append(calls, x)
			}
		}
		return calls
	}
	resorted, sent := of(came.resorted), of(came.sent)
	if len(resorted) > 1 || len(sent) > 1 {
		break_("R4: the last resort was called %d times, %d letters were sent", len(resorted), len(sent))
		return laws
	}
	resort := model.Leave
	if len(resorted) > 0 {
		resort = b.Resorts[i].Do
	}
	accepted := len(sent) > 0 && sent[0].ok
	// A last resort that was called has not been called for a drop: the handler was too late to leave the record out.
	leftOut := (act.Do == model.Drop || act.Do == model.LeaveOut) && len(resorted) == 0
	dropped := leftOut || resort == model.LeaveNil || resort == model.LeaveDrop
	abandoned := why.Has(model.Abandoned)
	switch {
	case why.Has(model.DeadLettered) != (accepted && !abandoned):
		break_("V2: it has ended with %v, its letter was accepted: %v", why, accepted)
	case (r.Outcome == troupe.Dropped) != (dropped || accepted) && !abandoned && !why.OneOf(model.TimedOut|model.Deadline|model.Cancelled):
		break_("R4: it was %v", r.Outcome)
	case r.Outcome == troupe.Succeeded && len(resorted)+len(sent) > 0:
		break_("R4: it has succeeded, and a last resort was called")
	}
	permanent := act.Do == model.FailForGood || act.Do == model.Undecodable
	busy := act.Busy
	switch resort {
	case model.Replace:
		permanent, busy = false, false
	case model.Condemn:
		permanent = true
	}
	often := b.Letters != nil && b.Letters.After > 0 && b.Letters.Receives[i] >= b.Letters.After
	eligible := b.Letters != nil && !busy && (permanent || often) && resort < model.LeaveNil || resort == model.Condemn && b.Letters != nil && !busy
	if len(sent) > 0 && !eligible {
		break_("V2: a letter was sent")
	}
	// What was in back-off when the batch stopped is left out of this, and what has met a limit.
	unlimited := b.Left == model.Never && b.Cancel == model.Never && b.Retries == 0
	if r.Outcome == troupe.Failed && unlimited && !why.OneOf(model.Abandoned|model.TimedOut) {
		if len(sent) == 0 && eligible && !b.Letters.Stream {
			break_("V2: no letter was sent")
		}
		if b.Resorts != nil && len(resorted) == 0 {
			break_("R4: the last resort was not called")
		}
	}
	return laws
}

// hiding is a group of messages whose visibility timeouts are being changed.
type hiding struct {
	model.Hidden
	least, most time.Duration
	next        int           // of the members that have their result
	again       []int         // members whose call is to be made once more
	time        time.Duration // that the last call had
	free        time.Duration // when the next call may be made
	halved      bool
	over        bool
}

// mischanged describes how the changes of visibility timeouts differ from those of V1 and V3, given the outcomes of
// the records. How groups are put into calls is not laid down, within the limits of V3.
func mischanged(p *plan, b batch, came *seen) (laws []string) {
	break_ := func(format string, args ...any) { laws = append(laws, fmt.Sprintf(format, args...)) }
	if p.redeliver == nil || !p.redeliver.Backoff {
		if len(came.changes)+len(came.delays)+len(came.totals) > 0 {
			break_("V1: there were %d calls without the option", len(came.changes))
		}
		return laws
	}
	q := model.Queue{FIFO: p.source == fifo, Unreadable: b.spoiled}
	var results []model.Result
	for i, r := range came.report.Records {
		q.Groups = append(q.Groups, p.group(b, i))
		results = append(results, model.Result{Why: reasons(r.Err), Dropped: r.Outcome == troupe.Dropped, Attempts: r.Attempts})
	}
	began := came.report.Duration
	limit := b.ChangesEnd(began)
	var total redelivery.Totals
	hidden, unreadable := q.Hide(results)
	total.Refused = unreadable
	came.changed = began

	// The delays.
	groups, hung := map[int]*hiding{}, false // by member
	var due []*hiding
	for k, h := range hidden {
		receives := max(1, b.receives[h.Of])
		d := p.redeliver.Delays[receives-1]
		if hung {
			total.Late += len(h.Members)
			continue
		}
		of := blamed(came.report.Records[h.Of].Err)
		if k >= len(came.delays) || came.delays[k] != (asked{receives, of}) {
			break_("V1: the delay of %v: it is asked for with %d receives and the error of %+v; all calls: %+v", h.Members, receives, of, came.delays)
			return laws
		}
		switch d.Do {
		case model.Panic, model.Goexit:
			total.Refused += len(h.Members)
		case model.Hang:
			hung = true
			came.changed = limit
			total.Late += len(h.Members)
		default:
			g := &hiding{Hidden: h, free: began}
			g.least, g.most = model.TimeoutBounds(d.D, p.redeliver.Longest)
			due = append(due, g)
			for _, i := range h.Members {
				groups[i] = g
			}
		}
	}
	if !hung && len(came.delays) != len(hidden) {
		break_("V1: the delay is asked for %d times, want %d", len(came.delays), len(hidden))
	}
	if hung && len(came.changes) > 0 {
		break_("V1: %d calls were made when there was no time left", len(came.changes))
		return laws
	}

	// The calls, one after the other.
	var firsts []*change
	for n, c := range came.changes {
		if len(c.members) > 10 {
			break_("V3: a call has %d entries", len(c.members))
		}
		end, whole := b.fate(c, limit)
		came.changed = max(came.changed, end)
		atOnce := 1
		for _, earlier := range came.changes[:n] {
			if ended, _ := b.fate(earlier, limit); ended > c.start {
				atOnce++
			}
		}
		if atOnce > 16 {
			break_("V3: %d calls at once", atOnce)
		}
		failed := b.results(c)
		repeated := false
		for from := 0; from < len(c.members); {
			g := groups[c.members[from]]
			if g == nil || g.over {
				break_("V1: call %d changes message %d, which is to be left alone", n, c.members[from])
				return laws
			}
			want := g.again
			if want == nil {
				want = g.Members[g.next:min(len(g.Members), g.next+10)]
			}
			repeated = repeated || g.again != nil
			to := min(from+len(want), len(c.members))
			if !slices.Equal(c.members[from:to], want) || len(g.Members) > 10 && len(want) != len(c.members) {
				break_("V1: call %d has %v, where %v was to be", n, c.members, want)
				return laws
			}
			d := c.timeouts[from]
			switch {
			case slices.ContainsFunc(c.timeouts[from:to], func(other time.Duration) bool { return other != d }):
				break_("V1: the messages %v do not return together: %v", want, c.timeouts[from:to])
			case g.again != nil && d != (g.time/2).Truncate(time.Second), g.again == nil && g.next > 0 && d != g.time:
				break_("V1: the time of %v is %v after %v", want, d, g.time)
			case g.again == nil && g.next == 0 && (d < g.least || d > g.most || d%time.Second != 0):
				break_("V1: the time of %v is %v; want %v to %v", want, d, g.least, g.most)
			case c.start < g.free:
				break_("V1: call %d is made at %v, and not after %v", n, c.start, g.free)
			}
			g.time, g.free = d, end
			again := g.again == nil && !g.halved && !whole && slices.ContainsFunc(failed[from:to], func(err error) bool { return errors.Is(err, redelivery.ErrTimeout) })
			g.again = nil
			rest := len(g.Members) - g.next
			switch {
			case again:
				g.again, g.halved, came.halved = want, true, true
			case whole:
				g.over = true
				if end >= limit {
					total.Late += rest
				} else {
					total.Refused += rest
				}
			default:
				for _, err := range failed[from:to] {
					if rest--; err == nil {
						total.Changed++
					} else {
						total.Refused++
						g.over = true
					}
				}
				if g.next += len(want); g.over && end >= limit {
					total.Late += rest
				} else if g.over {
					total.Refused += rest
				}
				g.over = g.over || g.next == len(g.Members)
			}
			from = to
		}
		if !repeated && len(groups[c.members[0]].Members) <= 10 {
			firsts = append(firsts, c)
		}
	}
	complete := true
	for _, g := range due {
		if !g.over {
			complete = false
			total.Late += len(g.Members) - g.next
			if !hung && g.free < limit && came.changed < limit {
				break_("V1: the messages %v are not changed, and there was time", g.Members)
			}
		}
	}
	slices.SortFunc(firsts, func(x, y *change) int { return cmp.Compare(x.members[0], y.members[0]) })
	for n := 1; n < len(firsts) && complete; n++ {
		if more := len(groups[firsts[n].members[0]].Members); len(firsts[n-1].members)+more <= 10 {
			break_("V3: %v would have had room in the call for %v", firsts[n].members, firsts[n-1].members)
		}
	}

	// The totals.
	sum := total.Changed + total.Refused + total.Late
	if len(came.totals) != min(1, sum) {
		break_("V3: totals were reported %d times, of %d messages", len(came.totals), sum)
		return laws
	}
	if sum > 0 {
		got := came.totals[0]
		if (got.Err != nil) != (total.Refused+total.Late > 0) {
			break_("V3: the totals %+v have the error %v", got, got.Err)
		}
		if got.Err = nil; got != total {
			break_("V3: the totals are %+v, want %+v", got, total)
		}
	}
	return laws
}
