// Package history describes what happened in a run of lambdasim as a sequence of events: records sent,
// invocations with the records they were given, handlers that started and ended, answers, deletions,
// checkpoints, dead letters. A history is all that package check needs to judge a run.
//
// An Event has a compact text form, one line each, made to be read by people and by grep as well:
//
//	0 sent r=9f1c0f7e-0001 g=alice
//	12 invoked i=1 n=1 u=3000012
//	15 started i=1 r=9f1c0f7e-0001 n=1
//
// Writer writes it and Read reads it back. The package imports the standard library only.
package history
