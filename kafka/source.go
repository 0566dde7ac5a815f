package kafka

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonscan"
	"github.com/troupe-go/troupe/sources"
)

// Source reads events. It is a sources.Reader for packages that build their own processors; New uses it
// internally. Its batches are sorted by topic name, partition number and offset, whatever the order of the
// event, and ordered by partition.
type Source struct{}

// Kind returns batch.Kafka.
func (Source) Kind() batch.Source { return batch.Kafka }

// Limits allows every option.
func (Source) Limits() sources.Limits { return sources.Limits{NotAnEvent: sources.WithoutRecords} }

// located is a record whose position is known.
type located struct {
	place
	name   *string // of its partition, shared by all records of that
	at     span    // of its JSON
	value  span    // of its value's JSON
	values int     // how many values it has: encoding/json takes the last
	record *Record // or the record
}

// Decode reads the bytes of an event, or of the bare array of an EventBridge pipe. The error matches batch.ErrEvent.
//
// Nothing in the Batch refers to payload. Decode makes one copy of it, which the strings of all records share;
// keys, values, header values, identifiers and groups are separate copies.
func (s Source) Decode(payload []byte) (*sources.Batch[Record], error) {
	text, found, piped, err := find(payload)
	if err != nil {
		return nil, batch.Because(batch.ErrEvent, err)
	}
	b := ordered(found, func(l *located) (Record, string, error) { return decode(l.at.of(text), l.place) })
	b.Payload = func(i int) ([]byte, error) { return found[i].payload(text) }
	b.Text = func(i int) []byte { return []byte(found[i].at.of(text)) }
	if piped {
		b.NoLowest, b.Within = true, pipeWithin
		b.NoResponse = "the event is the array of a pipe, which after any failure has to deliver all of it again: for Kafka a pipe knows no partial batch response"
	}
	return b, nil
}

// Read is like Decode, for an event that is already decoded. The Batch refers to the event's records.
func (s Source) Read(event Event) (*sources.Batch[Record], error) {
	found, err := collect(event)
	if err != nil {
		return nil, batch.Because(batch.ErrEvent, err)
	}
	b := ordered(found, func(l *located) (Record, string, error) { return *l.record, "", nil })
	b.Payload = func(i int) ([]byte, error) { return bytes.Clone(found[i].record.Value), nil }
	b.Text = func(i int) []byte {
		text, _ := json.Marshal(found[i].record) // nil if it cannot be encoded
		return text
	}
	return b, nil
}

// pipeWithin is how long a pipe of EventBridge waits for the response of a function.
const pipeWithin = 5 * time.Minute

// find returns a copy of the payload, the records in it, and whether a pipe has sent it.
func find(payload []byte) (text string, found []located, piped bool, err error) {
	if len(payload) > math.MaxInt32 {
		return "", nil, false, fmt.Errorf("%d bytes; must be less than 2 GiB", len(payload))
	}
	text = string(payload)
	var (
		bad         error // the first record that could not be reported
		in, records int   // the partition that is scanned, and how many of its records have been
		names       = make(namer)
		f           = finder{Scanner: jsonscan.Scanner{Text: text}, array: true}
	)
	f.record = func(i int) int {
		if p := len(f.partitions) - 1; p != in {
			in, records = p, 0
		}
		l, end, problem := f.locate(i)
		switch {
		case end < 0:
		case problem != "":
			if bad == nil {
				bad = recordError(in, records, problem)
				if f.bare {
					bad = fmt.Errorf("record %d: %s", records, problem)
				}
			}
		default:
			l.name = names.of(l.place)
			found = append(found, l)
		}
		records++
		return end
	}
	err = f.event()
	if err == nil {
		err = originates(f.source)
	}
	if err == nil {
		err = bad
	}
	if err != nil {
		return "", nil, false, err
	}
	return text, found, f.bare, nil
}

// locate scans the record at i and reads what identifies it.
func (f *finder) locate(i int) (l located, end int, problem string) {
	l.at.start = i
	if !f.Is(i, '{') {
		if end = f.Value(i, f.depth); end < 0 {
			return l, end, ""
		}
		return l, end, kindOf(f.Text[i:]) + " where an object was expected"
	}
	var (
		where  locator
		origin error // of a pipe's record, which has what is the event's elsewhere
	)
	i, more := f.First(i, '}', f.depth)
	for guess := 0; more; guess++ {
		start := i
		if i, _ = f.Quote(i); i < 0 {
			return l, i, ""
		}
		key := f.Unquote(start, i)
		guess = fieldOf(key, guess)
		if i = f.Colon(i); i < 0 {
			return l, i, ""
		}
		start = i
		if i = f.Value(i, f.depth+1); i < 0 {
			return l, i, ""
		}
		where.take(guess, f.Text[start:i])
		if f.bare && f.Text[start] == '"' && strings.EqualFold(key, "eventSource") {
			origin = originates(unquote(f.Text[start:i]))
		}
		if guess == valueField {
			l.value = span{start, i}
			l.values++
		}
		i, more = f.Next(i, '}')
	}
	if i < 0 {
		return l, i, ""
	}
	l.at.end = i
	if origin != nil {
		return l, i, origin.Error()
	}
	var field string
	if l.place, field, problem = where.place(); problem != "" {
		problem = strconv.Quote(field) + " is " + problem + untold
	}
	return l, i, problem
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

const untold = ", so that its failure could not be reported"

func recordError(partition, record int, problem string) error {
	return fmt.Errorf(`record %d of partition %d in "records": %s`, record, partition, problem)
}

// originates refuses the events of other sources.
func originates(source string) error {
	switch source {
	case "", managed, selfManaged, selfManagedPrefix:
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
func ordered(found []located, record func(*located) (Record, string, error)) *sources.Batch[Record] {
	slices.SortStableFunc(found, func(a, b located) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
	var noted sources.Notes
	return &sources.Batch[Record]{
		IDs: identifiers(found),
		Open: func(i int) (Record, error) {
			r, note, err := record(&found[i])
			noted.Put(i, note)
			return r, err
		},
		Group: func(i int) (string, bool) { return *found[i].name, true },
		Notes: noted.All,
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

// payload returns the value of the record alone, as decode would.
func (l *located) payload(text string) ([]byte, error) {
	if l.values == 0 {
		return nil, nil
	}
	if l.values > 1 {
		r, _, err := decode(l.at.of(text), l.place)
		return r.Value, err
	}
	value, problem := base64Bytes(l.value.of(text))
	if problem != "" {
		return nil, &batch.DecodeError{Field: fieldNames[valueField], Offset: int64(l.value.start - l.at.start), Problem: problem}
	}
	return value, nil
}
