package kafka

import (
	"errors"
	"fmt"
	"strings"
)

// The event sources that send Kafka's events.
const (
	managed     = "aws:kafka"        // Amazon MSK
	selfManaged = "SelfManagedKafka" // any other cluster
)

// Event is what Lambda sends for a batch of Kafka records. From JSON to Event and back nothing is lost that
// Event has a field for.
type Event struct {
	// EventSource is aws:kafka for Amazon MSK and SelfManagedKafka for other clusters.
	EventSource string `json:"eventSource"`
	// EventSourceARN is that of the MSK cluster; other clusters have none.
	EventSourceARN string `json:"eventSourceArn,omitempty"`
	// BootstrapServers are the brokers' addresses, with commas between them.
	BootstrapServers string `json:"bootstrapServers"`
	// Records has the records by partition, under names such as "orders-0" for partition 0 of topic orders.
	// What identifies a record are its own Topic, Partition and Offset, not its place in here.
	Records map[string][]Record `json:"records"`
}

// UnmarshalJSON reads an event. Unlike encoding/json by itself it refuses one with the same partition, or with
// records, twice, since records would be lost.
func (e *Event) UnmarshalJSON(raw []byte) error {
	if err := checked(raw); err != nil {
		return fmt.Errorf("troupe: a Kafka event cannot be decoded: %w", err)
	}
	text := string(raw)
	if text == "null" {
		return nil
	}
	parts, err := open(text)
	if err != nil {
		return fmt.Errorf("troupe: a Kafka event cannot be decoded: %w", err)
	}
	event := Event{EventSource: parts.source, EventSourceARN: parts.arn, BootstrapServers: parts.servers}
	if parts.partitions != nil {
		event.Records = make(map[string][]Record, len(parts.partitions))
	}
	for _, p := range parts.partitions {
		records := []Record{}
		for _, at := range elements(text, p.at.start) {
			var r Record
			if value := at.of(text); value != "null" {
				if r, err = decode(value); err != nil {
					return err
				}
			}
			records = append(records, r)
		}
		event.Records[p.name] = records
	}
	*e = event
	return nil
}

// envelope is an event whose records are yet to be read.
type envelope struct {
	source, arn, servers string
	partitions           []partition // nil if there are no records
}

// partition is where the records of one are in an event.
type partition struct {
	name string
	at   span
}

// open finds what is in an event, which is known to be JSON.
func open(text string) (e envelope, err error) {
	event := root(text)
	if text[event.start] != '{' {
		return e, fmt.Errorf(`the event is %s where an object with "records" was expected`, kindOf(event.of(text)))
	}
	for key, at := range members(text, event.start) {
		switch { // as encoding/json does, in any case
		case strings.EqualFold(key, "records"):
			if e.partitions != nil {
				return e, errors.New(`"records" comes twice`)
			}
			e.partitions, err = partitions(text, at)
		case strings.EqualFold(key, "eventSource"):
			err = name(&e.source, "eventSource", at.of(text))
		case strings.EqualFold(key, "eventSourceArn"):
			err = name(&e.arn, "eventSourceArn", at.of(text))
		case strings.EqualFold(key, "bootstrapServers"):
			err = name(&e.servers, "bootstrapServers", at.of(text))
		}
		if err != nil {
			return e, err
		}
	}
	if e.partitions == nil {
		return e, errors.New(`"records" is missing`)
	}
	return e, nil
}

// name reads a string of the event; null leaves it alone.
func name(into *string, field, value string) error {
	switch value[0] {
	case '"':
		*into = unquote(value)
	case 'n':
	default:
		return fmt.Errorf("%q is %s where a string was expected", field, kindOf(value))
	}
	return nil
}

// partitions finds the arrays of records, in the order of the event.
func partitions(text string, records span) ([]partition, error) {
	if text[records.start] != '{' {
		return nil, fmt.Errorf(`"records" is %s where an object was expected`, kindOf(records.of(text)))
	}
	found := []partition{}
	seen := make(map[string]bool)
	for key, at := range members(text, records.start) {
		if text[at.start] != '[' {
			return nil, fmt.Errorf(`partition %d in "records" is %s where an array was expected`, len(found), kindOf(at.of(text)))
		}
		if seen[key] {
			return nil, fmt.Errorf(`partition %d in "records" has come before`, len(found))
		}
		seen[key] = true
		found = append(found, partition{key, at})
	}
	return found, nil
}
