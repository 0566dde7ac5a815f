package envelope_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/envelope"
	"github.com/troupe-go/troupe/typed"
)

// Order is what the examples' producers send.
type Order struct {
	ID string `json:"id"`
}

// A queue that is subscribed to a topic. Raw message delivery may be on or off.
func ExampleSNS() {
	charge := func(ctx context.Context, order Order) error {
		record, _ := troupe.RecordFrom(ctx)
		fmt.Println(record.ID, order.ID)
		return nil
	}
	processor := troupe.SQS(envelope.SNS(typed.SQS(charge)), troupe.WithConcurrency(1))
	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: `{"Type":"Notification","MessageId":"n1","TopicArn":"arn:aws:sns:eu-west-1:123456789012:orders","Message":"{\"id\":\"o-1\"}"}`},
		{MessageId: "m2", Body: `{"id":"o-2"}`},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// m1 o-1
	// m2 o-2
	// [] <nil>
}

// The handler's context has the notification of SNS.
func ExampleNotificationFrom() {
	handle := func(ctx context.Context, msg events.SQSMessage) error {
		if n, ok := envelope.NotificationFrom(ctx); ok {
			fmt.Println(n.TopicArn, n.Subject)
		}
		return nil
	}
	err := envelope.SNS(handle)(context.Background(), events.SQSMessage{
		Body: `{"Type":"Notification","MessageId":"n1","TopicArn":"arn:aws:sns:eu-west-1:123456789012:orders","Subject":"An order","Message":"o-1"}`,
	})
	fmt.Println(err)
	// Output:
	// arn:aws:sns:eu-west-1:123456789012:orders An order
	// <nil>
}

func ExampleEventBridge() {
	handle := func(ctx context.Context, event events.EventBridgeEvent) error {
		fmt.Println(event.DetailType, string(event.Detail))
		return nil
	}
	processor := troupe.SQS(envelope.EventBridge(handle))
	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: `{"version":"0","id":"6a7e8feb","detail-type":"Order placed","source":"shop","detail":{"id":"o-1"}}`},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// Order placed {"id":"o-1"}
	// [] <nil>
}

// The handler is called for each object; the message is one record. The test event of S3 is a success.
func ExampleS3() {
	index := func(ctx context.Context, record events.S3EventRecord) error {
		fmt.Println(record.S3.Bucket.Name, record.S3.Object.URLDecodedKey)
		return nil
	}
	processor := troupe.SQS(envelope.S3(index), troupe.WithConcurrency(1))
	response, err := processor.Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", Body: `{"Records":[
			{"eventSource":"aws:s3","s3":{"bucket":{"name":"photos"},"object":{"key":"summer+2024/a.jpg"}}},
			{"eventSource":"aws:s3","s3":{"bucket":{"name":"photos"},"object":{"key":"b.jpg"}}}]}`},
		{MessageId: "m2", Body: `{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"photos"}`},
	}})
	fmt.Println(response.BatchItemFailures, err)
	// Output:
	// photos summer 2024/a.jpg
	// photos b.jpg
	// [] <nil>
}

// The handler's context has the message around an object, and so its receive count.
func ExampleS3_message() {
	handle := func(ctx context.Context, record events.S3EventRecord) error {
		msg, err := troupe.MessageFrom[events.SQSMessage](ctx)
		if err != nil {
			return err
		}
		fmt.Println(record.S3.Object.Key, "received", msg.Attributes["ApproximateReceiveCount"], "times")
		return nil
	}
	_, err := troupe.SQS(envelope.S3(handle)).Process(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{
		MessageId:  "m1",
		Attributes: map[string]string{"ApproximateReceiveCount": "2"},
		Body:       `{"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"photos"},"object":{"key":"a.jpg"}}}]}`,
	}}})
	fmt.Println(err)
	// Output:
	// a.jpg received 2 times
	// <nil>
}

// The sender puts bodies that are too large for SQS into a bucket. A message that names another bucket fails.
func ExampleOffloaded() {
	charge := func(ctx context.Context, order Order) error {
		fmt.Println("charges", order.ID)
		return nil
	}
	fetch := func(ctx context.Context, p envelope.Pointer) (io.ReadCloser, error) {
		if p.Size > 10<<20 {
			return nil, errors.New("larger than 10 MiB")
		}
		return getObject(ctx, p.Bucket, p.Key)
	}
	processor := troupe.SQS(envelope.Offloaded(fetch, []string{"large-orders"}, typed.SQS(charge)),
		troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	size := map[string]events.SQSMessageAttribute{"ExtendedPayloadSize": {DataType: "Number", StringValue: new("12")}}
	_, report, err := processor.ProcessReport(context.Background(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "m1", MessageAttributes: size, Body: `["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"large-orders","s3Key":"k-1"}]`},
		{MessageId: "m2", Body: `{"id":"o-2"}`},
		{MessageId: "m3", MessageAttributes: size, Body: `["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"elsewhere","s3Key":"k-1"}]`},
	}})
	fmt.Println(report.Records[2].Err, err)
	// Output:
	// charges o-1
	// charges o-2
	// troupe: the body of the message is in S3, in bucket "elsewhere": not one of the buckets that may be read <nil>
}

// getObject stands for GetObject of the AWS SDK, which also returns a reader.
func getObject(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(`{"id":"o-1"}`)), nil
}
