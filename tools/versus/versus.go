package main

import (
	"archive/tar"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

const (
	troupe  = "github.com/troupe-go/troupe"
	renamed = "base.example/troupe" // the base, so that both fit into one program
)

// goMod is the go.mod of the program, with the module paths of both versions and the folders of the library and of this
// module, which has the events.
const goMod = `module versus

go 1.26

require (
	%[1]s v0.0.0
	%[2]s v0.0.0
	%[2]s/tools v0.0.0
)

replace (
	%[1]s => ./base
	%[2]s => %[3]q
	%[2]s/tools => %[4]q
)
`

//go:embed program.go.txt
var program []byte

// versus builds the program from the library in root and from base, and runs it with flags. base is a directory, or a
// commit of the repository of root.
func versus(root, base string, flags []string, out io.Writer) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "versus")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	files, err := filesOf(root, base)
	if err != nil {
		return err
	}
	if err := errors.Join(
		writeBase(filepath.Join(dir, "base"), files),
		os.WriteFile(filepath.Join(dir, "main.go"), program, 0o600),
		os.WriteFile(filepath.Join(dir, "go.mod"), fmt.Appendf(nil, goMod, renamed, troupe, root, filepath.Join(root, "tools")), 0o600),
		copyFile(filepath.Join(dir, "go.sum"), filepath.Join(root, "tools", "go.sum")),
	); err != nil {
		return err
	}
	if err := run(dir, out, "go", "build", "-mod=mod", "-o", "versus", "."); err != nil {
		return err
	}
	return run(dir, out, filepath.Join(dir, "versus"), flags...)
}

// filesOf returns the files of the base by path.
func filesOf(root, base string) (map[string][]byte, error) {
	if info, err := os.Stat(base); err == nil && info.IsDir() {
		return filesIn(os.DirFS(base))
	}
	var archive, complaint bytes.Buffer
	git := exec.Command("git", "-C", root, "archive", "--format=tar", base)
	git.Stdout, git.Stderr = &archive, &complaint
	if err := git.Run(); err != nil {
		return nil, fmt.Errorf("%s is neither a directory nor a commit: %w: %s", base, err, bytes.TrimSpace(complaint.Bytes()))
	}
	files := make(map[string][]byte)
	for r := tar.NewReader(&archive); ; {
		header, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag == tar.TypeReg && needed(header.Name) {
			if files[header.Name], err = io.ReadAll(r); err != nil {
				return nil, err
			}
		}
	}
}

func filesIn(tree fs.FS) (map[string][]byte, error) {
	files := make(map[string][]byte)
	return files, fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && needed(name) {
			files[name], err = fs.ReadFile(tree, name)
		}
		return err
	})
}

// needed reports whether the library needs a file: go.mod, or a source outside of commands, tests and nested modules.
func needed(name string) bool {
	switch top, _, _ := strings.Cut(name, "/"); top {
	case "go.mod":
		return true
	case "aws", "cmd", "docs", "examples", "redis", "test", "tools":
		return false
	}
	return path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go")
}

// writeBase writes the files of the base with another module path.
func writeBase(dir string, files map[string][]byte) error {
	for name, content := range files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(to, bytes.ReplaceAll(content, []byte(troupe), []byte(renamed)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}

func run(dir string, out io.Writer, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, os.Stderr
	cmd.Env = append(os.Environ(), "GOWORK=off")
	return cmd.Run()
}
