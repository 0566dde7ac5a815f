package semantics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/test/semantics/order"
)

// grouped is a standard queue ordered by WithGroup, beside the sources that are ordered by themselves.
const grouped = "sqs with a group function"

var orderedSources = []string{fifo, kinesis, dynamodb, grouped}

// deed is what a handler does at one attempt.
type deed struct {
	do   string // ok, fail, permanent, panic, exit, hang
	last time.Duration
}

// scene is a batch of an ordered source, what its handlers do, and what the processor was told.
type scene struct {
	source      string
	groups      []string // by record
	deeds       [][]deed // by record and attempt
	policy      troupe.Policy
	concurrency int
	retry       troupe.Retry
	timeout     time.Duration // for each attempt
	left        time.Duration // until the deadline; 0 for none
	virtual     bool          // the clock is
}

// drawn is a scene whose faults are drawn from a seed. No two durations in it are alike, so that what
// happens at one instant follows from one cause.
func drawn(seed uint64, records, groups int) *scene {
	draw := rand.New(rand.NewPCG(seed, 1))
	s := &scene{virtual: true}
	for i := range records {
		s.groups = append(s.groups, "g"+strconv.Itoa(draw.IntN(groups)))
		deeds := make([]deed, 3)
		for n := range deeds {
			d := deed{do: "ok", last: time.Duration(1+draw.IntN(20))*time.Millisecond + time.Duration(3*i+n+1)*time.Microsecond}
			switch p := draw.Float64(); {
			case p < 0.06:
				d.do = "fail"
			case p < 0.08:
				d.do = "permanent"
			case p < 0.10:
				d.do = "panic"
			case p < 0.12:
				d.do = "exit"
			}
			deeds[n] = d
		}
		s.deeds = append(s.deeds, deeds)
	}
	return s
}

// hanging has every nth record hang at its first attempt, and bounds attempts.
func (s *scene) hanging(nth int) *scene {
	for i := range s.deeds {
		if i%nth == nth-1 {
			s.deeds[i][0].do = "hang"
		}
	}
	// The record timeout of no two attempts may run out at one instant either; that none start at one is
	// what the durations see to, but for the first ones.
	s.timeout = 250 * time.Millisecond
	return s
}

func (s *scene) deed(rec troupe.Record) deed {
	deeds := s.deeds[rec.Index]
	return deeds[min(rec.Attempt, len(deeds))-1]
}

// again is what SPEC P6 says of a failed attempt.
func (s *scene) again(e order.Event) (time.Duration, bool) {
	if e.Attempt > s.retry.Times {
		return 0, false
	}
	pause := s.retry.Backoff(e.Attempt)
	if s.left > 0 && e.At+pause >= s.cutoff() {
		return 0, false
	}
	switch s.deed(troupe.Record{Index: e.Record, Attempt: e.Attempt}).do {
	case "fail":
		return pause, true
	case "panic":
		return pause, s.retry.Panics
	default:
		return 0, false
	}
}

func (s *scene) cutoff() time.Duration {
	if s.left == 0 {
		return 0
	}
	return s.left - min(500*time.Millisecond, s.left/5)
}

func (s *scene) rules() order.Rules {
	r := order.Rules{Groups: s.groups, Concurrency: s.concurrency, Policy: s.policy, Cutoff: s.cutoff(), Exact: s.virtual}
	if s.retry.Times > 0 {
		r.Retry = s.again
	}
	return r
}

var errDeed = errors.New("as the scene has it")

