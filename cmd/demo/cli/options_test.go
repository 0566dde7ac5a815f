package cli

import (
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
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
		got, err := parse("demo", "demo", strings.Fields(test.args), environment(test.env))
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
		"":                                      0,
		"--policy derive":                       1,
		"--concurrency 16":                      1,
		"--error-when all":                      1,
		"--reserve 1s --record-timeout 1s":      2,
		"--retry 2":                             1,
		"--retry 0":                             0,
		"--unordered --lowest-only":             2,
		"--unordered=false --lowest-only=0":     0,
		"--timeout 1s --report none --trace":    0,
		"--policy stop-batch --policy continue": 1,
	} {
		o, err := parse("demo", "demo", append(strings.Fields("invoke "+args), "-"), environment(nil))
		if err != nil || len(o.processor) != want {
			t.Errorf("%q: %d options, %v; want %d", args, len(o.processor), err, want)
		}
	}
	o, err := parse("demo", "demo", []string{"invoke", "-"}, environment(map[string]string{"TROUPE_DEMO_POLICY": "derive", "TROUPE_DEMO_RECORD_TIMEOUT": "1s"}))
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
		{args: "invoke", want: "invoke: 0 files given; must be one event file, or - for standard input; see demo invoke --help"},
		{args: "invoke a b", want: "2 files given"},
		{args: "invoke --nope -", want: "there is no flag --nope"},
		{args: "invoke --policy sometimes -", want: "--policy sometimes: must be one of derive, continue, stop-batch, stop-group"},
		{args: "invoke --error-when some -", want: "--error-when some: must be one of all, any, never"},
		{args: "invoke --report xml -", want: "--report xml: must be one of text, json, none"},
		{args: "invoke --source s3 -", want: "--source s3: must be one of auto, sqs, kinesis, dynamodb, kafka"},
		{args: "invoke --timeout -1s -", want: "--timeout -1s: must be at least 0"},
		{args: "invoke --timeout 30 -", want: "--timeout 30: must be a duration such as"},
		{args: "invoke --concurrency many -", want: "--concurrency many: must be a whole number"},
		{args: "invoke --concurrency 0 -", want: "invoke: --concurrency 0: must be a whole number of at least 1"},
		{args: "invoke --reserve 0 -", want: "--reserve 0: must be a duration longer than 0"},
		{args: "invoke --record-timeout -1s -", want: "--record-timeout -1s: must be a duration longer than 0"},
		{args: "invoke --retry -1 -", want: "--retry -1: must be a whole number of at least 0"},
		{args: "invoke --lowest-only --source sqs -", want: "--lowest-only=true: must be used with a stream or topic, not with --source sqs"},
		{args: "invoke --lowest-only -", stdin: sqsEvent("x"), want: "demo: --lowest-only=true is for streams"},
		{args: "invoke no-such-file.json", want: "no-such-file.json: no such file"},
		{args: "invoke .", want: "is a directory"},
		{args: "invoke -", env: [2]string{"TROUPE_DEMO_POLICY", "sometimes"}, want: "TROUPE_DEMO_POLICY=sometimes: must be one of"},
		{args: "invoke -", env: [2]string{"TROUPE_DEMO_CONCURRENCY", "0"}, want: "TROUPE_DEMO_CONCURRENCY=0: must be a whole number of at least 1"},
		{args: "invoke -", env: [2]string{"POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM", "0"}, want: "POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM"},
		{args: "serve", want: "AWS_LAMBDA_RUNTIME_API is not set; Lambda sets it when it starts the function. To run an event without Lambda, use demo invoke FILE"},
		{args: "serve event.json", want: `unexpected argument "event.json"`},
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

func TestHelpOfACommandNamesItsFlagsAndNoOthers(t *testing.T) {
	processor := []string{"source", "policy", "concurrency", "error-when", "timeout", "reserve", "record-timeout", "retry", "unordered", "lowest-only", "report"}
	flags := map[string][]string{
		"":            {},
		commandStress: append([]string{"records", "groups", "batch", "fail", "panic", "exit", "hang", "pipe", "idempotent", "kill", "store-fail", "backoff", "dead-letter-after", "work", "invocations", "duration", "seed", "html"}, processor...),
		commandInvoke: append([]string{"trace"}, processor...),
		commandServe:  append([]string{"trace"}, processor...),
		commandCheck:  {"format"},
		commandPlan: {"source", "rate", "backlog", "work", "overhead", "concurrency", "timeout", "size", "batch", "window",
			"groups", "shards", "factor", "max-concurrency", "pollers", "account", "report"},
	}
	for args, command := range map[string]string{
		"--help": "", "-h": "", "help": "",
		"invoke --help": commandInvoke, "help invoke": commandInvoke, "serve -h": commandServe, "plan --help": commandPlan, "check -h": commandCheck,
		"stress --help": commandStress, "--seed 1 --help": commandStress, "stress --records nonsense --help": "refused",
	} {
		r := execute(t, "", strings.Fields(args)...)
		if command == "refused" {
			assert.Equal(t, exitUsage, r.code, args)
			continue
		}
		assert.Equal(t, exitOK, r.code, args)
		assert.Empty(t, r.stderr, args)
		var found []string
		for _, match := range regexp.MustCompile(`(?m)^  --([a-z-]+)`).FindAllStringSubmatch(r.stdout, -1) {
			found = append(found, match[1])
		}
		assert.ElementsMatch(t, flags[command], found, args)
		if command == "" {
			for _, c := range commands {
				assert.Contains(t, r.stdout, "  "+c.name+" ", args)
			}
			continue
		}
		assert.Contains(t, r.stdout, "Usage: demo ", args)
		assert.Contains(t, r.stdout, command+" exits with ")
	}
}

