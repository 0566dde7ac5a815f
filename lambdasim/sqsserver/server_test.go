package sqsserver_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/fifocases"
	"github.com/troupe-go/troupe/lambdasim/sqsserver"
)

// client speaks the JSON protocol.
type client struct {
	t             *testing.T
	endpoint, url string
}

// object is JSON.
type object = map[string]any

func serve(t *testing.T, queues ...*lambdasim.Queue) client {
	t.Helper()
	server, err := sqsserver.New(queues...)
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return client{t, listener.URL, server.URL(listener.URL, queues[0])}
}

// call makes a call. An error is the code that SDKs report.
func (c client) call(action string, parameters object) (object, error) {
	c.t.Helper()
	if _, there := parameters["QueueUrl"]; !there && c.url != "" {
		parameters["QueueUrl"] = c.url
	}
	body, err := json.Marshal(parameters)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.post(action, body)
}

func (c client) post(action string, body []byte) (object, error) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AmazonSQS."+action)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil || response.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
		c.t.Fatalf("%s is answered with %q of type %q", action, text, response.Header.Get("Content-Type"))
	}
	if response.StatusCode == http.StatusOK {
		return o, nil
	}
	return o, fmt.Errorf("%d %s %v", response.StatusCode, response.Header.Get("X-Amzn-Query-Error"), o["__type"])
}

func (c client) Send(body, group string) error {
	_, err := c.call("SendMessage", object{"MessageBody": body, "MessageGroupId": group})
	return err
}

func (c client) Receive(most int, visibility time.Duration) (list []fifocases.Message, err error) {
	parameters := object{"MaxNumberOfMessages": most}
	if visibility >= 0 {
		parameters["VisibilityTimeout"] = int(visibility.Seconds())
	}
	o, err := c.call("ReceiveMessage", parameters)
	messages, _ := o["Messages"].([]any)
	for _, m := range messages {
		list = append(list, fifocases.Message{Body: m.(object)["Body"].(string), Receipt: m.(object)["ReceiptHandle"].(string)})
	}
	return list, err
}

func (c client) Delete(receipt string) error {
	_, err := c.call("DeleteMessage", object{"ReceiptHandle": receipt})
	return err
}

func (c client) Change(receipt string, timeout time.Duration) error {
	_, err := c.call("ChangeMessageVisibility", object{"ReceiptHandle": receipt, "VisibilityTimeout": int(timeout.Seconds())})
	return err
}

// E4.
func TestTheServerDoesWhatIsRecorded(t *testing.T) {
	for _, c := range fifocases.All() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			queue := &lambdasim.Queue{Name: "q.fifo", VisibilityTimeout: c.Visibility, ContentBasedDeduplication: true}
			if err := c.Play(serve(t, queue), time.Sleep); err != nil {
				t.Error(err)
			}
		})
	}
}

