package check_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The checker judges from the history alone (E9): it imports the standard library and package history.
func TestTheCheckerKnowsNothingOfWhatItJudges(t *testing.T) {
	for _, dir := range []string{".", "../history"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) < 3 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range parsed.Imports {
				path, _ := strconv.Unquote(spec.Path.Value)
				if strings.Contains(path, ".") && !strings.HasSuffix(path, "/lambdasim/history") {
					t.Errorf("%s imports %s", file, path)
				}
			}
		}
	}
}
