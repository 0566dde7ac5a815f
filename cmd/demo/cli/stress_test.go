package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/cmd/demo/page"
	"github.com/troupe-go/troupe/cmd/demo/tally"
)

// stressWith runs demo stress in virtual time, with options that no flag can set.
func stressWith(t *testing.T, change func(*options), args string) result {
	t.Helper()
	return stressUntil(t, 0, change, args)
}

// stressUntil is stressWith with a signal after some time; 0 is never.
func stressUntil(t *testing.T, signal time.Duration, change func(*options), args string) (r result) {
	t.Helper()
	o, err := parse("demo", "demo", append([]string{"stress"}, strings.Fields(args)...), environment(nil))
	require.NoError(t, err)
	o.stress.atOnce = 64 // whatever the machine
	if change != nil {
		change(&o)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if signal > 0 {
			time.AfterFunc(signal, cancel)
		}
		var stdout, stderr lockedBuffer
		began := time.Now()
		r.code = run(ctx, o, new(player), nil, &stdout, &stderr)
		r.stdout, r.stderr, r.took = stdout.String(), stderr.String(), time.Since(began)
		time.Sleep(time.Hour) // handlers that hang come to their end
	})
	return r
}

// stressed runs demo stress and reads its JSON report.
func stressed(t *testing.T, args string) stressReport {
	t.Helper()
	r := stressWith(t, nil, args+" --report json")
	require.Equal(t, exitOK, r.code, "%s %s", r.stdout, r.stderr)
	var report stressReport
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	return report
}

var stressSources = []string{"sqs", "fifo", "kinesis", "dynamodb", "kafka"}

// SPEC E9 and section 7: ten seeds on every source, with every fault.
func TestStressPassesWithTenSeedsOnEverySource(t *testing.T) {
	for _, source := range stressSources {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			for seed := range 10 {
				r := stressed(t, fmt.Sprintf("--source %s --records 400 --groups 40 --seed %d --fail 0.06 --panic 0.02 --exit 0.02 --hang 0.004", source, seed))
				assert.Equal(t, "pass", r.Verdict, "seed %d: %v", seed, r.Violations)
				assert.True(t, r.Drained)
				assert.Equal(t, []int{400, 400, 0}, []int{r.Records, r.Succeeded + r.DeadLettered + r.Discarded - r.InVain, r.Remaining}, "seed %d", seed)
				// It was put to the test.
				assert.Positive(t, min(r.Faults.Fail, r.Faults.Panic, r.Faults.Exit), "seed %d", seed)
				assert.Greater(t, r.Redelivered, 20, "seed %d", seed)
				assert.Greater(t, r.AtOnce, 1, "seed %d", seed)
				assert.Equal(t, int(r.Faults.Hang), r.Abandoned, "seed %d: every hang, and nothing else, is abandoned", seed)
			}
		})
	}
}

// A message that is being handled is not redelivered, however long its batch was gathered.
func TestStressMessagesStayHiddenWhileTheyAreHandled(t *testing.T) {
	for _, args := range []string{"--source sqs", "--source sqs --batch 90", "--source fifo"} {
		d := stressPage(t, args+" --records 1000 --seed 1 --fail 0.05 --hang 0.02")
		succeeded := map[string]int{}
		for _, row := range d.Sources[0].Rows {
			for _, b := range row.Bars {
				if b.Outcome == "ok" {
					succeeded[b.Record]++
				}
			}
		}
		for record, n := range succeeded {
			assert.Equal(t, 1, n, "%s: %s", args, record)
		}
	}
}

// The options that change what order is promised, with the verdict that goes by it.
func TestStressPassesWithEveryOptionOfTheProcessor(t *testing.T) {
	for _, args := range []string{
		"--policy continue", "--policy stop-batch", "--policy stop-group", "--unordered", "--concurrency 1", "--retry 2",
		"--record-timeout 300ms", "--reserve 100ms", "--error-when any", "--error-when never", "--timeout 5s", "--batch 3", "--groups 1",
		"--source kinesis --lowest-only", "--source dynamodb --batch 1000", "--source sqs --batch 200",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			r := stressed(t, args+" --records 400 --seed 1 --fail 0.06 --panic 0.02 --exit 0.02 --hang 0.004")
			assert.Equal(t, 400, r.Succeeded+r.DeadLettered+r.Discarded-r.InVain)
		})
	}
}

