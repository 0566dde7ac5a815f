package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	goccy "github.com/goccy/go-json"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/tools/compare/batches"
	"github.com/troupe-go/troupe/tools/compare/rivals"
	"github.com/troupe-go/troupe/typed"
)

// work is something to do, and what it may take.
type work struct {
	name string
	// subject is measured against every other contestant. bounds says what the ratio of the two may be, by the other's
	// name; where there is no ratio, it has the bound of the subject.
	subject string
	bounds  bounds
	// contestants makes those who do the work. What they need lives as long as the work is measured.
	contestants func() []contestant
	measure     func(options, work) ([]row, error)
}

// bounds are what a ratio, or another figure, must not exceed, by the name of a contestant.
type bounds map[string]bound

// bound is what a figure must not exceed, and what it is meant not to exceed; 0 for none.
type bound struct{ most, aim float64 }

const concurrency = 64

// The rivals in Node.js.
const (
	powertools = "Powertools (TypeScript)"
	nodeLoop   = "Node.js loop"
)

// works lists everything that is measured, in the order of the table.
func works(node *node) []work {
	var all []work
	for _, message := range []struct {
		suffix   string
		document func(int) []byte
	}{{"", batches.SQS}, {", no attribute", batches.Plain}} {
		for i, size := range sizes {
			all = append(all, decodedBodies(size, message.suffix, node, message.document, bounds{
				powertools:               []bound{{1.5, 1.2}, {1.2, 1.0}, {0.9, 0.7}, {0.7, 0.5}}[i],
				rivals.DocumentationName: []bound{{0.8, 0.7}, {0.6, 0.5}, {0.45, 0.33}, {0.45, 0.33}}[i],
			}))
		}
	}
	all = append(all, pluggedIn(node), collector())
	for _, message := range []struct {
		suffix   string
		document func(int) []byte
	}{{"", batches.SQS}, {", no attribute", batches.Plain}} {
		for i, size := range sizes {
			all = append(all, invocation("SQS", size, message.suffix, node, message.document, func() lambda.Handler {
				return lambda.NewHandler(kind(rivals.DocumentationName).New(noMessage, 1).Process)
			}, troupe.SQS(noMessage), bounds{
				powertools:               []bound{{1.5, 1.2}, {1.3, 1.0}, {0.9, 0.7}, {0.65, 0.5}}[i],
				rivals.DocumentationName: []bound{{0.60, 0}, {0.30, 0}, {0.25, 0.15}, {0.25, 0.15}}[i],
			}))
		}
	}
	all = append(all,
		invocation("Kinesis", 6000, "", node, batches.Kinesis, func() lambda.Handler {
			return lambda.NewHandler(rivals.DocumentationKinesis(noKinesis))
		}, troupe.Kinesis(noKinesis), bounds{rivals.DocumentationName: {0.30, 0.20}}),
		invocation("DynamoDB", 6000, "", node, batches.DynamoDB, func() lambda.Handler {
			return lambda.NewHandler(rivals.DocumentationDynamoDB(noDynamoDB))
		}, troupe.DynamoDB(noDynamoDB), bounds{rivals.DocumentationName: {0.30, 0.20}}),

		processing("processing, SQS, 1,000 records", 2.0, 1000, unordered),
		processing("processing, SQS, 10,000 records", 2.0, 10_000, unordered),
		processing("processing, SQS, 10 records", 8, 10, unordered),
		work{
			name: "1 ms handler, SQS, 1,000 records", measure: timed,
			subject: rivals.TroupeName, bounds: bounds{rivals.ErrgroupName: {1.08, 0}},
			contestants: func() []contestant {
				return processors(decoded(batches.SQS(1000)), slow, only(rivals.ErrgroupName, "conc", "ants", rivals.TroupeName))
			},
		},
		work{
			name: "processing, SQS FIFO, 100 groups of 100", measure: timed,
			subject: rivals.TroupeName, bounds: bounds{rivals.ErrgroupName: {1.0, 0}},
			contestants: func() []contestant {
				return processors(decoded(batches.FIFO(10_000, 100)), noMessage, only(rivals.DocumentationName, rivals.ErrgroupName, rivals.GroupsName, rivals.TroupeName))
			},
		},
		failing(),
		scaling(),
		intercept(1),
		intercept(2),
		work{
			name: "window, a map of 1,000 keys, 2,000 records", measure: timed, subject: "a batch", bounds: bounds{"a batch": {100e6, 40e6}},
			contestants: func() []contestant { return []contestant{windowed("a batch")} },
		},
		work{
			name: "allocated, SQS, 10,000 records", measure: allocated,
			subject: rivals.TroupeName, bounds: bounds{rivals.TroupeName: {700, 0}},
			contestants: func() []contestant { return processors(decoded(batches.SQS(10_000)), noMessage, unordered) },
		},
		work{name: "live heap, batches of 10,000 records", bounds: bounds{rivals.TroupeName: {1.05, 0}}, measure: heap},
	)
	all = append(all, memories()...)
	return append(all,
		work{name: "cold start, SQS, 10 messages", bounds: bounds{rivals.TroupeName: {1.5, 0.8}}, measure: coldStart},
		work{name: "linked, SQS function, arm64, stripped", bounds: bounds{rivals.TroupeName: {9.1, 8.5}}, measure: linked},
	)
}

