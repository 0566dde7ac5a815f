package soak

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// What the sources are put through. The rate is one that two processors bear, so that what is under way stays
// the same; if it is too much for a machine, the backlog bounds it.
const (
	rate      = 250 // records a second, of each source
	backlog   = 2_000
	groups    = 250
	window    = 1 // seconds, where there can be one: batches are to be large
	batchSize = 100
	timeout   = 3 * time.Second
	// A busy machine makes timers late, and the invocations of all sources share it.
	reserve = timeout / 2
	hang    = 2 * timeout
	atOnce  = 16 // invocations of a source, all of one processor

	failRate, panicRate, exitRate, hangRate = 0.05, 0.02, 0.01, 0.0005
)

var errDrawn = errors.New("drawn")

// load is what all sources share: the faults, and what can be counted.
type load struct {
	seed                                     uint64
	handled, invocations, abandoned, hanging atomic.Int64
}

// handle does what is drawn from the identifier, the delivery and the attempt. What hangs comes to an end when
// nobody waits for it any more, or it would be the handlers that fill the memory.
func (l *load) handle(ctx context.Context, id string) error {
	l.handled.Add(1)
	rec, _ := troupe.RecordFrom(ctx)
	number := lambdasim.Delivery(ctx, id)<<8 + rec.Attempt
	switch p := lambdasim.Draw(l.seed, "fault", id, number); {
	case p < hangRate:
		l.hanging.Add(1)
		defer l.hanging.Add(-1)
		time.Sleep(hang)
		return nil
	case p < hangRate+exitRate:
		runtime.Goexit()
	case p < hangRate+exitRate+panicRate:
		panic("drawn")
	case p < hangRate+exitRate+panicRate+failRate:
		return errDrawn
	}
	work := time.NewTimer(time.Duration(10 * float64(time.Millisecond) * lambdasim.Draw(l.seed, "work", id, number)))
	defer work.Stop()
	select {
	case <-work.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *load) options(more ...troupe.Option) []troupe.Option {
	return append([]troupe.Option{
		troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithReserve(reserve),
		troupe.WithObserver(func(_ context.Context, r *troupe.Report) { l.abandoned.Add(int64(r.Abandoned)) }),
	}, more...)
}

func (l *load) group(i int) string {
	return "group-" + strconv.Itoa(int(groups*lambdasim.Draw(l.seed, "group", strconv.Itoa(i), 0)))
}

func feed[T any](record func(i int) T) lambdasim.Feed[T] {
	return lambdasim.Feed[T]{
		Count: math.MaxInt, Record: record, Backlog: backlog,
		At: func(i int) time.Duration { return time.Duration(i) * time.Second / rate },
	}
}

// simulations are one of each source. Nothing is ever given up on: dead letters would pile up, and that is
// what a user's queue is for.
func (l *load) simulations() map[string]lambdasim.Simulation {
	all := map[string]lambdasim.Simulation{
		"SQS standard": l.queue("soak", batchSize, troupe.WithRetry(troupe.Retry{Times: 2, Panics: true}), troupe.WithRecordTimeout(timeout/6)),
		"SQS FIFO":     l.queue("soak.fifo", 10, troupe.WithPolicy(troupe.StopGroup)),
		"Kinesis":      l.kinesis(),
		"DynamoDB":     l.dynamoDB(),
		"Kafka":        l.kafka(),
	}
	for name, s := range all {
		s.Seed, s.Timeout, s.Concurrency, s.Overlap = l.seed, timeout, atOnce, true
		s.Mapping.FunctionResponseTypes = []string{lambdasim.ReportBatchItemFailures}
		s.Observe = func(e history.Event) {
			if e.Kind == history.Invoked {
				l.invocations.Add(1)
			}
		}
		all[name] = s
	}
	return all
}

func (l *load) queue(name string, batch int, options ...troupe.Option) lambdasim.Simulation {
	mapping := lambdasim.Mapping{BatchSize: batch}
	if batch > 10 {
		mapping.MaximumBatchingWindowInSeconds = window
	}
	// No message may be redelivered while an invocation it was received for can still be under way.
	queue := &lambdasim.Queue{Name: name, VisibilityTimeout: timeout + window*time.Second}
	queue.Feed(feed(func(i int) lambdasim.Message {
		return lambdasim.Message{Body: fmt.Sprintf(`{"order":%d}`, i), Group: l.group(i)}
	}))
	return lambdasim.Simulation{Source: queue, Mapping: mapping, Handler: troupe.SQS(lambdasim.Watch(func(ctx context.Context, m events.SQSMessage) error {
		return l.handle(ctx, m.MessageId)
	}), l.options(options...)...)}
}

func (l *load) kinesis() lambdasim.Simulation {
	stream := &lambdasim.KinesisStream{Name: "soak", Shards: 4}
	stream.Feed(feed(func(i int) lambdasim.KinesisRecord {
		return lambdasim.KinesisRecord{PartitionKey: l.group(i), Data: fmt.Appendf(nil, `{"order":%d}`, i)}
	}))
	return l.stream(stream, troupe.Kinesis(lambdasim.Watch(func(ctx context.Context, r events.KinesisEventRecord) error {
		return l.handle(ctx, r.Kinesis.SequenceNumber)
	}), l.options()...))
}

func (l *load) dynamoDB() lambdasim.Simulation {
	stream := &lambdasim.DynamoDBStream{Table: "soak", Shards: 4}
	stream.Feed(feed(func(i int) lambdasim.Change {
		keys := map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute(l.group(i))}
		return lambdasim.Change{Name: "MODIFY", Keys: keys, NewImage: map[string]events.DynamoDBAttributeValue{
			"id": keys["id"], "order": events.NewNumberAttribute(strconv.Itoa(i)),
		}}
	}))
	return l.stream(stream, troupe.DynamoDB(lambdasim.Watch(func(ctx context.Context, r events.DynamoDBEventRecord) error {
		return l.handle(ctx, r.Change.SequenceNumber)
	}), l.options(troupe.WithRetry(troupe.Retry{Times: 1}))...))
}

func (l *load) kafka() lambdasim.Simulation {
	topic := &lambdasim.KafkaTopic{Name: "soak", Partitions: 40}
	topic.Feed(feed(func(i int) lambdasim.KafkaRecord {
		return lambdasim.KafkaRecord{Key: []byte(l.group(i)), Value: fmt.Appendf(nil, `{"order":%d}`, i)}
	}))
	s := l.stream(topic, kafka.New(lambdasim.Watch(func(ctx context.Context, r kafka.Record) error {
		return l.handle(ctx, r.ID())
	}), l.options(troupe.WithRecordTimeout(timeout/6))...))
	s.Mapping.ParallelizationFactor = 0 // a partition has one batch at a time
	s.Mapping.ProvisionedPollerConfig = &lambdasim.ProvisionedPollerConfig{MinimumPollers: 10}
	return s
}

func (l *load) stream(source lambdasim.Source, handler lambda.Handler) lambdasim.Simulation {
	return lambdasim.Simulation{
		Source: source, Handler: handler,
		Mapping: lambdasim.Mapping{
			BatchSize: batchSize, MaximumBatchingWindowInSeconds: window,
			ParallelizationFactor: 5, BisectBatchOnFunctionError: true,
		},
		Unknown: lambdasim.Unknown{RetryDelay: func(int) time.Duration { return 100 * time.Millisecond }},
	}
}
