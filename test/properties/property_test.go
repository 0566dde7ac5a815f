package properties

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/test/properties/model"
)

// The properties: whatever a processor is made of and whatever its handler does to a batch, the answer is
// one that the model allows (SPEC 3 to 6).
//
// A draw is a plan: what the processor is made with (package troupe or kafka alone, or typed payloads and
// envelopes, KPL aggregates, tumbling windows, batches as a whole), a source, options, and one or two batches
// with what the handler does at each attempt at each record. It runs in virtual time through the public
// face. How the answer is compared depends on what the plan leaves to chance:
//
//   - Concurrency 1 leaves nothing to chance, so there is one answer: response, error, report, calls of
//     the handler in their order, and every instant must be the model's.
//   - With more, no two durations in a plan are alike, so that few things coincide, and mostly there is
//     one answer again. Where some do, as when two handlers that started together reach the record
//     timeout, the answer must be one of those that the model allows.
//   - Where everything happens at once, in a crowd, the model allows more answers than there is time to
//     look at. What is left are the laws (see broken), which are checked for every plan.
//
// A failure prints the smallest plan that rapid finds, what was expected of it and what came, and the
// flag that repeats it. -rapid.checks=N draws N plans for each property, and -model.draws=N draws N plans in
// all, shared out as they are without it: make test-long.

var modelDraws = flag.Int("model.draws", 0, "how many plans are drawn for the model, all properties together (default: as many as they say)")

var few = []int{4, 6, 8, 12, 5, 3, 2, 1, 0}

// property is a kind of plans.
type property struct {
	name  string
	draws int
	shape shape
}

var properties = []property{
	{"one at a time", 3000, shape{records: few, concurrency: []int{1}}},
	{"several at once", 4000, shape{records: few, concurrency: []int{2, 3, 4, 6, 16}}},
	{"everything at one instant", 1000, shape{records: few, concurrency: []int{1, 2, 4, 16}, instant: true}},
	{"a crowd", 3000, shape{records: []int{20, 100, 200, 50}, concurrency: []int{2, 4, 16}, instant: true}},
}

// redeliveries are the plans with last resorts and package redelivery.
var redeliveries = []property{
	{"a few", 2000, shape{records: append([]int{12, 16}, few...), concurrency: []int{1, 2, 1, 4}, redelivered: true}},
	{"a crowd", 200, shape{records: []int{20, 100, 200, 50}, concurrency: []int{2, 4, 16}, instant: true, redelivered: true}},
	{"streams that stop", 2000, shape{records: []int{8, 12, 6}, concurrency: []int{3, 4}, redelivered: true, stopping: true}},
	{"long groups", 500, shape{records: []int{30, 25, 16, 11}, concurrency: []int{2}, instant: true, redelivered: true, long: true}},
}

// tally counts what kinds of plans have been run.
type tally struct {
	draws, batches, records  int
	groups, retries, limits  int
	exact, oneOf, lawful     int
	made                     [len(madeNames)]int
	undecodable, dropped     int
	sources                  [len(sourceNames)]int
	orders                   [len(orderNames)]int
	deciders                 int
	policies                 map[troupe.Policy]int // where there is no decider
	raw, overlap, middleware int
	pipe, returns            int
	redelivery               struct{ resorted, sent, unsent, changed, refused, late, halved int }
}

func newTally() *tally { return &tally{policies: map[troupe.Policy]int{}} }

func (n *tally) String() string {
	return fmt.Sprintf("%d draws: %d with several groups, %d with retries, %d with hung handlers or a deadline; compared with the one answer %d, with a set of answers %d, with the laws alone %d",
		n.draws, n.groups, n.retries, n.limits, n.exact, n.oneOf, n.lawful)
}

// shares tells what the draws were made of, in parts of a hundred.
func (n *tally) shares() string {
	var s strings.Builder
	part := func(of int, format string, args ...any) {
		fmt.Fprintf(&s, "\n  %5.1f %% "+format, append([]any{100 * float64(of) / float64(n.draws)}, args...)...)
	}
	fmt.Fprintf(&s, "%d draws, of %d batches with %d records:", n.draws, n.batches, n.records)
	part(n.groups, "several groups")
	part(n.retries, "retries that happened")
	part(n.limits, "hung handlers or a deadline that was met")
	for of, name := range madeNames {
		part(n.made[of], "made: %s", name)
	}
	part(n.undecodable, "records that cannot be decoded")
	part(n.dropped, "records that were dropped for it")
	for of, name := range sourceNames {
		part(n.sources[of], "source: %s", name)
	}
	for of, name := range orderNames {
		part(n.orders[of], "order: %s", name)
	}
	for _, policy := range []troupe.Policy{troupe.Derive, troupe.Continue, troupe.StopGroup, troupe.StopBatch} {
		part(n.policies[policy], "policy: %v", policy)
	}
	part(n.deciders, "policy: a decider's, by record")
	part(n.raw, "JSON through Invoke")
	part(n.pipe, "of these, arrays of a pipe")
	part(n.returns, "values of handlers")
	part(n.overlap, "two batches at once")
	part(n.middleware, "middleware")
	part(n.exact, "compared with the one answer")
	part(n.oneOf, "compared with the set of answers")
	part(n.lawful, "held to the laws alone")
	return s.String()
}

