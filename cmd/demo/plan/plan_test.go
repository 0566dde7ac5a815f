package plan_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/cmd/demo/plan"
)

const ms = time.Millisecond

// Worked by hand. An invocation has 10 ms of overhead unless a question says otherwise.
func TestTheSumsComeOutAsByHand(t *testing.T) {
	for _, c := range []struct {
		name                 string
		q                    plan.Question
		full, usual          int           // records of a batch
		takes                time.Duration // of a full one
		needed, sequential   int
		inUse, capacity      float64
		first                string
		keepsUp              bool
		drain                time.Duration
		ramp                 time.Duration
		waitingBeforeTheRamp int
	}{
		{
			// A full batch is 10 ms + ⌈10/16⌉·200 ms = 210 ms, so 500 a second need 500·0.21/10 = 10.5; a loop
			// takes 2010 ms: 100.5. Batches of one take 210 ms: 105 at work. 1,000/0.21·10 = 47,619 a second.
			// 5 environments at first; 11 are more than enough from the third step on, after 2 s:
			// 5, then 10 (476 a second), then 15. By then 2·500 − (5·2 + 5·1)·10/0.21 = 285.7 wait.
			name: "sqs", q: plan.Question{Source: plan.SQS, Rate: 500, Work: 200 * ms},
			full: 10, usual: 1, takes: 210 * ms, needed: 11, sequential: 101, inUse: 105, capacity: 47_619.05,
			first: "account concurrency", keepsUp: true, ramp: 2 * time.Second, waitingBeforeTheRamp: 285,
		},
		{
			// ⌈10/4⌉ = 3 rounds: 310 ms. 200 batches; five environments each second from 0 on. Begun by 3 s:
			// 5·(10+7+4+1) = 110 (3/0.31 = 9.7, 2/0.31 = 6.5, 1/0.31 = 3.2); by 4 s: 5·(13+10+7+4+1) = 175; those of
			// the first second begin their 14th at 4.03 s, then 180, the second's 11th at 4.1: 185, 8th at 4.17:
			// 190, 5th at 4.24: 195, the fifth's 2nd at 4.31: 200. It ends 310 ms later: 4.62 s.
			name: "sqs, backlog", q: plan.Question{Source: plan.SQS, Backlog: 2_000, Work: 100 * ms, Concurrency: 4},
			full: 10, usual: 1, takes: 310 * ms, capacity: 32_258.06, first: "account concurrency", keepsUp: true,
			drain: 4_620 * ms,
		},
		{
			// Four environments of 10 records in 510 ms: 78.4 a second.
			name: "MaximumConcurrency", q: plan.Question{Source: plan.SQS, Rate: 100, Work: 500 * ms, MaximumConcurrency: 4},
			full: 10, usual: 10, takes: 510 * ms, needed: 6, sequential: 51, inUse: 4, capacity: 78.43, first: "MaximumConcurrency",
		},
		{
			// A second's worth is in a window of a second, and the record that began it: 201 of 1,000. A full batch
			// has 63 rounds: 6.31 s; 201 have 13: 1.31 s, so 200·1.31/201 = 1.303 are at work. Of batches of 1,000
			// only 120 fit into 120,000 messages in flight: 120·1000/6.31 = 19,017.
			name: "a window", q: plan.Question{Source: plan.SQS, Rate: 200, Work: 100 * ms, Batch: 1_000, Window: new(time.Second)},
			full: 1_000, usual: 201, takes: 6_310 * ms, needed: 2, sequential: 21, inUse: 1.303, capacity: 19_017.43,
			first: "messages in flight", keepsUp: true,
		},
		{
			// Two pollers make 20 calls a second, for 200 messages; at 150 a second a batch has 8, for one call is
			// a batch: 150/20 = 7.5. 20 environments could do 20·10/0.11 = 1,818.
			name: "pollers", q: plan.Question{Source: plan.SQS, Rate: 150, Work: 100 * ms, Pollers: plan.Pollers{Minimum: 2, Maximum: 2}},
			full: 10, usual: 8, takes: 110 * ms, needed: 2, sequential: 16, inUse: 2.0625, capacity: 200,
			first: "receive calls of pollers", keepsUp: true,
		},
		{
			// 2 MiB a second of 64 KiB each: 32 records.
			name: "pollers' bytes", q: plan.Question{Source: plan.SQS, Rate: 20, Work: 100 * ms, Size: 64 << 10, Pollers: plan.Pollers{Minimum: 2, Maximum: 2}},
			full: 10, usual: 1, takes: 110 * ms, needed: 1, sequential: 3, inUse: 2.2, capacity: 32,
			first: "bytes of pollers", keepsUp: true,
		},
		{
			// Two pollers at first: 20 environments; another 10 each 0.6 s. 100 batches of 2.01 s: 20 at 0, 30 at
			// 0.6, 40 at 1.2, 50 at 1.8, and the first 20 again at 2.01: 70; at 2.4 (60 there) 80; 90 at 2.61 (the
			// second cohort again); 100 at 3.0. It ends at 5.01 s.
			name: "pollers are added", q: plan.Question{Source: plan.SQS, Backlog: 1_000, Work: 2 * time.Second, Pollers: plan.Pollers{Minimum: 2, Maximum: 100}},
			full: 10, usual: 1, takes: 2_010 * ms, capacity: 4_975.12, first: "account concurrency", keepsUp: true,
			drain: 5_010 * ms,
		},
		{
			// An account of 5,000, and 1,250 for the mapping.
			name: "a raised account", q: plan.Question{Source: plan.SQS, Rate: 100, Work: 90 * ms, Account: 5_000},
			full: 10, usual: 1, takes: 100 * ms, needed: 1, sequential: 10, inUse: 10, capacity: 125_000, first: "mapping of a queue",
			keepsUp: true,
		},
		{
			// 6 MiB / 1 MiB: 6 records fit.
			name: "large records", q: plan.Question{Source: plan.SQS, Rate: 10, Work: 100 * ms, Size: 1 << 20},
			full: 6, usual: 1, takes: 110 * ms, needed: 1, sequential: 2, inUse: 1.1, capacity: 54_545.45, first: "account concurrency", keepsUp: true,
		},
		{
			// A batch is of one group, so its ten messages take 10 ms + 10·150 ms: 40·10/1.51 = 264.9 a second. A
			// message alone takes 160 ms: 16 at work. 20,000 waiting are 2,000 batches, 50 for each group, which
			// is 75.5 s.
			name: "fifo", q: plan.Question{Source: plan.FIFO, Rate: 100, Work: 150 * ms, Groups: 40},
			full: 10, usual: 1, takes: 1_510 * ms, needed: 16, sequential: 16, inUse: 16, capacity: 264.9, first: "message groups", keepsUp: true,
		},
		{
			name: "fifo, backlog", q: plan.Question{Source: plan.FIFO, Backlog: 20_000, Work: 150 * ms, Groups: 40},
			full: 10, usual: 1, takes: 1_510 * ms, capacity: 264.9, first: "message groups", keepsUp: true, drain: 75_500 * ms,
		},
		{
			// Half a second of overhead: at 9 a second and group, a batch gathers while the one before is handled:
			// n ≥ 9·(0.5 + 0.05·n) from n = 9 on (8.55). 5·10/1 = 50 a second.
			name: "fifo, batches gather", q: plan.Question{Source: plan.FIFO, Rate: 45, Work: 50 * ms, Groups: 5, Overhead: 500 * ms},
			full: 10, usual: 9, takes: time.Second, needed: 5, sequential: 5, inUse: 4.75, capacity: 50, first: "message groups", keepsUp: true,
		},
		{
			// 8 lanes of 250 a second; a shard is polled once a second, so batches are full: ⌈100/16⌉ = 7 rounds,
			// 150 ms. 8·100/0.15 = 5,333; 2,000·0.15/100 = 3 at work. A loop takes 2.01 s: 40.2.
			name: "kinesis", q: plan.Question{Source: plan.Kinesis, Rate: 2_000, Work: 20 * ms, Shards: 4, Factor: 2},
			full: 100, usual: 100, takes: 150 * ms, needed: 3, sequential: 41, inUse: 3, capacity: 5_333.33, first: "shards × factor", keepsUp: true,
		},
		{
			// Four times a second: 40/4 = 10 records, which take 30 ms.
			name: "dynamodb", q: plan.Question{Source: plan.DynamoDB, Rate: 40, Work: 20 * ms},
			full: 100, usual: 10, takes: 150 * ms, needed: 1, sequential: 1, inUse: 0.12, capacity: 666.67, first: "shards", keepsUp: true,
		},
		{
			// One key: one after the other, whatever the shards. 100·20 ms + 10 ms.
			name: "one key", q: plan.Question{Source: plan.Kinesis, Backlog: 1_000, Work: 20 * ms, Shards: 4, Groups: 1},
			full: 100, usual: 1, takes: 2_010 * ms, capacity: 49.75, first: "keys", keepsUp: true, drain: 20_100 * ms,
		},
		{
			// Two pollers of five invocations for twelve partitions; a window of 500 ms gathers 400/12/2 = 16.7
			// records after the first: 17. They take two rounds, 50 ms; 100 take seven, 150 ms.
			name: "kafka", q: plan.Question{Source: plan.Kafka, Rate: 400, Work: 20 * ms, Shards: 12, Pollers: plan.Pollers{Minimum: 1, Maximum: 2}},
			full: 100, usual: 17, takes: 150 * ms, needed: 1, sequential: 9, inUse: 400 * 0.05 / 17, capacity: 6_666.67, first: "pollers", keepsUp: true,
		},
		{
			// 2 pollers of 5 MiB a second: 160 records of 64 KiB. 96 of them fit into an event.
			name: "kafka, bytes", q: plan.Question{Source: plan.Kafka, Rate: 12, Work: 20 * ms, Shards: 12, Size: 64 << 10, Pollers: plan.Pollers{Minimum: 2, Maximum: 2}},
			full: 96, usual: 1, takes: 130 * ms, needed: 1, sequential: 1, inUse: 0.36, capacity: 160, first: "bytes of pollers", keepsUp: true,
		},
		{
			// More pollers than partitions are of no use.
			name: "kafka, more pollers than partitions", q: plan.Question{Source: plan.Kafka, Rate: 12, Work: 20 * ms, Shards: 3, Size: 64 << 10, Pollers: plan.Pollers{Minimum: 2, Maximum: 20}},
			full: 96, usual: 3, takes: 130 * ms, needed: 1, sequential: 1, inUse: 0.12, capacity: 240, first: "bytes of pollers", keepsUp: true,
		},
		{
			// 50 environments of 5 ms each are 10,000 invocations a second, which a quota of 1,000 allows. In the first
			// second there are five, which do 1,000; then 10 do 2,000, and so on: 45,000 after nine seconds, when
			// there are 50. The other 55,000 take 5.5 s.
			name: "short invocations, backlog", q: plan.Question{Source: plan.SQS, Backlog: 100_000, Work: 5 * ms, Overhead: -1, Batch: 1},
			full: 1, usual: 1, takes: 5 * ms, capacity: 10_000, first: "invocations a second", keepsUp: true, drain: 14_500 * ms,
		},
		{
			// 1,000 units of concurrency are 10,000 invocations a second, however short they are.
			name: "short invocations", q: plan.Question{Source: plan.SQS, Rate: 1_000, Work: 5 * ms, Overhead: -1, Batch: 1},
			full: 1, usual: 1, takes: 5 * ms, needed: 5, sequential: 5, inUse: 5, capacity: 10_000, first: "invocations a second", keepsUp: true,
			ramp: time.Second, waitingBeforeTheRamp: 0, // five environments would just do: more are there after a second
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := plan.Plan(c.q)
			require.NoError(t, err)
			assert.Equal(t, c.full, a.Full.Records, "records of a full batch")
			assert.Equal(t, c.usual, a.Usual.Records, "records of a usual batch")
			assert.Equal(t, c.takes, a.Full.Takes)
			assert.Equal(t, c.needed, a.Environments, "environments needed")
			assert.Equal(t, c.sequential, a.Sequential, "environments of a loop")
			assert.InDelta(t, c.inUse, a.InUse, 0.001, "environments in use")
			loop := c.q
			loop.Concurrency = 1
			if one, err := plan.Plan(loop); assert.NoError(t, err) {
				assert.Equal(t, one.InUse, a.SequentialInUse, "environments in use by a loop")
				assert.Equal(t, one.KeepsUp, a.SequentialKeepsUp)
			}
			assert.InDelta(t, c.capacity, a.Capacity, 0.01, "capacity")
			assert.InDelta(t, c.q.Rate/c.capacity, a.Utilisation, 0.001)
			assert.Equal(t, c.first, a.Limits[0].Name)
			assert.Equal(t, c.keepsUp, a.KeepsUp)
			assert.Equal(t, c.ramp, a.RampUp)
			assert.Equal(t, c.waitingBeforeTheRamp, a.PiledUp)
			if c.drain == 0 {
				assert.Nil(t, a.Drain)
				return
			}
			assert.True(t, a.Drain.Ends)
			assert.InDelta(t, c.drain.Seconds(), a.Drain.Takes.Seconds(), 0.001)
		})
	}
}

