// Command versus compares the speed of the library with that of another commit, in one process:
//
//	go run -C tools ./versus 824b366                      make versus BASE=824b366
//	go run -C tools ./versus -rounds 201 -only Invoke v0.1.0
//
// It links both versions into one program, under two module paths. In each round each of them does the same work for as
// long as -turn, in random order and after a garbage collection. The ratio is taken within a round; the program prints the
// median of the rounds and the middle half of them. Times mean nothing on a machine with other work; such ratios do.
//
// The work uses only what is the same in both versions: constructors, WithConcurrency, WithLogger, Process and Invoke. The
// base may also be another copy of the library: the absolute path of its directory.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	base := os.Args[len(os.Args)-1]
	if len(os.Args) < 2 || strings.HasPrefix(base, "-") {
		fmt.Fprintln(os.Stderr, "usage: versus [-rounds N] [-turn D] [-only REGEXP] COMMIT-OR-DIRECTORY")
		os.Exit(2)
	}
	flags := os.Args[1 : len(os.Args)-1]
	if err := versus("..", base, flags, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "versus:", err)
		os.Exit(1)
	}
}
