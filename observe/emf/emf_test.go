package emf_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/observe/emf"
)

var update = flag.Bool("update", false, "write the golden files anew")

// event is an SQS event with a message of each body; the ids are m1, m2, …
func event(bodies ...string) []byte {
	records := make([]string, len(bodies))
	for i, body := range bodies {
		records[i] = fmt.Sprintf(`{"messageId":"m%d","eventSource":"aws:sqs","body":%q}`, i+1, body)
	}
	return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

// obey does what the message says.
func obey(ctx context.Context, msg events.SQSMessage) error {
	switch msg.Body {
	case "fail":
		return errors.New("failed as directed")
	case "fail once":
		if rec, _ := troupe.RecordFrom(ctx); rec.Attempt == 1 {
			return errors.New("failed once, as directed")
		}
	case "drop":
		return batch.Drop(errors.New("dropped as directed"))
	case "work":
		time.Sleep(1500 * time.Microsecond)
	case "hang":
		time.Sleep(time.Minute)
	}
	return nil
}

// SPEC I2, I6: a batch with duplicates or unrecorded completions has metrics of them, and no other has.
func TestDuplicatesAndUnrecordedCompletionsAreMetrics(t *testing.T) {
	var out bytes.Buffer
	p := troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		turn, _ := batch.TurnFrom(ctx)
		switch msg.Body {
		case "duplicate":
			turn.Mark(batch.Duplicate)
		case "unrecorded":
			turn.Mark(batch.Unrecorded)
		}
		return nil
	}, emf.Observe("Orders", emf.WithWriter(&out)))
	for _, c := range []struct {
		bodies                 []string
		duplicates, unrecorded any
	}{
		{[]string{"work"}, nil, nil},
		{[]string{"duplicate", "duplicate", "work"}, 2.0, 0.0},
		{[]string{"unrecorded"}, 0.0, 1.0},
	} {
		out.Reset()
		_, err := p.Invoke(t.Context(), event(c.bodies...))
		require.NoError(t, err)
		var line map[string]any
		require.NoError(t, json.Unmarshal(out.Bytes(), &line))
		assert.Equal(t, c.duplicates, line["Duplicates"])
		assert.Equal(t, c.unrecorded, line["Unrecorded"])
		assert.Equal(t, c.duplicates != nil, strings.Contains(out.String(), `{"Name":"Duplicates","Unit":"Count"},{"Name":"Unrecorded","Unit":"Count"}`))
	}
}

// The lines as they are, byte for byte: whoever has alarms on them goes by the names.
func TestALineIsAsItWas(t *testing.T) {
	for name, c := range map[string]struct {
		event   []byte
		options []troupe.Option
		emf     []emf.Option
	}{
		"success":        {event: event("ok", "work")},
		"empty":          {event: event()},
		"stopped":        {event: event("work", "fail", "ok", "ok"), options: []troupe.Option{troupe.WithPolicy(troupe.StopBatch), troupe.WithConcurrency(1)}},
		"of-everything":  {event: event("fail", "fail once", "drop", "hang"), options: []troupe.Option{troupe.WithRetry(troupe.Retry{Times: 1, Backoff: func(int) time.Duration { return time.Millisecond }}), troupe.WithRecordTimeout(time.Second)}},
		"all-failed":     {event: event("fail", "fail")}, // the invocation is an error
		"dimensions":     {event: event("ok"), emf: []emf.Option{emf.WithDimension("Stage", `<prod> & "more"`), emf.WithDimension("Team:a", "b")}},
		"dimension-sets": {event: event("ok"), emf: []emf.Option{emf.WithDimension("Stage", "prod"), emf.WithDimensionSets([]string{"Stage", "Source"}, nil)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-fn")
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := troupe.SQS(obey, append(c.options, troupe.WithLogger(slog.New(slog.DiscardHandler)), emf.Observe("Orders", append(c.emf, emf.WithWriter(&out))...))...)
				_, _ = p.Invoke(t.Context(), c.event)
				time.Sleep(time.Hour) // what hangs has returned then

				path := filepath.Join("testdata", name+".jsonl")
				if *update {
					require.NoError(t, os.WriteFile(path, out.Bytes(), 0o644))
				}
				want, err := os.ReadFile(path)
				require.NoError(t, err)
				assert.Equal(t, string(want), out.String())
				conform(t, out.Bytes())
			})
		})
	}
}