// "Lambda scaling behavior": no more than 1,000 environments in 10 seconds, also where the source has no
// rate of its own.
func TestAFunctionGetsAThousandEnvironmentsInTenSeconds(t *testing.T) {
	// 2,000 shards have a batch each. 1,000 begin at once, and 100 a second after that, the last at 10 s.
	a, err := plan.Plan(plan.Question{Source: plan.Kinesis, Backlog: 2_000 * 100, Shards: 2_000, Account: 5_000, Work: 10 * time.Minute, Concurrency: 100})
	require.NoError(t, err)
	assert.InDelta(t, (610 * time.Second).Seconds(), a.Drain.Takes.Seconds(), 0.1)
	assert.Equal(t, 2_000, a.Drain.Environments)
}

// A message group has a batch to itself when there are environments for all groups, and so it limits.
func TestMessageGroupsLimitWithABatchEach(t *testing.T) {
	a, err := plan.Plan(plan.Question{Source: plan.FIFO, Rate: 1, Work: 100 * ms, Groups: 1_000, MaximumConcurrency: 10})
	require.NoError(t, err)
	assert.Equal(t, "MaximumConcurrency", a.Limits[0].Name)
	assert.InDelta(t, 10*10/0.11, a.Limits[0].Records, 0.01) // ten groups to a batch
	assert.Equal(t, "message groups", a.Limits[1].Name)
	assert.InDelta(t, 1_000*10/1.01, a.Limits[1].Records, 0.01) // one
}

