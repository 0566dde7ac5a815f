package plan

import "time"

// Values that AWS documents; docs/limits.md has the days on which the limits were read. The pages are those of the AWS
// Lambda Developer Guide unless another book is named.
const (
	// "Configuring scaling behavior for SQS event source mappings": a standard queue starts with five
	// concurrent batches, gets up to 300 more a minute, and a mapping has up to 1,250 at once.
	queueFirst    = 5
	queueMore     = 5 // every queueInterval
	queueInterval = time.Second
	queueMost     = 1_250
	// The same page: the range of MaximumConcurrency.
	minMaximumConcurrency, maxMaximumConcurrency = 2, 1_000
	// The same page: the limits of a provisioned poller of a queue, and the rate at which pollers are added: up to 10
	// concurrent invocations, 10 receive calls and 1 MB a second each, 1,000 concurrent invocations a minute.
	queuePollerConcurrent = 10
	queuePollerCalls      = 10
	queuePollerBytes      = 1 << 20
	queuePollerInterval   = time.Minute * queuePollerConcurrent / 1_000
	// Amazon SQS API Reference, "ReceiveMessage": up to 10 messages a call.
	callMessages = 10
	// AWS Lambda API Reference, "ProvisionedPollerConfig". (The Developer Guide, "How Lambda processes records
	// from stream and queue-based event sources", still has a maximum of 2,000 for a queue.)
	minQueuePollers, maxMinQueuePollers, maxQueuePollers = 2, 200, 10_000
	minTopicPollers, maxMinTopicPollers, maxTopicPollers = 1, 200, 2_000
	// "Apache Kafka event poller scaling modes in Lambda": up to 5 concurrent invocations and 5 MB/s a poller,
	// and no more pollers than partitions.
	topicPollerConcurrent = 5
	topicPollerBytes      = 5 << 20

	// "Creating and configuring an Amazon SQS event source mapping", and API Reference,
	// "CreateEventSourceMapping": batch sizes and windows. More than 10 messages need a window of 1 s.
	maxBatch, maxFIFOBatch                = 10_000, 10
	defaultQueueBatch, defaultStreamBatch = 10, 100
	maxBatchWithoutWindow                 = 10
	maxWindow                             = 300 * time.Second
	maxFactor                             = 10
	// The first of these: a visibility timeout of six times the function's timeout, and the window on top.
	visibilityTimeouts = 6
	// "How Lambda processes records from stream and queue-based event sources".
	defaultTopicWindow = 500 * time.Millisecond
	maxPayload         = 6 << 20

	// "Using Lambda to process records from Amazon Kinesis Data Streams" and "Using AWS Lambda with Amazon
	// DynamoDB": a shard is polled once a second, or four times.
	kinesisPoll, dynamoDBPoll = time.Second, time.Second / 4

	// "Lambda quotas": the longest timeout, the concurrency of an account unless it is raised, and the
	// synchronous invocations a second for each unit of it.
	maxTimeout         = 15 * time.Minute
	defaultAccount     = 1_000
	invocationsPerUnit = 10
	// "Lambda scaling behavior": 1,000 environments every 10 seconds for a function, refilled continuously.
	functionFirst, functionMoreASecond = 1_000, 100

	// Amazon SQS Developer Guide, "Amazon SQS standard queue quotas" and "Amazon SQS FIFO queue quotas".
	maxInFlight = 120_000
	// Amazon SQS Developer Guide, "Amazon SQS message quotas": messages a second through a FIFO queue without
	// high throughput, in batches of 10.
	fifoMessages = 3_000
	// Amazon Kinesis Data Streams Developer Guide, "Quotas and limits".
	shardRecords = 1_000 // a second, written to a shard
)

// Values of troupe.
const (
	// defaultConcurrency is troupe's WithConcurrency (SPEC O4).
	defaultConcurrency = 16
	// defaultOverhead is an assumption: the time of an invocation besides the handlers.
	defaultOverhead = 10 * time.Millisecond
	// maxShards and maxAccount keep the results reasonable; AWS grants less.
	maxShards, maxAccount = 100_000, 1_000_000
	// room is the utilization above which a plan is called tight.
	room = 0.8
)

// reserve returns the time before the timeout at which troupe ends the contexts of handlers (SPEC D1).
func reserve(timeout time.Duration) time.Duration { return min(500*time.Millisecond, timeout/5) }
