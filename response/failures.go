package response

import (
	"encoding/json"
	"math/big"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/batch"
)

// Failures returns the identifiers of the failed records in batch order, each once even if records
// share it (SPEC S3). It is never nil.
func Failures(results []batch.Result) []string {
	failed := countFailed(results)
	if failed == 0 {
		return []string{}
	}
	ids := make([]string, 0, failed)
	seen := make(map[string]struct{}, failed)
	for i := range results {
		if results[i].Outcome != batch.Failed {
			continue
		}
		if _, again := seen[results[i].ID]; again {
			continue
		}
		seen[results[i].ID] = struct{}{}
		ids = append(ids, results[i].ID)
	}
	return ids
}

func countFailed(results []batch.Result) (failed int) {
	for i := range results {
		if results[i].Outcome == batch.Failed {
			failed++
		}
	}
	return failed
}

// Lowest returns the identifier at which a stream restarts: the lowest of ids as integers of any
// length, or the first if one of them is not an integer (SPEC S4, S8). An empty list stays empty.
func Lowest(ids []string) []string {
	if len(ids) < 2 {
		return ids
	}
	lowest := 0
	var least *big.Int
	for i, id := range ids {
		if !isInteger(id) {
			return ids[:1]
		}
		n, _ := new(big.Int).SetString(id, 10)
		if least == nil || n.Cmp(least) < 0 {
			lowest, least = i, n
		}
	}
	return ids[lowest : lowest+1]
}

func isInteger(id string) bool {
	for _, c := range []byte(id) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return id != ""
}

// Answer makes the response of a source: R is its decoded type. ids are the identifiers to report, in batch
// order, each once; the report contains everything else.
type Answer[R any] struct {
	Typed func(report *batch.Report, ids []string) R
	JSON  func(report *batch.Report, ids []string) []byte
	// Lowest reduces ids to the one that Lambda restarts at. Nil means that it does not restart there, as on
	// queues, where records left out of the response would be lost.
	Lowest func(ids []string) []string
	// For returns the Answer to one event, for responses that repeat parts of the event: about is
	// sources.Batch.About. Nil: all events have the same Answer.
	For func(about any) Answer[R]
}

// To returns the Answer to one event.
func (a Answer[R]) To(about any) Answer[R] {
	if a.For == nil {
		return a
	}
	return a.For(about)
}

// AnswerOf returns an Answer that needs only the identifiers, and writes the JSON of Encode.
func AnswerOf[R any](typed func(ids []string) R, lowest func(ids []string) []string) Answer[R] {
	return Answer[R]{
		Typed:  func(_ *batch.Report, ids []string) R { return typed(ids) },
		JSON:   func(_ *batch.Report, ids []string) []byte { return Encode(ids) },
		Lowest: lowest,
	}
}

// ForSQS is the answer to the events of an SQS queue.
func ForSQS() Answer[events.SQSEventResponse] { return AnswerOf(SQS, nil) }

// ForKinesis is the answer to the events of a Kinesis stream.
func ForKinesis() Answer[events.KinesisEventResponse] { return AnswerOf(Kinesis, Lowest) }

// ForDynamoDB is the answer to the events of a DynamoDB stream.
func ForDynamoDB() Answer[events.DynamoDBEventResponse] { return AnswerOf(DynamoDB, Lowest) }

// SQS is the response for an SQS event source.
func SQS(ids []string) events.SQSEventResponse {
	items := make([]events.SQSBatchItemFailure, len(ids))
	for i, id := range ids {
		items[i].ItemIdentifier = id
	}
	return events.SQSEventResponse{BatchItemFailures: items}
}

// Kinesis is the response for a Kinesis event source.
func Kinesis(ids []string) events.KinesisEventResponse {
	items := make([]events.KinesisBatchItemFailure, len(ids))
	for i, id := range ids {
		items[i].ItemIdentifier = id
	}
	return events.KinesisEventResponse{BatchItemFailures: items}
}

// DynamoDB is the response for a DynamoDB event source.
func DynamoDB(ids []string) events.DynamoDBEventResponse {
	items := make([]events.DynamoDBBatchItemFailure, len(ids))
	for i, id := range ids {
		items[i].ItemIdentifier = id
	}
	return events.DynamoDBEventResponse{BatchItemFailures: items}
}

// Encode writes the response for ids as JSON: {"batchItemFailures":[{"itemIdentifier":"…"}]}.
func Encode(ids []string) []byte {
	const head, item, tail = `{"batchItemFailures":[`, `{"itemIdentifier":`, `]}`
	size := len(head) + len(tail)
	for _, id := range ids {
		size += len(item) + len(id) + len(`"",}`)
	}
	out := append(make([]byte, 0, size), head...)
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendString(append(out, item...), id), '}')
	}
	return append(out, tail...)
}

// appendString appends id as a JSON string. Identifiers are plain in practice; the others go through
// encoding/json.
func appendString(out []byte, id string) []byte {
	for _, c := range []byte(id) {
		if c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(id) // a string always marshals
			return append(out, quoted...)
		}
	}
	return append(append(append(out, '"'), id...), '"')
}
