package lambdasim_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
)

var million = flag.Bool("lambdasim.million", false, "run a million records through either queue, which takes minutes")

// Faults of the scale runs.
const (
	failRate  = 0.03
	panicRate = 0.01
	hangRate  = 0.0002
)

// liveHeap is what is in use after a collection.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// scale sends that many records of a thousand groups through a queue in virtual time, and returns the
// largest live heap on the way: it looks when two tenths of the records have been handled, and so on up to
// eight tenths.
func scale(t *testing.T, name string, records int) (heap uint64) {
	began := time.Now()
	var text string
	synctest.Test(t, func(t *testing.T) {
		const seed = 4
		queue := &lambdasim.Queue{Name: name}
		queue.Feed(lambdasim.Feed[lambdasim.Message]{
			Count: records,
			Record: func(i int) lambdasim.Message {
				return lambdasim.Message{Body: fmt.Sprintf(`{"order":%d}`, i), Group: fmt.Sprintf("group-%03d", i%1000)}
			},
			// Handling takes no time here, so what has failed piles up until it fills the backlog. With
			// this one that happens to 100,000 records as well as to a million.
			Backlog: 2_000,
		})
		handler := func(ctx context.Context, msg events.SQSMessage) error {
			switch p := lambdasim.Draw(seed, "fault", msg.MessageId, lambdasim.Delivery(ctx, msg.MessageId)); {
			case p < hangRate:
				time.Sleep(time.Minute)
			case p < hangRate+panicRate:
				panic("drawn")
			case p < hangRate+panicRate+failRate:
				return errors.New("drawn")
			}
			return nil
		}
		handled := 0
		verdict, err := lambdasim.Simulation{
			Source:  queue,
			Handler: troupe.SQS(lambdasim.Watch(handler), troupe.WithPolicy(troupe.StopGroup), troupe.WithLogger(slog.New(slog.DiscardHandler))),
			Mapping: lambdasim.Mapping{
				FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures},
				ScalingConfig:         lambdasim.ScalingConfig{MaximumConcurrency: 10},
			},
			Seed: seed,
			Observe: func(e history.Event) {
				if e.Kind == history.Deleted {
					handled++
					if tenth := handled / (records / 10); handled%(records/10) == 0 && tenth >= 2 && tenth <= 8 {
						heap = max(heap, liveHeap())
					}
				}
			},
		}.Run(t.Context())
		time.Sleep(time.Hour) // the hanging handlers come to their end
		if err != nil || !verdict.OK() || verdict.Totals.Deleted != records {
			t.Errorf("%v, %v", verdict, err)
		}
		text = verdict.String()
	})
	t.Logf("%s: %v, live heap %.1f MB\n%s", name, time.Since(began).Round(time.Millisecond), float64(heap)/1e6, text)
	return heap
}

func TestHundredThousandRecordsPass(t *testing.T) {
	for _, name := range []string{"standard", "ordered.fifo"} {
		t.Run(name, func(t *testing.T) {
			if underRace {
				scale(t, name, 10_000)
				return
			}
			hundred := scale(t, name, 100_000)
			if !*million {
				return
			}
			if all := scale(t, name, 1_000_000); float64(all) > 1.3*float64(hundred) {
				t.Errorf("live heap is %d bytes for a million records, %.2f times that for 100,000", all, float64(all)/float64(hundred))
			}
		})
	}
}
