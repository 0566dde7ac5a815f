// Package redis is the root of a module of its own, github.com/troupe-go/troupe/redis: what of troupe needs a
// client of Redis or Valkey and is therefore not in the main module. It has no code; see package redisstore.
package redis
