// Breaks breaks the library in one way after the other and sees that the test that holds the rule notices.
//
//	go run -C tools ./breaks            all breaks; make breaks
//	go run -C tools ./breaks late pay   those whose names contain late or pay
//
// The named test has to pass on the code as it is, and to fail with the break. The tree stays as it is: the go command gets
// the broken file by -overlay. Prints a table; exits 1 unless every break is caught.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const module = "github.com/troupe-go/troupe"

func main() {
	missed, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "breaks:", err)
		os.Exit(2)
	}
	if missed > 0 {
		fmt.Println(missed, "not caught")
		os.Exit(1)
	}
}

func run(parts []string) (missed int, err error) {
	root, err := libraryRoot()
	if err != nil {
		return 0, err
	}
	folder, err := os.MkdirTemp("", "breaks")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	passes := map[string]bool{} // tests that have been seen to pass on the code as it is
	fmt.Printf("%-29s %-14s %s\n", "BREAK", "VERDICT", "TEST")
	for _, b := range breaks {
		if len(parts) > 0 && !slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(b.name, part) }) {
			continue
		}
		verdict, output := try(b, root, folder, passes)
		fmt.Printf("%-29s %-14s ./%s %s\n", b.name, verdict, b.of, b.test)
		if verdict != caught {
			missed++
			lines := strings.Split(strings.TrimSpace(output), "\n")
			fmt.Println("    " + strings.Join(lines[max(0, len(lines)-20):], "\n    "))
		}
	}
	return missed, nil
}

// libraryRoot returns the folder of the library's module.
func libraryRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("go list -m %s: %w", module, err)
	}
	return strings.TrimSpace(string(out)), nil
}

const caught = "caught"

// try returns what becomes of a break, and the output of what went wrong.
func try(b broken, root, folder string, passes map[string]bool) (verdict, output string) {
	text, err := sources(filepath.Join(root, b.pkg))
	if err != nil {
		return "NOT READ", err.Error()
	}
	file, changed, err := b.apply(text)
	if err != nil {
		return "NOT APPLIED", err.Error()
	}
	overlay := filepath.Join(folder, b.name+".json")
	if err := writeOverlay(overlay, filepath.Join(root, b.pkg, file), changed); err != nil {
		return "NOT WRITTEN", err.Error()
	}
	test := func(overlay, name string) (string, error) {
		cmd := exec.Command("go", "test", "-count=1", "-timeout=90s", "-v", "-run", "^"+name+"$", "./"+b.of)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GOWORK=off")
		if overlay != "" { // what a test builds is broken, too
			cmd.Env = append(cmd.Env, "GOFLAGS=-overlay="+overlay)
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := test(overlay, ""); err != nil { // no test
		return "NOT BUILT", out
	}
	out, err := test(overlay, b.test)
	switch {
	case err == nil:
		return "NOT CAUGHT", out
	case !strings.Contains(out, b.test):
		return "OTHER FAILURE", out
	}
	if !passes[b.of+b.test] {
		if out, err := test("", b.test); err != nil || !strings.Contains(out, "--- PASS: "+b.test) {
			return "FAILS ANYWAY", out
		}
		passes[b.of+b.test] = true
	}
	return caught, ""
}

// sources reads the files of a package, tests left out, by name.
func sources(folder string) (map[string]string, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	text := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		text[filepath.Base(name)] = string(content)
	}
	return text, nil
}

// apply makes the changes to the one file of a package that has what the first of them matches, and returns its name and
// its text.
func (b broken) apply(text map[string]string) (file, changed string, err error) {
	for name, content := range text {
		n := len(regexp.MustCompile(b.changes[0].pattern).FindAllString(content, -1))
		switch {
		case n == 0:
		case n > 1 || file != "":
			return "", "", fmt.Errorf("%s: more than one place in %s matches %s", b.name, b.pkg, b.changes[0].pattern)
		default:
			file, changed = name, content
		}
	}
	if file == "" {
		return "", "", fmt.Errorf("%s: nothing in %s matches %s", b.name, b.pkg, b.changes[0].pattern)
	}
	for _, c := range b.changes {
		pattern := regexp.MustCompile(c.pattern)
		if n := len(pattern.FindAllString(changed, -1)); n != 1 {
			return "", "", fmt.Errorf("%s: %d places in %s/%s match %s, where there has to be one", b.name, n, b.pkg, file, c.pattern)
		}
		changed = pattern.ReplaceAllString(changed, c.with)
	}
	if changed == text[file] {
		return "", "", errors.New(b.name + " changes nothing")
	}
	return file, changed, nil
}

func writeOverlay(overlay, file, text string) error {
	to := strings.TrimSuffix(overlay, ".json") + ".go"
	if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
		return err
	}
	content, err := json.Marshal(map[string]any{"Replace": map[string]string{file: to}})
	if err != nil {
		return err
	}
	return os.WriteFile(overlay, content, 0o600)
}
