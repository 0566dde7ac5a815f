package properties

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/test/properties/model"
)

// writing is what the one write of a batch does, and what it was given.
type writing struct {
	do      model.Do
	refused []bool // by record
	without []bool // by record: its handler leaves no value
	calls   int
	values  []string
}

// Enriching in parallel and one write (R2): what is written, and what becomes of each record, is what the model says. It is
// about what is decided, so nothing takes time; where it would depend on what comes first, there is one slot.
func TestEnrichingAndWritingIsTheModels(t *testing.T) {
	warmUp(t)
	checks := flag.Lookup("rapid.checks")
	asked := checks.Value.String()
	defer func() { _ = checks.Value.Set(asked) }()
	if asked == "100" { // rapid's own
		_ = checks.Value.Set("1500")
	}
	var draws, refusals, held, calls int
	rapid.Check(t, func(rt *rapid.T) {
		p := drawThen(rt)
		w := &writing{do: oneOfThese(rt, "write", model.OK, model.OK, model.OK, model.Fail, model.FailForGood, model.Panic, model.Goexit)}
		for range p.batches[0].Records {
			w.refused = append(w.refused, chance(rt, "refused", 2))
			w.without = append(w.without, chance(rt, "without a value", 1))
		}
		var came *seen
		rapid.SyncTest(rt, func(*rapid.T) { came = p.write(w) })

		b := p.batches[0]
		results, written := model.Then(b.Batch, model.Run(b.Batch, func(int) int { return 0 }), w.without, w.do, w.refused)
		want := model.Answer{Results: results}
		var complaints []string
		differ := func(what string, want, got any) {
			if fmt.Sprint(want) != fmt.Sprint(got) {
				complaints = append(complaints, fmt.Sprintf("%s: want %v, got %v", what, want, got))
			}
		}
		values := []string{}
		for _, i := range written {
			values = append(values, valueOf(i, results[i].Attempts))
		}
		differ("calls of the write", min(1, len(written)), w.calls)
		differ("values that were written", values, append([]string{}, w.values...))
		for i, r := range results {
			got := came.report.Records[i]
			differ(fmt.Sprintf("outcome of record %d", i), outcome(r), got.Outcome)
			why := reasons(got.Err)
			if why == 0 && got.Err != nil && strings.Contains(got.Err.Error(), "the handler returned no string to write") {
				why = model.Erred
			}
			differ(fmt.Sprintf("reasons of record %d", i), r.Why, why)
			_, ok := troupe.Value[string](got)
			differ(fmt.Sprintf("value of record %d", i), r.Why == 0, ok)
			if r.Why == model.GroupStopped {
				held++
			}
		}
		if came.err == nil {
			differ("response", want.Reported(b.ids, p.lowestOnly && !p.pipe), came.reported)
		}
		differ("an error", len(b.ids) > 0 && want.Count(0) == len(b.ids), came.err != nil)
		if complaints = append(complaints, came.faults...); len(complaints) > 0 {
			rt.Fatalf("%v\nwrite %v, refused %v\n%q\ncame\n%v", p, w.do, w.refused, complaints, came)
		}
		draws++
		calls += w.calls
		if slices.Contains(w.refused, true) && w.do == model.OK {
			refusals++
		}
	})
	t.Logf("%d draws, %d writes, %d with refusals, %d records held back", draws, calls, refusals, held)
	if !t.Failed() && draws >= 1000 && (calls*4 < draws || refusals*10 < draws || held*20 < draws) {
		t.Error("too few draws put it to the test")
	}
}

