package main

import (
	"strings"
	"testing"
)

func environment(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

func TestCommandLine(t *testing.T) {
	for _, test := range []struct {
		args string
		env  map[string]string
		want options // without the processor's
	}{
		{args: "invoke f.json", want: options{command: "invoke", source: "auto", file: "f.json", timeout: defaultTimeout, report: "text"}},
		{args: "invoke -", want: options{command: "invoke", source: "auto", file: "-", timeout: defaultTimeout, report: "text"}},
		{args: "invoke --trace --report=json --source kinesis --timeout 0 -",
			want: options{command: "invoke", source: "kinesis", file: "-", report: "json", trace: true}},
		{args: "invoke f.json --timeout 1m", want: options{command: "invoke", source: "auto", file: "f.json", timeout: 2 * defaultTimeout, report: "text"}},
		{args: "invoke -- --odd-name", want: options{command: "invoke", source: "auto", file: "--odd-name", timeout: defaultTimeout, report: "text"}},
		{args: "invoke -", env: map[string]string{"TROUPE_DEMO_REPORT": "none", "TROUPE_DEMO_TRACE": "true", "TROUPE_DEMO_TIMEOUT": ""},
			want: options{command: "invoke", source: "auto", file: "-", timeout: defaultTimeout, report: "none", trace: true}},
		{args: "invoke --report json --trace=false -", env: map[string]string{"TROUPE_DEMO_REPORT": "none", "TROUPE_DEMO_TRACE": "true"},
			want: options{command: "invoke", source: "auto", file: "-", timeout: defaultTimeout, report: "json"}},
		{args: "serve", want: options{command: "serve", source: "auto", report: "text"}},
		{args: "serve --source sqs --timeout 30s", want: options{command: "serve", source: "sqs", timeout: defaultTimeout, report: "text"}},
		{args: "serve", env: map[string]string{"TROUPE_DEMO_TIMEOUT": "30s"}, want: options{command: "serve", source: "auto", timeout: defaultTimeout, report: "text"}},
		// Lambda starts a function's program without arguments.
		{args: "", env: map[string]string{runtimeAPI: "127.0.0.1:9001"}, want: options{command: "serve", source: "auto", report: "text"}},
	} {
		got, err := parse("demo", strings.Fields(test.args), environment(test.env))
		if err != nil {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		if len(got.processor) > 0 {
			t.Errorf("%q: %d options for the processor without a flag for one", test.args, len(got.processor))
		}
		got.processor = nil
		if got.command != test.want.command || got.source != test.want.source || got.file != test.want.file ||
			got.timeout != test.want.timeout || got.report != test.want.report || got.trace != test.want.trace {
			t.Errorf("%q: got %+v, want %+v", test.args, got, test.want)
		}
	}
}

// Whatever would beat a POWERTOOLS_… variable becomes an option only if it was set.
func TestOptionsOfTheProcessorAreThoseThatWereSet(t *testing.T) {
	for args, want := range map[string]int{
		"":                                    0,
		"--policy derive":                     1,
		"--concurrency 16":                    1,
		"--error-when all":                    1,
		"--reserve 1s --record-timeout 1s":    2,
		"--retry 2":                           1,
		"--retry 0":                           0,
		"--unordered --lowest-only":           2,
		"--unordered=false --lowest-only=0":   0,
		"--timeout 1s --report none --trace":  0,
		"--policy stop --policy continue":     1,
		"--concurrency 0 --reserve 0":         2, // for the library to refuse
		"--source sqs --retry -1 --reserve 0": 2,
	} {
		o, err := parse("demo", append(strings.Fields("invoke "+args), "-"), environment(nil))
		if err != nil || len(o.processor) != want {
			t.Errorf("%q: %d options, %v; want %d", args, len(o.processor), err, want)
		}
	}
	o, err := parse("demo", []string{"invoke", "-"}, environment(map[string]string{"TROUPE_DEMO_POLICY": "derive", "TROUPE_DEMO_RECORD_TIMEOUT": "1s"}))
	if err != nil || len(o.processor) != 2 {
		t.Errorf("from variables: %d options, %v; want 2", len(o.processor), err)
	}
}

// SPEC 7: exit code 2, told on standard error, and nothing on standard output.
func TestBadUsage(t *testing.T) {
	for _, test := range []struct {
		args, stdin string
		env         [2]string
		want        string // part of standard error
	}{
		{args: "invok x", want: `there is no command "invok"`},
		{args: "invoke", want: "one event file is needed, or - for standard input; 0 were given"},
		{args: "invoke a b", want: "2 were given"},
		{args: "invoke --nope -", want: "unknown flag: --nope"},
		{args: "invoke --policy sometimes -", want: "allowed are derive, continue, stop, stop-group"},
		{args: "invoke --error-when some -", want: "allowed are all, any, never"},
		{args: "invoke --report xml -", want: "allowed are text, json, none"},
		{args: "invoke --source s3 -", want: "allowed are auto, sqs, kinesis, dynamodb"},
		{args: "invoke --timeout -1s -", want: "--timeout -1s"},
		{args: "invoke --timeout 30 -", want: "--timeout"},
		{args: "invoke --concurrency many -", want: "--concurrency"},
		{args: "invoke --concurrency 0 -", want: "WithConcurrency(0): at least 1 is needed"},
		{args: "invoke --reserve 0 -", want: "WithReserve"},
		{args: "invoke --record-timeout -1s -", want: "WithRecordTimeout"},
		{args: "invoke --retry -1 -", want: "Times must be at least 1"},
		{args: "invoke --lowest-only --source sqs -", want: "WithLowestOnly is for streams"},
		{args: "invoke --lowest-only -", stdin: sqsEvent("x"), want: "WithLowestOnly is for streams"},
		{args: "invoke no-such-file.json", want: "no-such-file.json: no such file"},
		{args: "invoke .", want: "is a directory"},
		{args: "invoke -", env: [2]string{"TROUPE_DEMO_POLICY", "sometimes"}, want: "TROUPE_DEMO_POLICY"},
		{args: "invoke -", env: [2]string{"TROUPE_DEMO_CONCURRENCY", "0"}, want: "at least 1"},
		{args: "invoke -", env: [2]string{"POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM", "0"}, want: "POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM"},
		{args: "serve", want: "AWS_LAMBDA_RUNTIME_API is not set: serve is for Lambda, which sets it; to try an event here use demo invoke FILE"},
		{args: "serve event.json", want: `unexpected "event.json"`},
	} {
		t.Run(test.args+" "+test.env[0], func(t *testing.T) {
			if test.env[0] != "" {
				t.Setenv(test.env[0], test.env[1])
			}
			r := execute(t, test.stdin, strings.Fields(test.args)...)
			if r.code != exitUsage || r.stdout != "" || !strings.Contains(r.stderr, test.want) {
				t.Errorf("got %+v; want exit code 2 and %q", r, test.want)
			}
			if strings.Contains(r.stderr, "errorMessage") {
				t.Errorf("told as an invocation's error: %s", r.stderr)
			}
		})
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	for _, args := range []string{"--help", "-h", "help", "invoke --help", "serve -h", "stress --help", "--seed 1 --help"} {
		r := execute(t, "", strings.Fields(args)...)
		if r.code != exitOK || r.stderr != "" {
			t.Errorf("%s: exit code %d, standard error %q", args, r.code, r.stderr)
		}
		flags := []string{"source", "policy", "concurrency", "error-when", "timeout", "reserve", "record-timeout",
			"retry", "unordered", "lowest-only", "report"}
		if strings.HasPrefix(args, "stress") || strings.HasPrefix(args, "--seed") {
			flags = append(flags, "records", "groups", "batch", "fail", "panic", "exit", "hang", "work", "invocations", "duration", "seed", "html")
		} else {
			flags = append(flags, "trace")
		}
		for _, flag := range flags {
			if !strings.Contains(r.stdout, "--"+flag+" ") {
				t.Errorf("%s does not tell of --%s", args, flag)
			}
		}
	}
}
