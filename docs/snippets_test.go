package docs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/printer"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
)

// snippetImports are what snippets may use besides the packages of this module. A fragment imports what it
// names.
var snippetImports = []string{
	"context", "crypto/rand", "encoding/json", "errors", "fmt", "log/slog", "net/http", "os", "reflect", "strconv", "strings", "sync",
	"testing", "testing/synctest", "time",
	awsLambda + "/events", awsLambda + "/lambda", awsLambda + "/lambdacontext",
}

// standIns are what fragments may use without declaring it. What they declare themselves goes before.
const standIns = `package standins

var (
	ctx context.Context
	err error
	t   *testing.T

	errUnavailable, errUnknownCustomer error

	msg         events.SQSMessage
	charge      func(context.Context, events.SQSMessage) error
	handle      func(context.Context, events.SQSMessage) error
	callService func(context.Context, events.SQSMessage) error
	chargeOrder func(context.Context, struct{ ID string }) error
	processor   *troupe.Processor[events.SQSEvent, events.SQSEventResponse]

	bill      func(ctx context.Context, id, key string, data []byte) error
	documents func([]events.SQSMessage) []string
	put       func(context.Context, []string) (rejected []int, err error)
	table     interface{ Put(ctx context.Context, shard string, start time.Time, value any) error }

	seed        uint64
	key, value, data []byte
	keys, image map[string]events.DynamoDBAttributeValue
	queue, dead *lambdasim.Queue
	changes     []lambdasim.VisibilityChange
	visibility  redelivery.Visibility
	deadLetters redelivery.Sender
	idempotent  func(context.Context, events.SQSMessage) error
	store       idempotency.Store
	flush       func()
)
`

// snippet is a block of Go on a page.
type snippet struct {
	page string
	line int
	text string
}

func (s snippet) String() string { return fmt.Sprintf("%s:%d", s.page, s.line) }

// snippets returns the blocks that a page marks as Go.
func snippets(page, text string) (found []snippet) {
	inside, n := false, 0
	for line := range strings.Lines(text) {
		n++
		switch {
		case !inside && strings.TrimSpace(line) == "```go":
			inside = true
			found = append(found, snippet{page: page, line: n + 1})
		case inside && strings.TrimSpace(line) == "```":
			inside = false
		case inside:
			found[len(found)-1].text += line
		}
	}
	return found
}

// pages returns the snippets of the README and of everything in docs.
func pages(t *testing.T) (all []snippet) {
	t.Helper()
	files := []string{"../README.md", "../CONTRIBUTING.md"}
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			files = append(files, path)
		}
		return err
	}))
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		all = append(all, snippets(file, string(text))...)
	}
	return all
}

var (
	leftOutBody  = regexp.MustCompile(`\{ … \}`)
	leftOutLine  = regexp.MustCompile(`(?m)^\s*…$`)
	leftOutValue = regexp.MustCompile(`…, |, …`)
)

// filledIn replaces …, which stands for what is left out: a function's body, a statement, elements of a
// literal or arguments.
func filledIn(text string) string {
	text = leftOutBody.ReplaceAllString(text, `{ panic("left out") }`)
	text = leftOutLine.ReplaceAllString(text, "")
	return leftOutValue.ReplaceAllString(text, "")
}

// checker type-checks snippets.
type checker struct {
	packages map[string]string // import path by name
	exports  types.Importer
	standIns map[string]string // declaration by name
	tests    string            // the tests of the packages, spaces and indentation aside
}

// newChecker makes a checker; go list compiles what snippets may import, which the tests need anyway.
func newChecker(t *testing.T) *checker {
	t.Helper()
	c := &checker{packages: map[string]string{}, standIns: map[string]string{}}
	for _, p := range libraryPackages(t) {
		c.packages[p.Name] = p.ImportPath
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			require.NoError(t, err)
			c.tests += squeezed(string(text))
		}
	}
	for _, p := range snippetImports {
		c.packages[path.Base(p)] = p
	}

	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}, slices.Sorted(maps.Values(c.packages))...)...)
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		importPath, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[importPath] = file
	}
	c.exports = importer.ForCompiler(token.NewFileSet(), "gc", func(importPath string) (io.ReadCloser, error) {
		return os.Open(files[importPath])
	})

	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "standins.go", standIns, 0)
	require.NoError(t, err)
	for _, d := range file.Decls {
		for _, spec := range d.(*ast.GenDecl).Specs {
			spec := spec.(*ast.ValueSpec)
			var kind bytes.Buffer
			require.NoError(t, printer.Fprint(&kind, fset, spec.Type))
			for _, name := range spec.Names {
				c.standIns[name.Name] = "var " + name.Name + " " + kind.String() + "\n"
			}
		}
	}
	return c
}

// squeezed returns a text with the spaces between its words made one.
func squeezed(text string) string { return " " + strings.Join(strings.Fields(text), " ") + " " }

// check returns what is wrong with a snippet. A whole file has to be right as it stands. A fragment that is
// indented, or has more than two lines, and is a part of a package's tests, an Example say, is compiled with those. Any other consists of declarations or of
// statements: it is given the imports and the stand-ins that it names, and may leave unused what it makes.
func (c *checker) check(s snippet) error {
	here := "\n//line " + s.String() + "\n" // has errors name the page and its line
	if strings.HasPrefix(s.text, "package ") {
		return c.typeCheck(here+s.text, false)
	}
	if (strings.HasPrefix(s.text, "\t") || strings.Count(s.text, "\n") > 2) && strings.Contains(c.tests, squeezed(s.text)) {
		return nil
	}
	text := here + filledIn(s.text)
	file, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+text, 0)
	if err != nil {
		text = "func _() error {" + text + "\npanic(0)\n}"
		file, err = parser.ParseFile(token.NewFileSet(), "", "package p\n"+text, 0)
	}
	if err != nil {
		return err
	}
	return c.typeCheck(c.header(file)+text, true)
}

