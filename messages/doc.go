// Package messages defines the messages between a batch supervisor and its actors: the batch, the attempt, and a closed
// set of others. It is part of the implementation and makes no promise of compatibility; the types for users are in
// package batch.
package messages