var sizes = []int{10, 100, 1000, 6000}

// invocation is the work of a whole function, from the bytes of the event to the bytes of the response.
func invocation(source string, size int, suffix string, node *node, document func(int) []byte, documentation func() lambda.Handler, processor lambda.Handler, most bounds) work {
	name := fmt.Sprintf("Invoke, %s, %s records%s", source, thousands(size), suffix)
	return work{
		name: name, bounds: most, measure: timed, subject: rivals.TroupeName,
		contestants: func() []contestant {
			payload := document(size)
			return []contestant{
				invoked(rivals.DocumentationName, size, payload, documentation()),
				node.contestant(powertools, "powertools", source, name, size, payload),
				node.contestant(nodeLoop, "loop", source, name, size, payload),
				invoked(rivals.TroupeName, size, payload, processor),
			}
		},
	}
}

// decodedBodies is the work of a whole function whose handler takes the decoded body.
func decodedBodies(size int, suffix string, node *node, document func(int) []byte, most bounds) work {
	name := fmt.Sprintf("decoded, SQS, %s records%s", thousands(size), suffix)
	return work{
		name: name, bounds: most, measure: timed, subject: rivals.TroupeName,
		contestants: func() []contestant {
			payload := document(size)
			return []contestant{
				invoked(rivals.DocumentationName, size, payload, lambda.NewHandler(kind(rivals.DocumentationName).New(unmarshalled, 1).Process)),
				node.contestant(powertools, "powertools and JSON.parse", "SQS", name, size, payload),
				node.contestant(nodeLoop, "loop and JSON.parse", "SQS", name, size, payload),
				invoked(rivals.TroupeName, size, payload, troupe.SQS(typed.SQS(takeOrder))),
			}
		},
	}
}

// pluggedIn is decodedBodies with another decoder of JSON than encoding/json.
func pluggedIn(node *node) work {
	const size = 10
	w := decodedBodies(size, ", goccy/go-json plugged in", node, batches.SQS, bounds{powertools: {1.1, 0.9}})
	w.contestants = func() []contestant {
		payload := batches.SQS(size)
		decode := typed.WithDecoder(func(payload []byte) (o order, err error) { return o, goccy.Unmarshal(payload, &o) })
		return []contestant{
			node.contestant(powertools, "powertools and JSON.parse", "SQS", w.name, size, payload),
			invoked(rivals.TroupeName, size, payload, troupe.SQS(typed.SQS(takeOrder, decode))),
		}
	}
	return w
}

