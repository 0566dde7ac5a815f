package semantics_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/test/semantics/order"
)

// panicked returns what f panics with, which has to be an error.
func panicked(t *testing.T, f func()) (err error) {
	t.Helper()
	defer func() {
		v := recover()
		require.NotNil(t, v, "it does not panic")
		var ok bool
		err, ok = v.(error)
		require.True(t, ok, "a panic with %T where an error was expected", v)
		assert.Regexp(t, "^troupe: ", err.Error())
	}()
	f()
	return nil
}

func ignore[T any](context.Context, T) error { return nil }

// SPEC 2: a bad option is refused when the function initializes, with an error that says what was given and what
// is allowed.
func TestABadOptionIsRefusedAtConstruction(t *testing.T) {
	for _, c := range []struct {
		name   string
		option troupe.Option
		says   []string
	}{
		{"no option", nil, []string{"option 2 is nil"}},
		{"concurrency 0", troupe.WithConcurrency(0), []string{"WithConcurrency(0)", "at least 1"}},
		{"concurrency -1", troupe.WithConcurrency(-1), []string{"WithConcurrency(-1)", "at least 1"}},
		{"unknown policy", troupe.WithPolicy(troupe.Policy(4)), []string{"4", "Derive", "Continue", "StopGroup", "StopBatch"}},
		{"unknown error-when", troupe.WithErrorWhen(troupe.ErrorWhen(9)), []string{"9", "ErrorWhenAll", "ErrorWhenAny", "ErrorWhenNever"}},
		{"zero error-when", troupe.WithErrorWhen(troupe.ErrorWhen(0)), []string{"0", "ErrorWhenAll", "ErrorWhenAny", "ErrorWhenNever"}},
		{"no decider", troupe.WithDecider(nil), []string{"WithDecider", "nil"}},
		{"no group function", troupe.WithGroup[events.SQSMessage](nil), []string{"WithGroup", "nil"}},
		{"group function of another source", troupe.WithGroup(func(events.KinesisEventRecord) string { return "" }), []string{"WithGroup", "events.KinesisEventRecord", "sqs", "events.SQSMessage"}},
		{"group function of a pointer", troupe.WithGroup(func(*events.SQSMessage) string { return "" }), []string{"*events.SQSMessage", "func(events.SQSMessage) string"}},
		{"lowest only on a queue", troupe.WithLowestOnly(), []string{"WithLowestOnly", "streams"}},
		{"reserve 0", troupe.WithReserve(0), []string{"WithReserve(0s)", "at least 10ms"}},
		{"negative reserve", troupe.WithReserve(-time.Second), []string{"WithReserve(-1s)", "at least 10ms"}},
		{"a tiny reserve", troupe.WithReserve(time.Microsecond), []string{"WithReserve(1µs)", "at least 10ms"}},
		{"a reserve just too short", troupe.WithReserve(10*time.Millisecond - 1), []string{"at least 10ms"}},
		{"record timeout 0", troupe.WithRecordTimeout(0), []string{"WithRecordTimeout(0s)", "positive"}},
		{"negative record timeout", troupe.WithRecordTimeout(-1), []string{"WithRecordTimeout(-1ns)", "positive"}},
		{"empty retry", troupe.WithRetry(troupe.Retry{}), []string{"Times: 0", "at least 1"}},
		{"negative retry", troupe.WithRetry(troupe.Retry{Times: -2}), []string{"Times: -2", "at least 1"}},
		{"negative base", troupe.WithRetry(troupe.Retry{Times: 1, Base: -time.Second}), []string{"Base: -1s", "not be negative"}},
		{"negative max", troupe.WithRetry(troupe.Retry{Times: 1, Max: -time.Second}), []string{"Max: -1s", "not be negative"}},
		{"no observer", troupe.WithObserver(nil), []string{"WithObserver", "nil"}},
		{"no last resort", troupe.WithLastResort(nil), []string{"WithLastResort", "nil"}},
		{"a nil option among several", troupe.Options(troupe.WithConcurrency(1), nil), []string{"option 2 is nil"}},
		{"a wrong option among several", troupe.Options(troupe.WithConcurrency(0)), []string{"WithConcurrency(0)", "at least 1"}},
		{"a wrong option by another name", troupe.Named("pkg.Slots", troupe.WithConcurrency(0)), []string{"pkg.Slots(0)", "at least 1"}},
		{"a group function by another name", troupe.Named("pkg.ByKey", troupe.WithGroup(func(int) string { return "" })), []string{"pkg.ByKey was given a func(int) string", "events.SQSMessage"}},
		{"no failure hook", troupe.WithFailureHook(nil), []string{"WithFailureHook", "nil"}},
		{"no middleware", troupe.WithMiddleware(passOn, nil), []string{"WithMiddleware", "2", "nil"}},
		{"middleware that makes nothing", troupe.WithMiddleware(passOn, func(func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
			return nil
		}), []string{"WithMiddleware", "2", "nil"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := panicked(t, func() { troupe.SQS(ignore[events.SQSMessage], troupe.WithPolicy(troupe.Continue), c.option) })
			for _, says := range c.says {
				assert.Contains(t, err.Error(), says)
			}
		})
	}
}

