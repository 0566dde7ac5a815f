// Package tally computes figures of a run of one source from its history: latencies, series over time, and a timeline
// of the attempts. It keeps records only while they are in progress, so its memory does not grow with the run.
package tally

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/cmd/demo/page"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// Tally counts the events of one source. Only Settled may be called concurrently with Record.
type Tally struct {
	// Latency has the times from the first delivery of records to their success, including waits for redelivery.
	// Records that never succeeded are not in it.
	Latency *Latency
	// Abandoned counts the attempts that were still running when their invocation ended.
	Abandoned int
	// InVain counts the records that were dead-lettered or discarded although they had succeeded: other records of
	// their batches caused their redelivery.
	InVain int

	// AtWork counts the running handlers of the source.
	AtWork Gauge

	delivered int    // records, each once
	gauge     *Gauge // of all sources
	series    series
	timeline  timeline
	settled   atomic.Int64

	first   map[string]time.Duration  // first delivery, by record that has not succeeded
	batches map[int]map[string]*visit // by running invocation, and record
}

// visit is a record in a batch.
type visit struct {
	delivery int
	open     []attempt
}

// attempt is a running handler.
type attempt struct {
	number int
	bar    place
}

// New returns a tally. Its timeline has up to bars bars, in a row per group, or if byGroup is false in a row per lane:
// an attempt takes the lowest free lane. The gauge, which may be shared, counts the running handlers.
func New(byGroup bool, bars int, gauge *Gauge) *Tally {
	return &Tally{
		Latency:  NewLatency(),
		gauge:    gauge,
		series:   series{step: firstStep},
		timeline: timeline{byGroup: byGroup, left: bars, rows: make(map[string]int)},
		first:    make(map[string]time.Duration),
		batches:  make(map[int]map[string]*visit),
	}
}

// Ahead returns the number of records that have succeeded but are still in the source: the run ended before they
// were deleted, or before the checkpoint reached them.
func (t *Tally) Ahead() int { return t.delivered - len(t.first) - int(t.Settled()) }

// Settled returns the number of records that the source has released. It is safe for concurrent use.
func (t *Tally) Settled() int64 { return t.settled.Load() }

// Fill sets the series, the latencies and the timeline of a page's source.
func (t *Tally) Fill(s *page.Source) {
	s.Step, s.Handled, s.Succeeded, s.Redelivered, s.InFlight = t.series.step, t.series.handled, t.series.succeeded, t.series.redelivered, t.series.inFlight
	s.Latency = t.Latency.Buckets()
	s.Lanes, s.Rows, s.Omitted = !t.timeline.byGroup, t.timeline.sorted(), t.timeline.omitted
}

// Record adds the next event of the history.
func (t *Tally) Record(e history.Event) {
	at := t.series.at(e.At, t.AtWork.count())
	switch e.Kind {
	case history.Received:
		t.received(e, at)
	case history.Started:
		t.started(e, at)
	case history.Ended:
		t.ended(e, at)
	case history.Answered, history.Failed, history.Crashed, history.TimedOut:
		t.over(e, at)
	case history.Deleted, history.Checkpointed, history.DeadLettered, history.Discarded, history.Expired:
		if _, pending := t.first[e.Record]; !pending && (e.Kind == history.DeadLettered || e.Kind == history.Discarded) {
			t.InVain++
		}
		delete(t.first, e.Record)
		t.settled.Add(1)
	}
}

func (t *Tally) received(e history.Event, at int) {
	if e.Number == 1 {
		t.delivered++
		t.first[e.Record] = e.At
	} else {
		t.series.redelivered[at]++
	}
	batch := t.batches[e.Invocation]
	if batch == nil {
		batch = make(map[string]*visit)
		t.batches[e.Invocation] = batch
	}
	batch[e.Record] = &visit{delivery: e.Number}
}

func (t *Tally) started(e history.Event, at int) {
	v := t.batches[e.Invocation][e.Record]
	if v == nil {
		return // a handler of no batch, which the checker reports
	}
	t.AtWork.add(1, e.At)
	t.gauge.add(1, e.At)
	t.series.inFlight[at] = max(t.series.inFlight[at], t.AtWork.count())
	v.open = append(v.open, attempt{e.Number, t.timeline.begin(e.Group, page.Bar{
		Start: e.At, Record: e.Record, Delivery: v.delivery, Attempt: e.Number,
	})})
}

// ended records the end of a handler, unless its invocation had ended before.
func (t *Tally) ended(e history.Event, at int) {
	v := t.batches[e.Invocation][e.Record]
	if v == nil {
		return
	}
	i := slices.IndexFunc(v.open, func(a attempt) bool { return a.number == e.Number })
	if i < 0 {
		return
	}
	if e.Detail == history.Late { // which the checker accepts as a success
		e.Detail = history.OK
	}
	t.close(v.open[i], e.At, at, e.Detail)
	v.open = slices.Delete(v.open, i, i+1)
	if e.Detail != history.OK {
		return
	}
	if first, ok := t.first[e.Record]; ok {
		delete(t.first, e.Record)
		t.Latency.record(e.At - first)
		t.series.succeeded[at]++
	}
}

// over ends an invocation with its attempts.
func (t *Tally) over(e history.Event, at int) {
	for _, v := range t.batches[e.Invocation] {
		for _, a := range v.open {
			t.Abandoned++
			t.close(a, e.At, at, history.Abandoned)
		}
	}
	delete(t.batches, e.Invocation)
}

func (t *Tally) close(a attempt, now time.Duration, at int, outcome string) {
	t.AtWork.add(-1, now)
	t.gauge.add(-1, now)
	t.series.handled[at]++
	t.timeline.end(a.bar, now, outcome)
}

// Gauge tracks the number of running handlers, its maximum, and the time during which there was any. It is safe for
// concurrent use.
type Gauge struct {
	mu        sync.Mutex
	now, most int
	since     time.Duration // when the first running handler began
	busy      time.Duration // before that
}

// add adds n handlers at an instant of the run.
func (g *Gauge) add(n int, at time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now == 0 {
		g.since = at
	}
	g.now += n
	g.most = max(g.most, g.now)
	if g.now == 0 {
		g.busy += max(0, at-g.since) // the clocks of two sources may differ a little
	}
}

func (g *Gauge) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

// Most returns the maximum number of running handlers.
func (g *Gauge) Most() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most
}

// Busy returns the time during which at least one handler was running.
func (g *Gauge) Busy() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.busy
}
