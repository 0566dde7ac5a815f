package cli

import (
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/firehose"
	"github.com/troupe-go/troupe/kafka"
	answers "github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/s3batch"
	"github.com/troupe-go/troupe/sources"
)

// These functions use NewProcessor, since the options come from a command line: an invalid one must be an error, not a
// panic as in troupe.SQS. The error is a refusedError.

func sqsProcessor(handler troupe.Handler[events.SQSMessage], options []troupe.Option) (lambda.Handler, error) {
	return handlerOf(troupe.NewProcessor(sources.SQS(), answers.ForSQS(), handler, options...))
}

func kinesisProcessor(handler troupe.Handler[events.KinesisEventRecord], options []troupe.Option) (lambda.Handler, error) {
	return handlerOf(troupe.NewProcessor(sources.Kinesis(), answers.ForKinesis(), handler, options...))
}

func dynamoDBProcessor(handler troupe.Handler[events.DynamoDBEventRecord], options []troupe.Option) (lambda.Handler, error) {
	return handlerOf(troupe.NewProcessor(sources.DynamoDB(), answers.ForDynamoDB(), handler, options...))
}

func kafkaProcessor(handler troupe.Handler[kafka.Record], options []troupe.Option) (lambda.Handler, error) {
	return handlerOf(troupe.NewProcessor(kafka.Source{}, kafka.Answer(), handler, options...))
}

func firehoseProcessor(handler troupe.Handler[firehose.Record], options []troupe.Option) (lambda.Handler, error) {
	return handlerOf(troupe.NewProcessor(firehose.Source{}, firehose.Answer(), handler, options...))
}

func s3batchProcessor(handler troupe.Handler[s3batch.Task], options []troupe.Option) (lambda.Handler, error) {
	return handlerOf(troupe.NewProcessor(s3batch.Source{}, s3batch.Answer(), handler, options...))
}

func handlerOf[E, R any](p *troupe.Processor[E, R], err error) (lambda.Handler, error) {
	if err != nil {
		return nil, refusedError{err}
	}
	return p, nil
}
