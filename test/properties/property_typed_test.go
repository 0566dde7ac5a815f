package properties

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/envelope"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/test/properties/model"
	"github.com/troupe-go/troupe/typed"
)

// reading is how a plan with typed payloads has them read.
type reading struct {
	Drop   bool // what cannot be decoded is left out
	Strict bool // unknown fields are errors
	In     wrapping
}

// wrapping is the envelope that a queue's payloads are in.
type wrapping string

const (
	unwrapped wrapping = "no envelope"
	sns       wrapping = "SNS"
	bridge    wrapping = "EventBridge"
)

// item is what payloads are decoded into: the place of their record.
type item struct {
	Batch int  `json:"batch" dynamodbav:"batch"`
	Index int  `json:"index" dynamodbav:"index"`
	Deed  deed `json:"deed" dynamodbav:"-"`
}

// deed is a field whose method does what an act says, in place of the handler, which is never called then.
type deed struct{}

func (*deed) UnmarshalJSON(text []byte) error {
	var of struct {
		Plan int64
		Do   model.Do
		For  time.Duration
	}
	if err := json.Unmarshal(text, &of); err != nil {
		return fmt.Errorf("the test's own: %w", err)
	}
	on, ok := stages.Load(of.Plan)
	if !ok {
		return fmt.Errorf("the test's own: plan %d is not being run", of.Plan)
	}
	s := on.(*stage)
	timer := time.NewTimer(of.For)
	defer timer.Stop()
	over := timer.C
	if of.Do == model.Hang {
		over = nil
	}
	select {
	case <-over:
	case <-s.release:
		return bad{} // too late for anybody, and the handler must not follow
	}
	if of.Do == model.Undecodable {
		return bad{}
	}
	return s.finish(of.Do, fault{})
}

// stages are the plans being run, by number.
var stages sync.Map

// written is the payload of a record as it is written.
type written struct {
	body     string                                   // with its envelope
	none     bool                                     // there is none: a tombstone, or a change without images
	now, old map[string]events.DynamoDBAttributeValue // in place of a body
}

func (w written) String() string {
	if w.now != nil || w.old != nil {
		return fmt.Sprintf("now %s, before %s", text(w.now), text(w.old))
	}
	return fmt.Sprintf("%q", w.body)
}

func (p *plan) drawReading(t *rapid.T) reading {
	r := reading{Drop: chance(t, "drop undecodable", 3), In: unwrapped}
	r.Strict = p.source != dynamodb && chance(t, "strict", 3)
	if p.source == standard || p.source == fifo {
		r.In = oneOfThese(t, "envelope", unwrapped, sns, bridge)
	}
	return r
}

func (p *plan) drawPayloads(t *rapid.T, sh shape, b *batch, no int) {
	troubled := oneOfThese(t, "bad payloads", 1, 3, 0)
	for i := range b.Records {
		bad := chance(t, "bad payload", troubled)
		if bad {
			b.unreadable(i, map[bool]model.Do{false: model.Undecodable, true: model.Drop}[p.typed.Drop])
		}
		if p.source == dynamodb {
			b.payloads = append(b.payloads, drawImages(t, bad, no, i))
			continue
		}
		if !bad && chance(t, "a method misbehaves", 1) {
			b.payloads = append(b.payloads, p.drawDeed(t, sh, b, no, i))
			continue
		}
		b.payloads = append(b.payloads, p.drawBody(t, bad, no, i))
	}
}

// drawDeed draws a payload whose own method misbehaves when it is decoded, at each attempt alike.
func (p *plan) drawDeed(t *rapid.T, sh shape, b *batch, no, i int) written {
	act := model.Act{Do: oneOfThese(t, "it does", model.Panic, model.Undecodable, model.Goexit, model.Hang, model.PanicBadly), Deaf: true, Within: true}
	if act.Do == model.Hang && !limited(b.Batch) {
		act.Do = model.Panic
	}
	if !sh.instant && act.Do != model.Undecodable {
		act.For = unlike(drawDuration(t, "for", 5, 1, 20, 100, 400), (no*100+i+1)*100+99)
	}
	for attempt := range b.Records[i].Acts {
		b.Records[i].Acts[attempt] = act
	}
	if act.Do == model.Undecodable {
		b.unreadable(i, map[bool]model.Do{false: model.Undecodable, true: model.Drop}[p.typed.Drop])
	}
	inner := fmt.Sprintf(`{"batch":%d,"index":%d,"deed":{"plan":%d,"do":%d,"for":%d}}`, no, i, p.number, act.Do, act.For)
	switch p.typed.In {
	case sns:
		return written{body: drawNotification(t, false, inner)}
	case bridge:
		return written{body: drawEvent(t, false, inner)}
	default:
		return written{body: inner}
	}
}