// What arrives while a lane's backlog is worked off is in its batches, too.
func TestABatchOfABacklogHasWhatArrivesMeanwhile(t *testing.T) {
	// A shard is polled once a second: 50 records. With the ten that wait 60, in ⌈60/16⌉ = 4 rounds.
	a, err := plan.Plan(plan.Question{Source: plan.Kinesis, Rate: 50, Backlog: 10, Work: 20 * ms})
	require.NoError(t, err)
	assert.Equal(t, plan.Batch{Records: 60, AtOnce: 16, Takes: 90 * ms}, a.Drain.Batch)
	assert.Equal(t, 90*ms, a.Drain.Takes)
}

// A backlog that is not worked off is said not to be, and takes no time to find out.
func TestABacklogThatGrowsNeverEnds(t *testing.T) {
	for _, rate := range []float64{79, 1e6} { // of 78.4
		a, err := plan.Plan(plan.Question{Source: plan.SQS, Rate: rate, Backlog: 10_000, Work: 500 * ms, MaximumConcurrency: 4})
		require.NoError(t, err)
		assert.False(t, a.Drain.Ends)
		assert.Zero(t, a.Drain.Takes)
		assert.False(t, a.KeepsUp)
	}
}

func TestChangesAreTheLeastThatDo(t *testing.T) {
	for _, c := range []struct {
		name string
		q    plan.Question
		want []plan.Change
	}{
		{"enough room", plan.Question{Source: plan.SQS, Rate: 60, Work: 500 * ms, MaximumConcurrency: 4}, nil},
		// 500/0.8 = 625 a second, of which an environment does 10/0.51 = 19.6: 31.9 of them, or 3.2 pollers, of
		// which seven are needed for the calls.
		{"MaximumConcurrency", plan.Question{Source: plan.SQS, Rate: 500, Work: 500 * ms, MaximumConcurrency: 4},
			[]plan.Change{{"max-concurrency", "32"}, {"pollers", "2:7"}}},
		// 4 environments with ⌈10/c⌉ rounds of 500 ms: c = 5 does 10/1.01·4 = 39.6, of which 30 are 76 %.
		{"a loop", plan.Question{Source: plan.SQS, Rate: 30, Work: 500 * ms, Concurrency: 1, MaximumConcurrency: 4},
			[]plan.Change{{"concurrency", "5"}, {"max-concurrency", "19"}, {"pollers", "2:2"}}},
		// 100/0.8 = 125 a second at 10/1.01 a group: 12.6 groups.
		{"groups", plan.Question{Source: plan.FIFO, Rate: 100, Work: 100 * ms, Groups: 10}, []plan.Change{{"groups", "13"}}},
		// 1,200/0.8 = 1,500 a second at 100/0.15 a lane: 2.25 lanes. Batches of 144 have 9 rounds and no better rate
		// to speak of; more handlers at once have.
		{"shards", plan.Question{Source: plan.Kinesis, Rate: 1_200, Work: 20 * ms}, []plan.Change{{"concurrency", "50"}, {"factor", "3"}, {"shards", "3"}}},
		// It keeps up, but a batch takes 63 rounds and more than the timeout.
		{"timeout", plan.Question{Source: plan.SQS, Rate: 10, Work: time.Second, Batch: 1_000, Window: new(time.Minute), Timeout: 30 * time.Second},
			[]plan.Change{{"concurrency", "35"}}},
		// Two rounds are 2.61 s, and of 3 s there are 2.5 s until the contexts of handlers end.
		{"reserve", plan.Question{Source: plan.SQS, Rate: 10, Work: 1300 * ms, Concurrency: 5, Timeout: 3 * time.Second}, []plan.Change{{"concurrency", "10"}}},
		{"nothing by itself", plan.Question{Source: plan.SQS, Rate: 20_000, Work: time.Second, Concurrency: 1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := plan.Plan(c.q)
			require.NoError(t, err)
			assert.Equal(t, c.want, a.Changes)
		})
	}
}

