package window_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
	"github.com/troupe-go/troupe/window"
)

// faults is what goes wrong in a run. What happens to a record is drawn from the seed, the record and the
// attempt, so that it repeats itself.
type faults struct {
	seed                          uint64
	fail, panics, exit, hang, end float64
	most                          int // deliveries of a record that may go wrong
}

// run feeds records through windows and adds up what final is given.
type run struct {
	faults
	mu     sync.Mutex
	tries  map[string]int // by record: calls of fold
	ended  map[string]counts
	closed int
}

// fold counts a record by its key, and by itself, in place, and then goes wrong or not.
func (r *run) fold(ctx context.Context, state counts, key, id string) (counts, error) {
	r.mu.Lock()
	r.tries[id]++
	try := r.tries[id]
	r.mu.Unlock()
	end := lambdasim.Begin(ctx, id)
	state[key]++
	state[id]++
	p := 1.0
	if try <= r.most {
		p = lambdasim.Draw(r.seed, "fault", id, try)
	}
	switch {
	case p < r.fail:
		end(history.Fail)
		return state, errFold
	case p < r.fail+r.panics:
		end(history.Panic)
		panic("drawn")
	case p < r.fail+r.panics+r.exit:
		end(history.Exit)
		runtime.Goexit()
	case p < r.fail+r.panics+r.exit+r.hang:
		time.Sleep(time.Minute) // and counts it when it is too late
	}
	end(history.OK)
	return state, nil
}

func (r *run) final(ctx context.Context, state counts) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	properties, _ := window.From(ctx)
	r.closed++
	if lambdasim.Draw(r.seed, "end", properties.Window.Start.String()+properties.ShardID, r.closed) < r.end {
		return errors.New("drawn")
	}
	r.ended[properties.ShardID+properties.Window.Start.String()] = state
	return nil
}

// total adds up the windows.
func (r *run) total() counts {
	sum := counts{}
	for _, state := range r.ended {
		for key, n := range state {
			sum[key] += n
		}
	}
	return sum
}

// SPEC 9, S8: whatever fails and however often, redelivered records are counted once, all of them. Folds
// fail, panic, end their goroutine and outlive the invocation or their time; ends of windows fail; batches
// are halved; records are retried in place.
func TestEveryRecordIsCountedOnceWhateverFails(t *testing.T) {
	_, _ = troupe.SQS(func(context.Context, events.SQSMessage) error { return nil }).Invoke(t.Context(), []byte(`{"Records":[]}`)) // what lives as long as the process is made outside of the bubbles
	var replayed, ends int
	rapid.Check(t, func(rt *rapid.T) {
		r := &run{tries: map[string]int{}, ended: map[string]counts{}, faults: faults{
			seed:   rapid.Uint64().Draw(rt, "seed"),
			fail:   rapid.SampledFrom([]float64{0, 0.1, 0.4}).Draw(rt, "fail"),
			panics: rapid.SampledFrom([]float64{0, 0.1}).Draw(rt, "panic"),
			exit:   rapid.SampledFrom([]float64{0, 0.1}).Draw(rt, "exit"),
			hang:   rapid.SampledFrom([]float64{0, 0.1}).Draw(rt, "hang"),
			end:    rapid.SampledFrom([]float64{0, 0.5}).Draw(rt, "end"),
			most:   rapid.IntRange(0, 4).Draw(rt, "most"),
		}}
		options := []troupe.Option{troupe.WithLogger(slog.New(slog.DiscardHandler))}
		if rapid.Bool().Draw(rt, "retry") {
			options = append(options, troupe.WithRetry(troupe.Retry{Times: 2, Panics: true, Base: 10 * time.Millisecond}))
		}
		if rapid.Bool().Draw(rt, "record timeout") {
			options = append(options, troupe.WithRecordTimeout(500*time.Millisecond))
		}
		if rapid.Bool().Draw(rt, "lowest only") {
			options = append(options, troupe.WithLowestOnly())
		}
		options = append(options, rapid.SampledFrom([]troupe.Option{troupe.WithErrorWhen(troupe.ErrorWhenAll), troupe.WithErrorWhen(troupe.ErrorWhenAny), troupe.WithErrorWhen(troupe.ErrorWhenNever)}).Draw(rt, "error when"))
		records := rapid.IntRange(1, 60).Draw(rt, "records")
		shards := rapid.IntRange(1, 3).Draw(rt, "shards")
		table := rapid.Bool().Draw(rt, "DynamoDB")
		mapping := lambdasim.Mapping{
			TumblingWindowInSeconds:        30,
			BatchSize:                      rapid.SampledFrom([]int{1, 3, 10, 100}).Draw(rt, "batch"),
			MaximumBatchingWindowInSeconds: rapid.SampledFrom([]int{0, 5}).Draw(rt, "window"),
			BisectBatchOnFunctionError:     rapid.Bool().Draw(rt, "bisect"),
			FunctionResponseTypes:          []string{lambdasim.ReportBatchItemFailures},
		}

		var source lambdasim.Source
		var handler lambda.Handler
		key := func(i int) string { return fmt.Sprint("key-", i%5) }
		at := func(i int) time.Duration { return time.Duration(i) * time.Second }
		if table {
			stream := &lambdasim.DynamoDBStream{Shards: shards}
			stream.Feed(lambdasim.Feed[lambdasim.Change]{Count: records, At: at, Record: func(i int) lambdasim.Change {
				return lambdasim.Change{Keys: map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(key(i))}}
			}})
			source, handler = stream, window.DynamoDB(func(ctx context.Context, s counts, rec events.DynamoDBEventRecord) (counts, error) {
				return r.fold(ctx, s, rec.Change.Keys["pk"].String(), rec.Change.SequenceNumber)
			}, r.final, options...)
		} else {
			stream := &lambdasim.KinesisStream{Shards: shards}
			stream.Feed(lambdasim.Feed[lambdasim.KinesisRecord]{Count: records, At: at, Record: func(i int) lambdasim.KinesisRecord {
				return lambdasim.KinesisRecord{PartitionKey: key(i)}
			}})
			source, handler = stream, window.Kinesis(func(ctx context.Context, s counts, rec events.KinesisEventRecord) (counts, error) {
				return r.fold(ctx, s, rec.Kinesis.PartitionKey, rec.Kinesis.SequenceNumber)
			}, r.final, options...)
		}

		synctest.Test(t, func(t *testing.T) {
			verdict, err := lambdasim.Simulation{Source: source, Handler: handler, Mapping: mapping}.Run(t.Context())
			time.Sleep(2 * time.Minute) // for what hangs
			if err != nil || !verdict.OK() {
				rt.Fatal(verdict, err)
			}
			replayed += verdict.Totals.Redelivered
			ends += r.closed
		})
		want := counts{}
		for id := range r.tries {
			want[id] = 1
		}
		if len(want) != records {
			rt.Fatalf("%d of %d records were folded", len(want), records)
		}
		for i := range records {
			want[key(i)]++
		}
		if got := r.total(); !assert.ObjectsAreEqual(want, got) {
			text, _ := json.Marshal(got)
			rt.Fatalf("the windows add up to %s", text)
		}
	})
	t.Logf("%d records came again, %d ends of windows", replayed, ends)
	require.NotZero(t, replayed)
}
