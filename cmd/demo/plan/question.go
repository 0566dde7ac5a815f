package plan

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Source is the origin of records.
type Source string

// The sources.
const (
	SQS      Source = "sqs"  // a standard queue
	FIFO     Source = "fifo" // a FIFO queue
	Kinesis  Source = "kinesis"
	DynamoDB Source = "dynamodb"
	Kafka    Source = "kafka"
)

// Sources returns all sources.
func Sources() []Source { return []Source{SQS, FIFO, Kinesis, DynamoDB, Kafka} }

func (s Source) queue() bool   { return s == SQS || s == FIFO }
func (s Source) stream() bool  { return s == Kinesis || s == DynamoDB }
func (s Source) ordered() bool { return s != SQS }

// Question is a workload and its configuration. Zero values mean the defaults of the fields.
type Question struct {
	Source Source
	// Rate is the number of records that arrive per second. 0 means none and needs a Backlog.
	Rate float64
	// Backlog is the number of waiting records.
	Backlog int
	// Work is the time that the handler takes for one record. It is mandatory.
	Work time.Duration
	// Overhead is the time of an invocation besides the handlers. Default 10 ms; negative means none.
	Overhead time.Duration
	// Concurrency is the number of handlers that run at once in one invocation. Default 16, troupe's default; 1 is a
	// loop.
	Concurrency int

	// Batch is the mapping's BatchSize. Default 10 for queues, 100 for the others.
	Batch int
	// Window is MaximumBatchingWindowInSeconds. Default 0; 500 ms for Kafka. nil is the default.
	Window *time.Duration
	// Groups is the number of message groups, partition keys, items or Kafka keys with records at a time. A FIFO queue
	// needs it; for streams and topics 0 means many, and a standard queue has none.
	Groups int
	// Shards is the number of shards of a stream, or partitions of a topic. Default 1.
	Shards int
	// Factor is a stream's ParallelizationFactor. Default 1.
	Factor int
	// MaximumConcurrency is that of a queue. 0 means none.
	MaximumConcurrency int
	// Pollers configures provisioned mode, for queues and Kafka. The zero value means Lambda's own scaling.
	Pollers Pollers
	// Account is the concurrency that the account, or the function's reserved concurrency, leaves to the
	// function. Default 1,000.
	Account int

	// Size is the size of a record in an event, in bytes. 0 means unknown: limits in bytes are omitted.
	Size int
	// Timeout is the timeout of the function. 0 means unknown: it is not checked.
	Timeout time.Duration
}

// Pollers are a ProvisionedPollerConfig.
type Pollers struct {
	Minimum, Maximum int
}

func (p Pollers) provisioned() bool { return p != Pollers{} }

// complaints collects the errors of a question.
type complaints []error

func (c *complaints) add(format string, args ...any) { *c = append(*c, fmt.Errorf(format, args...)) }

// within adds an error if a value is not from low to high. The names are those of the flags.
func (c *complaints) within(name string, value, low, high int, of string) {
	if value < low || value > high {
		c.add("--%s %d: must be from %d to %d%s", name, value, low, high, of)
	}
}

// complete fills in the defaults and rejects values that AWS would reject or that make no sense.
func (q Question) complete() (Question, error) {
	var c complaints
	switch q.Source {
	case SQS, FIFO, Kinesis, DynamoDB, Kafka:
	default:
		c.add("--source %q: must be one of %v", q.Source, Sources())
		return q, errors.Join(c...)
	}
	q.fill()
	q.checkLoad(&c)
	q.checkBatch(&c)
	q.checkScaling(&c)
	return q, errors.Join(c...)
}

func (q *Question) fill() {
	setDefault(&q.Overhead, defaultOverhead)
	q.Overhead = max(q.Overhead, 0)
	setDefault(&q.Concurrency, defaultConcurrency)
	setDefault(&q.Account, defaultAccount)
	batch, window := defaultStreamBatch, time.Duration(0)
	if q.Source.queue() {
		batch = defaultQueueBatch
	} else {
		setDefault(&q.Shards, 1)
	}
	if q.Source.stream() {
		setDefault(&q.Factor, 1)
	}
	if q.Source == Kafka {
		window = defaultTopicWindow
	}
	setDefault(&q.Batch, batch)
	if q.Window == nil {
		q.Window = &window
	}
}

func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

