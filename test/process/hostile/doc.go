// Package hostile holds the tests in which everybody around troupe does their worst: handlers that hang,
// leak, lock and kill the process, observers that never return, a platform that freezes the process, asks it
// to end, and speaks broken HTTP. What must hold is always the same: nothing is lost, every answer is in
// time and is that of its own batch, and what comes late goes nowhere.
//
// The tests have a process of their own, since handlers that were abandoned count for the whole process.
// Where the process itself is at stake they run this test binary, or the demo, as a function under
// lambdasim/runtimeapi; that takes real time.
package hostile
