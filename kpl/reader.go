package kpl

import (
	"bytes"
	"slices"

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

// unpacked is a batch with its user records. What is kept of each is small, since there may be hundreds of thousands.
type unpacked struct {
	carriers []carrier
	users    []user
}

// carrier is a record of the stream.
type carrier struct {
	record events.KinesisEventRecord
	err    error  // of one that cannot be decoded or unpacked
	text   []byte // the message of an aggregate, a part of the record's data
	tables
}

// user is a user record.
type user struct {
	span
	carrier int32 // index
	sub     int32 // −1 if the carrier is a plain record, or cannot be read
}

// expand makes a batch of user records. They are unpacked at once, since how many there are is not known
// before; what the handlers are given is made when their turn has come.
func expand(carried *sources.Batch[events.KinesisEventRecord], err error) (*sources.Batch[UserRecord], error) {
	if err != nil {
		return nil, err
	}
	u := &unpacked{carriers: make([]carrier, len(carried.IDs))}
	for i := range u.carriers {
		c := &u.carriers[i]
		c.record, c.err = carried.Open(i)
		u.add(int32(i), c)
	}
	b := &sources.Batch[UserRecord]{
		IDs: make([]string, len(u.users)), Open: u.record, Payload: u.payload, Group: u.group,
		Ordered: carried.Ordered, Unordered: carried.Unordered, NoLowest: carried.NoLowest,
		Within: carried.Within, NoResponse: carried.NoResponse, Notes: carried.Notes,
	}
	if carried.Text != nil {
		b.Text = func(i int) []byte { return carried.Text(int(u.users[i].carrier)) }
	}
	for i := range u.users {
		b.IDs[i] = carried.IDs[u.users[i].carrier]
	}
	return b, nil
}

// add unpacks a carrier.
func (u *unpacked) add(index int32, c *carrier) {
	text, aggregated := message(c.record.Kinesis.Data)
	var records []span
	if c.err == nil && aggregated {
		var err error
		c.tables, records, err = unpack(text)
		if _, none := err.(noAggregate); err != nil && !none {
			c.err = &batch.DecodeError{Field: "kinesis.data", Offset: -1, Problem: "an aggregate of the Kinesis Producer Library that cannot be unpacked: " + err.Error()}
		}
		if err != nil {
			records = nil
		}
	}
	if records == nil {
		u.users = append(u.users, user{carrier: index, sub: -1})
		return
	}
	c.text = text
	u.users = slices.Grow(u.users, len(records))
	for sub, record := range records {
		u.users = append(u.users, user{record, index, int32(sub)})
	}
}

// of returns user record i, and the record that carries it.
func (u *unpacked) of(i int) (*user, *carrier) {
	from := &u.users[i]
	return from, &u.carriers[from.carrier]
}

// read reads a user record, which has been read without an error before.
func (c *carrier) read(from *user) packed {
	record, _ := readRecord(c.text[from.start:from.end])
	return record
}

func (u *unpacked) record(i int) (UserRecord, error) {
	from, c := u.of(i)
	if c.err != nil {
		return UserRecord{}, c.err
	}
	r := UserRecord{KinesisEventRecord: c.record}
	if from.sub >= 0 {
		written := c.read(from)
		r.Aggregated, r.SubSequenceNumber = true, int(from.sub)
		r.Kinesis.Data, r.Kinesis.PartitionKey = written.data, c.keys[from.key]
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
	switch from, c := u.of(i); {
	case c.err != nil:
		return nil, c.err
	case from.sub >= 0:
		return bytes.Clone(c.read(from).data), nil
	default:
		return bytes.Clone(c.record.Kinesis.Data), nil
	}
}

// group returns the partition key of user record i.
func (u *unpacked) group(i int) (string, bool) {
	switch from, c := u.of(i); {
	case c.err != nil: // there may have been any key in it
		return "", false
	case from.sub >= 0:
		return c.keys[from.key], true
	default:
		return c.record.Kinesis.PartitionKey, true
	}
}