func TestNotesTellWhatTheNumbersDoNotShow(t *testing.T) {
	for want, q := range map[string]plan.Question{
		"Visibility timeout: 3m0s or more, six times":                      {Source: plan.SQS, Rate: 1, Work: time.Second, Timeout: 30 * time.Second},
		"Visibility timeout: 3m20s or more, six times the function's time": {Source: plan.SQS, Rate: 1, Work: time.Second, Timeout: 30 * time.Second, Window: new(20 * time.Second)},
		// Of 3 s there are 2.5 s left: two rounds of 1 s, and 10 ms.
		"A full batch takes 7.01s, but contexts end 500ms before the timeout of 3s: lower --batch to 32": {
			Source: plan.Kinesis, Rate: 1, Work: time.Second, Timeout: 3 * time.Second},
		"a function may take at most 15m0s: lower --batch to 8": {Source: plan.FIFO, Groups: 5, Backlog: 100, Work: 110 * time.Second},
		"at most 4 per second, whatever":                        {Source: plan.FIFO, Groups: 5, Rate: 1, Work: 250 * ms},
		"has too few of them for 16 handlers at once: 2 o":      {Source: plan.Kinesis, Groups: 2, Rate: 1, Work: 250 * ms},
		"with 20 of them, some shards have more than others":    {Source: plan.Kinesis, Groups: 20, Shards: 3, Rate: 1, Work: 250 * ms},
		"only 99 records per second are handled":                {Source: plan.FIFO, Groups: 1_000, Rate: 10, Work: 100 * ms, MaximumConcurrency: 10},
		// 100 a second fill a batch of 10 within the second; it takes 110 ms: 100·0.11/10 = 1.1.
		"--window 1s results in batches of about 10 and 1.1 environments on average, and delays records by up to 1s; a larger --batch": {Source: plan.SQS, Rate: 100, Work: 100 * ms},
		"A Kinesis shard accepts 1,000 records per second: the rate needs 3 shar":                                                      {Source: plan.Kinesis, Rate: 2_500, Work: ms},
		"accepts 3,000 messages per second":            {Source: plan.FIFO, Rate: 3_001, Groups: 900, Work: ms},
		"need provisioned mode":                        {Source: plan.Kafka, Rate: 1, Work: ms},
		"does not document how fast pollers are added": {Source: plan.Kafka, Rate: 1, Work: ms, Pollers: plan.Pollers{Minimum: 1, Maximum: 2}},
	} {
		a, err := plan.Plan(q)
		require.NoError(t, err)
		assert.Contains(t, strings.Join(a.Notes, "\n"), want)
	}
	// Half a record a second and shard: a window of a second gathers no second one, and 50·0.11 = 5.5 are at work as
	// without it. One of two seconds halves that.
	slow, err := plan.Plan(plan.Question{Source: plan.DynamoDB, Shards: 100, Rate: 50, Work: 100 * ms})
	require.NoError(t, err)
	assert.Contains(t, strings.Join(slow.Notes, "\n"), "--window 2s results in batches of about 2 and 2.75 environments on average, and delays records by up to 2s.")
	quiet, err := plan.Plan(plan.Question{Source: plan.SQS, Rate: 1, Work: 100 * ms})
	require.NoError(t, err)
	assert.Empty(t, quiet.Notes)
}

