package kafka

import (
	"errors"
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/internal/jsonscan"
)

// The event sources that send Kafka's events.
const (
	managed           = "aws:kafka"            // Amazon MSK
	selfManaged       = "SelfManagedKafka"     // any other cluster
	selfManagedPrefix = "aws:SelfManagedKafka" // the same, as some emulators and samples have it
)

// Event is what Lambda sends for a batch of Kafka records. Decoding and encoding an Event loses only the
// members for which Event has no field.
type Event struct {
	// EventSource is aws:kafka for Amazon MSK and SelfManagedKafka for other clusters.
	EventSource string `json:"eventSource"`
	// EventSourceARN is the ARN of the MSK cluster; other clusters have none.
	EventSourceARN string `json:"eventSourceArn,omitempty"`
	// BootstrapServers are the brokers' addresses, with commas between them.
	BootstrapServers string `json:"bootstrapServers"`
	// Records has the records by partition, under names such as "orders-0" for partition 0 of topic orders.
	// A record is identified by its own Topic, Partition and Offset, not by its place here.
	Records map[string][]Record `json:"records"`
}

// UnmarshalJSON reads an event. Unlike encoding/json it rejects duplicate partitions and a duplicate records
// member, since records would be lost.
func (e *Event) UnmarshalJSON(raw []byte) error {
	text := string(raw)
	if text == "null" {
		return nil
	}
	var records [][]span // by partition
	f := finder{Scanner: jsonscan.Scanner{Text: text}}
	f.record = func(i int) int {
		end := f.Value(i, recordDepth)
		for len(records) < len(f.partitions) {
			records = append(records, nil)
		}
		records[len(f.partitions)-1] = append(records[len(f.partitions)-1], span{i, end})
		return end
	}
	if err := f.event(); err != nil {
		return fmt.Errorf("troupe: a Kafka event cannot be decoded: %w", err)
	}
	event := Event{EventSource: f.source, EventSourceARN: f.arn, BootstrapServers: f.servers, Records: make(map[string][]Record, len(f.partitions))}
	for p, name := range f.partitions {
		list := []Record{}
		if p < len(records) {
			for _, at := range records[p] {
				var r Record
				if err := r.UnmarshalJSON([]byte(at.of(text))); err != nil {
					return err
				}
				list = append(list, r)
			}
		}
		event.Records[name] = list
	}
	*e = event
	return nil
}

// finder scans an event once: it checks that the text is JSON and finds the records.
type finder struct {
	jsonscan.Scanner
	source, arn, servers string
	partitions           []string // their names, in the order of the event; nil if there are no records
	// record scans the element at i of the array of the last partition, and returns the index after its end, or
	// −1.
	record func(i int) (end int)
	flaw   error // the first thing that is JSON but no event

	array bool // a bare array is taken, as a pipe sends it
	bare  bool // one has come; its records are in the one partition, which has no name
	depth int  // of the records, for jsonscan
}

// The depths of the values in an event, for jsonscan.
const (
	recordsDepth = iota + 1
	partitionDepth
	recordDepth

	pipedDepth = 1 // of a record in a bare array
)

func (f *finder) mark(flaw error) {
	if f.flaw == nil {
		f.flaw = flaw
	}
}

// event scans the whole text. The error is that the text is not JSON, or that it is not an event.
func (f *finder) event() error {
	i := f.Space(0)
	f.depth = recordDepth
	switch {
	case f.Is(i, '{'):
		i = f.members(i)
	case f.array && f.Is(i, '['):
		f.bare, f.depth = true, pipedDepth
		f.partitions = []string{""}
		i = f.list(i, 0)
	default:
		start := i
		if i = f.Value(i, 0); i >= 0 {
			f.mark(fmt.Errorf(`the event is %s where an object with "records" was expected`, kindOf(f.Text[start:])))
		}
	}
	if i >= 0 {
		i = f.End(i)
	}
	if i < 0 {
		return f.Err()
	}
	if f.partitions == nil {
		f.mark(errors.New(`"records" is missing`))
	}
	return f.flaw
}

func (f *finder) members(i int) int {
	return f.Object(i, 0, func(key string, at int) int {
		if strings.EqualFold(key, "records") { // as encoding/json does, in any case
			return f.records(at)
		}
		end := f.Value(at, 1)
		if end < 0 {
			return end
		}
		switch value := f.Text[at:end]; {
		case strings.EqualFold(key, "eventSource"):
			f.name(&f.source, "eventSource", value)
		case strings.EqualFold(key, "eventSourceArn"):
			f.name(&f.arn, "eventSourceArn", value)
		case strings.EqualFold(key, "bootstrapServers"):
			f.name(&f.servers, "bootstrapServers", value)
		}
		return end
	})
}

// name reads a string of the event; null leaves it alone.
func (f *finder) name(into *string, field, value string) {
	switch value[0] {
	case '"':
		*into = unquote(value)
	case 'n':
	default:
		f.mark(fmt.Errorf("%q is %s where a string was expected", field, kindOf(value)))
	}
}

// records scans the arrays of records.
func (f *finder) records(i int) int {
	if f.partitions != nil {
		f.mark(errors.New(`duplicate "records"`))
		return f.Value(i, recordsDepth)
	}
	f.partitions = []string{}
	if !f.Is(i, '{') {
		start := i
		if i = f.Value(i, recordsDepth); i >= 0 {
			f.mark(fmt.Errorf(`"records" is %s where an object was expected`, kindOf(f.Text[start:])))
		}
		return i
	}
	seen := make(map[string]bool)
	n := -1
	return f.Object(i, recordsDepth, func(name string, at int) int {
		n++
		switch {
		case !f.Is(at, '['):
			end := f.Value(at, partitionDepth)
			if end >= 0 {
				f.mark(fmt.Errorf(`partition %d in "records" is %s where an array was expected`, n, kindOf(f.Text[at:])))
			}
			return end
		case seen[name]:
			f.mark(fmt.Errorf(`duplicate partition %d in "records"`, n))
			return f.Value(at, partitionDepth)
		default:
			seen[name] = true
			f.partitions = append(f.partitions, name)
			return f.partition(at)
		}
	})
}

func (f *finder) partition(i int) int { return f.list(i, partitionDepth) }

// list scans an array of records, inside of depth objects and arrays.
func (f *finder) list(i, depth int) int {
	i, more := f.First(i, ']', depth)
	for more {
		if i = f.record(i); i < 0 {
			return i
		}
		i, more = f.Next(i, ']')
	}
	return i
}