// Whatever the width of the terminal, no line is longer, unless a single word is: a terminal would break it anywhere.
func TestHelpFitsTheTerminal(t *testing.T) {
	for _, width := range []int{40, 60, helpWidth, widestText} {
		for _, command := range append(commandNames(), "") {
			text := help("demo", "bin/demo", command, width)
			for line := range strings.Lines(text) {
				line = strings.TrimRight(line, "\n")
				if len(strings.Fields(line)) > 1 {
					assert.LessOrEqual(t, utf8.RuneCountInString(line), width, "%s at %d: %q", command, width, line)
				}
			}
			assert.Equal(t, strings.Fields(help("demo", "bin/demo", command, widestText)), strings.Fields(text), "no word is lost or cut")
		}
	}
}

func TestAMistypedNameIsSuggested(t *testing.T) {
	for args, want := range map[string]string{
		"strss":                       `there is no command "strss"; the commands are stress, invoke, plan, check and serve; did you mean stress?; see demo --help`,
		"invok f.json":                "did you mean invoke?",
		"help plna":                   "did you mean plan?",
		"Invoke":                      "did you mean invoke?",
		"--recrods 5":                 "there is no flag --recrods; did you mean --records?",
		"invoke --concurency 5 -":     "there is no flag --concurency; did you mean --concurrency?",
		"plan --max 5":                "there is no flag --max; did you mean --max-concurrency?",
		"-records 5":                  "there is no flag -records; flags begin with two dashes; did you mean --records?",
		"invoke --policy stopgroup -": "did you mean stop-group?",
		"--source kineses":            "did you mean kinesis?",
	} {
		r := execute(t, "", strings.Fields(args)...)
		assert.Equal(t, exitUsage, r.code, args)
		assert.Contains(t, r.stderr, want, args)
	}
	for _, args := range []string{"frobnicate", "--zzz", "invoke --policy sometimes -"} {
		assert.NotContains(t, execute(t, "", strings.Fields(args)...).stderr, "did you mean", args)
	}
}

func TestAFlagWithoutItsValueSaysWhatItTakes(t *testing.T) {
	for args, want := range map[string]string{
		"--records":         "stress: --records needs a value: it must be a whole number; see demo stress --help",
		"invoke --policy":   "--policy needs a value: it must be one of derive, continue",
		"invoke --reserve":  "--reserve needs a value: it must be a duration such as 500ms",
		"plan --pollers":    "--pollers needs a value: it must be the minimum and the maximum",
		"--unordered=maybe": "--unordered=maybe: must be true or false",
	} {
		r := execute(t, "", strings.Fields(args)...)
		assert.Equal(t, exitUsage, r.code, args)
		assert.Contains(t, r.stderr, want, args)
	}
}

// An error of the library names the flag that the user typed.
func TestAnOptionThatTheLibraryRefusesIsToldByItsFlag(t *testing.T) {
	given := map[string]string{"concurrency": "--concurrency 0", "lowest-only": "TROUPE_DEMO_LOWEST_ONLY=true", "retry": "--retry 7"}
	for text, want := range map[string]string{
		"troupe: WithConcurrency(0): must be at least 1":  "--concurrency 0: must be at least 1",
		"troupe: WithLowestOnly is for streams":           "TROUPE_DEMO_LOWEST_ONLY=true is for streams",
		"troupe: Retry{Times: 7, Base: 0s}: no":           "--retry 7: no",
		"troupe: WithReserve(0s): must be positive":       "troupe: WithReserve(0s): must be positive",
		"POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM: bad": "POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM: bad",
	} {
		assert.EqualError(t, inFlags(fmt.Errorf("invoke: %w", refusedError{errors.New(text)}), given), func() string {
			if strings.HasPrefix(want, "troupe:") || strings.HasPrefix(want, "POWERTOOLS") {
				return "invoke: " + want
			}
			return want
		}())
	}
}

func TestVersion(t *testing.T) {
	for _, args := range []string{"--version", "version"} {
		r := execute(t, "", args)
		assert.Equal(t, exitOK, r.code)
		assert.Regexp(t, `^demo of github\.com/troupe-go/troupe .*go1\.\d+.*\n$`, r.stdout)
		assert.Empty(t, r.stderr)
	}
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: "github.com/troupe-go/troupe", Version: "v0.1.0"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}, {Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "arm64"},
	}}
	assert.Equal(t, "demo of github.com/troupe-go/troupe v0.1.0, commit 0123456789ab with local changes, go1.26.8 linux/arm64\n", version("demo", info, true))
	info.Settings = info.Settings[2:] // as go install MODULE@VERSION leaves it
	assert.Equal(t, "demo of github.com/troupe-go/troupe v0.1.0, go1.26.8 linux/arm64\n", version("demo", info, true))
	assert.Contains(t, version("demo", nil, false), "version unknown")
}

func TestNumbersAgreeWithTheirNouns(t *testing.T) {
	for want, n := range map[string]int{"0 records": 0, "1 record": 1, "2 records": 2, "1,000 records": 1000} {
		assert.Equal(t, want, count(n, "record"))
	}
	assert.Equal(t, "3 batches", count(3, "batch"))
	r := stressWith(t, nil, "--records 1 --source sqs --fail 0 --work 0")
	assert.NotRegexp(t, `\b1 (records|invocations|errors|panics|hangs|handler calls|violations)\b`, r.stdout)
	assert.Contains(t, r.stdout, "1 record in 1 invocation")
}
