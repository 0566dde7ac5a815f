package plan_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/cmd/demo/plan"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// How far a plan may be from what lambdasim does with the same load.
const (
	tolerance = 0.05 // of the simulation's number
	slack     = 1    // environment, or record of a batch, in any case
)

// measured is what a simulation came to.
type measured struct {
	inUse   float64 // environments at work, on average over the second half of the arrivals
	records float64 // of a batch, likewise
	peak    int     // environments
	takes   time.Duration
	waiting int // the most records that were sent and not begun, in the second half
}

// overhead is a function that takes a time before it does anything.
type overhead struct {
	takes time.Duration
	lambda.Handler
}

func (o overhead) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	time.Sleep(o.takes)
	return o.Handler.Invoke(ctx, payload)
}

// run sends a question's records through lambdasim, the backlog at first and then the rate's for a while.
func run(t *testing.T, q plan.Question, arrivals time.Duration) (m measured) {
	t.Helper()
	rate := int(q.Rate * arrivals.Seconds())
	if underRace && q.Backlog+rate > 2_000 {
		t.Skip("too many records for the race detector; the simulation itself runs under it in its own tests")
	}
	at := func(i int) time.Duration {
		return time.Duration(float64(max(i-q.Backlog, 0)) / max(q.Rate, 1) * float64(time.Second))
	}
	key := func(i int) string { return fmt.Sprint("key-", i%max(q.Groups, 1)) }
	if q.Source != plan.SQS && q.Groups == 0 {
		key = func(i int) string { return fmt.Sprint("key-", i) }
	}
	work := func() error { time.Sleep(q.Work); return nil }
	s := lambdasim.Simulation{Timeout: 15 * time.Minute, Concurrency: q.Account, Mapping: lambdasim.Mapping{
		BatchSize:             q.Batch,
		FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures},
		ScalingConfig:         lambdasim.ScalingConfig{MaximumConcurrency: q.MaximumConcurrency},
		ParallelizationFactor: q.Factor,
	}}
	if q.Pollers.Maximum > 0 {
		s.Mapping.ProvisionedPollerConfig = &lambdasim.ProvisionedPollerConfig{
			MinimumPollers: q.Pollers.Minimum, MaximumPollers: q.Pollers.Maximum,
		}
	}
	if q.Window != nil {
		s.Mapping.MaximumBatchingWindowInSeconds = int(q.Window.Seconds())
	}
	options := []troupe.Option{troupe.WithConcurrency(q.Concurrency), troupe.WithLogger(slog.New(slog.DiscardHandler))}
	count, room := q.Backlog+rate, q.Backlog+rate+1
	switch q.Source {
	case plan.SQS, plan.FIFO:
		queue := &lambdasim.Queue{VisibilityTimeout: time.Hour}
		if q.Source == plan.FIFO {
			queue.Name = "queue.fifo"
		}
		queue.Feed(lambdasim.Feed[lambdasim.Message]{Count: count, Backlog: room, At: at, Record: func(i int) lambdasim.Message {
			return lambdasim.Message{Group: key(i), Body: fmt.Sprint(i)}
		}})
		s.Source = queue
		s.Handler = troupe.SQS(lambdasim.Watch(func(context.Context, events.SQSMessage) error { return work() }), options...)
	case plan.Kinesis:
		stream := &lambdasim.KinesisStream{Shards: q.Shards}
		stream.Feed(lambdasim.Feed[lambdasim.KinesisRecord]{Count: count, Backlog: room, At: at, Record: func(i int) lambdasim.KinesisRecord {
			return lambdasim.KinesisRecord{PartitionKey: key(i)}
		}})
		s.Source = stream
		s.Handler = troupe.Kinesis(lambdasim.Watch(func(context.Context, events.KinesisEventRecord) error { return work() }), options...)
	default:
		t.Fatalf("%s is not simulated", q.Source)
	}
	s.Handler = overhead{max(q.Overhead, 0), s.Handler}

	var under, invocations, records, waiting int
	var at0 time.Duration
	s.Observe = func(e history.Event) {
		if half := arrivals / 2; e.At > half && at0 < arrivals {
			m.inUse += float64(under) * (min(e.At, arrivals) - max(at0, half)).Seconds() / half.Seconds()
		}
		at0 = e.At
		switch e.Kind {
		case history.Sent:
			waiting++
		case history.Received:
			waiting--
		case history.Invoked:
			under++
			m.peak = max(m.peak, under)
			if e.At > arrivals/2 && e.At < arrivals {
				invocations++
				records += e.Number
			}
		case history.Answered:
			under--
			m.takes = e.At
		}
		if e.At > arrivals/2 && e.At < arrivals && e.Kind != history.Sent {
			m.waiting = max(m.waiting, waiting)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		verdict, err := s.Run(t.Context())
		require.NoError(t, err)
		require.True(t, verdict.OK(), verdict)
		require.Equal(t, count, verdict.Totals.Deleted+verdict.Totals.Checkpointed)
	})
	if invocations > 0 {
		m.records = float64(records) / float64(invocations)
	}
	return m
}

