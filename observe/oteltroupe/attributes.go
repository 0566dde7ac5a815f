package oteltroupe

import (
	"context"

	"go.opentelemetry.io/otel/attribute"

	"github.com/troupe-go/troupe/batch"
)

// Names of the semantic conventions; see the package's documentation.
const (
	systemKey      = attribute.Key("messaging.system")
	destinationKey = attribute.Key("messaging.destination.name")
	messageKey     = attribute.Key("messaging.message.id")
	countKey       = attribute.Key("messaging.batch.message_count")
	triggerKey     = attribute.Key("faas.trigger")
	errorKey       = attribute.Key("error.type")
)

// Names of troupe's own.
const (
	indexKey   = attribute.Key("troupe.record.index")
	attemptKey = attribute.Key("troupe.record.attempt")
	outcomeKey = attribute.Key("troupe.outcome")
)

const operation = "process"

// operationAttributes are those that everything has. The capacity is for what comes after.
func operationAttributes(capacity int) []attribute.KeyValue {
	return append(make([]attribute.KeyValue, 0, capacity),
		attribute.String("messaging.operation.name", operation),
		attribute.String("messaging.operation.type", operation))
}

// appendSource appends the origin of the records.
func appendSource(all []attribute.KeyValue, source batch.Source) []attribute.KeyValue {
	trigger := "pubsub"
	if source == batch.DynamoDB {
		trigger = "datasource"
	}
	return append(all, system(source), triggerKey.String(trigger))
}

func system(source batch.Source) attribute.KeyValue {
	switch source {
	case batch.SQS:
		return systemKey.String("aws_sqs")
	case batch.Kinesis, batch.DynamoDB:
		return systemKey.String("aws." + string(source))
	default:
		return systemKey.String(string(source))
	}
}

// errorType is a reason of troupe's in a word, or the type of an error that is the handler's own.
func errorType(err error) string {
	if word := batch.Words(err)[0]; word != "error" {
		return word
	}
	return batch.TypeName(err)
}

// attemptErrorType is errorType for the error of a handler: once its context has ended, the record is
// reported with the reason for that.
func attemptErrorType(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		if reason, ok := context.Cause(ctx).(batch.Reason); ok {
			return reason.Word()
		}
	}
	return errorType(err)
}