// play runs the scene, and judges it.
func (s *scene) play(t *testing.T) (history []order.Event, report *troupe.Report) {
	t.Helper()
	records := numbered(len(s.groups), func(i int) string { return s.groups[i] })
	release := make(chan struct{})
	handle := func(ctx context.Context, body string) error {
		rec, ok := troupe.RecordFrom(ctx)
		if !ok || body != "body of "+rec.ID || rec.Group == "" {
			panic(fmt.Sprintf("record %+v came with %q", rec, body))
		}
		d := s.deed(rec)
		switch {
		case d.do == "hang":
			<-release
			return nil
		case s.virtual:
			time.Sleep(d.last)
		default:
			for range d.last / time.Millisecond {
				runtime.Gosched()
			}
		}
		switch d.do {
		case "fail":
			return errDeed
		case "permanent":
			return troupe.Permanent(errDeed)
		case "panic":
			panic(errDeed)
		case "exit":
			runtime.Goexit()
		}
		return nil
	}

	watched := order.Observe()
	var seen reported
	options := []troupe.Option{
		troupe.WithPolicy(s.policy), troupe.WithConcurrency(s.concurrency), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever),
		troupe.WithMiddleware(watched.Watch), troupe.WithObserver(seen.observe),
	}
	if s.retry.Times > 0 {
		options = append(options, troupe.WithRetry(s.retry))
	}
	if s.timeout > 0 {
		options = append(options, troupe.WithRecordTimeout(s.timeout))
	}
	source := s.source
	if source == grouped {
		source = standard
		options = append(options, troupe.WithGroup(func(m events.SQSMessage) string { return m.Attributes["MessageGroupId"] }))
	}
	ctx := context.Background()
	if s.left > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.left)
		defer cancel()
	}
	payload := document(source, records...)
	processor := process(source, handle, options...)

	*watched = *order.Observe()
	response, err := processor.Invoke(ctx, payload)
	require.NoError(t, err)
	require.NoError(t, ctx.Err(), "SPEC D1: the response leaves before the deadline")
	history = watched.History()
	close(release)

	require.NotNil(t, seen.Report)
	assert.Empty(t, s.rules().Judge(history, seen.Records))
	var failed []string
	for _, r := range seen.Records {
		if r.Outcome != troupe.Succeeded {
			failed = append(failed, r.ID)
		}
	}
	assert.Equal(t, append([]string{}, failed...), failures(t, response), "SPEC S2, S3")
	return history, seen.Report
}

// SPEC O1, O2, O3, P1 to P3, P6, D2, D4: whatever handlers do, the records of a group are handled one at a
// time and in batch order, nothing of a group follows its failure unless the policy says so, and a free slot
// takes the earliest record there is, at once.
func TestGroupsKeepTheirOrderWhateverHandlersDo(t *testing.T) {
	seed := uint64(0)
	for _, source := range orderedSources {
		for _, policy := range []troupe.Policy{troupe.StopGroup, troupe.StopBatch, troupe.Continue} {
			for _, concurrency := range []int{1, 2, 16, 64, 10_000} {
				seed++
				for _, trouble := range []struct {
					name string
					put  func(*scene)
				}{
					{"failures", func(*scene) {}},
					{"retries", func(s *scene) { s.retry = retries(false) }},
					{"retries of panics, hangs and a deadline", func(s *scene) {
						s.hanging(9)
						s.retry, s.left = retries(true), 2*time.Second
					}},
				} {
					name := fmt.Sprintf("%s/%v/concurrency %d/%s", source, policy, concurrency, trouble.name)
					t.Run(name, func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							s := drawn(seed, 150, 12)
							s.source, s.policy, s.concurrency = source, policy, concurrency
							if policy == troupe.StopBatch {
								s.sparse(60)
							}
							trouble.put(s)
							history, _ := s.play(t)
							if concurrency > 1 {
								assert.Greater(t, order.Overlap(history), 1, "SPEC O2: different groups overlap")
							}
						})
					})
				}
			}
		}
	}
}

// retries waits for a time after each attempt that is like no other duration in a scene.
func retries(panics bool) troupe.Retry {
	return troupe.Retry{Times: 2, Panics: panics, Backoff: func(attempt int) time.Duration {
		return time.Duration(attempt)*15*time.Millisecond + 1
	}}
}

// sparse leaves the first n records without trouble, so that a stop has something to stop.
func (s *scene) sparse(n int) {
	for i := range n {
		for k := range s.deeds[i] {
			s.deeds[i][k].do = "ok"
		}
	}
}

// SPEC O1, O2: the extremes of how records are spread over groups.
func TestOrderHoldsForManyGroupsAndForOne(t *testing.T) {
	for _, shape := range []struct {
		name            string
		records, groups int
		concurrency     []int
	}{
		{"10,000 groups of one", 10_000, 10_000, []int{1, 2, 16, 64, 10_000}},
		{"one group of 1,000", 1_000, 1, []int{1, 2, 16, 64, 10_000}},
		{"a group of 900 and 100 groups of one", 1_000, 101, []int{2, 16}},
	} {
		for i, concurrency := range shape.concurrency {
			source := orderedSources[i%len(orderedSources)]
			t.Run(fmt.Sprintf("%s/concurrency %d/%s", shape.name, concurrency, source), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := drawn(uint64(i), shape.records, 1)
					s.source, s.concurrency, s.policy = source, concurrency, troupe.Continue
					for i := range s.groups {
						switch shape.groups {
						case 1:
						case 101:
							if i%10 == 5 {
								s.groups[i] = strconv.Itoa(i)
							}
						default:
							s.groups[i] = strconv.Itoa(i)
						}
					}
					history, report := s.play(t)
					assert.Equal(t, shape.records, report.Succeeded+report.Failed)
					assert.Zero(t, report.NotStarted)
					most := min(concurrency, shape.groups)
					if shape.records == 10_000 {
						assert.Equal(t, most, order.Overlap(history))
					} else {
						assert.LessOrEqual(t, order.Overlap(history), most)
					}
				})
			})
		}
	}
}

