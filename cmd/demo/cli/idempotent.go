package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/lambdasim"
)

// With --idempotent, a fifth of the records are copies of one of the twenty records before them.
const (
	copies     = 0.2
	copiesFrom = 20
)

// prefix begins all stored keys: the names of the function and the handler.
const (
	functionName = "demo"
	wrapName     = "stress"
	prefix       = functionName + "." + wrapName + "#"
)

// original returns the number of the record of which record i is a copy, or i.
func (l *load) original(i int) int {
	if l.once == nil {
		return i
	}
	for i > 0 && lambdasim.Draw(l.seed, "copy", strconv.Itoa(i), 0) < copies {
		i -= 1 + int(lambdasim.Draw(l.seed, "original", strconv.Itoa(i), 0)*float64(min(i, copiesFrom)))
	}
	return i
}

// orderKey returns the key of the work of record i, which its copies share.
func (l *load) orderKey(i int) string { return strconv.Itoa(l.original(i)) }

// orderIn returns the key in the text of a record.
func orderIn(text []byte) string {
	var body struct{ Order json.Number }
	_ = json.Unmarshal(text, &body) // without an order the key is empty, which Wrap rejects
	return body.Order.String()
}

func orderInItem(record events.DynamoDBEventRecord) string {
	if value, ok := record.Change.NewImage["order"]; ok && value.DataType() == events.DataTypeNumber {
		return value.Number()
	}
	return ""
}

// once is shared by the environments of a source that does the work of each key once.
type once struct {
	store   idempotency.Store
	seed    uint64
	failing float64 // how likely calls of the store are to fail

	duplicates, lost, unrecorded atomic.Int64

	mu     sync.Mutex
	claims map[string]int // by key
}

func newOnce(w workload) *once {
	if !w.idempotent {
		return nil
	}
	o := &once{store: idempotency.NewMemory(), seed: w.seed, failing: w.storeFail, claims: make(map[string]int)}
	if w.store != nil {
		o.store = w.store(o.store)
	}
	return o
}

// claim counts a claim of a key, and returns whether the claim fails and whether its completion will fail.
func (o *once) claim(key string) (fails, completionFails bool) {
	o.mu.Lock()
	o.claims[key]++
	n := o.claims[key]
	o.mu.Unlock()
	draw := func(what string) bool { return lambdasim.Draw(o.seed, what, key, n) < o.failing }
	return draw("claim fails"), draw("completion fails")
}

// functionOf returns the function of a source. With --idempotent each of its environments has its own processor, which
// a kill ends.
func functionOf[T any](l *load, id, key func(T) string, processor func(troupe.Handler[T], []troupe.Option) (lambda.Handler, error)) (lambda.Handler, error) {
	if l.once == nil {
		return processor(lambdasim.Watch(func(ctx context.Context, record T) error { return l.handler.handle(ctx, id(record), nil) }), l.options)
	}
	f := &fleet{start: func() (*instance, error) {
		e := &instance{once: l.once, killed: make(chan struct{}), failing: make(map[string]bool)}
		var err error
		e.processor, err = processor(handlerOnce(l, e, id, key), append(l.options[:len(l.options):len(l.options)], troupe.WithObserver(observeOnce(e))))
		return e, err
	}}
	first, err := f.start() // returns the error of an invalid option now
	if err != nil {
		return nil, err
	}
	f.give(first)
	return f, nil
}

// handlerOnce returns an idempotent handler for an environment.
func handlerOnce[T any](l *load, e *instance, id, key func(T) string) troupe.Handler[T] {
	work := func(ctx context.Context, record T) error {
		return l.handler.handle(ctx, id(record), func(kill bool) error { return e.work(ctx, id(record), key(record), kill) })
	}
	wrapped := idempotency.Wrap(wrapName, idempotency.Store(e), func(_ context.Context, record T) string { return key(record) }, work,
		idempotency.WithFunction(functionName), idempotency.WithSkew(0), // there is one clock
		idempotency.WithLogger(slog.New(slog.DiscardHandler)))
	return lambdasim.WatchKey(key, func(ctx context.Context, record T) error {
		err := wrapped(ctx, record)
		if errors.Is(err, idempotency.ErrLeaseLost) {
			l.once.lost.Add(1)
			lambdasim.LeaseLost(ctx, key(record))
		}
		return err
	})
}

// observeOnce adds up the numbers of the report of a batch.
func observeOnce(e *instance) func(context.Context, *troupe.Report) {
	return func(_ context.Context, r *troupe.Report) {
		if !e.dead() {
			e.once.duplicates.Add(int64(r.Duplicates))
			e.once.unrecorded.Add(int64(r.Unrecorded))
		}
	}
}

var (
	errKilled      = errors.New("the process was killed")
	errUnreachable = errors.New("the store cannot be reached")
)

// fleet is a function with several environments. Each handles one invocation at a time, and the next one unless it
// is killed.
type fleet struct {
	start func() (*instance, error)

	mu   sync.Mutex
	idle []*instance
}

func (f *fleet) take() (*instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.idle); n > 0 {
		e := f.idle[n-1]
		f.idle = f.idle[:n-1]
		return e, nil
	}
	return f.start()
}

func (f *fleet) give(e *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, e)
}

