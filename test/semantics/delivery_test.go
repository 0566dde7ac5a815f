package semantics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/bulk"
)

var errNotMine = errors.New("no longer the poller's")

// delivery is a Delivery that notes its calls.
type delivery struct {
	refuse func(from, to int) error

	mu      sync.Mutex
	groups  []string
	starts  []string
	settled []*troupe.Report
}

func (d *delivery) Arranged(groups []string) { d.groups = groups }

func (d *delivery) Start(from, to int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.starts = append(d.starts, fmt.Sprintf("%d-%d", from, to))
	if d.refuse == nil {
		return nil
	}
	return d.refuse(from, to)
}

func (d *delivery) Settled(report *troupe.Report) { d.settled = append(d.settled, report) }

// polled is an event with messages of the given groups, of a FIFO queue if there are any.
func polled(groups ...string) events.SQSEvent {
	event := events.SQSEvent{Records: []events.SQSMessage{}}
	for i, group := range groups {
		m := events.SQSMessage{MessageId: fmt.Sprint("m", i), Body: fmt.Sprint(i), EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:q"}
		if group != "" {
			m.EventSourceARN += ".fifo"
			m.Attributes = map[string]string{"MessageGroupId": group}
		}
		event.Records = append(event.Records, m)
	}
	return event
}

// quiet are options of processors that fail on purpose.
func quiet(options ...troupe.Option) troupe.Option {
	return troupe.Options(append([]troupe.Option{troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever)}, options...)...)
}

func declining(indexes ...int) func(int, int) error {
	return func(from, to int) error {
		for _, i := range indexes {
			if from <= i && i < to {
				return errNotMine
			}
		}
		return nil
	}
}

// A record that its delivery refuses is never handled, and nothing more of its group is; no policy applies.
func TestARefusedRecordAndItsGroupAreNotStarted(t *testing.T) {
	for _, policy := range []troupe.Policy{troupe.Continue, troupe.StopGroup, troupe.StopBatch} {
		for _, concurrency := range []int{1, 3} {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var handled []string
				d := &delivery{refuse: declining(1)}
				_, report, err := troupe.SQS(func(_ context.Context, m events.SQSMessage) error {
					time.Sleep(time.Second)
					mu.Lock()
					defer mu.Unlock()
					handled = append(handled, m.MessageId)
					return nil
				}, quiet(troupe.WithPolicy(policy), troupe.WithConcurrency(concurrency))).
					ProcessReport(batch.WithDelivery(t.Context(), d), polled("a", "a", "b", "a", "b", "c"))
				require.NoError(t, err)
				assert.ElementsMatch(t, []string{"m0", "m2", "m4", "m5"}, handled)
				assert.Equal(t, []string{"a", "a", "b", "a", "b", "c"}, d.groups)
				assert.Equal(t, []*troupe.Report{report}, d.settled)
				assert.Equal(t, 2, report.NotStarted)
				for _, i := range []int{1, 3} {
					assert.ErrorIs(t, report.Records[i].Err, troupe.ErrNotStarted)
					assert.Zero(t, report.Records[i].Attempts)
				}
				assert.ErrorIs(t, report.Records[1].Err, errNotMine)
				assert.ErrorIs(t, report.Records[3].Err, troupe.ErrGroupStopped)
				assert.NotContains(t, d.starts, "3-4")
			})
		}
	}
}

func TestARefusedRecordWithoutAGroupIsAlone(t *testing.T) {
	for _, concurrency := range []int{1, 2, 16} {
		d := &delivery{refuse: declining(0, 2, 5)}
		_, report, err := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil }, quiet(troupe.WithConcurrency(concurrency))).
			ProcessReport(batch.WithDelivery(t.Context(), d), polled("", "", "", "", "", ""))
		require.NoError(t, err)
		assert.Nil(t, d.groups)
		assert.Len(t, d.starts, 6)
		assert.Equal(t, 3, report.Succeeded)
		for _, i := range []int{0, 2, 5} {
			assert.ErrorIs(t, report.Records[i].Err, troupe.ErrNotStarted)
			assert.ErrorIs(t, report.Records[i].Err, errNotMine)
		}
	}
}

// All refused: the batch ends, and the hooks are called once for each record.
func TestABatchIsRefusedWhole(t *testing.T) {
	for _, groups := range [][]string{{"", "", ""}, {"a", "a", "b"}} {
		var mu sync.Mutex
		hooked := 0
		d := &delivery{refuse: declining(0, 1, 2)}
		_, report, err := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil },
			quiet(troupe.WithFailureHook(func(context.Context, troupe.Record, error) {
				mu.Lock()
				defer mu.Unlock()
				hooked++
			}))).ProcessReport(batch.WithDelivery(t.Context(), d), polled(groups...))
		require.NoError(t, err)
		assert.Equal(t, 3, report.NotStarted)
		assert.Equal(t, 3, hooked)
	}
}

