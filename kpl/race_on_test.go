//go:build race

package kpl_test

const underRace = true