// drawBody draws JSON of an item, in its envelope. What is right and what is wrong follows from encoding/json
// and the documentation of package typed.
func (p *plan) drawBody(t *rapid.T, bad bool, no, i int) written {
	more := fmt.Sprintf(`{"batch":%d,"index":%d,"more":[1]}`, no, i)
	good := []string{
		fmt.Sprintf(`{"batch":%d,"index":%d}`, no, i), fmt.Sprintf("\n{ \"Index\" : %d, \"BATCH\" : %d }\t", i, no),
		fmt.Sprintf(`{"batch":77,"index":77,"batch":%d,"index":%d}`, no, i), fmt.Sprintf(`{"b\u0061tch":%d,"index":%d}`, no, i), more,
	}
	wrong := []string{
		fmt.Sprintf(`{"batch":"%d","index":%d}`, no, i), "null", fmt.Sprintf(`{"batch":%d,"index":%d.5}`, no, i), fmt.Sprintf(`[%d,%d]`, no, i), `"text"`,
		fmt.Sprintf(`{"batch":%d,"index":1e99}`, no), more,
	}
	if p.typed.Strict {
		good = good[:len(good)-1]
	} else {
		wrong = wrong[:len(wrong)-1]
	}
	if p.typed.In != bridge { // these are no JSON, and a detail always is
		wrong = append(wrong, "", " ", good[0][:len(good[0])-1], good[0]+"}", "\ufeff"+good[0])
	}
	if p.source == topic && !bad && chance(t, "tombstone", 1) {
		return written{none: true}
	}
	inner := oneOfThese(t, "payload", good...)
	broken := bad && p.typed.In != unwrapped && chance(t, "bad envelope", 4)
	if bad && !broken {
		inner = oneOfThese(t, "wrong payload", wrong...)
	}
	switch p.typed.In {
	case sns:
		return written{body: drawNotification(t, broken, inner)}
	case bridge:
		return written{body: drawEvent(t, broken, inner)}
	default:
		return written{body: inner}
	}
}

// drawNotification draws the envelope of SNS, or none if the message was delivered raw.
func drawNotification(t *rapid.T, broken bool, inner string) string {
	if !broken && chance(t, "raw delivery", 2) {
		return inner
	}
	members := map[string]any{"Type": "Notification", "MessageId": "m", "TopicArn": "arn", "Message": inner, "Timestamp": "2026-01-01T00:00:00.000Z"}
	if broken {
		members = map[string]any{"TopicArn": "arn", "MessageId": "m", "Message": inner}
		switch oneOfThese(t, "what is broken", "a request", "without a message", "a message that is no text", "a bad time") {
		case "a request":
			members["Type"] = "SubscriptionConfirmation"
		case "without a message":
			members["Type"], members["Message"] = "Notification", nil
		case "a message that is no text":
			members["Type"], members["Message"] = "Notification", []string{inner}
		default:
			members["Type"], members["Timestamp"] = "Notification", "yesterday"
		}
	}
	return text(members)
}

// drawEvent draws an event of EventBridge.
func drawEvent(t *rapid.T, broken bool, detail string) string {
	members := map[string]any{"version": "0", "id": "e", "detail-type": "placed", "source": "shop", "time": "2026-01-01T00:00:00Z", "detail": json.RawMessage(detail)}
	if broken {
		switch lost := oneOfThese(t, "what is broken", "id", "detail-type", "source", "detail", "time", ""); lost {
		case "":
			return strings.TrimSuffix(text(members), "}")
		case "time":
			members["time"] = "yesterday"
		default:
			delete(members, lost)
		}
	}
	return text(members)
}