// AWS's limits, and questions without sense.
func TestWhatAWSWouldRefuseIsRefused(t *testing.T) {
	sqs := func(change func(*plan.Question)) plan.Question {
		q := plan.Question{Source: plan.SQS, Rate: 1, Work: ms}
		change(&q)
		return q
	}
	of := func(s plan.Source, change func(*plan.Question)) plan.Question {
		q := plan.Question{Source: s, Rate: 1, Work: ms, Groups: 5}
		change(&q)
		return q
	}
	pollers := func(low, high int) func(*plan.Question) {
		return func(q *plan.Question) { q.Pollers = plan.Pollers{Minimum: low, Maximum: high} }
	}
	for _, c := range []struct {
		q    plan.Question
		want string
	}{
		{plan.Question{Source: "s3"}, `--source "s3": must be one of [sqs fifo kinesis dynamodb kafka]`},
		{sqs(func(q *plan.Question) { q.Rate = 0 }), "neither --rate nor --backlog is given"},
		{sqs(func(q *plan.Question) { q.Rate = -1 }), "--rate -1"},
		{sqs(func(q *plan.Question) { q.Rate = math.NaN() }), "--rate NaN"},
		{sqs(func(q *plan.Question) { q.Rate = math.Inf(1) }), "--rate +Inf"},
		{sqs(func(q *plan.Question) { q.Backlog = -1 }), "--backlog -1"},
		{sqs(func(q *plan.Question) { q.Work = 0 }), "--work 0s"},
		{sqs(func(q *plan.Question) { q.Work = time.Hour }), "--work 1h0m0s: must be the time of the handler for one record, more than 0 and at most 15m0s"},
		{sqs(func(q *plan.Question) { q.Overhead = time.Hour }), "--overhead 1h0m0s"},
		{sqs(func(q *plan.Question) { q.Concurrency = -1 }), "--concurrency -1: must be from 1 to 10000"},
		{sqs(func(q *plan.Question) { q.Timeout = 16 * time.Minute }), "--timeout 16m0s: must be from 0 to 15m0s"},
		{sqs(func(q *plan.Question) { q.Size = 7 << 20 }), "--size 7340032"},
		{sqs(func(q *plan.Question) { q.Batch = -1 }), "--batch -1: must be from 1 to 10000"},
		{sqs(func(q *plan.Question) { q.Batch = 11 }), "--batch 11: must be at most 10 without a --window of at least 1s"},
		{sqs(func(q *plan.Question) { q.Batch, q.Window = 10_001, new(time.Second) }), "--batch 10001: must be from 1 to 10000"},
		{sqs(func(q *plan.Question) { q.Window = new(301 * time.Second) }), "--window 5m1s: must be from 0s to 5m0s"},
		{sqs(func(q *plan.Question) { q.Window = new(1500 * ms) }), "--window 1.5s: must be whole seconds"},
		{sqs(func(q *plan.Question) { q.Groups = 5 }), "--groups 5: must not be used with a standard queue"},
		{sqs(func(q *plan.Question) { q.Shards = 5 }), "--shards 5: must be used with a stream or topic"},
		{sqs(func(q *plan.Question) { q.Factor = 5 }), "--factor 5: must be used with kinesis or dynamodb"},
		{sqs(func(q *plan.Question) { q.MaximumConcurrency = 1 }), "--max-concurrency 1: must be from 2 to 1000"},
		{sqs(func(q *plan.Question) { q.MaximumConcurrency = 1_001 }), "--max-concurrency 1001"},
		{sqs(func(q *plan.Question) { q.Account = -1 }), "--account -1"},
		{sqs(pollers(1, 5)), "--pollers 1:5: the minimum must be from 2 to 200"},
		{sqs(pollers(201, 500)), "--pollers 201:500: the minimum must be from 2 to 200"},
		{sqs(pollers(2, 10_001)), "--pollers 2:10001: the maximum must be from 2 to 10000"},
		{sqs(pollers(9, 8)), "--pollers 9:8: the minimum must not be more than the maximum"},
		{sqs(func(q *plan.Question) { q.MaximumConcurrency = 5; pollers(2, 5)(q) }), "--pollers 2:5 and --max-concurrency 5: must not be used together"},
		{of(plan.FIFO, func(q *plan.Question) { q.Groups = 0 }), "--groups is not given"},
		{of(plan.FIFO, func(q *plan.Question) { q.Groups = -5 }), "--groups -5"},
		{of(plan.FIFO, func(q *plan.Question) { q.Batch = 11 }), "--batch 11: must be from 1 to 10 for a FIFO queue"},
		{of(plan.FIFO, func(q *plan.Question) { q.Window = new(time.Second) }), "--window 1s: must be 0s, since FIFO queues have no batching window"},
		{of(plan.Kinesis, func(q *plan.Question) { q.Factor = 11 }), "--factor 11: must be from 1 to 10"},
		{of(plan.Kinesis, func(q *plan.Question) { q.Shards = -1 }), "--shards -1"},
		{of(plan.Kinesis, func(q *plan.Question) { q.MaximumConcurrency = 5 }), "--max-concurrency 5: must be used with a queue"},
		{of(plan.DynamoDB, pollers(2, 5)), "--pollers 2:5: must be used with a queue or kafka"},
		{of(plan.Kafka, pollers(1, 2_001)), "--pollers 1:2001: the maximum must be from 1 to 2000"},
		{of(plan.Kafka, func(q *plan.Question) { q.Factor = 2 }), "--factor 2: must be used with kinesis or dynamodb"},
	} {
		_, err := plan.Plan(c.q)
		assert.ErrorContains(t, err, c.want)
	}
	_, err := plan.Plan(plan.Question{Source: plan.SQS, Batch: 11})
	for _, want := range []string{"neither --rate nor --backlog", "--work", "--batch 11"} {
		assert.ErrorContains(t, err, want, "all that is wrong is told")
	}
}

