package kpl

import (
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/sources"
)

// reader reads batches of Kinesis as user records.
type reader struct {
	source *sources.Source[events.KinesisEvent, events.KinesisEventRecord]
}

func (r reader) Kind() messages.Source { return r.source.Kind() }

func (r reader) Decode(payload []byte, g sources.Grouping[UserRecord]) (*sources.Batch[UserRecord], error) {
	carried, err := r.source.Decode(payload, sources.Grouping[events.KinesisEventRecord]{Off: true})
	if err != nil {
		return nil, err
	}
	return expand(carried, g), nil
}

func (r reader) Read(event events.KinesisEvent, g sources.Grouping[UserRecord]) (*sources.Batch[UserRecord], error) {
	carried, err := r.source.Read(event, sources.Grouping[events.KinesisEventRecord]{Off: true})
	if err != nil {
		return nil, err
	}
	return expand(carried, g), nil
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
func expand(carried *sources.Batch[events.KinesisEventRecord], g sources.Grouping[UserRecord]) *sources.Batch[UserRecord] {
	u := &unpacked{carriers: make([]events.KinesisEventRecord, len(carried.Results))}
	for i := range u.carriers {
		record, err := carried.Record(i)
		u.carriers[i] = record
		u.add(i, err)
	}
	b := &sources.Batch[UserRecord]{
		Results: make([]messages.Result, len(u.users)),
		Ordered: !g.Off,
		Barrier: len(u.users),
		Record:  u.record,
	}
	for i := range u.users {
		b.Results[i].ID = carried.Results[u.users[i].carrier].ID
	}
	switch {
	case g.Off:
	case g.By != nil:
		b.GroupBy(g.By)
	default:
		u.group(b)
	}
	return b
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
	if err != nil {
		plain.err = &messages.DecodeError{Field: "kinesis.data", Offset: -1, Problem: "an aggregate of the Kinesis Producer Library that cannot be unpacked: " + err.Error()}
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
		r.ExplicitHashKey, r.Tags = from.hashKey, from.tags
	}
	return r, nil
}

// group sets the groups: the partition keys of the user records.
func (u *unpacked) group(b *sources.Batch[UserRecord]) {
	for i := range u.users {
		switch from := &u.users[i]; {
		case from.err != nil: // there may have been any key in it
			b.Barrier = min(b.Barrier, i)
		case from.sub >= 0:
			b.Results[i].Group = from.key
		default: // a copy, so that a report does not keep the whole event
			b.Results[i].Group = strings.Clone(u.carriers[from.carrier].Kinesis.PartitionKey)
		}
	}
}
