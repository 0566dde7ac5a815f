package lambdasim

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ReportBatchItemFailures is the only value of FunctionResponseTypes.
const ReportBatchItemFailures = "ReportBatchItemFailures"

// Mapping holds the parameters of an event source mapping under their AWS names. The zero value of each is AWS's
// default. Simulation.Run refuses values that AWS would refuse, and parameters of streams on a queue and vice versa.
type Mapping struct {
	// BatchSize bounds the records of a batch. Standard queues: 1 to 10,000, default 10, and more than 10 need a
	// window. FIFO queues: 1 to 10, default 10. Streams and Kafka: 1 to 10,000, default 100.
	BatchSize int
	// MaximumBatchingWindowInSeconds bounds the time that a batch waits to be filled: 0 to 300, default 0, and 0 for
	// FIFO queues. For Kafka 0 means half a second.
	MaximumBatchingWindowInSeconds int
	// FunctionResponseTypes is empty or {ReportBatchItemFailures}. Without it the body of a response is
	// ignored and every return without an error is a success.
	FunctionResponseTypes []string
	// FilterCriteria selects the records that the function receives.
	FilterCriteria FilterCriteria

	// ScalingConfig applies to queues.
	ScalingConfig ScalingConfig

	// ProvisionedPollerConfig puts the mapping of a queue, where it excludes ScalingConfig, or of a Kafka topic into
	// provisioned mode. On a topic FunctionResponseTypes, MaximumRetryAttempts, MaximumRecordAgeInSeconds and
	// BisectBatchOnFunctionError require it. nil means Lambda's own scaling.
	ProvisionedPollerConfig *ProvisionedPollerConfig

	// The following apply to streams and, except for ParallelizationFactor and TumblingWindowInSeconds, to Kafka.

	// MaximumRetryAttempts bounds the retries of a batch: 0 to 10,000, or −1 for as long as its records exist. nil
	// means −1.
	MaximumRetryAttempts *int
	// MaximumRecordAgeInSeconds bounds the age of a record: 60 to 604,800, or −1 for the retention of the stream. 0
	// means −1.
	MaximumRecordAgeInSeconds int
	// BisectBatchOnFunctionError halves a batch after a function error.
	BisectBatchOnFunctionError bool
	// ParallelizationFactor bounds the concurrent batches of a shard: 1 to 10, default 1.
	ParallelizationFactor int
	// TumblingWindowInSeconds is the length of tumbling windows: 0 to 900, default 0 for none.
	TumblingWindowInSeconds int
	// DestinationConfig sets the destination of discarded records.
	DestinationConfig DestinationConfig
}

// ScalingConfig bounds a queue's invocations.
type ScalingConfig struct {
	// MaximumConcurrency bounds the concurrent batches: 2 to 1,000. 0 means no bound.
	MaximumConcurrency int
}

// DestinationConfig sets where the mapping sends a description of discarded records.
type DestinationConfig struct {
	// OnFailure receives an invocation record for every discarded batch. nil means no destination.
	OnFailure *Queue
}

// Limits of AWS, from docs/limits.md.
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

// retries returns the maximum number of retries, and whether there is one.
func (m Mapping) retries() (n int, limited bool) {
	if m.MaximumRetryAttempts == nil || *m.MaximumRetryAttempts < 0 {
		return 0, false
	}
	return *m.MaximumRetryAttempts, true
}

// age returns the maximum age of a record; 0 means no limit.
func (m Mapping) age() time.Duration {
	return time.Duration(max(m.MaximumRecordAgeInSeconds, 0)) * time.Second
}

// complaints collects the errors of parameters.
type complaints []error

func (c *complaints) add(format string, args ...any) {
	*c = append(*c, fmt.Errorf("lambdasim: "+format, args...))
}

// within adds an error if a value is not from low to high.
func (c *complaints) within(name string, value, low, high int, hint string) {
	if value < low || value > high {
		c.add("%s is %d; must be from %d to %d%s", name, value, low, high, hint)
	}
}

func (c complaints) err() error { return errors.Join(c...) }

// check checks the parameters that every source has, and fills in the default batch size.
func (m *Mapping) check(c *complaints, defaultBatch, maxBatch int, of string) {
	if m.BatchSize == 0 {
		m.BatchSize = defaultBatch
	}
	c.within("BatchSize", m.BatchSize, 1, maxBatch, " for "+of)
	c.within("MaximumBatchingWindowInSeconds", m.MaximumBatchingWindowInSeconds, 0, maxWindow, "")
	for _, kind := range m.FunctionResponseTypes {
		if kind != ReportBatchItemFailures {
			c.add("FunctionResponseTypes has %q; must be %q", kind, ReportBatchItemFailures)
		}
	}
}

// checkQueue checks the parameters of a mapping from a queue.
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
		c.add("ScalingConfig.MaximumConcurrency and ProvisionedPollerConfig must not be used together")
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

// checkStream checks the parameters of a mapping from a stream.
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

// checkRetries checks the parameters that streams and Kafka topics share.
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
		c.add("DestinationConfig.OnFailure is %s; must be a standard queue", q.name())
	}
}

// checkKafka checks the parameters of a mapping from a Kafka topic.
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
