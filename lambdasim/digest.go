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

// Digest returns a text that represents the payload of a record in a history. It depends only on the sender's parts, so
// it is the same for every delivery: the body, group and message attributes of an SQS message; the partition key and
// data of a Kinesis record; the kind, keys and images of a change of an item; the key, value and headers of a Kafka
// record. It is empty for any other type.
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

// keyed returns the digest of a struct with the fields Key, Value and Headers, such as kafka.Record, which this package
// cannot import.
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

// text hashes a text as JSON transports it.
func (d digest) text(s string) { d.bytes([]byte(carried(s))) }

// carried returns a text as it arrives: the replacement character replaces each byte that is not UTF-8.
func carried(s string) string { return strings.Map(func(r rune) rune { return r }, s) }

// messageDigest returns the digest of a message: that of the body, followed by that of everything else.
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

// bodyDigest returns the beginning of a message's digest.
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
