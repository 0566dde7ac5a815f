package lambdasim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// piped is a function behind a pipe: it handles every record of an array, and has failed with those that it reports.
type piped struct {
	answer  func(n int, ids []string) (string, error)
	batches [][]string
	raw     [][]map[string]any
}

func (f *piped) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var records []map[string]any
	if err := json.Unmarshal(payload, &records); err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range records {
		id, ok := r["eventID"].(string)
		if !ok {
			id = r["messageId"].(string)
		}
		ids = append(ids, id)
	}
	f.batches, f.raw = append(f.batches, ids), append(f.raw, records)
	response, err := f.answer(len(f.batches), ids)
	for _, id := range ids {
		if end := lambdasim.Begin(ctx, id); err != nil || strings.Contains(response, `"`+id+`"`) {
			end(history.Fail)
		} else {
			end(history.OK)
		}
	}
	return []byte(response), err
}

func (f *piped) sizes() (n []int) {
	for _, b := range f.batches {
		n = append(n, len(b))
	}
	return n
}

// A pipe delivers again what was reported and nothing else, of every source, and knows records by the identifiers of pipes.
func TestAPipeRetriesWhatWasReportedAndNothingElse(t *testing.T) {
	for name, source := range map[string]lambdasim.Source{
		"kinesis": kinesisOf(6), "dynamodb": changesOf(6), "sqs": queueOf("orders", 6), "fifo": queueOf("orders.fifo", 6),
	} {
		f := &piped{answer: func(n int, ids []string) (string, error) {
			if n == 1 {
				return reportIDs(ids[1], ids[4]), nil
			}
			return "", nil
		}}
		o := simulate(t, lambdasim.Simulation{Source: source, Handler: f, Pipe: new(lambdasim.Pipe), Order: new(check.Starts), Stops: check.StopsNothing})
		if !o.OK() || !o.Drained || !slices.Equal(f.sizes(), []int{6, 2}) {
			t.Errorf("%s: batches of %v: %v", name, f.sizes(), o)
			continue
		}
		if !slices.Equal(f.batches[1], []string{f.batches[0][1], f.batches[0][4]}) {
			t.Errorf("%s: again %q of %q", name, f.batches[1], f.batches[0])
		}
	}
}