// SPEC O1, O2, P1, P3: the same on the machine's own clock and cores, which is where the race detector has
// something to detect. Handlers end at once or give way a few times.
func TestGroupsKeepTheirOrderInRealTime(t *testing.T) {
	for i, source := range orderedSources {
		for _, policy := range []troupe.Policy{troupe.StopGroup, troupe.Continue} {
			for _, concurrency := range []int{1, 2, 16, 64} {
				t.Run(fmt.Sprintf("%s/%v/concurrency %d", source, policy, concurrency), func(t *testing.T) {
					s := drawn(uint64(i), 600, 7)
					s.source, s.policy, s.concurrency, s.virtual = source, policy, concurrency, false
					for k := range s.deeds {
						for n := range s.deeds[k] {
							s.deeds[k][n].last /= 4
						}
					}
					done := make(chan struct{})
					go func() {
						defer close(done)
						s.play(t)
					}()
					select {
					case <-done:
					case <-time.After(20 * time.Second):
						require.Fail(t, "the batch never ended")
					}
				})
			}
		}
	}
}

// SPEC P1: a group actor that has failed must be ready for the next record by the time that record can be
// taken. A record sent to an actor that still waits for its supervisor would be lost, and the batch would
// never end.
func TestARecordThatFollowsAFailedOneIsNeverLost(t *testing.T) {
	const records, rounds = 1000, 30
	for round := range rounds {
		s := drawn(uint64(round), records, 4)
		s.source, s.policy, s.concurrency, s.virtual = kinesis, troupe.Continue, 4, false
		for i := range s.deeds {
			for n := range s.deeds[i] {
				s.deeds[i][n] = deed{do: []string{"ok", "fail"}[i/4%2]}
			}
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.play(t)
		}()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			require.Fail(t, "the batch never ended", "round %d", round)
		}
	}
}

// SPEC O1: concurrency 1 is exactly batch order, for every source, with or without groups.
func TestConcurrencyOneIsBatchOrder(t *testing.T) {
	for _, source := range sources {
		for _, options := range [][]troupe.Option{nil, {troupe.WithoutOrder()}} {
			t.Run(fmt.Sprint(source, len(options)), func(t *testing.T) {
				var order []string
				p := process(source, func(_ context.Context, body string) error {
					order = append(order, body)
					return nil
				}, append(options, troupe.WithConcurrency(1))...)
				records := numbered(50, groups(7))
				_, err := p.Invoke(context.Background(), document(source, records...))
				require.NoError(t, err)
				var want []string
				for _, r := range records {
					want = append(want, r.body)
				}
				assert.Equal(t, want, order)
			})
		}
	}
}

// SPEC O3: in an ordered source the records without a key form one group.
func TestRecordsWithoutAKeyAreOneGroup(t *testing.T) {
	for _, source := range []string{fifo, kinesis} {
		t.Run(source, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				watched := order.Observe()
				var seen reported
				p := process(source, func(context.Context, string) error { time.Sleep(time.Millisecond); return nil },
					troupe.WithMiddleware(watched.Watch), troupe.WithObserver(seen.observe))
				_, err := p.Invoke(context.Background(), document(source, numbered(20, nil)...))
				require.NoError(t, err)
				rules := order.Rules{Groups: make([]string, 20), Concurrency: 16, Policy: troupe.StopGroup, Exact: true}
				assert.Empty(t, rules.Judge(watched.History(), seen.Records))
				assert.Equal(t, 1, order.Overlap(watched.History()))
			})
		})
	}
}

