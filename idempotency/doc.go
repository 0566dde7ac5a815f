// Package idempotency records completed work, so that a redelivered record is not handled again.
//
// A Store keeps one entry per key: a claim while a handler works, then the completion. Claims carry a random
// token, and every later write is conditional on it. So a handler that was too slow, and whose key another
// handler has claimed since, changes nothing and fails with ErrLeaseLost.
//
// NewMemory is a store for tests. Stores for DynamoDB and for Redis and Valkey are modules of their own,
// github.com/troupe-go/troupe/aws and github.com/troupe-go/troupe/redis, so that this module does not depend on
// their clients.
package idempotency
