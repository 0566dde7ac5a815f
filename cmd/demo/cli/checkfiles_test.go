package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/cmd/demo/check"
)

// lossy is a template of ours without ReportBatchItemFailures, and with a batch size that is not known.
func lossy(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../../examples/fifo/template.yaml")
	require.NoError(t, err)
	text := strings.NewReplacer("            FunctionResponseTypes: [ReportBatchItemFailures]\n", "", "BatchSize: 10", "BatchSize: !Ref Size").Replace(string(data))
	require.NotEqual(t, string(data), text)
	return text
}

func TestCheckPassesTheExamples(t *testing.T) {
	templates, err := filepath.Glob("../../../examples/*/template.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, templates)
	r := execute(t, "", append([]string{"check"}, templates...)...)
	assert.Equal(t, exitOK, r.code)
	assert.Empty(t, r.stderr)
	assert.Regexp(t, `^no setting found that loses messages in \d+ files \(\d+ event source mappings, \d+ queues\)\n$`, r.stdout)
}

func TestCheckFindsWhatLosesMessages(t *testing.T) {
	r := execute(t, lossy(t), "check", "-")
	assert.Equal(t, exitError, r.code)
	assert.Empty(t, r.stderr)
	assert.Regexp(t, `(?m)^stdin:\d+:\d+: Book\.Payments: FunctionResponseTypes does not contain ReportBatchItemFailures \[partial-response\]$`, r.stdout)
	assert.Contains(t, r.stdout, "\n    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html\n")
	assert.Regexp(t, `(?m)^stdin:\d+:\d+: Book\.Payments: not known: BatchSize is !Ref Size \[batch-window\]$`, r.stdout)
	assert.Contains(t, r.stdout, "\n1 finding, 1 not known in 1 file (1 event source mapping, 2 queues)\n")

	unknown := strings.Replace(lossy(t), "BatchSize: !Ref Size", "FunctionResponseTypes: !Ref Types", 1)
	r = execute(t, unknown, "check", "-")
	assert.Equal(t, exitOK, r.code, "what is not known is no finding")
	assert.Contains(t, r.stdout, "no setting found that loses messages, 1 not known in 1 file")
}

func TestFormatsOfCheck(t *testing.T) {
	for _, format := range []string{"json", "sarif"} {
		r := execute(t, lossy(t), "check", "--format", format, "-")
		assert.Equal(t, exitError, r.code, format)
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &object), r.stdout)
		assert.Contains(t, object, map[string]string{"json": "findings", "sarif": "runs"}[format])
	}
}

func TestFindingsFitTheTerminal(t *testing.T) {
	report, err := check.Check(check.File{Name: "template.yaml", Data: []byte(lossy(t))})
	require.NoError(t, err)
	for line := range strings.Lines(findingsText(report, 60)) {
		if len(strings.Fields(line)) > 1 {
			assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 60, line)
		}
	}
}

func TestBadUsageOfCheck(t *testing.T) {
	for args, want := range map[string]string{
		"check":                      "check: 0 files given; must be at least one file, or - for standard input; see demo check --help",
		"check --format xml -":       "--format xml: must be one of text, json, sarif",
		"check no-such-file.yaml":    "check: open no-such-file.yaml: no such file or directory",
		"check -":                    "check: stdin: the file is empty",
		"check ../../../testdata":    "is a directory",
		"check options.go":           "check: options.go: not YAML or JSON",
		"check testdata/report.txt":  "testdata/report.txt: ",
		"check --report json f.yaml": "there is no flag --report",
	} {
		r := execute(t, "", strings.Fields(args)...)
		assert.Equal(t, exitUsage, r.code, args)
		assert.Empty(t, r.stdout, args)
		assert.Contains(t, r.stderr, want, args)
	}
}

// The guide and the help have all rules.
func TestRulesAreDocumented(t *testing.T) {
	guide, err := os.ReadFile("../../../docs/guides/check.md")
	require.NoError(t, err)
	text := help("demo", "demo", commandCheck, helpWidth)
	for _, r := range check.Rules() {
		assert.Contains(t, string(guide), "| `"+r.ID+"` |")
		assert.Contains(t, text, "  "+r.ID+" ")
		assert.Contains(t, text, r.Page)
	}
	assert.Equal(t, len(check.Rules()), strings.Count(string(guide), "\n| `"))
}
