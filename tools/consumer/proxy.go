package main

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"
)

// unpublished are the folders whose modules nobody requires.
var unpublished = []string{"tools", "examples"}

// published is a module of the tree.
type published struct {
	folder string // "." or the folder of a nested module
	mod    *modfile.File
	sums   []byte // its go.sum
}

func (p published) path() string { return p.mod.Module.Mod.Path }

// modulesOf returns the modules of the tree that users require, the library first.
func modulesOf(root string) (modules []published, err error) {
	files, err := tracked(root)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		first, _, _ := strings.Cut(file, "/")
		if path.Base(file) != "go.mod" || slices.Contains(unpublished, first) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return nil, err
		}
		m := published{folder: path.Dir(file)}
		if m.mod, err = modfile.Parse(file, text, nil); err != nil {
			return nil, err
		}
		if m.sums, err = os.ReadFile(filepath.Join(root, m.folder, "go.sum")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b published) int { return strings.Compare(a.folder, b.folder) })
	if len(modules) == 0 || modules[0].folder != "." {
		return nil, fmt.Errorf("%s has no go.mod", root)
	}
	return modules, nil
}

// tracked returns the files that a commit of the tree as it is now would have.
func tracked(root string) (files []string, err error) {
	out, err := git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	for _, file := range strings.Split(strings.Trim(out, "\x00"), "\x00") {
		if _, err := os.Lstat(filepath.Join(root, file)); err == nil {
			files = append(files, file)
		}
	}
	return files, nil
}

// publish puts a module of the tree into the file proxy under the given version.
func publish(proxy, root string, m published, version string) error {
	files, err := tracked(root)
	if err != nil {
		return err
	}
	var zipped []modzip.File
	licensed := false
	for _, file := range files {
		name := file
		if m.folder != "." {
			var inside bool
			if name, inside = strings.CutPrefix(file, m.folder+"/"); !inside {
				continue
			}
		}
		licensed = licensed || name == "LICENSE"
		zipped = append(zipped, onDisk{name, filepath.Join(root, file)})
	}
	// A nested module without a license of its own gets that of the repository, from the go command too.
	if !licensed && slices.Contains(files, "LICENSE") {
		zipped = append(zipped, onDisk{"LICENSE", filepath.Join(root, "LICENSE")})
	}
	text, err := m.mod.Format()
	if err != nil {
		return err
	}
	return store(proxy, module.Version{Path: m.path(), Version: version}, text, func(w io.Writer) error {
		return modzip.Create(w, module.Version{Path: m.path(), Version: version}, zipped)
	})
}

// publishCommit puts the library as it was at the commit of a pseudo-version into the file proxy. It reports false if the
// repository has no such commit.
func publishCommit(proxy, root string, v module.Version) (bool, error) {
	revision, err := module.PseudoVersionRev(v.Version)
	if err != nil {
		return false, nil // a tagged version, which the proxy has
	}
	if _, err := git(root, "cat-file", "-e", revision+"^{commit}"); err != nil {
		return false, nil // a shallow clone
	}
	text, err := git(root, "show", revision+":go.mod")
	if err != nil {
		return false, err
	}
	// modzip.CreateFromVCS would do, but for worktrees, whose .git is a file.
	archived, err := git(root, "-c", "core.autocrlf=input", "archive", "--format=zip", revision)
	if err != nil {
		return false, err
	}
	r, err := zip.NewReader(strings.NewReader(archived), int64(len(archived)))
	if err != nil {
		return false, err
	}
	var files []modzip.File
	for _, f := range r.File {
		if !f.FileInfo().IsDir() {
			files = append(files, inArchive{f})
		}
	}
	return true, store(proxy, v, []byte(text), func(w io.Writer) error { return modzip.Create(w, v, files) })
}

// store writes the three files that a proxy serves for a version.
func store(proxy string, v module.Version, mod []byte, write func(io.Writer) error) error {
	escaped, err := module.EscapePath(v.Path)
	if err != nil {
		return err
	}
	folder := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": v.Version, "Time": time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	archive, err := os.Create(filepath.Join(folder, v.Version+".zip"))
	if err != nil {
		return err
	}
	if err := errors.Join(write(archive), archive.Close()); err != nil {
		return fmt.Errorf("%s: %w", v, err)
	}
	return errors.Join(
		os.WriteFile(filepath.Join(folder, v.Version+".info"), info, 0o644),
		os.WriteFile(filepath.Join(folder, v.Version+".mod"), mod, 0o644),
		appendTo(filepath.Join(folder, "list"), v.Version+"\n"),
	)
}

func appendTo(name, text string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// packagesOf returns the import paths of a module's packages that other modules can import and that have files of their own, as
// the zip in the proxy has them.
func packagesOf(proxy string, m published, version string) (paths []string, err error) {
	escaped, err := module.EscapePath(m.path())
	if err != nil {
		return nil, err
	}
	r, err := zip.OpenReader(filepath.Join(proxy, filepath.FromSlash(escaped), "@v", version+".zip"))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	commands, found := map[string]bool{}, map[string]bool{}
	for _, f := range r.File {
		_, name, _ := strings.Cut(f.Name, "@"+version+"/")
		folder := path.Dir(name)
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || hidden(folder) {
			continue
		}
		text, err := read(f)
		if err != nil {
			return nil, err
		}
		found[path.Join(m.path(), folder)] = true
		if packageName(text) == "main" {
			commands[path.Join(m.path(), folder)] = true
		}
	}
	for p := range found {
		if !commands[p] {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths, nil
}

// hidden reports whether packages in a folder are nothing for other modules: internal ones, commands, tests and examples.
func hidden(folder string) bool {
	parts := strings.Split(folder, "/")
	return slices.Contains(parts, "internal") || slices.Contains(parts, "testdata") ||
		slices.Contains([]string{"cmd", "test", "examples", "docs"}, parts[0])
}

func read(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// onDisk is a file for a module zip.
type onDisk struct{ name, file string }

func (f onDisk) Path() string                 { return f.name }
func (f onDisk) Lstat() (os.FileInfo, error)  { return os.Lstat(f.file) }
func (f onDisk) Open() (io.ReadCloser, error) { return os.Open(f.file) }

// inArchive is a file of an archive, for a module zip.
type inArchive struct{ *zip.File }

func (f inArchive) Path() string                { return f.Name }
func (f inArchive) Lstat() (os.FileInfo, error) { return f.FileInfo(), nil }

func git(folder string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = folder
	out, err := cmd.Output()
	if e := new(exec.ExitError); errors.As(err, &e) {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(e.Stderr)))
	}
	return string(out), err
}
