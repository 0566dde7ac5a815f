package repo_test

import (
	"bytes"
	"go/ast"
	"go/build"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withoutPromise are the packages that are part of the implementation, as their documentation says. What they export may change.
var withoutPromise = []string{"actors", "messages", "supervisor"}

// notImported are the folders of packages that users do not import.
var notImported = []string{"cmd", "docs", "examples", "internal", "test", "testdata", "tools", "bin"}

const snapshots = root + "/test/repo/testdata/api"

// promised returns the packages that users import, of every module.
func promised(t *testing.T) (packages []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		base := entry.Name()
		if relative != "." && (strings.HasPrefix(base, ".") || slices.Contains(notImported, base) || slices.Contains(withoutPromise, relative)) {
			return fs.SkipDir
		}
		if pkg, err := build.ImportDir(name, 0); err == nil && pkg.Name != "main" && len(pkg.GoFiles) > 0 {
			packages = append(packages, relative)
		}
		return nil
	}))
	return packages
}

// api returns what the files of a package export: one declaration a paragraph, sorted, without comments, function bodies and the
// values of variables.
func api(t *testing.T, files map[string]any) string {
	t.Helper()
	var declarations []string
	for name, text := range files {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.FileExports(file)
		for _, declaration := range file.Decls {
			for _, d := range split(declaration) {
				var b bytes.Buffer
				require.NoError(t, format.Node(&b, fset, d))
				declarations = append(declarations, b.String()+"\n")
			}
		}
	}
	slices.Sort(declarations)
	return strings.Join(declarations, "\n")
}

// split returns the declarations of a file one by one. Constants of a group stay together, since their values may depend on each
// other.
func split(d ast.Decl) (parts []ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type)) {
			d.Body = nil
			parts = append(parts, d)
		}
	case *ast.GenDecl:
		switch d.Tok {
		case token.CONST:
			parts = append(parts, d)
		case token.TYPE, token.VAR:
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					v.Values = nil
				}
				parts = append(parts, &ast.GenDecl{Tok: d.Tok, TokPos: spec.Pos(), Specs: []ast.Spec{spec}})
			}
		}
	}
	return parts
}

// receiver returns the name of a receiver's type.
func receiver(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// A change of what a package with a promise exports shows as a change of its snapshot, so that nobody makes one unaware.
func TestTheAPIIsThatOfTheSnapshots(t *testing.T) {
	packages := promised(t)
	known := []string{}
	for _, pkg := range packages {
		imported, err := build.ImportDir(filepath.Join(root, pkg), 0)
		require.NoError(t, err)
		files := map[string]any{}
		for _, name := range imported.GoFiles {
			files[filepath.Join(root, pkg, name)] = nil
		}
		name := strings.ReplaceAll(strings.ReplaceAll(pkg, ".", "troupe"), "/", "-") + ".txt"
		known = append(known, name)
		now := api(t, files)
		if os.Getenv("UPDATE_API") != "" {
			require.NoError(t, os.MkdirAll(snapshots, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(snapshots, name), []byte(now), 0o644))
		}
		then, err := os.ReadFile(filepath.Join(snapshots, name))
		if assert.NoError(t, err, "%s has no snapshot; UPDATE_API=1 go test ./test/repo -run API writes it", pkg) {
			assert.Equal(t, string(then), now, "%s exports something else. If that is intended, UPDATE_API=1 go test ./test/repo -run API "+
				"writes the snapshot anew, and CHANGELOG.md says what users have to change", pkg)
		}
	}
	assert.Contains(t, packages, ".")
	assert.Contains(t, packages, "aws/dynamodbstore", "nested modules have a promise too")
	entries, err := os.ReadDir(snapshots)
	require.NoError(t, err)
	for _, entry := range entries {
		assert.Contains(t, known, entry.Name(), "the snapshot of a package that is no more")
	}
}

// What the snapshot has, and what it has not.
func TestTheSnapshotHasWhatUsersCanUse(t *testing.T) {
	text := `package p

import "errors"

// A is documented.
type A struct {
	B int ` + "`json:\"b\"`" + `
	c string
}

type hidden struct{ D int }

func (hidden) Exported() {}
func (*A) Method(n int) error { return nil }
func (a A) quiet() {}
func Generic[T any](v T) (T, error) { return v, nil }
func small() {}

const (
	One = iota
	Two
)

var ErrBad, errHidden = errors.New("bad"), errors.New("hidden")

type Alias = hidden
`
	got := api(t, map[string]any{"p.go": text})
	for _, want := range []string{
		"B int `json:\"b\"`", "func (*A) Method(n int) error\n", "func Generic[T any](v T) (T, error)\n", "One = iota\n\tTwo", "var ErrBad\n", "type Alias = hidden\n",
	} {
		assert.Contains(t, got, want)
	}
	for _, not := range []string{"c string", "Exported", "quiet", "small", "errHidden", "documented", "return"} {
		assert.NotContains(t, got, not)
	}
	assert.NotEqual(t, got, api(t, map[string]any{"p.go": strings.Replace(text, "n int", "n int64", 1)}))
}