// drawThen draws a batch and the options that its handlers are called with.
func drawThen(t *rapid.T) *plan {
	p := &plan{
		number: plans.Add(1),
		source: oneOfThese(t, "source", standard, fifo, kinesis, dynamodb, topic),
		order:  oneOfThese(t, "order", ownOrder, ownOrder, unordered),
		raw:    rapid.Bool().Draw(t, "raw"),
		policy: oneOfThese(t, "policy", troupe.Derive, troupe.Continue, troupe.StopGroup, troupe.StopBatch),
	}
	p.pipe = p.raw && p.source != topic && rapid.Bool().Draw(t, "pipe")
	p.lowestOnly = p.source.stream() && chance(t, "lowest only", 2)
	b := model.Batch{Ordered: p.order == ownOrder && p.source != standard, Left: model.Never, Cancel: model.Never, Concurrency: 1, Directive: p.directive}
	if p.directive(0, model.Erred) != model.Stop { // else it matters which group comes first
		b.Concurrency = oneOfThese(t, "concurrency", 1, 2, 4, 16)
	}
	if b.Retries = oneOfThese(t, "retries", 0, 0, 1); b.Retries > 0 {
		b.Backoff = func(int) time.Duration { return 0 }
	}
	groups := oneOfThese(t, "groups", 1, 2, 3)
	for range oneOfThese(t, "records", 4, 6, 8, 12, 3, 1, 0) {
		r := model.Record{Group: []string{"a", "b", "c"}[rapid.IntRange(0, groups-1).Draw(t, "group")]}
		for range 1 + b.Retries {
			do := model.OK
			if chance(t, "trouble", 2) {
				do = oneOfThese(t, "do", model.Fail, model.FailForGood, model.Panic, model.Goexit, model.LeaveOut, model.FailJoined)
			}
			r.Acts = append(r.Acts, model.Act{Do: do})
		}
		b.Records = append(b.Records, r)
	}
	drawn := batch{Batch: b, given: model.Never, spoiled: make([]bool, len(b.Records))}
	if p.source == topic {
		drawn.ids = p.drawOffsets(t, b.Records)
	} else {
		drawn.ids = ascending(len(b.Records))
	}
	p.batches = []batch{drawn}
	return p
}

// write runs the plan with a processor that ends in one write.
func (p *plan) write(w *writing) *seen {
	s := &stage{plan: p, came: []*seen{{}}, release: make(chan struct{})}
	defer close(s.release)
	options := []troupe.Option{
		troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithConcurrency(p.batches[0].Concurrency), troupe.WithObserver(s.observe), troupe.WithPolicy(p.policy),
	}
	if p.lowestOnly {
		options = append(options, troupe.WithLowestOnly())
	}
	if p.order == unordered {
		options = append(options, troupe.WithoutOrder())
	}
	if b := p.batches[0]; b.Retries > 0 {
		options = append(options, troupe.WithRetry(troupe.Retry{Times: b.Retries, Backoff: b.Backoff}))
	}
	p.returns = true
	write := func(_ context.Context, values []string) error {
		w.calls++
		w.values = append(w.values, values...)
		if w.do != model.OK {
			return s.finish(w.do, fault{record: -1, attempt: 1})
		}
		refused := bulk.Failures{}
		for k, value := range values {
			var i, attempt int
			_, _ = fmt.Sscanf(value, "%d.%d", &i, &attempt)
			if w.refused[i] {
				refused[k] = fault{record: i, attempt: attempt}
			}
		}
		if len(refused) > 0 {
			return refused
		}
		return nil
	}
	s.without = w.without
	s.invocation(0, s.thenProcessor(write, options))
	return s.came[0]
}

func (s *stage) thenProcessor(write func(context.Context, []string) error, options []troupe.Option) func(context.Context, int) ([]string, error) {
	switch s.source {
	case kinesis:
		p := bulk.KinesisThen(valued(s, func(ctx context.Context, r events.KinesisEventRecord) error {
			return s.handle(ctx, string(r.Kinesis.Data))
		}), write, options...)
		return invoker(s, p, s.kinesisEvent, func(r events.KinesisEventResponse) []string {
			return identifiers(r.BatchItemFailures, func(f events.KinesisBatchItemFailure) string { return f.ItemIdentifier })
		})
	case dynamodb:
		p := bulk.DynamoDBThen(valued(s, func(ctx context.Context, r events.DynamoDBEventRecord) error {
			return s.handle(ctx, r.Change.NewImage["body"].String())
		}), write, options...)
		return invoker(s, p, s.dynamodbEvent, func(r events.DynamoDBEventResponse) []string {
			return identifiers(r.BatchItemFailures, func(f events.DynamoDBBatchItemFailure) string { return f.ItemIdentifier })
		})
	case topic:
		p := bulk.KafkaThen(valued(s, func(ctx context.Context, r kafka.Record) error { return s.handle(ctx, string(r.Value)) }), write, options...)
		return invoker(s, p, s.kafkaEvent, func(r kafka.Response) []string {
			return identifiers(r.BatchItemFailures, func(f kafka.BatchItemFailure) string { return f.ItemIdentifier.String() })
		})
	default:
		p := bulk.SQSThen(valued(s, func(ctx context.Context, m events.SQSMessage) error { return s.handle(ctx, m.Body) }), write, options...)
		return invoker(s, p, s.sqsEvent, func(r events.SQSEventResponse) []string {
			return identifiers(r.BatchItemFailures, func(f events.SQSBatchItemFailure) string { return f.ItemIdentifier })
		})
	}
}