// What AWS refuses, with the codes and types that are recorded (LocalStack's test_sqs.snapshot.json).
func TestCallsAreRefusedAsAWSDoes(t *testing.T) {
	fifo, standard := &lambdasim.Queue{Name: "q.fifo"}, &lambdasim.Queue{Name: "standard"}
	c := serve(t, fifo, standard)
	if _, err := c.call("SendMessage", object{"MessageBody": "m", "MessageGroupId": "g", "MessageDeduplicationId": "1"}); err != nil {
		t.Fatal(err)
	}
	const invalid = "400 InvalidParameterValue;Sender com.amazon.coral.service#InvalidParameterValueException"
	many := []object{}
	for i := range 20 {
		many = append(many, object{"Id": fmt.Sprint(i), "MessageBody": "m", "ReceiptHandle": "AQEBx+1", "VisibilityTimeout": 1})
	}
	for _, r := range []struct {
		action     string
		parameters object
		want, says string
	}{
		{"SendMessage", object{"MessageBody": "m"}, "400 MissingParameter;Sender com.amazon.coral.service#MissingRequiredParameterException", "The request must contain the parameter MessageGroupId."},
		{"SendMessage", object{"MessageBody": "m", "MessageGroupId": "g"}, invalid, "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"},
		{"SendMessage", object{"MessageBody": "m", "MessageGroupId": "g", "MessageDeduplicationId": "2", "DelaySeconds": 2}, invalid, "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type."},
		{"SendMessage", object{"MessageBody": "m", "MessageGroupId": "a b", "MessageDeduplicationId": "2"}, invalid, "Value a b for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."},
		{"SendMessage", object{"MessageBody": "m", "MessageGroupId": strings.Repeat("g", 129), "MessageDeduplicationId": "2"}, invalid, "for parameter MessageGroupId is invalid."},
		{"SendMessage", object{"MessageBody": "m", "MessageGroupId": "g", "MessageDeduplicationId": "é"}, invalid, "Value é for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length."},
		{"SendMessage", object{"MessageBody": ""}, "400 MissingParameter;Sender com.amazon.coral.service#MissingRequiredParameterException", "MessageBody"},
		{"SendMessage", object{"MessageBody": "m", "MessageGroupId": "g", "MessageDeduplicationId": "2", "MessageAttributes": object{"a": object{}}}, invalid, `attribute "a" needs a DataType`},
		{"SendMessageBatch", object{"Entries": many}, "400 AWS.SimpleQueueService.TooManyEntriesInBatchRequest;Sender com.amazonaws.sqs#TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent 20."},
		{"DeleteMessageBatch", object{"Entries": many}, "400 AWS.SimpleQueueService.TooManyEntriesInBatchRequest;Sender com.amazonaws.sqs#TooManyEntriesInBatchRequest", ""},
		{"ChangeMessageVisibilityBatch", object{"Entries": many}, "400 AWS.SimpleQueueService.TooManyEntriesInBatchRequest;Sender com.amazonaws.sqs#TooManyEntriesInBatchRequest", ""},
		{"SendMessageBatch", object{"Entries": []object{}}, "400 AWS.SimpleQueueService.EmptyBatchRequest;Sender com.amazonaws.sqs#EmptyBatchRequest", ""},
		{"SendMessageBatch", object{"Entries": []object{{"Id": "a:b"}}}, "400 AWS.SimpleQueueService.InvalidBatchEntryId;Sender com.amazonaws.sqs#InvalidBatchEntryId", ""},
		{"DeleteMessageBatch", object{"Entries": []object{{"Id": "a"}, {"Id": "a"}}}, "400 AWS.SimpleQueueService.BatchEntryIdsNotDistinct;Sender com.amazonaws.sqs#BatchEntryIdsNotDistinct", "Id a repeated."},
		{"ReceiveMessage", object{"MaxNumberOfMessages": 11}, invalid, "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."},
		{"ReceiveMessage", object{"WaitTimeSeconds": 21}, invalid, "WaitTimeSeconds"},
		{"ReceiveMessage", object{"VisibilityTimeout": 43201}, invalid, "VisibilityTimeout"},
		{"ReceiveMessage", object{"VisibilityTimeout": -1}, invalid, "VisibilityTimeout"},
		{"DeleteMessage", object{"ReceiptHandle": "garbage"}, "400 ReceiptHandleIsInvalid;Sender com.amazonaws.sqs#ReceiptHandleIsInvalid", `The input receipt handle "garbage" is not a valid receipt handle.`},
		{"ChangeMessageVisibility", object{"ReceiptHandle": "garbage", "VisibilityTimeout": 1}, "400 ReceiptHandleIsInvalid;Sender com.amazonaws.sqs#ReceiptHandleIsInvalid", ""},
		{"ChangeMessageVisibility", object{"ReceiptHandle": "AQEBgone+1", "VisibilityTimeout": 42}, invalid, "Value AQEBgone+1 for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."},
		{"ChangeMessageVisibility", object{"ReceiptHandle": "AQEBgone+1"}, "400 MissingParameter;Sender com.amazon.coral.service#MissingRequiredParameterException", "VisibilityTimeout"},
		{"GetQueueUrl", object{"QueueName": "unknown"}, "400 AWS.SimpleQueueService.NonExistentQueue;Sender com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist."},
		{"ReceiveMessage", object{"QueueUrl": c.endpoint + "/123456789012/unknown"}, "400 AWS.SimpleQueueService.NonExistentQueue;Sender com.amazonaws.sqs#QueueDoesNotExist", ""},
		{"PurgeQueue", object{}, "400 InvalidAction;Sender com.amazonaws.sqs#InvalidAction", "PurgeQueue"},
	} {
		o, err := c.call(r.action, r.parameters)
		if err == nil || err.Error() != r.want || !strings.Contains(fmt.Sprint(o["message"]), r.says) {
			t.Errorf("%s %v: %v, %v; want %s, %s", r.action, r.parameters, err, o["message"], r.want, r.says)
		}
	}
	if _, err := c.post("SendMessage", []byte("{")); err == nil || !strings.HasPrefix(err.Error(), "400 SerializationException") {
		t.Error(err)
	}
	response, err := http.Get(c.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Error(response.Status)
	}
}

