// Package order sees the handlers of a batch start and end, and judges from that alone whether the batch
// was handled in order: an Observer takes down the History, Rules say what was allowed.
//
// It is independent of how a processor works, so it cannot be wrong in the same way.
package order
