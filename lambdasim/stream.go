package lambdasim

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// Limits of the streams.
const (
	maxShards          = 1_000
	streamRetention    = 24 * time.Hour
	maxKinesisData     = 10 << 20
	maxKinesisKey      = 256
	maxKinesisKeep     = 365 * 24 * time.Hour
	kinesisWhenFormat  = "2006-01-02T15:04:05.000Z"
	dynamoDBWhenFormat = "2006-01-02T15:04:05Z"
)

// KinesisStream is a Kinesis data stream. Its fields must not change while a run uses it. Its methods are safe for
// concurrent use at any time.
type KinesisStream struct {
	// Name is the last part of the stream's ARN. Default "stream".
	Name string
	// Shards is the number of shards: 1 to 1,000, default 1. Partition keys are distributed by their MD5 sum, as in
	// Kinesis.
	Shards int
	// RetentionPeriod bounds the age of records: 1 day to 365 days, default 1 day.
	RetentionPeriod time.Duration

	intake[KinesisRecord]
}

// KinesisRecord is a record for a Kinesis data stream.
type KinesisRecord struct {
	PartitionKey string
	Data         []byte
}

// Put puts a record and returns its sequence number. It never blocks. Records put before Run count as put when Run
// begins. A record that Kinesis would refuse makes Run fail.
func (s *KinesisStream) Put(r KinesisRecord) string { return s.send(r, kinesisNumber) }

// Feed adds records that are put when there is room.
func (s *KinesisStream) Feed(f Feed[KinesisRecord]) { s.feed(f) }

// kinesisNumber makes sequence numbers: 56 digits, ascending.
func kinesisNumber(_ KinesisRecord, serial uint64) string { return fmt.Sprintf("4959%052d", serial) }

func (s *KinesisStream) arn() string {
	name := s.Name
	if name == "" {
		name = "stream"
	}
	return "arn:aws:kinesis:" + region + ":" + account + ":stream/" + name
}

func (s *KinesisStream) order() check.Order { return check.Strict }

func (s *KinesisStream) check(sim *Simulation, c *complaints) {
	sim.Mapping.checkStream(c)
	c.within("Shards", shards(s.Shards), 1, maxShards, "")
	if r := s.RetentionPeriod; r != 0 && (r < streamRetention || r > maxKinesisKeep) {
		c.add("RetentionPeriod is %v; must be from %v to %v", r, streamRetention, maxKinesisKeep)
	}
}

func shards(n int) int {
	if n == 0 {
		return 1
	}
	return n
}

func (s *KinesisStream) claim(e *engine) error {
	if err := s.intake.claim(e); err != nil {
		return err
	}
	keep := max(s.RetentionPeriod, streamRetention)
	p := newStreamPoller(e, s.arn(), shards(s.Shards), keep)
	p.info, p.when = "KinesisBatchInfo", kinesisWhenFormat
	p.shardName = func(i int) string { return fmt.Sprintf("shardId-%012d", i) }
	p.take = func() error {
		return s.take(e.began, &e.clock, kinesisNumber, func() int { return p.live }, func(r sent[KinesisRecord]) error { return s.accept(p, r) })
	}
	p.exhausted = s.exhausted
	e.poller = p
	return nil
}

