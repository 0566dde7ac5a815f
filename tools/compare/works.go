package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/tools/compare/batches"
	"github.com/troupe-go/troupe/tools/compare/rivals"
)

// work is something to do, and what it may take.
type work struct {
	name string
	// subject is measured against another contestant; the ratio of the two must not be above bound and is
	// meant to be at most aim.
	subject, against string
	bound, aim       float64
	// contestants makes those who do the work. What they need lives as long as the work is measured.
	contestants func() []contestant
	measure     func(options, work) ([]row, error)
}

const concurrency = 64

// works lists everything that is measured, in the order of the table.
func works(node *node) []work {
	var all []work
	documentation := func() lambda.Handler {
		return lambda.NewHandler(kind(rivals.DocumentationName).New(noMessage, 1).Process)
	}
	for _, size := range []int{10, 100, 1000, 6000} {
		bound := map[int]float64{10: 0.60, 100: 0.30, 1000: 0.25, 6000: 0.25}[size]
		aim := map[int]float64{1000: 0.15, 6000: 0.15}[size]
		all = append(all, invocation("SQS", size, bound, aim, node, batches.SQS, documentation, troupe.SQS(noMessage)))
	}
	all = append(all,
		invocation("Kinesis", 6000, 0.30, 0.20, node, batches.Kinesis, func() lambda.Handler {
			return lambda.NewHandler(rivals.DocumentationKinesis(noKinesis))
		}, troupe.Kinesis(noKinesis)),
		invocation("DynamoDB", 6000, 0.30, 0.20, node, batches.DynamoDB, func() lambda.Handler {
			return lambda.NewHandler(rivals.DocumentationDynamoDB(noDynamoDB))
		}, troupe.DynamoDB(noDynamoDB)),

		processing("processing, SQS, 1,000 records", 2.0, 1000, unordered),
		processing("processing, SQS, 10,000 records", 2.0, 10_000, unordered),
		processing("processing, SQS, 10 records", 8, 10, unordered),
		work{
			name: "1 ms handler, SQS, 1,000 records", bound: 1.08, measure: timed,
			subject: rivals.TroupeName, against: rivals.ErrgroupName,
			contestants: func() []contestant {
				return typed(decoded(batches.SQS(1000)), slow, only(rivals.ErrgroupName, "conc", "ants", rivals.TroupeName))
			},
		},
		work{
			name: "processing, SQS FIFO, 100 groups of 100", bound: 1.0, measure: timed,
			subject: rivals.TroupeName, against: rivals.ErrgroupName,
			contestants: func() []contestant {
				return typed(decoded(batches.FIFO(10_000, 100)), noMessage, only(rivals.DocumentationName, rivals.ErrgroupName, rivals.GroupsName, rivals.TroupeName))
			},
		},
		failing(),
		scaling(),
		work{
			name: "allocated, SQS, 10,000 records", bound: 700, measure: allocated,
			subject:     rivals.TroupeName,
			contestants: func() []contestant { return typed(decoded(batches.SQS(10_000)), noMessage, unordered) },
		},
		work{name: "live heap, batches of 10,000 records", bound: 1.05, measure: heap},
		work{name: "cold start, SQS, 10 messages", bound: 10, aim: 4, measure: coldStart},
	)
	return all
}

// invocation is the work of a whole function, from the bytes of the event to the bytes of the response.
func invocation(source string, size int, bound, aim float64, node *node, document func(int) []byte, documentation func() lambda.Handler, processor lambda.Handler) work {
	return work{
		name: fmt.Sprintf("Invoke, %s, %s records", source, thousands(size)), bound: bound, aim: aim, measure: timed,
		subject: rivals.TroupeName, against: rivals.DocumentationName,
		contestants: func() []contestant {
			payload := document(size)
			return []contestant{
				invoked(rivals.DocumentationName, size, payload, documentation()),
				node.contestant("Powertools for TypeScript", "powertools", source, size, payload),
				node.contestant("Node.js, plain loop", "loop", source, size, payload),
				invoked(rivals.TroupeName, size, payload, processor),
			}
		},
	}
}

func invoked(name string, size int, payload []byte, handler lambda.Handler) contestant {
	return here(name, size, func(ctx context.Context) error {
		answer, err := handler.Invoke(ctx, payload)
		if err == nil && !strings.HasPrefix(string(answer), `{"batchItemFailures":[]}`) {
			err = fmt.Errorf("the answer was %s", answer)
		}
		return err
	})
}

// processing is the work that is left once the event has been decoded.
func processing(name string, bound float64, size int, which func(rivals.Kind) bool) work {
	return work{
		name: name, bound: bound, measure: timed, subject: rivals.TroupeName, against: rivals.ErrgroupName,
		contestants: func() []contestant { return typed(decoded(batches.SQS(size)), noMessage, which) },
	}
}

