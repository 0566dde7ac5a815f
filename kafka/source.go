package kafka

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
)

// Source reads events; it is a sources.Reader, for packages that build a processor of their own. New needs
// nothing of it. Its batches are in the order of topics by name, partitions by number and offsets, whatever the
// order of the event, and they are ordered by partition.
type Source struct{}

// Kind returns batch.Kafka.
func (Source) Kind() batch.Source { return batch.Kafka }

// located is a record whose place is known.
type located struct {
	place
	name   *string // of its partition, shared by all records of that
	at     span    // of its JSON
	record *Record // or the record
}

// Decode reads the bytes of an event. The error matches batch.ErrEvent.
//
// Nothing in the Batch refers to payload. Decode makes one copy of it, which the strings of all records share;
// keys, values and header values are apart from that, as are identifiers and groups.
func (s Source) Decode(payload []byte) (*sources.Batch[Record], error) {
	text, found, err := find(payload)
	if err != nil {
		return nil, batch.Because(batch.ErrEvent, err)
	}
	b := ordered(found, func(l *located) (Record, error) { return decode(l.at.of(text)) })
	b.Payload = func(i int) ([]byte, error) { return valueOf(found[i].at.of(text)) }
	return b, nil
}

// Read is Decode for an event that has been decoded already. The Batch refers to the event's records.
func (s Source) Read(event Event) (*sources.Batch[Record], error) {
	found, err := collect(event)
	if err != nil {
		return nil, batch.Because(batch.ErrEvent, err)
	}
	b := ordered(found, func(l *located) (Record, error) { return *l.record, nil })
	b.Payload = func(i int) ([]byte, error) { return bytes.Clone(found[i].record.Value), nil }
	return b, nil
}

// find returns a copy of the payload and the records in it.
func find(payload []byte) (text string, found []located, err error) {
	if len(payload) > math.MaxInt32 {
		return "", nil, fmt.Errorf("%d bytes where 2 GiB are the limit", len(payload))
	}
	if err := checked(payload); err != nil {
		return "", nil, err
	}
	text = string(payload)
	e, err := open(text)
	if err == nil {
		err = originates(e.source)
	}
	if err != nil {
		return "", nil, err
	}
	names := make(namer)
	for i, p := range e.partitions {
		for k, at := range elements(text, p.at.start) {
			if text[at.start] != '{' {
				return "", nil, recordError(i, k, kindOf(at.of(text))+" where an object was expected")
			}
			where, field, problem := locate(text, at)
			if problem != "" {
				return "", nil, recordError(i, k, strconv.Quote(field)+" is "+problem+untold)
			}
			found = append(found, located{place: where, at: at, name: names.of(where)})
		}
	}
	return text, found, nil
}

// collect returns the records of an event.
func collect(event Event) (found []located, err error) {
	if event.Records == nil {
		return nil, errors.New(`"records" is nil where a map was expected`)
	}
	if err := originates(event.EventSource); err != nil {
		return nil, err
	}
	names := make(namer)
	for i, name := range slices.Sorted(maps.Keys(event.Records)) {
		records := event.Records[name]
		for k := range records {
			r := &records[k]
			switch {
			case r.Topic == "":
				return nil, recordError(i, k, `"topic" is missing or empty`+untold)
			case r.Partition < 0 || r.Offset < 0:
				return nil, recordError(i, k, `"partition" or "offset" is negative`+untold)
			}
			where := place{r.Topic, r.Partition, r.Offset}
			found = append(found, located{place: where, record: r, name: names.of(where)})
		}
	}
	return found, nil
}

const untold = "; Lambda could not be told of a failure of this record"

func recordError(partition, record int, problem string) error {
	return fmt.Errorf(`record %d of partition %d in "records": %s`, record, partition, problem)
}

// originates refuses the events of other sources.
func originates(source string) error {
	switch source {
	case "", managed, selfManaged:
		return nil
	default:
		return errors.New(`"eventSource" is ` + sources.OriginName(source) + " where " + managed + " or " + selfManaged + " was expected")
	}
}

// namer makes one name for all records of a partition.
type namer map[place]*string

func (n namer) of(p place) *string {
	p.offset = 0
	name, ok := n[p]
	if !ok {
		name = new(partitionName(p.topic, p.partition))
		n[p] = name
	}
	return name
}

// ordered puts the records in order, and groups them by partition.
func ordered(found []located, record func(*located) (Record, error)) *sources.Batch[Record] {
	slices.SortStableFunc(found, func(a, b located) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
	return &sources.Batch[Record]{
		IDs:   identifiers(found),
		Open:  func(i int) (Record, error) { return record(&found[i]) },
		Group: func(i int) (string, bool) { return *found[i].name, true },
	}
}

// identifiers makes those of all records in one piece of memory.
func identifiers(found []located) []string {
	var text []byte
	ends := make([]int, len(found))
	for i := range found {
		text = append(append(text, *found[i].name...), '@')
		text = strconv.AppendInt(text, found[i].offset, 10)
		ends[i] = len(text)
	}
	all, ids, start := string(text), make([]string, len(found)), 0
	for i, end := range ends {
		ids[i], start = all[start:end], end
	}
	return ids
}

// valueOf reads the value alone of a record's JSON, in bytes of its own; nil for a tombstone.
func valueOf(text string) (value []byte, err error) {
	for key, at := range members(text, root(text).start) {
		if fieldOf(key) != valueField {
			continue
		}
		var problem string
		if value, problem = base64Bytes(at.of(text)); problem != "" {
			return nil, &batch.DecodeError{Field: fieldNames[valueField], Offset: int64(at.start), Problem: problem}
		}
	}
	return value, nil
}
