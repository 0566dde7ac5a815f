package repo_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// linked returns the packages that a main is linked with which imports the given ones.
func linked(t *testing.T, imports ...string) []string {
	t.Helper()
	text := "package main\n"
	for _, path := range imports {
		text += fmt.Sprintf("import _ %q\n", path)
	}
	main := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(main, []byte(text+"func main() {}\n"), 0o600))
	cmd := exec.Command("go", "list", "-deps", main)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	return strings.Fields(string(out))
}

// under keeps the packages below one of the paths.
func under(packages []string, paths ...string) (kept []string) {
	for _, pkg := range packages {
		if slices.ContainsFunc(paths, func(path string) bool { return strings.HasPrefix(pkg+"/", path+"/") }) {
			kept = append(kept, pkg)
		}
	}
	slices.Sort(kept)
	return kept
}

// Who does not observe does not pay: a function with a processor alone has none of the packages that observe
// in it, and nothing of OpenTelemetry but what protoactor-go has.
func TestAFunctionThatDoesNotObserveIsLinkedWithNothingForIt(t *testing.T) {
	const otel, observe = "go.opentelemetry.io", module + "/observe"
	alone := linked(t, module, awsLambda+"/lambda")
	assert.Contains(t, alone, protoactor+"/actor", "the list is a function's")
	assert.Empty(t, under(alone, observe))
	assert.Equal(t, under(linked(t, protoactor+"/actor"), otel), under(alone, otel))

	assert.NotEqual(t, under(alone, otel), under(linked(t, module, otel+"/otel/sdk/trace"), otel), "the comparison would see it")
	for _, pkg := range []string{"emf", "recordlog", "oteltroupe"} {
		packages := linked(t, observe+"/"+pkg)
		assert.Equal(t, under(alone, otel), under(packages, otel), "%s: all of the API that it needs is there anyway", pkg)
		assert.Equal(t, []string{observe + "/" + pkg}, under(packages, observe))
	}
}
