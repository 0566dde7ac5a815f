package batch

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// SPEC S7: bounded text that is still text.
func TestTextIsBoundedAndSurvivesEveryError(t *testing.T) {
	assert.Equal(t, "short", Text(errors.New("short")))
	exact := strings.Repeat("x", textLimit)
	assert.Equal(t, exact, Text(errors.New(exact)))
	assert.Equal(t, exact+"…", Text(errors.New(exact+"y")))
	assert.Contains(t, Text(brokenError{}), "Error panics")
	assert.Equal(t, "a nil *batch.PanicError as an error", Text((*PanicError)(nil)))
	assert.Equal(t, "<nil>", Text(nil))
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 400, -1).Draw(t, "text")
		short := Text(errors.New(text))
		require.LessOrEqual(t, len(short), textLimit+len("…"))
		require.True(t, utf8.ValidString(short))
		require.True(t, strings.HasPrefix(text, strings.TrimSuffix(short, "…")))
	})
	assert.Len(t, Text(errors.New(strings.Repeat("\x80", 1000))), len("…"))
}