// header declares what a file names and does not declare, as far as it is known.
func (c *checker) header(file *ast.File) string {
	var imports, variables string
	imported := map[string]bool{}
	var need func(*ast.File)
	need = func(file *ast.File) {
		for _, name := range file.Unresolved {
			if imported[name.Name] {
				continue
			}
			importPath, known := c.packages[name.Name]
			declaration, declared := c.standIns[name.Name]
			switch {
			case declared:
				imported[name.Name] = true
				variables += declaration
				if of, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+declaration, 0); err == nil {
					need(of)
				}
			case known:
				imported[name.Name] = true
				imports += fmt.Sprintf("import %q\n", importPath)
			}
		}
	}
	need(file)
	return "package p\n" + imports + variables
}

func (c *checker) typeCheck(text string, fragment bool) error {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "snippet.go", text, 0)
	if err != nil {
		return err
	}
	if fragment {
		useValues(file)
	}
	var found []error
	config := types.Config{Importer: c.exports, Error: func(err error) {
		var typeError types.Error
		if errors.As(err, &typeError) && typeError.Soft && fragment {
			return // a variable that is not used
		}
		found = append(found, err)
	}}
	_, _ = config.Check("snippet", fset, []*ast.File{file}, nil) // its first error is among those found
	return errors.Join(found...)
}

// useValues has values that stand alone assigned to nothing, since Go allows only calls to stand alone.
func useValues(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		block, ok := n.(*ast.BlockStmt)
		if !ok {
			return true
		}
		for i, statement := range block.List {
			alone, ok := statement.(*ast.ExprStmt)
			if !ok {
				continue
			}
			if _, call := alone.X.(*ast.CallExpr); !call {
				block.List[i] = &ast.AssignStmt{Lhs: []ast.Expr{ast.NewIdent("_")}, Tok: token.ASSIGN, Rhs: []ast.Expr{alone.X}}
			}
		}
		return true
	})
}

// What the pages show can be compiled.
func TestEverySnippetCompiles(t *testing.T) {
	c, all := newChecker(t), pages(t)
	require.NotEmpty(t, all)
	for _, s := range all {
		if s.page != "tutorial.md" { // its blocks are files of one package; see the test of the tutorial
			assert.NoError(t, c.check(s))
		}
	}
}

// The files that the tutorial shows are those of docs/tutorial, which go test compiles and runs.
func TestTheTutorialShowsFilesThatAreTested(t *testing.T) {
	page, err := os.ReadFile("tutorial.md")
	require.NoError(t, err)
	for name, language := range map[string]string{"main.go": "go", "main_test.go": "go", "template.yaml": "yaml"} {
		text, err := os.ReadFile("tutorial/" + name)
		require.NoError(t, err)
		assert.Contains(t, string(page), "```"+language+"\n"+string(text)+"```\n", name)
	}
	assert.Len(t, snippets("tutorial.md", string(page)), 2, "no Go on the page but those files")
}

// The test above would find a snippet that does not compile.
func TestASnippetThatDoesNotCompileIsFound(t *testing.T) {
	c := newChecker(t)
	for text, expected := range map[string]string{
		"troupe.SQS(charge)":                                          "",
		"troupe.SQS(charge, troupe.WithNothing())":                    "undefined: troupe.WithNothing",
		"processor.Process(ctx, 5)":                                   "cannot use 5",
		"troupe.SQS(charge, troupe.WithRetry(troupe.Retry{Time: 2}))": "unknown field Time",
		"func f(ctx context.Context) error { … }":                     "",
		"func f(ctx context.Context) errors { … }":                    "errors",
		"lambdasim.Mapping{…, BatchSize: 10}":                         "",
		"lambdasim.Mapping{…, BatchSize: \"10\"}":                     "cannot use",
		"nothing(charge)":                                             "undefined: nothing",
		"processor := troupe.SQS(charge)\n…\nprocessor.Process()":     "not enough arguments",
		"package main\nimport \"os\"\nfunc main() {}":                 "\"os\" imported and not used",
		"package main\nfunc main() { troupe.SQS(nil) }":               "undefined: troupe",
		"if err != nil {":                                             "expected '}'",
		"if err != nil {\nreturn errors.New(\"no carrier\")\n":        "expected '}'",
		"return errors.New(\"no carrier\")\n}\nreturn nil\n}\n":       "", // a part of an Example of lambdasim's
		"\nnothing(charge)":                                           "page.md:8",
	} {
		err := c.check(snippet{"page.md", 7, text})
		if expected == "" {
			assert.NoError(t, err, text)
		} else {
			assert.ErrorContains(t, err, expected, text)
		}
	}
	assert.Equal(t, []snippet{{"page", 3, "a\n"}, {"page", 9, "d\n"}}, snippets("page", "text\n```go\na\n```\n```sh\nb\n```\n```go\nd\n```\n"))
}

// The README begins with a function that is complete: built as it is there, it handles an event.
func TestTheFunctionOfTheREADMERuns(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	dir := t.TempDir()
	main, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "bootstrap")
	require.NoError(t, os.WriteFile(main, []byte(snippets("README.md", string(readme))[0].text), 0o600))
	build := exec.Command("go", "build", "-o", binary, main)
	build.Dir = ".."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	function, err := runtimeapi.New(runtimeapi.Config{Path: binary, Output: t.Output()})
	require.NoError(t, err)
	defer function.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	event, err := os.ReadFile("../testdata/events/sqs.json")
	require.NoError(t, err)
	response, err := function.Invoke(ctx, event)
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[]}`, string(response))
}
