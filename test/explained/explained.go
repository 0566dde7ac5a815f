// Package explained reads lists of what is not as it should be and stays so, with the reasons: what tests do not cover
// (test/cover), and what they do not notice (tools/mutants).
package explained

import (
	"fmt"
	"strings"
)

const (
	// Because stands between an exception and its reason.
	Because = "  # "
	// Sometimes begins the reason of what is a matter of scheduling: it may be as it should be, too.
	Sometimes = "sometimes:"
)

// Exception is a line of a list.
type Exception struct {
	What      string
	Sometimes bool
}

// Parse reads a list: an exception and its reason a line. Empty lines, and lines that start with #, are for its readers.
// file is the list's name, for errors.
func Parse(file, text string) (list []Exception, err error) {
	seen := map[string]bool{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		at := max(strings.LastIndex(line, Because), 0)
		what := strings.TrimSpace(line[:at])
		why, rare := strings.CutPrefix(strings.TrimPrefix(line[at:], Because), Sometimes)
		if what == "" || strings.TrimSpace(why) == "" {
			return nil, fmt.Errorf("%s:%d: does not say why: write the reason after %q", file, i+1, Because)
		}
		if seen[what] {
			return nil, fmt.Errorf("%s:%d: is there twice", file, i+1)
		}
		seen[what] = true
		list = append(list, Exception{what, rare})
	}
	return list, nil
}