// add adds another tally.
func (n *tally) add(of *tally) {
	n.draws += of.draws
	n.batches += of.batches
	n.records += of.records
	n.groups += of.groups
	n.retries += of.retries
	n.limits += of.limits
	n.exact += of.exact
	n.oneOf += of.oneOf
	n.lawful += of.lawful
	n.undecodable += of.undecodable
	n.dropped += of.dropped
	for i := range n.made {
		n.made[i] += of.made[i]
	}
	for i := range n.sources {
		n.sources[i] += of.sources[i]
	}
	for i := range n.orders {
		n.orders[i] += of.orders[i]
	}
	for policy, k := range of.policies {
		n.policies[policy] += k
	}
	n.deciders += of.deciders
	n.raw += of.raw
	n.pipe += of.pipe
	n.returns += of.returns
	n.overlap += of.overlap
	n.middleware += of.middleware
	n.redelivery.resorted += of.redelivery.resorted
	n.redelivery.sent += of.redelivery.sent
	n.redelivery.unsent += of.redelivery.unsent
	n.redelivery.changed += of.redelivery.changed
	n.redelivery.refused += of.redelivery.refused
	n.redelivery.late += of.redelivery.late
	n.redelivery.halved += of.redelivery.halved
}

func TestAnswersAreTheModels(t *testing.T) {
	total, complete := compareAll(t, properties)
	t.Log(total.shares())
	if !complete {
		return
	}
	if total.sources[topic]*20 < total.draws {
		t.Errorf("%d of %d draws are of Kafka; want at least a twentieth", total.sources[topic], total.draws)
	}
	if total.pipe*20 < total.draws || total.returns*20 < total.draws {
		t.Errorf("%d of %d draws are of pipes, %d with values; want at least a twentieth each", total.pipe, total.draws, total.returns)
	}
	for _, kind := range []made{typedly, unpacked, windowed, together} {
		if total.made[kind]*33 < total.draws {
			t.Errorf("%d of %d draws are of %v; want at least three in a hundred", total.made[kind], total.draws, kind)
		}
	}
	if total.draws < 2000 || total.groups*3 < total.draws || total.retries*5 < total.draws || total.limits*5 < total.draws {
		t.Errorf("%v; want at least 2000, a third of them with several groups, a fifth each with retries and with hung handlers or a deadline", total)
	}
}

// Last resorts, dead letters and changed visibility timeouts, under faults of the user's functions and of the queues
// (R4, V1 to V3).
func TestRedeliveryIsTheModels(t *testing.T) {
	total, complete := compareAll(t, redeliveries)
	r := total.redelivery
	t.Logf("%d draws: a last resort was called in %d, letters were sent in %d and failed to be in %d; timeouts were changed in %d, refused in %d, late in %d and halved in %d",
		total.draws, r.resorted, r.sent, r.unsent, r.changed, r.refused, r.late, r.halved)
	if complete && min(r.resorted, r.sent, r.unsent, r.changed, r.refused, r.late, r.halved)*100 < total.draws {
		t.Error("some of this is in less than a hundredth of the draws")
	}
}

// compareAll draws plans of each of a test's properties and compares them. complete: as many as usual, and no failure.
func compareAll(t *testing.T, of []property) (total *tally, complete bool) {
	checks := flag.Lookup("rapid.checks")
	asked := checks.Value.String()
	byDefault := asked == "100" // rapid's own
	defer func() { _ = checks.Value.Set(asked) }()

	warmUp(t)
	total = newTally()
	usual := 0
	for _, property := range slices.Concat(properties, redeliveries) {
		usual += property.draws
	}
	own := 0 // of this test, unless -run leaves some out
	for _, property := range of {
		own += property.draws
		t.Run(property.name, func(t *testing.T) {
			if byDefault {
				draws := property.draws
				if *modelDraws > 0 {
					draws = (draws*(*modelDraws) + usual - 1) / usual
				}
				_ = checks.Value.Set(fmt.Sprint(draws))
			}
			n := newTally()
			rapid.Check(t, func(rt *rapid.T) { check(rt, drawPlan(rt, property.shape), n) })
			t.Log(n)
			total.add(n)
			if !property.shape.instant && n.draws >= 500 && n.exact*10 < n.draws*8 {
				t.Errorf("only %d of %d plans had one answer: too much is left to chance", n.exact, n.draws)
			}
		})
	}
	return total, !t.Failed() && total.draws >= own && byDefault && !testing.Short() && (*modelDraws == 0 || *modelDraws >= usual)
}

