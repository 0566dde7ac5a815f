package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The text, as a person gets it.
func TestPlanAsText(t *testing.T) {
	for name, args := range map[string]string{
		"sqs":       "--rate 500 --work 200ms --backlog 100000 --timeout 30s",
		"too-much":  "--rate 1000 --work 100ms --max-concurrency 5 --backlog 100000",
		"never":     "--rate 20000 --work 1s --concurrency 1",
		"tight":     "--rate 70 --work 500ms --max-concurrency 4",
		"fifo":      "--source fifo --groups 1000 --rate 400 --work 100ms --max-concurrency 10",
		"kinesis":   "--source kinesis --shards 4 --factor 2 --rate 2000 --work 20ms",
		"pollers":   "--rate 5000 --work 20ms --pollers 2:20 --size 2000",
		"kafka":     "--source kafka --shards 12 --rate 4000.5 --work 20ms",
		"a-backlog": "--backlog 1 --work 2s --overhead 0 --concurrency 1",
	} {
		t.Run(name, func(t *testing.T) {
			r := execute(t, "", append([]string{"plan"}, strings.Fields(args)...)...)
			require.Equal(t, exitOK, r.code, r.stderr)
			assert.Empty(t, r.stderr)
			text := "$ demo plan " + args + "\n" + r.stdout
			golden := filepath.Join("testdata", "plan", name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o777))
				require.NoError(t, os.WriteFile(golden, []byte(text), 0o666))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), text)
			for line := range strings.Lines(r.stdout) {
				assert.LessOrEqual(t, len([]rune(line)), 150)
			}
		})
	}
}

func TestPlanAsJSON(t *testing.T) {
	r := execute(t, "", strings.Fields("plan --rate 100 --work 500ms --max-concurrency 4 --backlog 50 --report json")...)
	require.Equal(t, exitOK, r.code, r.stderr)
	assert.Equal(t, 1, strings.Count(r.stdout, "\n"), "one object on a line")
	assert.JSONEq(t, `{
		"source": "sqs", "keeps_up": false, "tight": false, "utilisation": 1.275, "capacity_records_per_s": 78.431373,
		"environments": {"needed": 6, "in_use": 4, "sequential": 51, "sequential_in_use": 4},
		"full_batch": {"records": 10, "at_once": 10, "takes_s": 0.51},
		"usual_batch": {"records": 10, "at_once": 10, "takes_s": 0.51},
		"ramp_up_s": 0, "piled_up": 0,
		"drain": {"ends": false, "takes_s": null, "environments": 0, "batch": {"records": 10, "at_once": 10, "takes_s": 0.51}},
		"limits": [
			{"name": "MaximumConcurrency", "environments": 4, "records_per_s": 78.431373},
			{"name": "account concurrency", "environments": 1000, "records_per_s": 19607.843137},
			{"name": "invocations a second", "environments": null, "records_per_s": 100000},
			{"name": "messages in flight", "environments": 12000, "records_per_s": 235294.117647}
		],
		"changes": [{"flag": "max-concurrency", "to": "7"}, {"flag": "pollers", "to": "2:2"}],
		"notes": []
	}`, r.stdout)

	r = execute(t, "", strings.Fields("plan --backlog 50 --work 1s --report json")...)
	var j jsonPlan
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &j))
	assert.Nil(t, j.UsualBatch, "without a rate there is no usual batch")
	require.NotNil(t, j.Drain.Takes)
	assert.InDelta(t, 1.01, *j.Drain.Takes, 1e-9) // 5 batches, 5 environments
	assert.Contains(t, r.stdout, `"changes":[]`)
	assert.Contains(t, r.stdout, `"notes":[]`)

	r = execute(t, "", strings.Fields("plan --rate 50 --work 1s --report json")...)
	assert.Contains(t, r.stdout, `"drain":null`)
}