// A message comes back with what it was sent with, as far as the client asks for it.
func TestMessagesHaveWhatAClientAsksFor(t *testing.T) {
	queue := &lambdasim.Queue{Name: "q.fifo"}
	c := serve(t, queue)
	attributes := object{"kind": object{"DataType": "String", "StringValue": "order"}, "bytes": object{"DataType": "Binary", "BinaryValue": "AQI="}}
	first, err := c.call("SendMessage", object{
		"MessageBody": "This is a test message", "MessageGroupId": "g", "MessageDeduplicationId": "1", "MessageAttributes": attributes,
		"MessageSystemAttributes": object{"AWSTraceHeader": object{"DataType": "String", "StringValue": "Root=1"}},
	})
	if err != nil || first["MD5OfMessageBody"] != "fafb00f5732ab283681e124bf8747ed1" {
		t.Error(first, err)
	}
	again, err := c.call("SendMessage", object{"MessageBody": "another", "MessageGroupId": "g", "MessageDeduplicationId": "1"})
	if err != nil || again["MessageId"] != first["MessageId"] || again["SequenceNumber"] != first["SequenceNumber"] || first["SequenceNumber"] == "" {
		t.Errorf("a duplicate is %v, the first one %v: %v", again, first, err)
	}
	o, err := c.call("ReceiveMessage", object{"VisibilityTimeout": 0})
	if err != nil || len(o["Messages"].([]any)) != 1 {
		t.Fatal(o, err)
	}
	bare := o["Messages"].([]any)[0].(object)
	if bare["Attributes"] != nil || bare["MessageAttributes"] != nil || bare["MessageId"] != first["MessageId"] || bare["MD5OfBody"] != first["MD5OfMessageBody"] {
		t.Error(bare)
	}
	o, err = c.call("ReceiveMessage", object{"MessageSystemAttributeNames": []string{"All"}, "MessageAttributeNames": []string{"ki.*"}})
	if err != nil {
		t.Fatal(err)
	}
	full := o["Messages"].([]any)[0].(object)
	system := full["Attributes"].(object)
	if system["ApproximateReceiveCount"] != "2" || system["MessageGroupId"] != "g" || system["AWSTraceHeader"] != "Root=1" || system["SequenceNumber"] != first["SequenceNumber"] {
		t.Error(system)
	}
	if own := full["MessageAttributes"].(object); len(own) != 1 || own["kind"].(object)["StringValue"] != "order" {
		t.Error(own)
	}
	counts, err := c.call("GetQueueAttributes", object{"AttributeNames": []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "QueueArn", "FifoQueue"}})
	if err != nil || fmt.Sprint(counts["Attributes"]) != "map[ApproximateNumberOfMessages:0 ApproximateNumberOfMessagesNotVisible:1 FifoQueue:true QueueArn:arn:aws:sqs:us-east-1:123456789012:q.fifo]" {
		t.Error(counts, err)
	}
	if url, err := c.call("GetQueueUrl", object{"QueueName": "q.fifo"}); err != nil || url["QueueUrl"] != c.url {
		t.Error(url, err)
	}
	for kind, sum := range map[string]string{"Number": "235c5c510d26fb653d073faed50ae77c", "Number.java.lang.Long": "2e2e4876d8e0bd6b8c2c8f556831c349"} { // as clients compute it
		o, err := c.call("SendMessage", object{
			"MessageBody": "m", "MessageGroupId": "other", "MessageDeduplicationId": kind,
			"MessageAttributes": object{"timestamp": object{"DataType": kind, "StringValue": "1493147359900"}},
		})
		if err != nil || o["MD5OfMessageAttributes"] != sum {
			t.Error(o, err)
		}
	}
}

