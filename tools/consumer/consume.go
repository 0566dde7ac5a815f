package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/module"
)

// version is what the modules of the tree are published as. It is higher than every pseudo-version that they require.
const version = "v0.1.0-tree"

// clients are the modules that a program with the library alone must not have in its module graph.
var clients = []string{"github.com/aws/aws-sdk-go-v2", "github.com/redis/"}

// consume publishes the modules of the tree at root and builds programs that require them. The program of a module gets the
// tests that tests has in the module's folder, "root" for the library.
func consume(root string, tests fs.FS, out io.Writer) (err error) {
	temp, err := os.MkdirTemp("", "consumer")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	c, err := newConsumer(temp, out)
	if err != nil {
		return err
	}
	c.tests = tests
	modules, err := modulesOf(root)
	if err != nil {
		return err
	}
	for _, m := range modules {
		if err := publish(c.proxy, root, m, version); err != nil {
			return err
		}
		fmt.Fprintln(out, "published", m.path(), version)
		c.sums = append(c.sums, m.sums...)
	}
	library := modules[0]
	for _, m := range modules {
		if err := c.useAll(m, library); err != nil {
			return err
		}
		if err := c.useAsRequired(root, m, library); err != nil {
			return err
		}
	}
	return c.install(library.path() + "/cmd/demo/troupe")
}

// consumer is a user of the modules in a proxy.
type consumer struct {
	temp, proxy string
	env         []string
	sums        []byte
	tests       fs.FS
	out         io.Writer
	gocmd       string
}

func newConsumer(temp string, out io.Writer) (*consumer, error) {
	known, err := exec.Command("go", "env", "GOMODCACHE", "GOPROXY", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(known), "\n")
	cache, proxies, goroot := lines[0], lines[1], lines[2]
	c := &consumer{temp: temp, proxy: filepath.Join(temp, "proxy"), out: out, gocmd: filepath.Join(goroot, "bin", "go")}
	c.env = append(os.Environ(),
		"GOPROXY="+fileURL(c.proxy)+","+fileURL(filepath.Join(cache, "cache", "download"))+","+proxies,
		"GOMODCACHE="+filepath.Join(temp, "modules"), // what is published must not stay in the user's cache
		"GOBIN="+filepath.Join(temp, "bin"),
		"GONOSUMDB=*", // other modules' sums are in the tree's go.sum files
		"GONOPROXY=none", "GOPRIVATE=", "GOWORK=off", "GOTOOLCHAIN=local",
		"GOFLAGS=-mod=mod -modcacherw -trimpath",
	)
	return c, nil
}

func fileURL(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return "file://" + path
}

// useAll checks a module at the version of the tree together with the library at the version of the tree.
func (c *consumer) useAll(m, library published) error {
	paths, err := packagesOf(c.proxy, m, version)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s has no package to import", m.path())
	}
	folder, err := c.program("all", m, paths, library.path()+" "+version, m.path()+" "+version)
	if err != nil {
		return err
	}
	if err := c.run(folder, "vet", "./..."); err != nil {
		return fmt.Errorf("%s %s: %w", m.path(), version, err)
	}
	if err := c.run(folder, "test", "./..."); err != nil {
		return fmt.Errorf("%s %s: %w", m.path(), version, err)
	}
	if m.folder == "." {
		if err := c.withoutClients(folder); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.out, "built and tested a program that imports the %d packages of %s\n", len(paths), m.path())
	return nil
}

// useAsRequired checks a nested module with the version of the library that its go.mod requires, which is what users get who
// require the nested module only.
func (c *consumer) useAsRequired(root string, m, library published) error {
	for _, r := range m.mod.Require {
		if r.Mod.Path != library.path() {
			continue
		}
		known, err := publishCommit(c.proxy, root, r.Mod)
		if err != nil {
			return err
		}
		if !known {
			fmt.Fprintf(c.out, "NOT BUILT: %s with %s, whose commit this clone does not have\n", m.path(), r.Mod)
			return nil
		}
		paths, err := packagesOf(c.proxy, m, version)
		if err != nil {
			return err
		}
		folder, err := c.program("required", m, paths, m.path()+" "+version)
		if err != nil {
			return err
		}
		if err := c.run(folder, "build", "-o", os.DevNull, "."); err != nil {
			return fmt.Errorf("%s does not compile with the %s that its go.mod requires; require a newer one: %w", m.path(), r.Mod, err)
		}
		fmt.Fprintf(c.out, "built %s with %s, which it requires\n", m.path(), r.Mod)
	}
	return nil
}

// program writes a module that requires what it is given and imports the packages.
func (c *consumer) program(name string, m published, packages []string, require ...string) (folder string, err error) {
	folder = filepath.Join(c.temp, name, strings.ReplaceAll(m.folder, ".", "root"))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	text := "// Command consumer imports every package of a module.\npackage main\n\nimport (\n"
	for _, p := range packages {
		text += fmt.Sprintf("\t_ %q\n", p)
	}
	text += ")\n\nfunc main() {}\n"
	mod := "module example.com/consumer\n\ngo " + m.mod.Go.Version + "\n\n"
	for i, r := range require {
		if i == 0 || r != require[0] {
			mod += "require " + r + "\n"
		}
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(folder, "main.go"), []byte(text), 0o644),
		os.WriteFile(filepath.Join(folder, "go.mod"), []byte(mod), 0o644),
		os.WriteFile(filepath.Join(folder, "go.sum"), c.sums, 0o644),
	); err != nil {
		return "", err
	}
	if name != "all" {
		return folder, nil
	}
	files, err := fs.Glob(c.tests, filepath.Base(folder)+"/*_test.go")
	if err != nil {
		return "", err
	}
	for _, file := range files {
		text, err := fs.ReadFile(c.tests, file)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(folder, path.Base(file)), text, 0o644); err != nil {
			return "", err
		}
	}
	return folder, nil
}

// withoutClients checks that no module of an SDK or a server's client is in a program's module graph.
func (c *consumer) withoutClients(folder string) error {
	graph, err := c.output(folder, c.gocmd, "list", "-m", "all")
	if err != nil {
		return err
	}
	for _, m := range strings.Split(graph, "\n") {
		for _, client := range clients {
			if strings.HasPrefix(m, client) {
				return fmt.Errorf("a program that requires the library only gets %s", m)
			}
		}
	}
	return nil
}

// install installs the command as users do, and runs it.
func (c *consumer) install(command string) error {
	if err := c.run(c.temp, "install", command+"@"+version); err != nil {
		return err
	}
	binary := filepath.Join(c.temp, "bin", path.Base(command))
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	line, err := c.output(c.temp, binary, "--version")
	if err != nil {
		return err
	}
	if !strings.Contains(line, version) {
		return fmt.Errorf("%s --version prints %q, which does not name %s", path.Base(command), line, version)
	}
	fmt.Fprintf(c.out, "installed %s: %s\n", module.Version{Path: command, Version: version}, strings.TrimSpace(line))
	return nil
}

// run runs the go command.
func (c *consumer) run(folder string, args ...string) error {
	_, err := c.output(folder, c.gocmd, args...)
	return err
}

func (c *consumer) output(folder, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = folder, c.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

// packageName returns the name in the package clause of a file.
func packageName(text []byte) string {
	file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.PackageClauseOnly)
	if err != nil {
		return ""
	}
	return file.Name.Name
}
