// Package messages defines what a batch supervisor and its actors exchange: the batch, the attempt, and the
// closed set of messages. It is part of the implementation and makes no promise of compatibility; what users
// read is in package batch.
package messages
