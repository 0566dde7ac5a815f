package properties

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/test/properties/model"
	"github.com/troupe-go/troupe/window"
)

// shard is the one group of a batch of a window.
const shard = "shardId-000000000007"

// state is the type of the state that a plan's windows carry. Each one is handled in another way by package
// window: assigned, made anew from its JSON, or made anew and never nil.
type state uint8

const (
	copied  state = iota // a chain
	encoded              // a trail
	mapped               // a map
)

// ending is what an event says of its window, and what becomes of its end.
type ending struct {
	carried int    // how many records of earlier batches the state covers
	blank   string // the state if there are none
	final   bool
	early   bool
	act     model.Act // of the function for the end
}

func drawEnding(t *rapid.T, sh shape, b model.Batch, no int) ending {
	e := ending{
		carried: oneOfThese(t, "carried", 0, 3, 0, 1),
		blank:   oneOfThese(t, "blank state", "{}", "", "null", " { } "),
		final:   chance(t, "end of the window", 4),
	}
	e.early = e.final && chance(t, "early", 2)
	limited := b.Left != model.Never || b.Cancel != model.Never // a record timeout is none of its business
	e.act = drawAct(t, sh, 3, limited, (no+1)*100_000)
	if e.act.Do == model.LeaveOut || e.act.Do == model.FailNil { // an end is never dropped
		e.act.Do = model.Fail
	}
	return e
}

// closing is what the model says of the end of a window.
func (p *plan) closing(b batch, a model.Answer) (answer model.Answer, ok bool) {
	if p.made != windowed || !b.end.final {
		return answer, false
	}
	return model.Close(b.Batch, a, b.end.act)
}

// A state has the records that it covers, in their order: those of earlier batches are numbered below zero.
// Taking a record in changes trails and maps in place.

type chain struct {
	Count int    `json:"count"`
	Sum   uint64 `json:"sum"`
}

func (c chain) take(record int) chain {
	return chain{c.Count + 1, c.Sum*31 + uint64(record+100)}
}

type trail struct {
	Seen  []int          `json:"seen"`
	Times map[string]int `json:"times"`
}

func (t trail) take(record int) trail {
	if t.Times == nil {
		t.Times = map[string]int{}
	}
	for i := range t.Seen {
		t.Seen[i]++ // in place: a fold that fails leaves it behind
	}
	t.Seen = append(t.Seen, record)
	t.Times[fmt.Sprint(record%3)]++
	return t
}

type places map[string]int

func (p places) take(record int) places {
	p[fmt.Sprint(record)] = len(p) + 1 // even the first map of a window is there
	return p
}

// folds is a state of type S.
type folds[S any] struct {
	fresh func() S
	take  func(S, int) S
}

// covering is the state that covers the earlier records and the first n of the batch.
func (f folds[S]) covering(e ending, n int) S {
	s := f.fresh()
	for i := range e.carried {
		s = f.take(s, i-e.carried)
	}
	for i := range n {
		s = f.take(s, i)
	}
	return s
}

func (s *stage) windowProcessor(options []troupe.Option) func(context.Context, int) ([]string, error) {
	switch s.state {
	case copied:
		return windowOf(s, folds[chain]{func() chain { return chain{} }, chain.take}, options)
	case encoded:
		return windowOf(s, folds[trail]{func() trail { return trail{} }, trail.take}, options)
	default:
		return windowOf(s, folds[places]{func() places { return places{} }, places.take}, options)
	}
}

func windowOf[S any](s *stage, f folds[S], options []troupe.Option) func(context.Context, int) ([]string, error) {
	final := func(ctx context.Context, state S) error { return s.close(ctx, f.same(s, ctx, state, -1)) }
	if s.source == dynamodb {
		fold := func(ctx context.Context, state S, r events.DynamoDBEventRecord) (S, error) {
			return f.fold(ctx, s, state, r.Change.NewImage["body"].String())
		}
		return windowInvoker(s, window.DynamoDB(fold, final, options...), func(no int) []events.DynamoDBEventRecord { return s.dynamodbEvent(no).Records }, f.json)
	}
	fold := func(ctx context.Context, state S, r events.KinesisEventRecord) (S, error) {
		return f.fold(ctx, s, state, string(r.Kinesis.Data))
	}
	return windowInvoker(s, window.Kinesis(fold, final, options...), func(no int) []events.KinesisEventRecord { return s.kinesisEvent(no).Records }, f.json)
}

func (f folds[S]) json(b batch, n int) string { return text(f.covering(b.end, n)) }

