package check

const (
	dg    = "https://docs.aws.amazon.com/lambda/latest/dg/"
	pages = "https://docs.aws.amazon.com/eventbridge/latest/userguide/"
)

// Rule describes a setting that loses messages, or holds up others until they are lost.
type Rule struct {
	ID    string
	Title string // what is wrong
	Help  string // the consequence and the fix
	Page  string // the AWS page of the rule
}

// The rules.
var (
	partialResponse = Rule{
		"partial-response", "No ReportBatchItemFailures",
		"Lambda ignores the response: it deletes a batch, or moves past it, although some of its records failed. Add ReportBatchItemFailures to FunctionResponseTypes of the event source mapping.",
		dg + "services-sqs-errorhandling.html",
	}
	visibilityTimeout = Rule{
		"visibility-timeout", "The visibility timeout is short",
		"Messages become visible while the function still handles them or Lambda retries a throttled invocation, so they are handled twice and use up their receives. Set the queue's visibility timeout to at least six times the function's timeout plus the batching window.",
		dg + "services-sqs-configure.html",
	}
	redrivePolicy = Rule{
		"redrive-policy", "No redrive policy",
		"A message that always fails is redelivered until its retention period ends, and is then lost. Give the queue a redrive policy with a dead-letter queue.",
		"https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
	}
	deadLetterType = Rule{
		"dead-letter-type", "The dead-letter queue has the wrong type",
		"SQS moves the messages of a FIFO queue only to a FIFO queue, and those of a standard queue only to a standard queue.",
		"https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
	}
	batchWindow = Rule{
		"batch-window", "The batch size does not match the batching window",
		"Lambda accepts more than 10 messages in a batch only from a standard queue with a batching window of at least 1 s. Set MaximumBatchingWindowInSeconds, or a BatchSize of at most 10.",
		dg + "services-sqs-configure.html",
	}
	streamBounds = Rule{
		"stream-bounds", "Retries are unlimited",
		"A record that always fails holds up its shard or partition until it expires, and later records may expire unhandled. Set MaximumRetryAttempts, or MaximumRecordAgeInSeconds, or both.",
		dg + "kinesis-on-failure-destination.html",
	}
	streamDestination = Rule{
		"stream-destination", "No on-failure destination",
		"Discarded records leave no trace. Set DestinationConfig with an OnFailure destination.",
		dg + "kinesis-on-failure-destination.html",
	}
	kafkaProvisioned = Rule{
		"kafka-provisioned", "Kafka without provisioned mode",
		"Without provisioned mode Lambda does not support partial batch responses, retry limits and batch splitting for Kafka: it ignores the response. Set ProvisionedPollerConfig.",
		dg + "kafka-retry-configurations.html",
	}
	pipeInvocation = Rule{
		"pipe-invocation", "The pipe does not wait for the response",
		"With FIRE_AND_FORGET a pipe deletes a batch as soon as the function is invoked, whatever the function returns. Set InvocationType to REQUEST_RESPONSE.",
		"https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_PipeTargetLambdaFunctionParameters.html",
	}
	pipeEnrichment = Rule{
		"pipe-enrichment", "The function is the enrichment of a pipe",
		"A pipe treats the response of an enrichment as the enriched records, and does not look for failures in it. Make a function with partial batch responses the target of the pipe.",
		pages + "eb-pipes-batching-concurrency.html",
	}
	unread = Rule{
		"not-read", "A part of the file cannot be read",
		"The file does not contain the deployed resources of this part, so they are not checked. Check the processed template, or the JSON that the AWS CLI prints for the deployment.",
		"https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html",
	}
)

// Rules returns all rules, in a fixed order.
func Rules() []Rule {
	return []Rule{
		partialResponse, visibilityTimeout, redrivePolicy, deadLetterType, batchWindow, streamBounds, streamDestination,
		kafkaProvisioned, pipeInvocation, pipeEnrichment, unread,
	}
}

// pageOf returns the rule with its page for a source: some rules have a page per source.
func (r Rule) pageOf(source sourceKind) Rule {
	switch r.ID + " " + string(source) {
	case "partial-response Kinesis":
		r.Page = dg + "services-kinesis-batchfailurereporting.html"
	case "partial-response DynamoDB":
		r.Page = dg + "services-ddb-batchfailurereporting.html"
	case "partial-response Kafka", "stream-bounds Kafka":
		r.Page = dg + "kafka-retry-configurations.html"
	case "stream-destination Kafka":
		r.Page = dg + "kafka-on-failure.html"
	case "stream-bounds DynamoDB", "stream-destination DynamoDB":
		r.Page = dg + "services-dynamodb-errors.html"
	}
	return r
}
