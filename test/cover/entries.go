package main

import (
	"fmt"
	"strings"
)

// entry explains a block: a line of uncovered.txt.
type entry struct {
	block     string // place.String
	sometimes bool   // a matter of scheduling: the block may be covered, too
}

const (
	because   = "  # "
	sometimes = "sometimes:"
)

// parseEntries reads uncovered.txt. Empty lines, and lines that start with #, are for its readers.
func parseEntries(text string) (entries []entry, err error) {
	seen := map[string]bool{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		block, why, _ := strings.Cut(line, because)
		block = strings.TrimSpace(block)
		why, rare := strings.CutPrefix(why, sometimes)
		if strings.TrimSpace(why) == "" {
			return nil, fmt.Errorf("%s:%d: does not say why: write FILE:FUNCTION: TEXT%sWHY", explained, i+1, because)
		}
		if seen[block] {
			return nil, fmt.Errorf("%s:%d: is there twice", explained, i+1)
		}
		seen[block] = true
		entries = append(entries, entry{block, rare})
	}
	return entries, nil
}

// compare says what is not covered and not explained, and what is explained and covered or gone.
func compare(blocks []*block, entries []entry) (faults []string) {
	covered := map[string]bool{}
	for _, b := range blocks {
		covered[b.place.String()] = b.covered
	}
	listed := map[string]bool{}
	for _, e := range entries {
		listed[e.block] = true
		is, exists := covered[e.block]
		switch {
		case !exists:
			faults = append(faults, fmt.Sprintf("%s: there is no such block: correct its line, or delete it:\n\t%s", explained, e.block))
		case is && !e.sometimes:
			faults = append(faults, fmt.Sprintf("%s: tests cover this now: delete its line, or write %q before the reason if scheduling decides:\n\t%s", explained, sometimes, e.block))
		}
	}
	for _, b := range blocks {
		if !b.covered && !listed[b.place.String()] {
			faults = append(faults, fmt.Sprintf("%s:%d: no test covers this: write one, or explain in %s why there is none:\n\t%s%sWHY",
				b.place.file, b.startLine, explained, b.place, because))
		}
	}
	return faults
}
