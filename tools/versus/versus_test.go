package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The library against itself: both are built and measured, and the row says so.
func TestTwoVersionsAreMeasuredInOneProcess(t *testing.T) {
	var out collected
	require.NoError(t, versus("../..", "../..", []string{"-rounds", "1", "-turn", "1ms", "-only", "^processing, SQS, 10$"}, &out))
	assert.Regexp(t, regexp.MustCompile(`(?s)^go1.*, 1 rounds of 1ms\nprocessing, SQS, 10 +\d+\.\d{3} \(.* to .*\)  [1-9]\d*\.\d µs, base [1-9]\d*\.\d µs\n$`), string(out))
}

func TestABaseThatIsNone(t *testing.T) {
	err := versus("../..", "no such commit", nil, os.Stdout)
	assert.ErrorContains(t, err, "no such commit is neither a directory nor a commit")
}

func TestOnlyTheLibraryIsCopied(t *testing.T) {
	for name, want := range map[string]bool{
		"go.mod": true, "processor.go": true, "supervisor/run.go": true, "processor_test.go": false, "README.md": false,
		"cmd/demo/main.go": false, "tools/go.mod": false, "aws/go.mod": false, "test/repo/api.go": false,
	} {
		assert.Equal(t, want, needed(name), name)
	}
}

type collected []byte

func (c *collected) Write(p []byte) (int, error) { *c = append(*c, p...); return len(p), nil }
