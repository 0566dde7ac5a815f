package repo_test

import (
	"go/version"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oldestGo is the language version of every module: that of the oldest Go that troupe supports.
const oldestGo = "go1.26"

var toolchains = regexp.MustCompile(`\bgo1\.\d+\.\d+\b`)

// moduleFiles returns the go.mod of each module that make and CI check. TestEveryModuleIsChecked keeps it complete.
func moduleFiles(t *testing.T) []string {
	t.Helper()
	files := []string{filepath.Join(root, "go.mod")}
	for _, pattern := range modulePatterns {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		files = append(files, found...)
	}
	return files
}

// modulePatterns are those of the Makefile and .ci/run for nested modules.
var modulePatterns = []string{"*/go.mod", "examples/*/go.mod"}

// No module is left out of what make and CI do, but for the CDK app, which needs Node and the CDK.
func TestEveryModuleIsChecked(t *testing.T) {
	checked := moduleFiles(t)
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "node_modules" || entry.Name() == ".git"):
			return filepath.SkipDir
		case entry.Name() == "go.mod" && filepath.ToSlash(path) != root+"/examples/sqs/cdk/go.mod":
			assert.Contains(t, checked, path)
		}
		return nil
	}))
	for _, name := range []string{"Makefile", ".ci/run"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		assert.Contains(t, string(text), "go.mod "+strings.Join(modulePatterns, " "), name)
	}
}

// SPEC 1: what users of the oldest Go get is built and tested with it, and with the newest one.
func TestBothVersionsOfGoAreChecked(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		return string(text)
	}
	for _, file := range moduleFiles(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(text), "\ngo "+oldestGo[2:]+".0\n", file)
		assert.NotContains(t, string(text), "\ntoolchain ", "%s: users need no newer Go than the library", file)
	}

	checked := map[string]bool{}
	for _, name := range toolchains.FindAllString(read(".ci/run"), -1) {
		checked[name] = true
	}
	require.Len(t, checked, 2)
	oldest, newest := "", ""
	for name := range checked {
		if version.Lang(name) == oldestGo {
			oldest = name
		} else {
			newest = name
		}
	}
	require.NotEmpty(t, oldest, "the oldest Go is among %v", checked)
	assert.Positive(t, version.Compare(newest, oldest))

	workflows, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	require.NoError(t, err)
	require.NotEmpty(t, workflows)
	inWorkflows := map[string]bool{}
	for _, file := range workflows {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, name := range toolchains.FindAllString(string(text), -1) {
			inWorkflows[name] = true
		}
	}
	assert.Equal(t, checked, inWorkflows, "the workflow checks what .ci/run checks")
	assert.Contains(t, read("README.md"), "Go "+oldestGo[2:]+" or newer")
}
