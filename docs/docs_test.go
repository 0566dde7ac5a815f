package docs_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	module    = "github.com/troupe-go/troupe"
	awsLambda = "github.com/aws/aws-lambda-go"
)

// goPackage is a package of this module as go list describes it.
type goPackage struct {
	Name, ImportPath, Dir              string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

// libraryPackages returns the packages of this module that can be imported, commands and internal ones aside.
func libraryPackages(t *testing.T) (packages []goPackage) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=Name,ImportPath,Dir,GoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	require.NoError(t, err)
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p goPackage
		require.NoError(t, decoder.Decode(&p))
		command := p.Name == "main" || strings.HasPrefix(p.ImportPath, module+"/cmd/")
		internal := strings.Contains(p.ImportPath+"/", "/internal/")
		if !command && !internal && len(p.GoFiles) > 0 {
			packages = append(packages, p)
		}
	}
	require.NotEmpty(t, packages)
	return packages
}

// withoutExamples are packages that users have no call for themselves: the root package binds them, or
// tests do.
var withoutExamples = []string{"actors", "batch", "idempotency/storetest", "lambdasim/fifocases", "messages", "redelivery/redeliverytest", "response", "sources", "supervisor", "test/properties/model", "test/semantics/order"}

func parse(t *testing.T, p goPackage, names []string) (files []*ast.File) {
	t.Helper()
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, file)
	}
	return files
}

// undocumented returns what the files of a package export without a comment that starts with its name. The
// names of a block may have a comment together, and a constant or variable of a block any comment.
func undocumented(files []*ast.File) (names []string) {
	check := func(name *ast.Ident, docs ...*ast.CommentGroup) {
		if !name.IsExported() {
			return
		}
		starts := func(doc *ast.CommentGroup) bool { return strings.HasPrefix(doc.Text(), name.Name+" ") }
		if !slices.ContainsFunc(docs, starts) {
			names = append(names, name.Name)
		}
	}
	packageDoc := false
	for _, file := range files {
		packageDoc = packageDoc || strings.HasPrefix(file.Doc.Text(), "Package "+file.Name.Name+" ")
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil || receiver(d.Recv.List[0].Type).IsExported() {
					check(d.Name, d.Doc)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						check(spec.Name, d.Doc, spec.Doc)
					case *ast.ValueSpec:
						if d.Lparen.IsValid() && d.Doc.Text()+spec.Doc.Text()+spec.Comment.Text() != "" {
							continue
						}
						for _, name := range spec.Names {
							check(name, d.Doc, spec.Doc)
						}
					}
				}
			}
		}
	}
	if !packageDoc {
		names = append(names, "package")
	}
	return names
}

// receiver returns the name of a method's type.
func receiver(of ast.Expr) *ast.Ident {
	switch of := of.(type) {
	case *ast.StarExpr:
		return receiver(of.X)
	case *ast.IndexExpr:
		return receiver(of.X)
	case *ast.IndexListExpr:
		return receiver(of.X)
	}
	return of.(*ast.Ident)
}

// withoutExample returns the functions that files export and that no Example of the tests shows: ExampleF, or
// ExampleF_suffix, is of F, and so is the package's own Example if it names F. For functions that return an
// option it is enough that some Example names them.
func withoutExample(files, tests []*ast.File) (names []string) {
	examples, mentioned := map[string]bool{}, map[string]bool{}
	for _, file := range tests {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Example") {
				continue
			}
			of, _, _ := strings.Cut(strings.TrimPrefix(f.Name.Name, "Example"), "_")
			examples[of] = true
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					mentioned[s.Sel.Name] = true
					examples[s.Sel.Name] = examples[s.Sel.Name] || of == ""
				}
				return true
			})
		}
	}
	for _, file := range files {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !f.Name.IsExported() {
				continue
			}
			if name := f.Name.Name; !examples[name] && !(returnsOption(f) && mentioned[name]) {
				names = append(names, name)
			}
		}
	}
	return names
}

// returnsOption reports whether a function's one result is a type called Option, of its package or another.
func returnsOption(f *ast.FuncDecl) bool {
	if f.Type.Results.NumFields() != 1 {
		return false
	}
	switch result := f.Type.Results.List[0].Type.(type) {
	case *ast.Ident:
		return result.Name == "Option"
	case *ast.SelectorExpr:
		return result.Sel.Name == "Option"
	}
	return false
}

// Whatever a package exports has a comment, and every package says what it is for.
func TestEveryExportedNameIsDocumented(t *testing.T) {
	for _, p := range libraryPackages(t) {
		assert.Empty(t, undocumented(parse(t, p, p.GoFiles)), p.ImportPath)
	}
}

// What users call is shown by an Example, which go test runs.
func TestEveryExportedFunctionHasAnExample(t *testing.T) {
	for _, p := range libraryPackages(t) {
		if slices.Contains(withoutExamples, strings.TrimPrefix(p.ImportPath, module+"/")) {
			continue
		}
		tests := parse(t, p, slices.Concat(p.TestGoFiles, p.XTestGoFiles))
		assert.Empty(t, withoutExample(parse(t, p, p.GoFiles), tests), p.ImportPath)
	}
}

// The two tests above would find what they are looking for.
func TestWhatIsNotDocumentedIsFound(t *testing.T) {
	read := func(text string) []*ast.File {
		file, err := parser.ParseFile(token.NewFileSet(), "p.go", text, parser.ParseComments)
		require.NoError(t, err)
		return []*ast.File{file}
	}
	files := read(`package p
// Told is documented.
func Told() {}
func Untold() {}
// Shown is in the package's own Example.
func Shown() {}
// About something else.
func Misnamed() {}
func (T) Method() {}
func (t) Hidden() {}
func (*generic[T]) Hidden() {}
type T struct{}
const Single = 1
// The ones of a block.
const (
	A = 1
	B = 2
)
const (
	C = 1 // tells something
	D = 2
)
// WithShared is an option.
func WithShared() Option { return nil }
// WithNothing is an option.
func WithNothing() Option { return nil }
`)
	assert.Equal(t, []string{"Untold", "Misnamed", "Method", "T", "Single", "D", "package"}, undocumented(files))
	tests := read(`package p_test
func Example() { p.Shown() }
func ExampleTold_twice() { p.Misnamed(p.WithShared()) }
func TestUntold() { p.Untold(p.WithNothing()) }
`)
	assert.Equal(t, []string{"Untold", "Misnamed", "WithNothing"}, withoutExample(files, tests))
}
