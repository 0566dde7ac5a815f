//go:build !race

package lambdasim_test

const underRace = false
