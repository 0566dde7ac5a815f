package test_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// SPEC 1, 9: what decodes payloads knows the event types, those of Kafka with what reads them included, and the
// errors of records, and nothing else of the library or of anyone: no actors, no AWS SDK.
func TestPayloadPackagesLinkNothingButEventTypes(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", module+"/typed", module+"/envelope")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	var foreign []string
	for path := range strings.FieldsSeq(string(out)) {
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
			foreign = append(foreign, path)
		}
	}
	assert.ElementsMatch(t, []string{
		awsLambda + "/events", module + "/messages", module + "/sources", module + "/response", module + "/kafka/wire",
		module + "/typed", module + "/envelope",
	}, foreign)
}

// What docs/payloads.md shows is in examples that are compiled and run, indentation aside.
func TestTheSnippetsOnPayloadsAreOfExamples(t *testing.T) {
	var examples string
	for _, pkg := range []string{"typed", "envelope"} {
		text, err := os.ReadFile("../" + pkg + "/example_test.go")
		require.NoError(t, err)
		examples += squeezed(string(text))
	}
	page, err := os.ReadFile("../docs/payloads.md")
	require.NoError(t, err)
	parts := strings.Split(string(page), "```")
	require.Greater(t, len(parts), 10)
	for i := 1; i < len(parts); i += 2 { // every second part is a snippet
		snippet := strings.TrimPrefix(parts[i], "go\n")
		assert.True(t, strings.Contains(examples, squeezed(snippet)), "no example has\n%s", snippet)
	}
}
