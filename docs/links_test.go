package docs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	notInAnchors = regexp.MustCompile("[^a-z0-9 _-]")
	code         = regexp.MustCompile("(?s)```.*?```|`[^`\n]+`")
	links        = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// anchors returns the anchors that GitHub gives the headings of a page.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(page) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			anchor := notInAnchors.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			found[strings.ReplaceAll(anchor, " ", "-")] = true
		}
	}
	return found
}

// brokenLinks returns the relative links of a page that lead nowhere.
func brokenLinks(path string) (broken []string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return []string{err.Error()}
	}
	for _, link := range links.FindAllStringSubmatch(code.ReplaceAllString(string(text), ""), -1) {
		if strings.Contains(link[1], "://") {
			continue
		}
		file, anchor, _ := strings.Cut(link[1], "#")
		target := path
		if file != "" {
			target = filepath.Join(filepath.Dir(path), file)
		}
		if _, err := os.Stat(target); err != nil {
			broken = append(broken, fmt.Sprintf("%s: %s: no such file", path, link[1]))
			continue
		}
		if anchor == "" {
			continue
		}
		if page, err := os.ReadFile(target); err != nil || !anchors(string(page))[anchor] {
			broken = append(broken, fmt.Sprintf("%s: %s: no such heading", path, link[1]))
		}
	}
	return broken
}

// Every relative link leads to a file, and its anchor to a heading.
func TestLinksLeadSomewhere(t *testing.T) {
	pages := []string{"../README.md", "../CONTRIBUTING.md", "../SECURITY.md", "../CHANGELOG.md", "../examples/README.md"}
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			pages = append(pages, path)
		}
		return err
	}))
	for _, page := range pages {
		assert.Empty(t, brokenLinks(page))
	}
}

// The test above would find a broken link.
func TestABrokenLinkIsFound(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(page, []byte("## To `Go`, or not\n[a](#to-go-or-not) [b](#nothing) [c](none.md) [d](page.md#to-go-or-not) [e](https://example.com)\n"), 0o600))
	assert.Equal(t, []string{page + ": #nothing: no such heading", page + ": none.md: no such file"}, brokenLinks(page))
}