// The records of a pipe have the shape that AWS documents: a bare array, Kinesis records flat.
func TestThePayloadOfAPipeIsABareArray(t *testing.T) {
	for name, c := range map[string]struct {
		source lambdasim.Source
		keys   []string
	}{
		"kinesis":  {kinesisOf(1), []string{"approximateArrivalTimestamp", "awsRegion", "data", "eventID", "eventName", "eventSource", "eventSourceARN", "eventVersion", "invokeIdentityArn", "kinesisSchemaVersion", "partitionKey", "sequenceNumber"}},
		"dynamodb": {changesOf(1), []string{"awsRegion", "dynamodb", "eventID", "eventName", "eventSource", "eventSourceARN", "eventVersion"}},
		"sqs":      {queueOf("orders", 1), []string{"attributes", "awsRegion", "body", "eventSource", "eventSourceARN", "md5OfBody", "messageAttributes", "messageId", "receiptHandle"}},
	} {
		f := &piped{answer: func(int, []string) (string, error) { return "", nil }}
		simulate(t, lambdasim.Simulation{Source: c.source, Handler: f, Pipe: new(lambdasim.Pipe)})
		var keys []string
		for key := range f.raw[0][0] {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		if !slices.Equal(keys, c.keys) {
			t.Errorf("%s: %q", name, keys)
		}
	}
}

// An identifier of a mapping is foreign to a pipe: the whole batch is retried.
func TestAPipeDoesNotKnowSequenceNumbers(t *testing.T) {
	f := &piped{answer: func(n int, ids []string) (string, error) {
		if n == 1 {
			_, number, _ := strings.Cut(ids[1], ":")
			return reportIDs(number), nil
		}
		return "", nil
	}}
	o := simulate(t, lambdasim.Simulation{Source: kinesisOf(3), Handler: f, Pipe: new(lambdasim.Pipe)})
	if !slices.Equal(f.sizes(), []int{3, 3}) || o.Kinds[check.BadResponse] != 1 {
		t.Errorf("batches of %v: %v", f.sizes(), o)
	}
}

// AUTOMATIC_BISECT halves what failed, without a charge; how it combines with a partial response is unknown.
func TestAutomaticBisectHalvesWhatFailed(t *testing.T) {
	third := func(_ int, ids []string) (string, error) {
		for _, id := range ids {
			if strings.HasSuffix(id, "3") {
				return "", errors.New("no")
			}
		}
		return "", nil
	}
	all := func(n int, ids []string) (string, error) {
		if n == 1 {
			return reportIDs(ids[0], ids[1], ids[2], ids[3]), nil
		}
		return "", nil
	}
	for _, c := range []struct {
		name   string
		bisect string
		keep   bool
		answer func(int, []string) (string, error)
		sizes  []int
	}{
		{"an error, halved", lambdasim.AutomaticBisect, false, third, []int{8, 4, 2, 2, 1, 1, 1, 4}},
		{"an error, kept", "", false, third, []int{8, 8}},
		{"reported, halved", lambdasim.AutomaticBisect, false, all, []int{8, 2, 2}},
		{"reported, kept", lambdasim.AutomaticBisect, true, all, []int{8, 4}},
		{"reported, without bisecting", "", false, all, []int{8, 4}},
	} {
		dead := &lambdasim.Queue{Name: "dead"}
		f := &piped{answer: c.answer}
		o := simulate(t, lambdasim.Simulation{
			Source: kinesisOf(8), Handler: f, Unknown: lambdasim.Unknown{KeepReported: c.keep}, Order: new(check.Starts), Stops: check.StopsNothing,
			Pipe: &lambdasim.Pipe{OnPartialBatchItemFailure: c.bisect, MaximumRetryAttempts: new(1), DeadLetterConfig: dead},
		})
		if !slices.Equal(f.sizes(), c.sizes) || !o.OK() {
			t.Errorf("%s: batches of %v, want %v: %v", c.name, f.sizes(), c.sizes, o)
		}
	}
}

// Discarded records are described by the sequence numbers of the stream.
func TestAPipeDiscardsWhatItRetriedInVain(t *testing.T) {
	dead := &lambdasim.Queue{Name: "dead"}
	f := &piped{answer: func(_ int, ids []string) (string, error) { return reportIDs(ids[len(ids)-1]), nil }}
	o := simulate(t, lambdasim.Simulation{Source: kinesisOf(3), Handler: f, Pipe: &lambdasim.Pipe{MaximumRetryAttempts: new(2), DeadLetterConfig: dead}})
	told := failures(t, dead)
	if !slices.Equal(f.sizes(), []int{3, 1, 1}) || !o.OK() || o.Totals.Discarded != 1 || len(told) != 1 {
		t.Fatalf("batches of %v, %v, %v", f.sizes(), o, told)
	}
	if number := told[0].KinesisBatchInfo.StartSequenceNumber; !strings.HasSuffix(f.batches[2][0], ":"+number) || told[0].KinesisBatchInfo.BatchSize != 1 {
		t.Errorf("%q of %q", number, f.batches[2])
	}
}

// A pipe waits for five minutes, whatever the timeout of the function is.
func TestAPipeWaitsForFiveMinutes(t *testing.T) {
	left := time.Duration(0)
	n := 0
	o := simulate(t, lambdasim.Simulation{
		Source: kinesisOf(1), Timeout: 10 * time.Minute, Pipe: &lambdasim.Pipe{MaximumRetryAttempts: new(0)},
		Handler: invoked(func(ctx context.Context) (string, error) {
			n++
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			time.Sleep(6 * time.Minute)
			return "", nil
		}),
	})
	ended := o.of(history.TimedOut)
	if left != 10*time.Minute || n != 1 || len(ended) != 1 || ended[0].At.Round(time.Second) != 5*time.Minute {
		t.Errorf("%v left, %d invocations, %v", left, n, ended)
	}
}

type invoked func(ctx context.Context) (string, error)

func (f invoked) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	text, err := f(ctx)
	return []byte(text), err
}

