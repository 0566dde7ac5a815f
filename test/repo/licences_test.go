package repo_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const licences = root + "/docs/licences.md"

// permissive are the licences that whatever is linked into a function may have.
var permissive = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "ISC"}

// What is linked into a function has a permissive licence, and docs/licences.md is the list of it.
func TestEverythingLinkedHasAPermissiveLicence(t *testing.T) {
	text := `# What a function links

The modules that package troupe links into a function, by licence. Nearly all are protoactor-go's; go.mod has the versions. A test compares the
list with the linked modules.

`
	byLicence := map[string][]string{}
	for _, m := range linkedModules(t) {
		name := licenceOf(t, m.Dir)
		assert.Contains(t, permissive, name, m.Path)
		byLicence[name] = append(byLicence[name], m.Path)
	}
	for _, name := range slices.Sorted(maps.Keys(byLicence)) {
		text += fmt.Sprintf("- **%s**: %s\n", name, strings.Join(byLicence[name], ", "))
	}
	if os.Getenv("UPDATE_LICENCES") != "" {
		require.NoError(t, os.WriteFile(licences, []byte(text), 0o644))
	}
	listed, err := os.ReadFile(licences)
	require.NoError(t, err)
	assert.Equal(t, text, string(listed), "UPDATE_LICENCES=1 go test ./test/repo -run Licence writes it anew")
}

type linkedModule struct {
	Path, Dir string
	Main      bool
}

// linkedModules returns the modules that package troupe is built of, in the order of their paths.
func linkedModules(t *testing.T) (modules []linkedModule) {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=Module", module)
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	byPath := map[string]linkedModule{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p struct{ Module *linkedModule }
		require.NoError(t, decoder.Decode(&p))
		if p.Module != nil && !p.Module.Main {
			byPath[p.Module.Path] = *p.Module
		}
	}
	require.Contains(t, byPath, protoactor)
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		modules = append(modules, byPath[path])
	}
	return modules
}

// licenceOf returns the SPDX name of the licence in a module's folder.
func licenceOf(t *testing.T, dir string) string {
	t.Helper()
	for _, name := range []string{"LICENSE", "LICENSE.txt", "LICENSE.md", "COPYING"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		found := licensecheck.Scan(text)
		require.NotEmpty(t, found.Match, "%s of %s is of no known licence", name, dir)
		return found.Match[0].ID
	}
	require.Fail(t, "no licence", dir)
	return ""
}
