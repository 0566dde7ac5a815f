package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// because stands between what survives and the reason.
	because = "  # "
	// sometimes begins the reason of what is a matter of scheduling: tests may notice it, too.
	sometimes = "sometimes:"
)

// survivors is a line of survivors.txt: so many mutants of a package that one operator makes survive, for one reason.
// It names neither functions nor lines, so that no change of the code that keeps its meaning changes the list.
type survivors struct {
	kind
	count     int
	sometimes bool
}

// kind is a package and an operator.
type kind struct {
	pkg      string
	operator operator
}

func (k kind) String() string { return k.pkg + " " + string(k.operator) }

// parseSurvivors reads a list: PACKAGE OPERATOR COUNT  # WHY. Empty lines, and lines that start with #, are for its readers.
func parseSurvivors(text string) (lines []survivors, err error) {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		what, why, _ := strings.Cut(line, because)
		why, rare := strings.CutPrefix(why, sometimes)
		if strings.TrimSpace(why) == "" {
			return nil, fmt.Errorf("%s:%d: gives no reason: write it after %q", list, i+1, because)
		}
		words := strings.Fields(what)
		if len(words) != 3 {
			return nil, fmt.Errorf("%s:%d: %q is not PACKAGE OPERATOR COUNT", list, i+1, what)
		}
		s := survivors{kind{words[0], operator(words[1])}, 0, rare}
		if s.count, err = strconv.Atoi(words[2]); err != nil || s.count < 1 {
			return nil, fmt.Errorf("%s:%d: %q is not a count: at least 1 is needed", list, i+1, words[2])
		}
		if !slices.Contains(packages[:], s.pkg) {
			return nil, fmt.Errorf("%s:%d: %q is not a package that is changed: %v", list, i+1, s.pkg, packages)
		}
		if !slices.Contains(operators, s.operator) {
			return nil, fmt.Errorf("%s:%d: %q is not an operator: %v", list, i+1, s.operator, operators)
		}
		lines = append(lines, s)
	}
	return lines, nil
}

// allowed returns how many mutants of each kind survive: at least, and at most.
func allowed(lines []survivors) (least, most map[kind]int) {
	least, most = map[kind]int{}, map[kind]int{}
	for _, s := range lines {
		most[s.kind] += s.count
		if !s.sometimes {
			least[s.kind] += s.count
		}
	}
	return least, most
}

// gone returns what the list explains more often than there are such mutants.
func gone(mutants []*mutant, lines []survivors) (faults []string) {
	there := map[kind]int{}
	for _, m := range mutants {
		there[kind{m.pkg, m.operator}]++
	}
	_, most := allowed(lines)
	for k, n := range most {
		if n > there[k] {
			faults = append(faults, fmt.Sprintf("%s: %d survivors of %s are explained, and there are %d such mutants: correct the counts", list, n, k, there[k]))
		}
	}
	slices.Sort(faults)
	return faults
}

// compare returns the kinds of which more survive than the list explains, and those of which fewer do. all is true if
// the results are of all mutants; if they are not, fewer prove nothing.
func compare(results []result, lines []survivors, all bool) (faults []string) {
	alive := map[kind][]string{}
	for _, r := range results {
		if r.fate == survived {
			k := kind{r.pkg, r.operator}
			alive[k] = append(alive[k], r.place)
		}
	}
	least, most := allowed(lines)
	for k, places := range alive {
		if len(places) > most[k] {
			slices.Sort(places)
			faults = append(faults, fmt.Sprintf("%d mutants of %s survive, and %s explains %d: write tests, or explain why there are none:\n\t%s",
				len(places), k, list, most[k], strings.Join(places, "\n\t")))
		}
	}
	for k, n := range least {
		if all && len(alive[k]) < n {
			faults = append(faults, fmt.Sprintf("%s: explains %d survivors of %s, and %d survive: lower the counts, or write %q before the reason if scheduling decides",
				list, n, k, len(alive[k]), sometimes))
		}
	}
	slices.Sort(faults)
	return faults
}
