// Package history describes a run of lambdasim as a sequence of events: sent records, invocations with their records,
// handlers that started and ended, responses, deletions, checkpoints, dead letters. Package check judges a run by its
// history alone.
//
// An Event has a compact text form of one line, for people and for grep:
//
//	0 sent r=9f1c0f7e-0001 g=alice
//	12 invoked i=1 n=1 u=3000012
//	15 started i=1 r=9f1c0f7e-0001 n=1
//
// Writer writes it and Read reads it back. The package imports the standard library only.
package history
