package properties

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kpl"
	"github.com/troupe-go/troupe/test/properties/model"
)

// packing is what a record of a stream is that may carry user records.
type packing uint8

const (
	plain    packing = iota // a user record of its own
	packed                  // an aggregate
	corrupt                 // an aggregate with a wrong sum: the same as a plain record
	foreign                 // something with a right sum that is no aggregate: the same
	unusable                // an aggregate with a key that is not in its tables
)

// carrier is the record of the stream that a user record is carried by.
type carrier struct {
	first, users int // the first of its user records, and how many there are
	packing      packing
	form         int // of what is unusable or foreign
}

// drawCarriers divides the records of a batch among records of a stream. Those of an aggregate share its
// sequence number.
func (b *batch) drawCarriers(t *rapid.T) {
	n := len(b.Records)
	ids := drawIDs(t, n)
	for first := 0; first < n; {
		c := carrier{first: first, users: 1, packing: oneOfThese(t, "packing", packed, plain, packed, packed, packed, plain, corrupt, unusable, foreign, packed)}
		switch c.packing {
		case packed:
			c.users = min(n-first, rapid.IntRange(1, 5).Draw(t, "user records"))
		case foreign:
			c.form = rapid.IntRange(0, len(foreigners)-1).Draw(t, "form")
		case unusable:
			c.form = rapid.IntRange(0, len(unusables)-1).Draw(t, "form")
			b.unreadable(first, model.Undecodable)
			b.Records[first].Ungrouped = true
		}
		for range c.users {
			b.carriers = append(b.carriers, c)
			b.ids = append(b.ids, ids[first])
		}
		first += c.users
	}
}

// unusables are aggregates with a key that is not in a table.
var unusables = []string{
	bytesField(3, numberField(1, 0)+bytesField(3, "data")),
	bytesField(1, "key") + bytesField(3, numberField(1, 1)+bytesField(3, "data")),
	bytesField(1, "key") + bytesField(3, numberField(1, 0)+numberField(2, 0)+bytesField(3, "data")),
}

// foreigners are messages that are no aggregates.
var foreigners = []string{
	bytesField(1, "key"), // without a user record
	bytesField(1, "key") + bytesField(3, numberField(1, 0)),                       // without data
	bytesField(1, "key") + bytesField(3, bytesField(3, "data")),                   // without a key
	bytesField(1, "key") + "\x1a\x7fcut",                                          // cut short
	bytesField(1, "key") + bytesField(3, numberField(1, 0)+bytesField(3, "")[:1]), // cut short within
}

// The format is that of aggregation-format.md in github.com/awslabs/amazon-kinesis-producer.

func numberField(number byte, n int) string {
	return string(binary.AppendUvarint([]byte{number << 3}, uint64(n)))
}

func bytesField(number byte, of string) string {
	return string(binary.AppendUvarint([]byte{number<<3 | 2}, uint64(len(of)))) + of
}

func sealed(message string) string {
	sum := md5.Sum([]byte(message))
	return "\xf3\x89\x9a\xc2" + message + string(sum[:])
}

// hashKey is the explicit hash key of a user record; some have none.
func hashKey(i int) string {
	if i%3 > 0 {
		return ""
	}
	return strconv.Itoa(i * 1000)
}

// tags are those of a user record; some have none.
func tags(i int) []kpl.Tag {
	if i%4 > 0 {
		return nil
	}
	return []kpl.Tag{{Key: "no", Value: strconv.Itoa(i)}, {Key: "without a value"}}
}

// aggregate packs the user records of a carrier.
func (s *stage) aggregate(no int, c carrier) string {
	var keys, hashKeys []string
	var records string
	for i := c.first; i < c.first+c.users; i++ {
		key := s.group(s.batches[no], i)
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
		record := numberField(1, slices.Index(keys, key))
		if explicit := hashKey(i); explicit != "" {
			record += numberField(2, len(hashKeys))
			hashKeys = append(hashKeys, explicit)
		}
		record += bytesField(3, payload(no, i))
		for _, tag := range tags(i) {
			of := bytesField(1, tag.Key)
			if tag.Value != "" {
				of += bytesField(2, tag.Value)
			}
			record += bytesField(4, of)
		}
		records += bytesField(3, record)
	}
	var tables string
	for _, key := range keys {
		tables += bytesField(1, key)
	}
	for _, key := range hashKeys {
		tables += bytesField(2, key)
	}
	return sealed(tables + records)
}

// data is what a record of the stream carries.
func (s *stage) data(no int, c carrier) string {
	switch c.packing {
	case packed:
		return s.aggregate(no, c)
	case corrupt:
		data := []byte(s.aggregate(no, c))
		data[len(data)-1]++
		return string(data)
	case foreign:
		return sealed(foreigners[c.form])
	case unusable:
		return sealed(unusables[c.form])
	default:
		return payload(no, c.first)
	}
}

func (s *stage) kplEvent(no int) events.KinesisEvent {
	event := events.KinesisEvent{Records: []events.KinesisEventRecord{}}
	b := s.batches[no]
	for i, c := range b.carriers {
		if i != c.first {
			continue
		}
		r := events.KinesisEventRecord{EventSource: "aws:kinesis", EventID: shard + ":" + b.ids[i], AwsRegion: payload(no, i)}
		r.Kinesis = events.KinesisRecord{SequenceNumber: b.ids[i], PartitionKey: "a", Data: []byte(s.data(no, c))}
		if c.packing != packed {
			r.Kinesis.PartitionKey = s.group(s.batches[no], i)
		}
		if b.spoiled[i] {
			r.Kinesis.Data = []byte(undecodable)
		}
		event.Records = append(event.Records, r)
	}
	return event
}

// user finds a user record in the plan.
func (s *stage) user(r kpl.UserRecord) (no, i int) {
	no, i = place(r.AwsRegion)
	return no, i + r.SubSequenceNumber
}

func (s *stage) kplProcessor(options []troupe.Option) func(context.Context, int) ([]string, error) {
	if s.order == grouped {
		options = append(options, troupe.WithGroup(func(r kpl.UserRecord) string {
			no, i := s.user(r)
			return s.batches[no].Records[i].Group
		}))
	}
	p := kpl.Kinesis(func(ctx context.Context, r kpl.UserRecord) error {
		no, i := s.user(r)
		s.lookAt(r, no, i)
		return s.handle(ctx, payload(no, i))
	}, options...)
	return invoker(s, p, s.kplEvent, func(r events.KinesisEventResponse) []string {
		return identifiers(r.BatchItemFailures, func(f events.KinesisBatchItemFailure) string { return f.ItemIdentifier })
	})
}

// lookAt complains if a user record is not what was packed.
func (s *stage) lookAt(r kpl.UserRecord, no, i int) {
	b := s.batches[no]
	c := b.carriers[i]
	want := kpl.UserRecord{KinesisEventRecord: r.KinesisEventRecord}
	want.Kinesis.SequenceNumber, want.Kinesis.PartitionKey, want.Kinesis.Data = b.ids[i], s.group(s.batches[no], i), []byte(s.data(no, c))
	if c.packing == packed {
		want.Aggregated, want.SubSequenceNumber, want.ExplicitHashKey, want.Tags = true, i-c.first, hashKey(i), tags(i)
		want.Kinesis.Data = []byte(payload(no, i))
	}
	if text(r) != text(want) || r.ID() != b.ids[i]+":"+strconv.Itoa(want.SubSequenceNumber) {
		s.came[no].complain("user record %d is %s, %s was packed", i, text(r), text(want))
	}
}
