package once

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
)

// memory is a Store as DynamoDB would be one: each method is one conditional request.
type memory struct {
	lock sync.Mutex
	// items are the claims and, with done, what is done, by key.
	items map[string]item
}

type item struct {
	token string
	until time.Time
	done  bool
}

func (m *memory) Begin(_ context.Context, key, token string, until time.Time) (bool, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	switch held, ok := m.items[key]; {
	case !ok, !held.until.After(time.Now()):
		m.items[key] = item{token: token, until: until}
		return false, nil
	case held.done:
		return true, nil
	}
	return false, ErrInProgress
}

func (m *memory) Done(ctx context.Context, key, token string, keep time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	if held, ok := m.items[key]; ok && held.token != token {
		return ErrSuperseded
	}
	m.items[key] = item{token, time.Now().Add(keep), true}
	return nil
}

func (m *memory) Release(ctx context.Context, key, token string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	if held := m.items[key]; !held.done && held.token == token {
		delete(m.items, key)
	}
	return nil
}

// run has 200 orders handled, each of them sent twice, by a queue that delivers messages twice and a handler that
// fails, panics and runs out of time. It returns how often each order was handled with success.
func run(t *testing.T, key func(events.SQSMessage) string) map[string]int {
	var lock sync.Mutex
	handled := map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		queue := &lambdasim.Queue{VisibilityTimeout: 180 * time.Second}
		for range 2 {
			for i := range 200 {
				queue.Send(lambdasim.Message{Body: fmt.Sprint("order-", i)})
			}
		}
		charge := func(ctx context.Context, msg events.SQSMessage) error {
			time.Sleep(20 * time.Millisecond)
			switch p := lambdasim.Draw(1, "charge", msg.MessageId, lambdasim.Delivery(ctx, msg.MessageId)); {
			case p < 0.1:
				return errors.New("no answer")
			case p < 0.2:
				panic("no answer")
			case p < 0.3:
				<-ctx.Done()
				return ctx.Err()
			}
			lock.Lock()
			defer lock.Unlock()
			handled[msg.Body]++
			return nil
		}
		verdict, err := lambdasim.Simulation{
			Source:  queue,
			Handler: troupe.SQS(lambdasim.Watch(chargeOnce(&memory{items: map[string]item{}}, key, charge)), troupe.WithLogger(slog.New(slog.DiscardHandler))),
			Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
			Timeout: 30 * time.Second,
			Unknown: lambdasim.Unknown{DuplicateRate: 0.2},
		}.Run(t.Context())
		if err != nil || !verdict.OK() {
			t.Error(verdict, err)
		}
	})
	return handled
}

func TestEachOrderIsHandledOnceHoweverOftenItIsSentAndDelivered(t *testing.T) {
	handled := run(t, func(msg events.SQSMessage) string { return msg.Body })
	for order, n := range handled {
		if n != 1 {
			t.Errorf("%s was handled %d times", order, n)
		}
	}
	if len(handled) != 200 {
		t.Errorf("%d orders were handled", len(handled))
	}
}

// A message's identifier is the queue's: two messages about an order have two.
func TestByMessageIdAnOrderThatIsSentTwiceIsHandledTwice(t *testing.T) {
	for order, n := range run(t, func(msg events.SQSMessage) string { return msg.MessageId }) {
		if n != 2 {
			t.Errorf("%s was handled %d times", order, n)
		}
	}
}

func TestWhatADeadProcessHadClaimedIsFreeOnceTheLeaseIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, calls := &memory{items: map[string]item{}}, 0
		_, _ = store.Begin(t.Context(), "o-1", "dead", time.Now().Add(time.Minute)) // and then it died
		handle := Once(store, time.Minute, func(order string) string { return order }, func(context.Context, string) error { calls++; return nil })
		if err := handle(t.Context(), "o-1"); !errors.Is(err, ErrInProgress) {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		for range 2 {
			if err := handle(t.Context(), "o-1"); err != nil || calls != 1 {
				t.Error(err, calls)
			}
		}
	})
}

