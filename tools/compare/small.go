package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/tools/compare/batches"
	"github.com/troupe-go/troupe/tools/compare/rivals"
	"github.com/troupe-go/troupe/window"
)

// intercept is what a batch costs by itself: supervisor.Run with one record, less what each of twenty more records adds.
func intercept(processors int) work {
	return work{
		name:    fmt.Sprintf("a batch by itself, GOMAXPROCS=%d", processors),
		subject: rivals.TroupeName, bounds: bounds{rivals.TroupeName: {3.5, 2.5}},
		measure: intercepted,
		contestants: func() []contestant {
			few, many := supervised(few), supervised(many)
			few.env = []string{fmt.Sprint("GOMAXPROCS=", processors)}
			many.env = few.env
			return []contestant{few, many}
		},
	}
}

const few, many = 1, 21

// supervised runs batches of so many records that need nothing but a call.
func supervised(records int) contestant {
	config := &supervisor.Config{Concurrency: 16}
	return here(fmt.Sprint(records, " records"), 1, func(ctx context.Context) error {
		in := supervisor.Begin(ctx, config)
		defer in.End()
		report := in.Run(config, &messages.Batch{
			Source: batch.SQS, Results: make([]batch.Result, records), Barrier: records, Policy: batch.Continue,
			Handle: func(*messages.Attempt) error { return nil },
			Warn:   func(string, ...any) {},
		})
		if report.Succeeded != records {
			return fmt.Errorf("%d of %d records have succeeded", report.Succeeded, records)
		}
		return nil
	})
}

func intercepted(o options, w work) ([]row, error) {
	_, series, err := measured(o, w)
	if err != nil {
		return nil, err
	}
	var batches, records []float64
	for round := range series[0] {
		record := (series[1][round] - series[0][round]) / (many - few)
		records = append(records, record)
		batches = append(batches, (series[0][round]-few*record)/1000)
	}
	r := row{work: w.name, rival: rivals.TroupeName, measured: fmt.Sprintf("%.2f µs, and %s per record", spreadOf(batches).median, duration(spreadOf(records).median))}
	r.judge(spreadOf(batches).median, w.bounds[r.rival], "%.1f µs")
	return []row{r}, nil
}

// windowed folds a batch into a map of a thousand keys.
func windowed(name string) contestant {
	const keys = 1000
	payload := batches.Window(2000)
	p := window.Kinesis(func(_ context.Context, counts map[string]int, rec events.KinesisEventRecord) (map[string]int, error) {
		if len(counts) == 0 {
			for i := range keys {
				counts[fmt.Sprint("device-", i)] = i
			}
		}
		counts["device-"+rec.Kinesis.PartitionKey[len("d-"):]]++
		return counts, nil
	}, nil, troupe.WithReserve(time.Second))
	return here(name, 1, func(ctx context.Context) error {
		_, err := p.Invoke(ctx, payload)
		return err
	})
}
