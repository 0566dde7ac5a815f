package redisstore_test

import (
	"os"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-go/troupe/idempotency/storetest"
	"github.com/troupe-go/troupe/redis/redisstore"
)

func BenchmarkRedis(b *testing.B) {
	addr := os.Getenv("TROUPE_REDIS")
	if addr == "" {
		b.Skip("needs a server: make integration")
	}
	storetest.Benchmark(b, redisstore.New(redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})))
}
