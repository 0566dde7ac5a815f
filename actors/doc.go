// Package actors holds the two actors that handlers run in: one per record where order does not count, one
// per message group where it does. Both do the same thing, hand a record to the handler when they are
// sent a messages.Attempt, and fail like any actor if the handler does: their supervisor gets the failure
// and decides.
//
// Actors know records by key and a function to call; they see no payload.
package actors
