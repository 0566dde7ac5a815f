package repo_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	root       = "../.."
	module     = "github.com/troupe-go/troupe"
	protoactor = "github.com/asynkron/protoactor-go"
	awsLambda  = "github.com/aws/aws-lambda-go"
)

// mayImport has what each package of the library may import besides the standard library (SPEC 1).
var mayImport = map[string][]string{
	".":                  {awsLambda + "/events", module + "/batch", module + "/internal/serial", module + "/messages", module + "/sources", module + "/response", module + "/supervisor"},
	"batch":              {module + "/internal/guard"},
	"internal/guard":     nil,
	"internal/serial":    nil,
	"messages":           {module + "/batch"},
	"sources":            {awsLambda + "/events", module + "/batch", module + "/internal/jsonfault", module + "/internal/jsonscan"},
	"internal/jsonscan":  nil,
	"internal/jsonfault": {module + "/internal/jsonscan"},
	"response":           {awsLambda + "/events", module + "/batch"},
	"actors":             {module + "/internal/guard", protoactor + "/actor", module + "/batch", module + "/messages"},
	"supervisor":         {protoactor + "/actor", protoactor + "/eventstream", protoactor + "/extensions", "github.com/orcaman/concurrent-map", module + "/internal/guard", module + "/internal/serial", module + "/batch", module + "/messages", module + "/actors"},

	"kafka":    {module, module + "/internal/jsonscan", module + "/batch", module + "/sources", module + "/response"},
	"firehose": {awsLambda + "/events", module, module + "/internal/jsonfault", module + "/internal/jsonscan", module + "/batch", module + "/sources", module + "/response"},
	"s3batch":  {module, module + "/internal/jsonfault", module + "/internal/jsonscan", module + "/batch", module + "/sources", module + "/response"},
}

// beside are the packages of these that functions link only if they import them.
var beside = []string{"kafka", "firehose", "s3batch"}

// neverLinked are packages that are for tests, for the command, or for functions that import them.
var neverLinked = []string{
	"github.com/stretchr/testify", "pgregory.net/rapid", "go.uber.org/goleak", "github.com/google/licensecheck", "github.com/schollz/progressbar/v3", "github.com/HdrHistogram/hdrhistogram-go", "golang.org/x/term", "go.yaml.in/yaml/v3", "github.com/spf13/cobra", "github.com/spf13/pflag", "testing",
	module + "/window", module + "/bulk", module + "/kpl", module + "/typed", module + "/envelope", module + "/redelivery",
}

// misplaced returns the imports of a file's text that its package must not have.
func misplaced(t *testing.T, pkg, name string, text any) (wrong []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
	require.NoError(t, err)
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		first, _, _ := strings.Cut(path, "/")
		allowed := !strings.Contains(first, ".") // the standard library
		if !allowed && !slices.Contains(mayImport[pkg], path) {
			wrong = append(wrong, pkg+" imports "+path)
		}
	}
	return wrong
}

// libraryFiles returns the files of a package of the library, tests left out.
func libraryFiles(t *testing.T, pkg string) (files []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
	require.NoError(t, err)
	for _, file := range all {
		if !strings.HasSuffix(file, "_test.go") {
			files = append(files, file)
		}
	}
	require.NotEmpty(t, files, pkg)
	return files
}

// SPEC 1: in the library imports run one way, protoactor stays in actors and supervisor, and AWS event types
// at the edges.
func TestImportsRunOneWay(t *testing.T) {
	for pkg := range mayImport {
		for _, file := range libraryFiles(t, pkg) {
			assert.Empty(t, misplaced(t, pkg, file, nil), file)
		}
	}
}

// The rules above would find a broken one.
func TestAnImportAgainstTheRulesIsFound(t *testing.T) {
	for _, c := range []struct{ pkg, path string }{
		{"messages", awsLambda + "/events"},
		{"messages", module + "/actors"},
		{"messages", module},
		{"sources", protoactor + "/actor"},
		{"sources", module + "/supervisor"},
		{"sources", module + "/response"},
		{"internal/jsonscan", module + "/messages"},
		{"response", module + "/sources"},
		{"response", awsLambda + "/lambda"},
		{"actors", awsLambda + "/events"},
		{"actors", module + "/supervisor"},
		{"supervisor", module},
		{"supervisor", module + "/sources"},
		{".", protoactor + "/actor"},
		{".", module + "/actors"},
		{".", module + "/kafka"},
		{"kafka", protoactor + "/actor"},
		{".", "github.com/stretchr/testify/assert"},
	} {
		text := fmt.Sprintf("package p\nimport (\n\"context\"\n _ %q\n)", c.path)
		assert.Equal(t, []string{c.pkg + " imports " + c.path}, misplaced(t, c.pkg, "p.go", text))
	}
}

// SPEC 1: packages that stand beside the fixed layout know nothing of protoactor either.
func TestWhatStandsBesideTheLayoutKnowsNothingOfProtoactor(t *testing.T) {
	var unknown []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		base := entry.Name()
		switch {
		case name == ".":
		case strings.HasPrefix(base, "."), base == "testdata", name == "test", name == "cmd", name == "docs":
			return filepath.SkipDir // no packages of the library
		case fileExists(filepath.Join(path, "go.mod")):
			return filepath.SkipDir // a module of its own
		}
		files, err := filepath.Glob(filepath.Join(path, "*.go"))
		files = slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
		if _, known := mayImport[name]; !known && len(files) > 0 {
			unknown = append(unknown, name)
		}
		return err
	}))
	for _, name := range unknown {
		for _, file := range libraryFiles(t, name) {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			require.NoError(t, err)
			for _, spec := range parsed.Imports {
				assert.NotContains(t, spec.Path.Value, protoactor, "%s: protoactor is for actors and supervisor alone", file)
			}
		}
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// linkedInto returns the packages that a package comes with.
func linkedInto(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath", pkg)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	linked := map[string]bool{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p struct{ ImportPath string }
		require.NoError(t, decoder.Decode(&p))
		linked[p.ImportPath] = true
	}
	return linked
}

