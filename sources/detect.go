package sources

import (
	"strings"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/internal/jsonscan"
)

var originLayout = newLayout([]string{"eventSource"}, "", "")

// Detect returns the source of an event: the source of its first record, Kafka if the records are in an object, and
// Firehose or S3 Batch Operations by the members of the event. A bare array is the event of a pipe. An event without
// records counts as SQS, since the response is the same for all sources. The error matches batch.ErrEvent.
func Detect(payload []byte) (batch.Source, error) {
	if source := byMembers(payload); source != "" {
		return source, nil
	}
	x, err := split(payload, &originLayout, func(int, fields) (string, bool, error) { return "", false, nil })
	if err != nil {
		return "", batch.Because(batch.ErrEvent, err)
	}
	if x.len() == 0 {
		return batch.SQS, nil
	}
	const known = " where aws:sqs, aws:kinesis or aws:dynamodb was expected"
	switch origin := originOf(x.record(0)); origin {
	case "aws:sqs":
		return batch.SQS, nil
	case "aws:kinesis":
		return batch.Kinesis, nil
	case "aws:dynamodb":
		return batch.DynamoDB, nil
	case "aws:kafka", "SelfManagedKafka", "aws:SelfManagedKafka":
		if isArray(payload) { // a pipe's
			return batch.Kafka, nil
		}
		return "", batch.Because(batch.ErrEvent, recordError(0, `"eventSource" is `+origin+known))
	case "":
		return "", batch.Because(batch.ErrEvent, recordError(0, `"eventSource" is missing or no string`+known))
	default:
		return "", batch.Because(batch.ErrEvent, recordError(0, `"eventSource" is `+OriginName(origin)+known))
	}
}

// byMembers detects the source by the members of the event itself, and returns "" if they do not identify it. The
// records of Kafka are in an object, by partition, and those of other sources in an array; without records, the event's
// own eventSource counts, which events of other sources do not have. Events of Firehose name their stream, events of S3
// Batch Operations their schema.
func byMembers(payload []byte) (source batch.Source) {
	s := jsonscan.Scanner{Text: string(payload)}
	i := s.Space(0)
	if !s.Is(i, '{') {
		return ""
	}
	kafka := false
	i = s.Object(i, 0, func(key string, at int) int {
		end := s.Value(at, 1)
		if end < 0 || kafka {
			return end
		}
		switch value := s.Text[at:end]; {
		case strings.EqualFold(key, "records"):
			kafka = value[0] == '{'
		case strings.EqualFold(key, "deliveryStreamArn"):
			source = batch.Firehose
		case strings.EqualFold(key, "invocationSchemaVersion"):
			source = batch.S3Batch
		case strings.EqualFold(key, "eventSource") && value[0] == '"':
			switch s.Unquote(at, end) {
			case "aws:kafka", "SelfManagedKafka", "aws:SelfManagedKafka":
				source = batch.Kafka
			}
		}
		return end
	})
	switch {
	case kafka:
		return batch.Kafka
	case i < 0:
		return ""
	}
	return source
}

func originOf(f fields) string {
	if !f.fallback {
		return f.string(0)
	}
	var r struct {
		EventSource lenient `json:"eventSource"`
	}
	_ = decodePlain(f.Text, &r)
	return r.EventSource.text()
}

// OriginName returns an eventSource for an error. The text of an unknown value is not shown, since it might be
// part of a payload.
func OriginName(origin string) string {
	switch origin {
	case "aws:sqs", "aws:kinesis", "aws:dynamodb", "aws:kafka", "SelfManagedKafka", "aws:SelfManagedKafka", "aws:sns", "aws:s3", "aws:ses",
		"aws:codecommit", "aws:docdb", "aws:mq", "aws:rmq":
		return origin
	default:
		return "of an unknown service"
	}
}