func decoded(document []byte) events.SQSEvent { return batches.Decode(document) }

func typed(event events.SQSEvent, handler rivals.Handler, which func(rivals.Kind) bool) []contestant {
	var all []contestant
	for _, k := range rivals.Kinds() {
		if which(k) {
			all = append(all, typedOne(k.Name, k, event, handler, 0))
		}
	}
	return all
}

func typedOne(name string, k rivals.Kind, event events.SQSEvent, handler rivals.Handler, failures int) contestant {
	rival := k.New(handler, concurrency)
	return here(name, len(event.Records), func(ctx context.Context) error {
		response, err := rival.Process(ctx, event)
		if got := len(response.BatchItemFailures); err == nil && got != failures {
			err = fmt.Errorf("%d records were reported, %d have failed", got, failures)
		}
		return err
	})
}

const (
	withoutFailures = "troupe, no failure"
	withFailures    = "troupe, 10 % failing"
	atOneThousand   = "troupe, 1,000 records"
	atTenThousand   = "troupe, 10,000 records"
)

// failing compares a batch with failures to the same batch without.
func failing() work {
	return work{
		name: "failing, SQS, 10,000 records", bound: 1.5, measure: timed, subject: withFailures, against: withoutFailures,
		contestants: func() []contestant {
			const size, nth = 10_000, 10
			fine := decoded(batches.SQS(size))
			failing := batches.Failing(decoded(batches.SQS(size)), nth)
			k := kind(rivals.TroupeName)
			return []contestant{
				typedOne(withoutFailures, k, fine, failMarked, 0),
				typedOne(withFailures, k, failing, failMarked, size/nth),
			}
		},
	}
}

// scaling compares large batches to small ones.
func scaling() work {
	return work{
		name: "per record, 10,000 against 1,000 records", bound: 1.2, measure: timed, subject: atTenThousand, against: atOneThousand,
		contestants: func() []contestant {
			k := kind(rivals.TroupeName)
			return []contestant{
				typedOne(atOneThousand, k, decoded(batches.SQS(1000)), noMessage, 0),
				typedOne(atTenThousand, k, decoded(batches.SQS(10_000)), noMessage, 0),
			}
		},
	}
}

func kind(name string) rivals.Kind {
	all := rivals.Kinds()
	return all[slices.IndexFunc(all, func(k rivals.Kind) bool { return k.Name == name })]
}

func only(names ...string) func(rivals.Kind) bool {
	return func(k rivals.Kind) bool { return slices.Contains(names, k.Name) }
}

// unordered are the rivals of a batch without groups.
func unordered(k rivals.Kind) bool { return k.Name != rivals.GroupsName }

// The handlers.

func noMessage(context.Context, events.SQSMessage) error           { return nil }
func noKinesis(context.Context, events.KinesisEventRecord) error   { return nil }
func noDynamoDB(context.Context, events.DynamoDBEventRecord) error { return nil }

func slow(context.Context, events.SQSMessage) error {
	time.Sleep(time.Millisecond)
	return nil
}

var errMarked = errors.New("marked to fail")

func failMarked(_ context.Context, m events.SQSMessage) error {
	if strings.HasPrefix(m.Body, "fail") {
		return errMarked
	}
	return nil
}

// timed measures time per record.
func timed(o options, w work) ([]row, error) {
	contestants := w.contestants()
	series, err := takeTurns(o, contestants)
	if err != nil {
		return nil, err
	}
	subject := slices.IndexFunc(contestants, func(c contestant) bool { return c.name == w.subject })
	var rows []row
	for i, c := range contestants {
		r := row{work: w.name, rival: c.name}
		switch {
		case c.absent != "":
			r.measured = c.absent
		default:
			r.nanoseconds = spreadOf(series[i]).median
			r.measured = duration(r.nanoseconds)
			if i != subject {
				r.ratio = spreadOf(ratios(series[subject], series[i]))
				r.compared = true
			}
		}
		if c.name == w.against {
			r.judge(r.ratio.median, w.bound, w.aim, "%.2f")
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// allocated measures bytes and objects per record.
func allocated(o options, w work) ([]row, error) {
	const repeat = 5
	var rows []row
	for _, c := range w.contestants() {
		if _, err := c.run(1); err != nil {
			return nil, err
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		if _, err := c.run(repeat); err != nil {
			return nil, err
		}
		runtime.ReadMemStats(&after)
		records := float64(repeat * c.records)
		size := float64(after.TotalAlloc-before.TotalAlloc) / records
		r := row{work: w.name, rival: c.name,
			measured: fmt.Sprintf("%.0f B, %.1f objects", size, float64(after.Mallocs-before.Mallocs)/records)}
		if c.name == w.subject {
			r.judge(size, w.bound, w.aim, "%.0f B")
		}
		rows = append(rows, r)
	}
	return rows, nil
}