func TestWhatIsBeingHandledIsNotHandledBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		handle := Once(&memory{items: map[string]item{}}, time.Minute, func(order string) string { return order }, func(context.Context, string) error {
			calls.Add(1)
			time.Sleep(50 * time.Second)
			return nil
		})
		go func() { _ = handle(t.Context(), "o-1") }()
		time.Sleep(49 * time.Second)
		if err := handle(t.Context(), "o-1"); !errors.Is(err, ErrInProgress) || calls.Load() != 1 {
			t.Error(err, calls.Load())
		}
		time.Sleep(time.Second)
	})
}

func TestWhatFailedIsFreeAtOnce(t *testing.T) {
	for name, fail := range map[string]func() error{
		"an error": func() error { return errors.New("no answer") },
		"a panic":  func() error { panic("no answer") },
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			handle := Once(&memory{items: map[string]item{}}, time.Minute, func(order string) string { return order }, func(context.Context, string) error {
				if calls++; calls == 1 {
					return fail()
				}
				return nil
			})
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // the store is called all the same
			for range 2 {
				func() {
					defer func() { _ = recover() }()
					_ = handle(ctx, "o-1")
				}()
			}
			if calls != 2 {
				t.Errorf("%d calls", calls)
			}
		})
	}
}

// A claim that ran out and was taken over is not given up by whoever had it first.
func TestALateReleaseLeavesTheClaimOfAnotherAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{items: map[string]item{}}
		handle := Once(store, time.Minute, func(order string) string { return order }, func(context.Context, string) error {
			time.Sleep(time.Minute)
			_, err := store.Begin(t.Context(), "o-1", "successor", time.Now().Add(time.Minute)) // another process
			return errors.Join(err, errors.New("too late"))
		})
		if err := handle(t.Context(), "o-1"); err == nil {
			t.Error("no error")
		}
		if _, err := store.Begin(t.Context(), "o-1", "third", time.Now().Add(time.Minute)); !errors.Is(err, ErrInProgress) {
			t.Error(err)
		}
	})
}

// A handler that outlived its lease does not mark the work of its successor done: that may still fail, and then has to be
// done again.
func TestALateDoneLeavesTheClaimOfAnotherAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{items: map[string]item{}}
		handle := Once(store, time.Minute, func(order string) string { return order }, func(context.Context, string) error {
			time.Sleep(time.Minute)
			_, err := store.Begin(t.Context(), "o-1", "successor", time.Now().Add(time.Minute)) // another process
			return err
		})
		if err := handle(t.Context(), "o-1"); !errors.Is(err, ErrSuperseded) {
			t.Error(err)
		}
		if err := store.Release(t.Context(), "o-1", "successor"); err != nil { // which has failed
			t.Error(err)
		}
		if done, err := store.Begin(t.Context(), "o-1", "third", time.Now().Add(time.Minute)); done || err != nil {
			t.Error("the order counts as done, and nobody has charged it: ", done, err)
		}
	})
}

// One that outlived its lease, and that nobody has taken the place of, completes.
func TestALateDoneThatNobodyHasSupersededCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, calls := &memory{items: map[string]item{}}, 0
		handle := Once(store, time.Minute, func(order string) string { return order }, func(context.Context, string) error {
			calls++
			time.Sleep(2 * time.Minute)
			return nil
		})
		for range 2 {
			if err := handle(t.Context(), "o-1"); err != nil || calls != 1 {
				t.Error(err, calls)
			}
		}
	})
}

// The guide shows the code that is tested here.
func TestTheGuideShowsThisCode(t *testing.T) {
	page, err := os.ReadFile("../../../docs/guides/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("once.go")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(code), "// Store remembers")
	if !strings.Contains(string(page), "```go\n// Store remembers"+shown+"```\n") {
		t.Error("docs/guides/migrating.md does not have the code of once.go")
	}
}