// A policy from the environment counts for what order is expected, too.
func TestStressExpectsWhatTheEnvironmentPromises(t *testing.T) {
	t.Setenv("POWERTOOLS_BATCH_ERROR_HANDLING_POLICY", "continueOnBatchItemFailure")
	r := execute(t, "", strings.Fields("stress --records 400 --seed 1 --report json --hang 0 --fail 0.2")...)
	require.Equal(t, exitOK, r.code, r.stdout)
	t.Setenv("POWERTOOLS_BATCH_PARALLEL_ENABLED", "maybe")
	r = execute(t, "", "stress")
	assert.Equal(t, exitUsage, r.code)
}

// SPEC 7: the verdict does not hold for a processor that is wrong, and the first violations are described.
func TestStressFailsAProcessorThatIsWrong(t *testing.T) {
	swallow := troupe.WithMiddleware(func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
		return func(ctx context.Context, rec troupe.Record) error { _ = next(ctx, rec); return nil }
	})
	for _, test := range []struct {
		name, source string
		wrong        troupe.Option
		want         string
	}{
		{"swallows failures", "sqs", swallow, "sqs: lost: record "},
		{"swallows failures", "fifo", swallow, "fifo: lost: record "},
		{"swallows failures", "kinesis", swallow, "kinesis: lost: record "},
		{"swallows failures", "dynamodb", swallow, "dynamodb: lost: record "},
		{"gives up order", "fifo", troupe.WithoutOrder(), "fifo: overlapped: two handlers of group "},
		{"gives up order", "kinesis", troupe.WithoutOrder(), "kinesis: overlapped: two handlers of group "},
		{"goes on after a failure", "fifo", troupe.WithPolicy(troupe.Continue), "fifo: disordered: record "},
		{"goes on after a failure", "dynamodb", troupe.WithPolicy(troupe.Continue), "dynamodb: disordered: record "},
	} {
		t.Run(test.name+", "+test.source, func(t *testing.T) {
			t.Parallel()
			broken := func(o *options) { o.stress.extra = []troupe.Option{test.wrong} }
			args := "--records 400 --groups 10 --seed 1 --fail 0.1 --source " + test.source
			text, object := stressWith(t, broken, args), stressWith(t, broken, args+" --report json")
			assert.Equal(t, exitError, text.code)
			assert.Equal(t, exitError, object.code)
			assert.Regexp(t, `^FAIL: [\d,]+ violations\n  - `, text.stdout)
			assert.Contains(t, text.stdout, "\n  - "+test.want)
			var report stressReport
			require.NoError(t, json.Unmarshal([]byte(object.stdout), &report))
			assert.Equal(t, "fail", report.Verdict)
			assert.Contains(t, strings.Join(report.Violations, "\n"), test.want)
			assert.GreaterOrEqual(t, report.Count, len(report.Violations))
		})
	}
}

// SPEC 7: a report that a person reads in ten seconds. In virtual time and one thing at a time it is the same
// to the byte, so the same seed does the same.
func TestStressReportForPeople(t *testing.T) {
	const args = "--records 800 --groups 60 --seed 7 --concurrency 1"
	r := stressWith(t, nil, args)
	require.Equal(t, exitOK, r.code)
	golden(t, "stress.txt", r.stdout)
	again := stressWith(t, nil, args)
	assert.Equal(t, r.stdout, again.stdout)
	assert.Equal(t, "demo: seed 7\n", r.stderr)

	one := stressWith(t, nil, args+" --source fifo --fail 1")
	golden(t, "stress-fifo.txt", one.stdout)
}