// conform checks a line by the rules of the specification and of the schema at its end:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func conform(t *testing.T, line []byte) {
	t.Helper()
	assert.Equal(t, 1, bytes.Count(line, []byte("\n")), "an event of the log is a line")
	assert.True(t, bytes.HasSuffix(line, []byte("\n")))
	assert.Less(t, len(line), 256<<10)

	var root map[string]any
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&root), "%s", line)
	meta, ok := root["_aws"].(map[string]any)
	require.True(t, ok, "the root has the metadata object")
	stamp, ok := meta["Timestamp"].(json.Number)
	require.True(t, ok)
	ms, err := stamp.Int64()
	require.NoError(t, err, "the timestamp is an integer")
	assert.WithinDuration(t, time.Now(), time.UnixMilli(ms), 2*time.Hour, "of milliseconds since 1970")
	assert.Len(t, meta, 2, "no further members")

	directives, ok := meta["CloudWatchMetrics"].([]any)
	require.True(t, ok)
	require.NotEmpty(t, directives)
	for _, d := range directives {
		directive := d.(map[string]any)
		assert.Len(t, directive, 3, "no further members")
		namespace := directive["Namespace"].(string)
		assert.True(t, len(namespace) >= 1 && len(namespace) <= 255)
		sets := directive["Dimensions"].([]any)
		assert.NotEmpty(t, sets)
		for _, s := range sets {
			set := s.([]any)
			assert.LessOrEqual(t, len(set), 30)
			for _, name := range set {
				value, ok := root[name.(string)].(string)
				assert.True(t, ok, "dimension %s has a string among the root's members", name)
				assert.True(t, len(value) >= 1 && len(value) <= 1024)
				assert.True(t, len(name.(string)) >= 1 && len(name.(string)) <= 255)
			}
		}
		definitions := directive["Metrics"].([]any)
		assert.True(t, len(definitions) >= 1 && len(definitions) <= 100)
		for _, m := range definitions {
			definition := m.(map[string]any)
			name := definition["Name"].(string)
			assert.True(t, len(name) >= 1 && len(name) <= 255)
			assert.Contains(t, []string{"Count", "Milliseconds"}, definition["Unit"], "of the schema's list")
			assert.Len(t, definition, 2, "no further members")
			_, ok := root[name].(json.Number)
			assert.True(t, ok, "metric %s has a number among the root's members", name)
		}
	}
}

func TestTheCheckOfTheFormatFindsWhatIsWrong(t *testing.T) {
	good := `{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["d"]],"Metrics":[{"Name":"m","Unit":"Count"}]}]},"d":"v","m":1}` + "\n"
	good = fmt.Sprintf(good, time.Now().UnixMilli())
	for _, change := range [][2]string{
		{"", ""}, {`"m":1`, `"m":"1"`}, {`"d":"v"`, `"d":1`}, {`"n"`, `""`}, {`"Count"`, `"count"`}, {`[["d"]]`, `[]`}, {"\n", ""}, {`,"m":1`, ``}, {`"Unit"`, `"unit"`},
	} {
		fake := &testing.T{}
		func() {
			done := make(chan struct{})
			go func() { defer close(done); conform(fake, []byte(strings.Replace(good, change[0], change[1], 1))) }()
			<-done
		}()
		assert.Equal(t, change[0] != "", fake.Failed(), "%q", change)
	}
}

