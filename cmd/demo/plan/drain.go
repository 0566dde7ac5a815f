package plan

import (
	"math"
	"time"
)

// Drain describes the processing of a backlog while records arrive at the rate.
type Drain struct {
	// Ends reports whether the backlog ends.
	Ends bool
	// Takes is the time until the last record of the backlog has been handled.
	Takes time.Duration
	// Batch is the batch during that time.
	Batch Batch
	// Environments is the maximum number of busy environments.
	Environments int
}

// cohort is a number of environments that exist from an instant on, in seconds.
type cohort struct {
	from float64
	size int
}

// steps returns the environments as Lambda adds them: an initial number, more with every interval, up to most.
func (q Question) steps(most int) []cohort {
	first, more, every := most, 0, time.Duration(0)
	switch {
	case q.Source == SQS && !q.Pollers.provisioned():
		first, more, every = queueFirst, queueMore, queueInterval
	case q.Source.queue() && q.Pollers.provisioned():
		first, more, every = q.Pollers.Minimum*queuePollerConcurrent, queuePollerConcurrent, queuePollerInterval
	}
	var list []cohort
	for there, i := 0, 0; there < most; i++ {
		size, from := first, 0.0
		if i > 0 {
			size, from = more, float64(i)*every.Seconds()
		}
		size = min(size, most-there)
		list = append(list, q.functionSteps(cohort{from, size}, there)...)
		there += size
	}
	return list
}

// functionSteps splits a cohort where Lambda adds environments to a function more slowly. there is the number of
// environments before.
func (q Question) functionSteps(c cohort, there int) (list []cohort) {
	for c.size > 0 {
		from, size := c.from, min(c.size, max(functionFirst-there, functionMoreASecond))
		if over := there + size - functionFirst; over > 0 {
			from = max(from, float64(over)/functionMoreASecond)
		}
		list = append(list, cohort{from, size})
		there += size
		c.size -= size
	}
	return list
}

// cycle returns the time for which a batch occupies an environment, in seconds: the duration of the invocation, or more
// if the pollers cannot feed that many environments.
func (q Question) cycle(b Batch, environments int) float64 {
	cycle := b.Takes.Seconds()
	for _, l := range q.pollerLimits(b.Records) {
		cycle = max(cycle, float64(environments*b.Records)/l.Records)
	}
	return cycle
}

// drain simulates a backlog: every environment takes one batch after the other, from its start on.
func (q Question) drain() Drain {
	var d Drain
	var records float64
	d.Batch, records = q.deep(q.Backlog)
	most := q.atOnce()
	if q.Source == FIFO { // a batch with several groups, or parts of them, blocks these groups for others
		perGroup := q.perGroup(d.Batch.Records, q.Backlog)
		groups := (d.Batch.Records + perGroup - 1) / perGroup
		most = min(most, max(q.Groups/groups, 1))
	}
	cycle := q.cycle(d.Batch, most)
	most = min(most, ceil(q.accountInvocations()*cycle)) // more would exceed the invocations that the account allows
	cycle = max(cycle, float64(most)/q.accountInvocations())
	steps := q.steps(most)
	if _, ok := rampUp(steps, records/cycle, q.Rate); !ok {
		return d
	}
	// left returns the number of records that have not been started at t.
	left := func(t float64) float64 {
		begun := 0.0
		for _, c := range steps {
			if t >= c.from {
				begun += float64(c.size) * (math.Floor((t-c.from)/cycle) + 1)
			}
		}
		return float64(q.Backlog) + q.Rate*t - begun*records
	}
	low, high := 0.0, 0.0
	for left(high) > 0 {
		if low, high = high, max(2*high, min(cycle, 1)); high > forever {
			return d
		}
	}
	for high-low > high*1e-9 {
		if middle := (low + high) / 2; left(middle) > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	d.Ends, d.Takes = true, seconds(high)+d.Batch.Takes
	for _, c := range steps {
		if c.from <= high {
			d.Environments += c.size
		}
	}
	d.Environments = min(d.Environments, max(ceil((float64(q.Backlog)+q.Rate*high)/records), 1))
	return d
}

// forever is the bound on the time for a backlog, in seconds.
const forever = 100 * 365 * 24 * 3600

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// rampUp returns the time at which the environments suffice for a rate, each handling so many records per second; ok is
// false if they never do.
func rampUp(steps []cohort, each, rate float64) (t float64, ok bool) {
	there := 0
	for _, c := range steps {
		if float64(there)*each > rate {
			break
		}
		there += c.size
		t = max(t, c.from)
	}
	return t, float64(there)*each > rate
}
