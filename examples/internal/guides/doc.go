// Package guides contains only tests: they verify the numbers in docs/guides by simulation.
package guides
