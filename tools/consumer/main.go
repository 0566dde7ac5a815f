// Command consumer builds and tests programs that use troupe as its users get it: as modules from a module proxy, without
// replace directives and without a workspace.
//
//	go run -C tools ./consumer    make consumer
//
// It zips every module of the tree as a proxy serves it and puts the zips into a file proxy. For the library and for each nested
// module it then builds a program that imports all packages of the module, and checks that:
//
//   - every package compiles at the versions of this tree, and the tests in testdata pass;
//   - a nested module also compiles with the version of the library that its go.mod requires;
//   - a program that requires the library only has no module of an AWS SDK or of a Redis client in its module graph;
//   - go install builds the command, although nested modules have replace directives.
//
// Modules of others come from the local module cache, or else from the configured proxy. Checksums are those of the
// tree's go.sum files.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	root, err := git(".", "rev-parse", "--show-toplevel")
	if err == nil {
		err = consume(strings.TrimSpace(root), os.DirFS("consumer/testdata"), os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}
