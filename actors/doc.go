// Package actors holds the two actors that handlers run in. It is part of the implementation and makes no promise of
// compatibility.
//
// One actor runs per record where order does not count, and one per message group where it does. Both pass a record to the
// handler when they receive a messages.Attempt, and both fail like any actor if the handler fails: their supervisor receives the
// failure and decides what happens.
//
// Actors have a record's key and a function to call, but no payload.
package actors