// What docs/scaling.md shows is what the tool says.
func TestTheOutputsInTheDocumentAreThoseOfTheTool(t *testing.T) {
	text, err := os.ReadFile("../../../docs/scaling.md")
	require.NoError(t, err)
	shown := regexp.MustCompile("(?s)```text\n\\$ demo (plan [^\n]+)\n\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, shown)
	require.Equal(t, len(shown), strings.Count(string(text), "$ demo "), "every one of them is compared")
	for _, example := range shown {
		assert.Equal(t, execute(t, "", strings.Fields(example[1])...).stdout, example[2], example[1])
	}
}

// Environments for full batches and for those there will be are counted apart, and so they are for a loop.
func TestPlanTellsNearlyEmptyBatchesFromFullOnes(t *testing.T) {
	for args, want := range map[string][]string{
		"--rate 500 --work 200ms": {
			"  environments  11 if batches were full; 105 as configured, on average, with batches of about 1 of 10 records\n",
			"  a plain loop  101 if batches were full; 105 as configured, on average\n",
			"--concurrency has no effect on a batch of one",
		},
		"--rate 500 --work 200ms --batch 100 --window 1s": {
			"  environments  8 needed, 7.05 in use on average, with batches of 100 records, which is full\n",
			"  a plain loop  101 needed, 100 in use on average, since it handles one record at a time\n",
		},
		"--rate 10000 --work 200ms --batch 100 --window 1s": {"  a plain loop  2,001 needed, and it does not keep up\n"},
	} {
		text := execute(t, "", append([]string{"plan"}, strings.Fields(args)...)...).stdout
		for _, words := range want {
			assert.Contains(t, text, words, args)
		}
		assert.Equal(t, strings.Contains(args, "window"), !strings.Contains(text, "nearly empty"), args)
	}
	assert.NotContains(t, execute(t, "", strings.Fields("plan --rate 5 --work 1s --concurrency 1")...).stdout, "plain loop")
}

// SPEC 7: exit code 2, told on standard error, and nothing on standard output.
func TestBadUsageOfPlan(t *testing.T) {
	for args, want := range map[string]string{
		"":                                            "neither --rate nor --backlog is given",
		"--rate 5":                                    "--work 0s: must be the time of the handler for one record",
		"--rate 0 --work 1s":                          "neither --rate nor --backlog is given",
		"--rate -5 --work 1s":                         "--rate -5: must be a number of records per second of at least 0",
		"--rate NaN --work 1s":                        "--rate NaN",
		"--rate many --work 1s":                       "--rate",
		"--rate 5 --work 5":                           "--work",
		"--rate 5 --work 1s --nope":                   "there is no flag --nope",
		"--rate 5 --work 1s file.json":                `unexpected argument "file.json"`,
		"--rate 5 --work 1s --source s3":              "must be one of sqs, fifo, kinesis, dynamodb, kafka",
		"--rate 5 --work 1s --report none":            "must be one of text, json",
		"--rate 5 --work 1s --batch 11":               "--batch 11: must be at most 10 without a --window of at least 1s",
		"--rate 5 --work 1s --batch 0":                "--batch 0: must be a whole number of at least 1",
		"--rate 5 --work 1s --window 301s":            "--window 5m1s: must be from 0s to 5m0s",
		"--rate 5 --work 1s --source fifo":            "--groups is not given",
		"--rate 5 --work 1s --source fifo --groups 0": "--groups 0: must be a whole number of at least 1",
		"--rate 5 --work 1s --source fifo --groups 2 --batch 11":  "--batch 11: must be from 1 to 10 for a FIFO queue",
		"--rate 5 --work 1s --source kinesis --factor 11":         "--factor 11: must be from 1 to 10",
		"--rate 5 --work 1s --source kinesis --pollers 2:3":       "must be used with a queue or kafka",
		"--rate 5 --work 1s --pollers 5":                          "--pollers 5: must be the minimum and the maximum, each at least 1, such as 2:200",
		"--rate 5 --work 1s --pollers 5:many":                     "--pollers 5:many: must be the minimum",
		"--rate 5 --work 1s --pollers 2:10001":                    "the maximum must be from 2 to 10000",
		"--rate 5 --work 1s --pollers 2:3 --max-concurrency 5":    "must not be used together",
		"--rate 5 --work 1s --max-concurrency 1":                  "--max-concurrency 1: must be from 2 to 1000",
		"--rate 5 --work 1s --timeout 16m --concurrency -1":       "--concurrency -1",
		"--rate 5 --work 1s --source kinesis --max-concurrency 5": "--max-concurrency 5: must be used with a queue",
	} {
		r := execute(t, "", append([]string{"plan"}, strings.Fields(args)...)...)
		assert.Equal(t, exitUsage, r.code, args)
		assert.Empty(t, r.stdout, args)
		assert.Contains(t, r.stderr, want, args)
		assert.True(t, strings.HasPrefix(r.stderr, "demo: plan: "), r.stderr)
	}
}

func TestNumbersAreWrittenAsPeopleDo(t *testing.T) {
	for want, x := range map[string]float64{
		"0": 0, "1": 1, "0.155": 0.1549, "12": 12, "12.3": 12.34, "99.5": 99.5, "120": 119.9, "1,000": 1000, "47,619": 47619.05,
		"1,234,567": 1234567.4, "999": 999.4, "less than 0.001": 0.00001,
	} {
		assert.Equal(t, want, plain(x))
	}
	assert.Equal(t, "less than 1", percent(0.0001))
	assert.Equal(t, "2,002", percent(20.02))
}