// SPEC 2: so is a nil handler, by every constructor, and a group function by every other source's.
func TestEveryConstructorChecksWhatItIsGiven(t *testing.T) {
	sqs := troupe.WithGroup(func(events.SQSMessage) string { return "" })
	kin := troupe.WithGroup(func(events.KinesisEventRecord) string { return "" })
	dyn := troupe.WithGroup(func(events.DynamoDBEventRecord) string { return "" })

	assert.ErrorContains(t, panicked(t, func() { troupe.SQS[events.SQSMessage](nil) }), "sqs handler is nil")
	assert.ErrorContains(t, panicked(t, func() { troupe.Kinesis[events.KinesisEventRecord](nil) }), "kinesis handler is nil")
	assert.ErrorContains(t, panicked(t, func() { troupe.DynamoDB[events.DynamoDBEventRecord](nil) }), "dynamodb handler is nil")
	for _, other := range []troupe.Option{kin, dyn} {
		assert.ErrorContains(t, panicked(t, func() { troupe.SQS(ignore[events.SQSMessage], other) }), "the record of the source")
	}
	for _, other := range []troupe.Option{sqs, dyn} {
		assert.ErrorContains(t, panicked(t, func() { troupe.Kinesis(ignore[events.KinesisEventRecord], other) }), "the record of the source")
	}
	for _, other := range []troupe.Option{sqs, kin} {
		assert.ErrorContains(t, panicked(t, func() { troupe.DynamoDB(ignore[events.DynamoDBEventRecord], other) }), "the record of the source")
	}
	assert.NotPanics(t, func() {
		troupe.SQS(ignore[events.SQSMessage], sqs)
		troupe.Kinesis(ignore[events.KinesisEventRecord], kin, troupe.WithLowestOnly())
		troupe.DynamoDB(ignore[events.DynamoDBEventRecord], dyn, troupe.WithLowestOnly())
	})
}

// SPEC 2: a Processor is what lambda.Start takes.
func TestAProcessorIsALambdaHandler(*testing.T) {
	var _ lambda.Handler = troupe.SQS(ignore[events.SQSMessage])
	var _ lambda.Handler = troupe.Kinesis(ignore[events.KinesisEventRecord])
	var _ lambda.Handler = troupe.DynamoDB(ignore[events.DynamoDBEventRecord])
}

const (
	policyVariable   = "POWERTOOLS_BATCH_ERROR_HANDLING_POLICY"
	parallelVariable = "POWERTOOLS_BATCH_PARALLEL_ENABLED"
	degreeVariable   = "POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM"
	throwVariable    = "POWERTOOLS_BATCH_THROW_ON_FULL_BATCH_FAILURE"
)

// SPEC O4: so is a variable that cannot be read.
func TestAVariableThatCannotBeReadIsRefusedAtConstruction(t *testing.T) {
	for _, c := range []struct {
		variable, value string
		says            []string
	}{
		{policyVariable, "Continue", []string{"DeriveFromEvent", "ContinueOnBatchItemFailure", "StopOnFirstBatchItemFailure"}},
		{policyVariable, "1", []string{"DeriveFromEvent"}},
		{parallelVariable, "yes", []string{"true", "false"}},
		{parallelVariable, "1", []string{"true", "false"}},
		{degreeVariable, "0", []string{"-1", "from 1"}},
		{degreeVariable, "-2", []string{"-1", "from 1"}},
		{degreeVariable, "4.5", []string{"-1", "from 1"}},
		{degreeVariable, "many", []string{"-1", "from 1"}},
		{degreeVariable, "99999999999999999999", []string{"-1", "from 1"}},
		{throwVariable, "off", []string{"true", "false"}},
	} {
		t.Run(c.variable+"="+c.value, func(t *testing.T) {
			t.Setenv(c.variable, c.value)
			// An option beats a variable, but a variable that cannot be read is a mistake all the same.
			err := panicked(t, func() {
				troupe.SQS(ignore[events.SQSMessage], troupe.WithPolicy(troupe.StopBatch), troupe.WithConcurrency(3), troupe.WithErrorWhen(troupe.ErrorWhenNever))
			})
			assert.ErrorContains(t, err, c.variable)
			assert.ErrorContains(t, err, `"`+c.value+`"`)
			for _, says := range c.says {
				assert.ErrorContains(t, err, says)
			}
		})
	}
}

