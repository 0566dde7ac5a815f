package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/tools/compare/batches"
	"github.com/troupe-go/troupe/typed"
)

// eventFile names the file of the event of a memory work, for the processes that handle it.
const eventFile = "COMPARE_EVENT"

// memory measures the most memory that a process has had when it has handled some batches, each as large as an
// invocation can be.
func memory(source string, document func(int) []byte, processor func() lambda.Handler) work {
	w := work{name: "memory, " + source + ", 6 MB", measure: memorized(document)}
	w.contestants = func() []contestant {
		var all []contestant
		for _, env := range [][]string{nil, {"GOMEMLIMIT=100MiB"}, {"GOMEMLIMIT=100MiB", "GOGC=off"}} {
			c := here(strings.Join(append([]string{"troupe"}, env...), " "), 1, func(ctx context.Context) error {
				event, err := os.ReadFile(os.Getenv(eventFile))
				if err != nil {
					return err
				}
				answer, err := processor().Invoke(ctx, event)
				if err == nil && !strings.HasPrefix(string(answer), `{"batchItemFailures":[]}`) {
					err = fmt.Errorf("the answer was %s", answer)
				}
				return err
			})
			c.env = env
			all = append(all, c)
		}
		return all
	}
	return w
}

const invocationLimit = 6 << 20 // bytes of a payload, by AWS's quotas

var peak = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

func memorized(document func(int) []byte) func(options, work) ([]row, error) {
	return func(_ options, w work) ([]row, error) {
		const some = 1000
		records := some * (invocationLimit - 100<<10) / len(document(some))
		dir, err := os.MkdirTemp("", "memory")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, "event.json")
		event := document(records)
		if err := os.WriteFile(file, event, 0o600); err != nil {
			return nil, err
		}
		contestants := w.contestants()
		for i := range contestants {
			contestants[i].env = append(contestants[i].env, eventFile+"="+file)
		}
		contestants, stop, err := apart(w, contestants)
		defer stop()
		if err != nil {
			return nil, err
		}
		rows := []row{{work: w.name, rival: "event", measured: fmt.Sprintf("%s records, %.1f MB", thousands(records), float64(len(event))/1e6)}}
		for _, c := range contestants {
			const batches = 5
			took, err := c.run(batches)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
			measured := "not measured: no /proc here"
			if found := peak.FindSubmatch(status); err == nil && found != nil {
				kB, _ := strconv.Atoi(string(found[1])) // digits
				measured = fmt.Sprintf("%d MB, %d ms", kB/1000, (took / batches).Milliseconds())
			}
			rows = append(rows, row{work: w.name, rival: c.name, measured: measured})
		}
		return rows, nil
	}
}

// memories are the memory works, with handlers of decoded payloads.
func memories() []work {
	type reading struct {
		Device string `json:"device"`
		Status string `json:"status"`
	}
	type item struct{ Id, Customer, Status string }
	return []work{
		memory("SQS", batches.SQS, func() lambda.Handler { return troupe.SQS(typed.SQS(takeOrder)) }),
		memory("Kinesis", batches.Kinesis, func() lambda.Handler {
			return troupe.Kinesis(typed.Kinesis(func(context.Context, reading) error { return nil }))
		}),
		memory("DynamoDB", batches.DynamoDB, func() lambda.Handler {
			return troupe.DynamoDB(typed.DynamoDB(func(context.Context, typed.Change[item]) error { return nil }))
		}),
		memory("Kafka", batches.Kafka, func() lambda.Handler {
			return kafka.New(typed.Kafka(func(context.Context, reading) error { return nil }))
		}),
	}
}