// CloudWatch would drop what it does not allow and say so nowhere that one looks, so a function that
// initialises must not get as far.
func TestWhatCloudWatchWouldNotTakeIsRefusedAtConstruction(t *testing.T) {
	many := make([]string, 31)
	var all []emf.Option
	for i := range many {
		many[i] = fmt.Sprint("d", i)
		all = append(all, emf.WithDimension(many[i], "v"))
	}
	for _, c := range []struct {
		name, namespace string
		options         []emf.Option
		want            string
	}{
		{"no namespace", "", nil, "namespace"},
		{"spaces", "   ", nil, "namespace"},
		{"a long namespace", strings.Repeat("n", 256), nil, "256 bytes"},
		{"a colon first", ":n", nil, `":n"`},
		{"AWS's own", "AWS/Lambda", nil, "AWS/"},
		{"not ASCII", "Bestellungen für alle", nil, "allowed"},
		{"a line break", "a\nb", nil, `"a\nb"`},
		{"no writer", "n", []emf.Option{emf.WithWriter(nil)}, "nil"},
		{"no option", "n", []emf.Option{nil}, "option 1 is nil"},
		{"no name", "n", []emf.Option{emf.WithDimension("", "v")}, "name"},
		{"a blank name", "n", []emf.Option{emf.WithDimension(" ", "v")}, "name"},
		{"a long name", "n", []emf.Option{emf.WithDimension(strings.Repeat("d", 256), "v")}, "255"},
		{"a colon before a name", "n", []emf.Option{emf.WithDimension(":d", "v")}, "colon"},
		{"a name that is not ASCII", "n", []emf.Option{emf.WithDimension("größe", "v")}, "ASCII"},
		{"no value", "n", []emf.Option{emf.WithDimension("d", "")}, "value"},
		{"a long value", "n", []emf.Option{emf.WithDimension("d", strings.Repeat("v", 1025))}, "1024"},
		{"a control character", "n", []emf.Option{emf.WithDimension("d", "\x7f")}, "value"},
		{"a name twice", "n", []emf.Option{emf.WithDimension("d", "v"), emf.WithDimension("d", "w")}, "is already the name of a dimension"},
		{"the name of a metric", "n", []emf.Option{emf.WithDimension("Failed", "v")}, "is already the name of a metric"},
		{"the name of the metadata", "n", []emf.Option{emf.WithDimension("_aws", "v")}, "is reserved by the format"},
		{"the name of the source", "n", []emf.Option{emf.WithDimension("Source", "v")}, "is already the name of a dimension"},
		{"too many dimensions", "n", all, "at most 30"},
		{"a set of too many", "n", append(all[:len(all):len(all)], emf.WithDimensionSets(many)), "at most 30"},
		{"a set of something else", "n", []emf.Option{emf.WithDimensionSets([]string{"Stage"})}, `unknown dimension "Stage"; must be one of ["Source"]`},
		{"a set with a name twice", "n", []emf.Option{emf.WithDimensionSets([]string{"Source", "Source"})}, "only once"},
		{"no set", "n", []emf.Option{emf.WithDimensionSets()}, "at least one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				err, ok := recover().(error)
				require.True(t, ok, "the constructor panics with an error")
				assert.ErrorContains(t, err, c.want)
				assert.True(t, strings.HasPrefix(err.Error(), "troupe: emf"), err.Error())
				assert.Less(t, len(err.Error()), 600)
			}()
			emf.Observe(c.namespace, c.options...)
		})
	}
	for _, namespace := range []string{"n", strings.Repeat("n", 255), "a.b-c_d/e#f:g h", "AWSome/Orders"} {
		assert.NotPanics(t, func() { emf.Observe(namespace) }, namespace)
	}
	assert.NotPanics(t, func() {
		emf.Observe("n", append(all[:len(all):len(all)], emf.WithDimensionSets(many[:30]), emf.WithDimension(strings.Repeat("d", 255), strings.Repeat("v", 1024)))...)
	})
}

