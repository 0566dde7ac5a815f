package lambdasim

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ReportBatchItemFailures is the one value that FunctionResponseTypes knows.
const ReportBatchItemFailures = "ReportBatchItemFailures"

// Mapping holds the parameters of an event source mapping under the names they have at AWS. The zero value
// of each stands for AWS's default. Values that AWS would refuse are refused (see Simulation.Run), and so
// are parameters of streams on a queue and the other way round.
type Mapping struct {
	// BatchSize is how many records a batch may hold. Standard queues: 1 to 10,000, default 10, and more
	// than 10 need a window. FIFO queues: 1 to 10, default 10. Streams and Kafka: 1 to 10,000, default 100.
	BatchSize int
	// MaximumBatchingWindowInSeconds is how long a batch may wait to be filled: 0 to 300, default 0, and
	// none for FIFO queues. For Kafka 0 is half a second.
	MaximumBatchingWindowInSeconds int
	// FunctionResponseTypes is empty or {ReportBatchItemFailures}. Without it the body of a response is
	// ignored and every return without an error is a success.
	FunctionResponseTypes []string
	// FilterCriteria turns records away before the function sees them.
	FilterCriteria FilterCriteria

	// ScalingConfig is for queues.
	ScalingConfig ScalingConfig

	// ProvisionedPollerConfig puts the mapping of a queue, where it excludes ScalingConfig, or of a Kafka topic
	// into provisioned mode. On a topic FunctionResponseTypes, MaximumRetryAttempts, MaximumRecordAgeInSeconds
	// and BisectBatchOnFunctionError need it. nil is Lambda's own scaling.
	ProvisionedPollerConfig *ProvisionedPollerConfig

	// The others are for streams and, but for ParallelizationFactor and TumblingWindowInSeconds, for Kafka.

	// MaximumRetryAttempts is how often a batch is tried again: 0 to 10,000, or −1 for as long as its
	// records live. nil is −1.
	MaximumRetryAttempts *int
	// MaximumRecordAgeInSeconds is how old a record may get: 60 to 604,800, or −1 for as old as the stream
	// keeps it. 0 is −1.
	MaximumRecordAgeInSeconds int
	// BisectBatchOnFunctionError halves a batch that the function failed on.
	BisectBatchOnFunctionError bool
	// ParallelizationFactor is how many batches of a shard may be under way at once: 1 to 10, default 1.
	ParallelizationFactor int
	// TumblingWindowInSeconds is the length of the windows that state is carried through: 0 to 900, default
	// 0 for none.
	TumblingWindowInSeconds int
	// DestinationConfig says where to tell of discarded records.
	DestinationConfig DestinationConfig
}

// ScalingConfig bounds a queue's invocations.
type ScalingConfig struct {
	// MaximumConcurrency is how many batches may be under way at once: 2 to 1,000. 0 is no bound.
	MaximumConcurrency int
}

// DestinationConfig is where the mapping sends a description of what it gave up on.
type DestinationConfig struct {
	// OnFailure gets an invocation record for every discarded batch. nil tells nobody.
	OnFailure *Queue
}

// AWS's limits, as docs/limits.md has them.
const (
	maxBatchSize     = 10_000
	maxFIFOBatchSize = 10
	maxWindow        = 300
	maxTumbling      = 900
	maxRetries       = 10_000
	minAge, maxAge   = 60, 604_800
	maxFactor        = 10
	minMaxConcurrent = 2
	maxMaxConcurrent = 1_000
	maxTimeout       = 15 * time.Minute
	maxKafkaTimeout  = 14 * time.Minute
	maxPayload       = 6 << 20 // of an invocation, and of its response

	defaultConcurrency = 1_000 // of an account
)

func (m Mapping) reports() bool {
	return slices.Contains(m.FunctionResponseTypes, ReportBatchItemFailures)
}

func (m Mapping) window() time.Duration {
	return time.Duration(m.MaximumBatchingWindowInSeconds) * time.Second
}

func (m Mapping) tumbling() time.Duration {
	return time.Duration(m.TumblingWindowInSeconds) * time.Second
}

// retries returns how often a batch is tried again, and whether there is a limit at all.
func (m Mapping) retries() (n int, limited bool) {
	if m.MaximumRetryAttempts == nil || *m.MaximumRetryAttempts < 0 {
		return 0, false
	}
	return *m.MaximumRetryAttempts, true
}

// age returns how old a record may get; 0 is no limit.
func (m Mapping) age() time.Duration {
	return time.Duration(max(m.MaximumRecordAgeInSeconds, 0)) * time.Second
}

// complaints collects what is wrong with parameters.
type complaints []error

func (c *complaints) add(format string, args ...any) {
	*c = append(*c, fmt.Errorf("lambdasim: "+format, args...))
}

// within complains about a value that is not from low to high.
func (c *complaints) within(name string, value, low, high int, hint string) {
	if value < low || value > high {
		c.add("%s is %d; allowed are %d to %d%s", name, value, low, high, hint)
	}
}

func (c complaints) err() error { return errors.Join(c...) }

// check looks at the parameters that any source has, and fills in the default batch size.
func (m *Mapping) check(c *complaints, defaultBatch, maxBatch int, of string) {
	if m.BatchSize == 0 {
		m.BatchSize = defaultBatch
	}
	c.within("BatchSize", m.BatchSize, 1, maxBatch, " for "+of)
	c.within("MaximumBatchingWindowInSeconds", m.MaximumBatchingWindowInSeconds, 0, maxWindow, "")
	for _, kind := range m.FunctionResponseTypes {
		if kind != ReportBatchItemFailures {
			c.add("FunctionResponseTypes has %q; allowed is %q", kind, ReportBatchItemFailures)
		}
	}
}

