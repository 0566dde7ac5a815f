package model

import (
	"math/big"
	"slices"
)

// Reported are the identifiers that a response lists (S3): ids has one per record. lowestOnly: only the
// lowest as an integer, or the first if one of them is no integer (S4, S8).
func (a Answer) Reported(ids []string, lowestOnly bool) []string {
	reported := []string{}
	for i, result := range a.Results {
		if result.Failed() && !slices.Contains(reported, ids[i]) {
			reported = append(reported, ids[i])
		}
	}
	if !lowestOnly || len(reported) < 2 {
		return reported
	}
	lowest, least := "", new(big.Int)
	for _, id := range reported {
		n, ok := new(big.Int).SetString(id, 10)
		if !ok {
			return reported[:1]
		}
		if lowest == "" || n.Cmp(least) < 0 {
			lowest, least = id, n
		}
	}
	return []string{lowest}
}

// Count returns how many records failed for all of the reasons in why; Count(0) is how many failed.
func (a Answer) Count(why Why) int {
	n := 0
	for _, result := range a.Results {
		if result.Failed() && result.Why.Has(why) {
			n++
		}
	}
	return n
}
