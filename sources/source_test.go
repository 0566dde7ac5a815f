package sources

import "testing"

func TestDecodeAgreesWithEncodingJSONOnTheEventsOfAWS(t *testing.T) {
	sqsSubject().agree(t, document(t, "sqs.json"))
	sqsSubject().agree(t, document(t, "sqs-fifo.json"))
	kinesisSubject().agree(t, document(t, "kinesis.json"))
	dynamoSubject().agree(t, document(t, "dynamodb.json"))
}