// drawImages draws the images of a change of an item.
func drawImages(t *rapid.T, bad bool, no, i int) written {
	number := func(n int) events.DynamoDBAttributeValue { return events.NewNumberAttribute(fmt.Sprint(n)) }
	image := func(batch, index string, of events.DynamoDBAttributeValue) map[string]events.DynamoDBAttributeValue {
		return map[string]events.DynamoDBAttributeValue{batch: number(no), index: of, "more": events.NewBooleanAttribute(true)}
	}
	good := image("batch", "index", number(i))
	if chance(t, "names in other cases", 2) {
		good = image("Batch", "INDEX", number(i))
	}
	kinds := []string{"insert", "remove", "modify", "keys only"}
	if bad {
		good = image("batch", "index", []events.DynamoDBAttributeValue{
			events.NewStringAttribute(fmt.Sprint(i)), events.NewBooleanAttribute(true), events.NewNumberAttribute(fmt.Sprintf("%d.5", i)),
			events.NewNumberAttribute("1e99"), events.NewListAttribute([]events.DynamoDBAttributeValue{number(i)}),
		}[rapid.IntRange(0, 4).Draw(t, "wrong attribute")])
		kinds = kinds[:3]
	}
	switch oneOfThese(t, "change", kinds...) {
	case "insert":
		return written{now: good}
	case "remove":
		return written{old: good}
	case "modify":
		if bad && chance(t, "only the new image", 4) {
			return written{now: good, old: image("batch", "index", number(i))}
		}
		return written{now: image("batch", "index", number(i)), old: good}
	default:
		return written{none: true}
	}
}

// Where a record has its place in the plan beside the payload: in its region, or its key.

func (s *stage) typedProcessor(options []troupe.Option) func(context.Context, int) ([]string, error) {
	var outer []typed.Option // of envelopes, which are not strict
	if s.typed.Drop {
		outer = append(outer, typed.WithDropUndecodable())
	}
	inner := outer[:len(outer):len(outer)]
	if s.typed.Strict {
		inner = append(inner, typed.WithDisallowUnknownFields())
	}
	switch s.source {
	case kinesis:
		if s.order == grouped {
			options = append(options, troupe.WithGroup(func(r events.KinesisEventRecord) string { return s.groupOf(r.AwsRegion) }))
		}
		p := troupe.Kinesis(typed.Kinesis(func(ctx context.Context, v item) error {
			r, _ := troupe.MessageFrom[events.KinesisEventRecord](ctx)
			return s.decoded(ctx, v, r.AwsRegion)
		}, inner...), options...)
		return invoker(s, p, s.typedKinesisEvent, func(r events.KinesisEventResponse) []string {
			return identifiers(r.BatchItemFailures, func(f events.KinesisBatchItemFailure) string { return f.ItemIdentifier })
		})
	case dynamodb:
		if s.order == grouped {
			options = append(options, troupe.WithGroup(func(r events.DynamoDBEventRecord) string { return s.groupOf(r.AWSRegion) }))
		}
		p := troupe.DynamoDB(typed.DynamoDB(func(ctx context.Context, change typed.Change[item]) error {
			r, _ := troupe.MessageFrom[events.DynamoDBEventRecord](ctx)
			return s.changed(ctx, change, r)
		}, inner...), options...)
		return invoker(s, p, s.typedDynamoDBEvent, func(r events.DynamoDBEventResponse) []string {
			return identifiers(r.BatchItemFailures, func(f events.DynamoDBBatchItemFailure) string { return f.ItemIdentifier })
		})
	case topic:
		if s.order == grouped {
			options = append(options, troupe.WithGroup(func(r kafka.Record) string { return s.groupOf(string(r.Key)) }))
		}
		p := kafka.New(typed.Kafka(func(ctx context.Context, v item) error {
			r, _ := troupe.MessageFrom[kafka.Record](ctx)
			return s.decoded(ctx, v, string(r.Key))
		}, inner...), options...)
		return invoker(s, p, s.typedKafkaEvent, func(r kafka.Response) []string {
			return identifiers(r.BatchItemFailures, func(f kafka.BatchItemFailure) string { return f.ItemIdentifier.String() })
		})
	default:
		if s.order == grouped {
			options = append(options, troupe.WithGroup(func(m events.SQSMessage) string { return s.groupOf(m.AWSRegion) }))
		}
		p := troupe.SQS(s.opened(outer, inner), options...)
		return invoker(s, p, s.typedSQSEvent, func(r events.SQSEventResponse) []string {
			return identifiers(r.BatchItemFailures, func(f events.SQSBatchItemFailure) string { return f.ItemIdentifier })
		})
	}
}

