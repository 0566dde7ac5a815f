package repo_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const advisories = root + "/docs/advisories.md"

// advisory is a row of the table.
type advisory struct{ ids, module, clean string }

var (
	advisoryRow = regexp.MustCompile(`(?m)^\| ((?:CVE|GHSA|GO)-[^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| [^|]+ \|$`)
	readOn      = regexp.MustCompile(`Read on (\d{4}-\d\d-\d\d)`)
)

// readAdvisories returns the rows of docs/advisories.md.
func readAdvisories(t *testing.T, page string) (rows []advisory) {
	t.Helper()
	day := readOn.FindStringSubmatch(page)
	require.NotNil(t, day, "the page says when it was read")
	read, err := time.Parse(time.DateOnly, day[1])
	require.NoError(t, err)
	for _, row := range advisoryRow.FindAllStringSubmatch(page, -1) {
		published, err := time.Parse(time.DateOnly, row[2])
		require.NoError(t, err, row[1])
		require.False(t, published.After(read), "%s: was published after the table was read", row[1])
		rows = append(rows, advisory{row[1], row[3], row[4]})
	}
	require.Len(t, rows, strings.Count(page, "\n| ")-1, "every row but the head is understood")
	return rows
}

// tooOld returns what is linked in a version that an advisory applies to.
func tooOld(t *testing.T, rows []advisory, linked map[string][]string) (found []string) {
	t.Helper()
	for _, row := range rows {
		for _, version := range linked[row.module] {
			if older(t, version, row.clean) {
				found = append(found, row.module+" "+version+": "+row.ids+", clean since "+row.clean)
			}
		}
	}
	return found
}

// older reports whether a version of a module is before another. A pre-release is before its release.
func older(t *testing.T, version, than string) bool {
	t.Helper()
	numbers := func(version string) []int {
		release, pre, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
		release, _, _ = strings.Cut(release, "+")
		var list []int
		for part := range strings.SplitSeq(release, ".") {
			n, err := strconv.Atoi(part)
			require.NoError(t, err, "%q is no version", version)
			list = append(list, n)
		}
		require.Len(t, list, 3, "%q is no version", version)
		if pre != "" {
			return append(list, 0)
		}
		return append(list, 1)
	}
	return slices.Compare(numbers(version), numbers(than)) < 0
}

// No module that functions, nested modules or tools link is of a version that a known advisory
// applies to. It is the list of those that are known here; make vuln asks the database.
func TestNothingLinkedHasAKnownAdvisory(t *testing.T) {
	page, err := os.ReadFile(advisories)
	require.NoError(t, err)
	rows := readAdvisories(t, string(page))
	linked := map[string][]string{}
	for _, file := range moduleFiles(t) {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", "./...")
		cmd.Dir = filepath.Dir(file)
		cmd.Env = append(os.Environ(), "GOWORK=off")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, "%s: %s", cmd.Dir, &stderr)
		for line := range strings.Lines(string(out)) {
			if path, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !slices.Contains(linked[path], version) {
				linked[path] = append(linked[path], version)
			}
		}
	}
	assert.Contains(t, linked, protoactor)
	assert.Empty(t, tooOld(t, rows, linked))
	for _, row := range rows {
		assert.Contains(t, linked, row.module, "nothing links it any more; its row can go: %s", slices.Sorted(maps.Keys(linked)))
	}
}

// The test above would find an old version, also among several.
func TestAnOldVersionIsFound(t *testing.T) {
	rows := []advisory{{"CVE-1", "example.com/a", "v1.47.0"}, {"CVE-2", "example.com/b", "v0.50.0"}}
	for version, clean := range map[string]bool{
		"v1.21.0": false, "v1.46.9": false, "v1.47.0-rc.1": false, "v0.0.0-20240822202345-3c0e61ca19c9": false,
		"v1.47.0": true, "v1.47.1-0.20261001000000-3c0e61ca19c9": true, "v1.100.0": true, "v2.0.0+incompatible": true,
	} {
		found := tooOld(t, rows, map[string][]string{"example.com/a": {"v1.50.0", version}})
		assert.Equal(t, clean, len(found) == 0, version)
	}
	assert.Empty(t, tooOld(t, rows, map[string][]string{"example.com/c": {"v0.0.1"}}))
}
