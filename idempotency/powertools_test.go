package idempotency

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The keys in testdata were made by aws-lambda-powertools 3.37.0 and @aws-lambda-powertools/idempotency 2.35.0.
func TestPowertoolsKeysAreThoseOfTheLibraries(t *testing.T) {
	text, err := os.ReadFile("testdata/powertools.json")
	require.NoError(t, err)
	var recorded []struct{ Payload, Python, TypeScript string }
	require.NoError(t, json.Unmarshal(text, &recorded))
	require.Greater(t, len(recorded), 25)
	for _, r := range recorded {
		assert.Equal(t, r.Python, PowertoolsKey(Python, "orders", "app.process", []byte(r.Payload)), "Python, %s", r.Payload)
		assert.Equal(t, r.TypeScript, PowertoolsKey(TypeScript, "orders", "", []byte(r.Payload)), "TypeScript, %s", r.Payload)
		_, hash, _ := strings.Cut(r.TypeScript, "#")
		assert.Equal(t, hash, PowertoolsHash(TypeScript, []byte(r.Payload)))
	}
}

func TestPowertoolsKeyOfWhatIsNoKey(t *testing.T) {
	for _, payload := range []string{"", "{", "order-1", `"a" "b"`, `{"a":1}x`} {
		assert.Empty(t, PowertoolsKey(Python, "f", "h", []byte(payload)), payload)
		assert.Empty(t, PowertoolsKey(TypeScript, "f", "", []byte(payload)), payload)
	}
	assert.Empty(t, PowertoolsKey(0, "f", "h", []byte(`1`)), "no language")
	for _, payload := range []string{`{"a":1,"A":2}`, `[{"x":{"é":1,"É":2}}]`} {
		assert.Empty(t, PowertoolsHash(TypeScript, []byte(payload)), "the order of keys counts: %s", payload)
		assert.NotEmpty(t, PowertoolsHash(Python, []byte(payload)))
	}
	assert.True(t, strings.HasPrefix(PowertoolsKey(TypeScript, "f", "h", []byte(`1`)), "f.h#"))
}
