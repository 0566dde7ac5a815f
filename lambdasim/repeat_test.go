package lambdasim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
)

// faulty is what the handlers of these tests do to a record: fail, panic, hang for an hour or end the
// goroutine, as drawn; or take a little time.
func faulty(ctx context.Context, seed uint64, id string) error {
	n := lambdasim.Delivery(ctx, id)
	time.Sleep(time.Duration(lambdasim.Draw(seed, "work", id, n) * float64(40*time.Millisecond)))
	switch p := lambdasim.Draw(seed, "fault", id, n); {
	case p < 0.03:
		return errors.New("drawn")
	case p < 0.04:
		panic("drawn")
	case p < 0.045:
		time.Sleep(time.Hour)
	}
	return nil
}

// sourceOf makes a source of n records in ten groups, and a processor for it.
func sourceOf(name string, n int, seed uint64, options ...troupe.Option) (lambdasim.Source, lambda.Handler) {
	options = append(options, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	group := func(i int) string { return fmt.Sprint("group-", i%10) }
	switch name {
	case "kinesis":
		s := &lambdasim.KinesisStream{Shards: 3}
		s.Feed(lambdasim.Feed[lambdasim.KinesisRecord]{Count: n, Record: func(i int) lambdasim.KinesisRecord {
			return lambdasim.KinesisRecord{PartitionKey: group(i), Data: fmt.Append(nil, i)}
		}})
		return s, troupe.Kinesis(lambdasim.Watch(func(ctx context.Context, r events.KinesisEventRecord) error {
			return faulty(ctx, seed, r.Kinesis.SequenceNumber)
		}), options...)
	case "dynamodb":
		s := &lambdasim.DynamoDBStream{Shards: 2}
		s.Feed(lambdasim.Feed[lambdasim.Change]{Count: n, Record: func(i int) lambdasim.Change {
			return lambdasim.Change{Keys: map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute(group(i))}}
		}})
		return s, troupe.DynamoDB(lambdasim.Watch(func(ctx context.Context, r events.DynamoDBEventRecord) error {
			return faulty(ctx, seed, r.Change.SequenceNumber)
		}), options...)
	default:
		q := &lambdasim.Queue{Name: name}
		q.Feed(lambdasim.Feed[lambdasim.Message]{Count: n, Record: func(i int) lambdasim.Message {
			return lambdasim.Message{Body: fmt.Sprint(i), Group: group(i)}
		}})
		return q, troupe.SQS(lambdasim.Watch(func(ctx context.Context, m events.SQSMessage) error {
			return faulty(ctx, seed, m.MessageId)
		}), options...)
	}
}

var sources = []string{"standard", "ordered.fifo", "kinesis", "dynamodb"}

// troupe's processors keep every promise, on every source, with failures, panics and hangs.
func TestRightHandlersPassWithTenSeeds(t *testing.T) {
	for _, name := range sources {
		t.Run(name, func(t *testing.T) {
			var total check.Totals
			for seed := range uint64(10) {
				source, handler := sourceOf(name, 500, seed)
				o := simulate(t, lambdasim.Simulation{
					Source: source, Handler: handler, Seed: seed, Overlap: true,
					Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}, Unknown: lambdasim.Unknown{DuplicateRate: 0.02},
				})
				if !o.OK() || !o.Drained || o.Totals.Sent != 500 || o.Totals.Succeeded != 500 {
					t.Errorf("seed %d: %v", seed, o)
				}
				total.Redelivered += o.Totals.Redelivered
				total.Duplicated += o.Totals.Duplicated
			}
			if total.Redelivered < 100 || name == "standard" && total.Duplicated < 50 {
				t.Errorf("nothing was put to the test: %+v", total)
			}
		})
	}
}

// A run may end after a number of invocations, and never has more; what is left then is not lost.
func TestARunEndsAfterItsInvocations(t *testing.T) {
	for _, name := range sources {
		t.Run(name, func(t *testing.T) {
			for limit, drained := range map[int]bool{1: false, 7: false, 1_000_000: true} {
				source, handler := sourceOf(name, 500, 1)
				o := simulate(t, lambdasim.Simulation{
					Source: source, Handler: handler, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}, Invocations: limit,
				})
				if !o.OK() || o.Drained != drained || o.Totals.Remaining > 0 == drained || !drained && o.Totals.Invocations != limit {
					t.Errorf("limit %d: drained %t, %d invocations, %v", limit, o.Drained, o.Totals.Invocations, o)
				}
			}
		})
	}
}

// The same for the policies that may be chosen, judged by what each promises.
func TestPoliciesKeepWhatTheyPromise(t *testing.T) {
	for _, name := range sources {
		for policy, order := range map[troupe.Policy]check.Order{troupe.Continue: check.Starts, troupe.StopGroup: check.Strict, troupe.StopBatch: check.Strict} {
			t.Run(fmt.Sprint(name, " ", policy), func(t *testing.T) {
				if name == "standard" {
					order = check.NoOrder
				}
				source, handler := sourceOf(name, 500, 1, troupe.WithPolicy(policy))
				o := simulate(t, lambdasim.Simulation{Source: source, Handler: handler, Order: &order, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}})
				if !o.OK() || o.Totals.Succeeded != 500 {
					t.Error(o)
				}
			})
		}
	}
}