// SPEC P4: a queue is ordered because of its name. Messages of standard queues carry a MessageGroupId too,
// for fairness, and are handled side by side.
func TestAStandardQueueHasNoOrderWhateverItsGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watched := order.Observe()
		p := process(standard, func(context.Context, string) error { time.Sleep(time.Millisecond); return nil },
			troupe.WithMiddleware(watched.Watch))
		_, err := p.Invoke(context.Background(), document(standard, numbered(20, groups(1))...))
		require.NoError(t, err)
		assert.Equal(t, 16, order.Overlap(watched.History()), "SPEC O4")
	})
}

// SPEC P4: a batch is FIFO when any ARN says so, in any case; also where it is not the first one.
func TestOneFIFORecordMakesTheBatchFIFO(t *testing.T) {
	for _, suffix := range []string{".fifo", ".FIFO", ".Fifo"} {
		t.Run(suffix, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				watched := order.Observe()
				p := process(standard, func(context.Context, string) error { time.Sleep(time.Millisecond); return nil },
					troupe.WithMiddleware(watched.Watch))
				var texts []string
				for i, r := range numbered(5, groups(1)) {
					text := written(standard, r)
					if i == 3 {
						text = replace(t, text, `:orders"`, `:orders`+suffix+`"`)
					}
					texts = append(texts, text)
				}
				_, err := p.Invoke(context.Background(), event(texts...))
				require.NoError(t, err)
				assert.Equal(t, 1, order.Overlap(watched.History()))
			})
		})
	}
}

// SPEC O3: WithoutOrder gives every record of an ordered source an actor of its own.
func TestWithoutOrderRecordsOfAGroupOverlap(t *testing.T) {
	for _, source := range []string{fifo, kinesis, dynamodb} {
		t.Run(source, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				watched := order.Observe()
				p := process(source, func(context.Context, string) error { time.Sleep(time.Millisecond); return nil },
					troupe.WithMiddleware(watched.Watch), troupe.WithoutOrder(), troupe.WithConcurrency(4))
				_, err := p.Invoke(context.Background(), document(source, numbered(20, groups(1))...))
				require.NoError(t, err)
				assert.Equal(t, 4, order.Overlap(watched.History()))
			})
		})
	}
}

// SPEC O3: DynamoDB orders by all key attributes, whatever the order in which an event writes them.
func TestItemsAreTheSameByAllTheirKeyAttributes(t *testing.T) {
	keys := []string{
		`{"pk":{"S":"a"},"sk":{"N":"1"}}`,
		`{"sk":{"N":"1"},"pk":{"S":"a"}}`,
		`{ "pk" : {"S":"\u0061"}, "sk":{"N":"1"} }`,
		`{"pk":{"S":"a"},"sk":{"N":"2"}}`,
		`{"pk":{"S":"1"}}`,
		`{"pk":{"N":"1"}}`,
		`{"pk":{"B":"AQ=="}}`,
	}
	var texts []string
	for i, key := range keys {
		text := written(dynamodb, record{id: strconv.Itoa(i), group: "KEY"})
		texts = append(texts, replace(t, text, `{"pk":{"S":"KEY"},"sk":{"N":"1"}}`, key))
	}
	var seen reported
	p := process(dynamodb, func(context.Context, string) error { return nil }, troupe.WithObserver(seen.observe))
	_, err := p.Invoke(context.Background(), event(texts...))
	require.NoError(t, err)
	var of []string
	for _, r := range seen.Records {
		of = append(of, r.Group)
	}
	assert.Equal(t, of[0], of[1])
	assert.Equal(t, of[0], of[2])
	distinct := slices.Compact(slices.Sorted(slices.Values(of)))
	assert.Len(t, distinct, 5, "%q", of)
}

// SPEC P3, P5: nothing but its own group is held up by a record that fails again and again.
func TestNoGroupStarves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen reported
		p := process(fifo, func(ctx context.Context, _ string) error {
			time.Sleep(time.Millisecond)
			if rec, _ := troupe.RecordFrom(ctx); rec.Group == "g0" {
				return errDeed
			}
			return nil
		}, troupe.WithPolicy(troupe.StopGroup), troupe.WithConcurrency(2), troupe.WithRetry(troupe.Retry{Times: 3, Base: time.Minute, Max: time.Minute}),
			troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithObserver(seen.observe))
		_, err := p.Invoke(context.Background(), document(fifo, numbered(100, groups(5))...))
		require.NoError(t, err)
		for i, r := range seen.Records {
			if r.Group != "g0" {
				assert.Less(t, r.Queued+r.Duration, time.Second, "record %d", i)
			}
		}
		assert.Equal(t, 80, seen.Succeeded)
	})
}