// Whatever the width of the terminal, no line of the report is longer, but the numbers are all there.
func TestReportsFitTheTerminal(t *testing.T) {
	r := summaryOf(t, "--records 400 --groups 30 --seed 7 --fail 0.5")
	whole := r.text(0)
	for _, width := range []int{40, 60, 80, widestText} {
		text := r.text(width)
		for line := range strings.Lines(text) {
			assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), width, line)
		}
		for _, word := range strings.Fields(whole) {
			if !strings.HasPrefix(word, "█") {
				assert.Contains(t, text, word)
			}
		}
	}
	o, err := parse("demo", "demo", strings.Fields("plan --rate 500 --work 200ms"), environment(nil))
	require.NoError(t, err)
	for line := range strings.Lines(textPlan(o.planned.answer, 60)) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 60, line)
	}
}

// The report claims no more of order than was expected.
func TestStressTellsWhatOrderWasExpected(t *testing.T) {
	for args, want := range map[string]string{
		"":                  "PASS: nothing lost, order kept, every response valid and in time\n",
		"--policy continue": "PASS: nothing lost, started in order, every response valid and in time\n",
		"--unordered":       "PASS: nothing lost, every response valid and in time\n",
		"--source sqs":      "PASS: nothing lost, every response valid and in time\n",
	} {
		first, _, _ := strings.Cut(stressWith(t, nil, args+" --records 40 --seed 1").stdout, "\n")
		assert.Equal(t, want, first+"\n", args)
	}
}

// SPEC 7: --report json is exactly one object, with at least these keys.
func TestStressReportAsJSON(t *testing.T) {
	r := stressWith(t, nil, "--records 100 --seed 18446744073709551615 --report json")
	require.Equal(t, exitOK, r.code)
	decoder := json.NewDecoder(strings.NewReader(r.stdout))
	decoder.UseNumber()
	var object map[string]any
	require.NoError(t, decoder.Decode(&object))
	assert.False(t, decoder.More())
	for _, key := range []string{"verdict", "violations", "records", "handled", "redelivered", "dead_lettered", "records_per_s", "latency_ms", "seed", "sources"} {
		assert.Contains(t, object, key)
	}
	assert.Equal(t, "pass", object["verdict"])
	assert.Equal(t, []any{}, object["violations"], "an empty list, not null")
	assert.Equal(t, json.Number("100"), object["records"])
	assert.Equal(t, json.Number("18446744073709551615"), object["seed"])
	assert.ElementsMatch(t, []string{"p50", "p95", "p99", "max"}, slices.Collect(maps.Keys(object["latency_ms"].(map[string]any))))
	names := []any{}
	for _, source := range object["sources"].([]any) {
		names = append(names, source.(map[string]any)["source"])
	}
	assert.Equal(t, []any{"sqs", "fifo", "kinesis", "dynamodb", "kafka"}, names)
}

// The totals are those of the sources, and the numbers agree with each other.
func TestStressNumbersAddUp(t *testing.T) {
	r := stressed(t, "--records 1003 --seed 5 --retry 1")
	var sum sourceReport
	for _, s := range r.Sources {
		sum.Records, sum.Handled, sum.Redelivered, sum.DeadLettered = sum.Records+s.Records, sum.Handled+s.Handled, sum.Redelivered+s.Redelivered, sum.DeadLettered+s.DeadLettered
		assert.Equal(t, s.Records, s.Succeeded+s.DeadLettered+s.Discarded-s.InVain, s.Source)
		assert.Zero(t, s.Ahead, "all sources are empty")
		assert.Equal(t, s.Deliveries, s.Records+s.Redelivered, s.Source)
		assert.LessOrEqual(t, s.Latency.P50, s.Latency.P95)
		assert.LessOrEqual(t, s.Latency.P95, s.Latency.P99)
		assert.LessOrEqual(t, s.Latency.P99, s.Latency.Max)
		assert.InEpsilon(t, float64(s.Succeeded)/s.Elapsed, s.PerSecond, 0.01, s.Source)
	}
	assert.Equal(t, 1003, sum.Records)
	assert.Equal(t, []int{sum.Records, sum.Handled, sum.Redelivered, sum.DeadLettered}, []int{r.Records, r.Handled, r.Redelivered, r.DeadLettered})
	assert.Equal(t, 201, r.Sources[0].Records, "the odd ones go to the first sources")
	assert.Equal(t, 200, r.Sources[4].Records)
}

