package lambdasim

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// Limits and defaults of topics.
const (
	maxPartitions  = 1_000
	kafkaRetention = 7 * 24 * time.Hour
	kafkaWindow    = 500 * time.Millisecond
	kafkaRetries   = 10 // without a limit but with a destination
	kafkaServers   = "b-1.simulated.kafka." + region + ".amazonaws.com:9092,b-2.simulated.kafka." + region + ".amazonaws.com:9092"
)

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// KafkaTopic is a topic of a Kafka cluster. Its fields must not change while a run uses it. Its methods are safe for
// concurrent use at any time.
type KafkaTopic struct {
	// Name is the name of the topic. Default "topic".
	Name string
	// Partitions is the number of partitions: 1 to 1,000, default 1. The records of a key are in one partition; records
	// without a key go to each partition in turn.
	Partitions int
	// SelfManaged makes events those of a self-managed cluster instead of Amazon MSK.
	SelfManaged bool
	// ByKey makes the checker expect the order of keys, as kafka.ByKey keeps it, and for records without a key the
	// order of their partition. Default: the order of partitions.
	ByKey bool
	// RetentionPeriod bounds the age of records in the topic. Default 7 days.
	RetentionPeriod time.Duration

	intake[KafkaRecord]
	offsets []int64 // by partition: the next one. Guarded by intake.mu.
}

// KafkaRecord is a record for a Kafka topic. A nil Key means no key, and a nil Value is a tombstone.
type KafkaRecord struct {
	Key, Value []byte
	Headers    []KafkaHeader
}

// KafkaHeader is a header of a record. A nil Value means no value.
type KafkaHeader struct {
	Key   string
	Value []byte
}

// kafkaRecordBody is a record as Lambda writes it: header values are arrays of signed bytes.
type kafkaRecordBody struct {
	Topic         string              `json:"topic"`
	Partition     int                 `json:"partition"`
	Offset        int64               `json:"offset"`
	Timestamp     int64               `json:"timestamp"` // ms
	TimestampType string              `json:"timestampType"`
	Key           []byte              `json:"key,omitzero"` // absent if nil, not if empty
	Value         []byte              `json:"value"`
	Headers       []map[string][]int8 `json:"headers"`
}

// signed returns the bytes of a header's value, nil for no value.
func signed(value []byte) []int8 {
	if value == nil {
		return nil
	}
	s := make([]int8, len(value))
	for i, b := range value {
		s[i] = int8(b)
	}
	return s
}

// Send appends a record and returns its identifier as kafka.Record.ID does, such as "orders-0@15" for offset 15 in
// partition 0 of topic orders. It never blocks. Records sent before Run count as sent when Run begins.
func (t *KafkaTopic) Send(r KafkaRecord) string { return t.send(r, t.place) }

// Feed adds records that are sent when there is room.
func (t *KafkaTopic) Feed(f Feed[KafkaRecord]) { t.feed(f) }

func (t *KafkaTopic) name() string {
	if t.Name == "" {
		return "topic"
	}
	return t.Name
}

// place chooses the partition of a record and returns its identifier.
func (t *KafkaTopic) place(r KafkaRecord, serial uint64) string {
	partition := serial
	if r.Key != nil {
		partition = mix(hashOf(string(r.Key)))
	}
	partition %= uint64(max(shards(t.Partitions), 1))
	for uint64(len(t.offsets)) <= partition {
		t.offsets = append(t.offsets, 0)
	}
	offset := t.offsets[partition]
	t.offsets[partition]++
	return fmt.Sprintf("%s-%d@%d", t.name(), partition, offset)
}

func (t *KafkaTopic) order() check.Order { return check.Strict }

func (t *KafkaTopic) check(sim *Simulation, c *complaints) {
	sim.Mapping.checkKafka(c)
	c.within("Partitions", shards(t.Partitions), 1, maxPartitions, "")
	if !topicName.MatchString(t.name()) {
		c.add("Name is %q; must be up to 249 letters, digits, dots, hyphens and underscores", t.name())
	}
	if t.RetentionPeriod < 0 {
		c.add("RetentionPeriod is %v; must be positive, or 0 for the default", t.RetentionPeriod)
	}
	if sim.Timeout > maxKafkaTimeout {
		c.add("Timeout is %v; must be at most %v for a function with a Kafka mapping", sim.Timeout, maxKafkaTimeout)
	}
}

func (t *KafkaTopic) arn() string {
	if t.SelfManaged {
		return ""
	}
	return "arn:aws:kafka:" + region + ":" + account + ":cluster/simulated/751d2973-a626-431c-9d4e-d7975eb44dd7-2"
}

func (t *KafkaTopic) source() string {
	if t.SelfManaged {
		return "SelfManagedKafka"
	}
	return "aws:kafka"
}

func (t *KafkaTopic) claim(e *engine) error {
	if err := t.intake.claim(e); err != nil {
		return err
	}
	p := &kafkaPoller{engine: e, topic: t, keep: t.RetentionPeriod}
	if p.keep == 0 {
		p.keep = kafkaRetention
	}
	pollers := 1
	if config := e.sim.Mapping.ProvisionedPollerConfig; config != nil {
		pollers = min(config.MinimumPollers, shards(t.Partitions))
	}
	for range pollers {
		p.consumers = append(p.consumers, &consumer{})
	}
	e.poller = p
	return nil
}

// kafkaRecord is a record that has been sent, in the format of its event.
type kafkaRecord struct {
	streamRecord
	partition string
	number    int // of the partition
}

func (p *kafkaPoller) accept(r sent[KafkaRecord]) error {
	t := p.topic
	partition, last, _ := strings.Cut(r.id, "@")
	offset, _ := strconv.ParseInt(last, 10, 64)
	number, _ := strconv.Atoi(strings.TrimPrefix(partition, t.name()+"-"))
	headers := make([]map[string][]int8, len(r.record.Headers))
	for i, h := range r.record.Headers {
		headers[i] = map[string][]int8{h.Key: signed(h.Value)}
	}
	body, err := json.Marshal(kafkaRecordBody{
		Topic: t.name(), Partition: number, Offset: offset, Timestamp: r.at.UnixMilli(), TimestampType: "CREATE_TIME",
		Key: r.record.Key, Value: r.record.Value, Headers: headers,
	})
	if err != nil {
		return fmt.Errorf("lambdasim: record %s: %w", r.id, err)
	}
	if len(body)+envelope > maxPayload {
		return fmt.Errorf("lambdasim: record %s has %d bytes, more than an event may have; what Lambda does then is not simulated", r.id, len(body))
	}
	group := partition
	switch {
	case !t.ByKey:
	case len(r.record.Key) > 0:
		group = string(r.record.Key)
	default:
		group += " without a key"
	}
	record := &kafkaRecord{streamRecord{id: r.id, group: group, at: r.at, body: body}, partition, number}
	p.engine.log.add(history.Event{Kind: history.Sent, Record: r.id, Group: group, Digest: Digest(r.record)})
	if p.engine.filtered(func() []byte { return body }) {
		p.engine.log.add(history.Event{Kind: history.Filtered, Record: r.id, Group: group})
		return nil
	}
	p.live++
	p.consumers[number%len(p.consumers)].records.push(record)
	return nil
}