// near says that a plan's number is as near to the simulation's as it has to be.
func near(t *testing.T, what string, planned, simulated, slack float64) {
	t.Helper()
	assert.InDelta(t, simulated, planned, max(tolerance*simulated, slack), what)
	t.Logf("%s: planned %.4g, simulated %.4g", what, planned, simulated)
}

var million = flag.Bool("plan.million", false, "simulate a million messages in a minute")

// A million messages a minute, from cold and then steady.
func TestAMillionMessagesAMinute(t *testing.T) {
	if !*million {
		t.Skip("takes a minute: -plan.million")
	}
	q := plan.Question{Source: plan.SQS, Rate: 1e6 / 60, Work: 100 * time.Millisecond, Batch: 100, Window: new(time.Second), Concurrency: 32}
	a, err := plan.Plan(q)
	require.NoError(t, err)
	m := run(t, a.Question, time.Minute)
	t.Logf("planned %+v", a)
	t.Logf("simulated %+v", m)
	near(t, "environments in use", a.InUse, m.inUse, slack)
	near(t, "records of a batch", float64(a.Usual.Records), m.records, slack)
}

// With environments to spare: how many are at work, and how full the batches are.
func TestASteadyRateIsAsInLambdasim(t *testing.T) {
	for name, q := range map[string]plan.Question{
		"sqs, batches of one":             {Source: plan.SQS, Rate: 200, Work: 100 * time.Millisecond},
		"sqs, with a window":              {Source: plan.SQS, Rate: 200, Work: 100 * time.Millisecond, Batch: 500, Window: new(time.Second)},
		"sqs, a window fills batches":     {Source: plan.SQS, Rate: 200, Work: 100 * time.Millisecond, Batch: 50, Window: new(time.Second)},
		"sqs, of docs/scaling.md":         {Source: plan.SQS, Rate: 500, Work: 200 * time.Millisecond},
		"sqs, of docs/scaling.md, filled": {Source: plan.SQS, Rate: 500, Work: 200 * time.Millisecond, Batch: 100, Window: new(time.Second)},
		"sqs, near MaximumConcurrency":    {Source: plan.SQS, Rate: 200, Work: 100 * time.Millisecond, MaximumConcurrency: 5},
		"sqs, a loop":                     {Source: plan.SQS, Rate: 50, Work: 100 * time.Millisecond, Concurrency: 1, MaximumConcurrency: 6},
		"sqs, provisioned":                {Source: plan.SQS, Rate: 150, Work: 100 * time.Millisecond, Pollers: plan.Pollers{Minimum: 2, Maximum: 2}},
		"fifo, few groups":                {Source: plan.FIFO, Rate: 48, Work: 100 * time.Millisecond, Groups: 6, Overhead: 50 * time.Millisecond},
		"fifo, many groups":               {Source: plan.FIFO, Rate: 100, Work: 100 * time.Millisecond, Groups: 500},
		"fifo, more groups than allowed":  {Source: plan.FIFO, Rate: 400, Work: 100 * time.Millisecond, Groups: 1000, MaximumConcurrency: 10},
		"kinesis, one shard, one key":     {Source: plan.Kinesis, Rate: 40, Work: 20 * time.Millisecond, Groups: 1, Window: new(2 * time.Second)},
		"kinesis, shards × factor":        {Source: plan.Kinesis, Rate: 400, Work: 100 * time.Millisecond, Shards: 2, Factor: 5, Window: new(2 * time.Second)},
		"kinesis, longer than the window": {Source: plan.Kinesis, Rate: 12, Work: 100 * time.Millisecond, Batch: 200, Concurrency: 4, Groups: 2, Overhead: 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := plan.Plan(q)
			require.NoError(t, err)
			require.True(t, a.KeepsUp, "%+v", a)
			m := run(t, a.Question, time.Minute)
			near(t, "environments in use", a.InUse, m.inUse, slack)
			near(t, "records of a batch", float64(a.Usual.Records), m.records, slack)
		})
	}
}