// Where a run ends at its limit, records have succeeded that their source is not done with: they count once.
func TestStressNumbersAddUpWhereTheSourcesAreNotEmpty(t *testing.T) {
	ahead := 0
	for _, source := range stressSources {
		r := stressed(t, "--duration 2s --seed 3 --fail 0.2 --work 20ms --source "+source)
		assert.False(t, r.Drained)
		assert.Equal(t, r.Records, r.Succeeded+r.DeadLettered+r.Discarded-r.InVain+r.Remaining-r.Ahead, source)
		assert.LessOrEqual(t, r.Ahead, r.Remaining)
		ahead += r.Ahead
	}
	assert.Greater(t, ahead, 100, "it was put to the test")

	text := stressWith(t, nil, "--duration 2s --seed 3 --fail 0.2 --work 20ms").stdout
	assert.Regexp(t, `ended +at its limit; [\d,]+ records left in the sources, of which [\d,]+ had succeeded\n`, text)
	rows := regexp.MustCompile(`(?m)^ +(?:sqs|fifo|kinesis|dynamodb|kafka|total) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) `).FindAllStringSubmatch(text, -1)
	require.Len(t, rows, 6)
	for _, row := range rows {
		var n [4]int
		for i, field := range row[1:] {
			var err error
			n[i], err = strconv.Atoi(strings.ReplaceAll(field, ",", ""))
			require.NoError(t, err)
		}
		assert.Equal(t, n[0], n[1]+n[2]+n[3], "sent, succeeded, given up, left: %s", row[0])
	}
}

// What looks like a fault and is none is explained where it is, and nowhere else.
func TestStressExplainsItsNumbers(t *testing.T) {
	const dead, discarded, redelivered = "\n  dead-lettered  moved to the dead-letter queue after 3 receives", "\n  discarded    sent to the on-failure destination after 10 retries", "a stream or topic resumes at the lowest failure"
	for args, want := range map[string][]string{
		"--source sqs":                 nil,
		"--source sqs --fail 1":        {dead},
		"--source fifo --fail 1":       {dead},
		"--source kafka --fail 0.2":    {redelivered},
		"--source kinesis --fail 0":    nil,
		"--source dynamodb --fail 0.9": {discarded, redelivered},
	} {
		text := stressWith(t, nil, args+" --records 100 --seed 1").stdout
		for _, words := range []string{dead, discarded, redelivered} {
			assert.Equal(t, slices.Contains(want, words), strings.Contains(text, words), "%s: %q in\n%s", args, words, text)
		}
	}
	d := stressPage(t, "--records 400 --seed 1 --fail 0.5")
	require.Len(t, d.Words, 3)
	assert.Equal(t, "discarded", d.Words[1].Label)
}

// The command lines in what is printed can be typed as they stand.
func TestCommandLinesNameTheProgramAsItWasCalled(t *testing.T) {
	o, err := parse("demo", "bin/demo", strings.Fields("stress --records 5 --seed 1"), environment(nil))
	require.NoError(t, err)
	assert.Equal(t, "bin/demo stress --records 5 --seed 1", o.stress.repeat)
	for _, args := range []string{"--help", "stress --help", "serve --help", "plan --help", "no-command"} {
		_, err := parse("demo", "bin/demo", strings.Fields(args), environment(nil))
		text := err.Error()
		if asked, ok := errors.AsType[helpRequest](err); ok {
			text = help("demo", asked.program, asked.command, helpWidth)
		}
		assert.Contains(t, text, "bin/demo ", args)
		assert.NotContains(t, text, "PROGRAM", args)
		assert.NotRegexp(t, `(?m)^  demo `, text, args)
		assert.NotContains(t, text, "jq", "Go and make are all that is needed")
	}
}

