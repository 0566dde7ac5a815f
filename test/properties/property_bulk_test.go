package properties

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/test/properties/model"
)

// drawWhole draws what the handler of a whole batch does.
func drawWhole(t *rapid.T, sh shape, b model.Batch, no int) model.Act {
	act := drawAct(t, sh, oneOfThese(t, "trouble with the batch", 2, 0, 5), b.Left != model.Never || b.Cancel != model.Never, (no+1)*100_000)
	if act.Do == model.FailNil || act.Do == model.LeaveOut { // a batch as a whole is never dropped, and a nil pointer names no record
		act.Do = model.Fail
	}
	return act
}

func (s *stage) bulkProcessor(options []troupe.Option) func(context.Context, int) ([]string, error) {
	switch s.source {
	case kinesis:
		p := bulk.Kinesis(func(ctx context.Context, batch []events.KinesisEventRecord) error {
			return whole(ctx, s, batch, func(r events.KinesisEventRecord) string { return string(r.Kinesis.Data) })
		}, options...)
		return invoker(s, p, s.kinesisEvent, func(r events.KinesisEventResponse) []string {
			return identifiers(r.BatchItemFailures, func(f events.KinesisBatchItemFailure) string { return f.ItemIdentifier })
		})
	case dynamodb:
		p := bulk.DynamoDB(func(ctx context.Context, batch []events.DynamoDBEventRecord) error {
			return whole(ctx, s, batch, func(r events.DynamoDBEventRecord) string { return r.Change.NewImage["body"].String() })
		}, options...)
		return invoker(s, p, s.dynamodbEvent, func(r events.DynamoDBEventResponse) []string {
			return identifiers(r.BatchItemFailures, func(f events.DynamoDBBatchItemFailure) string { return f.ItemIdentifier })
		})
	case topic:
		p := bulk.Kafka(func(ctx context.Context, batch []kafka.Record) error {
			return whole(ctx, s, batch, func(r kafka.Record) string { return string(r.Value) })
		}, options...)
		return invoker(s, p, s.kafkaEvent, func(r kafka.Response) []string {
			return identifiers(r.BatchItemFailures, func(f kafka.BatchItemFailure) string { return f.ItemIdentifier.String() })
		})
	default:
		p := bulk.SQS(func(ctx context.Context, batch []events.SQSMessage) error {
			return whole(ctx, s, batch, func(m events.SQSMessage) string { return m.Body })
		}, options...)
		return invoker(s, p, s.sqsEvent, func(r events.SQSEventResponse) []string {
			return identifiers(r.BatchItemFailures, func(f events.SQSBatchItemFailure) string { return f.ItemIdentifier })
		})
	}
}

// whole is the handler of a batch: it does what the plan says, and notes what it was given.
func whole[T any](ctx context.Context, s *stage, records []T, body func(T) string) error {
	no := ctx.Value(batchKey{}).(int)
	b, came := s.batches[no], s.came[no]
	c := came.started(ctx, 0, 1)
	defer came.ended(c)
	failures, given := bulk.Failures{}, []int{}
	for k, r := range records {
		from, i := place(body(r))
		if from != no {
			came.complain("record %d of batch %d is in batch %d", i, from, no)
		}
		given = append(given, i)
		if b.Records[i].Acts[0].Do != model.OK {
			failures[k] = fault{record: i, attempt: 1}
		} else if i%3 == 0 {
			failures[k] = nil // is no failure
		}
	}
	came.mu.Lock()
	came.given = append(came.given, given...)
	came.mu.Unlock()
	err := s.perform(ctx, came, b.whole, fault{record: -1, attempt: 1})
	if err != nil || len(failures) == 0 {
		return err
	}
	if len(records)%2 == 0 {
		return fmt.Errorf("wrapped: %w", failures)
	}
	return failures
}

// wholeUnlike compares what the handler was given, and whose error each record has failed with.
func wholeUnlike(b batch, a model.Answer, came *seen) (differences []string) {
	// An error of the handler is about all records: if it does not tell of single ones, or its context ended.
	atOnce := len(a.Attempts) > 0 && (b.whole.Do != model.OK || a.Attempts[0].Start+b.whole.For != a.Attempts[0].Returns)
	given := []int{}
	for i, want := range a.Results {
		if want.Attempts > 0 && !want.Why.Has(model.Unread) {
			given = append(given, i)
		}
		f, of := fault{record: i}, i
		if atOnce {
			of = -1
		}
		if want.Why.OneOf(model.Erred|model.ErredForGood) && (!errors.As(came.report.Records[i].Err, &f) || f.record != of) {
			differences = append(differences, fmt.Sprintf("record %d has failed with %v", i, came.report.Records[i].Err))
		}
	}
	if !slices.Equal(given, came.given) {
		differences = append(differences, fmt.Sprintf("want the handler given the records %v, got %v", given, came.given))
	}
	return differences
}
