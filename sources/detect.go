package sources

import "github.com/troupe-go/troupe/batch"

var originLayout = newLayout([]string{"eventSource"}, "", "")

// Detect tells which source an event comes from: by its first record, or by the event itself for Kafka. An
// event without records counts as SQS, since the answer to it is the same for all. The error matches
// batch.ErrEvent.
func Detect(payload []byte) (batch.Source, error) {
	if isKafka(payload) {
		return batch.Kafka, nil
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
	case "":
		return "", batch.Because(batch.ErrEvent, recordError(0, `"eventSource" is missing or no string`+known))
	default:
		return "", batch.Because(batch.ErrEvent, recordError(0, `"eventSource" is `+OriginName(origin)+known))
	}
}

// isKafka looks at the event's own eventSource, which the events of the other sources do not have.
func isKafka(payload []byte) bool {
	var event struct {
		EventSource lenient `json:"eventSource"`
	}
	if decodePlain(string(payload), &event) != nil {
		return false
	}
	switch event.EventSource.text() {
	case "aws:kafka", "SelfManagedKafka":
		return true
	default:
		return false
	}
}

func originOf(f fields) string {
	if !f.odd {
		return f.string(0)
	}
	var r struct {
		EventSource lenient `json:"eventSource"`
	}
	_ = decodePlain(f.Text, &r)
	return r.EventSource.text()
}

// OriginName is an eventSource as an error may show it: what is not known to be one might be anything.
func OriginName(origin string) string {
	switch origin {
	case "aws:sqs", "aws:kinesis", "aws:dynamodb", "aws:kafka", "SelfManagedKafka", "aws:sns", "aws:s3", "aws:ses",
		"aws:codecommit", "aws:docdb", "aws:mq", "aws:rmq":
		return origin
	default:
		return "of an unknown service"
	}
}