// A backlog, with the environments being added meanwhile.
func TestABacklogDrainsAsInLambdasim(t *testing.T) {
	for name, q := range map[string]plan.Question{
		"sqs, ramp":                    {Source: plan.SQS, Backlog: 20_000, Work: time.Second, Concurrency: 1},
		"sqs, ramp and arrivals":       {Source: plan.SQS, Backlog: 5_000, Rate: 50, Work: time.Second, Concurrency: 2},
		"sqs, first steps":             {Source: plan.SQS, Backlog: 100, Work: 20 * time.Second},
		"sqs, MaximumConcurrency":      {Source: plan.SQS, Backlog: 20_000, Work: 500 * time.Millisecond, MaximumConcurrency: 20},
		"sqs, account":                 {Source: plan.SQS, Backlog: 20_000, Work: 500 * time.Millisecond, Account: 30},
		"sqs, pollers' concurrency":    {Source: plan.SQS, Backlog: 20_000, Work: 4 * time.Second, Pollers: plan.Pollers{Minimum: 2, Maximum: 20}},
		"sqs, pollers' receive calls":  {Source: plan.SQS, Backlog: 20_000, Work: 10 * time.Millisecond, Pollers: plan.Pollers{Minimum: 2, Maximum: 5}},
		"fifo, few groups":             {Source: plan.FIFO, Backlog: 1_200, Groups: 6, Work: 200 * time.Millisecond},
		"fifo, few groups, arrivals":   {Source: plan.FIFO, Backlog: 1_200, Rate: 10, Groups: 6, Work: 200 * time.Millisecond},
		"fifo, short groups":           {Source: plan.FIFO, Backlog: 4_000, Groups: 2_000, Work: time.Second, MaximumConcurrency: 50},
		"fifo, pollers":                {Source: plan.FIFO, Backlog: 20_000, Groups: 500, Work: 200 * time.Millisecond, Pollers: plan.Pollers{Minimum: 2, Maximum: 10}},
		"kinesis, arrivals":            {Source: plan.Kinesis, Backlog: 2_000, Rate: 20, Overhead: 500 * time.Millisecond, Work: 100 * time.Millisecond},
		"fifo, less than a batch each": {Source: plan.FIFO, Backlog: 120, Groups: 40, Work: 200 * time.Millisecond},
		"kinesis, a shard":             {Source: plan.Kinesis, Backlog: 5_000, Work: 100 * time.Millisecond},
		"kinesis, a shard and one key": {Source: plan.Kinesis, Backlog: 500, Groups: 1, Work: 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := plan.Plan(q)
			require.NoError(t, err)
			require.True(t, a.Drain.Ends, "%+v", a)
			// With arrivals a backlog is gone when nothing waits; the time of the last answer tells it if none
			// arrive after that.
			m := run(t, a.Question, a.Drain.Takes)
			near(t, "seconds", a.Drain.Takes.Seconds(), m.takes.Seconds(), a.Drain.Batch.Takes.Seconds()/2)
			near(t, "environments", float64(a.Drain.Environments), float64(m.peak), slack)
		})
	}
}

// A hash spreads keys over lanes, not quite evenly, and the last lane counts.
func TestABacklogOfShardsTimesFactorDrainsAsInLambdasim(t *testing.T) {
	q := plan.Question{Source: plan.Kinesis, Backlog: 20_000, Shards: 2, Factor: 5, Work: 100 * time.Millisecond}
	a, err := plan.Plan(q)
	require.NoError(t, err)
	m := run(t, a.Question, a.Drain.Takes)
	assert.Equal(t, m.peak, a.Drain.Environments)
	assert.InDelta(t, m.takes.Seconds(), a.Drain.Takes.Seconds(), 0.1*m.takes.Seconds())
}