// question draws a question that makes sense.
func question(t *rapid.T) plan.Question {
	q := plan.Question{
		Source:      rapid.SampledFrom(plan.Sources()).Draw(t, "source"),
		Rate:        rapid.Float64Range(0.01, 1e5).Draw(t, "rate"),
		Backlog:     rapid.IntRange(0, 1e7).Draw(t, "backlog"),
		Work:        time.Duration(rapid.IntRange(1, 5_000).Draw(t, "work ms")) * ms,
		Overhead:    time.Duration(rapid.IntRange(0, 500).Draw(t, "overhead ms")) * ms,
		Concurrency: rapid.IntRange(1, 64).Draw(t, "concurrency"),
		Account:     rapid.IntRange(1, 5_000).Draw(t, "account"),
		Size:        rapid.SampledFrom([]int{0, 100, 10_000, 5 << 20}).Draw(t, "size"),
		Timeout:     time.Duration(rapid.SampledFrom([]int{0, 3, 900}).Draw(t, "timeout s")) * time.Second,
	}
	pollers := plan.Pollers{Minimum: rapid.IntRange(2, 10).Draw(t, "least"), Maximum: rapid.IntRange(10, 100).Draw(t, "most")}
	switch q.Source {
	case plan.SQS:
		q.Batch = rapid.IntRange(1, 10).Draw(t, "batch")
		if rapid.Bool().Draw(t, "window") {
			q.Window, q.Batch = new(5*time.Second), rapid.IntRange(1, 10_000).Draw(t, "large batch")
		}
	case plan.FIFO:
		q.Groups, q.Batch = rapid.IntRange(1, 5_000).Draw(t, "groups"), rapid.IntRange(1, 10).Draw(t, "batch")
	default:
		q.Groups, q.Shards = rapid.IntRange(0, 500).Draw(t, "keys"), rapid.IntRange(1, 200).Draw(t, "shards")
		q.Batch = rapid.IntRange(1, 10_000).Draw(t, "batch")
	}
	switch {
	case q.Source == plan.Kinesis || q.Source == plan.DynamoDB:
		q.Factor = rapid.IntRange(1, 10).Draw(t, "factor")
	case rapid.Bool().Draw(t, "provisioned"):
		q.Pollers = pollers
	case q.Source != plan.Kafka:
		q.MaximumConcurrency = rapid.IntRange(2, 1_000).Draw(t, "max")
	}
	return q
}

