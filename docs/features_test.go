package docs_test

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// These are the heads of the tables in docs/features.md: with what the Powertools call a feature, and without.
const (
	featuresHead = "| | troupe | Shown in | .NET | Python | TypeScript | Java |"
	onlyHereHead = "| | troupe | Shown in |"
)

// notForUsers are the packages that users reach through others; docs/features.md does not speak of them.
var notForUsers = []string{"batch", "messages", "sources", "response", "actors", "supervisor"}

// exampleOfSimulations is the test that stands for an Example, since its time has to be virtual.
const exampleOfSimulations = "TestOrdersOfACustomerAreShippedInOrder"

// forTests are packages that users import in their tests. They are spoken of, not listed in full.
var forTests = []string{"lambdasim", "lambdasim/check", "lambdasim/runtimeapi", "idempotency/storetest", "redelivery/redeliverytest"}

// feature is a row of docs/features.md.
type feature struct {
	title, ours, shown string
}

var (
	// wholePackage is a package of which a row speaks as a whole.
	wholePackage = regexp.MustCompile("package `(\\w+)`")

	codeSpan  = regexp.MustCompile("`([^`]+)`")
	aName     = regexp.MustCompile(`^([a-z]\w*)\.([A-Z]\w*)(?:\.([A-Z]\w*))?$`)
	funcLink  = regexp.MustCompile("^\\[`(\\w+)`\\]\\(\\.\\./([^)]+)\\)$")
	pageLinks = regexp.MustCompile(`\]\(([^)]+)\)`)
)

// features reads the rows of all tables with one of the heads.
func features(page string) (rows []feature, wrong []string) {
	columns := 0 // of the table
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		switch {
		case line == featuresHead, line == onlyHereHead:
			columns = strings.Count(line, "|") - 1
		case !strings.HasPrefix(line, "|"):
			columns = 0
		case columns > 0 && !strings.HasPrefix(line, "|---"):
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			if len(cells) != columns || slices.Contains(cells, "") {
				wrong = append(wrong, fmt.Sprintf("a row that has not %d filled cells: %s", columns, line))
				continue
			}
			rows = append(rows, feature{cells[0], cells[1], cells[2]})
		}
	}
	return rows, wrong
}

// names returns what of a cell is the name of something exported, such as "troupe.Retry.Times".
func names(cell string) (found []string) {
	for _, span := range codeSpan.FindAllStringSubmatch(cell, -1) {
		if aName.MatchString(span[1]) {
			found = append(found, span[1])
		}
	}
	return found
}

// surface is what a package exports: its names, and the members of its types.
type surface struct {
	names   map[string]bool
	members map[string]map[string]bool
	aliases map[string]string // name of a type -> "package.Name" that it stands for
}

// libraryFiles returns the files of a package of the library, tests left out.
func libraryFiles(t *testing.T, pkg string) (files []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
	require.NoError(t, err)
	for _, file := range all {
		if !strings.HasSuffix(file, "_test.go") {
			files = append(files, file)
		}
	}
	require.NotEmpty(t, files, pkg)
	return files
}

// surfaceOf reads what the package in a directory exports.
func surfaceOf(t *testing.T, dir string) (pkg string, s surface) {
	t.Helper()
	s = surface{map[string]bool{}, map[string]map[string]bool{}, map[string]string{}}
	add := func(of, member string) {
		if s.members[of] == nil {
			s.members[of] = map[string]bool{}
		}
		s.members[of][member] = true
	}
	for _, name := range libraryFiles(t, dir) {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		pkg = file.Name.Name
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				switch {
				case !f.Name.IsExported():
				case f.Recv == nil:
					s.names[f.Name.Name] = true
				default:
					add(receiver(f.Recv.List[0].Type).Name, f.Name.Name)
				}
				continue
			}
			for _, spec := range d.(*ast.GenDecl).Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, n := range spec.Names {
						s.names[n.Name] = n.IsExported()
					}
				case *ast.TypeSpec:
					s.names[spec.Name.Name] = spec.Name.IsExported()
					switch of := spec.Type.(type) {
					case *ast.SelectorExpr:
						s.aliases[spec.Name.Name] = fmt.Sprint(of.X, ".", of.Sel)
					case *ast.StructType:
						for _, field := range of.Fields.List {
							for _, n := range field.Names {
								add(spec.Name.Name, n.Name)
							}
						}
					}
				}
			}
		}
	}
	maps.DeleteFunc(s.names, func(_ string, exported bool) bool { return !exported })
	return pkg, s
}