// SPEC 7: what happens to a record at an attempt is drawn from the seed, its identifier and the attempt.
func TestStressSeedsRepeatTheirFaults(t *testing.T) {
	faults := func(args string) map[string]string {
		var mu sync.Mutex
		seen := map[string]string{}
		r := stressWith(t, func(o *options) {
			o.stress.heard = func(id string, delivery, attempt int, do string) {
				mu.Lock()
				defer mu.Unlock()
				seen[fmt.Sprint(id, " ", delivery, " ", attempt)] = do
			}
		}, args+" --records 400 --fail 0.2 --panic 0.1 --exit 0.1 --hang 0.01 --retry 1")
		require.Equal(t, exitOK, r.code, r.stdout)
		return seen
	}
	same, differ := func(a, b map[string]string) (same, differ int) {
		for attempt, do := range a {
			switch other, ok := b[attempt]; {
			case ok && other == do:
				same++
			case ok:
				differ++
			}
		}
		return same, differ
	}, 0
	one := faults("--seed 1 --concurrency 1")
	n, differ := same(one, faults("--seed 1 --concurrency 16 --batch 5"))
	assert.Zero(t, differ)
	assert.Greater(t, n, 400)
	_, differ = same(one, faults("--seed 2"))
	assert.Greater(t, differ, 100, "another seed has other faults")
	kinds := map[string]int{}
	for _, do := range one {
		kinds[do]++
	}
	assert.Len(t, kinds, 5)
}

// An attempt in place has a draw of its own, or it would fail as the one before did.
func TestStressDrawsAnewForEachAttempt(t *testing.T) {
	s := script{seed: 1, faults: faults{fail: 0.5}}
	differ := 0
	for i := range 100 {
		id := fmt.Sprint(i)
		if s.directive(id, 1, 1).do != s.directive(id, 1, 2).do {
			differ++
		}
	}
	assert.InDelta(t, 50, differ, 25)
}

// The faults come as often as they were asked for, and the work takes as long on average.
func TestStressFaultsComeAsOftenAsAskedFor(t *testing.T) {
	s := script{seed: 3, faults: faults{fail: 0.1, panic: 0.2, exit: 0.3, hang: 0.15}, work: time.Millisecond}
	kinds, work := map[string]int{}, time.Duration(0)
	const n = 20_000
	for i := range n {
		d := s.directive(fmt.Sprint("id-", i), 1, 1)
		kinds[d.do]++
		work += d.work
	}
	for do, want := range map[string]float64{doFail: 0.1, doPanic: 0.2, doExit: 0.3, doHang: 0.15, doOK: 0.25} {
		assert.InDelta(t, want, float64(kinds[do])/n, 0.02, do)
	}
	assert.InDelta(t, time.Millisecond, work/n, float64(20*time.Microsecond))
}

// SPEC 7: the first limit reached ends it. What is left is not lost.
func TestStressEndsAtTheFirstLimit(t *testing.T) {
	for _, test := range []struct {
		args     string
		duration time.Duration // at most
		ended    func(stressReport) bool
	}{
		{"--records 60", time.Minute, func(r stressReport) bool { return r.Drained && r.Records == 60 }},
		{"--records 2", time.Minute, func(r stressReport) bool { return r.Drained && r.Records == 2 && len(r.Sources) == 2 }},
		{"--records 0 --duration 2s", 4 * time.Second, func(r stressReport) bool { return !r.Drained && r.Records > 1_000 && r.Elapsed >= 2 }},
		{"--duration 2s", 4 * time.Second, func(r stressReport) bool { return !r.Drained && r.Records > 1_000 && r.Remaining > 0 }},
		{"--duration 10s --records 40", 10 * time.Second, func(r stressReport) bool { return r.Drained && r.Records == 40 }},
		{"--invocations 10", 10 * time.Second, func(r stressReport) bool { return !r.Drained && r.Invocations == 10 && len(r.Sources) == 5 }},
		{"--invocations 1", 10 * time.Second, func(r stressReport) bool { return !r.Drained && r.Invocations == 1 && len(r.Sources) == 1 }},
		{"--invocations 7 --source kinesis", 10 * time.Second, func(r stressReport) bool { return !r.Drained && r.Invocations == 7 }},
		{"--invocations 1000 --records 40", time.Minute, func(r stressReport) bool { return r.Drained && r.Records == 40 }},
	} {
		t.Run(test.args, func(t *testing.T) {
			r := stressWith(t, nil, test.args+" --work 100ms --seed 1 --report json")
			var report stressReport
			require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
			assert.Equal(t, exitOK, r.code)
			assert.True(t, test.ended(report), r.stdout)
			assert.LessOrEqual(t, r.took, test.duration)
		})
	}
}

