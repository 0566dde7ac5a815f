package cli

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/redelivery"
	"github.com/troupe-go/troupe/redelivery/redeliverytest"
)

// driven is a source that stress can drive.
type driven struct {
	name      string
	mostBatch int // AWS's limit for a batch
	ordered   bool
	simulate  func(*load) (lambdasim.Simulation, error) // source, mapping and processor
}

func (s driven) isQueue() bool { return s.name == string(batch.SQS) || s.name == sourceFIFO }

// drivenSources are the values of --source, with their simulations.
func drivenSources() []driven {
	return []driven{
		{string(batch.SQS), 10_000, false, standardQueue},
		{sourceFIFO, 10, true, fifoQueue},
		{string(batch.Kinesis), 10_000, true, kinesisStream},
		{string(batch.DynamoDB), 10_000, true, dynamoDBStream},
		{string(batch.Kafka), 10_000, true, kafkaTopic},
	}
}

// Settings of sources and mappings that have no flags.
const (
	maxReceives    = 3                      // of a message; the next receive moves it to the dead-letter queue
	maxRetries     = 10                     // of a stream's batch
	retryDelay     = 100 * time.Millisecond // of a stream's batch
	shards         = 4
	partitions     = 40          // of a Kafka topic, which keeps order per partition
	topicPollers   = 4           // of a Kafka topic
	factor         = 5           // batches of a shard at once
	batchingWindow = 1           // seconds, for batches that need one
	leasePause     = time.Second // from the end of a lease to the end of a visibility timeout
	smallBatch     = 10
)

// load is the load on one source.
type load struct {
	records int // 0 for no limit
	groups  int
	batch   int
	seed    uint64
	timeout time.Duration
	handler *faulty
	options []troupe.Option
	once    *once // with --idempotent

	backoff         time.Duration // with --backoff
	deadLetterAfter int           // with --dead-letter-after
}

// reserveOf returns the reserve of a run without --reserve. It is more than the library's (SPEC D1), because
// all invocations share the machine, and a busy machine makes timers late. stress --help describes it.
func reserveOf(timeout time.Duration) time.Duration { return min(timeout*45/100, 2*time.Second) }

// count returns the number of records for a feed.
func (l *load) count() int {
	if l.records == 0 {
		return math.MaxInt
	}
	return l.records
}

func (l *load) group(i int) string {
	i = l.original(i)
	n := int(lambdasim.Draw(l.seed, "group", strconv.Itoa(i), 0) * float64(l.groups))
	return fmt.Sprintf("group-%03d", n)
}

func (l *load) body(i int) string {
	if l.once != nil {
		return fmt.Sprintf(`{"order":%s,"sent":%d}`, l.orderKey(i), i)
	}
	return fmt.Sprintf(`{"order":%d}`, i)
}

func (l *load) mapping() lambdasim.Mapping {
	return lambdasim.Mapping{BatchSize: l.batch, FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}}
}

func standardQueue(l *load) (lambdasim.Simulation, error) { return l.queue("") }
func fifoQueue(l *load) (lambdasim.Simulation, error)     { return l.queue(".fifo") }

func (l *load) queue(suffix string) (lambdasim.Simulation, error) {
	mapping := l.mapping()
	if l.batch > smallBatch {
		mapping.MaximumBatchingWindowInSeconds = batchingWindow
	}
	queue := &lambdasim.Queue{
		Name: "stress" + suffix,
		// No message may be redelivered while an invocation that received it can still be running. This is the
		// minimum, so that the run takes seconds. AWS recommends six times the timeout plus the window
		// (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
		VisibilityTimeout: l.timeout + time.Duration(mapping.MaximumBatchingWindowInSeconds)*time.Second,
		RedrivePolicy:     lambdasim.RedrivePolicy{DeadLetterQueue: &lambdasim.Queue{Name: "dead" + suffix}, MaxReceiveCount: maxReceives},
	}
	l.options = append(l.options[:len(l.options):len(l.options)], l.redelivery(queue)...)
	if l.once != nil {
		queue.VisibilityTimeout += leasePause // or a message returns during the lease of a dead process
	}
	queue.Feed(lambdasim.Feed[lambdasim.Message]{Count: l.count(), Record: func(i int) lambdasim.Message {
		return lambdasim.Message{Body: l.body(i), Group: l.group(i)}
	}})
	handler, err := functionOf(l, func(m events.SQSMessage) string { return m.MessageId }, func(m events.SQSMessage) string { return orderIn([]byte(m.Body)) }, sqsProcessor)
	return lambdasim.Simulation{Source: queue, Mapping: mapping, Handler: handler}, err
}

// redelivery returns the options of package redelivery for a queue.
func (l *load) redelivery(queue *lambdasim.Queue) (options []troupe.Option) {
	if l.backoff > 0 {
		options = append(options, redelivery.Backoff(redeliverytest.Visibility(queue), redelivery.Exponential(l.backoff, max(l.backoff, longestBackoff)),
			redelivery.WithLogger(slog.New(slog.DiscardHandler)), redelivery.WithLongest(11*time.Hour)))
	}
	if l.deadLetterAfter > 0 {
		options = append(options, redelivery.DeadLetter(redeliverytest.Sender(queue.RedrivePolicy.DeadLetterQueue), l.deadLetterAfter))
	}
	return options
}

