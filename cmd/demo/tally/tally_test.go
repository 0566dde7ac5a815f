package tally

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/cmd/demo/page"
	"github.com/troupe-go/troupe/lambdasim/history"
)

const ms = time.Millisecond

// tell gives a tally a history in text form; instants are in milliseconds.
func tell(t *testing.T, c *Tally, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		at, rest, _ := strings.Cut(line, " ")
		var e history.Event
		require.NoError(t, e.UnmarshalText([]byte(at+"000 "+rest)))
		c.Record(e)
	}
}

func filled(c *Tally) (s page.Source) {
	c.Fill(&s)
	return s
}

// A record that fails first and then succeeds: its latency is from the first delivery.
const twice = `
	0 sent r=a g=g
	5 received i=1 r=a g=g n=1
	5 invoked i=1 n=1 u=100
	10 started i=1 r=a g=g n=1
	20 ended i=1 r=a g=g n=1 d=fail
	21 answered i=1 d={}
	60 received i=2 r=a g=g n=2
	60 invoked i=2 n=1 u=200
	61 started i=2 r=a g=g n=1
	65 ended i=2 r=a g=g n=1 d=panic
	66 started i=2 r=a g=g n=2
	75 ended i=2 r=a g=g n=2 d=ok
	76 answered i=2 d={}
	77 deleted i=2 r=a g=g`

func TestLatencyIsFromTheFirstDeliveryUntilTheSuccess(t *testing.T) {
	c := New(true, 10, new(Gauge))
	tell(t, c, twice)
	assert.Equal(t, 70*ms, c.Latency.Max().Round(ms))
	assert.Equal(t, 70*ms, c.Latency.At(50).Round(ms))
	assert.EqualValues(t, 1, c.Settled())
}

func TestARowHasABarForEachAttempt(t *testing.T) {
	c := New(true, 10, new(Gauge))
	tell(t, c, twice)
	assert.Equal(t, []page.Row{{Name: "g", Bars: []page.Bar{
		{Start: 10 * ms, End: 20 * ms, Record: "a", Delivery: 1, Attempt: 1, Outcome: "fail"},
		{Start: 61 * ms, End: 65 * ms, Record: "a", Delivery: 2, Attempt: 1, Outcome: "panic"},
		{Start: 66 * ms, End: 75 * ms, Record: "a", Delivery: 2, Attempt: 2, Outcome: "ok"},
	}}}, filled(c).Rows)
}

func TestTheSeriesTellsWhatHappenedWhen(t *testing.T) {
	c := New(true, 10, new(Gauge))
	tell(t, c, twice)
	s := filled(c)
	assert.Equal(t, 10*ms, s.Step)
	assert.Equal(t, []int{0, 0, 1, 0, 0, 0, 1, 1}, s.Handled)
	assert.Equal(t, []int{0, 0, 0, 0, 0, 0, 0, 1}, s.Succeeded)
	assert.Equal(t, []int{0, 0, 0, 0, 0, 0, 1, 0}, s.Redelivered)
	assert.Equal(t, []int{0, 1, 1, 0, 0, 0, 1, 1}, s.InFlight, "a handler at work at the beginning of a step counts in it")
}

// A handler that is still at work when its invocation is over is abandoned; what it does later is nothing.
func TestAnAbandonedHandlerEndsWithItsInvocation(t *testing.T) {
	gauge := new(Gauge)
	c := New(false, 10, gauge)
	tell(t, c, `
		0 received i=1 r=a n=1
		0 received i=1 r=b n=1
		0 invoked i=1 n=2 u=100
		1 started i=1 r=a n=1
		1 started i=1 r=b n=1
		3 ended i=1 r=b n=1 d=ok
		90 answered i=1 d={}
		95 ended i=1 r=a n=1 d=ok
		99 received i=2 r=a n=2
		99 started i=2 r=a n=1
		100 ended i=1 r=a n=1 d=ok
		103 ended i=2 r=a n=1 d=ok
		103 answered i=2 d={}
		105 started i=2 r=a n=2`)
	s := filled(c)
	assert.Equal(t, []page.Row{
		{Name: "lane 1", Bars: []page.Bar{
			{Start: 1 * ms, End: 90 * ms, Record: "a", Delivery: 1, Attempt: 1, Outcome: "abandoned"},
			{Start: 99 * ms, End: 103 * ms, Record: "a", Delivery: 2, Attempt: 1, Outcome: "ok"},
		}},
		{Name: "lane 2", Bars: []page.Bar{{Start: 1 * ms, End: 3 * ms, Record: "b", Delivery: 1, Attempt: 1, Outcome: "ok"}}},
	}, s.Rows)
	assert.Equal(t, 1, c.Abandoned)
	assert.Equal(t, 2, gauge.Most())
	assert.Zero(t, gauge.count())
	assert.Equal(t, 103*ms, c.Latency.Max().Round(ms), "a late result is none")
	assert.Empty(t, c.batches)
}

