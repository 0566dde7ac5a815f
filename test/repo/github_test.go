package repo_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// readYAML reads a file of .github.
func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, ".github", name))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into), name)
}

var (
	uses   = regexp.MustCompile(`(?m)^\s*-?\s*uses:\s*(.+)$`)
	pinned = regexp.MustCompile(`^[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
)

// A tag can be moved to other code; a commit cannot.
func TestActionsArePinnedByCommit(t *testing.T) {
	workflows, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	require.NoError(t, err)
	n := 0
	for _, file := range workflows {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range uses.FindAllStringSubmatch(string(text), -1) {
			assert.Regexp(t, pinned, m[1], file)
			n++
		}
	}
	assert.Positive(t, n)
	for _, wrong := range []string{"actions/checkout@v7", "actions/checkout@3d3c42e # v7.0.1", "actions/checkout@" + strings.Repeat("0", 40)} {
		assert.NotRegexp(t, pinned, wrong)
	}
}

func TestDependabotKnowsEveryModuleAndGroupsUpdates(t *testing.T) {
	var config struct {
		Updates []struct {
			Ecosystem   string `yaml:"package-ecosystem"`
			Directory   string
			Directories []string
			Groups      map[string]any
		}
	}
	readYAML(t, "dependabot.yml", &config)
	var modules, actions []string
	for _, u := range config.Updates {
		assert.NotEmpty(t, u.Groups, u.Ecosystem)
		switch u.Ecosystem {
		case "gomod":
			modules = append(modules, u.Directories...)
		case "github-actions":
			actions = append(actions, u.Directory)
		}
	}
	assert.Equal(t, []string{"/"}, actions)
	var all []string
	require.NoError(t, filepath.WalkDir(root, func(name string, _ os.DirEntry, err error) error {
		if filepath.Base(name) == "go.mod" && !strings.Contains(name, "testdata") {
			relative, relErr := filepath.Rel(root, filepath.Dir(name))
			require.NoError(t, relErr)
			all = append(all, path.Join("/", filepath.ToSlash(relative)))
		}
		return err
	}))
	assert.ElementsMatch(t, all, modules)
}

// What a report of a bug has to contain for someone to find it.
func TestTheFormForBugsAsksForWhatIsNeeded(t *testing.T) {
	type form struct {
		Name, Description string
		Body              []struct {
			Type, ID    string
			Attributes  struct{ Label, Description string }
			Validations struct{ Required bool }
		}
	}
	var bug form
	readYAML(t, "ISSUE_TEMPLATE/bug.yml", &bug)
	var required []string
	for _, field := range bug.Body {
		if field.Validations.Required {
			required = append(required, field.ID)
		}
		if field.Type != "markdown" {
			assert.NotEmpty(t, field.ID)
			assert.NotEmpty(t, field.Attributes.Label)
		}
	}
	for _, id := range []string{"source", "policy", "function-response-types", "warn"} {
		assert.True(t, slices.Contains(required, id), "the form has to ask for %s", id)
	}
	forms, err := filepath.Glob(filepath.Join(root, ".github/ISSUE_TEMPLATE/*.yml"))
	require.NoError(t, err)
	for _, file := range forms {
		if name := filepath.Base(file); name != "config.yml" {
			var f form
			readYAML(t, "ISSUE_TEMPLATE/"+name, &f)
			assert.NotEmpty(t, f.Name, name)
			assert.NotEmpty(t, f.Description, name)
			assert.NotEmpty(t, f.Body, name)
		}
	}
}
