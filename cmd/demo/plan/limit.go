package plan

import (
	"cmp"
	"math"
	"slices"
)

// Limit is a bound on the records per second.
type Limit struct {
	// Name is the name of the limit.
	Name string
	// Environments is the number of environments that it allows; 0 if it does not limit environments.
	Environments int
	// Records is the number of records per second that it allows, with full batches.
	Records float64
}

// environments is a bound on environments with its reason. The size of batches depends on these bounds, so they must
// not depend on that size.
type environments struct {
	name string
	most int
}

// environmentLimits returns the bounds on environments, except order.
func (q Question) environmentLimits() []environments {
	list := []environments{{"account concurrency", q.Account}}
	if q.Source.queue() {
		switch {
		case q.Pollers.provisioned():
			list = append(list, environments{"pollers", q.Pollers.Maximum * queuePollerConcurrent})
		case q.MaximumConcurrency > 0:
			list = append(list, environments{"MaximumConcurrency", q.MaximumConcurrency})
		default:
			list = append(list, environments{"mapping of a queue", queueMost})
		}
		list = append(list, environments{"messages in flight", max(maxInFlight/q.most(), 1)})
	}
	if q.Source == Kafka && q.Pollers.provisioned() {
		list = append(list, environments{"pollers", q.Pollers.Maximum * topicPollerConcurrent})
	}
	return list
}

// environmentLimit returns the smallest of them.
func (q Question) environmentLimit() int {
	most := math.MaxInt
	for _, l := range q.environmentLimits() {
		most = min(most, l.most)
	}
	return most
}

// accountInvocations returns the invocations per second that the account's concurrency allows.
func (q Question) accountInvocations() float64 { return float64(q.Account) * invocationsPerUnit }

// invocationLimit returns the maximum number of invocations per second.
func (q Question) invocationLimit() float64 {
	if q.Source.queue() && q.Pollers.provisioned() {
		return min(q.accountInvocations(), float64(q.Pollers.Maximum)*queuePollerCalls)
	}
	return q.accountInvocations()
}

// laneName returns the name of the lanes of an ordered source.
func (q Question) laneName() string {
	switch {
	case q.Source == FIFO:
		return "message groups"
	case q.Groups > 0 && q.Groups < q.Shards*max(q.Factor, 1):
		return "keys"
	case q.Source == Kafka:
		return "partitions"
	case q.Factor > 1:
		return "shards × factor"
	default:
		return "shards"
	}
}

// limits returns all limits, the first to bind first.
func (q Question) limits() []Limit {
	full := q.full()
	var list []Limit
	if lanes := q.lanes(); lanes > 0 {
		batch := full
		if q.Source == FIFO { // a group has one batch at a time, and then it is the batch's only one
			batch = q.batch(q.most(), 1)
		}
		list = append(list, Limit{q.laneName(), lanes, float64(lanes) * batch.perSecond()})
	}
	for _, l := range q.environmentLimits() {
		list = append(list, Limit{l.name, l.most, float64(l.most) * full.perSecond()})
	}
	list = append(list, q.feedLimits(full.Records)...)
	slices.SortStableFunc(list, func(a, b Limit) int { return cmp.Compare(a.Records, b.Records) })
	return list
}

// feedLimits returns the limits that are not numbers of environments: the rate of batches of n records.
func (q Question) feedLimits(n int) []Limit {
	invocations := Limit{Name: "invocations a second", Records: q.accountInvocations() * float64(n)}
	return append(q.pollerLimits(n), invocations)
}

// pollerLimits returns the limits of provisioned pollers.
func (q Question) pollerLimits(n int) (list []Limit) {
	if !q.Pollers.provisioned() {
		return nil
	}
	pollers, bytes := float64(q.Pollers.Maximum), queuePollerBytes
	if q.Source == Kafka {
		pollers, bytes = min(pollers, float64(q.Shards)), topicPollerBytes
	} else {
		calls := (n + callMessages - 1) / callMessages // of a batch
		list = append(list, Limit{Name: "receive calls of pollers", Records: pollers * queuePollerCalls * float64(n) / float64(calls)})
	}
	if q.Size > 0 {
		list = append(list, Limit{Name: "bytes of pollers", Records: pollers * float64(bytes) / float64(q.Size)})
	}
	return list
}
