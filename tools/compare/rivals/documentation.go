package rivals

import (
	"context"

	"github.com/aws/aws-lambda-go/events"
)

// The handlers that the AWS documentation publishes for Go, one for each source: a loop over the event.
// They are used through lambda.NewHandler, that is with encoding/json.
//
// Corrected here:
//   - none of the three survives a panic in the processing of a record;
//   - the one for DynamoDB spells the key "BatchItemFailures", which Lambda does not know, so that it takes
//     every response for a success; and it reports the last record of every batch, failed or not;
//   - the other two answer with nested maps where the response types of aws-lambda-go will do.
//
// What they leave alone is left alone: after a failure the ones for streams continue.

func newDocumentation(handler Handler, _ int) Rival {
	return function(func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		failures := []events.SQSBatchItemFailure{}
		for _, message := range event.Records {
			if call(ctx, handler, message) != nil {
				failures = append(failures, events.SQSBatchItemFailure{ItemIdentifier: message.MessageId})
			}
		}
		return events.SQSEventResponse{BatchItemFailures: failures}, nil
	})
}

// DocumentationKinesis is the documentation's handler for Kinesis.
func DocumentationKinesis(handler func(context.Context, events.KinesisEventRecord) error) func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error) {
	return func(ctx context.Context, event events.KinesisEvent) (events.KinesisEventResponse, error) {
		failures := []events.KinesisBatchItemFailure{}
		for _, record := range event.Records {
			if call(ctx, handler, record) != nil {
				failures = append(failures, events.KinesisBatchItemFailure{ItemIdentifier: record.Kinesis.SequenceNumber})
			}
		}
		return events.KinesisEventResponse{BatchItemFailures: failures}, nil
	}
}

// DocumentationDynamoDB is the documentation's handler for DynamoDB Streams.
func DocumentationDynamoDB(handler func(context.Context, events.DynamoDBEventRecord) error) func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	return func(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		failures := []events.DynamoDBBatchItemFailure{}
		for _, record := range event.Records {
			if call(ctx, handler, record) != nil {
				failures = append(failures, events.DynamoDBBatchItemFailure{ItemIdentifier: record.Change.SequenceNumber})
			}
		}
		return events.DynamoDBEventResponse{BatchItemFailures: failures}, nil
	}
}
