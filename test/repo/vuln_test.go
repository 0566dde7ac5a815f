package repo_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// make vuln says whether it has checked. A database that cannot be reached fails it on GitHub alone.
func TestVulnSaysWhetherItHasChecked(t *testing.T) {
	const unreachable = `echo 'govulncheck: fetching vulnerabilities: Get "https://vuln.go.dev/index/modules.json.gz": no such host'; exit 1`
	for name, c := range map[string]struct {
		govulncheck, onGitHub string
		passes, notChecked    bool
	}{
		"nothing is found":                  {`echo No vulnerabilities found.`, "true", true, false},
		"something is found":                {`echo Vulnerability 1: GO-2026-1; exit 3`, "", false, false},
		"no database":                       {unreachable, "", true, true},
		"no database, on GitHub":            {unreachable, "true", false, true},
		"another mistake":                   {`echo package x is not in std; exit 1`, "", false, false},
		"found, and the database is quoted": {`echo Vulnerability 1: GO-2026-1, about fetching; exit 3`, "true", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+c.govulncheck+"\n"), 0o700))
			cmd := exec.Command("make", "vuln")
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "PATH="+dir+string(filepath.ListSeparator)+os.Getenv("PATH"), "GITHUB_ACTIONS="+c.onGitHub)
			out, err := cmd.CombinedOutput()
			assert.Equal(t, c.passes, err == nil, "%s", out)
			if c.notChecked {
				assert.Contains(t, string(out), "NOT CHECKED")
			} else {
				assert.NotContains(t, string(out), "NOT CHECKED")
			}
		})
	}
}
