// Package leaks holds the tests that see to it that a processor leaves no goroutine behind. They have a
// process of their own: what another test leaves would be taken for theirs.
package leaks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe"
)

var errHandler = errors.New("the handler's own error")

func index(ctx context.Context) int {
	rec, _ := troupe.RecordFrom(ctx)
	return rec.Index
}

// invoke handles a batch of n records in groups, ordered or not, and fails the test if that takes long.
func invoke(ctx context.Context, t *testing.T, ordered bool, n, groups int, handle func(context.Context) error, options ...troupe.Option) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		if ordered {
			var e events.KinesisEvent
			for i := range n {
				var r events.KinesisEventRecord
				r.Kinesis.SequenceNumber, r.Kinesis.PartitionKey = fmt.Sprint(i), fmt.Sprint(i%groups)
				e.Records = append(e.Records, r)
			}
			_, err := troupe.Kinesis(func(ctx context.Context, _ events.KinesisEventRecord) error { return handle(ctx) }, options...).Process(ctx, e)
			done <- err
			return
		}
		var e events.SQSEvent
		for i := range n {
			e.Records = append(e.Records, events.SQSMessage{MessageId: fmt.Sprint(i)})
		}
		_, err := troupe.SQS(func(ctx context.Context, _ events.SQSMessage) error { return handle(ctx) }, options...).Process(ctx, e)
		done <- err
	}()
	select {
	case err := <-done:
		assert.NoError(t, err)
	case <-time.After(20 * time.Second):
		assert.Fail(t, "the batch never ended")
	}
}

// trouble is what happens to a batch.
type trouble struct {
	name    string
	left    time.Duration // until its deadline; 0 for none
	handle  func(ctx context.Context) error
	options []troupe.Option
}

// troubles are all of them; what hangs does so until release is closed.
func troubles(release <-chan struct{}) []trouble {
	return []trouble{
		{"success", 0, func(context.Context) error { return nil }, nil},
		{"errors", 0, func(context.Context) error { return errHandler }, nil},
		{"panics", 0, func(context.Context) error { panic(errHandler) }, nil},
		{"Goexit", 0, func(context.Context) error { runtime.Goexit(); return nil }, nil},
		{"retries", 0, func(context.Context) error { return errHandler }, []troupe.Option{troupe.WithRetry(troupe.Retry{Times: 2, Base: 1, Max: 1})}},
		{"record timeouts in time", 0, func(context.Context) error { return nil }, []troupe.Option{troupe.WithRecordTimeout(time.Hour)}},
		{"record timeouts", 0, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, []troupe.Option{troupe.WithRecordTimeout(time.Millisecond)}},
		{"abandoned by the record timeout", 0, func(context.Context) error { <-release; return nil }, []troupe.Option{troupe.WithRecordTimeout(time.Millisecond)}},
		{"abandoned at the last call", 50 * time.Millisecond, func(context.Context) error { <-release; return nil }, nil},
		{"abandoned, then panic", 50 * time.Millisecond, func(context.Context) error { <-release; panic(errHandler) }, nil},
		{"abandoned, then Goexit", 50 * time.Millisecond, func(context.Context) error { <-release; runtime.Goexit(); return nil }, nil},
		{"in back-off when stopped", 0, func(ctx context.Context) error {
			if index(ctx) == 3 {
				return troupe.Permanent(errHandler)
			}
			return errHandler
		}, []troupe.Option{troupe.WithRetry(troupe.Retry{Times: 1, Base: time.Hour, Max: time.Hour}), troupe.WithPolicy(troupe.StopBatch), troupe.WithConcurrency(5)}},
		{"expired", -time.Second, func(context.Context) error { return nil }, nil},
		{"a hanging observer", 50 * time.Millisecond, func(context.Context) error { return nil }, []troupe.Option{troupe.WithObserver(func(context.Context, *troupe.Report) { <-release })}},
		{"a hanging hook", 50 * time.Millisecond, func(context.Context) error { return errHandler }, []troupe.Option{troupe.WithFailureHook(func(context.Context, troupe.Record, error) { <-release })}},
		{"a hanging decider", 50 * time.Millisecond, func(context.Context) error { return errHandler }, []troupe.Option{troupe.WithDecider(func(troupe.Record, error) troupe.Policy { <-release; return troupe.Continue })}},
	}
}

// SPEC 2: a processor leaves no goroutine once every handler has returned, whatever the handlers did.
func TestNoGoroutineIsLeftWhenAllHandlersHaveEnded(t *testing.T) {
	for i := range troubles(nil) {
		for _, ordered := range []bool{false, true} {
			release := make(chan struct{})
			c := troubles(release)[i]
			t.Run(fmt.Sprint(c.name, "/ordered ", ordered), func(t *testing.T) {
				ctx, cancel := context.Background(), context.CancelFunc(func() {})
				if c.left != 0 {
					ctx, cancel = context.WithTimeout(ctx, c.left)
				}
				defer cancel()
				options := append([]troupe.Option{troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithPolicy(troupe.Continue)}, c.options...)
				invoke(ctx, t, ordered, 6, 4, c.handle, options...)
				close(release)
				goleak.VerifyNone(t)
			})
		}
	}
}

// SPEC 2: nor do many batches at once, of which some are given up.
func TestNoGoroutineIsLeftByBatchesSideBySide(t *testing.T) {
	release := make(chan struct{})
	var all sync.WaitGroup
	for loop := range 6 {
		all.Go(func() {
			for round := range 10 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				invoke(ctx, t, loop%2 == 0, 50, 7, func(ctx context.Context) error {
					switch i := index(ctx); {
					case i == round:
						<-release
					case i%7 == 1:
						panic(i)
					case i%7 == 2:
						runtime.Goexit()
					case i%7 == 3:
						return errHandler
					}
					return nil
				}, troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithPolicy(troupe.Continue), troupe.WithRecordTimeout(time.Millisecond), troupe.WithRetry(troupe.Retry{Times: 1, Base: 1, Max: 1, Panics: true}))
				cancel()
			}
		})
	}
	all.Wait()
	close(release)
	goleak.VerifyNone(t)
}