// The environments needed suffice, and one fewer does not; likewise for what is said to bind first.
func TestTheFirstLimitBindsInLambdasim(t *testing.T) {
	const arrivals = 2 * time.Minute
	for _, c := range []struct {
		name  string
		q     plan.Question
		binds string
	}{
		{"MaximumConcurrency", plan.Question{Source: plan.SQS, Work: 500 * time.Millisecond, MaximumConcurrency: 4}, "MaximumConcurrency"},
		{"account", plan.Question{Source: plan.SQS, Work: 500 * time.Millisecond, Account: 3}, "account concurrency"},
		{"pollers", plan.Question{Source: plan.SQS, Work: 4 * time.Second, Pollers: plan.Pollers{Minimum: 2, Maximum: 2}}, "pollers"},
		{"receive calls", plan.Question{Source: plan.SQS, Work: 100 * time.Millisecond, Pollers: plan.Pollers{Minimum: 2, Maximum: 2}}, "receive calls of pollers"},
		{"groups", plan.Question{Source: plan.FIFO, Work: 100 * time.Millisecond, Groups: 6}, "message groups"},
		{"keys", plan.Question{Source: plan.Kinesis, Work: 20 * time.Millisecond, Shards: 4, Groups: 1}, "keys"},
		{"shards", plan.Question{Source: plan.Kinesis, Work: 100 * time.Millisecond, Concurrency: 5}, "shards"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.Rate = 1
			a, err := plan.Plan(c.q)
			require.NoError(t, err)
			require.Equal(t, c.binds, a.Limits[0].Name)
			for share, keepsUp := range map[float64]bool{0.95: true, 1.1: false} {
				c.q.Rate = share * a.Capacity
				b, err := plan.Plan(c.q)
				require.NoError(t, err)
				assert.Equal(t, keepsUp, b.KeepsUp)
				m := run(t, b.Question, arrivals)
				// What the rate has too much piles up over the arrivals; else a second's worth may wait, or
				// twice what is under way.
				behind := (c.q.Rate - a.Capacity) * arrivals.Seconds()
				few := 2*float64(a.Full.Records*a.Limits[0].Environments) + 2*c.q.Rate
				t.Logf("%v of %v records a second: %d wait", c.q.Rate, a.Capacity, m.waiting)
				assert.Equal(t, keepsUp, float64(m.waiting) < max(few, 0.8*behind), "%d wait", m.waiting)
				if !keepsUp {
					assert.InDelta(t, behind, m.waiting, 0.2*behind+few)
				}
			}
		})
	}
}

// So many environments are needed, and not one fewer.
func TestTheEnvironmentsNeededSufficeInLambdasim(t *testing.T) {
	q := plan.Question{Source: plan.SQS, Rate: 100, Work: 490 * time.Millisecond, Concurrency: 5}
	a, err := plan.Plan(q) // 10 records in 990 ms
	require.NoError(t, err)
	require.Equal(t, 10, a.Environments)
	q = a.Question
	q.MaximumConcurrency = 10
	assert.Less(t, run(t, q, 4*time.Minute).waiting, 200)
	q.MaximumConcurrency = 9
	assert.Greater(t, run(t, q, 4*time.Minute).waiting, 1_500) // 9.1 records a second too many
}

// What a plan's note on FIFO queues says: with fewer environments than groups, the same rate is borne when
// groups are short, and a backlog of them does not go away.
func TestABacklogOfAFIFOQueueIsAnotherMatterInLambdasim(t *testing.T) {
	q := plan.Question{Source: plan.FIFO, Rate: 60, Work: 50 * time.Millisecond, Groups: 100, MaximumConcurrency: 2}
	a, err := plan.Plan(q)
	require.NoError(t, err)
	require.True(t, a.KeepsUp)
	assert.Contains(t, a.Notes, "That is less than the rate, so such a backlog keeps growing.")
	assert.Less(t, run(t, a.Question, 4*time.Minute).waiting, 200)

	q.Backlog = 2_000 // 20 of each group
	a, err = plan.Plan(q)
	require.NoError(t, err)
	assert.False(t, a.Drain.Ends)
	// 60 arrive and 39.2 are handled a second, so 2,000 are 7,000 after four minutes.
	near(t, "waiting", 2_000+(60-20/0.51)*240, float64(run(t, a.Question, 4*time.Minute).waiting), 0)
}
