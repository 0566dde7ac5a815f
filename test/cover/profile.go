package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// block is a run of statements that are executed together.
type block struct {
	file       string // as in the profile: the package's path and the file's name
	startLine  int
	startCol   int
	endLine    int
	endCol     int
	statements int
	covered    bool
	place      place
}

// place names a block in a way that outlives changes elsewhere in the file.
type place struct {
	file     string // from the module's root
	function string // with its receiver's type
	text     string // of the line that the block starts in, without the space around it
	nth      int    // of the function's blocks with that text, from 1
}

func (p place) String() string {
	if p.nth == 1 {
		return fmt.Sprintf("%s:%s: %s", p.file, p.function, p.text)
	}
	return fmt.Sprintf("%s:%s/%d: %s", p.file, p.function, p.nth, p.text)
}

// parseProfile reads what go test -coverprofile writes. With -coverpkg a block is there once for each package
// whose tests could reach it, and covered if any of them did. Blocks without a statement are left out.
func parseProfile(text string) (blocks []*block, err error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if !strings.HasPrefix(lines[0], "mode: ") {
		return nil, fmt.Errorf("a profile starts with its mode, this one with %q", lines[0])
	}
	found := map[block]*block{}
	for i, line := range lines[1:] {
		var b block
		count := 0
		file, rest, _ := strings.Cut(line, ":")
		n, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &b.startLine, &b.startCol, &b.endLine, &b.endCol, &b.statements, &count)
		if err != nil || n != 6 {
			return nil, fmt.Errorf("line %d of the profile is no block: %q", i+2, line)
		}
		if b.file = file; b.statements == 0 {
			continue
		}
		if found[b] == nil {
			known := b
			found[b] = &known
			blocks = append(blocks, &known)
		}
		found[b].covered = found[b].covered || count > 0
	}
	slices.SortFunc(blocks, func(a, b *block) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.startLine, b.startLine), cmp.Compare(a.startCol, b.startCol))
	})
	return blocks, nil
}

// locate finds the place of each block in the sources of the module, which are in tree. The blocks have to be in
// order.
func locate(blocks []*block, tree fs.FS) error {
	module, err := moduleOf(tree)
	if err != nil {
		return err
	}
	sources := map[string]*source{}
	times := map[place]int{}
	for _, b := range blocks {
		name := strings.TrimPrefix(b.file, module+"/")
		if sources[name] == nil {
			if sources[name], err = read(tree, name); err != nil {
				return err
			}
		}
		src := sources[name]
		if b.startLine > len(src.lines) {
			return fmt.Errorf("%s has no line %d: the profile is not of this code", name, b.startLine)
		}
		p := place{file: name, function: src.functionAt(b.startLine, b.startCol), text: strings.TrimSpace(src.lines[b.startLine-1])}
		times[p]++
		b.place, b.place.nth = p, times[p]
	}
	return nil
}

func moduleOf(tree fs.FS) (string, error) {
	text, err := fs.ReadFile(tree, "go.mod")
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(strings.TrimPrefix(first, "module ")), nil
}

type source struct {
	lines     []string
	positions *token.FileSet
	functions []*ast.FuncDecl
}

func read(tree fs.FS, name string) (*source, error) {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	s := &source{lines: strings.Split(string(text), "\n"), positions: token.NewFileSet()}
	file, err := parser.ParseFile(s.positions, name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			s.functions = append(s.functions, f)
		}
	}
	return s, nil
}

// functionAt names the function around a position; a function of a variable is "var".
func (s *source) functionAt(line, col int) string {
	for _, f := range s.functions {
		start, end := s.positions.Position(f.Pos()), s.positions.Position(f.End())
		after := cmp.Or(cmp.Compare(line, start.Line), cmp.Compare(col, start.Column)) >= 0
		before := cmp.Or(cmp.Compare(line, end.Line), cmp.Compare(col, end.Column)) < 0
		if after && before {
			return receiver(f) + f.Name.Name
		}
	}
	return "var"
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

// share says how much of a package is covered.
type share struct {
	name                string
	statements, covered int
}

func (s share) percent() float64 { return 100 * float64(s.covered) / float64(s.statements) }

// sharesOf returns the share of each package, by name, and of all of them.
func sharesOf(blocks []*block) []share {
	byName := map[string]share{}
	total := share{name: "all"}
	for _, b := range blocks {
		s := byName[path.Dir(b.file)]
		s.name = path.Dir(b.file)
		s.statements += b.statements
		total.statements += b.statements
		if b.covered {
			s.covered += b.statements
			total.covered += b.statements
		}
		byName[s.name] = s
	}
	var shares []share
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		shares = append(shares, byName[name])
	}
	return append(shares, total)
}

// tooLow says which shares are below the least that is needed.
func tooLow(shares []share) (faults []string) {
	for _, s := range shares {
		if s.percent() < least {
			faults = append(faults, fmt.Sprintf("%s: tests cover %.2f %% of the statements where at least %.0f %% are needed: write some", s.name, s.percent(), least))
		}
	}
	return faults
}
