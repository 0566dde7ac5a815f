package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
)

// module is the path of the library.
const module = "github.com/troupe-go/troupe"

// mutant is one change to one function.
type mutant struct {
	id       int // from 1; 0 is the code as it is
	pkg      string
	file     string // from the module's root
	function *ast.FuncDecl
	edit
	place string // what String returns
}

// String names a mutant in a way that outlives changes elsewhere in the file.
func (m *mutant) String() string { return m.place }

// source is a file of a package.
type source struct {
	name      string
	text      []byte
	syntax    *ast.File
	functions []*ast.FuncDecl
}

// code is the packages as they are, with the mutants that compile.
type code struct {
	positions *token.FileSet
	files     map[string][]*source // by package
	mutants   []*mutant
	broken    int // mutants that do not compile
	exports   map[string]string
}

func newCode() *code { return &code{positions: token.NewFileSet(), files: map[string][]*source{}} }

func load(packages []string) (*code, error) {
	c := newCode()
	if err := c.export(packages); err != nil {
		return nil, err
	}
	for _, pkg := range packages {
		if err := c.read(pkg); err != nil {
			return nil, err
		}
		if err := c.mutate(pkg); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// export has the go command compile what the packages import, so that their types are known.
func (c *code) export(packages []string) error {
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}
	for _, pkg := range packages {
		args = append(args, "./"+pkg)
	}
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	c.exports = map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		c.exports[name] = file
	}
	return nil
}

func (c *code) read(pkg string) error {
	entries, err := os.ReadDir(pkg)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		s := &source{name: path.Join(pkg, e.Name())}
		if s.text, err = os.ReadFile(s.name); err != nil {
			return err
		}
		if s.syntax, err = parser.ParseFile(c.positions, s.name, s.text, parser.SkipObjectResolution); err != nil {
			return err
		}
		for _, d := range s.syntax.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
				s.functions = append(s.functions, f)
			}
		}
		c.files[pkg] = append(c.files[pkg], s)
	}
	return nil
}

// mutate finds the mutants of a package, in the order of its files, and keeps those that compile.
func (c *code) mutate(pkg string) error {
	imports := importer.ForCompiler(c.positions, "gc", func(name string) (io.ReadCloser, error) { return os.Open(c.exports[name]) })
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	if err := c.check(pkg, imports, info, nil, nil); err != nil {
		return err
	}
	times := map[string]int{}
	for _, s := range c.files[pkg] {
		for _, function := range s.functions {
			find := finder{file: c.positions.File(s.syntax.Pos()), info: info}
			ast.Inspect(function.Body, find.find)
			for _, e := range find.edits {
				changed, err := parser.ParseFile(c.positions, s.name, apply(s.text, e), parser.SkipObjectResolution)
				if err == nil {
					err = c.check(pkg, imports, nil, s, changed)
				}
				if err != nil {
					c.broken++
					continue
				}
				m := &mutant{id: len(c.mutants) + 1, pkg: pkg, file: s.name, function: function, edit: e}
				m.place = placeOf(s, m, times)
				c.mutants = append(c.mutants, m)
			}
		}
	}
	return nil
}

// check finds the types of a package in which one file may be another.
func (c *code) check(pkg string, imports types.Importer, info *types.Info, instead *source, changed *ast.File) error {
	var files []*ast.File
	for _, s := range c.files[pkg] {
		if s == instead {
			files = append(files, changed)
		} else {
			files = append(files, s.syntax)
		}
	}
	config := types.Config{Importer: imports}
	_, err := config.Check(module+"/"+pkg, c.positions, files, info)
	return err
}

func (c *code) only(text string) (mutants []*mutant) {
	for _, m := range c.mutants {
		if strings.Contains(m.place, text) {
			mutants = append(mutants, m)
		}
	}
	return mutants
}

func apply(text []byte, e edit) []byte {
	return bytes.Join([][]byte{text[:e.start], []byte(e.text), text[e.end:]}, nil)
}

// leftOut is what becomes of a statement that is left out.
const leftOut = "(left out)"

// becomes stands between what the code says and what the mutant says.
const becomes = "  =>  "

// placeOf writes FILE:FUNCTION: LINE  =>  LINE OF THE MUTANT; FUNCTION/2 is the second such place of a function.
func placeOf(s *source, m *mutant, times map[string]int) string {
	from := bytes.LastIndexByte(s.text[:m.start], '\n') + 1
	to := len(s.text)
	if n := bytes.IndexByte(s.text[m.end:], '\n'); n >= 0 {
		to = m.end + n
	}
	was, is := oneLine(s.text[from:to]), oneLine(s.text[from:m.start], []byte(m.text), s.text[m.end:to])
	if is == "" {
		is = leftOut
	}
	function := receiver(m.function) + m.function.Name.Name
	text := was + becomes + is
	times[s.name+function+text]++
	if n := times[s.name+function+text]; n > 1 {
		function = fmt.Sprint(function, "/", n)
	}
	return fmt.Sprintf("%s:%s: %s", s.name, function, text)
}

func oneLine(parts ...[]byte) string {
	return strings.Join(strings.Fields(string(bytes.Join(parts, nil))), " ")
}

func receiver(f *ast.FuncDecl) (name string) {
	if f.Recv == nil {
		return ""
	}
	ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" { // the first; those of type parameters come after
			name = id.Name + "."
		}
		return name == ""
	})
	return name
}