// A record that waits for another attempt keeps its error if that attempt is refused.
func TestARefusedRetryKeepsTheLastError(t *testing.T) {
	for _, groups := range [][]string{{"", ""}, {"a", "a"}} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			d := &delivery{}
			d.refuse = func(from, _ int) error {
				if from == 0 && calls > 0 {
					return errNotMine
				}
				return nil
			}
			_, report, err := troupe.SQS(func(_ context.Context, m events.SQSMessage) error {
				if m.MessageId == "m0" {
					calls++
					return errHandler
				}
				return nil
			}, quiet(troupe.WithRetry(troupe.Retry{Times: 3}), troupe.WithPolicy(troupe.Continue), troupe.WithConcurrency(1))).
				ProcessReport(batch.WithDelivery(t.Context(), d), polled(groups...))
			require.NoError(t, err)
			assert.Equal(t, 1, calls)
			assert.Equal(t, 1, report.Records[0].Attempts)
			assert.Zero(t, report.Retried)
			assert.ErrorIs(t, report.Records[0].Err, errHandler)
			assert.NotErrorIs(t, report.Records[0].Err, troupe.ErrNotStarted)
			if groups[0] == "" {
				assert.Equal(t, troupe.Succeeded, report.Records[1].Outcome)
			} else {
				assert.ErrorIs(t, report.Records[1].Err, troupe.ErrGroupStopped)
			}
		})
	}
}

// A batch that is handled in one call starts if all of it may.
func TestABatchHandlerStartsWithAllRecordsOrNone(t *testing.T) {
	for _, refused := range [][]int{nil, {2}} {
		calls := 0
		d := &delivery{refuse: declining(refused...)}
		_, report, err := bulk.SQS(func(context.Context, []events.SQSMessage) error { calls++; return nil }, quiet()).
			ProcessReport(batch.WithDelivery(t.Context(), d), polled("a", "b", "a"))
		require.NoError(t, err)
		assert.Equal(t, []string{"0-3"}, d.starts)
		assert.Equal(t, []*troupe.Report{report}, d.settled)
		if refused == nil {
			assert.Equal(t, 3, report.Succeeded)
			continue
		}
		assert.Zero(t, calls)
		assert.Equal(t, 3, report.NotStarted)
		assert.ErrorIs(t, report.Records[0].Err, errNotMine)
	}
}

// The delivery lets go of the failed records before observers act on them.
func TestADeliveryIsSettledBeforeTheObservers(t *testing.T) {
	d := &delivery{}
	seen := -1
	_, _, err := troupe.SQS(func(context.Context, events.SQSMessage) error { return errHandler },
		quiet(troupe.WithObserver(func(context.Context, *troupe.Report) { seen = len(d.settled) }))).
		ProcessReport(batch.WithDelivery(t.Context(), d), polled(""))
	require.NoError(t, err)
	assert.Equal(t, 1, seen)
}

// What a handler or an observer processes by itself is not part of the delivery.
func TestADeliveryIsOfItsOwnBatchOnly(t *testing.T) {
	d := &delivery{}
	inner := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil }, quiet())
	process := func(ctx context.Context) error {
		_, err := inner.Process(context.WithoutCancel(ctx), polled("", ""))
		return err
	}
	_, report, err := troupe.SQS(func(ctx context.Context, _ events.SQSMessage) error { return process(ctx) },
		quiet(troupe.WithObserver(func(ctx context.Context, _ *troupe.Report) { assert.NoError(t, process(ctx)) }))).
		ProcessReport(batch.WithDelivery(t.Context(), d), polled(""))
	require.NoError(t, err)
	assert.Equal(t, 1, report.Succeeded)
	assert.Equal(t, []string{"0-1"}, d.starts)
	assert.Len(t, d.settled, 1)
}

// A group that stopped for a refused record has that reason, whatever stops the batch later.
func TestTheGroupOfARefusedRecordKeepsItsReason(t *testing.T) {
	d := &delivery{refuse: declining(0)}
	_, report, err := troupe.SQS(func(context.Context, events.SQSMessage) error { return errHandler },
		quiet(troupe.WithPolicy(troupe.StopBatch), troupe.WithConcurrency(1))).
		ProcessReport(batch.WithDelivery(t.Context(), d), polled("a", "a", "b", "c"))
	require.NoError(t, err)
	assert.ErrorIs(t, report.Records[1].Err, troupe.ErrGroupStopped)
	assert.ErrorIs(t, report.Records[2].Err, errHandler)
	assert.ErrorIs(t, report.Records[3].Err, troupe.ErrStopped)
}
