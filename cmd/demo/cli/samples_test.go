package cli

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// The sample events through the demo, in virtual time, so that the reports are the same each time.
func TestSamples(t *testing.T) {
	for name, args := range map[string]string{
		"sqs":             "sqs.json",
		"fifo":            "fifo.json",
		"fifo-stop-group": "fifo.json --policy stop-group",
		"kinesis":         "kinesis.json",
		"kinesis-lowest":  "kinesis.json --lowest-only",
		"dynamodb":        "dynamodb.json",
		"poison":          "poison.json --timeout 1s",
		"kafka":           "kafka-msk.json",
		"kafka-unordered": "kafka-selfmanaged.json --source kafka --unordered",
		"firehose":        "firehose.json",
		"firehose-msk":    "firehose-msk.json --source firehose",
		"s3batch":         "s3batch-2.0.json",
	} {
		t.Run(name, func(t *testing.T) {
			r := execute(t, "", append([]string{"invoke"}, strings.Fields(samples+"/"+args)...)...)
			if r.code != exitOK {
				t.Errorf("exit code %d", r.code)
			}
			golden(t, name+".response.json", r.stdout)
			golden(t, name+".report.txt", r.stderr)
		})
	}
}

// One more attempt in place mends the records that fail only once.
func TestSampleWithRetry(t *testing.T) {
	plain := execute(t, "", "invoke", samples+"/sqs.json")
	again := execute(t, "", "invoke", "--retry=1", samples+"/sqs.json")
	if n := strings.Count(plain.stdout, "itemIdentifier") - strings.Count(again.stdout, "itemIdentifier"); n != 1 {
		t.Errorf("%d messages were mended, want 1", n)
	}
}

func sample(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(samples + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// The samples have no field that aws-lambda-go does not know, and the digests of the messages are right.
func TestSampleMessagesAreWhole(t *testing.T) {
	for _, name := range []string{"sqs.json", "fifo.json"} {
		var event events.SQSEvent
		sample(t, name, &event)
		for i, msg := range event.Records {
			if sum := md5.Sum([]byte(msg.Body)); msg.Md5OfBody != hex.EncodeToString(sum[:]) {
				t.Errorf("%s: md5OfBody of message %d should be %x", name, i, sum)
			}
			if want := md5OfAttributes(msg.MessageAttributes); msg.Md5OfMessageAttributes != want {
				t.Errorf("%s: md5OfMessageAttributes of message %d should be %q", name, i, want)
			}
		}
	}
}

// md5OfAttributes is the digest that the SQS Developer Guide describes: by name in order, each of name, type and value
// after its length, and before the value a byte for how it is sent.
func md5OfAttributes(attributes map[string]events.SQSMessageAttribute) string {
	if len(attributes) == 0 {
		return ""
	}
	h := md5.New()
	put := func(b []byte) {
		_ = binary.Write(h, binary.BigEndian, uint32(len(b)))
		h.Write(b)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		put([]byte(name))
		put([]byte(a.DataType))
		if a.StringValue != nil {
			h.Write([]byte{1})
			put([]byte(*a.StringValue))
		} else {
			h.Write([]byte{2})
			put(a.BinaryValue)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestSampleStreamRecordsAreWhole(t *testing.T) {
	var kinesis events.KinesisEvent
	sample(t, "kinesis.json", &kinesis)
	for i, r := range kinesis.Records {
		if !strings.HasSuffix(r.EventID, ":"+r.Kinesis.SequenceNumber) || r.Kinesis.EncryptionType == "" {
			t.Errorf("kinesis.json: record %d: %+v", i, r)
		}
	}
	var dynamodb events.DynamoDBEvent
	sample(t, "dynamodb.json", &dynamodb)
	names, types, byTTL := map[string]bool{}, map[events.DynamoDBDataType]bool{}, 0
	for _, r := range dynamodb.Records {
		names[r.EventName] = true
		for _, value := range r.Change.NewImage {
			types[value.DataType()] = true
		}
		if r.UserIdentity != nil {
			byTTL++
		}
	}
	if len(names) != 3 || len(types) != 10 || byTTL != 1 {
		t.Errorf("dynamodb.json has the event names %v, %d of 10 attribute types, %d removals by TTL", names, len(types), byTTL)
	}
}
