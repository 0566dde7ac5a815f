// Package redisstore keeps the claims and completions of package idempotency in Redis or Valkey, through
// go-redis.
//
// There is one string per key. A claim is set only if there is none, with the end of the lease as its expiry, so
// that leases and expiries go by the server's clock. Completions, renewals and releases are scripts that compare
// the claim's token first. Each of them is one round trip, and touches one key, so that a cluster will do.
//
// # What Redis cannot promise
//
// Redis and Valkey replicate asynchronously: a primary that fails may take with it claims and completions that it had
// confirmed, and the replica that is promoted lacks them. Work whose claim is lost that way may be done
// twice. Where that is not acceptable, use DynamoDB, or a server that replicates before it answers, such as Amazon
// MemoryDB. A server that evicts keys when memory is short (any maxmemory-policy except noeviction) loses completions
// as well.
package redisstore
