package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// Seeds on every source behind a pipe, with every fault.
func TestStressPassesBehindAPipe(t *testing.T) {
	for _, source := range stressSources[:4] {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			for seed := range 5 {
				r := stressed(t, fmt.Sprintf("--pipe --source %s --records 400 --groups 40 --seed %d --fail 0.06 --panic 0.02 --exit 0.02 --hang 0.004", source, seed))
				assert.Equal(t, "pass", r.Verdict, "seed %d: %v", seed, r.Violations)
				assert.True(t, r.Drained)
				assert.Equal(t, 400, r.Succeeded+r.DeadLettered+r.Discarded-r.InVain, "seed %d", seed)
				assert.Greater(t, r.Redelivered, 20, "seed %d", seed)
			}
		})
	}
}

// What had succeeded is not delivered again behind a pipe, and is behind a mapping.
func TestStressDeliversLessAgainBehindAPipe(t *testing.T) {
	const args = "--source kinesis --records 400 --groups 100 --seed 1 --fail 0.05"
	pipe, mapping := stressed(t, "--pipe "+args), stressed(t, args)
	assert.Less(t, pipe.Redelivered, mapping.Redelivered)
	assert.NotContains(t, stressWith(t, nil, "--pipe "+args).stdout, "resumes at the lowest failure")
	assert.Contains(t, stressWith(t, nil, args).stdout, "resumes at the lowest failure")
}

// --pipe goes together with the other options.
func TestStressPassesBehindAPipeWithOptions(t *testing.T) {
	for _, args := range []string{"--policy continue", "--policy stop-batch", "--unordered", "--retry 2", "--error-when never", "--idempotent --kill 0.01 --hang 0.01", "--source dynamodb --lowest-only", "--source sqs --batch 100"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			r := stressed(t, "--pipe --records 400 --seed 2 --fail 0.06 "+args)
			assert.Equal(t, 400, r.Succeeded+r.DeadLettered+r.Discarded-r.InVain)
			for _, s := range r.Sources {
				assert.NotEqual(t, "kafka", s.Source)
			}
		})
	}
	_, err := parse("demo", "demo", strings.Fields("stress --pipe --source kafka"), environment(nil))
	assert.ErrorContains(t, err, "--source kafka: must be another source with --pipe, since AWS documents no partial responses for Kafka in pipes")
}

// The verdict does not hold for a processor that leaves the rest of a stopped group unreported, which is right for a mapping
// alone.
func TestStressBehindAPipeFailsAProcessorThatIsWrong(t *testing.T) {
	swallow := troupe.WithMiddleware(func(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
		return func(ctx context.Context, rec troupe.Record) error { _ = next(ctx, rec); return nil }
	})
	for source, wrong := range map[string]troupe.Option{"kinesis": troupe.WithPolicy(troupe.Continue), "dynamodb": swallow} {
		r := stressWith(t, func(o *options) { o.stress.extra = []troupe.Option{wrong} }, "--pipe --records 400 --groups 10 --seed 1 --fail 0.1 --source "+source)
		assert.Equal(t, exitError, r.code, source)
		assert.Regexp(t, "- "+source+": (disordered|lost): record ", r.stdout)
	}
}

// asPipe is a sample event as a pipe would send it.
func asPipe(t *testing.T, name string) string {
	data, err := os.ReadFile(samples + "/" + name)
	require.NoError(t, err)
	var event struct{ Records []map[string]any }
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&event))
	for _, r := range event.Records {
		if inner, ok := r["kinesis"].(map[string]any); ok {
			for key, value := range inner {
				r[key] = value
			}
			delete(r, "kinesis")
		}
	}
	array, err := json.Marshal(event.Records)
	require.NoError(t, err)
	return string(array)
}

// demo invoke takes the arrays of pipes: the same records fail as in the event of a mapping, by the identifiers of a pipe.
func TestInvokeTakesTheArrayOfAPipe(t *testing.T) {
	type item struct{ ItemIdentifier string }
	failed := func(r result) (ids []string) {
		require.Equal(t, exitOK, r.code, r.stderr)
		var response struct{ BatchItemFailures []item }
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &response))
		for _, i := range response.BatchItemFailures {
			ids = append(ids, i.ItemIdentifier)
		}
		return ids
	}
	for _, name := range []string{"sqs", "fifo", "kinesis", "dynamodb"} {
		array := asPipe(t, name+".json")
		var records []map[string]any
		require.NoError(t, json.Unmarshal([]byte(array), &records))
		pipeID := map[string]string{} // by the identifier of a mapping
		for _, r := range records {
			switch name {
			case "kinesis":
				pipeID[r["sequenceNumber"].(string)] = r["eventID"].(string)
			case "dynamodb":
				pipeID[r["dynamodb"].(map[string]any)["SequenceNumber"].(string)] = r["eventID"].(string)
			default:
				pipeID[r["messageId"].(string)] = r["messageId"].(string)
			}
		}
		var want []string
		for _, id := range failed(execute(t, "", "invoke", samples+"/"+name+".json")) {
			want = append(want, pipeID[id])
		}
		require.NotEmpty(t, want, name)
		assert.Equal(t, want, failed(execute(t, array, "invoke", "-")), name)
		source := strings.Replace(name, "fifo", "sqs", 1)
		assert.Equal(t, want, failed(execute(t, array, "invoke", "--source", source, "-")), name)
	}
}

// What is no array of a pipe is refused, with what is wrong with it.
func TestInvokeRefusesArraysThatAreNoneOfAPipe(t *testing.T) {
	kinesis := asPipe(t, "kinesis.json")
	last := strings.LastIndex(kinesis, `"aws:kinesis"`)
	for name, c := range map[string]struct{ array, want string }{
		"an element that is no object": {strings.Replace(asPipe(t, "sqs.json"), "[{", "[1,{", 1), "number"},
		"without eventID":              {strings.Replace(kinesis, `"eventID"`, `"event"`, 1), "eventID"},
		"mixed sources":                {kinesis[:last] + `"aws:sqs"` + kinesis[last+len(`"aws:kinesis"`):], "aws:sqs"},
	} {
		r := execute(t, c.array, "invoke", "-")
		assert.Equal(t, exitError, r.code, name)
		assert.Contains(t, r.stderr, c.want, name)
	}
}
