package plan

import (
	"math"
	"time"
)

// Batch is the batch of one invocation.
type Batch struct {
	// Records is the number of records.
	Records int
	// AtOnce is the number of records that are handled at a time. It is fractional where batches differ.
	AtOnce float64
	// Takes is the duration of the invocation.
	Takes time.Duration
}

// batch returns a batch of n records in the given number of groups; 0 means a group per record.
func (q Question) batch(n int, groups float64) Batch {
	rounds := float64((n + q.Concurrency - 1) / q.Concurrency)
	atOnce := float64(min(q.Concurrency, n))
	if groups > 0 {
		rounds = max(rounds, float64(n)/groups)
		atOnce = min(atOnce, groups)
	}
	return Batch{n, atOnce, q.Overhead + time.Duration(rounds*float64(q.Work))}
}

// perSecond returns the number of records per second that one environment handles.
func (b Batch) perSecond() float64 { return float64(b.Records) / b.Takes.Seconds() }

// environments returns the number of busy environments at rate records per second.
func (b Batch) environments(rate float64) float64 { return rate / b.perSecond() }

// most returns the maximum number of records in a batch, which the size of the event limits too.
func (q Question) most() int {
	if q.Size == 0 {
		return q.Batch
	}
	return max(min(q.Batch, maxPayload/q.Size), 1)
}

// lanes returns the maximum number of concurrent batches of an ordered source: shards times factor, partitions, message
// groups. 0 means no such limit.
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

// groupsIn returns the number of groups in a batch; 0 means a group per record.
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

// full returns the batch when the backlog fills it.
func (q Question) full() Batch { return q.batch(q.most(), q.groupsIn()) }

// deep returns the batch during a backlog, and its average number of records. In a FIFO queue it has as few groups as
// there are messages for; in a lane it has the waiting records and those that arrive meanwhile.
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

// perGroup returns how many of n messages of a FIFO queue's backlog belong to one group.
func (q Question) perGroup(n, backlog int) int {
	return min(ceil(float64(backlog)/float64(q.Groups)), n)
}

// usual returns the batch to expect at the rate: the records that have arrived when the next batch is delivered. Near a
// limit it is larger, up to full, and inUse, the number of busy environments, is as high as the limit allows.
func (q Question) usual() (b Batch, inUse float64) {
	limit := float64(q.environmentLimit())
	arrives := q.Rate // where the batch is gathered
	if lanes := q.lanes(); lanes > 0 {
		arrives /= float64(lanes)
	}
	most := float64(q.most())
	// A window begins with a record; a poll finds the records that are available.
	n := min(int(max(1+min(arrives*q.Window.Seconds(), most), math.Ceil(min(arrives*q.poll().Seconds(), most)))), q.most())
	crowded := false
	for ; ; n++ {
		b = q.batch(n, q.groupsUsual(n))
		inUse = b.environments(q.Rate)
		// While a batch of a lane is handled, the next one gathers, unless waiting groups share a batch.
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

// fuller returns the shortest window, among round ones, with which no more than the given number of environments are in
// use.
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

// groupsUsual returns the number of groups of n records that arrive one after the other.
func (q Question) groupsUsual(n int) float64 {
	if q.Source == FIFO {
		return min(q.groupsIn(), float64(n))
	}
	return q.groupsIn()
}

// poll returns the interval at which an idle stream is polled.
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

// ceil is math.Ceil, tolerant of rounding errors.
func ceil(x float64) int { return int(math.Ceil(x - 1e-9)) }