// SPEC 1: what is for tests or the command alone never gets into a function that embeds troupe, and neither
// does a source that it does not use.
func TestNothingIsLinkedThatAFunctionDoesNotNeed(t *testing.T) {
	linked := linkedInto(t, module)
	for pkg := range mayImport {
		path := strings.TrimSuffix(module+"/"+pkg, "/.")
		assert.Equal(t, !slices.Contains(beside, pkg), linked[path], "%s is linked, or the list is not the library's", path)
	}
	for path := range linked {
		for _, never := range neverLinked {
			assert.False(t, path == never || strings.HasPrefix(path, never+"/"), "%s is linked", path)
		}
	}
}

// exported returns the names that the files export, a const block counted as one, and the text of every
// declaration as far as users see it.
func exported(t *testing.T, files map[string]any) (names []string, imports map[string]string, declared []ast.Node) {
	t.Helper()
	imports = map[string]string{}
	for name, text := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			local := filepath.Base(path)
			if spec.Name != nil {
				local = spec.Name.Name
			}
			imports[local] = path
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d.Recv)) {
					declared = append(declared, d.Type)
					if d.Recv == nil {
						names = append(names, d.Name.Name)
					}
				}
			case *ast.GenDecl:
				var block []string
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						if spec.Name.IsExported() {
							block = append(block, spec.Name.Name)
							declared = append(declared, visible(spec.Type))
						}
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							if name.IsExported() {
								block = append(block, name.Name)
								declared = append(declared, spec)
							}
						}
					}
				}
				if d.Tok == token.CONST && len(block) > 0 {
					block = block[:1]
				}
				names = append(names, block...)
			}
		}
	}
	slices.Sort(names)
	return names, imports, declared
}

func exportedReceiver(recv *ast.FieldList) bool {
	found := false
	ast.Inspect(recv, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok && !found {
			found = name.IsExported()
		}
		return true
	})
	return found
}

// visible leaves out the fields and methods that users cannot reach.
func visible(e ast.Expr) ast.Node {
	var fields *ast.FieldList
	switch e := e.(type) {
	case *ast.StructType:
		fields = e.Fields
	case *ast.InterfaceType:
		fields = e.Methods
	default:
		return e
	}
	seen := &ast.FieldList{}
	for _, f := range fields.List {
		if len(f.Names) == 0 || slices.ContainsFunc(f.Names, (*ast.Ident).IsExported) {
			seen.List = append(seen.List, f)
		}
	}
	return seen
}

// foreign returns the packages that declarations name types of.
func foreign(imports map[string]string, declared []ast.Node) []string {
	paths := map[string]bool{}
	for _, d := range declared {
		ast.Inspect(d, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := s.X.(*ast.Ident); ok && imports[pkg.Name] != "" {
					paths[imports[pkg.Name]] = true
				}
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(paths))
}

func rootFiles(t *testing.T) map[string]any {
	files := map[string]any{}
	for _, file := range libraryFiles(t, ".") {
		files[file] = nil
	}
	return files
}

// SPEC 2: the root package stays small: about 60 names, a const block counted as one.
func TestTheRootPackageExportsFewNames(t *testing.T) {
	names, _, _ := exported(t, rootFiles(t))
	assert.LessOrEqual(t, len(names), 62, "%v", names)
	for _, name := range []string{"SQS", "Kinesis", "DynamoDB", "Processor", "Option", "Report", "Failed", "ErrEvent", "WithConcurrency"} {
		assert.Contains(t, names, name, "the count counts")
	}
	for _, name := range []string{"Succeeded", "ErrPanic", "Invoke", "settings", "ErrorWhenNever"} {
		assert.NotContains(t, names, name, "the count counts a block once, and no methods")
	}
}

// SPEC 1: no type of protoactor shows in the root package, nor anything of a supervisor or an actor.
func TestTheRootPackageShowsNothingOfItsActors(t *testing.T) {
	_, imports, declared := exported(t, rootFiles(t))
	assert.Subset(t, []string{"context", "log/slog", "time", awsLambda + "/events", module + "/batch", module + "/response", module + "/sources"}, foreign(imports, declared))
	// What users see of batch shows nothing of actors either: its imports are the standard library's.
}

// The two tests above would find what they are looking for.
func TestAnExportedActorIsFound(t *testing.T) {
	names, imports, declared := exported(t, map[string]any{"p.go": `package p
import ("github.com/asynkron/protoactor-go/actor"; "time")
const ( A = 1; B = 2; c = 3 )
type Open struct { PID *actor.PID }
type closed struct { When time.Time }
func (Open) Method() {}
func Func() {}
var Value int
`})
	assert.Equal(t, []string{"A", "Func", "Open", "Value"}, names)
	assert.Equal(t, []string{protoactor + "/actor"}, foreign(imports, declared))
}
