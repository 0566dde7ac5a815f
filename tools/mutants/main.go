// Mutants changes the library in many small ways, one at a time, and sees which changes no test notices. It does so for
// the packages that a batch goes through: messages, sources, actors, supervisor and response.
//
//	go run -C tools ./mutants                    all of them; make mutants
//	go run -C tools ./mutants -only supervisor/  those whose line has the text
//	go run -C tools ./mutants -list              lists them, and what survivors.txt explains in vain; runs nothing
//	go run -C tools ./mutants -resume            continues where the last run was cut off
//
// A mutant is one operator, condition, returned value or statement that is another or left out: see operators.go.
// All that compile are put into the code at once, behind a switch that an environment variable sets, by go build
// -overlay; the tree itself stays as it is. So each test binary is built once and run once a mutant, and a mutant
// costs what its tests cost.
//
// The tests of the mutant's own package are first. What survives them meets the tests of the other packages, which
// know the library from outside. A test that fails has to fail again when it runs alone, or the kill does not count.
// Tests that start processes are left out: they could fail because the machine is busy.
//
// survivors.txt says how many mutants of each package survive, by operator and reason. There may be neither more nor
// fewer. It names no functions and no lines: a rename or a move leaves it as it is.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// packages are those whose code is changed.
var packages = [...]string{"messages", "sources", "internal/jsonscan", "actors", "supervisor", "response"}

// least is the share of the mutants that has to be killed in each package, in percent.
const least = 85.0

// list is the file that says why what survives does.
const list = "tools/mutants/survivors.txt"

type options struct {
	list, resume bool
	only         string
	workers      int
	out          string
}

func main() {
	var o options
	flag.BoolVar(&o.list, "list", false, "say which mutants there are, and run nothing")
	flag.BoolVar(&o.resume, "resume", false, "keep the results that -out has")
	flag.StringVar(&o.only, "only", "", "run the mutants whose line has this `text`")
	flag.IntVar(&o.workers, "workers", 2, "how many mutants are tested at once")
	flag.StringVar(&o.out, "out", "bin/mutants.txt", "the `file` of results, from the root of the library")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	err := enterLibrary()
	var faults []string
	if err == nil {
		faults, err = run(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
	for _, fault := range faults {
		fmt.Fprintln(os.Stderr, fault)
	}
	if len(faults) > 0 {
		os.Exit(1)
	}
}

// enterLibrary makes the root of the library's module the working directory.
func enterLibrary() error {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return fmt.Errorf("go list -m %s: %w", module, err)
	}
	return os.Chdir(strings.TrimSpace(string(dir)))
}

// run tests the mutants, prints the shares and returns what is wrong, if anything is.
func run(o options) (faults []string, err error) {
	text, err := os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	explained, err := parseSurvivors(string(text))
	if err != nil {
		return nil, err
	}
	c, err := load(packages[:])
	if err != nil {
		return nil, err
	}
	mutants := c.only(o.only)
	if o.list {
		for _, m := range mutants {
			fmt.Printf("%s\t%s\n", m.operator, m)
		}
		fmt.Printf("%d mutants; %d more do not compile\n", len(mutants), c.broken)
		return gone(c.mutants, explained), nil
	}
	results, err := test(c, mutants, o)
	if err != nil {
		return nil, err
	}
	shares := sharesOf(results)
	for _, s := range shares {
		fmt.Println(s)
	}
	return slices.Concat(tooLow(shares), compare(results, explained, len(mutants) == len(c.mutants)), gone(c.mutants, explained)), nil
}
