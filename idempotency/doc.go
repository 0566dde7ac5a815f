// Package idempotency records completed work, so that a redelivered record is not handled again.
//
// A Store keeps one entry per key: a claim while a handler works, then the completion. Claims carry a random
// token, and every later write is conditional on it. So a handler that was too slow, and whose key another
// handler has claimed since, changes nothing and fails with ErrLeaseLost.
//
// # What it promises
//
//   - At most one completion per key until it expires. Later records of the key succeed without a call, and the
//     report counts them as duplicates.
//   - No work without a claim. If the store cannot be reached, the record fails and is redelivered.
//   - One handler at a time. A claim ends with the invocation's deadline plus WithSkew. Outside Lambda, WithLease
//     sets its length, and the claim is renewed while the handler works.
//   - A failed handler releases its key, also after a panic and runtime.Goexit.
//
// The work and its completion are two steps, and a failure may come between them: docs/guides/idempotency.md lists
// what happens then.
//
// # Keys
//
// The key must come from the sender, such as an order number: if the sender sends twice, the second message has
// another identifier or sequence number, and so has a message moved back from a dead-letter queue. The stored key is
// <function>.<name>#<key>, so functions, and names within a function, never share keys; aliases and versions of a
// function do. Keys are stored in plain text: hash personal data.
//
// # Copies
//
// Copies in the same process, such as two messages of a batch, wait in their slots for the first one. If the key is in
// progress in another process, the record of a queue fails with ErrInProgress and is redelivered after the visibility
// timeout; on a FIFO queue that stops its group or its batch, so order is kept. The record of a stream or topic waits up
// to the cutoff. A late copy is skipped if its key was completed, whatever came in between.
//
// NewMemory is a store for tests. Stores for DynamoDB and for Redis and Valkey are modules of their own,
// github.com/troupe-go/troupe/aws and github.com/troupe-go/troupe/redis, so that this module does not depend on
// their clients.
package idempotency