func (q Question) checkLoad(c *complaints) {
	switch {
	case math.IsNaN(q.Rate) || math.IsInf(q.Rate, 0) || q.Rate < 0:
		c.add("--rate %v: must be a number of records per second of at least 0", q.Rate)
	case q.Backlog < 0:
		c.add("--backlog %d: must be a whole number of at least 0", q.Backlog)
	case q.Rate == 0 && q.Backlog == 0:
		c.add("neither --rate nor --backlog is given; at least one must be more than 0")
	}
	if q.Work <= 0 || q.Work > maxTimeout {
		c.add("--work %v: must be the time of the handler for one record, more than 0 and at most %v", q.Work, maxTimeout)
	}
	if q.Overhead > maxTimeout {
		c.add("--overhead %v: must be at most %v", q.Overhead, maxTimeout)
	}
	c.within("concurrency", q.Concurrency, 1, maxBatch, "")
	if q.Timeout < 0 || q.Timeout > maxTimeout {
		c.add("--timeout %v: must be from 0 to %v; 0 is unknown", q.Timeout, maxTimeout)
	}
	if q.Size < 0 || q.Size > maxPayload {
		c.add("--size %d: must be from 1 to %d bytes, or 0 if unknown", q.Size, maxPayload)
	}
}

func (q Question) checkBatch(c *complaints) {
	most, of := maxBatch, ""
	if q.Source == FIFO {
		most, of = maxFIFOBatch, " for a FIFO queue"
	}
	c.within("batch", q.Batch, 1, most, of)
	switch window := *q.Window; {
	case q.Source == FIFO && window != 0:
		c.add("--window %v: must be 0s, since FIFO queues have no batching window", window)
	case window < 0 || window > maxWindow:
		c.add("--window %v: must be from 0s to %v", window, maxWindow)
	case window%time.Second != 0 && (q.Source != Kafka || window != defaultTopicWindow):
		c.add("--window %v: must be whole seconds", window)
	case q.Source == SQS && q.Batch > maxBatchWithoutWindow && window == 0:
		c.add("--batch %d: must be at most %d without a --window of at least 1s", q.Batch, maxBatchWithoutWindow)
	}
}

func (q Question) checkScaling(c *complaints) {
	switch {
	case q.Source == FIFO && q.Groups == 0:
		c.add("--groups is not given; for a FIFO queue it must be the number of message groups that have messages at the same time")
	case q.Source == SQS && q.Groups != 0:
		c.add("--groups %d: must not be used with a standard queue, which has no order", q.Groups)
	case q.Groups < 0:
		c.add("--groups %d: must be at least 1", q.Groups)
	}
	if q.Source.queue() {
		refuse(c, "shards", q.Shards, "must be used with a stream or topic")
	} else {
		c.within("shards", q.Shards, 1, maxShards, "")
	}
	if q.Source.stream() {
		c.within("factor", q.Factor, 1, maxFactor, "")
	} else {
		refuse(c, "factor", q.Factor, "must be used with kinesis or dynamodb")
	}
	if n := q.MaximumConcurrency; !q.Source.queue() {
		refuse(c, "max-concurrency", n, "must be used with a queue")
	} else if n != 0 {
		c.within("max-concurrency", n, minMaximumConcurrency, maxMaximumConcurrency, "")
	}
	c.within("account", q.Account, 1, maxAccount, "")
	q.checkPollers(c)
}

func refuse(c *complaints, name string, value int, why string) {
	if value != 0 {
		c.add("--%s %d: %s", name, value, why)
	}
}

func (q Question) checkPollers(c *complaints) {
	p := q.Pollers
	if !p.provisioned() {
		return
	}
	least, mostMinimum, most := minQueuePollers, maxMinQueuePollers, maxQueuePollers
	if q.Source == Kafka {
		least, mostMinimum, most = minTopicPollers, maxMinTopicPollers, maxTopicPollers
	}
	text := fmt.Sprintf("--pollers %d:%d", p.Minimum, p.Maximum)
	switch {
	case q.Source.stream():
		c.add("%s: must be used with a queue or kafka", text)
	case p.Minimum < least || p.Minimum > mostMinimum:
		c.add("%s: the minimum must be from %d to %d", text, least, mostMinimum)
	case p.Maximum < least || p.Maximum > most:
		c.add("%s: the maximum must be from %d to %d", text, least, most)
	case p.Minimum > p.Maximum:
		c.add("%s: the minimum must not be more than the maximum", text)
	case q.MaximumConcurrency != 0:
		c.add("%s and --max-concurrency %d: must not be used together", text, q.MaximumConcurrency)
	}
}
