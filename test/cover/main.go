// Cover judges a coverage profile of the library. Every package, and all of them together, must have at least
// 95 % of their statements covered; and what is not covered must be in uncovered.txt, with the reason, and
// nothing else may be there.
//
//	go run ./test/cover bin/cover.out
//
// It is run in the module's root, as make cover does.
package main

import (
	"fmt"
	"os"

	"github.com/troupe-go/troupe/test/explained"
)

// least is the share of the statements that has to be covered, in percent.
const least = 95.0

// list is the file that says why what is not covered is not.
const list = "test/cover/uncovered.txt"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./test/cover PROFILE")
		os.Exit(2)
	}
	faults, err := run(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "cover:", err)
		os.Exit(2)
	}
	for _, fault := range faults {
		fmt.Fprintln(os.Stderr, fault)
	}
	if len(faults) > 0 {
		os.Exit(1)
	}
}

// run prints the shares and returns what is wrong, if anything is.
func run(profile string) (faults []string, err error) {
	text, err := os.ReadFile(profile)
	if err != nil {
		return nil, err
	}
	blocks, err := parseProfile(string(text))
	if err != nil {
		return nil, err
	}
	if err := locate(blocks, os.DirFS(".")); err != nil {
		return nil, err
	}
	text, err = os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	entries, err := explained.Parse(list, string(text))
	if err != nil {
		return nil, err
	}
	shares := sharesOf(blocks)
	for _, s := range shares {
		fmt.Printf("%-40s %5.1f %%  %d of %d statements\n", s.name, s.percent(), s.covered, s.statements)
	}
	return append(tooLow(shares), compare(blocks, entries)...), nil
}