// A name given in code must not be refused only where Lambda sets the variable.
func TestAFunctionNameInCodeBeatsTheVariable(t *testing.T) {
	for _, variable := range []string{"", "from-lambda"} {
		t.Setenv("AWS_LAMBDA_FUNCTION_NAME", variable)
		for _, given := range []string{"", "from-code"} {
			var out bytes.Buffer
			options := []emf.Option{emf.WithWriter(&out)}
			want := variable
			if given != "" {
				options, want = append(options, emf.WithDimension("FunctionName", given)), given
			}
			p := troupe.SQS(obey, emf.Observe("n", options...))
			_, err := p.Invoke(context.Background(), event())
			require.NoError(t, err)
			var line map[string]any
			require.NoError(t, json.Unmarshal(out.Bytes(), &line))
			got, _ := line["FunctionName"].(string)
			assert.Equal(t, want, got)
			conform(t, out.Bytes())
		}
	}
}

// writes keeps what each call of Write was given.
type writes struct {
	busy  sync.Mutex
	calls []string
	err   error
}

func (w *writes) Write(p []byte) (int, error) {
	if !w.busy.TryLock() {
		return 0, errors.New("two calls at once")
	}
	defer w.busy.Unlock()
	time.Sleep(time.Microsecond)
	w.calls = append(w.calls, string(p))
	return len(p), w.err
}

// aws-lambda-go runs several loops where it is configured to: invocations of one processor overlap.
func TestOverlappingInvocationsWriteALineEach(t *testing.T) {
	var out writes
	observe := emf.Observe("Orders", emf.WithWriter(&out))
	one, two := troupe.SQS(obey, observe, troupe.WithLogger(slog.New(slog.DiscardHandler))), troupe.SQS(obey, observe, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			p := one
			if i%2 == 0 {
				p = two
			}
			_, err := p.Invoke(context.Background(), event("ok", "fail", "ok"))
			assert.NoError(t, err)
		})
	}
	all.Wait()
	require.Len(t, out.calls, 100)
	for _, line := range out.calls {
		assert.Contains(t, line, `"Processed":3,"Failed":1,`)
		conform(t, []byte(line))
	}
}

// A batch is none the worse for a writer that fails, and the log is not flooded.
func TestAWriterThatFailsIsToldOfOnce(t *testing.T) {
	var text bytes.Buffer
	was := slog.Default()
	defer slog.SetDefault(was)
	slog.SetDefault(slog.New(slog.NewTextHandler(&text, nil)))

	out := writes{err: errors.New("no space left")}
	p := troupe.SQS(obey, emf.Observe("Orders", emf.WithWriter(&out)))
	for range 3 {
		response, err := p.Invoke(context.Background(), event("ok"))
		require.NoError(t, err)
		assert.Equal(t, `{"batchItemFailures":[]}`, string(response))
	}
	assert.Len(t, out.calls, 3, "it is tried again each time")
	assert.Equal(t, 1, strings.Count(text.String(), "\n"), text.String())
	assert.Contains(t, text.String(), "no space left")
}

// No event, no report; Lambda's Errors metric has it.
func TestARefusedEventMakesNoLine(t *testing.T) {
	var out writes
	_, err := troupe.SQS(obey, emf.Observe("Orders", emf.WithWriter(&out))).Invoke(context.Background(), []byte(`{}`))
	require.ErrorIs(t, err, troupe.ErrEvent)
	assert.Empty(t, out.calls)
}

// SPEC S9: a line has numbers and dimensions, nothing of records.
func TestALineTellsNothingOfRecords(t *testing.T) {
	var out bytes.Buffer
	p := troupe.SQS(func(context.Context, events.SQSMessage) error { return errors.New("s3cr3t") },
		troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithErrorWhen(troupe.ErrorWhenNever), emf.Observe("Orders", emf.WithWriter(&out)),
		troupe.WithGroup(func(events.SQSMessage) string { return "s3cr3t" }))
	_, err := p.Invoke(context.Background(), event("s3cr3t", "s3cr3t"))
	require.NoError(t, err)
	assert.NotEmpty(t, out.String())
	assert.NotContains(t, out.String(), "s3cr3t")
	assert.NotContains(t, out.String(), "m1")
}
