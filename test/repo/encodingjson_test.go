package repo_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mayHoldErrorsOfJSON has the files that may do more with an error of encoding/json than see that there is one, and why.
var mayHoldErrorsOfJSON = map[string]string{
	"internal/jsonfault/jsonfault.go": "it turns such errors into words of troupe's own",
	"sources/plain.go":                "decodePlain is asked for the types that aws-lambda-go returns, and prints none of them",
	"typed/json.go":                   "a Decoder of the user's may return such errors, and they are replaced by those of internal/jsonfault",
}

// SPEC S9: errors of encoding/json quote what they could not decode, since Go 1.27 the keys of maps too, and their
// texts and offsets differ between versions of Go. So in what users run nothing but internal/jsonfault looks at them:
// everywhere else the error of json.Unmarshal is compared with nil and let go.
func TestErrorsOfEncodingJSONStayInOnePlace(t *testing.T) {
	files := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			if name == "tools" || name == "test" || name == "examples" || strings.HasPrefix(entry.Name(), ".") && name != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		if _, ok := mayHoldErrorsOfJSON[name]; !ok {
			assert.Empty(t, heldErrorsOfJSON(t, name, nil))
		}
		return nil
	}))
	assert.Greater(t, files, 100)
}

func TestAnErrorOfEncodingJSONThatIsHeldIsFound(t *testing.T) {
	for _, body := range []string{
		`err := json.Unmarshal(b, &v); return err`, `return json.Unmarshal(b, &v)`, `return fmt.Errorf("%w", json.Unmarshal(b, &v))`,
		`if err := json.Unmarshal(b, &v); err != nil { return err }; return nil`, `switch err := json.Unmarshal(b, &v); { case err != nil: }; return nil`,
		`var e *json.SyntaxError; return e`, `e, _ := errors.AsType[*json.UnmarshalTypeError](err); return e`,
	} {
		assert.NotEmpty(t, heldErrorsOfJSON(t, "a.go", "package a\nfunc f(b []byte) error {"+body+"}"), body)
	}
	for _, body := range []string{`if json.Unmarshal(b, &v) != nil { return nil }; return nil`, `_ = json.Unmarshal(b, &v); return nil`, `return raw == nil || json.Unmarshal(b, &v) == nil`} {
		assert.Empty(t, heldErrorsOfJSON(t, "a.go", "package a\nfunc f(b []byte) error {"+body+"}"), body)
	}
}

// heldErrorsOfJSON returns the places of a file where an error of json.Unmarshal is more than compared with nil, or
// where a type of encoding/json's errors is named.
func heldErrorsOfJSON(t *testing.T, name string, text any) (places []string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, filepath.Join(root, name), text, parser.SkipObjectResolution)
	require.NoError(t, err)
	let := map[ast.Node]bool{} // calls whose error is let go
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			let[n.X] = true
		case *ast.AssignStmt:
			if to, ok := n.Lhs[0].(*ast.Ident); ok && to.Name == "_" {
				let[n.Rhs[0]] = true
			}
		case *ast.CallExpr:
			if isJSON(n.Fun, "Unmarshal") && !let[n] {
				places = append(places, set.Position(n.Pos()).String())
			}
		case *ast.SelectorExpr:
			if isJSON(n, "SyntaxError") || isJSON(n, "UnmarshalTypeError") {
				places = append(places, set.Position(n.Pos()).String())
			}
		}
		return true
	})
	return places
}

func isJSON(e ast.Expr, name string) bool {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	of, ok := selector.X.(*ast.Ident)
	return ok && of.Name == "json"
}