// knows tells whether a name such as "troupe.Retry.Times" is exported by one of the packages.
func knows(packages map[string]surface, name string) bool {
	part := aName.FindStringSubmatch(name)
	s, ok := packages[part[1]]
	switch {
	case !ok || !s.names[part[2]]:
		return false
	case part[3] == "" || s.members[part[2]][part[3]]:
		return true
	}
	alias, ok := s.aliases[part[2]]
	return ok && knows(packages, alias+"."+part[3])
}

// userPackages are the directories of the packages that users import.
func userPackages(t *testing.T) (dirs []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		dir, err := filepath.Rel("..", path)
		if err != nil {
			return err
		}
		switch {
		case dir != "." && strings.HasPrefix(entry.Name(), "."), entry.Name() == "testdata", slices.Contains(forTests, filepath.ToSlash(dir)), slices.Contains([]string{"test", "cmd", "docs", "examples", "internal", "lambdasim", "tools"}, dir),
			slices.Contains(notForUsers, filepath.ToSlash(dir)), dir != "." && fileExists(filepath.Join(path, "go.mod")):
			return filepath.SkipDir
		}
		if files, err := filepath.Glob(filepath.Join(path, "*.go")); err != nil || len(files) == 0 {
			return err
		}
		dirs = append(dirs, filepath.ToSlash(dir))
		return nil
	}))
	require.Subset(t, dirs, []string{".", "typed", "observe/emf"})
	return dirs
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// declared are the functions that a test file declares, and which examples' output is compared.
func declared(file string) (funcs, compared map[string]bool, err error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, parser.ParseComments)
	if err != nil {
		return nil, nil, err
	}
	funcs, compared = map[string]bool{}, map[string]bool{}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
			funcs[f.Name.Name] = true
		}
	}
	for _, e := range doc.Examples(parsed) {
		compared["Example"+e.Name] = e.Output != "" || e.EmptyOutput
	}
	return funcs, compared, nil
}

// wrongLinks says what is wrong with the functions that a cell links: an Example and a test at least.
func wrongLinks(cell string) (wrong []string) {
	examples, tests := 0, 0
	for link := range strings.SplitSeq(cell, ", ") {
		part := funcLink.FindStringSubmatch(link)
		if part == nil {
			wrong = append(wrong, link+" is no link to a function")
			continue
		}
		name, file := part[1], part[2]
		funcs, compared, err := declared(file)
		switch {
		case err != nil:
			wrong = append(wrong, err.Error())
		case !strings.HasSuffix(file, "_test.go"):
			wrong = append(wrong, file+" is no file of tests")
		case !funcs[name]:
			wrong = append(wrong, file+" has no "+name)
		case strings.HasPrefix(name, "Example") && !compared[name]:
			wrong = append(wrong, name+" has no output to compare")
		case strings.HasPrefix(name, "Example"), name == exampleOfSimulations:
			examples++
		case strings.HasPrefix(name, "Test"), strings.HasPrefix(name, "Fuzz"):
			tests++
		default:
			wrong = append(wrong, name+" is no Example and no test")
		}
	}
	if len(wrong) == 0 && (examples == 0 || tests == 0) {
		wrong = append(wrong, fmt.Sprintf("%d Examples and %d tests in %s", examples, tests, cell))
	}
	return wrong
}

// wrongFeatures says what is wrong with the rows, given what the packages export.
func wrongFeatures(rows []feature, packages map[string]surface) (wrong []string) {
	foreign := []string{"errors.", "lambdacontext."}
	for _, row := range rows {
		if row.ours == "–" {
			if row.shown != "–" {
				wrong = append(wrong, row.title+": a test of what there is not")
			}
			continue
		}
		for _, name := range names(row.ours) {
			if !knows(packages, name) && !slices.ContainsFunc(foreign, func(p string) bool { return strings.HasPrefix(name, p) }) {
				wrong = append(wrong, name+" is not exported")
			}
		}
		wrong = append(wrong, wrongLinks(row.shown)...)
	}
	return wrong
}

// surfaces reads what the packages in the directories export, by package name.
func surfaces(t *testing.T, dirs ...string) map[string]surface {
	t.Helper()
	packages := map[string]surface{}
	for _, dir := range dirs {
		pkg, s := surfaceOf(t, dir)
		require.NotContains(t, packages, pkg, "the names in the table tell packages apart")
		packages[pkg] = s
	}
	return packages
}

func featuresPage(t *testing.T) (page string, rows []feature) {
	t.Helper()
	text, err := os.ReadFile("features.md")
	require.NoError(t, err)
	rows, wrong := features(string(text))
	require.Empty(t, wrong)
	require.Greater(t, len(rows), 50)
	return string(text), rows
}

