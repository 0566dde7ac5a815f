package kpl

import (
	"bytes"
	"sort"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
)

// reader reads batches of Kinesis as user records.
type reader struct {
	source *sources.Source[events.KinesisEvent, events.KinesisEventRecord]
}

func (r reader) Kind() batch.Source { return r.source.Kind() }

func (r reader) Limits() sources.Limits { return r.source.Limits() }

func (r reader) Decode(payload []byte) (*sources.Batch[UserRecord], error) {
	return expand(r.source.Decode(payload))
}

func (r reader) Read(event events.KinesisEvent) (*sources.Batch[UserRecord], error) {
	return expand(r.source.Read(event))
}

// unpacked is a batch with its user records. It stores little per record, since there may be hundreds of thousands.
type unpacked struct{ carriers []carrier }

// carrier is a record of the stream, with its user records.
type carrier struct {
	record events.KinesisEventRecord
	err    error  // of one that cannot be decoded or unpacked
	text   []byte // the message of an aggregate, a part of the record's data
	tables
	users []span // none for a plain record, and for one that cannot be read
	first int    // index in the batch of its first user record
}

// expand makes a batch of user records. It unpacks them at once, since their number is not known before;
// the handlers' values are made when the records start.
func expand(carried *sources.Batch[events.KinesisEventRecord], err error) (*sources.Batch[UserRecord], error) {
	if err != nil {
		return nil, err
	}
	u := &unpacked{make([]carrier, len(carried.IDs))}
	all := 0
	for i := range u.carriers {
		c := &u.carriers[i]
		c.record, c.err = carried.Open(i)
		c.unpack()
		c.first = all
		all += max(1, len(c.users))
	}
	b := &sources.Batch[UserRecord]{
		IDs: make([]string, 0, all), Open: u.record, Payload: u.payload, Group: u.group,
		Ordered: carried.Ordered, Unordered: carried.Unordered, NoLowest: carried.NoLowest,
		Within: carried.Within, NoResponse: carried.NoResponse, Notes: carried.Notes,
	}
	if carried.Text != nil {
		b.Text = func(i int) []byte { return carried.Text(u.carrierOf(i)) }
	}
	for i := range u.carriers {
		for range max(1, len(u.carriers[i].users)) {
			b.IDs = append(b.IDs, carried.IDs[i])
		}
	}
	return b, nil
}

// unpack reads the user records of an aggregate.
func (c *carrier) unpack() {
	text, aggregated := message(c.record.Kinesis.Data)
	if c.err != nil || !aggregated {
		return
	}
	tables, users, err := unpack(text)
	if _, none := err.(noAggregate); none {
		return
	}
	if err != nil {
		c.err = &batch.DecodeError{Field: "kinesis.data", Offset: -1, Problem: "an aggregate of the Kinesis Producer Library that cannot be unpacked: " + err.Error()}
		return
	}
	c.text, c.tables, c.users = text, tables, users
}

// carrierOf returns the index of the carrier of user record i: the last one that begins at it or before.
func (u *unpacked) carrierOf(i int) int {
	return sort.Search(len(u.carriers), func(k int) bool { return u.carriers[k].first > i }) - 1
}

// of returns the carrier of user record i, and where in it the record is; nil if the carrier is a plain record, or
// cannot be read.
func (u *unpacked) of(i int) (c *carrier, at *span, sub int) {
	c = &u.carriers[u.carrierOf(i)]
	if c.users == nil {
		return c, nil, 0
	}
	sub = i - c.first
	return c, &c.users[sub], sub
}

// read reads a user record, which has been read without an error before.
func (c *carrier) read(at *span) packed {
	record, _ := readRecord(c.text[at.start:at.end])
	return record
}

func (u *unpacked) record(i int) (UserRecord, error) {
	c, at, sub := u.of(i)
	if c.err != nil {
		return UserRecord{}, c.err
	}
	r := UserRecord{KinesisEventRecord: c.record}
	if at != nil {
		written := c.read(at)
		r.Aggregated, r.SubSequenceNumber = true, sub
		r.Kinesis.Data, r.Kinesis.PartitionKey = written.data, c.keys[at.key]
		r.Tags = written.tags
		if written.explicit {
			r.ExplicitHashKey = c.hashKeys[written.hashKeyIndex]
		}
	}
	// Each attempt has its own: what one changes in place the next must not see.
	r.Kinesis.Data = bytes.Clone(r.Kinesis.Data)
	return r, nil
}

// payload returns the data of user record i.
func (u *unpacked) payload(i int) ([]byte, error) {
	switch c, at, _ := u.of(i); {
	case c.err != nil:
		return nil, c.err
	case at != nil:
		return bytes.Clone(c.read(at).data), nil
	default:
		return bytes.Clone(c.record.Kinesis.Data), nil
	}
}

// group returns the partition key of user record i.
func (u *unpacked) group(i int) (string, bool) {
	switch c, at, _ := u.of(i); {
	case c.err != nil: // there may have been any key in it
		return "", false
	case at != nil:
		return c.keys[at.key], true
	default:
		return c.record.Kinesis.PartitionKey, true
	}
}