// Throughput without the waits goes by the time in which any handler is at work.
func TestAGaugeKnowsHowLongAnyHandlerIsAtWork(t *testing.T) {
	c := New(true, 10, new(Gauge))
	tell(t, c, twice)
	assert.Equal(t, 23*ms, c.AtWork.Busy(), "from 10 to 20, 61 to 65 and 66 to 75 ms")

	both := new(Gauge)
	one, other := New(true, 10, both), New(false, 10, both)
	tell(t, one, `
		0 received i=1 r=a g=g n=1
		1 started i=1 r=a g=g n=1`)
	tell(t, other, `
		2 received i=1 r=b n=1
		4 started i=1 r=b n=1`)
	tell(t, one, "6 ended i=1 r=a g=g n=1 d=ok")
	tell(t, other, "9 ended i=1 r=b n=1 d=ok")
	assert.Equal(t, 8*ms, both.Busy(), "overlaps count once")
	assert.Equal(t, []time.Duration{5 * ms, 5 * ms}, []time.Duration{one.AtWork.Busy(), other.AtWork.Busy()})
	assert.Equal(t, 2, both.Most())
}

// Records that are given up on after a success were redelivered because of others.
func TestRecordsGivenUpOnAfterASuccessAreTold(t *testing.T) {
	c := New(true, 10, new(Gauge))
	tell(t, c, `
		0 received i=1 r=a g=g n=1
		0 received i=1 r=b g=g n=1
		1 started i=1 r=a g=g n=1
		2 ended i=1 r=a g=g n=1 d=ok
		3 failed i=1 d=x
		4 dead-lettered r=a g=g n=1
		4 discarded r=b g=g d=RetryAttemptsExhausted`)
	assert.Equal(t, 1, c.InVain)
	assert.Zero(t, c.Ahead())
	assert.EqualValues(t, 2, c.Settled())
	assert.Empty(t, c.first)
}

// Records that have succeeded are distinguished from the others that a source still has.
func TestRecordsThatSucceededBeforeTheirSourceIsDoneWithThemAreTold(t *testing.T) {
	c := New(true, 10, new(Gauge))
	tell(t, c, `
		0 sent r=z
		0 received i=1 r=a g=g n=1
		0 received i=1 r=b g=g n=1
		0 received i=1 r=c g=g n=1
		1 started i=1 r=a g=g n=1
		2 ended i=1 r=a g=g n=1 d=fail
		2 started i=1 r=b g=g n=1
		3 ended i=1 r=b g=g n=1 d=ok
		3 started i=1 r=c g=g n=1
		4 ended i=1 r=c g=g n=1 d=ok
		5 answered i=1 d={}
		6 deleted r=c g=g
		9 received i=2 r=b g=g n=2`)
	assert.Equal(t, 1, c.Ahead(), "b, and neither a, which failed, nor c, which is gone, nor z, which never came")
}

// The order of rows goes by their names and not by which attempt happened to begin first.
func TestRowsAreInTheOrderOfTheirNames(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"group-2", "group-10"}, {"group-002", "group-010"}, {"orders-9", "orders-10"}, {"a", "b"}, {"a", "aa"}, {"a1b2", "a1b10"}, {"", "a"},
		{"7", "a"}, {"a9", "b1"}, {"a-1", "a-1x"}, {"007", "8"},
	} {
		assert.Negative(t, byNumber(c.a, c.b), c)
		assert.Positive(t, byNumber(c.b, c.a), c)
		assert.Zero(t, byNumber(c.a, c.a))
	}
	c := New(true, 10, new(Gauge))
	for i, group := range []string{"g10", "g9", "g1", "g10"} {
		tell(t, c, fmt.Sprintf("%[1]d received i=1 r=%[1]d g=%[2]s n=1\n%[1]d started i=1 r=%[1]d g=%[2]s n=1", i, group))
	}
	tell(t, c, "9 ended i=1 r=0 g=g10 n=1 d=fail\n9 ended i=1 r=1 g=g9 n=1 d=ok") // the bars are found after all
	rows := filled(c).Rows
	require.Len(t, rows, 3)
	assert.Equal(t, []string{"g1", "g9", "g10"}, []string{rows[0].Name, rows[1].Name, rows[2].Name})
	assert.Equal(t, []string{"ok", "fail"}, []string{rows[1].Bars[0].Outcome, rows[2].Bars[0].Outcome})
}