// Each feature of docs/features.md has a name that exists, an Example whose output is compared, and a test.
func TestEveryFeatureHasANameAnExampleAndATest(t *testing.T) {
	page, rows := featuresPage(t)
	packages := surfaces(t, slices.Concat(userPackages(t), notForUsers, forTests)...)
	for _, wrong := range wrongFeatures(rows, packages) {
		t.Error(wrong)
	}
	titles := map[string]bool{}
	for _, row := range rows {
		assert.False(t, titles[row.title], "%s: two rows", row.title)
		titles[row.title] = true
	}
	for _, link := range pageLinks.FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(link[1], "https://") {
			assert.FileExists(t, link[1])
		}
	}
}

// Conversely nothing that users can reach is left out: each name, or its package as a whole, has a row.
func TestEverythingExportedIsAFeature(t *testing.T) {
	_, rows := featuresPage(t)
	told := map[string]bool{}
	for _, row := range rows {
		for _, pkg := range wholePackage.FindAllStringSubmatch(row.ours, -1) {
			told[pkg[1]] = true
		}
		for _, name := range names(row.ours) {
			told[name] = true
		}
	}
	for pkg, s := range surfaces(t, userPackages(t)...) {
		for name := range s.names {
			assert.True(t, told[pkg] || told[pkg+"."+name], "docs/features.md does not speak of %s.%s", pkg, name)
		}
	}
}

// The tests above would find a mistake.
func TestAMistakeAmongTheFeaturesIsFound(t *testing.T) {
	packages := surfaces(t, ".", "batch")
	row := func(ours string, shown ...string) string {
		return fmt.Sprintf("%s\n|---|---|---|---|---|---|---|\n| a | %s | %s | – | – | – | – |\n", featuresHead, ours, strings.Join(shown, ", "))
	}
	const (
		example = "[`ExampleRetry`](../example_test.go)"
		test    = "[`TestOnlyWhatMayBeRetriedIs`](../test/semantics/handlers_test.go)"
	)
	for _, c := range []struct{ name, page, wrong string }{
		{"nothing", row("`troupe.Retry`, `troupe.Retry.Times`, `troupe.Report.String`, `troupe.Result.ID`, `POWERTOOLS_X`", example, test), ""},
		{"nothing of ours", row("–", "–"), ""},
		{"no such name", row("`troupe.Again`", example, test), "troupe.Again is not exported"},
		{"no such package", row("`trope.Retry`", example, test), "trope.Retry is not exported"},
		{"no such field", row("`troupe.Retry.Often`", example, test), "troupe.Retry.Often is not exported"},
		{"no such method of an alias", row("`troupe.Report.Sing`", example, test), "troupe.Report.Sing is not exported"},
		{"a name that only the unexported have", row("`troupe.Settings`", example, test), "troupe.Settings is not exported"},
		{"nothing shown", row("`troupe.Retry`", "–"), "– is no link to a function"},
		{"no example", row("`troupe.Retry`", test), "0 Examples and 1 tests"},
		{"no test", row("`troupe.Retry`", example), "1 Examples and 0 tests"},
		{"a test of nothing", row("–", test), "a: a test of what there is not"},
		{"no such test", row("`troupe.Retry`", example, "[`TestNone`](../test/semantics/handlers_test.go)"), "test/semantics/handlers_test.go has no TestNone"},
		{"no such file", row("`troupe.Retry`", example, "[`TestNone`](../test/semantics/none_test.go)"), "no such file"},
		{"a function that is no test", row("`troupe.Retry`", example, "[`panicked`](../test/semantics/options_test.go)"), "panicked is no Example and no test"},
		{"a cell too few", strings.Replace(row("–", "–"), "| – |", "|", 1), "7 filled cells"},
		{"an empty cell", strings.Replace(row("–", "–"), "| – |", "| |", 1), "7 filled cells"},
		{"nothing only here", onlyHereHead + "\n|---|---|---|\n| a | `troupe.Retry` | " + example + ", " + test + " |\n", ""},
		{"no such name only here", onlyHereHead + "\n|---|---|---|\n| a | `troupe.Again` | " + example + ", " + test + " |\n", "troupe.Again is not exported"},
		{"a cell too many only here", onlyHereHead + "\n|---|---|---|\n| a | – | – | – |\n", "3 filled cells"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, wrong := features(c.page)
			wrong = append(wrong, wrongFeatures(rows, packages)...)
			if c.wrong == "" {
				assert.Empty(t, wrong)
				return
			}
			require.Len(t, wrong, 1)
			assert.Contains(t, wrong[0], c.wrong)
		})
	}
}
