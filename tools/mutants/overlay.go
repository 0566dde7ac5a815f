package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// variable is the environment variable that says which mutant is at work.
const variable = "TROUPE_MUTANT"

// selector is a file that each package gets: the number of the mutant that is at work.
const selector = `package %s

import (
	"os"
	"strconv"
)

var mutantAtWork, _ = strconv.Atoi(os.Getenv("` + variable + `"))
`

// overlay writes the packages with all mutants in them to a folder, and a file for go build -overlay.
func (c *code) overlay(folder string) (file string, err error) {
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	byFile := map[string][]*mutant{}
	for _, m := range c.mutants {
		byFile[m.file] = append(byFile[m.file], m)
	}
	replace := map[string]string{}
	put := func(name string, text []byte) error {
		to := filepath.Join(folder, strings.ReplaceAll(name, "/", "_"))
		replace[filepath.Join(root, name)] = to
		return os.WriteFile(to, text, 0o600)
	}
	for pkg, files := range c.files {
		for _, s := range files {
			if err := put(s.name, c.withMutants(s, byFile[s.name])); err != nil {
				return "", err
			}
		}
		text := fmt.Appendf(nil, selector, files[0].syntax.Name.Name)
		if err := put(pkg+"/mutant_at_work.go", text); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file = filepath.Join(folder, "overlay.json")
	return file, os.WriteFile(file, text, 0o600)
}

// withMutants returns a file in which each function begins by calling the mutant of it that is at work, if one is.
// Each mutant is a function of its own, so that its parameters and results are what they are in the code. A function
// that calls recover has to do so itself; it has its mutants as blocks.
func (c *code) withMutants(s *source, mutants []*mutant) []byte {
	of := map[*ast.FuncDecl][]*mutant{}
	for _, m := range mutants {
		of[m.function] = append(of[m.function], m)
	}
	file := c.positions.File(s.syntax.Pos())
	var edits []edit
	var after strings.Builder
	for _, f := range s.functions {
		if len(of[f]) == 0 {
			continue
		}
		at := func(p token.Pos) int { return file.Offset(p) }
		body := func(m *mutant) string {
			return string(s.text[at(f.Body.Lbrace)+1:m.start]) + m.text + string(s.text[m.end:at(f.Body.Rbrace)])
		}
		var choose strings.Builder
		choose.WriteString(" switch mutantAtWork {")
		if recovers(f.Body) {
			for _, m := range of[f] {
				fmt.Fprintf(&choose, "\ncase %d:\n%s\nreturn", m.id, body(m))
			}
		} else {
			names, called, arguments := nameParameters(f, at)
			edits = append(edits, names...)
			head := func(from, to token.Pos) string { return string(applyAll(s.text, names, at(from), at(to))) }
			for _, m := range of[f] {
				method := ""
				if f.Recv != nil {
					method = head(f.Recv.Opening, f.Recv.Closing+1)
				}
				fmt.Fprintf(&after, "\nfunc %s mutant%d%s{%s}\n", method, m.id, head(f.Name.End(), f.Body.Lbrace), body(m))
				call := fmt.Sprintf("%smutant%d%s", called, m.id, arguments)
				if f.Type.Results != nil {
					fmt.Fprintf(&choose, "\ncase %d: return %s", m.id, call)
				} else {
					fmt.Fprintf(&choose, "\ncase %d: %s; return", m.id, call)
				}
			}
		}
		choose.WriteString("\n}\n")
		edits = append(edits, edit{start: at(f.Body.Lbrace) + 1, end: at(f.Body.Lbrace) + 1, text: choose.String()})
	}
	return append(applyAll(s.text, edits, 0, len(s.text)), after.String()...)
}

// applyAll applies the edits that are between two offsets to that part of a text.
func applyAll(text []byte, edits []edit, from, to int) (out []byte) {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
	for _, e := range edits {
		if e.start >= from && e.end <= to {
			out = append(append(out, text[from:e.start]...), e.text...)
			from = e.end
		}
	}
	return append(out, text[from:to]...)
}

// recovers reports whether a function calls recover itself, rather than in a function within.
func recovers(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		if _, within := n.(*ast.FuncLit); within {
			return false
		}
		if call, ok := n.(*ast.CallExpr); ok {
			if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "recover" {
				found = true
			}
		}
		return true
	})
	return found
}

// nameParameters gives a name to parameters that have none, and returns how a mutant of the function is called with
// the same ones: what stands before its name, and what after.
func nameParameters(f *ast.FuncDecl, at func(token.Pos) int) (edits []edit, before, after string) {
	n := 0
	named := func(list *ast.FieldList) (names []string) {
		for _, field := range list.List {
			if len(field.Names) == 0 {
				n++
				name := fmt.Sprint("parameter", n)
				edits = append(edits, edit{start: at(field.Pos()), end: at(field.Pos()), text: name + " "})
				names = append(names, name)
			}
			for _, id := range field.Names {
				name := id.Name
				if name == "_" {
					n++
					name = fmt.Sprint("parameter", n)
					edits = append(edits, edit{start: at(id.Pos()), end: at(id.End()), text: name})
				}
				names = append(names, name)
			}
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				names[len(names)-1] += "..."
			}
		}
		return names
	}
	if f.Recv != nil {
		before = named(f.Recv)[0] + "."
	}
	after = "(" + strings.Join(named(f.Type.Params), ", ") + ")"
	if f.Type.TypeParams != nil {
		var types []string
		for _, field := range f.Type.TypeParams.List {
			for _, id := range field.Names {
				types = append(types, id.Name)
			}
		}
		after = "[" + strings.Join(types, ", ") + "]" + after
	}
	return edits, before, after
}