func (s *KinesisStream) accept(p *streamPoller, r sent[KinesisRecord]) error {
	key := r.record.PartitionKey
	switch {
	case key == "" || len(key) > maxKinesisKey:
		return fmt.Errorf("lambdasim: record %s has a partition key of %d bytes; must be from 1 to %d", r.id, len(key), maxKinesisKey)
	case len(r.record.Data) > maxKinesisData:
		return fmt.Errorf("lambdasim: record %s has %d bytes of data; must be at most %d", r.id, len(r.record.Data), maxKinesisData)
	}
	sum := md5.Sum([]byte(key))
	// The shards divide the range of the hash evenly; its first 32 bits decide.
	shard := int(uint64(binary.BigEndian.Uint32(sum[:])) * uint64(shards(s.Shards)) >> 32)

	head, middle := `{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":`, `},"eventSource"`
	eventID := p.shardName(shard) + ":" + r.id
	record := &streamRecord{id: r.id, group: key, at: r.at}
	if p.engine.sim.Pipe != nil {
		head, middle = `{"kinesisSchemaVersion":"1.0","partitionKey":`, `,"eventSource"`
		record.id, record.alias = eventID, r.id
	}
	b := append([]byte(nil), head...)
	b = appendString(b, key)
	b = append(b, `,"sequenceNumber":"`...)
	b = append(b, r.id...)
	b = append(b, `","data":"`...)
	b = base64.StdEncoding.AppendEncode(b, r.record.Data)
	b = append(b, `","approximateArrivalTimestamp":`...)
	b = strconv.AppendFloat(b, float64(r.at.UnixMilli())/1000, 'f', 3, 64)
	b = append(b, middle+`:"aws:kinesis","eventVersion":"1.0","eventID":"`...)
	b = append(b, eventID...)
	b = append(b, `","eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::`+account+`:role/simulated","awsRegion":"`+region+`","eventSourceARN":`...)
	b = appendString(b, p.arn)
	record.body = append(b, '}')
	record.digest = Digest(events.KinesisEventRecord{Kinesis: events.KinesisRecord{PartitionKey: key, Data: r.record.Data}})
	p.put(shard, record)
	return nil
}

// DynamoDBStream is the stream of a DynamoDB table. Its fields must not change while a run uses it. Its methods are
// safe for concurrent use at any time. It keeps records for 24 hours.
type DynamoDBStream struct {
	// Table is the table's name. Default "table".
	Table string
	// Shards is the number of shards: 1 to 1,000, default 1. All changes of an item are in one shard.
	Shards int

	intake[Change]
}

// Change is a change of an item, a record for a DynamoDBStream.
type Change struct {
	// Name is INSERT, MODIFY or REMOVE. Default INSERT.
	Name string
	// Keys are the item's key attributes: one or two.
	Keys map[string]events.DynamoDBAttributeValue
	// NewImage and OldImage are the item after and before.
	NewImage, OldImage map[string]events.DynamoDBAttributeValue
}

// Put puts a change and returns its sequence number. It never blocks. Changes put before Run count as put when Run
// begins. A change that a table cannot have makes Run fail.
func (s *DynamoDBStream) Put(c Change) string { return s.send(c, dynamoDBNumber) }

// Feed adds changes that are put when there is room.
func (s *DynamoDBStream) Feed(f Feed[Change]) { s.feed(f) }

// dynamoDBNumber returns sequence numbers that ascend as numbers but not as text: from the third on they have one more
// digit.
func dynamoDBNumber(_ Change, serial uint64) string {
	if serial < 3 {
		return fmt.Sprintf("9999999999999999999%02d", 97+serial)
	}
	return fmt.Sprintf("1%021d", serial-3)
}

func (s *DynamoDBStream) arn() string {
	name := s.Table
	if name == "" {
		name = "table"
	}
	return "arn:aws:dynamodb:" + region + ":" + account + ":table/" + name + "/stream/2026-01-01T00:00:00.000"
}

func (s *DynamoDBStream) order() check.Order { return check.Strict }

func (s *DynamoDBStream) check(sim *Simulation, c *complaints) {
	sim.Mapping.checkStream(c)
	c.within("Shards", shards(s.Shards), 1, maxShards, "")
}

func (s *DynamoDBStream) claim(e *engine) error {
	if err := s.intake.claim(e); err != nil {
		return err
	}
	p := newStreamPoller(e, s.arn(), shards(s.Shards), streamRetention)
	p.info, p.when = "DDBStreamBatchInfo", dynamoDBWhenFormat
	p.shardName = func(i int) string { return fmt.Sprintf("shardId-%020d-%08x", 1_700_000_000_000+i, i) }
	p.take = func() error {
		return s.take(e.began, &e.clock, dynamoDBNumber, func() int { return p.live }, func(c sent[Change]) error { return s.accept(p, c) })
	}
	p.exhausted = s.exhausted
	e.poller = p
	return nil
}

