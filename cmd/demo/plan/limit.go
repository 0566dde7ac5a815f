package plan

import (
	"cmp"
	"math"
	"slices"
)

// Limit is something that bounds how many records a second get through.
type Limit struct {
	// Name says what it is.
	Name string
	// Environments is how many it allows; 0 if it is no number of environments.
	Environments int
	// Records is how many records a second it allows, with full batches.
	Records float64
}

// environments are how many there may be for a reason. Batches are sized by them, so they must not go by what
// a batch is.
type environments struct {
	name string
	most int
}

// environmentLimits are the limits that a number of environments makes, other than order.
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

// environmentLimit is the smallest of them.
func (q Question) environmentLimit() int {
	most := math.MaxInt
	for _, l := range q.environmentLimits() {
		most = min(most, l.most)
	}
	return most
}

// accountInvocations is how many invocations a second the account's concurrency allows.
func (q Question) accountInvocations() float64 { return float64(q.Account) * invocationsPerUnit }

// invocationLimit is how many invocations a second there may be.
func (q Question) invocationLimit() float64 {
	if q.Source.queue() && q.Pollers.provisioned() {
		return min(q.accountInvocations(), float64(q.Pollers.Maximum)*queuePollerCalls)
	}
	return q.accountInvocations()
}

// laneName is what the lanes of an ordered source are.
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

// limits are all limits, the first to bind first.
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

// feedLimits are those that are no number of environments: how fast batches of n records can come.
func (q Question) feedLimits(n int) []Limit {
	invocations := Limit{Name: "invocations a second", Records: q.accountInvocations() * float64(n)}
	return append(q.pollerLimits(n), invocations)
}

// pollerLimits are what provisioned pollers can take in.
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