// collector shows what the settings of the garbage collector bring.
func collector() work {
	const size = 1000
	w := work{name: "decoded, SQS, 1,000 records, collector settings", measure: timed, subject: rivals.TroupeName}
	w.contestants = func() []contestant {
		payload := batches.SQS(size)
		var all []contestant
		for _, c := range []struct {
			name string
			env  []string
		}{{rivals.TroupeName, nil}, {"GOGC=400", []string{"GOGC=400"}}, {"GOGC=off GOMEMLIMIT=100MiB", []string{"GOGC=off", "GOMEMLIMIT=100MiB"}}} {
			one := invoked(c.name, size, payload, troupe.SQS(typed.SQS(takeOrder)))
			one.env = c.env
			all = append(all, one)
		}
		return all
	}
	return w
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

// order is the body of the messages of package batches.
type order struct {
	OrderID string  `json:"orderId"`
	Amount  float64 `json:"amount"`
	Note    string  `json:"note"`
}

var errNoOrder = errors.New("no order")

func takeOrder(_ context.Context, o order) error {
	if o.OrderID == "" {
		return errNoOrder
	}
	return nil
}

func unmarshalled(ctx context.Context, m events.SQSMessage) error {
	var o order
	if err := json.Unmarshal([]byte(m.Body), &o); err != nil {
		return err
	}
	return takeOrder(ctx, o)
}

// processing is the work that is left once the event has been decoded.
func processing(name string, most float64, size int, which func(rivals.Kind) bool) work {
	return work{
		name: name, bounds: bounds{rivals.ErrgroupName: {most, 0}}, measure: timed, subject: rivals.TroupeName,
		contestants: func() []contestant { return processors(decoded(batches.SQS(size)), noMessage, which) },
	}
}

func decoded(document []byte) events.SQSEvent { return batches.Decode(document) }

func processors(event events.SQSEvent, handler rivals.Handler, which func(rivals.Kind) bool) []contestant {
	var all []contestant
	for _, k := range rivals.Kinds() {
		if which(k) {
			all = append(all, processed(k.Name, k, event, handler, 0))
		}
	}
	return all
}

func processed(name string, k rivals.Kind, event events.SQSEvent, handler rivals.Handler, failures int) contestant {
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
		name: "failing, SQS, 10,000 records", bounds: bounds{withoutFailures: {1.5, 0}}, measure: timed, subject: withFailures,
		contestants: func() []contestant {
			const size, nth = 10_000, 10
			fine := decoded(batches.SQS(size))
			failing := batches.Failing(decoded(batches.SQS(size)), nth)
			k := kind(rivals.TroupeName)
			return []contestant{
				processed(withoutFailures, k, fine, failMarked, 0),
				processed(withFailures, k, failing, failMarked, size/nth),
			}
		},
	}
}

// scaling compares large batches to small ones.
func scaling() work {
	return work{
		name: "per record, 10,000 against 1,000 records", bounds: bounds{atOneThousand: {1.2, 0}}, measure: timed, subject: atTenThousand,
		contestants: func() []contestant {
			k := kind(rivals.TroupeName)
			return []contestant{
				processed(atOneThousand, k, decoded(batches.SQS(1000)), noMessage, 0),
				processed(atTenThousand, k, decoded(batches.SQS(10_000)), noMessage, 0),
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

// timed measures time per record, each contestant in a process of its own.
func timed(o options, w work) ([]row, error) {
	contestants, series, err := measured(o, w)
	if err != nil {
		return nil, err
	}
	subject := slices.IndexFunc(contestants, func(c contestant) bool { return c.name == w.subject })
	var rows []row
	for i, c := range contestants {
		r := row{work: w.name, rival: c.name, measured: c.absent}
		if c.absent == "" {
			r.nanoseconds = spreadOf(series[i]).median
			r.measured = duration(r.nanoseconds)
			if i != subject {
				r.ratio = spreadOf(ratios(series[subject], series[i]))
				r.compared = true
				r.judge(r.ratio.median, w.bounds[c.name], "%.2f")
			} else if len(contestants) == 1 {
				r.judge(r.nanoseconds/1e6, bound{w.bounds[c.name].most / 1e6, w.bounds[c.name].aim / 1e6}, "%.0f ms")
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// allocated measures bytes and objects per record.
func allocated(_ options, w work) ([]row, error) {
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
			r.judge(size, w.bounds[c.name], "%.0f B")
		}
		rows = append(rows, r)
	}
	return rows, nil
}
