// Package guides has tests and nothing else: they hold the numbers that docs/guides tell to what happens in the simulation.
package guides