// Batches fail in part, by Faults or by themselves.
func TestBatchesFailInPart(t *testing.T) {
	queue := &lambdasim.Queue{Name: "queue"}
	c := serve(t, queue)
	sent, err := c.call("SendMessageBatch", object{"Entries": []object{{"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": ""}, {"Id": "c", "MessageBody": "3"}}})
	if err != nil || len(sent["Successful"].([]any)) != 2 || sent["Failed"].([]any)[0].(object)["Code"] != "MissingParameter" || sent["Failed"].([]any)[0].(object)["Id"] != "b" {
		t.Fatal(sent, err)
	}
	messages, err := c.Receive(10, 60*time.Second)
	if err != nil || len(messages) != 2 {
		t.Fatal(messages, err)
	}
	entries := []object{{"Id": "a", "ReceiptHandle": messages[0].Receipt, "VisibilityTimeout": 0}, {"Id": "b", "ReceiptHandle": "garbage", "VisibilityTimeout": 0}, {"Id": "c", "ReceiptHandle": messages[1].Receipt, "VisibilityTimeout": 0}}
	queue.Faults = func(call lambdasim.Call) error {
		if call.Action == "ChangeMessageVisibility" && call.Message != "" && call.Number == 1 && strings.Contains(messages[1].Receipt, call.Message) {
			return &lambdasim.QueueError{Code: "RequestThrottled", Message: "slow down"}
		}
		return nil
	}
	changed, err := c.call("ChangeMessageVisibilityBatch", object{"Entries": entries})
	if err != nil || len(changed["Successful"].([]any)) != 1 || fmt.Sprint(changed["Failed"]) != `[map[Code:ReceiptHandleIsInvalid Id:b Message:The input receipt handle "garbage" is not a valid receipt handle. SenderFault:true] map[Code:RequestThrottled Id:c Message:slow down SenderFault:false]]` {
		t.Error(changed, err)
	}
	again, err := c.Receive(10, 60*time.Second)
	if err != nil || len(again) != 1 || again[0].Body != messages[0].Body {
		t.Error(again, err)
	}
	deleted, err := c.call("DeleteMessageBatch", object{"Entries": []object{{"Id": "a", "ReceiptHandle": again[0].Receipt}, {"Id": "b", "ReceiptHandle": "garbage"}}})
	if err != nil || len(deleted["Successful"].([]any)) != 1 || len(deleted["Failed"].([]any)) != 1 {
		t.Error(deleted, err)
	}
}

// Faults make whole calls fail, with any code, and a service that fails answers with 500.
func TestCallsFailAsFaultsSay(t *testing.T) {
	queue := &lambdasim.Queue{Name: "queue"}
	var next error
	queue.Faults = func(lambdasim.Call) error { return next }
	c := serve(t, queue)
	for want, err := range map[string]error{
		"400 RequestThrottled;Sender com.amazonaws.sqs#RequestThrottled":                         &lambdasim.QueueError{Code: "RequestThrottled"},
		"403 AccessDenied;Sender com.amazon.coral.service#AccessDeniedException":                 &lambdasim.QueueError{Code: "AccessDenied"},
		"400 AWS.SimpleQueueService.NonExistentQueue;Sender com.amazonaws.sqs#QueueDoesNotExist": &lambdasim.QueueError{Code: "AWS.SimpleQueueService.NonExistentQueue"},
		"500 InternalError;Receiver com.amazonaws.sqs#InternalError":                             errors.New("oh"),
	} {
		next = err
		for action, parameters := range map[string]object{
			"SendMessage": {"MessageBody": "m"}, "ReceiveMessage": {}, "DeleteMessage": {"ReceiptHandle": "AQEBx+1"}, "ChangeMessageVisibility": {"ReceiptHandle": "AQEBx+1", "VisibilityTimeout": 1},
			"SendMessageBatch": {"Entries": []object{{"Id": "a", "MessageBody": "m"}}}, "DeleteMessageBatch": {"Entries": []object{{"Id": "a"}}}, "ChangeMessageVisibilityBatch": {"Entries": []object{{"Id": "a"}}},
		} {
			if _, err := c.call(action, parameters); err == nil || err.Error() != want {
				t.Errorf("%s: %v, want %s", action, err, want)
			}
		}
	}
}

// A long poll returns when a message is sent, and messages that were received too often are moved.
func TestLongPollsAndDeadLetters(t *testing.T) {
	dead := &lambdasim.Queue{Name: "dead"}
	queue := &lambdasim.Queue{Name: "queue", RedrivePolicy: lambdasim.RedrivePolicy{DeadLetterQueue: dead, MaxReceiveCount: 1}}
	c := serve(t, queue, dead)
	began := time.Now()
	go func() {
		time.Sleep(200 * time.Millisecond)
		_ = c.Send("late", "")
	}()
	o, err := c.call("ReceiveMessage", object{"WaitTimeSeconds": 20, "VisibilityTimeout": 0})
	if took := time.Since(began); err != nil || o["Messages"] == nil || took < 200*time.Millisecond || took > 15*time.Second {
		t.Error(o, err, took)
	}
	deadURL := strings.TrimSuffix(c.url, "/queue") + "/dead"
	moved := make(chan object)
	go func() {
		o, _ := c.call("ReceiveMessage", object{"WaitTimeSeconds": 20, "QueueUrl": deadURL})
		moved <- o
	}()
	time.Sleep(50 * time.Millisecond)
	if list, err := c.Receive(10, -1); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
	if o := <-moved; o["Messages"] == nil || o["Messages"].([]any)[0].(object)["Body"] != "late" {
		t.Error(o)
	}
}

func TestTwoQueuesOfANameAreRefused(t *testing.T) {
	if _, err := sqsserver.New(&lambdasim.Queue{Name: "a"}, &lambdasim.Queue{Name: "a"}); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Error(err)
	}
}