// fold takes a record in, and then does what the plan says.
func (f folds[S]) fold(ctx context.Context, s *stage, state S, body string) (S, error) {
	_, i := place(body)
	complaint := f.same(s, ctx, state, i)
	state = f.take(state, i)
	if complaint != "" {
		s.came[ctx.Value(batchKey{}).(int)].complain("record %d: %s", i, complaint)
	}
	err := s.handle(ctx, body)
	select {
	case <-s.release: // it has been abandoned, and must not do any harm
		state = f.take(state, -99)
	default:
	}
	return state, err
}

// same complains if a function was not given the state that covers what is before record i; -1: all of them.
func (f folds[S]) same(s *stage, ctx context.Context, got S, i int) string {
	no := ctx.Value(batchKey{}).(int)
	b := s.batches[no]
	if i < 0 {
		i = len(b.Records)
	}
	if text(got) != text(f.covering(b.end, i)) {
		return fmt.Sprintf("it was given the state %s where %s was expected", text(got), text(f.covering(b.end, i)))
	}
	if in, ok := window.From(ctx); !ok || text(in) != text(s.properties(no, f.json)) {
		return fmt.Sprintf("its window is %s", text(in))
	}
	return ""
}

// close is called at the end of a window.
func (s *stage) close(ctx context.Context, complaint string) error {
	no := ctx.Value(batchKey{}).(int)
	came := s.came[no]
	c := came.call(ctx, -1, 1)
	came.mu.Lock()
	came.closings = append(came.closings, c)
	came.mu.Unlock()
	defer came.ended(c)
	if complaint != "" {
		came.complain("the end of the window: %s", complaint)
	}
	return s.perform(ctx, came, s.batches[no].end.act, fault{record: -1, attempt: 1})
}

// text is a value as JSON, which has the keys of maps in order.
func text(value any) string {
	of, err := json.Marshal(value)
	if err != nil {
		panic("the test's own: " + err.Error())
	}
	return string(of)
}

// properties is what an event says of its window.
func (s *stage) properties(no int, state func(batch, int) string) window.Properties {
	b := s.batches[no]
	p := window.Properties{
		Window:  window.Bounds{Start: time.Date(2026, 1, 1, 0, no, 0, 0, time.UTC), End: time.Date(2026, 1, 1, 0, no+1, 0, 0, time.UTC)},
		ShardID: shard, EventSourceARN: "arn:aws:kinesis:eu-west-1:123456789012:stream/orders",
		IsFinalInvokeForWindow: b.end.final, IsWindowTerminatedEarly: b.end.early,
	}
	switch {
	case b.end.carried > 0:
		p.State = json.RawMessage(state(b, 0))
	case b.end.blank != "":
		p.State = json.RawMessage(b.end.blank)
	}
	return p
}

// windowInvoker calls a processor of windows, and keeps the state that it answers with.
func windowInvoker[S, T any](s *stage, p *window.Processor[S, T], records func(no int) []T, state func(batch, int) string) func(context.Context, int) ([]string, error) {
	event := func(no int) window.Event[T] {
		return window.Event[T]{Records: records(no), Properties: s.properties(no, state)}
	}
	return func(ctx context.Context, no int) ([]string, error) {
		return invoker(s, p, event, func(r window.Response) []string {
			s.came[no].state, s.came[no].covering = r.State, state
			return identifiers(r.BatchItemFailures, func(f window.Failure) string { return f.ItemIdentifier })
		})(ctx, no)
	}
}

// windowUnlike compares the state in the response and the calls of the function for the end. Whatever state
// comes with an error, Lambda does not look at it.
func (p *plan) windowUnlike(b batch, a, closing model.Answer, closes, failing bool, came *seen) (differences []string) {
	if !failing {
		want := "{}" // nothing is carried beyond the end
		if !closes {
			want = came.covering(b, a.Covered())
		}
		// A state that nothing was taken into goes back as it came.
		if got := string(came.state); got != want && !(got == "{}" && b.end.carried+a.Covered() == 0) {
			differences = append(differences, fmt.Sprintf("state (SPEC 9): want %s, got %s", want, got))
		}
	}
	calls := slices.Clone(closing.Attempts)
	if len(calls) != len(came.closings) {
		return append(differences, fmt.Sprintf("the end of the window: want %d calls, got %d", len(calls), len(came.closings)))
	}
	for i, want := range calls {
		got, limit := came.closings[i], model.Never
		if want.Limit != model.Never {
			limit = a.End + want.Limit
		}
		if got.start != a.End+want.Start || got.limit != limit || !want.Abandoned && got.end != a.End+want.End {
			differences = append(differences, fmt.Sprintf("the end of the window: want a call from %v to %v with deadline %v, got one from %v to %v with deadline %v",
				a.End+want.Start, a.End+want.End, limit, got.start, got.end, got.limit))
		}
	}
	return differences
}