// SPEC O4: concurrency by default, by variable and by option; the option beats the variable, the variable the
// default; names and booleans in any case; empty is unset.
func TestConcurrencyComesFromOptionVariableOrDefault(t *testing.T) {
	for _, c := range []struct {
		parallel, degree string
		options          []troupe.Option
		want             int
	}{
		{"", "", nil, 16},
		{"true", "", nil, 16},
		{"TRUE", "5", nil, 5},
		{"True", "", nil, 16},
		{"", "5", nil, 5},
		{"", "-1", nil, runtime.NumCPU()},
		{"", "1", nil, 1},
		{"false", "", nil, 1},
		{"FALSE", "5", nil, 1},
		{"False", "-1", nil, 1},
		{"", "", []troupe.Option{troupe.WithConcurrency(7)}, 7},
		{"", "5", []troupe.Option{troupe.WithConcurrency(7)}, 7},
		{"false", "", []troupe.Option{troupe.WithConcurrency(7)}, 7},
		{"true", "5", []troupe.Option{troupe.WithConcurrency(1)}, 1},
		{"", "", []troupe.Option{troupe.WithConcurrency(7), troupe.WithConcurrency(3)}, 3},
	} {
		t.Run(fmt.Sprintf("parallel=%s,degree=%s,%d options", c.parallel, c.degree, len(c.options)), func(t *testing.T) {
			t.Setenv(parallelVariable, c.parallel)
			t.Setenv(degreeVariable, c.degree)
			synctest.Test(t, func(t *testing.T) {
				watched := order.Observe()
				p := process(standard, func(context.Context, string) error { time.Sleep(time.Second); return nil },
					append(c.options, troupe.WithMiddleware(watched.Watch))...)
				// Variables are read when the processor is constructed, and not again.
				t.Setenv(parallelVariable, "")
				t.Setenv(degreeVariable, "2")
				_, err := p.Invoke(context.Background(), document(standard, numbered(3*max(16, c.want), nil)...))
				require.NoError(t, err)
				assert.Equal(t, c.want, order.Overlap(watched.History()))
			})
		})
	}
}