// opened is the handler of messages in the plan's envelope.
func (s *stage) opened(outer, inner []typed.Option) troupe.Handler[troupe.Lazy[events.SQSMessage]] {
	decoded := func(ctx context.Context, v item) error {
		m, _ := troupe.MessageFrom[events.SQSMessage](ctx)
		return s.decoded(ctx, v, m.AWSRegion)
	}
	handle := typed.SQS(decoded, inner...)
	switch s.typed.In {
	case sns:
		return envelope.SNS(handle, outer...)
	case bridge:
		return envelope.EventBridge(typed.Detail(decoded, inner...), outer...)
	default:
		return handle
	}
}

// decoded is the handler of payloads: it complains if it is given another than that of its record.
func (s *stage) decoded(ctx context.Context, v item, where string) error {
	no, i := place(where)
	want := item{Batch: no, Index: i}
	if s.batches[no].payloads[i].none {
		want = item{}
	}
	if v != want {
		s.came[no].complain("record %d: %+v was decoded", i, v)
	}
	return s.handle(ctx, where)
}

func (s *stage) changed(ctx context.Context, change typed.Change[item], r events.DynamoDBEventRecord) error {
	no, i := place(r.AWSRegion)
	w := s.batches[no].payloads[i]
	for _, image := range []struct {
		got  *item
		want bool
	}{{change.New, w.now != nil}, {change.Old, w.old != nil}} {
		if (image.got != nil) != image.want || image.got != nil && *image.got != (item{Batch: no, Index: i}) {
			s.came[no].complain("record %d: %+v was decoded", i, image.got)
		}
	}
	return s.handle(ctx, r.AWSRegion)
}

// written is the payload of a record that is not to be spoiled.
func (s *stage) written(no, i int) string {
	if s.batches[no].spoiled[i] {
		return undecodable
	}
	return s.batches[no].payloads[i].body
}

func (s *stage) typedSQSEvent(no int) events.SQSEvent {
	event := s.sqsEvent(no)
	for i := range event.Records {
		event.Records[i].Body, event.Records[i].AWSRegion = s.written(no, i), payload(no, i)
	}
	return event
}

func (s *stage) typedKinesisEvent(no int) events.KinesisEvent {
	event := s.kinesisEvent(no)
	for i := range event.Records {
		event.Records[i].Kinesis.Data, event.Records[i].AwsRegion = []byte(s.written(no, i)), payload(no, i)
	}
	return event
}

func (s *stage) typedDynamoDBEvent(no int) events.DynamoDBEvent {
	event := s.dynamodbEvent(no)
	for i, w := range s.batches[no].payloads {
		r := &event.Records[i]
		r.AWSRegion = payload(no, i)
		if !s.batches[no].spoiled[i] {
			r.Change.NewImage, r.Change.OldImage = w.now, w.old
		}
	}
	return event
}

func (s *stage) typedKafkaEvent(no int) kafka.Event {
	event, next := s.kafkaEvent(no), map[string]int{} // by partition, whose records are in batch order
	for i, w := range s.batches[no].payloads {
		partition, _, _ := strings.Cut(s.batches[no].ids[i], "@")
		r := &event.Records[partition][next[partition]]
		next[partition]++
		r.Key, r.Value = []byte(payload(no, i)), []byte(s.written(no, i))
		if w.none && !s.batches[no].spoiled[i] {
			r.Value = nil
		}
	}
	return event
}
