package lambdasim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// Digest returns a text that stands for the payload of a record in a history: what its sender chose, so that it is the
// same for every delivery. Of an SQS message that is the body, the group and the message attributes; of a Kinesis
// record the partition key and the data; of a change of an item its kind, the keys and the images; of a Kafka record
// the key, the value and the headers. It is empty for a type that is none of these.
func Digest[T any](record T) string {
	d := digest{sha256.New()}
	switch record := any(record).(type) {
	case events.SQSMessage:
		return messageDigest(record.Body, record.Attributes["MessageGroupId"], record.MessageAttributes)
	case events.KinesisEventRecord:
		d.text(record.Kinesis.PartitionKey)
		d.bytes(record.Kinesis.Data)
	case events.DynamoDBEventRecord:
		d.text(record.EventName)
		d.image(record.Change.Keys)
		d.image(record.Change.NewImage)
		d.image(record.Change.OldImage)
	default:
		return keyed(reflect.ValueOf(record))
	}
	return d.sum()
}

// keyed returns the digest of a struct with a Key, a Value and Headers with the same, such as kafka.Record, which this
// package cannot import.
func keyed(record reflect.Value) string {
	if record.Kind() != reflect.Struct {
		return ""
	}
	key, value, headers := record.FieldByName("Key"), record.FieldByName("Value"), record.FieldByName("Headers")
	if !isBytes(key) || !isBytes(value) || !headers.IsValid() || headers.Kind() != reflect.Slice {
		return ""
	}
	d := digest{sha256.New()}
	d.bytes(key.Bytes())
	d.bytes(value.Bytes())
	for i := range headers.Len() {
		h := headers.Index(i)
		if h.Kind() != reflect.Struct || !isBytes(h.FieldByName("Value")) || h.FieldByName("Key").Kind() != reflect.String {
			return ""
		}
		d.text(h.FieldByName("Key").String())
		d.bytes(h.FieldByName("Value").Bytes())
	}
	return d.sum()
}

func isBytes(v reflect.Value) bool {
	return v.IsValid() && v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8
}

// digest hashes the parts of a payload, each after its length.
type digest struct{ hash.Hash }

func (d digest) sum() string { return hex.EncodeToString(d.Sum(nil)[:8]) }

func (d digest) bytes(b []byte) {
	d.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
	d.Write(b)
}

// text hashes a text as JSON carries it.
func (d digest) text(s string) { d.bytes([]byte(carried(s))) }

// carried returns a text as it arrives: each byte that is not UTF-8 is the replacement character.
func carried(s string) string { return strings.Map(func(r rune) rune { return r }, s) }

// messageDigest is the digest of a message: that of the body, and after it that of all else.
func messageDigest(body, group string, attributes map[string]events.SQSMessageAttribute) string {
	d := digest{sha256.New()}
	d.text(group)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		d.text(name)
		d.text(a.DataType)
		if a.StringValue != nil {
			d.text(*a.StringValue)
		}
		d.bytes(a.BinaryValue)
	}
	return bodyDigest(body) + d.sum()[:8]
}

// bodyDigest is what the digest of a message begins with.
func bodyDigest(body string) string {
	d := digest{sha256.New()}
	d.text(body)
	return d.sum()[:8]
}

func (d digest) image(image map[string]events.DynamoDBAttributeValue) {
	if len(image) == 0 {
		d.bytes(nil)
		return
	}
	text, _ := json.Marshal(image) // its keys are sorted
	d.bytes(text)
}
