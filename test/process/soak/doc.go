// Package soak has processors of every source run for as long as told, under faults, hangs and overlapping
// invocations, and sees that neither the live heap nor the goroutines grow: make soak.
package soak
