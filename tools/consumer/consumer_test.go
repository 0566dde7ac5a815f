package main

import (
	"archive/zip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// small is a library with a nested module and a command, as the tree is one.
var small = map[string]string{
	"LICENSE":    "Anyone may do anything.\n",
	".gitignore": "ignored.go\n",
	"go.mod":     "module github.com/troupe-go/small\n\ngo 1.26.0\n",
	"small.go":   "package small\n\nconst Answer = 42\n",
	"cmd/demo/troupe/main.go": `package main

import (
	"fmt"
	"runtime/debug"
)

func main() {
	info, _ := debug.ReadBuildInfo()
	fmt.Println(info.Main.Version)
}
`,
	"nested/go.mod":  "module github.com/troupe-go/small/nested\n\ngo 1.26.0\n\nrequire github.com/troupe-go/small v0.0.0\n\nreplace github.com/troupe-go/small => ../\n",
	"nested/code.go": "package nested\n\nimport \"github.com/troupe-go/small\"\n\nconst Twice = 2 * small.Answer\n",
	"tools/go.mod":   "module github.com/troupe-go/small/tools\n\ngo 1.26.0\n",
}

// repository commits the files, lets the nested module require that commit, and then writes the changes.
func repository(t *testing.T, changes map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	write(t, root, small)
	run := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return strings.TrimSpace(string(out))
	}
	run("init", "-q")
	run("add", ".")
	run("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "first")
	mod := strings.Replace(small["nested/go.mod"], "v0.0.0", "v0.0.0-20260101000000-"+run("rev-parse", "HEAD")[:12], 1)
	write(t, root, map[string]string{"nested/go.mod": mod})
	write(t, root, changes)
	return root
}

func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
}

// SPEC 1: a tree that only compiles where it lies is found.
func TestWhatOnlyCompilesInTheTreeIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		changes map[string]string
		wrong   string
	}{
		"as it is": {nil, ""},
		"a file that git ignores": {map[string]string{
			"small.go": "package small\n\nconst Answer = theAnswer\n", "ignored.go": "package small\n\nconst theAnswer = 42\n",
		}, "undefined: theAnswer"},
		"a nested module that needs more of the library than it requires": {map[string]string{
			"small.go":       small["small.go"] + "\nconst Question = 6 * 9\n",
			"nested/code.go": strings.Replace(small["nested/code.go"], "Answer", "Question", 1),
		}, "its go.mod requires"},
		"a replace directive in the library": {map[string]string{
			"go.mod": small["go.mod"] + "\nreplace example.com/x => ./x\n",
		}, "must not contain"},
		"a file name that no zip may have": {map[string]string{"a:b.txt": ""}, "malformed file path"},
		"no package to import": {map[string]string{"small.go": "package main\n\nfunc main() {}\n", "nested/code.go": "package nested\n"},
			"has no package to import"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := consume(repository(t, c.changes), fstest.MapFS{}, io.Discard)
			if c.wrong == "" {
				require.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, c.wrong)
			}
		})
	}
}

func TestTheModulesOfTheTreeAreThoseThatUsersRequire(t *testing.T) {
	modules, err := modulesOf("../..")
	require.NoError(t, err)
	var paths []string
	for _, m := range modules {
		paths = append(paths, m.path())
	}
	assert.Equal(t, []string{"github.com/troupe-go/troupe", "github.com/troupe-go/troupe/aws", "github.com/troupe-go/troupe/redis"}, paths)
}

func TestAProxyServesTheModuleAndNothingElse(t *testing.T) {
	root := repository(t, map[string]string{"ignored.go": "package small\n"})
	modules, err := modulesOf(root)
	require.NoError(t, err)
	require.Len(t, modules, 2)
	proxy := t.TempDir()
	for _, m := range modules {
		require.NoError(t, publish(proxy, root, m, version))
	}
	paths, err := packagesOf(proxy, modules[0], version)
	require.NoError(t, err)
	assert.Equal(t, []string{"github.com/troupe-go/small"}, paths)
	r, err := zip.OpenReader(filepath.Join(proxy, "github.com/troupe-go/small/nested/@v", version+".zip"))
	require.NoError(t, err)
	defer r.Close()
	var names []string
	for _, f := range r.File {
		names = append(names, strings.TrimPrefix(f.Name, "github.com/troupe-go/small/nested@"+version+"/"))
	}
	assert.ElementsMatch(t, []string{"LICENSE", "go.mod", "code.go"}, names)
}
