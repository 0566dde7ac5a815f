package repo_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// make fuzz runs every fuzz target of the library's module.
func TestEveryFuzzTargetIsRun(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	_, list, _ := strings.Cut(string(makefile), "\nFUZZ := ")
	list, _, _ = strings.Cut(list, "\nFUZZTIME")
	listed := strings.Fields(strings.ReplaceAll(list, "\\\n", " "))
	var found []string
	require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			if entry != nil && entry.IsDir() && name != root {
				if _, statErr := os.Stat(filepath.Join(name, "go.mod")); statErr == nil || strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." {
					return fs.SkipDir // another module
				}
			}
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(name))
		for _, target := range fuzzTarget.FindAllStringSubmatch(string(text), -1) {
			found = append(found, filepath.ToSlash(folder)+":"+target[1])
		}
		return err
	}))
	assert.ElementsMatch(t, found, listed)
}