func (s *DynamoDBStream) accept(p *streamPoller, c sent[Change]) error {
	change := c.record
	if change.Name == "" {
		change.Name = "INSERT"
	}
	if change.Name != "INSERT" && change.Name != "MODIFY" && change.Name != "REMOVE" {
		return fmt.Errorf("lambdasim: change %s has the name %q; must be INSERT, MODIFY or REMOVE", c.id, change.Name)
	}
	if n := len(change.Keys); n < 1 || n > 2 {
		return fmt.Errorf("lambdasim: change %s has %d key attributes; an item has 1 or 2", c.id, n)
	}
	body, err := json.Marshal(struct {
		Created  int64                                    `json:"ApproximateCreationDateTime"`
		Keys     map[string]events.DynamoDBAttributeValue `json:"Keys"`
		NewImage map[string]events.DynamoDBAttributeValue `json:"NewImage,omitempty"`
		OldImage map[string]events.DynamoDBAttributeValue `json:"OldImage,omitempty"`
		Number   string                                   `json:"SequenceNumber"`
		Size     int                                      `json:"SizeBytes"`
		View     string                                   `json:"StreamViewType"`
	}{c.at.Unix(), change.Keys, change.NewImage, change.OldImage, c.id, size(change), "NEW_AND_OLD_IMAGES"})
	if err != nil {
		return fmt.Errorf("lambdasim: change %s: %w", c.id, err)
	}
	keys, err := json.Marshal(change.Keys) // sorted keys, so it identifies the item
	if err != nil {
		return fmt.Errorf("lambdasim: change %s: %w", c.id, err)
	}
	eventID := strings.ReplaceAll(uuid(p.arn+c.id, 0), "-", "")
	b := append([]byte(nil), `{"eventID":"`+eventID+`","eventName":"`+change.Name+`","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"`+region+`","dynamodb":`...)
	b = append(b, body...)
	b = append(b, `,"eventSourceARN":`...)
	b = appendString(b, p.arn)
	group := string(keys)
	shard := int(mix(hashOf(group)) % uint64(shards(s.Shards)))
	record := &streamRecord{id: c.id, group: group, at: c.at, body: append(b, '}'), digest: Digest(events.DynamoDBEventRecord{
		EventName: change.Name,
		Change:    events.DynamoDBStreamRecord{Keys: change.Keys, NewImage: change.NewImage, OldImage: change.OldImage},
	})}
	if p.engine.sim.Pipe != nil {
		record.id, record.alias = eventID, c.id
	}
	p.put(shard, record)
	return nil
}

// size approximates the size that DynamoDB counts for a change.
func size(c Change) (n int) {
	for _, image := range []map[string]events.DynamoDBAttributeValue{c.Keys, c.NewImage, c.OldImage} {
		text, _ := json.Marshal(image)
		n += len(text)
	}
	return n
}

// streamRecord is a record in a lane, in the format of its event.
type streamRecord struct {
	id, group  string
	alias      string // the sequence number, where the identifier is another
	at         time.Time
	body       []byte
	digest     string
	deliveries int
}

// number returns the sequence number.
func (r *streamRecord) number() string {
	if r.alias != "" {
		return r.alias
	}
	return r.id
}

// put adds a record to its lane, unless the filter rejects it.
func (p *streamPoller) put(shard int, r *streamRecord) {
	p.engine.log.add(history.Event{Kind: history.Sent, Record: r.id, Group: r.group, Digest: r.digest})
	if p.engine.filtered(func() []byte { return r.body }) {
		p.engine.log.add(history.Event{Kind: history.Filtered, Record: r.id, Group: r.group})
		return
	}
	p.live++
	factor := p.engine.sim.Mapping.ParallelizationFactor
	l := p.lanes[shard*factor+int(mix(hashOf(r.group))%uint64(factor))]
	l.records.push(r)
}
