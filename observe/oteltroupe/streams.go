package oteltroupe

import (
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
)

// Kinesis is Wrap for handlers of Kinesis records: the destination is the stream's name. Kinesis carries no trace
// header, so there are no links.
func Kinesis[M troupe.KinesisRecord](handler troupe.Handler[M], options ...Option) troupe.Handler[M] {
	return wrapLazy(handler, func(r events.KinesisEventRecord) Origin {
		return Origin{Destination: nameIn(r.EventSourceArn, "stream/")}
	}, options)
}

// DynamoDB is Wrap for handlers of DynamoDB records: the destination is the table's name. There are no links.
func DynamoDB[M troupe.DynamoDBRecord](handler troupe.Handler[M], options ...Option) troupe.Handler[M] {
	return wrapLazy(handler, func(r events.DynamoDBEventRecord) Origin {
		return Origin{Destination: nameIn(r.EventSourceArn, "table/")}
	}, options)
}

// nameIn returns the part of an ARN after kind, up to the next slash.
func nameIn(arn, kind string) string {
	_, rest, _ := strings.Cut(arn, ":"+kind)
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// Kafka is Wrap for handlers of Kafka records, with FromKafka as the origin.
func Kafka[M kafka.Record | troupe.Lazy[kafka.Record]](handler troupe.Handler[M], options ...Option) troupe.Handler[M] {
	return wrapLazy(handler, FromKafka, options)
}

// FromKafka is the origin of a Kafka record: the topic's name, and the span that sent it, by the headers traceparent
// and tracestate, in the format of https://www.w3.org/TR/trace-context/. A header that cannot be read is ignored.
func FromKafka(record kafka.Record) Origin {
	from := Origin{Destination: record.Topic}
	header := func(key string) string {
		for _, h := range record.Headers {
			if h.Key == key {
				return string(h.Value)
			}
		}
		return ""
	}
	if sender := readTraceContext(header("traceparent"), header("tracestate")); sender.IsValid() {
		from.Senders = append(from.Senders, sender)
	}
	return from
}

// wrapLazy is Wrap for handlers of a record or of a Lazy one. One that cannot be decoded has no origin.
func wrapLazy[T, M any](handler troupe.Handler[M], origin func(T) Origin, options []Option) troupe.Handler[M] {
	return Wrap(handler, func(m M) Origin {
		switch m := any(m).(type) {
		case T:
			return origin(m)
		case troupe.Lazy[T]:
			if record, err := m.Open(); err == nil {
				return origin(record)
			}
		}
		return Origin{}
	}, options...)
}