// checkQueue looks at the parameters of a mapping from a queue.
func (m *Mapping) checkQueue(c *complaints, fifo bool) {
	if fifo {
		m.check(c, maxFIFOBatchSize, maxFIFOBatchSize, "a FIFO queue")
		if m.MaximumBatchingWindowInSeconds > 0 {
			c.add("MaximumBatchingWindowInSeconds is %d; a FIFO queue has no batching window", m.MaximumBatchingWindowInSeconds)
		}
	} else {
		m.check(c, 10, maxBatchSize, "a standard queue")
		if m.BatchSize > 10 && m.MaximumBatchingWindowInSeconds == 0 {
			c.add("BatchSize is %d; more than 10 on a queue need MaximumBatchingWindowInSeconds of at least 1", m.BatchSize)
		}
	}
	if n := m.ScalingConfig.MaximumConcurrency; n != 0 {
		c.within("ScalingConfig.MaximumConcurrency", n, minMaxConcurrent, maxMaxConcurrent, "")
	}
	m.checkPollers(c, minQueuePollers)
	if m.ProvisionedPollerConfig != nil && m.ScalingConfig.MaximumConcurrency != 0 {
		c.add("ScalingConfig.MaximumConcurrency and ProvisionedPollerConfig exclude each other")
	}
	for _, p := range []struct {
		name  string
		given bool
	}{
		{"MaximumRetryAttempts", m.MaximumRetryAttempts != nil},
		{"MaximumRecordAgeInSeconds", m.MaximumRecordAgeInSeconds != 0},
		{"BisectBatchOnFunctionError", m.BisectBatchOnFunctionError},
		{"ParallelizationFactor", m.ParallelizationFactor != 0},
		{"TumblingWindowInSeconds", m.TumblingWindowInSeconds != 0},
		{"DestinationConfig.OnFailure", m.DestinationConfig.OnFailure != nil},
	} {
		if p.given {
			c.add("%s is for streams; a queue has its visibility timeout, retention period and redrive policy", p.name)
		}
	}
}

// checkStream looks at the parameters of a mapping from a stream.
func (m *Mapping) checkStream(c *complaints) {
	m.check(c, 100, maxBatchSize, "a stream")
	m.checkRetries(c)
	if m.ParallelizationFactor == 0 {
		m.ParallelizationFactor = 1
	}
	c.within("ParallelizationFactor", m.ParallelizationFactor, 1, maxFactor, "")
	c.within("TumblingWindowInSeconds", m.TumblingWindowInSeconds, 0, maxTumbling, "")
	if m.TumblingWindowInSeconds > 0 && m.ParallelizationFactor > 1 {
		c.add("TumblingWindowInSeconds together with ParallelizationFactor %d is not simulated", m.ParallelizationFactor)
	}
	if m.ProvisionedPollerConfig != nil {
		c.add("ProvisionedPollerConfig is for queues and Kafka topics; a stream has its shards and ParallelizationFactor")
	}
	if m.ScalingConfig.MaximumConcurrency != 0 {
		c.add("ScalingConfig.MaximumConcurrency is for queues; a stream has its shards and ParallelizationFactor")
	}
}

// checkRetries looks at the parameters that streams and Kafka topics share.
func (m *Mapping) checkRetries(c *complaints) {
	if n, limited := m.retries(); limited {
		c.within("MaximumRetryAttempts", n, 0, maxRetries, ", or −1 for no limit")
	} else if m.MaximumRetryAttempts != nil && *m.MaximumRetryAttempts < -1 {
		c.within("MaximumRetryAttempts", *m.MaximumRetryAttempts, 0, maxRetries, ", or −1 for no limit")
	}
	if n := m.MaximumRecordAgeInSeconds; n != 0 && n != -1 {
		c.within("MaximumRecordAgeInSeconds", n, minAge, maxAge, ", or −1 for no limit")
	}
	if q := m.DestinationConfig.OnFailure; q != nil && q.fifo() {
		c.add("DestinationConfig.OnFailure is %s; a standard queue is needed", q.name())
	}
}

// checkKafka looks at the parameters of a mapping from a Kafka topic.
func (m *Mapping) checkKafka(c *complaints) {
	m.check(c, 100, maxBatchSize, "a Kafka topic")
	m.checkRetries(c)
	if m.ParallelizationFactor != 0 || m.TumblingWindowInSeconds != 0 {
		c.add("ParallelizationFactor and TumblingWindowInSeconds are for streams")
	}
	if m.ScalingConfig.MaximumConcurrency != 0 {
		c.add("ScalingConfig.MaximumConcurrency is for queues; a Kafka topic has its partitions and pollers")
	}
	if m.ProvisionedPollerConfig != nil {
		m.checkPollers(c, minKafkaPollers)
		return
	}
	for _, p := range []struct {
		name  string
		given bool
	}{
		{"FunctionResponseTypes", len(m.FunctionResponseTypes) > 0},
		{"MaximumRetryAttempts", m.MaximumRetryAttempts != nil},
		{"MaximumRecordAgeInSeconds", m.MaximumRecordAgeInSeconds != 0},
		{"BisectBatchOnFunctionError", m.BisectBatchOnFunctionError},
	} {
		if p.given {
			c.add("%s needs provisioned mode on a Kafka topic: give ProvisionedPollerConfig", p.name)
		}
	}
}
