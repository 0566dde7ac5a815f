package main

import (
	"fmt"

	"github.com/troupe-go/troupe/test/explained"
)

// compare says what is not covered and not explained, and what is explained and covered or gone.
func compare(blocks []*block, entries []explained.Exception) (faults []string) {
	covered := map[string]bool{}
	for _, b := range blocks {
		covered[b.place.String()] = b.covered
	}
	listed := map[string]bool{}
	for _, e := range entries {
		listed[e.What] = true
		is, exists := covered[e.What]
		switch {
		case !exists:
			faults = append(faults, fmt.Sprintf("%s: there is no such block: correct its line, or delete it:\n\t%s", list, e.What))
		case is && !e.Sometimes:
			faults = append(faults, fmt.Sprintf("%s: tests cover this now: delete its line, or write %q before the reason if scheduling decides:\n\t%s", list, explained.Sometimes, e.What))
		}
	}
	for _, b := range blocks {
		if !b.covered && !listed[b.place.String()] {
			faults = append(faults, fmt.Sprintf("%s:%d: no test covers this: write one, or explain in %s why there is none:\n\t%s%sWHY",
				b.place.file, b.startLine, list, b.place, explained.Because))
		}
	}
	return faults
}