// SPEC 7: a signal ends it cleanly with the report so far, exit 130.
func TestStressReportsWhatThereIsAfterASignal(t *testing.T) {
	r := stressUntil(t, 3*time.Second, nil, "--records 0 --seed 1 --source sqs --work 100ms")
	assert.Equal(t, exitInterrupted, r.code)
	assert.Contains(t, r.stdout, "PASS: ")
	assert.Regexp(t, `ended +by the signal; [\d,]+ records left`, r.stdout)
	assert.Contains(t, r.stderr, "demo: stopping; work in progress has up to 2s")
	assert.LessOrEqual(t, r.took, 5*time.Second)

	r = stressUntil(t, 3*time.Second, nil, "--records 0 --seed 1 --source fifo --work 100ms --report json")
	var report stressReport
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	assert.True(t, report.Stopped)
	assert.Positive(t, report.Succeeded)
}

// SPEC 7: exit code 2 with a clear error, before anything runs.
func TestStressRefusesWhatCannotBe(t *testing.T) {
	folder := t.TempDir()
	for args, want := range map[string]string{
		"--nope":                      "stress: there is no flag --nope; see demo stress --help",
		"--trace":                     "stress: there is no flag --trace",
		"extra":                       `unexpected argument "extra"`,
		"--source s3":                 "--source s3: must be one of sqs, fifo, kinesis, dynamodb, kafka, all",
		"--report none":               "--report none: must be one of text, json",
		"--records -1":                "--records -1: must be a whole number of at least 0",
		"--records many":              "--records many: must be a whole number",
		"--groups 0":                  "--groups 0: must be a whole number of at least 1",
		"--invocations -5":            "--invocations -5: must be a whole number of at least 0",
		"--duration -1s":              "--duration -1s: must be a duration of at least 0",
		"--duration 5":                "--duration 5: must be a duration such as 500ms, 2s or 1m30s",
		"--work -1ms":                 "--work -1ms: must be a duration of at least 0",
		"--seed -1":                   "--seed -1: must be a whole number of at least 0",
		"--batch 0":                   "--batch 0: must be from 1 to 10000 records",
		"--batch -1 --source fifo":    "--batch -1: must be from 1 to 10 records for --source fifo",
		"--batch 11 --source fifo":    "--batch 11: must be from 1 to 10 records for --source fifo",
		"--batch 11":                  "--batch 11: must be from 1 to 10 records for --source fifo",
		"--batch 10001 --source sqs":  "must be from 1 to 10000",
		"--fail -0.1":                 "--fail -0.1: must be a probability from 0 to 1",
		"--panic 1.1":                 "--panic 1.1: must be a probability from 0 to 1",
		"--exit NaN":                  "--exit NaN: must be a probability from 0 to 1",
		"--hang often":                "--hang often: must be a number",
		"--fail 0.5 --panic 0.6":      "--fail 0.5, --panic 0.6: together they must be at most 1, not 1.1",
		"--timeout 0":                 "--timeout 0: must be from 1s to 15m, the limits of a function's timeout",
		"--timeout 16m":               "--timeout 16m: must be from 1s to 15m",
		"--concurrency 0":             "stress: --concurrency 0: must be a whole number of at least 1",
		"--lowest-only":               "--lowest-only=true: must be used with --source kinesis, dynamodb or kafka",
		"--retry -1":                  "--retry -1: must be a whole number of at least 0",
		"--html " + folder:            "is a directory",
		"--html " + folder + "/no/x":  "no such file or directory",
		"--html /dev/null/stress.htm": "not a directory",
	} {
		t.Run(args, func(t *testing.T) {
			r := execute(t, "", append([]string{"stress"}, strings.Fields(args)...)...)
			assert.Equal(t, exitUsage, r.code)
			assert.Empty(t, r.stdout)
			assert.Contains(t, r.stderr, want)
			assert.Equal(t, 1, strings.Count(r.stderr, "\n"), r.stderr)
			assert.Zero(t, r.took)
		})
	}
}

