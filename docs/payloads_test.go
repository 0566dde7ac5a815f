package docs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What docs/payloads.md shows is in examples that are compiled and run, indentation aside.
func TestTheSnippetsOnPayloadsAreOfExamples(t *testing.T) {
	var examples string
	for _, pkg := range []string{"typed", "envelope", "kafka"} {
		text, err := os.ReadFile("../" + pkg + "/example_test.go")
		require.NoError(t, err)
		examples += squeezed(string(text))
	}
	page, err := os.ReadFile("payloads.md")
	require.NoError(t, err)
	parts := strings.Split(string(page), "```")
	require.Greater(t, len(parts), 10)
	for i := 1; i < len(parts); i += 2 { // every second part is a snippet
		snippet := strings.TrimPrefix(parts[i], "go\n")
		assert.True(t, strings.Contains(examples, squeezed(snippet)), "no example has\n%s", snippet)
	}
}
