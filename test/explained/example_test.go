package explained_test

import (
	"fmt"

	"github.com/troupe-go/troupe/test/explained"
)

func ExampleParse() {
	list, err := explained.Parse("uncovered.txt", `
# What is left, and why.

a.go:f: return 1  # nobody calls it with less
a.go:g: return 2  # sometimes: another goroutine may be first
`)
	for _, e := range list {
		fmt.Println(e.What, e.Sometimes)
	}
	fmt.Println(err)

	_, err = explained.Parse("uncovered.txt", "a.go:f: return 1")
	fmt.Println(err)
	// Output:
	// a.go:f: return 1 false
	// a.go:g: return 2 true
	// <nil>
	// uncovered.txt:1: does not say why: write the reason after "  # "
}