// What adds up to 1, but for what adding costs, is no error; one fault that is given puts out the others.
func TestStressProbabilities(t *testing.T) {
	parsed := func(args string) faults {
		o, err := parse("demo", "demo", strings.Fields("stress "+args), environment(nil))
		require.NoError(t, err)
		return o.stress.faults
	}
	assert.Equal(t, defaultFaults, parsed(""))
	assert.Equal(t, faults{fail: 1}, parsed("--fail 1"))
	assert.Equal(t, faults{hang: 0.5}, parsed("--hang 0.5"))
	assert.Equal(t, faults{}, parsed("--fail 0"))
	assert.Equal(t, faults{fail: 0.7, panic: 0.1, exit: 0.1, hang: 0.1}, parsed("--fail 0.7 --panic 0.1 --exit 0.1 --hang 0.1"))
}

// The defaults depend on what else is given; a variable counts as its flag does.
func TestStressCommandLine(t *testing.T) {
	for _, test := range []struct {
		args        string
		env         map[string]string
		records     int
		invocations int
		repeat      string
	}{
		{args: "", records: 4000, repeat: ""},
		{args: "stress", records: 4000, repeat: ""},
		{args: "--records 5", records: 5, repeat: " --records 5"},
		{args: "stress --duration 1m", records: 0, repeat: " --duration 1m0s"},
		{args: "stress --invocations 9", records: 0, invocations: 9, repeat: " --invocations 9"},
		{args: "stress --invocations 9 --records 7", records: 7, invocations: 9, repeat: " --records 7 --invocations 9"},
		{args: "--html x.html --report json --unordered --policy stop-batch", records: 4000, repeat: " --policy stop-batch --unordered=true"},
		{args: "", env: map[string]string{"TROUPE_DEMO_RECORDS": "8", "TROUPE_DEMO_FAIL": "0.5"}, records: 8, repeat: " --records 8 --fail 0.5"},
		{args: "--records 6", env: map[string]string{"TROUPE_DEMO_RECORDS": "8"}, records: 6, repeat: " --records 6"},
	} {
		args := strings.Fields(test.args)
		o, err := parse("demo", "demo", args, environment(test.env))
		require.NoError(t, err, test.args)
		assert.Equal(t, commandStress, o.command)
		assert.Equal(t, test.records, o.stress.records, test.args)
		assert.Equal(t, test.invocations, o.stress.invocations, test.args)
		assert.Equal(t, fmt.Sprintf("demo stress%s --seed %d", test.repeat, o.stress.seed), o.stress.repeat)
		again, err := parse("demo", "demo", strings.Fields(o.stress.repeat)[1:], environment(nil))
		require.NoError(t, err, o.stress.repeat)
		assert.Equal(t, o.stress.repeat, again.stress.repeat)
	}
	one, _ := parse("demo", "demo", nil, environment(nil))
	other, _ := parse("demo", "demo", nil, environment(nil))
	assert.NotEqual(t, one.stress.seed, other.stress.seed, "a new seed each time")
}

// SPEC 7: --html. The file is replaced as a whole, and the timelines are bounded.
func TestStressWritesAPage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stress.html")
	require.NoError(t, os.WriteFile(file, bytes.Repeat([]byte("old "), 1<<20), 0o600))
	r := stressWith(t, nil, "--records 100 --seed 1 --html "+file)
	assert.Equal(t, exitOK, r.code)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "old old")
	assert.Contains(t, string(text), "demo stress")

	r = stressWith(t, nil, "--records 100 --seed 1 --html /dev/full")
	assert.Equal(t, exitError, r.code)
	assert.Contains(t, r.stdout, "PASS")
	assert.Contains(t, r.stderr, "--html")
}

// stressPage runs demo stress and returns what its page would show.
func stressPage(t *testing.T, args string) (d page.Data) {
	t.Helper()
	return summaryOf(t, args).page()
}

// summaryOf runs demo stress in virtual time.
func summaryOf(t *testing.T, args string) (r *summary) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o, err := parse("demo", "demo", strings.Fields("stress "+args), environment(nil))
		require.NoError(t, err)
		gauge, began := new(tally.Gauge), time.Now()
		trials, err := newTrials(o, gauge)
		require.NoError(t, err)
		require.NoError(t, drive(t.Context(), 0, trials))
		r = newSummary(o, trials, gauge, began, false)
		time.Sleep(time.Hour)
	})
	return r
}

