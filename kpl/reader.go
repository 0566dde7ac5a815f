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

func (r reader) Decode(payload []byte) (*sources.Batch[UserRecord], error) {
	return expand(r.source.Decode(payload))
}

func (r reader) Read(event events.KinesisEvent) (*sources.Batch[UserRecord], error) {
	return expand(r.source.Read(event))
}

// unpacked is a batch with its user records.
type unpacked struct {
	carriers []events.KinesisEventRecord
	users    []user
}

// user is a user record, or what cannot be read as one.
type user struct {
	packed
	err     error
	carrier int32 // index
	sub     int32 // −1 if the carrier is a plain record
}

// expand makes a batch of user records. They are unpacked at once, since how many there are is not known
// before; what the handlers are given is made when their turn has come.
func expand(carried *sources.Batch[events.KinesisEventRecord], err error) (*sources.Batch[UserRecord], error) {
	if err != nil {
		return nil, err
	}
	u := &unpacked{carriers: make([]events.KinesisEventRecord, len(carried.IDs))}
	for i := range u.carriers {
		record, err := carried.Open(i)
		u.carriers[i] = record
		u.add(i, err)
	}
	b := &sources.Batch[UserRecord]{
		IDs: make([]string, len(u.users)), Open: u.record, Payload: u.payload, Group: u.group,
		Ordered: carried.Ordered, Unordered: carried.Unordered, NoLowest: carried.NoLowest,
	}
	if carried.Text != nil {
		b.Text = func(i int) []byte { return carried.Text(int(u.users[i].carrier)) }
	}
	for i := range u.users {
		b.IDs[i] = carried.IDs[u.users[i].carrier]
	}
	return b, nil
}

// add unpacks the carrier with that index. err says that it cannot be decoded.
func (u *unpacked) add(carrier int, err error) {
	plain := user{carrier: int32(carrier), sub: -1, err: err}
	text, aggregated := message(u.carriers[carrier].Kinesis.Data)
	if err != nil || !aggregated {
		u.users = append(u.users, plain)
		return
	}
	records, err := unpack(text)
	if _, none := err.(noAggregate); none {
		u.users = append(u.users, plain)
		return
	}
	if err != nil {
		plain.err = &batch.DecodeError{Field: "kinesis.data", Offset: -1, Problem: "an aggregate of the Kinesis Producer Library that cannot be unpacked: " + err.Error()}
		u.users = append(u.users, plain)
		return
	}
	for sub, record := range records {
		u.users = append(u.users, user{packed: record, carrier: int32(carrier), sub: int32(sub)})
	}
}

func (u *unpacked) record(i int) (UserRecord, error) {
	from := &u.users[i]
	if from.err != nil {
		return UserRecord{}, from.err
	}
	r := UserRecord{KinesisEventRecord: u.carriers[from.carrier]}
	if from.sub >= 0 {
		r.Aggregated, r.SubSequenceNumber = true, int(from.sub)
		r.Kinesis.Data, r.Kinesis.PartitionKey = from.data, from.key
		r.ExplicitHashKey, r.Tags = from.hashKey, slices.Clone(from.tags)
	}
	// Each attempt has its own: what one changes in place the next must not see.
	r.Kinesis.Data = bytes.Clone(r.Kinesis.Data)
	return r, nil
}

// payload returns the data of user record i.
func (u *unpacked) payload(i int) ([]byte, error) {
	switch from := &u.users[i]; {
	case from.err != nil:
		return nil, from.err
	case from.sub >= 0:
		return bytes.Clone(from.data), nil
	default:
		return bytes.Clone(u.carriers[from.carrier].Kinesis.Data), nil
	}
}

// group returns the partition key of user record i.
func (u *unpacked) group(i int) (string, bool) {
	switch from := &u.users[i]; {
	case from.err != nil: // there may have been any key in it
		return "", false
	case from.sub >= 0:
		return from.key, true
	default:
		return u.carriers[from.carrier].Kinesis.PartitionKey, true
	}
}
