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

// Question is a workload and its configuration. Zero values stand for the defaults of the fields.
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
		c.add("--%s %d: allowed are %d to %d%s", name, value, low, high, of)
	}
}

// complete fills in the defaults and refuses values that AWS would refuse or that make no sense.
func (q Question) complete() (Question, error) {
	var c complaints
	switch q.Source {
	case SQS, FIFO, Kinesis, DynamoDB, Kafka:
	default:
		c.add("--source %q: allowed are %v", q.Source, Sources())
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
		c.add("--rate %v: records per second are needed, from 0", q.Rate)
	case q.Backlog < 0:
		c.add("--backlog %d: a number of records is needed, from 0", q.Backlog)
	case q.Rate == 0 && q.Backlog == 0:
		c.add("--rate or --backlog is needed: without records there is nothing to plan")
	}
	if q.Work <= 0 || q.Work > maxTimeout {
		c.add("--work %v: the time of one record's handler is needed, up to %v", q.Work, maxTimeout)
	}
	if q.Overhead > maxTimeout {
		c.add("--overhead %v: allowed is up to %v", q.Overhead, maxTimeout)
	}
	c.within("concurrency", q.Concurrency, 1, maxBatch, "")
	if q.Timeout < 0 || q.Timeout > maxTimeout {
		c.add("--timeout %v: allowed is up to %v; 0 is not known", q.Timeout, maxTimeout)
	}
	if q.Size < 0 || q.Size > maxPayload {
		c.add("--size %d: allowed are 1 to %d bytes; 0 is not known", q.Size, maxPayload)
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
		c.add("--window %v: a FIFO queue has no batching window", window)
	case window < 0 || window > maxWindow:
		c.add("--window %v: allowed are 0s to %v", window, maxWindow)
	case window%time.Second != 0 && (q.Source != Kafka || window != defaultTopicWindow):
		c.add("--window %v: whole seconds are needed", window)
	case q.Source == SQS && q.Batch > maxBatchWithoutWindow && window == 0:
		c.add("--batch %d: more than %d messages need --window 1s or more", q.Batch, maxBatchWithoutWindow)
	}
}

func (q Question) checkScaling(c *complaints) {
	switch {
	case q.Source == FIFO && q.Groups == 0:
		c.add("--groups is needed for a FIFO queue: how many message groups have messages at a time; there is one batch a group at most")
	case q.Source == SQS && q.Groups != 0:
		c.add("--groups %d: a standard queue is not ordered", q.Groups)
	case q.Groups < 0:
		c.add("--groups %d: a number from 1 is needed", q.Groups)
	}
	if q.Source.queue() {
		refuse(c, "shards", q.Shards, "is for streams and topics")
	} else {
		c.within("shards", q.Shards, 1, maxShards, "")
	}
	if q.Source.stream() {
		c.within("factor", q.Factor, 1, maxFactor, "")
	} else {
		refuse(c, "factor", q.Factor, "is for kinesis and dynamodb")
	}
	if n := q.MaximumConcurrency; !q.Source.queue() {
		refuse(c, "max-concurrency", n, "is for queues")
	} else if n != 0 {
		c.within("max-concurrency", n, minMaximumConcurrency, maxMaximumConcurrency, "")
	}
	c.within("account", q.Account, 1, maxAccount, "")
	q.checkPollers(c)
}

func refuse(c *complaints, name string, value int, why string) {
	if value != 0 {
		c.add("--%s %d: it %s", name, value, why)
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
		c.add("%s: provisioned pollers are for queues and Kafka", text)
	case p.Minimum < least || p.Minimum > mostMinimum:
		c.add("%s: allowed are %d to %d as the minimum", text, least, mostMinimum)
	case p.Maximum < least || p.Maximum > most:
		c.add("%s: allowed are %d to %d as the maximum", text, least, most)
	case p.Minimum > p.Maximum:
		c.add("%s: the minimum is more than the maximum", text)
	case q.MaximumConcurrency != 0:
		c.add("%s and --max-concurrency %d exclude each other", text, q.MaximumConcurrency)
	}
}