// longestBackoff bounds the back-off of a run.
const longestBackoff = time.Minute

func kinesisStream(l *load) (lambdasim.Simulation, error) {
	stream := &lambdasim.KinesisStream{Name: "stress", Shards: shards}
	stream.Feed(lambdasim.Feed[lambdasim.KinesisRecord]{Count: l.count(), Record: func(i int) lambdasim.KinesisRecord {
		return lambdasim.KinesisRecord{PartitionKey: l.group(i), Data: []byte(l.body(i))}
	}})
	handler, err := functionOf(l, func(r events.KinesisEventRecord) string { return r.Kinesis.SequenceNumber }, func(r events.KinesisEventRecord) string { return orderIn(r.Kinesis.Data) }, kinesisProcessor)
	return l.stream(stream, handler), err
}

func dynamoDBStream(l *load) (lambdasim.Simulation, error) {
	stream := &lambdasim.DynamoDBStream{Table: "stress", Shards: shards}
	stream.Feed(lambdasim.Feed[lambdasim.Change]{Count: l.count(), Record: func(i int) lambdasim.Change {
		keys := map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute(l.group(i))}
		return lambdasim.Change{Name: "MODIFY", Keys: keys, NewImage: map[string]events.DynamoDBAttributeValue{
			"id": keys["id"], "order": events.NewNumberAttribute(l.orderKey(i)), "sent": events.NewNumberAttribute(strconv.Itoa(i)),
		}}
	}})
	handler, err := functionOf(l, func(r events.DynamoDBEventRecord) string { return r.Change.SequenceNumber }, orderInItem, dynamoDBProcessor)
	return l.stream(stream, handler), err
}

func kafkaTopic(l *load) (lambdasim.Simulation, error) {
	topic := &lambdasim.KafkaTopic{Name: "stress", Partitions: partitions}
	topic.Feed(lambdasim.Feed[lambdasim.KafkaRecord]{Count: l.count(), Record: func(i int) lambdasim.KafkaRecord {
		return lambdasim.KafkaRecord{Key: []byte(l.group(i)), Value: []byte(l.body(i))}
	}})
	handler, err := functionOf(l, kafka.Record.ID, func(r kafka.Record) string { return orderIn(r.Value) }, kafkaProcessor)
	sim := l.stream(topic, handler)
	sim.Mapping.ParallelizationFactor = 0 // a partition has one batch at a time
	sim.Mapping.ProvisionedPollerConfig = &lambdasim.ProvisionedPollerConfig{MinimumPollers: topicPollers}
	return sim, err
}

func (l *load) stream(source lambdasim.Source, handler lambda.Handler) lambdasim.Simulation {
	mapping := l.mapping()
	mapping.ParallelizationFactor = factor
	mapping.MaximumRetryAttempts = new(maxRetries)
	mapping.BisectBatchOnFunctionError = true
	mapping.DestinationConfig.OnFailure = &lambdasim.Queue{Name: "dead"}
	return lambdasim.Simulation{
		Source: source, Mapping: mapping, Handler: handler,
		Unknown: lambdasim.Unknown{RetryDelay: func(int) time.Duration { return retryDelay }},
	}
}

// behindPipe replaces the mapping with a pipe that has the same parameters.
func behindPipe(s *lambdasim.Simulation) {
	m := s.Mapping
	s.Mapping = lambdasim.Mapping{}
	s.Pipe = &lambdasim.Pipe{
		BatchSize: m.BatchSize, MaximumBatchingWindowInSeconds: m.MaximumBatchingWindowInSeconds, MaximumRetryAttempts: m.MaximumRetryAttempts,
		ParallelizationFactor: m.ParallelizationFactor, DeadLetterConfig: m.DestinationConfig.OnFailure,
	}
	if m.BisectBatchOnFunctionError {
		s.Pipe.OnPartialBatchItemFailure = lambdasim.AutomaticBisect
	}
}

// orderOf returns the order that the checker expects of a source's groups under the options.
func orderOf(s driven, o options) check.Order {
	switch {
	case !s.ordered || o.unordered:
		return check.NoOrder
	case o.policy == troupe.Continue:
		return check.Starts
	default:
		return check.Strict
	}
}

// expect sets the checker's expectations of a source's records under the options.
func expect(s *lambdasim.Simulation, source driven, o options) {
	s.Order = new(orderOf(source, o))
	s.Stops = stopsOf(source, o)
	s.Errors = check.ErrorsAll
	switch o.errorWhen {
	case troupe.ErrorWhenAny:
		s.Errors = check.ErrorsAny
	case troupe.ErrorWhenNever:
		s.Errors = check.ErrorsNever
	}
	s.Attempts = 1 + o.retries
	s.Payloads = true
}

// stopsOf returns the records that a failure may prevent from starting.
func stopsOf(s driven, o options) check.Stop {
	grouped := s.ordered && !o.unordered
	switch {
	case o.policy == troupe.StopBatch || o.policy == troupe.Derive && grouped && s.name == sourceFIFO:
		return check.StopsBatch
	case grouped && (o.policy == troupe.StopGroup || o.policy == troupe.Derive):
		return check.StopsGroup
	default:
		return check.StopsNothing
	}
}