// check runs a plan in a bubble of virtual time and compares what came with what the model says.
func check(t *rapid.T, p *plan, n *tally) {
	// A goroutine that waits for a mutex keeps virtual time from going on. Nothing would ever tell.
	defer time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("stuck for a minute, in\n%v", p)) }).Stop()
	var came []*seen
	rapid.SyncTest(t, func(*rapid.T) { came = p.run() })

	n.draws++
	answers := make([]model.Answer, len(p.batches))
	how := exact
	for i, b := range p.batches {
		if laws := broken(p, b, came[i]); len(laws) > 0 {
			t.Fatalf("batch %d of\n%v\n%s\n\ncame\n%v", i, p, strings.Join(laws, "\n"), came[i])
		}
		answer, h, differences := compare(p, b, came[i])
		if len(differences) > 0 {
			t.Fatalf("batch %d of\n%v\n%s\n\nexpected\n%v\ncame\n%v", i, p, strings.Join(differences, "\n"), told(answer), came[i])
		}
		if b.Concurrency == 1 && h != exact {
			t.Fatalf("the model allows more than one answer to\n%v", p)
		}
		answers[i], how = answer, max(how, h)
	}
	if complaint := stillRunning(p, answers, came); how != lawful && complaint != "" {
		t.Fatalf("%v\n%s", p, complaint)
	}
	n.count(p, came, how)
}

func (n *tally) count(p *plan, came []*seen, how certainty) {
	groups, retries, limits := false, false, false
	undecodable, dropped := false, false
	var re struct{ resorted, sent, unsent, changed, refused, late, halved bool }
	n.made[p.made]++
	n.sources[p.source]++
	n.orders[p.order]++
	if p.decider == nil {
		n.policies[p.policy]++
	}
	n.batches += len(p.batches)
	for i, b := range p.batches {
		n.records += len(b.Records)
		for _, record := range b.Records {
			groups = groups || b.Ordered && record.Group != b.Records[0].Group
		}
		for _, result := range came[i].report.Records {
			why := reasons(result.Err)
			undecodable = undecodable || why.Has(model.Unread)
			dropped = dropped || result.Outcome == troupe.Dropped
			retries = retries || result.Attempts > 1
			limits = limits || why.OneOf(model.Abandoned|model.Deadline)
			re.sent = re.sent || why.Has(model.DeadLettered)
		}
		re.resorted = re.resorted || len(came[i].resorted) > 0
		re.unsent = re.unsent || slices.ContainsFunc(came[i].sent, func(x *extra) bool { return !x.ok })
		for _, t := range came[i].totals {
			re.changed, re.refused, re.late = re.changed || t.Changed > 0, re.refused || t.Refused > 0, re.late || t.Late > 0
		}
		re.halved = re.halved || came[i].halved
	}
	for _, c := range []struct {
		yes bool
		of  *int
	}{
		{undecodable, &n.undecodable}, {dropped, &n.dropped}, {groups, &n.groups}, {retries, &n.retries}, {limits, &n.limits},
		{p.decider != nil, &n.deciders}, {p.raw, &n.raw}, {p.pipe, &n.pipe}, {p.returns, &n.returns}, {p.overlap, &n.overlap}, {p.middleware, &n.middleware},
		{re.resorted, &n.redelivery.resorted}, {re.sent, &n.redelivery.sent}, {re.unsent, &n.redelivery.unsent}, {re.changed, &n.redelivery.changed},
		{re.refused, &n.redelivery.refused}, {re.late, &n.redelivery.late}, {re.halved, &n.redelivery.halved},
		{how == exact, &n.exact}, {how == oneOf, &n.oneOf}, {how == lawful, &n.lawful},
	} {
		if c.yes {
			*c.of++
		}
	}
}

// told writes an answer of the model like seen.String does what came.
func told(a model.Answer) string {
	var s strings.Builder
	for _, at := range a.Attempts {
		ended := fmt.Sprintf("ended at %v", at.End)
		if at.Abandoned {
			ended = fmt.Sprintf("abandoned at %v", at.End)
		}
		fmt.Fprintf(&s, "  record %d attempt %d started at %v, %s\n", at.Record, at.Number, at.Start, ended)
	}
	for i, r := range a.Results {
		fmt.Fprintf(&s, "  record %d: %v, attempts %d, queued %v, duration %v\n", i, r.Why, r.Attempts, r.Queued, r.Duration)
	}
	fmt.Fprintf(&s, "  answered at %v", a.End)
	return s.String()
}

// warmUp has troupe build what it builds once in a process, outside of any bubble.
func warmUp(t *testing.T) {
	p := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil }, troupe.WithObserver(func(_ context.Context, report *troupe.Report) {
		if report.Running > 0 { // it is counted for the process
			t.Errorf("an earlier test has left %d abandoned handlers running", report.Running)
		}
	}))
	if _, err := p.Process(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1"}}}); err != nil {
		t.Fatal(err)
	}
}
