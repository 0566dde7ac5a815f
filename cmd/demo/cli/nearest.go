package cli

import "strings"

// nearest returns the name closest to a mistyped one, or "" if none is close.
func nearest(typed string, names []string) (best string) {
	typed = strings.ToLower(typed)
	fewest := 1 + max(1, len(typed)/3)
	for _, name := range names {
		n := edits(typed, name)
		if len(typed) >= 3 && strings.HasPrefix(name, typed) {
			n = 1
		}
		if n < fewest {
			best, fewest = name, n
		}
	}
	return best
}

// didYouMean returns a suggestion for a mistyped name, or "".
func didYouMean(prefix, typed string, names []string) string {
	if name := nearest(typed, names); name != "" {
		return "; did you mean " + prefix + name + "?"
	}
	return ""
}

// edits returns the number of letters to insert, delete, replace, or swap with the next one, to turn a into b.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
