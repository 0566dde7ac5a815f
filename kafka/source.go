package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/sources"
)

// Source reads events; it is a sources.Reader, for packages that build a processor of their own. New needs
// nothing of it. Its batches are in the order of topics by name, partitions by number and offsets, whatever the
// order of the event, and they are ordered by partition.
type Source struct{}

// Kind returns messages.Kafka.
func (Source) Kind() messages.Source { return messages.Kafka }

// located is a record whose place is known.
type located struct {
	place
	name   *string // of its partition, shared by all records of that
	at     span    // of its JSON
	record *Record // or the record
}

// Decode reads the bytes of an event. The error matches messages.ErrEvent.
//
// Nothing in the Batch refers to payload. Decode makes one copy of it, which the strings of all records share;
// keys, values and header values are apart from that, as are identifiers and groups.
func (s Source) Decode(payload []byte, g sources.Grouping[Record]) (*sources.Batch[Record], error) {
	text, found, err := find(payload)
	if err != nil {
		return nil, messages.Because(messages.ErrEvent, err)
	}
	b := batch(found, g, func(l *located) (Record, error) { return decode(l.at.of(text)) })
	return b, nil
}

// Read is Decode for an event that has been decoded already. The Batch refers to the event's records.
func (s Source) Read(event Event, g sources.Grouping[Record]) (*sources.Batch[Record], error) {
	found, err := collect(event)
	if err != nil {
		return nil, messages.Because(messages.ErrEvent, err)
	}
	return batch(found, g, func(l *located) (Record, error) { return *l.record, nil }), nil
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

// batch puts the records in order.
func batch(found []located, g sources.Grouping[Record], record func(*located) (Record, error)) *sources.Batch[Record] {
	slices.SortStableFunc(found, func(a, b located) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
	b := &sources.Batch[Record]{
		Results: make([]messages.Result, len(found)),
		Record:  func(i int) (Record, error) { return record(&found[i]) },
	}
	for i, id := range identifiers(found) {
		b.Results[i].ID = id
	}
	b.Arrange(g, true, func(i int) (string, bool) { return *found[i].name, true })
	return b
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