// SPEC O4, P4, P5, S7: the same for the policy and for when there is an error.
func TestPolicyAndErrorComeFromOptionVariableOrDefault(t *testing.T) {
	for _, c := range []struct {
		policy, throw string
		options       []troupe.Option
		source        string
		want          string // the failures if the first of three records of two groups fails
		fails         bool   // the invocation if all records fail
	}{
		{"", "", nil, standard, "[1]", true},
		{"", "", nil, fifo, "[1 2 3]", true},
		{"", "", nil, kinesis, "[1 3]", true},
		{"", "", nil, dynamodb, "[1 3]", true},
		{"DeriveFromEvent", "true", nil, fifo, "[1 2 3]", true},
		{"derivefromevent", "TRUE", nil, kinesis, "[1 3]", true},
		{"ContinueOnBatchItemFailure", "false", nil, fifo, "[1]", false},
		{"CONTINUEONBATCHITEMFAILURE", "False", nil, kinesis, "[1]", false},
		{"StopOnFirstBatchItemFailure", "FALSE", nil, standard, "[1 2 3]", false},
		{"stoponfirstbatchitemfailure", "True", nil, dynamodb, "[1 2 3]", true},
		{"", "", []troupe.Option{troupe.WithPolicy(troupe.Continue)}, fifo, "[1]", true},
		{"", "", []troupe.Option{troupe.WithPolicy(troupe.StopGroup)}, fifo, "[1 3]", true},
		{"", "", []troupe.Option{troupe.WithPolicy(troupe.StopGroup)}, standard, "[1]", true},
		{"", "", []troupe.Option{troupe.WithPolicy(troupe.StopBatch)}, standard, "[1 2 3]", true},
		{"", "", []troupe.Option{troupe.WithPolicy(troupe.StopBatch)}, kinesis, "[1 2 3]", true},
		{"", "", []troupe.Option{troupe.WithoutOrder()}, kinesis, "[1]", true},
		{"", "", []troupe.Option{troupe.WithoutOrder(), troupe.WithPolicy(troupe.StopGroup)}, kinesis, "[1]", true},
		{"", "", []troupe.Option{troupe.WithoutOrder(), troupe.WithPolicy(troupe.StopBatch)}, dynamodb, "[1 2 3]", true},
		{"StopOnFirstBatchItemFailure", "false", []troupe.Option{troupe.WithPolicy(troupe.Continue), troupe.WithErrorWhen(troupe.ErrorWhenAll)}, standard, "[1]", true},
		{"StopOnFirstBatchItemFailure", "", []troupe.Option{troupe.WithPolicy(troupe.Derive), troupe.WithErrorWhen(troupe.ErrorWhenNever)}, standard, "[1]", false},
		{"", "", []troupe.Option{troupe.WithPolicy(troupe.StopBatch), troupe.WithPolicy(troupe.Continue)}, standard, "[1]", true},
		{"", "", []troupe.Option{troupe.WithDecider(func(troupe.Record, error) troupe.Policy { return troupe.StopBatch }), troupe.WithPolicy(troupe.Continue)}, standard, "[1 2 3]", true},
		{"", "", []troupe.Option{troupe.WithDecider(func(troupe.Record, error) troupe.Policy { return troupe.Derive }), troupe.WithPolicy(troupe.Continue)}, kinesis, "[1]", true},
		{"", "", []troupe.Option{troupe.WithPolicy(troupe.StopBatch), troupe.WithDecider(func(troupe.Record, error) troupe.Policy { return troupe.Derive })}, standard, "[1 2 3]", true},
		{"", "", []troupe.Option{troupe.WithPolicy(troupe.StopBatch), troupe.WithDecider(func(troupe.Record, error) troupe.Policy { panic("decider") })}, kinesis, "[1 2 3]", true},
		{"", "", []troupe.Option{troupe.WithPolicy(troupe.Continue), troupe.WithDecider(func(troupe.Record, error) troupe.Policy { return troupe.StopBatch })}, standard, "[1 2 3]", true},
		{"", "", []troupe.Option{troupe.WithDecider(func(troupe.Record, error) troupe.Policy { return troupe.Derive })}, kinesis, "[1 3]", true},
		{"", "", []troupe.Option{troupe.WithDecider(func(troupe.Record, error) troupe.Policy { return troupe.Policy(99) })}, kinesis, "[1 3]", true},
	} {
		t.Run(fmt.Sprintf("%s/policy=%s,throw=%s,options=%v", c.source, c.policy, c.throw, len(c.options)), func(t *testing.T) {
			t.Setenv(policyVariable, c.policy)
			t.Setenv(throwVariable, c.throw)
			all := false
			p := process(c.source, func(ctx context.Context, _ string) error {
				if all || index(ctx) == 0 {
					return errHandler
				}
				return nil
			}, append([]troupe.Option{troupe.WithConcurrency(1), troupe.WithLogger(slog.New(slog.DiscardHandler))}, c.options...)...)
			three := document(c.source, numbered(3, groups(2))...)
			response, err := p.Invoke(context.Background(), three)
			if c.want == "[1 2 3]" && c.fails { // then all have failed
				require.Error(t, err)
			} else {
				require.NoError(t, err)
				assert.Equal(t, c.want, fmt.Sprint(failures(t, response)))
			}
			all = true
			_, err = p.Invoke(context.Background(), three)
			assert.Equal(t, c.fails, err != nil)
		})
	}
}

// SPEC O3: of options about order the last one counts.
func TestTheLastOptionAboutOrderCounts(t *testing.T) {
	by := troupe.WithGroup(func(m events.SQSMessage) string { return m.MessageId[:1] })
	for _, c := range []struct {
		name    string
		options []troupe.Option
		want    []string
	}{
		{"none", nil, []string{"g0", "g1", "g0"}},
		{"by group", []troupe.Option{troupe.WithoutOrder(), by}, []string{"1", "2", "3"}},
		{"without", []troupe.Option{by, troupe.WithoutOrder()}, []string{"", "", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var seen reported
			p := process(fifo, func(context.Context, string) error { return nil }, append(c.options, troupe.WithObserver(seen.observe))...)
			_, err := p.Invoke(context.Background(), document(fifo, numbered(3, groups(2))...))
			require.NoError(t, err)
			var got []string
			for _, r := range seen.Records {
				got = append(got, r.Group)
			}
			assert.Equal(t, c.want, got)
		})
	}
}