// Invoke handles an event in an environment. It panics if the environment is killed, which lambdasim treats as a crash.
func (f *fleet) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	e, err := f.take()
	if err != nil {
		return nil, err
	}
	type answer struct {
		response []byte
		err      error
	}
	answered := make(chan answer, 1)
	payload = bytes.Clone(payload) // a handler of a killed process may still use it
	go func() {
		response, err := e.processor.Invoke(ctx, payload)
		answered <- answer{response, err}
	}()
	select {
	case a := <-answered:
		if e.dead() {
			panic(errKilled)
		}
		f.give(e)
		return a.response, a.err
	case <-e.killed:
		panic(errKilled)
	}
}

// instance is a process of a function. It is the store of its handlers: once it is killed, its goroutines have no
// further effect.
type instance struct {
	once      *once
	processor lambda.Handler
	killed    chan struct{}

	mu   sync.RWMutex // read-locked by operations with an effect
	gone bool

	tokens  sync.Mutex
	failing map[string]bool // by token: completions and releases fail; true once one has failed
}

func (e *instance) dead() bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.gone
}

// live calls do unless the environment has been killed.
func (e *instance) live(do func() error) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.gone {
		return errKilled
	}
	return do()
}

// work does the work of a key, then kills the environment if kill is set.
func (e *instance) work(ctx context.Context, id, key string, kill bool) error {
	err := e.live(func() error {
		lambdasim.Work(ctx, id, key)
		return nil
	})
	if err != nil || !kill {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.gone {
		e.gone = true
		close(e.killed)
	}
	return errKilled
}

// fails reports whether the calls for a token fail, and whether this is the first one.
func (e *instance) fails(token string) (fails, first bool) {
	e.tokens.Lock()
	defer e.tokens.Unlock()
	called, fails := e.failing[token]
	if fails {
		e.failing[token] = true
	}
	return fails, fails && !called
}

// Claim implements idempotency.Store.
func (e *instance) Claim(ctx context.Context, c idempotency.Claim) (done *idempotency.Completion, err error) {
	err = e.live(func() error {
		fails, completionFails := e.once.claim(c.Key)
		if fails {
			return errUnreachable
		}
		if completionFails {
			e.tokens.Lock()
			e.failing[c.Token] = false
			e.tokens.Unlock()
		}
		done, err = e.once.store.Claim(ctx, c)
		return err
	})
	return done, err
}

// change calls the store about a claim.
func (e *instance) change(token string, call func() error) error {
	return e.live(func() error {
		if fails, _ := e.fails(token); fails {
			return errUnreachable
		}
		return call()
	})
}

// Renew implements idempotency.Store.
func (e *instance) Renew(ctx context.Context, c idempotency.Claim) error {
	return e.change(c.Token, func() error { return e.once.store.Renew(ctx, c) })
}

// Complete implements idempotency.Store.
func (e *instance) Complete(ctx context.Context, key, token string, done idempotency.Completion) error {
	return e.live(func() error {
		fails, first := e.fails(token)
		if first {
			lambdasim.Unrecorded(ctx, strings.TrimPrefix(key, prefix))
		}
		if fails {
			return errUnreachable
		}
		return e.once.store.Complete(ctx, key, token, done)
	})
}

// Release implements idempotency.Store.
func (e *instance) Release(ctx context.Context, key, token string) error {
	return e.change(token, func() error { return e.once.store.Release(ctx, key, token) })
}

// onceFigures are the results of --idempotent for a source, or for all.
type onceFigures struct {
	Keys       int `json:"keys"`
	Effects    int `json:"effects"`
	Excused    int `json:"excused"` // repeated effects with a reason
	Duplicates int `json:"duplicates"`
	Kills      int `json:"kills"`
	Lost       int `json:"leases_lost"`
	Unrecorded int `json:"unrecorded"`
}

// onceFigures returns the results of t, nil without --idempotent.
func (t *trial) onceFigures() *onceFigures {
	if t.once == nil {
		return nil
	}
	totals := t.verdict.Totals
	return &onceFigures{
		Keys: totals.Keys, Effects: totals.Effects, Excused: totals.Excused, Duplicates: int(t.once.duplicates.Load()),
		Kills: totals.Crashes, Lost: int(t.once.lost.Load()), Unrecorded: int(t.once.unrecorded.Load()),
	}
}

// plus returns the sum, nil if there is nothing to add.
func (f *onceFigures) plus(o *onceFigures) *onceFigures {
	switch {
	case o == nil:
		return f
	case f == nil:
		f = new(onceFigures)
	}
	return &onceFigures{
		f.Keys + o.Keys, f.Effects + o.Effects, f.Excused + o.Excused, f.Duplicates + o.Duplicates, f.Kills + o.Kills, f.Lost + o.Lost, f.Unrecorded + o.Unrecorded,
	}
}

// String returns how often work was done, and why.
func (f *onceFigures) String() string {
	return fmt.Sprintf("the work of %s was done %s, with %s for repeating it: %s, %s, %s; %s skipped",
		count(f.Keys, "key"), count(f.Effects, "time"), count(f.Excused, "reason"),
		count(f.Kills, "kill"), count(f.Lost, "lost lease"), count(f.Unrecorded, "unrecorded completion"), count(f.Duplicates, "duplicate"))
}

// verdict describes how often a run that passed did the work.
func (f *onceFigures) verdict() string {
	switch {
	case f == nil:
		return ""
	case f.Effects == f.Keys:
		return ", the work of each key done exactly once"
	default:
		return ", work repeated only for reasons in the history"
	}
}