// The same under mappings that give up on records, split batches and run several of a shard at once.
func TestRightHandlersPassUnderOtherMappings(t *testing.T) {
	destination := &lambdasim.Queue{Name: "destination"}
	stream := lambdasim.Mapping{
		FunctionResponseTypes: reporting, MaximumRetryAttempts: new(1), BisectBatchOnFunctionError: true,
		ParallelizationFactor: 4, BatchSize: 7, DestinationConfig: lambdasim.DestinationConfig{OnFailure: destination},
	}
	mappings := map[string]lambdasim.Mapping{
		"standard":     {FunctionResponseTypes: reporting, BatchSize: 50, MaximumBatchingWindowInSeconds: 2},
		"ordered.fifo": {FunctionResponseTypes: reporting, BatchSize: 3, ScalingConfig: lambdasim.ScalingConfig{MaximumConcurrency: 2}},
		"kinesis":      stream,
		"dynamodb":     stream,
	}
	for _, name := range sources {
		t.Run(name, func(t *testing.T) {
			givenUp := 0
			for seed := range uint64(5) {
				source, handler := sourceOf(name, 500, seed, troupe.WithPolicy(troupe.StopGroup))
				if queue, ok := source.(*lambdasim.Queue); ok {
					queue.VisibilityTimeout = 6 * time.Second
					queue.RedrivePolicy = lambdasim.RedrivePolicy{MaxReceiveCount: 2, DeadLetterQueue: &lambdasim.Queue{Name: "dead-" + name}}
				}
				o := simulate(t, lambdasim.Simulation{Source: source, Handler: handler, Mapping: mappings[name]})
				givenUp += o.Totals.DeadLettered + o.Totals.Discarded
				if !o.OK() || o.Totals.Deleted+o.Totals.Checkpointed+o.Totals.DeadLettered+o.Totals.Discarded != 500 {
					t.Errorf("seed %d: %v", seed, o)
				}
			}
			if givenUp == 0 {
				t.Error("no record was given up on")
			}
		})
	}
	if len(destination.Messages()) == 0 {
		t.Error("the destination was told nothing")
	}
}

// At concurrency 1 the whole history is the same, byte for byte.
func TestOneAtATimeTheHistoryRepeatsItself(t *testing.T) {
	for _, name := range sources {
		t.Run(name, func(t *testing.T) {
			write := func(seed uint64) []byte {
				var text bytes.Buffer
				synctest.Test(t, func(t *testing.T) {
					source, handler := sourceOf(name, 400, seed, troupe.WithConcurrency(1))
					if _, err := (lambdasim.Simulation{
						Source: source, Handler: handler, Seed: seed, Concurrency: 1, History: &text,
						Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting}, Unknown: lambdasim.Unknown{DuplicateRate: 0.02},
					}).Run(t.Context()); err != nil {
						t.Error(err)
					}
					time.Sleep(24 * time.Hour)
				})
				return text.Bytes()
			}
			one, again, other := write(1), write(1), write(2)
			if !bytes.Equal(one, again) {
				a, b := bytes.Split(one, []byte("\n")), bytes.Split(again, []byte("\n"))
				for i := range min(len(a), len(b)) {
					if !bytes.Equal(a[i], b[i]) {
						t.Fatalf("line %d of %d and %d differs:\n%s\n%s", i+1, len(a), len(b), a[i], b[i])
					}
				}
				t.Fatalf("%d and %d lines", len(a), len(b))
			}
			if bytes.Equal(one, other) {
				t.Error("another seed gives the same history")
			}
			verdict, err := check.Judge(bytes.NewReader(one))
			if err != nil || !verdict.OK() || verdict.Totals.Succeeded != 400 {
				t.Errorf("the history is judged %v, %v", verdict, err)
			}
		})
	}
}

// However much goes on at once, the same seed does the same to the same record at the same delivery.
func TestFaultsRepeatThemselvesWhateverTheScheduling(t *testing.T) {
	faults := func(concurrency int) map[string]bool {
		var mu sync.Mutex
		seen := map[string]bool{}
		handler := func(ctx context.Context, m events.SQSMessage) error {
			n := lambdasim.Delivery(ctx, m.MessageId)
			fails := lambdasim.Draw(9, "fault", m.MessageId, n) < 0.5
			mu.Lock()
			seen[fmt.Sprint(m.Body, "/", n)] = fails
			mu.Unlock()
			if n := fmt.Sprint(n); m.Attributes["ApproximateReceiveCount"] != n {
				t.Errorf("ApproximateReceiveCount %s at delivery %s", m.Attributes["ApproximateReceiveCount"], n)
			}
			if fails {
				return errors.New("drawn")
			}
			return nil
		}
		queue := queueOf("queue", 2000)
		queue.RedrivePolicy = lambdasim.RedrivePolicy{DeadLetterQueue: &lambdasim.Queue{}, MaxReceiveCount: 3}
		o := simulate(t, lambdasim.Simulation{
			Source: queue, Handler: troupe.SQS(lambdasim.Watch(handler), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever)),
			Concurrency: concurrency, Mapping: lambdasim.Mapping{FunctionResponseTypes: reporting},
		})
		if !o.OK() || o.Totals.DeadLettered < 150 || o.Totals.Succeeded+o.Totals.DeadLettered != 2000 {
			t.Error(o)
		}
		return seen
	}
	one, many := faults(1), faults(5)
	if !maps.Equal(one, many) {
		t.Errorf("%d and %d draws, and not the same", len(one), len(many))
	}
}

func TestDrawsAreSpreadEvenly(t *testing.T) {
	tenths := make([]int, 10)
	seen := map[float64]bool{}
	for i := range 10_000 {
		p := lambdasim.Draw(uint64(i%7), []string{"a", "b"}[i%2], fmt.Sprint("id-", i/10), i%10)
		tenths[int(p*10)]++
		seen[p] = true
	}
	if a, b := lambdasim.Draw(1, "a", "id", 1), lambdasim.Draw(1, "b", "id", 1); a == b {
		t.Error("draws for different purposes are the same")
	}
	if slices.Min(tenths) < 850 || slices.Max(tenths) > 1150 || len(seen) < 9_990 {
		t.Errorf("%v, %d different ones", tenths, len(seen))
	}
}