// What a page shows is what happened.
func TestStressCollectsThePage(t *testing.T) {
	d := stressPage(t, "--records 800 --seed 1")
	assert.Equal(t, []string{"demo stress", "demo stress --records 800 --seed 1", "nothing lost, order kept, every response valid and in time"},
		[]string{d.Title, d.Command, strings.Split(d.Headline, ";")[0]})
	assert.True(t, d.Passed)
	assert.Len(t, d.Facts, 5)
	for label, want := range map[string]string{"policy": "derive (by source)", "concurrency": "16", "faults": "fail 5 %, panic 2 %, exit 1 %, hang 0.05 %", "seed": "1", "date": "2000-01-01 00:00 UTC"} {
		assert.Contains(t, d.Run, page.Fact{Label: label, Value: want})
	}
	require.Len(t, d.Sources, 5)
	assert.Contains(t, d.Facts, page.Fact{Label: "records sent", Value: "800"})
	assert.Contains(t, d.Sources[2].Facts, page.Fact{Label: "records sent", Value: "160"})
	for _, s := range d.Sources {
		outcomes, rows := map[string]int{}, map[string]bool{}
		bars := 0
		for _, row := range s.Rows {
			assert.False(t, rows[row.Name], "a row a name")
			rows[row.Name] = true
			end := time.Duration(0)
			for _, b := range row.Bars {
				assert.GreaterOrEqual(t, b.Start, end, "%s: in %s one at a time", s.Name, row.Name)
				assert.GreaterOrEqual(t, b.End, b.Start)
				end = b.End
				outcomes[b.Outcome]++
				bars++
			}
		}
		handled, succeeded := 0, 0
		for i := range s.Handled {
			handled += s.Handled[i]
			succeeded += s.Succeeded[i]
		}
		assert.Equal(t, bars, handled, s.Name)
		assert.GreaterOrEqual(t, outcomes["ok"], succeeded, s.Name)
		assert.Zero(t, s.Omitted)
		assert.Subset(t, []string{"ok", "fail", "panic", "exit", "abandoned"}, slices.Collect(maps.Keys(outcomes)))
		inHistogram := 0
		for _, b := range s.Latency {
			inHistogram += b.Count
		}
		assert.Equal(t, succeeded, inHistogram, s.Name)
	}
	assert.Contains(t, d.Sources[0].Rows[0].Name, "lane 1")
	assert.Contains(t, d.Sources[1].Rows[0].Name, "group-")
}

// SPEC 7: a progress bar on a terminal, none in a pipe.
func TestStressDrawsABarOnATerminalOnly(t *testing.T) {
	for _, args := range []string{"--records 400", "--duration 1s --source sqs --work 50ms", "--invocations 50"} {
		for _, terminal := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				o, err := parse("demo", "demo", strings.Fields("stress --seed 1 "+args), environment(nil))
				require.NoError(t, err)
				var stdout, stderr lockedBuffer
				assert.Equal(t, exitOK, stress(t.Context(), o, terminal, &stdout, &stderr))
				assert.Equal(t, terminal, strings.Contains(stderr.String(), "\r"), "%s: %q", args, stderr.String())
				assert.NotContains(t, stdout.String(), "\r")
				time.Sleep(time.Hour)
			})
		}
	}
}

// What is at work at once goes by the machine, since a stress that starves its own timers tells nothing of troupe.
func TestStressGoesByTheMachine(t *testing.T) {
	assert.Equal(t, []int{16, 3, 2, 128}, []int{
		invocationsAtOnce(2, 1), invocationsAtOnce(2, 5), invocationsAtOnce(1, 5), invocationsAtOnce(16, 1),
	})
	o, err := parse("demo", "demo", []string{"stress"}, environment(nil))
	require.NoError(t, err)
	assert.Equal(t, invocationsAtOnce(runtime.GOMAXPROCS(0), len(stressSources)), o.stress.atOnce)
}