// Beyond their room bars are counted only.
func TestATimelineIsBounded(t *testing.T) {
	for _, byGroup := range []bool{true, false} {
		c := New(byGroup, 20, new(Gauge))
		for i := range 100 {
			tell(t, c, fmt.Sprintf(`
				%[1]d received i=1 r=%[1]d g=g%[1]d n=1
				%[1]d started i=1 r=%[1]d g=g%[1]d n=1
				%[1]d ended i=1 r=%[1]d g=g%[1]d n=1 d=ok`, i))
		}
		s, bars := filled(c), 0
		for _, row := range s.Rows {
			bars += len(row.Bars)
		}
		assert.Equal(t, []int{20, 80}, []int{bars, s.Omitted})
	}
}

// However long the run, a series has a few hundred steps, and nothing gets lost when they are joined.
func TestASeriesIsBounded(t *testing.T) {
	c := New(true, 0, new(Gauge))
	const n = 20_000
	for i := range n {
		tell(t, c, fmt.Sprintf("%d received i=1 r=%d g=g n=2", i*7, i))
	}
	tell(t, c, "140001 started i=1 r=5 g=g n=1")
	s, sum := filled(c), 0
	for _, k := range s.Redelivered {
		sum += k
	}
	assert.Equal(t, n, sum)
	for _, series := range [][]int{s.Handled, s.Succeeded, s.Redelivered, s.InFlight} {
		assert.Equal(t, len(s.Redelivered), len(series))
	}
	assert.LessOrEqual(t, len(s.Redelivered), steps)
	assert.GreaterOrEqual(t, len(s.Redelivered), steps/2)
	assert.Equal(t, 140_001*ms/s.Step, time.Duration(len(s.InFlight)-1))
	assert.Equal(t, 1, s.InFlight[len(s.InFlight)-1])
}

// Of steps that are joined the higher peak counts.
func TestJoinedStepsKeepThePeak(t *testing.T) {
	for _, lines := range []string{
		"5 received i=1 r=a n=1\n5 started i=1 r=a n=1\n6 ended i=1 r=a n=1 d=ok",
		"15 received i=1 r=a n=1\n15 started i=1 r=a n=1\n16 ended i=1 r=a n=1 d=ok",
	} {
		c := New(true, 0, new(Gauge))
		tell(t, c, lines+"\n19 sent r=z\n2400 answered i=1")
		s := filled(c)
		assert.Equal(t, 20*ms, s.Step)
		assert.Equal(t, []int{1, 0}, s.InFlight[:2])
	}
}

func TestLanesAreTakenFromTheLowestOn(t *testing.T) {
	var s lanes
	for i := range 200 {
		assert.Equal(t, i, s.take())
	}
	for _, n := range []int{150, 3, 64} {
		s.free(n)
	}
	assert.Equal(t, []int{3, 64, 150, 200}, []int{s.take(), s.take(), s.take(), s.take()})
}

func TestBucketsGoFromTheFastestToTheSlowest(t *testing.T) {
	l := NewLatency()
	assert.Empty(t, l.Buckets())
	assert.Zero(t, l.Max())
	for _, d := range []time.Duration{900 * time.Microsecond, ms, 2 * ms, 2*ms + 10*time.Microsecond, 40 * ms, 48 * time.Hour} {
		l.record(d)
	}
	other := NewLatency()
	other.record(3 * ms)
	l.Add(other)
	list := l.Buckets()
	require.Greater(t, len(list), 7)
	assert.Equal(t, []page.Bucket{{UpTo: ms, Count: 2}, {UpTo: 2 * ms, Count: 1}, {UpTo: 5 * ms, Count: 2}, {UpTo: 10 * ms}, {UpTo: 20 * ms}, {UpTo: 50 * ms, Count: 1}}, list[:6])
	assert.Equal(t, 1, list[len(list)-1].Count)
	assert.InEpsilon(t, longest, l.Max(), 0.01)
}
