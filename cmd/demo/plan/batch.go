package plan

import (
	"math"
	"time"
)

// Batch is an invocation's worth of records.
type Batch struct {
	// Records is how many there are.
	Records int
	// AtOnce is how many of them are handled at a time. It is no whole number where batches differ.
	AtOnce float64
	// Takes is how long the invocation takes.
	Takes time.Duration
}

// batch makes a batch of n records of so many groups; 0 groups are as many as there are records.
func (q Question) batch(n int, groups float64) Batch {
	rounds := float64((n + q.Concurrency - 1) / q.Concurrency)
	atOnce := float64(min(q.Concurrency, n))
	if groups > 0 {
		rounds = max(rounds, float64(n)/groups)
		atOnce = min(atOnce, groups)
	}
	return Batch{n, atOnce, q.Overhead + time.Duration(rounds*float64(q.Work))}
}

// perSecond is how many records a second go through one environment.
func (b Batch) perSecond() float64 { return float64(b.Records) / b.Takes.Seconds() }

// environments is how many environments are at work on rate records a second.
func (b Batch) environments(rate float64) float64 { return rate / b.perSecond() }

// most is how many records a batch may have: the event is limited, too.
func (q Question) most() int {
	if q.Size == 0 {
		return q.Batch
	}
	return max(min(q.Batch, maxPayload/q.Size), 1)
}

// lanes is how many batches an ordered source may have under way at once, each of records that no other has
// at the time: shards times factor, partitions, message groups. 0 is no such limit.
func (q Question) lanes() int {
	lanes := 0
	switch {
	case q.Source == FIFO:
		return q.Groups
	case q.Source.stream():
		lanes = q.Shards * q.Factor
	case q.Source == Kafka:
		lanes = q.Shards
	}
	if q.Groups > 0 {
		lanes = min(lanes, q.Groups)
	}
	return lanes
}

// groupsIn is how many groups the records of a batch are of; 0 is as many as there are records.
func (q Question) groupsIn() float64 {
	switch {
	case q.Source == FIFO:
		// With fewer environments than groups, the groups that wait share a batch.
		return min(max(float64(q.Groups)/float64(q.environmentLimit()), 1), float64(q.most()))
	case q.Source.ordered() && q.Groups > 0:
		return float64(q.Groups) / float64(q.lanes())
	default:
		return 0
	}
}

// full is the batch when as much waits as a batch can hold.
func (q Question) full() Batch { return q.batch(q.most(), q.groupsIn()) }

// deep is the batch while a backlog is worked off, and how many records it has on average. In a FIFO queue it
// is of as few groups as there are messages for; in a lane it has what waits there and what arrives meanwhile.
func (q Question) deep(backlog int) (b Batch, records float64) {
	n := min(q.most(), backlog)
	switch {
	case q.Source == FIFO:
		return q.batch(n, float64(n)/float64(q.perGroup(n, backlog))), float64(n)
	case q.lanes() > 0:
		records = max(float64(backlog)/float64(q.lanes()), 1)
		if q.Rate > 0 {
			usual, _ := q.usual()
			records += float64(usual.Records)
		}
		records = min(records, float64(q.most()))
		return q.batch(ceil(records), q.groupsIn()), records
	default:
		return q.batch(n, 0), float64(n)
	}
}

// perGroup is how many of n messages of a FIFO queue's backlog are of the same group.
func (q Question) perGroup(n, backlog int) int {
	return min(ceil(float64(backlog)/float64(q.Groups)), n)
}

// usual is the batch to expect at the rate: what has arrived when the next one is sent off. With a limit that
// is near it is larger, up to full, and inUse, the environments at work, are as many as the limit allows.
func (q Question) usual() (b Batch, inUse float64) {
	limit := float64(q.environmentLimit())
	arrives := q.Rate // where the batch is gathered
	if lanes := q.lanes(); lanes > 0 {
		arrives /= float64(lanes)
	}
	most := float64(q.most())
	// A window begins with a record; a poll finds what is there.
	n := min(int(max(1+min(arrives*q.Window.Seconds(), most), math.Ceil(min(arrives*q.poll().Seconds(), most)))), q.most())
	crowded := false
	for ; ; n++ {
		b = q.batch(n, q.groupsUsual(n))
		inUse = b.environments(q.Rate)
		// While a batch of a lane is handled the next one gathers, unless groups that wait share a batch.
		caught := q.lanes() == 0 || float64(n) >= arrives*b.Takes.Seconds() || q.Source == FIFO && q.groupsIn() > 1
		if n == q.most() || caught && inUse <= limit && q.Rate/float64(n) <= q.invocationLimit() {
			break
		}
		crowded = inUse > limit
	}
	if crowded {
		inUse = limit
	}
	return b, min(inUse, float64(q.atOnce()))
}

// fuller looks for the shortest window with which no more than so many environments are in use. Of windows people
// take round ones.
func (q Question) fuller(most float64) *Fuller {
	for _, seconds := range []int{1, 2, 5, 10, 20, 30, 60, 120, 300} {
		window := time.Duration(seconds) * time.Second
		if window <= *q.Window {
			continue
		}
		q.Window = &window
		if b, inUse := q.usual(); inUse <= most {
			return &Fuller{window, b, inUse}
		}
	}
	return nil
}

// groupsUsual is of how many groups n records are that arrive one after the other.
func (q Question) groupsUsual(n int) float64 {
	if q.Source == FIFO {
		return min(q.groupsIn(), float64(n))
	}
	return q.groupsIn()
}

// poll is how often a stream is looked at while there is nothing to do.
func (q Question) poll() time.Duration {
	switch q.Source {
	case Kinesis:
		return kinesisPoll
	case DynamoDB:
		return dynamoDBPoll
	default:
		return 0
	}
}

// ceil is math.Ceil that takes what is whole but for rounding as whole.
func ceil(x float64) int { return int(math.Ceil(x - 1e-9)) }