// Parameters that a pipe of that source has not are refused.
func TestPipesAreChecked(t *testing.T) {
	for want, s := range map[string]lambdasim.Simulation{
		"Mapping and Pipe must not be used together":                               {Source: kinesisOf(1), Pipe: new(lambdasim.Pipe), Mapping: lambdasim.Mapping{BatchSize: 1}},
		`OnPartialBatchItemFailure is "HALVE"; must be "AUTOMATIC_BISECT"`:         {Source: kinesisOf(1), Pipe: &lambdasim.Pipe{OnPartialBatchItemFailure: "HALVE"}},
		"OnPartialBatchItemFailure is for streams; a queue has its redrive policy": {Source: queueOf("q", 1), Pipe: &lambdasim.Pipe{OnPartialBatchItemFailure: lambdasim.AutomaticBisect}},
		"DeadLetterConfig is for streams; a queue has its redrive policy":          {Source: queueOf("q", 1), Pipe: &lambdasim.Pipe{DeadLetterConfig: &lambdasim.Queue{}}},
		"MaximumRetryAttempts is for streams":                                      {Source: queueOf("q", 1), Pipe: &lambdasim.Pipe{MaximumRetryAttempts: new(1)}},
		"BatchSize is 10001; must be from 1 to 10000 for a stream":                 {Source: kinesisOf(1), Pipe: &lambdasim.Pipe{BatchSize: 10_001}},
		"a pipe from a Kafka topic is not simulated":                               {Source: &lambdasim.KafkaTopic{}, Pipe: new(lambdasim.Pipe)},
	} {
		s.Handler = &piped{}
		if _, err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Filters of a pipe see the data of a Kinesis record at the top.
func TestAPipeFilters(t *testing.T) {
	stream := &lambdasim.KinesisStream{}
	for i := range 4 {
		stream.Put(lambdasim.KinesisRecord{PartitionKey: "k", Data: fmt.Appendf(nil, `{"even":%v}`, i%2 == 0)})
	}
	f := &piped{answer: func(int, []string) (string, error) { return "", nil }}
	o := simulate(t, lambdasim.Simulation{Source: stream, Handler: f, Pipe: &lambdasim.Pipe{
		FilterCriteria: lambdasim.FilterCriteria{Filters: []lambdasim.Filter{{Pattern: `{"data":{"even":[true]}}`}}},
	}})
	if !o.OK() || o.Totals.Filtered != 2 || !slices.Equal(f.sizes(), []int{2}) {
		t.Errorf("%v: %v", f.sizes(), o)
	}
}

// The processors behind a pipe, with failures, panics and hangs: nothing is lost, and order is kept.
func TestProcessorsBehindAPipe(t *testing.T) {
	silent := troupe.WithLogger(slog.New(slog.DiscardHandler))
	faulty := func(ctx context.Context, id string) error {
		switch p := lambdasim.Draw(7, "pipe", id, lambdasim.Delivery(ctx, id)); {
		case p < 0.05:
			panic("drawn")
		case p < 0.2:
			return errors.New("drawn")
		case p < 0.21:
			time.Sleep(time.Minute)
		}
		time.Sleep(5 * time.Millisecond)
		return nil
	}
	stream, table := &lambdasim.KinesisStream{Shards: 2}, &lambdasim.DynamoDBStream{Shards: 2}
	queue, fifo := &lambdasim.Queue{Name: "q"}, &lambdasim.Queue{Name: "q.fifo"}
	for i := range 300 {
		group := fmt.Sprint("g", i%20)
		stream.Put(lambdasim.KinesisRecord{PartitionKey: group, Data: fmt.Appendf(nil, "%d", i)})
		table.Put(lambdasim.Change{Keys: map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute(group)}, NewImage: map[string]events.DynamoDBAttributeValue{"n": events.NewNumberAttribute(fmt.Sprint(i))}})
		queue.Send(lambdasim.Message{Body: fmt.Sprint(i)})
		fifo.Send(lambdasim.Message{Body: fmt.Sprint(i), Group: group})
	}
	sqs := troupe.SQS(lambdasim.Watch(func(ctx context.Context, m events.SQSMessage) error { return faulty(ctx, m.MessageId) }), silent)
	for name, c := range map[string]struct {
		source  lambdasim.Source
		handler lambda.Handler
		pipe    lambdasim.Pipe
		stops   check.Stop
	}{
		"kinesis": {stream, troupe.Kinesis(lambdasim.Watch(func(ctx context.Context, r events.KinesisEventRecord) error {
			return faulty(ctx, r.Kinesis.SequenceNumber)
		}), silent), lambdasim.Pipe{OnPartialBatchItemFailure: lambdasim.AutomaticBisect, ParallelizationFactor: 2}, check.StopsGroup},
		"dynamodb": {table, troupe.DynamoDB(lambdasim.Watch(func(ctx context.Context, r events.DynamoDBEventRecord) error {
			return faulty(ctx, r.Change.SequenceNumber)
		}), silent, troupe.WithLowestOnly()), lambdasim.Pipe{}, check.StopsGroup},
		"sqs":  {queue, sqs, lambdasim.Pipe{}, check.StopsNothing},
		"fifo": {fifo, sqs, lambdasim.Pipe{}, check.StopsBatch},
	} {
		o := simulate(t, lambdasim.Simulation{Source: c.source, Handler: c.handler, Pipe: &c.pipe, Timeout: 3 * time.Second, Payloads: true, Stops: c.stops, Errors: check.ErrorsAll})
		if !o.OK() || !o.Drained || o.Totals.Succeeded != 300 || o.Totals.Redelivered < 40 {
			t.Errorf("%s: %v", name, o)
		}
	}
}
