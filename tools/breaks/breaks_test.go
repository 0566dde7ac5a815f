package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// Each break can be made on the code as it is, and its test is there. Whether the test notices takes minutes: make breaks.
func TestEveryBreakCanBeMade(t *testing.T) {
	names := map[string]bool{}
	for _, b := range breaks {
		assert.False(t, names[b.name], b.name)
		names[b.name] = true
		text, err := sources(filepath.Join(root, b.pkg))
		require.NoError(t, err)
		file, changed, err := b.apply(text)
		require.NoError(t, err)
		_, err = parser.ParseFile(token.NewFileSet(), file, changed, 0)
		require.NoError(t, err, b.name)
		assert.Contains(t, tests(t, b.of), b.test, b.name)
	}
}

// tests returns the functions that the tests of a package declare.
func tests(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}

// A break does not care what unexported functions are called.
func TestABreakOutlivesRenames(t *testing.T) {
	for _, b := range breaks {
		text, err := sources(filepath.Join(root, b.pkg))
		require.NoError(t, err)
		functions := map[string]bool{}
		for name, content := range text {
			parsed, err := parser.ParseFile(token.NewFileSet(), name, content, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, d := range parsed.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && !f.Name.IsExported() {
					functions[f.Name.Name] = true
				}
			}
		}
		for function := range functions {
			// In a call or a declaration: other things may have the same name.
			calls := regexp.MustCompile(`\b` + function + `(\(|\[\w+(?:, \w+)*\]\(|\[\w+ \w)`)
			renamed := maps.Clone(text)
			for name, content := range renamed {
				renamed[name] = calls.ReplaceAllString(content, function+"Renamed${1}")
			}
			_, _, err := b.apply(renamed)
			assert.NoError(t, err, "%s: with %s renamed", b.name, function)
		}
	}
}

func TestABreakIsMadeInOnePlaceOrRefused(t *testing.T) {
	b := broken{name: "b", pkg: "p", changes: []change{{`one(\w*)`, "two${1}"}, {`\bthree\b`, "four"}}}
	for name, c := range map[string]struct {
		files map[string]string
		fault string
	}{
		"as it is":               {map[string]string{"a.go": "ones three", "b.go": ""}, ""},
		"nothing matches":        {map[string]string{"a.go": "three"}, "nothing in p matches one"},
		"twice in a file":        {map[string]string{"a.go": "one one three"}, "more than one place in p"},
		"in two files":           {map[string]string{"a.go": "one three", "b.go": "one"}, "more than one place in p"},
		"the second elsewhere":   {map[string]string{"a.go": "one", "b.go": "three"}, "0 places in p/a.go match"},
		"the second is not once": {map[string]string{"a.go": "one three three"}, "2 places in p/a.go match"},
	} {
		file, changed, err := b.apply(c.files)
		if c.fault != "" {
			assert.ErrorContains(t, err, c.fault, name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, []string{"a.go", "twos four"}, []string{file, changed})
	}
	same := broken{name: "same", pkg: "p", changes: []change{{"x", "x"}}}
	_, _, err := same.apply(map[string]string{"a.go": "x"})
	assert.ErrorContains(t, err, "same changes nothing")
	assert.True(t, slices.IsSortedFunc(breaks, func(a, b broken) int { return map[bool]int{true: -1, false: 1}[a.name < b.name] }))
}
