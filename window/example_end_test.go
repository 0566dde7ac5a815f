package window_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/window"
)

// The contexts of the fold and of the function for the end have the window, the shard and the two flags.
func ExampleFrom() {
	count := func(ctx context.Context, total int, _ events.KinesisEventRecord) (int, error) {
		in, _ := window.From(ctx)
		fmt.Println(in.ShardID, in.Window.Start.Format("15:04"), "early:", in.IsWindowTerminatedEarly)
		return total + 1, nil
	}
	p := window.Kinesis(count, nil)

	start := time.Date(2026, 1, 1, 7, 4, 0, 0, time.UTC)
	answer, err := p.Process(context.Background(), window.Event[events.KinesisEventRecord]{
		Records: []events.KinesisEventRecord{{Kinesis: events.KinesisRecord{SequenceNumber: "9"}}},
		Properties: window.Properties{
			Window: window.Bounds{Start: start, End: start.Add(2 * time.Minute)}, State: []byte("41"), ShardID: "shard-6",
			IsWindowTerminatedEarly: true,
		},
	})
	fmt.Println(string(answer.State), answer.BatchItemFailures, err)
	// Output:
	// shard-6 07:04 early: true
	// 42 [] <nil>
}

// The record that makes the state larger than Lambda allows fails, and the state remains as it was before.
func Example_tooLarge() {
	keep := func(ctx context.Context, all string, rec events.KinesisEventRecord) (string, error) {
		return all + strings.Repeat("x", len(rec.Kinesis.Data)), nil
	}
	p := window.Kinesis(keep, nil, troupe.WithLogger(slog.New(slog.DiscardHandler)),
		troupe.WithFailureHook(func(_ context.Context, rec troupe.Record, err error) { fmt.Println(rec.ID, err) }))

	start := time.Date(2026, 1, 1, 7, 4, 0, 0, time.UTC)
	answer, err := p.Process(context.Background(), window.Event[events.KinesisEventRecord]{
		Records: []events.KinesisEventRecord{
			{Kinesis: events.KinesisRecord{SequenceNumber: "1", Data: make([]byte, 10)}},
			{Kinesis: events.KinesisRecord{SequenceNumber: "2", Data: make([]byte, window.MaxState)}},
		},
		Properties: window.Properties{Window: window.Bounds{Start: start, End: start.Add(2 * time.Minute)}, ShardID: "shard-6"},
	})
	fmt.Println(string(answer.State), answer.BatchItemFailures, err)
	// Output:
	// 2 troupe: the JSON of the state has 1048588 bytes; must be at most 1048576
	// "xxxxxxxxxx" [{2}] <nil>
}
