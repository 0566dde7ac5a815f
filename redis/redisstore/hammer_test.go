package redisstore_test

import (
	"os"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-go/troupe/idempotency"
	"github.com/troupe-go/troupe/idempotency/storetest"
	"github.com/troupe-go/troupe/redis/redisstore"
)

// Sixteen processes that are killed at random complete each key once.
func TestProcessesThatAreKilledCompleteEachKeyOnce(t *testing.T) {
	addr := os.Getenv("TROUPE_REDIS")
	if addr == "" {
		t.Skip("needs a server: make integration")
	}
	storetest.Hammer{
		Keys: 5000,
		Open: func() idempotency.Store {
			return redisstore.New(redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true}))
		},
	}.Test(t)
}
