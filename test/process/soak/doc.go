// Package soak runs processors of every source for a given time, under faults, hangs and overlapping invocations, and
// sees that neither the live heap nor the goroutines grow: make soak.
package soak
