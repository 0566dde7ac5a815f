package lambdasim

import (
	"reflect"
	"time"
)

// AutomaticBisect is the only value of Pipe.OnPartialBatchItemFailure.
const AutomaticBisect = "AUTOMATIC_BISECT"

// pipePatience is how long a pipe waits for a function, whatever the function's timeout.
const pipePatience = 5 * time.Minute

// Pipe holds the parameters of an EventBridge pipe that invokes the function instead of a mapping, under their AWS
// names. The invocation type is REQUEST_RESPONSE. The zero value of each is AWS's default. Simulation.Run refuses
// values that AWS would refuse, and parameters of streams on a queue.
type Pipe struct {
	// BatchSize is the maximum number of records in a batch. Standard queues: 1 to 10,000, default 10, and more than 10
	// need a window. FIFO queues: 1 to 10, default 10. Streams: 1 to 10,000, default 100.
	BatchSize int
	// MaximumBatchingWindowInSeconds bounds the time that a batch waits to be filled: 0 to 300, default 0, and 0 for
	// FIFO queues.
	MaximumBatchingWindowInSeconds int
	// FilterCriteria selects the records that the function receives.
	FilterCriteria FilterCriteria

	// The others are for streams.

	// MaximumRetryAttempts bounds the retries of a batch: 0 to 10,000, or −1 for as long as its records exist. nil
	// means −1.
	MaximumRetryAttempts *int
	// MaximumRecordAgeInSeconds is the maximum age of a record: 60 to 604,800, or −1 for as long as the stream retains
	// it. 0 means −1.
	MaximumRecordAgeInSeconds int
	// OnPartialBatchItemFailure is empty, or AutomaticBisect, which halves a batch that failed.
	OnPartialBatchItemFailure string
	// ParallelizationFactor bounds the concurrent batches of a shard: 1 to 10, default 1.
	ParallelizationFactor int
	// DeadLetterConfig receives a description of every discarded batch, in the format of a mapping's. nil: none.
	DeadLetterConfig *Queue
}

// usePipe turns the parameters of a pipe into a mapping, and rejects parameters that a pipe does not have.
func (s *Simulation) usePipe(c *complaints) {
	p := s.Pipe
	if !reflect.ValueOf(s.Mapping).IsZero() {
		c.add("Mapping and Pipe must not be used together")
	}
	if b := p.OnPartialBatchItemFailure; b != "" && b != AutomaticBisect {
		c.add("OnPartialBatchItemFailure is %q; must be %q", b, AutomaticBisect)
	}
	s.Mapping = Mapping{
		BatchSize: p.BatchSize, MaximumBatchingWindowInSeconds: p.MaximumBatchingWindowInSeconds, FilterCriteria: p.FilterCriteria,
		FunctionResponseTypes: []string{ReportBatchItemFailures},
		MaximumRetryAttempts:  p.MaximumRetryAttempts, MaximumRecordAgeInSeconds: p.MaximumRecordAgeInSeconds, ParallelizationFactor: p.ParallelizationFactor,
	}
	switch s.Source.(type) {
	case *KafkaTopic:
		c.add("a pipe from a Kafka topic is not simulated: AWS documents no partial response for it")
	case *Queue:
		for name, given := range map[string]bool{"OnPartialBatchItemFailure": p.OnPartialBatchItemFailure != "", "DeadLetterConfig": p.DeadLetterConfig != nil} {
			if given {
				c.add("%s is for streams; a queue has its redrive policy", name)
			}
		}
	default:
		s.Mapping.BisectBatchOnFunctionError = p.OnPartialBatchItemFailure != ""
		s.Mapping.DestinationConfig.OnFailure = p.DeadLetterConfig
	}
}

// patience is how long an invocation is waited for.
func (s *Simulation) patience() time.Duration {
	if s.Pipe != nil {
		return min(s.Timeout, pipePatience)
	}
	return s.Timeout
}

// head and tail surround the records of an event.
func (s *Simulation) head() string {
	if s.Pipe != nil {
		return "["
	}
	return `{"Records":[`
}

func (s *Simulation) tail() string {
	if s.Pipe != nil {
		return "]"
	}
	return "]}"
}