// answer answers a question that makes sense.
func answer(t *rapid.T, q plan.Question) plan.Answer {
	a, err := plan.Plan(q)
	require.NoError(t, err)
	return a
}

// What holds of every answer.
func TestAnswersAgreeWithThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := answer(t, question(t))
		q := a.Question
		assert.GreaterOrEqual(t, a.Usual.Records, 1)
		assert.LessOrEqual(t, a.Usual.Records, a.Full.Records)
		assert.LessOrEqual(t, a.Full.Records, q.Batch)
		assert.GreaterOrEqual(t, a.Environments, 1)
		assert.LessOrEqual(t, a.Environments, a.Sequential, "handlers at once never need more environments than a loop")
		assert.GreaterOrEqual(t, a.Full.Takes, q.Work+max(q.Overhead, 0))
		assert.Equal(t, a.KeepsUp, q.Rate <= a.Capacity)
		assert.Greater(t, a.Capacity, 0.0)
		assert.Positive(t, a.InUse)
		for i, l := range a.Limits {
			assert.GreaterOrEqual(t, l.Records, a.Capacity)
			if i > 0 {
				assert.GreaterOrEqual(t, l.Records, a.Limits[i-1].Records)
			}
			if l.Environments > 0 {
				assert.LessOrEqual(t, a.InUse, float64(l.Environments)*(1+1e-9), l.Name)
			}
		}
		assert.Equal(t, q.Backlog > 0, a.Drain != nil)
		if d := a.Drain; d != nil && d.Ends {
			assert.GreaterOrEqual(t, d.Takes, d.Batch.Takes)
			assert.GreaterOrEqual(t, d.Environments, 1)
			assert.True(t, a.KeepsUp || float64(q.Backlog) <= 1e4, "a backlog ends and the rate is too much")
		}
	})
}

