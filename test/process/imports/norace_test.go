//go:build !race

package imports_test

var raceFlag []string
