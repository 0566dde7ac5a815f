//go:build race

package typed_test

const underRace = true