// More records never need less, and never leave more room.
func TestMoreRecordsNeverNeedFewerEnvironments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := question(t)
		a := answer(t, q)
		q.Rate *= rapid.Float64Range(1, 10).Draw(t, "times")
		b := answer(t, q)
		assert.GreaterOrEqual(t, b.Environments, a.Environments)
		assert.GreaterOrEqual(t, b.Sequential, a.Sequential)
		assert.GreaterOrEqual(t, b.Utilisation, a.Utilisation)
		assert.GreaterOrEqual(t, b.Usual.Records, a.Usual.Records)
		assert.InDelta(t, a.Capacity, b.Capacity, 1e-6*a.Capacity)
		if q.Source == plan.SQS && b.Drain != nil && b.Drain.Ends { // elsewhere batches grow with the rate
			assert.True(t, a.Drain.Ends)
			assert.GreaterOrEqual(t, b.Drain.Takes+b.Drain.Batch.Takes, a.Drain.Takes)
		}
		q.Work += time.Duration(rapid.IntRange(1, 1_000).Draw(t, "more work")) * ms
		c := answer(t, q)
		assert.GreaterOrEqual(t, c.Environments, b.Environments)
		assert.LessOrEqual(t, c.Capacity, b.Capacity*(1+1e-9))
	})
}

// No setting of those that are there to be raised lowers the capacity. (More shards do if there are few keys:
// then a batch has fewer of them.)
func TestRaisingALimitNeverLowersTheCapacity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := question(t)
		before := answer(t, q).Capacity
		more := rapid.IntRange(1, 100).Draw(t, "more")
		switch setting := rapid.SampledFrom([]string{"concurrency", "account", "shards", "factor", "groups", "max", "pollers"}).Draw(t, "setting"); {
		case setting == "concurrency":
			q.Concurrency += more
		case setting == "account":
			q.Account += more
		case setting == "shards" && q.Shards > 0 && q.Groups == 0:
			q.Shards += more
		case setting == "factor" && q.Factor > 0 && q.Groups == 0:
			q.Factor = min(q.Factor+more, 10)
		case setting == "groups" && q.Groups > 0:
			q.Groups += more
		case setting == "max" && q.MaximumConcurrency > 0:
			q.MaximumConcurrency = min(q.MaximumConcurrency+more, 1_000)
		case setting == "pollers" && q.Pollers.Maximum > 0:
			q.Pollers.Maximum += more
		}
		assert.GreaterOrEqual(t, answer(t, q).Capacity, before*(1-1e-9))
	})
}

// A larger backlog takes longer, give or take two batches and a second of the pollers.
func TestALargerBacklogTakesLonger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := question(t)
		q.Rate, q.Backlog = 0, rapid.IntRange(1, 1e6).Draw(t, "waiting")
		a := answer(t, q)
		q.Backlog += rapid.IntRange(1, 1e6).Draw(t, "more")
		b := answer(t, q)
		assert.True(t, a.Drain.Ends && b.Drain.Ends)
		assert.GreaterOrEqual(t, b.Drain.Takes+2*b.Drain.Batch.Takes+time.Second, a.Drain.Takes)
	})
}
